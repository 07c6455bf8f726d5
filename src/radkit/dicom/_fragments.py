"""The fragments of encapsulated pixel data: walked by their headers, values not read.

PS3.5 A.4. The walk goes by item lengths only; the bytes of a delimiter inside a
codestream mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radkit import limits
from radkit._native import _scan
from radkit.dicom.source import Reader
from radkit.errors import CorruptFile, CorruptPixelData, LimitExceeded, Problem, RadkitError

if TYPE_CHECKING:
    from radkit.dicom.elements import Element

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ITEM", "SEQUENCE_END", "Fragments", "walk"]

ITEM = b"\xfe\xff\x00\xe0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_MAX = 1 << 24
_ROW = 64  # bytes of memory for each fragment, while they are walked
_BLOCK = 1 << 16
_PEEK = 64
_FAR = 1 << 13  # mean size from which on reading single headers is less work than whole blocks


@dataclass(frozen=True, slots=True)
class Fragments:
    """All items of an encapsulated element, the Basic Offset Table apart.

    Parameters
    ----------
    table : (int, int)
        Offset and size of the value of the Basic Offset Table.
    values, sizes : ndarray of uint64
        Offset and size of the value of each fragment.
    end : int
        First byte behind the element.
    closed : bool
        It ends where it should.
    cut : bool
        The last fragment is only in part there; its size is what is left of it.
    lied : bool
        With `cut`: the object itself is whole, so that the length is wrong.
    problems : tuple of Problem
    """

    table: tuple[int, int]
    values: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.uint64]
    end: int
    closed: bool
    cut: bool = False
    lied: bool = False
    problems: tuple[Problem, ...] = ()


def _run(table: _scan.Table, reader: Reader, end: int) -> int:
    """Feed the walk with whole blocks where fragments are small, with headers where not."""
    view = reader.view()
    if view is not None:
        event = table.feed(view, 0)
        return table.feed(b"", table.pos) if event == _scan.MORE else event
    block = 4096
    while True:
        pos, count = table.pos, len(table)
        size = min(block, max(end - pos, 0))
        event = table.feed(reader.read(pos, size) if size else b"", pos)
        if event != _scan.MORE:
            return event
        gained = max(len(table) - count, 1)
        block = _PEEK if (table.pos - pos) // gained > _FAR else _BLOCK


def _cut_fragment(table: _scan.Table, reader: Reader) -> tuple[int, int]:
    """Return what is left of the fragment that reaches beyond the end."""
    value = table.pos + 8
    return value, reader.size - value


def walk(reader: Reader, pixels: Element) -> Fragments:
    """Walk the items of an encapsulated pixel data element.

    Raises
    ------
    CorruptPixelData
        Something else than items stands there, or there is no item at all.
    LimitExceeded
        More than 2**24 fragments, or than `max_memory_bytes` has room for.
    """
    delimited = pixels.length < 0
    end = reader.size if delimited else min(pixels.value + pixels.length, reader.size)
    most = min(_MAX, limits.current().max_memory_bytes // _ROW)
    table = _scan.Table(
        pixels.value, end, items=True, fragments=True, max_depth=1, max_elements=most
    )
    event = _run(table, reader, end)
    problems: list[Problem] = []
    # Less than a header at the end is no fragment: the delimiter is cut, or a frame is missing.
    cut = event == _scan.BAD and table.truncated and table.pos + 8 <= end
    if event == _scan.BAD and not table.truncated:
        raise _as_pixel_error(table.error(), most)
    count = len(table)
    values = np.empty(count, np.uint64)
    sizes = np.empty(count, np.uint64)
    table.spans(values, sizes)
    closed = not cut and (table.closed or not delimited)
    if not closed and not cut:
        problems.append(
            Problem(
                code="no-sequence-delimiter",
                text="pixel data are not closed by a sequence delimiter",
                tag=pixels.tag,
                offset=table.pos,
            )
        )
    if table.odd:
        problems.append(
            Problem(
                code="odd-fragment",
                text="a fragment has an odd length",
                tag=pixels.tag,
                offset=pixels.offset,
            )
        )
    lied = False
    if cut:
        value, left = _cut_fragment(table, reader)
        values = np.append(values, np.uint64(value))
        sizes = np.append(sizes, np.uint64(left))
        lied = left >= 8 and bytes(reader.read(reader.size - 8, 4)) == SEQUENCE_END
        problems.append(
            Problem(
                code="fragment-past-end",
                text="the last fragment reaches beyond the end of the object",
                tag=pixels.tag,
                offset=table.pos,
            )
        )
    if not len(values):
        raise CorruptPixelData(
            "encapsulated pixel data without any item", offset=pixels.value, section="PS3.5 A.4"
        )
    return Fragments(
        table=(int(values[0]), int(sizes[0])),
        values=values[1:],
        sizes=sizes[1:],
        end=table.pos,
        closed=closed,
        cut=cut and len(values) > 1,
        lied=lied,
        problems=tuple(problems),
    )


def _as_pixel_error(error: RadkitError, most: int) -> RadkitError:
    if isinstance(error, CorruptFile):
        return CorruptPixelData(error.message, offset=error.offset, section="PS3.5 A.4")
    if isinstance(error, LimitExceeded):
        return LimitExceeded(
            "too many fragments",
            limit="fragments" if most == _MAX else "max_memory_bytes",
            allowed=most,
            asked=most + 1,
            offset=error.offset,
        )
    return error
