"""Many objects by one word: a folder, a glob, a file, or an iterable of sources."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from typing import Any

from radkit.dicom.write import is_own
from radkit.errors import OptionError, TransferError

__all__ = ["expand"]


def expand(sources: Any) -> tuple[list[Any], bool]:
    """Return the sources one by one, and whether they were searched for.

    What was found by searching a folder may be no DICOM at all; what was named must be.

    Raises
    ------
    OptionError
        No source is given, or no file matches the pattern.
    TransferError
        The path does not exist, or a folder cannot be read.
    TypeError
        `sources` is nothing of the kind.
    """
    if isinstance(sources, str | os.PathLike):
        path = os.fsdecode(sources)
        if os.path.isdir(path):
            return _walk(path), True
        if os.path.exists(path):
            return [path], False
        if not glob.has_magic(path):
            raise TransferError("the source does not exist", source=path)
        found = [
            name
            for name in glob.glob(path, recursive=True)
            if os.path.isfile(name) and not is_own(os.path.basename(name))
        ]
        if not found:
            raise OptionError("no file matches the pattern", source=path)
        return sorted(found), True
    if isinstance(sources, bytes | bytearray | memoryview) or hasattr(sources, "read"):
        return [sources], False
    if _is_dataset(sources):
        return [sources], False
    if isinstance(sources, Iterable):
        listed = list(sources)
        if not listed:
            raise OptionError("no source is given")
        return listed, False
    raise TypeError(
        f"sources must be a folder, a glob or an iterable of sources, not {type(sources).__name__}"
    )


def _walk(folder: str) -> list[str]:
    """Return the regular files below a folder, sorted, without those of interrupted runs.

    Links to files are followed, links to folders are not: there is no way round in circles.
    """
    found: list[str] = []
    places = [folder]
    try:
        while places:
            with os.scandir(places.pop()) as entries:
                for entry in entries:
                    if is_own(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        places.append(entry.path)
                    elif _is_file(entry):
                        found.append(entry.path)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TransferError(f"a folder cannot be read: {reason}", source=folder) from error
    return sorted(found)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _is_dataset(source: Any) -> bool:
    """Whether it is a pydicom Dataset, without importing pydicom for it."""
    return any(kind.__module__ == "pydicom.dataset" for kind in type(source).__mro__)
