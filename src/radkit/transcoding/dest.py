"""Where a result goes: memory, a file that appears whole, or a binary file object.

Small results are made in memory and proven there; large ones are written under a
temporary name and read back. In both cases the destination changes only afterwards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radkit.dicom.source import safe_name
from radkit.dicom.write import AtomicFile, Sink, io_errors, write_file
from radkit.errors import CorruptFile, OptionError

__all__ = ["Written", "deliver", "final_path"]

_IN_MEMORY = 64 << 20
_CHUNK = 4 << 20


class _Memory:
    """Collects pieces without copying them."""

    def __init__(self) -> None:
        self.pieces: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.pieces.append(data)


class Written:
    """What `deliver` made: bytes, or a path, and the size."""

    __slots__ = ("data", "path", "size")

    def __init__(self, data: bytes | None, path: Path | None, size: int) -> None:
        self.data = data
        self.path = path
        self.size = size


def final_path(dest: Any, instance_uid: str | None) -> Path | None:
    """Give the path that `dest` means; None if it is no path.

    A folder gets a file named after the hash of the instance UID, so no header value
    can steer the name.
    """
    if dest is None or hasattr(dest, "write"):
        return None
    if not isinstance(dest, (str, os.PathLike)):
        raise TypeError(f"dest must be a path, a binary file or None, not {type(dest).__name__}")
    text = os.fspath(dest)
    if isinstance(text, bytes):
        raise TypeError("dest must be a str or Path, not bytes")
    if "\0" in text:
        raise OptionError("dest holds a NUL character")
    path = Path(text)
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        if not instance_uid:
            raise CorruptFile(
                "there is no SOP Instance UID to name the file after", section="PS3.3 C.12.1"
            )
        return path / (safe_name(instance_uid) + ".dcm")
    return path


def deliver(
    dest: Any,
    path: Path | None,
    size: int,
    make: Callable[[Sink], None],
    prove: Callable[[Any], None],
) -> Written:
    """Make a result, prove it, and only then let it appear.

    Parameters
    ----------
    dest : path, binary file or None
        As the caller gave it.
    path : Path or None
        From `final_path`.
    size : int
        About what will be written; decides between memory and file.
    make : callable
        Writes the object to a sink.
    prove : callable
        Is given something that can be opened as a source; raises if it is not right.
    """
    if size <= _IN_MEMORY or dest is None:
        memory = _Memory()
        make(memory)
        data = b"".join(memory.pieces)
        memory.pieces.clear()
        prove(data)
        if path is not None:
            write_file(path, data)
            return Written(None, path, len(data))
        if dest is not None:
            _hand_over(dest, data)
            return Written(None, None, len(data))
        return Written(data, None, len(data))
    if path is not None:
        with AtomicFile(path) as file:
            make(file)
            prove(file.part)
            file.commit()
            return Written(None, path, file.size)
    with tempfile.TemporaryFile() as spool:
        with io_errors("spooling the object"):
            make(spool)
            spool.flush()
        prove(spool)
        with io_errors("spooling the object"):
            total = spool.seek(0, os.SEEK_END)
            spool.seek(0)
            while piece := spool.read(_CHUNK):
                _hand_over(dest, piece)
        return Written(None, None, total)


def _hand_over(dest: Any, data: bytes) -> None:
    view = memoryview(data)
    with io_errors("writing to the file object"):
        while view:
            done = dest.write(view)
            if done is None:  # a raw file that would block, or a writer that takes all
                return
            view = view[done:]
