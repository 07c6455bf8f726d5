"""Look-up tables of a data set: modality, VOI and palette colour tables.

PS3.3 C.11.1.1 (Modality LUT), C.11.2.1.1 (VOI LUT), C.7.6.3.1.5 and C.7.9.2
(palettes, plain and segmented). A descriptor is never trusted: entries are
counted against the bytes that are there, and a segmented table is expanded
no further than it announces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radkit.dicom.elements import Elements
from radkit.errors import CorruptFile

__all__ = ["Lut", "Palette", "read_lut", "read_palette"]

LUT_DESCRIPTOR = 0x00283002
LUT_DATA = 0x00283006
PALETTE_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
PALETTE_DATA = (0x00281201, 0x00281202, 0x00281203)
SEGMENTED_DATA = (0x00281221, 0x00281222, 0x00281223)


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A table of grey values; below the first and above the last entry, these are taken.

    Parameters
    ----------
    first : int
        Input of the first entry.
    entries : ndarray
        uint16 outputs.
    bits : int
        Bits of an output: they span 0 ... 2**bits - 1.
    """

    first: int
    entries: np.ndarray
    bits: int

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the entries of the values as float64; fractions go to the nearest input."""
        places = np.asarray(values, np.float64) - self.first
        places = np.clip(np.floor(places + 0.5), 0, len(self.entries) - 1)
        return self.entries[np.nan_to_num(places).astype(np.intp)].astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Three tables of uint8 or of uint16, which they span, and the input of their first entry."""

    first: int
    red: np.ndarray
    green: np.ndarray
    blue: np.ndarray


def read_lut(item: Elements, *, signed: bool, big_endian: bool) -> Lut:
    """Read LUT Descriptor and LUT Data of an item.

    Parameters
    ----------
    item : Elements
        Item of a Modality LUT Sequence or VOI LUT Sequence.
    signed : bool
        The input of the table can be negative.
    big_endian : bool
        Byte order of the data set.

    Raises
    ------
    CorruptFile
        The descriptor is missing or the table is shorter than it says.
    """
    entries, first, bits = _descriptor(item, LUT_DESCRIPTOR, signed, big_endian)
    table = _entries(item, LUT_DATA, entries, big_endian)
    # Writers that announce fewer bits than they use exist: the entries decide.
    needed = int(table.max()).bit_length()
    return Lut(first, table.astype(np.uint16), max(bits, needed, 1))


def read_palette(elements: Elements, *, signed: bool, big_endian: bool) -> Palette:
    """Read the three palette tables of a data set, plain or segmented.

    Raises
    ------
    CorruptFile
        A table is missing, too short, or its segments are senseless.
    """
    columns = []
    firsts = []
    for descriptor, plain, segmented in zip(
        PALETTE_DESCRIPTORS, PALETTE_DATA, SEGMENTED_DATA, strict=True
    ):
        entries, first, bits = _descriptor(elements, descriptor, signed, big_endian)
        if elements.raw(plain) is None and elements.raw(segmented) is not None:
            column = _expand(elements, segmented, entries, bits, big_endian)
        else:
            column = _entries(elements, plain, entries, big_endian)
        # 16 bits announced and none of the upper ones used: the values are 8 bit (B.9 of the
        # rules: such files exist); 8 bits announced in 16-bit words are 8 bit as well.
        columns.append((column, bits))
        firsts.append(first)
    largest = max(int(column.max()) for column, _ in columns)
    wide = largest > 255
    # Tables of unlike place or length are broken (C.7.6.3.1.5); clamping says what they mean.
    start = min(firsts)
    ends = [first + len(column) for first, (column, _) in zip(firsts, columns, strict=True)]
    red, green, blue = (
        np.ascontiguousarray(
            np.pad(column, (first - start, max(ends) - end), mode="edge"),
            np.uint16 if wide else np.uint8,
        )
        for (column, _), first, end in zip(columns, firsts, ends, strict=True)
    )
    return Palette(start, red, green, blue)


