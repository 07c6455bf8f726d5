"""Many objects by one word: a folder, a glob, a file, or an iterable of sources."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from typing import Any

from radkit.errors import CorruptFile

__all__ = ["expand"]


def expand(sources: Any) -> tuple[list[Any], bool]:
    """Return the sources one by one, and whether they were searched for.

    What was found by searching a folder may be no DICOM at all; what was named must be.

    Raises
    ------
    CorruptFile
        The folder or pattern holds no file, or the path does not exist.
    TypeError
        `sources` is nothing of the kind.
    """
    if isinstance(sources, str | os.PathLike):
        path = os.fspath(sources)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if os.path.isdir(path):
            found = [
                os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
            ]
        elif os.path.exists(path):
            return [path], False
        else:
            found = [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]
        if not found:
            raise CorruptFile("no file is there", source=path)
        return sorted(found), True
    if isinstance(sources, bytes | bytearray | memoryview) or hasattr(sources, "read"):
        return [sources], False
    if _is_dataset(sources):
        return [sources], False
    if isinstance(sources, Iterable):
        listed = list(sources)
        if not listed:
            raise CorruptFile("no source is given")
        return listed, False
    raise TypeError(
        f"sources must be a folder, a glob or an iterable of sources, not {type(sources).__name__}"
    )


def _is_dataset(source: Any) -> bool:
    """Whether it is a pydicom Dataset, without importing pydicom for it."""
    return any(kind.__module__ == "pydicom.dataset" for kind in type(source).__mro__)
