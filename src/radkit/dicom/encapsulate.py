"""Encapsulated Pixel Data on the writing side: offset tables, items, padding.

PS3.5 A.4 and PS3.3 C.7.6.3.1.8. One fragment per frame, always; the Basic Offset Table
is filled while its 32-bit offsets reach, else it is empty and the Extended Offset Table
takes its place. Coded frames wait in a `FrameSpool` until the header is known.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from radkit.dicom.encoding import element_header
from radkit.dicom.write import io_errors
from radkit.errors import EncodeError

__all__ = [
    "FrameSpool",
    "OffsetTables",
    "encapsulated_element",
    "offset_tables",
]

_ITEM = struct.Struct("<HHI")
_LARGEST_FRAGMENT = 0xFFFFFFFE
_IN_MEMORY = 32 << 20
_CHUNK = 4 << 20


class FrameSpool:
    """Coded frames in order: in memory while they are few, then in a nameless file.

    Parameters
    ----------
    folder : Path, optional
        Where the file is made if one is needed; the destination's folder as a rule.
    in_memory : int
        Bytes kept in memory.
    """

    def __init__(self, folder: Path | None = None, *, in_memory: int = _IN_MEMORY) -> None:
        self.sizes: list[int] = []
        self._folder = folder
        self._allowed = in_memory
        self._kept: list[bytes | memoryview] = []
        self._total = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.clear()
        if self._file is not None:
            self._file.close()

    @property
    def total(self) -> int:
        """Bytes of all frames, without items and padding."""
        return self._total

    @property
    def digest(self) -> bytes:
        """SHA-256 over the frames and their lengths."""
        digest = hashlib.sha256()
        for size, data in zip(self.sizes, self, strict=True):
            digest.update(size.to_bytes(8, "little"))
            digest.update(data)
        return digest.digest()

    def append(self, data: bytes | memoryview) -> None:
        """Take the next frame."""
        size = len(data)
        if size > _LARGEST_FRAGMENT:
            raise EncodeError(
                f"a coded frame of {size} bytes does not fit a fragment",
                frame=len(self.sizes),
                section="PS3.5 A.4",
            )
        self.sizes.append(size)
        self._total += size
        if self._file is None and self._total <= self._allowed:
            self._kept.append(data)
            return
        with io_errors("spooling coded frames"):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed in __exit__)
                for earlier in self._kept:
                    self._file.write(earlier)
                self._kept.clear()
            self._file.write(data)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Give the frames again, in order."""
        if self._file is None:
            yield from self._kept
            return
        with io_errors("reading back coded frames"):
            self._file.flush()
            fd, at = self._file.fileno(), 0
            for size in self.sizes:
                yield _exactly(fd, at, size)
                at += size


def _exactly(fd: int, at: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.pread(fd, min(size, _CHUNK), at)
        if not part:
            raise OSError("the spool file is shorter than what was written to it")
        parts.append(part)
        at += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True, slots=True)
class OffsetTables:
    """Where the frames of an object to be written lie.

    Parameters
    ----------
    basic : bytes
        The first item, header included; empty of offsets with an Extended Offset Table.
    extended, lengths : bytes, optional
        Values of (7FE0,0001) and (7FE0,0002).
    size : int
        Bytes of the Pixel Data element from its tag to its delimiter.
    """

    basic: bytes
    extended: bytes | None
    lengths: bytes | None
    size: int


def offset_tables(sizes: list[int], *, basic_reach: int = 0xFFFFFFFF) -> OffsetTables:
    """Make the offset tables for frames of the given coded sizes, one fragment each.

    Parameters
    ----------
    sizes : list of int
        Bytes of each coded frame, unpadded.
    basic_reach : int
        Largest offset the Basic Offset Table may hold.
    """
    lengths = np.asarray(sizes, dtype=np.uint64)
    padded = lengths + (lengths & np.uint64(1)) + np.uint64(8)
    ends = np.cumsum(padded, dtype=np.uint64)
    offsets = ends - padded
    items = int(ends[-1]) if len(sizes) else 0
    fits = not len(sizes) or int(offsets[-1]) <= basic_reach
    table = offsets.astype("<u4").tobytes() if fits else b""
    if len(table) > _LARGEST_FRAGMENT:
        fits, table = False, b""
    basic = _ITEM.pack(0xFFFE, 0xE000, len(table)) + table
    size = 12 + len(basic) + items + 8
    if fits:
        return OffsetTables(basic, None, None, size)
    return OffsetTables(
        basic, offsets.astype("<u8").tobytes(), lengths.astype("<u8").tobytes(), size
    )


def encapsulated_element(
    frames: Iterable[bytes | memoryview], tables: OffsetTables
) -> Iterator[bytes | memoryview]:
    """Give the whole encapsulated Pixel Data element in pieces.

    Parameters
    ----------
    frames : iterable of bytes-like
        Coded frames, unpadded.
    tables : OffsetTables
        From `offset_tables`, for the same frames.
    """
    yield element_header(0x7FE00010, "OB", 0xFFFFFFFF) + tables.basic
    for frame in frames:
        size = len(frame)
        yield _ITEM.pack(0xFFFE, 0xE000, size + (size & 1))
        yield frame
        if size & 1:
            yield b"\0"
    yield _ITEM.pack(0xFFFE, 0xE0DD, 0)