def _words(elements: Elements, tag: int, big_endian: bool) -> np.ndarray | None:
    raw = elements.raw(tag)
    if raw is None:
        return None
    usable = raw[: len(raw) // 2 * 2]
    return np.frombuffer(usable, ">u2" if big_endian else "<u2").astype(np.uint16)


def _descriptor(
    elements: Elements, tag: int, signed: bool, big_endian: bool
) -> tuple[int, int, int]:
    """Return entries (0 means 65536), first input and bits; the first alone may be negative."""
    words = _words(elements, tag, big_endian)
    if words is None or len(words) < 3:
        raise CorruptFile(
            f"the descriptor ({tag >> 16:04X},{tag & 0xFFFF:04X}) of a look-up table is missing"
            " or has fewer than three values",
            section="PS3.3 C.11.1.1.1",
        )
    entries, first, bits = (int(word) for word in words[:3])
    if signed and first > 0x7FFF:
        first -= 0x10000
    if not 1 <= bits <= 16:
        raise CorruptFile(
            f"a look-up table has {bits} bits per entry; 8 to 16 are allowed",
            section="PS3.3 C.11.1.1.1",
        )
    return entries or 65536, first, bits


def _entries(elements: Elements, tag: int, entries: int, big_endian: bool) -> np.ndarray:
    """Return the entries of a plain table, one per byte or one per word by its length."""
    raw = elements.raw(tag)
    size = 0 if raw is None else len(raw)
    if raw is not None and size >= 2 * entries:
        return np.frombuffer(raw[: 2 * entries], ">u2" if big_endian else "<u2").astype(np.uint16)
    if raw is not None and size >= entries:
        single = np.frombuffer(raw[: size // 2 * 2], np.uint8)
        if big_endian:  # 8-bit entries in OW words of a big-endian data set: swapped in pairs
            single = single.reshape(-1, 2)[:, ::-1].reshape(-1)
        if len(single) < entries:
            single = np.frombuffer(raw, np.uint8)
        return single[:entries].astype(np.uint16)
    raise CorruptFile(
        f"the look-up table ({tag >> 16:04X},{tag & 0xFFFF:04X}) holds {size} bytes;"
        f" its descriptor asks for {entries} entries",
        section="PS3.3 C.11.1.1.1",
    )


def _expand(elements: Elements, tag: int, entries: int, bits: int, big_endian: bool) -> np.ndarray:
    """Expand a segmented palette table (PS3.3 C.7.9.2)."""
    raw = elements.raw(tag)
    words = _words(elements, tag, big_endian)
    if raw is None or words is None:
        raise CorruptFile("a segmented palette table is missing", section="PS3.3 C.7.9.2")
    forms = [(words, 2)]
    if bits <= 8:  # segments of bytes; files with 8-bit values in 16-bit segments exist as well
        single = np.frombuffer(raw[: len(raw) // 2 * 2], np.uint8)
        if big_endian:
            single = single.reshape(-1, 2)[:, ::-1].reshape(-1)
        forms.insert(0, (single.astype(np.uint16), 1))
    for data, unit in forms:
        expanded = _Segments(data, unit, entries).expand()
        if expanded is not None:
            return expanded
    raise CorruptFile(
        f"a segmented palette table does not expand to the {entries} entries that its"
        " descriptor announces",
        section="PS3.3 C.7.9.2",
    )


class _Segments:
    """One segmented table being expanded: never beyond its entries, never back into itself."""

    def __init__(self, data: np.ndarray, unit: int, entries: int) -> None:
        self.data = data.tolist()
        self.unit = unit  # bytes per value of the segments
        self.out = np.empty(entries, np.uint16)
        self.written = 0
        self.starts: set[int] = set()

    def expand(self) -> np.ndarray | None:
        """Return exactly the announced entries, or None if the segments do not give them."""
        place = 0
        while self.written < len(self.out):
            after = self._segment(place)
            if after is None:
                return None
            self.starts.add(place)
            place = after
        return self.out

    def _segment(self, place: int, *, nested: bool = False) -> int | None:
        """Expand the segment at `place`; return where the next one begins."""
        if place + 3 > len(self.data):
            return None
        opcode, count = self.data[place : place + 2]
        room = len(self.out) - self.written
        if count < 1 or (opcode != 2 and count > room):
            return None
        if opcode == 0:
            return self._discrete(place + 2, count)
        if opcode == 1 and self.written:
            return self._linear(place + 2, count)
        if opcode == 2 and self.written and not nested:
            return self._indirect(place, count)
        return None

    def _discrete(self, place: int, count: int) -> int | None:
        if place + count > len(self.data):
            return None
        self.out[self.written : self.written + count] = self.data[place : place + count]
        self.written += count
        return place + count

    def _linear(self, place: int, count: int) -> int:
        begin, end = int(self.out[self.written - 1]), self.data[place]
        steps = np.arange(1, count + 1, dtype=np.float64)
        values = np.floor(begin + (end - begin) * steps / count + 0.5)
        self.out[self.written : self.written + count] = values
        self.written += count
        return place + 1

    def _indirect(self, place: int, count: int) -> int | None:
        """Repeat `count` earlier segments, found by a byte offset in two halves, low one first."""
        parts = 4 // self.unit
        halves = self.data[place + 2 : place + 2 + parts]
        if len(halves) < parts:
            return None
        offset = sum(half << (8 * self.unit * k) for k, half in enumerate(halves))
        again, odd = divmod(offset, self.unit)
        if odd or again not in self.starts:
            return None
        for _ in range(count):
            if again >= place:
                return None
            after = self._segment(again, nested=True)
            if after is None:
                return None
            again = after
        return place + 2 + parts
