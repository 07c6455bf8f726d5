"""Finds the C libraries that imagecodecs brings, for calls that it does not pass on."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from pathlib import Path

__all__ = ["open_library"]


def _beside(package: str, stem: str) -> Iterator[str]:
    """Yield library files that a wheel keeps: in `imagecodecs.libs`, on macOS in `.dylibs`."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    home = Path(spec.origin).parent
    for folder in (home.parent / f"{package}.libs", home / ".dylibs"):
        for path in sorted(folder.glob(f"*{stem}*")):
            yield str(path)


def _extension(name: str) -> Iterator[str]:
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin is not None:
        yield spec.origin


def open_library(stem: str, probe: str, *, extension: str | None = None) -> ctypes.CDLL | None:
    """Load a library that has the function `probe`, or return None.

    Parameters
    ----------
    stem : str
        Part of the file's name, as ``"openjp2"``.
    probe : str
        A function that must be in it.
    extension : str, optional
        Extension module that may export the library's functions too.
    """
    names = [*_beside("imagecodecs", stem)]
    if extension is not None:
        names += _extension(extension)
    system = ctypes.util.find_library(stem)
    if system is not None:
        names.append(system)
    for name in names:
        try:
            library = ctypes.CDLL(name)
            getattr(library, probe)
        except (OSError, AttributeError):
            continue  # not this one
        return library
    return None
