"""The map of encapsulated frames: by a table that was checked, by count, or by start markers.

PS3.5 A.4 (fragments, Basic Offset Table), PS3.3 C.7.6.3.1.8 (Extended Offset
Table). A wrong table is discarded with a word, and the fragments are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radkit.dicom._fragments import ITEM, SEQUENCE_END, Fragments, walk
from radkit.dicom._framemap import FrameMap, Offsets
from radkit.dicom._starts import frame_starts
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptFile, CorruptPixelData, Problem, TruncatedPixelData

if TYPE_CHECKING:
    import numpy.typing as npt

    Table = npt.NDArray[np.uint64]
    _Assigned = tuple[npt.NDArray[np.int64], int, "Offsets", Table | None, str | None]

__all__ = ["CodedMap", "no_pixels", "walk_fragments"]

_EOT = 0x7FE00001
_EOT_LENGTHS = 0x7FE00002
_MOST_PIECES = 1024  # of a frame by its entry; the native walk is the way for more


def no_pixels() -> CorruptPixelData:
    """Return the error for an object without pixel data."""
    return CorruptPixelData("the object has no pixel data", section="PS3.3 C.7.6.3")


def walk_fragments(obj: DicomObject) -> Fragments:
    """Return the fragments of an object with encapsulated pixel data; walked once.

    Raises
    ------
    CorruptPixelData
        There are no pixel data, or no items in them.
    """
    if obj.fragments is None:
        if obj.pixels is None:
            raise no_pixels()
        obj.fragments = walk(obj.reader, obj.pixels)
    return obj.fragments


class CodedMap(FrameMap):
    """Frames in fragments. Asked for few frames, the table is checked only where it is used."""

    def __init__(self, obj: DicomObject, image: ImagePixel, strict: bool, *, lazy: bool) -> None:
        super().__init__(obj, image.frames, strict)
        self._table: tuple[int, Table] | None = None
        self._lengths: Table | None = None
        self._fragments: Fragments | None = None
        self._first: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._found = 0
        self._ambiguous: str | None = None
        self.offsets = "none"
        if lazy and obj.fragments is None and obj.reader.view() is None:
            self._read_table()
        if self._table is None:
            self._walk()

    # -- with a table that is checked where it is used --

    def _read_table(self) -> None:
        pixels = self._obj.pixels
        assert pixels is not None
        reader = self._reader
        if reader.size - pixels.value < 16:
            return
        head = reader.read(pixels.value, 8)
        size = int.from_bytes(head[4:8], "little")
        first = pixels.value + 8 + size
        if head[:4] != ITEM or first + 8 > reader.size:
            return
        table, lengths = _stated_tables(self._obj, pixels.value + 8, size, self.frames)
        if table is None or not _plausible(table, reader.size - first):
            return
        self._table = (first, table)
        self._lengths = lengths
        self.offsets = "basic" if lengths is None else "extended"

    def _by_table(self, index: int) -> tuple[tuple[int, int], ...] | None:
        """Return the pieces of a frame by its entry, or None if the entry is wrong."""
        assert self._table is not None
        first, table = self._table
        pos = first + int(table[index])
        last = index + 1 == self.frames
        end = self._reader.size if last else first + int(table[index + 1])
        pieces: list[tuple[int, int]] = []
        while pos < end and pos + 8 <= self._reader.size:
            head = self._reader.read(pos, 8)
            if last and pieces and head[:4] == SEQUENCE_END:
                end = pos
                break
            size = int.from_bytes(head[4:8], "little")
            if head[:4] != ITEM or pos + 8 + size > end:
                return None
            pieces.append((pos + 8, size))
            pos += 8 + size
            if len(pieces) > _MOST_PIECES:
                return None
        if pos != end or not pieces:
            return None
        if self._lengths is None:
            return tuple(pieces)
        length = int(self._lengths[index])
        if sum(size for _, size in pieces) - length not in (0, 1):
            return None
        return _trimmed(pieces, length)

    # -- with all fragments --

    def _walk(self) -> None:
        fragments = walk_fragments(self._obj)
        problems = list(fragments.problems)
        found = _assign(self._obj, fragments, self.frames, problems)
        self._first, self._found, self.offsets, self._lengths, self._ambiguous = found
        self.problems = tuple(problems)
        self._fragments = fragments
        self._table = None

    def ranges(self, index: int) -> tuple[tuple[int, int], ...]:
        self._check_index(index)
        if self._table is not None:
            pieces = self._by_table(index)
            if pieces is not None:
                return self._not_empty(index, pieces)
            self._walk()
        return self._not_empty(index, self._by_walk(index))

    def _by_walk(self, index: int) -> tuple[tuple[int, int], ...]:
        fragments = self._fragments
        assert fragments is not None
        if self._ambiguous is not None:
            raise CorruptPixelData(self._ambiguous, frame=index, section="PS3.5 A.4")
        if index >= self._found:
            text = f"{self.frames} frames are stated, fragments for {self._found} are there"
            if fragments.cut:
                raise TruncatedPixelData(
                    text, frame=index, offset=fragments.end, section="PS3.5 A.4"
                )
            raise CorruptPixelData(text, frame=index, offset=fragments.end, section="PS3.5 A.4")
        low = int(self._first[index])
        high = int(self._first[index + 1])
        pieces = [(int(fragments.values[i]), int(fragments.sizes[i])) for i in range(low, high)]
        if fragments.cut and high == len(fragments.values) and self.strict:
            raise self._cut(index, fragments)
        return _trimmed(pieces, None if self._lengths is None else int(self._lengths[index]))

    def _cut(self, index: int, fragments: Fragments) -> CorruptFile | CorruptPixelData:
        text = "the last fragment reaches beyond the end of the object"
        offset = int(fragments.values[-1]) - 8
        if fragments.lied:
            return CorruptFile(text, frame=index, offset=offset, section="PS3.5 A.4")
        return TruncatedPixelData(
            text,
            decoded=index / self.frames,
            frame=index,
            offset=offset,
            section="PS3.5 A.4",
            hint="strict=False gives what is there",
        )

    def check(self, frames: Sequence[int]) -> None:
        """Raise what reading one of the frames would raise, without reading."""
        if self._table is not None or self._ambiguous is not None or not len(frames):
            super().check(frames)
            return
        asked = np.asarray(frames)
        fragments = self._fragments
        assert fragments is not None
        good = np.zeros(self.frames, bool)
        if self._found:
            sums = np.append(np.uint64(0), np.cumsum(fragments.sizes))[self._first]
            good[: self._found] = sums[1:] > sums[:-1]
            good[self._found - 1] &= not (fragments.cut and self.strict)
        inside = (asked >= 0) & (asked < self.frames)
        inside[inside] = good[asked[inside]]
        for index in asked[~inside][:1]:
            self.ranges(int(index))

    def _not_empty(
        self, index: int, pieces: tuple[tuple[int, int], ...]
    ) -> tuple[tuple[int, int], ...]:
        if not sum(size for _, size in pieces):
            raise CorruptPixelData(
                "the fragments of the frame are empty",
                frame=index,
                offset=pieces[0][0],
                section="PS3.5 A.4",
            )
        return pieces

    def sound(self, index: int) -> float:
        self._check_index(index)
        fragments = self._fragments
        if fragments is None:
            return 1.0
        if index >= self._found:
            return 0.0
        if not fragments.cut or index + 1 < self._found:
            return 1.0
        have = int(fragments.sizes[int(self._first[index]) :].sum())
        length = bytes(self._reader.read(int(fragments.values[-1]) - 4, 4))
        stated = have - int(fragments.sizes[-1]) + int.from_bytes(length, "little")
        return have / stated


def _trimmed(pieces: list[tuple[int, int]], length: int | None) -> tuple[tuple[int, int], ...]:
    """Leave out the pad byte, if an Extended Offset Table says that there is one."""
    if length is not None and sum(size for _, size in pieces) == length + 1:
        pieces[-1] = (pieces[-1][0], pieces[-1][1] - 1)
    return tuple(pieces)


def _stated_tables(
    obj: DicomObject, basic: int, size: int, frames: int
) -> tuple[Table | None, Table | None]:
    """Return offsets, and the lengths of an Extended Offset Table, if they have a right size."""
    offsets = obj.elements.raw(_EOT)
    lengths = obj.elements.raw(_EOT_LENGTHS)
    if offsets is not None and size == 0:
        wanted = 8 * frames
        if lengths is None or offsets.nbytes != wanted or lengths.nbytes != wanted:
            return None, None
        return np.frombuffer(offsets, "<u8"), np.frombuffer(lengths, "<u8")
    if size and size == 4 * frames:
        return np.frombuffer(obj.reader.read(basic, size), "<u4").astype(np.uint64), None
    return None, None


def _plausible(table: Table, room: int) -> bool:
    """Tell whether offsets begin with 0, ascend, and stay inside."""
    return bool(table[0] == 0 and (table[1:] > table[:-1]).all() and int(table[-1]) + 8 <= room)


def _assign(
    obj: DicomObject, fragments: Fragments, frames: int, problems: list[Problem]
) -> _Assigned:
    """Return the first fragment of each frame, and one more; frames found; how; lengths."""
    by_table = _assign_by_table(obj, fragments, frames, problems)
    if by_table is not None:
        return by_table
    count = len(fragments.values)
    if count == frames:
        return np.arange(frames + 1), frames, "none", None, None
    if frames == 1 and count:
        return np.array([0, count]), 1, "none", None, None
    starts = frame_starts(obj, fragments, frames)
    found = 0 if starts is None or not len(starts) or starts[0] != 0 else len(starts)
    short = count < frames or fragments.cut  # frames are missing: those found are the first ones
    if starts is not None and found and (found == frames or (short and found < frames)):
        return np.append(starts, count), found, "none", None, None
    if count < frames:
        return np.arange(count + 1), count, "none", None, None
    text = f"{frames} frames are stated, {found} are seen to begin in {count} fragments"
    return np.empty(0, np.int64), 0, "none", None, text


def _assign_by_table(
    obj: DicomObject, fragments: Fragments, frames: int, problems: list[Problem]
) -> _Assigned | None:
    basic, size = fragments.table
    extended = _EOT in obj.elements and size == 0
    if size == 0 and _EOT not in obj.elements:
        return None
    if _EOT in obj.elements and size:
        problems.append(
            Problem(
                code="two-offset-tables",
                text="an Extended Offset Table stands beside a Basic Offset Table; it is not used",
                tag=_EOT,
            )
        )
    table, lengths = _stated_tables(obj, basic, size, frames)
    wrong = _table_fault(table, lengths, fragments, frames)
    if wrong is None and table is not None:
        first = np.searchsorted(fragments.values, table + fragments.values[0])
        kind: Offsets = "extended" if extended else "basic"
        return np.append(first, len(fragments.values)), frames, kind, lengths, None
    name = "Extended" if extended else "Basic"
    problems.append(
        Problem(
            code="offset-table-wrong",
            text=f"the {name} Offset Table is not used: {wrong}",
            tag=_EOT if extended else 0x7FE00010,
            offset=basic,
        )
    )
    return None


def _table_fault(
    table: Table | None, lengths: Table | None, fragments: Fragments, frames: int
) -> str | None:
    """Return what is wrong with a table, checked against all items, or None."""
    if table is None:
        return f"it has not one entry for each of {frames} frames"
    values = fragments.values
    if not len(values):
        return "there is no fragment"
    if not _plausible(table, int(values[-1]) - int(values[0]) + 8):
        return "its offsets do not begin with 0, do not ascend, or leave the pixel data"
    wanted = table + values[0]
    first = np.searchsorted(values, wanted)
    if not np.array_equal(values[first], wanted):
        return "an offset is not that of a fragment"
    if lengths is not None:
        sums = np.add.reduceat(fragments.sizes, first)
        short = sums - lengths  # wraps for lengths that are too long: then it is above 1
        if not bool((short <= 1).all()):
            return "its lengths are not those of the fragments"
    return None
