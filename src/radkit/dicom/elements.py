"""Data elements of one data set or item: found by the native walk, parsed when asked.

PS3.5 6.2 (VRs), 7.1 (elements), 7.5 (sequences). Nothing is converted before it
is wanted, and nothing is remembered of values except the items of sequences.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radkit import limits
from radkit._native import _pick, _scan
from radkit.dicom._values import (
    NUMBER_FORMATS,
    TEXT_NUMBERS,
    decode_text,
    implicit_vr,
    parse_numbers,
)
from radkit.dicom._windows import Slice, Windows, feed
from radkit.errors import CorruptFile, LimitExceeded

__all__ = ["Element", "Elements"]

_LARGE = 1 << 20  # from which on the size of a value is held against the limits


@dataclass(frozen=True, slots=True)
class Element:
    """Where a data element stands. Offsets are absolute in the reader of the object.

    Parameters
    ----------
    tag : int
        As ``0x00280010``.
    vr : str
        Two letters; "" if the encoding is implicit and the tag is not known here.
    offset, value : int
        Of its tag, of its value.
    length : int
        Of the value; -1 = undefined.
    end : int
        First byte after it; -1 for pixel data that were not walked to their end.
    """

    tag: int
    vr: str
    offset: int
    value: int
    length: int
    end: int


class Elements:
    """The elements of one data set or item, by tag.

    Parameters
    ----------
    table : Table, optional
        Filled already. None: `start` to `end` are walked at the first question.
    windows : Windows
        Where the bytes are.
    start, end : int
        Absolute range of the elements.
    implicit, big_endian : bool
        Encoding.
    depth : int
        Sequences around it.
    """

    __slots__ = (
        "_charset",
        "_end",
        "_items",
        "_outer",
        "_start",
        "_table",
        "_tail",
        "_windows",
        "big_endian",
        "depth",
        "implicit",
    )

    def __init__(
        self,
        table: _scan.Table | None,
        windows: Windows,
        start: int,
        end: int,
        *,
        implicit: bool,
        big_endian: bool = False,
        depth: int = 0,
        outer: Elements | None = None,
        tail: Callable[[], None] | None = None,
    ) -> None:
        self._table = table
        self._windows = windows
        self._start = start
        self._end = end
        self.implicit = implicit
        self.big_endian = big_endian
        self.depth = depth
        self._outer = outer
        self._tail = tail
        self._items: dict[int, tuple[Elements, ...]] = {}
        self._charset: str | None = None

    # -- finding --

    def _rows(self) -> _scan.Table:
        table = self._table
        if table is None:
            now = limits.current()
            table = _scan.Table(
                self._start,
                self._end,
                implicit=self.implicit,
                big_endian=self.big_endian,
                max_depth=_bounded(now.max_depth - self.depth),
                max_elements=now.max_elements,
            )
            if feed(table, self._windows, self._end) == _scan.BAD:
                raise table.error()
            self._table = table
        return table

    def _find(self, tag: int) -> int:
        table = self._table
        if table is None:
            table = self._rows()
        row = table.find(tag)
        if row < 0 and self._tail is not None and tag > 0x7FE00010:
            self._read_tail()
            row = table.find(tag)
        return row

    def _read_tail(self) -> None:
        tail = self._tail
        if tail is not None:
            tail()
            self._tail = None

    def __contains__(self, tag: object) -> bool:
        """Tell whether an element is there, as ``0x00280010 in elements``."""
        return isinstance(tag, int) and 0 <= tag <= 0xFFFFFFFF and self._find(tag) >= 0

    def __len__(self) -> int:
        """Count the elements, those behind pixel data too."""
        self._read_tail()
        return len(self._rows())

    def __iter__(self) -> Iterator[Element]:
        """Give every element, in file order; those behind pixel data are walked to now."""
        self._read_tail()
        table = self._rows()
        for row in range(len(table)):
            yield self._element(table, row)

    def _element(self, table: _scan.Table, row: int) -> Element:
        tag, vr, offset, value, length, end = table.row(row)
        return Element(tag, vr or implicit_vr(tag), offset, value, length, end)

    def get(self, tag: int) -> Element | None:
        """Return where an element stands, or None.

        If a tag stands twice, which is a fault, the last one counts, as in pydicom.
        """
        row = self._find(tag)
        return None if row < 0 else self._element(self._rows(), row)

    # -- values --

    def raw(self, tag: int) -> memoryview | None:
        """Return the bytes of a value, or None if the element is absent.

        Of a sequence of undefined length: up to and with its delimiter. Pixel
        data at top level are given out only if they have a length.
        """
        row = self._find(tag)
        if row < 0:
            return None
        _, value, length, end = self._rows().place(row)
        return self._bytes(tag, value, length, end)

    def _bytes(self, tag: int, value: int, length: int, end: int) -> memoryview:
        if end < 0:
            raise CorruptFile(
                f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has no end that is known", offset=value
            )
        size = end - value if length < 0 else length
        if size > _LARGE:
            limits.check("max_memory_bytes", size, "value of an element", offset=value)
        return self._windows.value(value, size)

    def _located(self, tag: int) -> tuple[str, memoryview] | None:
        place = (self._table or self._rows()).locate(tag)
        if place is None:
            if tag <= 0x7FE00010 or self._find(tag) < 0:
                return None
            place = self._rows().place(self._find(tag))
        vr, value, length, end = place
        return vr, self._bytes(tag, value, length, end)

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a text element, trimmed; () if absent or empty.

        Text is decoded before it is split: in GBK and GB18030 a backslash may
        be the second half of a character.
        """
        found = self._located(tag)
        if found is None or not found[1].nbytes:
            return ()
        data = bytes(found[1])
        text = data.decode("ascii") if data.isascii() else decode_text(data, self.charset)
        if "\\" not in text:
            text = text.strip(" \0\r\n\t")
            return (text,) if text else ()
        return tuple(part.strip(" \0\r\n\t") for part in text.split("\\"))

    def text(self, tag: int) -> str | None:
        """Return the first value of a text element, trimmed; None if absent or empty."""
        texts = self.texts(tag)
        return texts[0] if texts and texts[0] else None

    @property
    def charset(self) -> str:
        """Specific Character Set (0008,0005) in force, "" if none is stated."""
        if self._charset is None:
            own = bytes(self.raw(0x00080005) or b"").decode("latin-1").split("\\")
            found = next((value.strip(" \0") for value in own if value.strip(" \0")), "")
            self._charset = found or (self._outer.charset if self._outer is not None else "")
        return self._charset

    def ints(self, tag: int, *, signed: bool | None = None) -> tuple[int, ...]:
        """Return the values of a whole-number element, also of IS; () if absent or empty.

        Parameters
        ----------
        tag : int
            The element.
        signed : bool, optional
            Reads US as SS and the reverse: for the attributes whose VR hangs on
            Pixel Representation, in implicit VR.

        Raises
        ------
        CorruptFile
            The value is no whole number, or its length does not fit its VR.
        """
        found = self._located(tag)
        if found is None or not found[1].nbytes:
            return ()
        vr, data = found
        if vr in ("", "UN"):
            vr = implicit_vr(tag) or _dictionary_vr(tag)
            if signed is not None and vr in ("US", "SS"):
                vr = "SS" if signed else "US"
        unpack = NUMBER_FORMATS.get(vr)
        if unpack is None:
            return tuple(int(value) for value in self._numbers(tag, vr, data, whole=True))
        if unpack[0] in "fd":
            raise _no_number(tag, "a whole number")
        return tuple([int(value) for value in self._unpack(tag, unpack, data)])

    def floats(self, tag: int) -> tuple[float, ...]:
        """Return the values of a number element, DS, IS or binary; () if absent or empty.

        Raises
        ------
        CorruptFile
            The value is no number, or its length does not fit its VR.
        """
        found = self._located(tag)
        if found is None or not found[1].nbytes:
            return ()
        vr, data = found
        if vr in ("", "UN"):
            vr = implicit_vr(tag) or _dictionary_vr(tag)
        unpack = NUMBER_FORMATS.get(vr)
        if unpack is None:
            if vr in ("DS", "IS"):
                plain = _pick.decimals(data)
                if plain is not None:
                    return plain
            return self._numbers(tag, vr, data, whole=False)
        return tuple([float(value) for value in self._unpack(tag, unpack, data)])

    def _unpack(self, tag: int, unpack: str, data: memoryview) -> tuple[float, ...]:
        code, width = unpack[0], int(unpack[1])
        if data.nbytes % width:
            raise _no_number(tag, f"a multiple of {width} bytes")
        order = ">" if self.big_endian else "<"
        return struct.unpack(f"{order}{data.nbytes // width}{code}", data)

    def _numbers(self, tag: int, vr: str, data: memoryview, *, whole: bool) -> tuple[float, ...]:
        if vr not in TEXT_NUMBERS:
            raise _no_number(tag, "a number")
        values = parse_numbers(bytes(data), whole=whole)
        if values is None:
            raise _no_number(tag, "a whole number" if whole else "a number")
        return values

    # -- sequences --

    def items(self, tag: int) -> tuple[Elements, ...]:
        """Return the items of a sequence; () if absent or empty. Each is walked when asked.

        Raises
        ------
        CorruptFile
            The value is no sequence of items.
        LimitExceeded
            Nested deeper than `max_depth`, or more items than `max_elements`.
        """
        known = self._items.get(tag)
        if known is not None:
            return known
        row = self._find(tag)
        if row < 0:
            return ()
        vr, value, length, end = self._rows().place(row)
        if vr not in ("SQ", "UN", ""):
            raise CorruptFile(
                f"{_named(tag)} must be a sequence, its VR is another", section="PS3.5 7.5"
            )
        data = self._bytes(tag, value, length, end)
        found = self._split(value, data, unknown=vr == "UN")
        self._items[tag] = found
        return found

    def _split(self, value: int, data: memoryview, *, unknown: bool) -> tuple[Elements, ...]:
        now = limits.current()
        depth = self.depth + 1
        if depth > now.max_depth:
            raise LimitExceeded(
                f"sequences are nested too deep: max_depth allows {now.max_depth}",
                limit="max_depth",
                allowed=now.max_depth,
                asked=depth,
                offset=value,
            )
        implicit = self.implicit or unknown
        big_endian = self.big_endian and not unknown
        end = value + data.nbytes
        table = _scan.Table(
            value,
            end,
            implicit=implicit,
            big_endian=big_endian,
            items=True,
            max_depth=_bounded(now.max_depth - self.depth),
            max_elements=now.max_elements,
        )
        if table.feed(data, value) == _scan.BAD:
            raise table.error()
        windows = Windows(Slice(data, value, self._windows.reader))
        return tuple(
            Elements(
                None,
                windows,
                start,
                start + size,
                implicit=implicit,
                big_endian=big_endian,
                depth=depth,
                outer=self,
            )
            for start, size in (table.place(row)[1:3] for row in range(len(table)))
        )


def _bounded(depth: int) -> int:
    return max(1, min(depth, 1 << 30))


def _named(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _no_number(tag: int, wanted: str) -> CorruptFile:
    return CorruptFile(f"the value of {_named(tag)} is not {wanted}", section="PS3.5 6.2")


def _dictionary_vr(tag: int) -> str:
    """Return the VR that pydicom's dictionary has, for the rare tag not known here."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return ""
