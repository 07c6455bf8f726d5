"""The deflated data set of Deflated Explicit VR Little Endian, inflated under a limit.

PS3.5 A.5: raw RFC 1951. A zlib header, which some writers add, is tolerated. A
bomb is found without its output being kept: beyond a first part the bytes are
only counted, and inflated once more if their number is allowed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from radkit import limits
from radkit.dicom._looks import look
from radkit.dicom.source import Reader
from radkit.errors import CorruptFile, Problem

__all__ = ["inflate"]

_CHUNK = 1 << 18
_KEPT = 64 << 20  # output that is kept before its whole size is known


def inflate(reader: Reader, start: int, problems: list[Problem]) -> bytearray | None:
    """Return the bytes before `start` and the inflated rest, or None if it is not deflated.

    Parameters
    ----------
    reader : Reader
        The object as it is stored.
    start : int
        Where the deflated data set begins.
    problems : list of Problem
        Gets what was tolerated.

    Raises
    ------
    LimitExceeded
        More than `max_inflated_bytes`; nothing of that size was allocated.
    CorruptFile
        The deflated data are broken or cut.
    """
    if start >= reader.size:
        return None
    head = bytes(reader.read(start, min(16, reader.size - start)))
    seen = look(head)
    if seen is not None and not seen.implicit and not seen.big_endian:
        problems.append(
            Problem(
                code="not-deflated",
                text="the transfer syntax says deflated, the data set is not",
                offset=start,
            )
        )
        return None
    wrapped = len(head) >= 2 and head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    if wrapped and _inflates(reader, start, zlib.MAX_WBITS):
        problems.append(
            Problem(code="zlib-header", text="the deflated data have a zlib header", offset=start)
        )
        return _inflate_all(reader, start, zlib.MAX_WBITS)
    return _inflate_all(reader, start, -zlib.MAX_WBITS)


def _inflates(reader: Reader, start: int, wbits: int) -> bool:
    try:
        piece = reader.read(start, min(512, reader.size - start))
        return look(zlib.decompressobj(wbits).decompress(piece, 64)) is not None
    except zlib.error:
        return False


def _pieces(reader: Reader, state: Any, pos: int, pending: Any) -> Iterator[tuple[bytes, int, Any]]:
    """Give (output, next byte of input, input left over) until the stream ends."""
    while not state.eof:
        if not len(pending):
            if pos >= reader.size:
                raise CorruptFile(
                    "the deflated data end too early", offset=pos, section="PS3.5 A.5"
                )
            size = min(_CHUNK, reader.size - pos)
            pending = reader.read(pos, size)
            pos += size
        try:
            output = state.decompress(pending, _CHUNK)
        except zlib.error:
            raise CorruptFile(
                "the deflated data are broken", offset=pos, section="PS3.5 A.5"
            ) from None
        pending = state.unconsumed_tail
        yield output, pos, pending


def _inflate_all(reader: Reader, start: int, wbits: int) -> bytearray:
    data = bytearray(reader.read(0, start))
    state = zlib.decompressobj(wbits)
    pos: int = start
    pending: Any = b""
    for output, pos, pending in _pieces(reader, state, start, b""):  # noqa: B007
        data += output
        _check(len(data) - start, start)
        if len(data) > _KEPT:
            break
    if state.eof:
        return data
    total = len(data)
    for output, _, _ in _pieces(reader, state.copy(), pos, pending):
        total += len(output)
        _check(total - start, start)
    for output, _, _ in _pieces(reader, state, pos, pending):
        data += output
    return data


def _check(size: int, start: int) -> None:
    limits.check("max_inflated_bytes", size, "inflated data set", offset=start)
    limits.check("max_memory_bytes", size, "inflated data set", offset=start)
