"""Which bytes of an object are which frame.

PS3.5 A.4 (fragments, Basic Offset Table), PS3.3 C.7.6.3.1.8 (Extended Offset
Table), PS3.5 8.1.1 and 8.2 (native cells). Tables are believed only after they
were checked against the items; a wrong one is discarded with a word, and the
fragments are counted. Frames are read one by one, by exact ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from radkit import limits
from radkit.dicom._fragments import ITEM, SEQUENCE_END, Fragments, walk
from radkit.dicom._starts import frame_starts
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.errors import (
    CorruptFile,
    CorruptPixelData,
    Problem,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["Fragments", "FrameMap", "frame_map", "require_decodable", "walk_fragments"]

_EOT = 0x7FE00001
_EOT_LENGTHS = 0x7FE00002
Offsets = Literal["native", "basic", "extended", "none"]
Table = npt.NDArray[np.uint64]


def walk_fragments(obj: DicomObject) -> Fragments:
    """Return the fragments of an object with encapsulated pixel data; walked once.

    Raises
    ------
    CorruptPixelData
        There are no pixel data, or no items in them.
    """
    if obj.fragments is None:
        if obj.pixels is None:
            raise _no_pixels()
        obj.fragments = walk(obj.reader, obj.pixels)
    return obj.fragments


def _no_pixels() -> CorruptPixelData:
    return CorruptPixelData("the object has no pixel data", section="PS3.3 C.7.6.3")


def require_decodable(obj: DicomObject) -> None:
    """Raise if the pixels of an object cannot be decoded at all.

    Raises
    ------
    UnsupportedTransferSyntax
        The transfer syntax is refused; the message says what to do.
    CorruptPixelData
        There are no pixel data.
    """
    known = obj.syntax
    if not known.decode:
        raise UnsupportedTransferSyntax(
            f"{known.title} ({known.uid[:64]}) cannot be decoded: {known.refusal}",
            syntax=known.uid,
            source=obj.reader.name,
        )
    if obj.pixels is None:
        raise _no_pixels()


class FrameMap:
    """Which bytes are which frame, and the reading of them. Safe to use from several threads.

    Attributes
    ----------
    frames : int
        As the data set says.
    offsets : {"native", "basic", "extended", "none"}
        What the map was made from.
    frame_bytes : int
        Native bytes of a frame (for 1 bit, rounded up); 0 if encapsulated.
    problems : tuple of Problem
    """

    frames: int
    offsets: Offsets
    frame_bytes: int = 0
    problems: tuple[Problem, ...] = ()

    def __init__(self, obj: DicomObject, frames: int, strict: bool) -> None:
        self._obj = obj
        self._reader = obj.reader
        self.frames = frames
        self.strict = strict

    def ranges(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return (offset, size) of each piece of a frame, absolute in the reader.

        Raises
        ------
        CorruptPixelData, TruncatedPixelData, CorruptFile
            The frame is not there.
        """
        raise NotImplementedError

    def sound(self, index: int) -> float:
        """Return the share of a frame's bytes that are there, 0 to 1."""
        raise NotImplementedError

    def start_bit(self, index: int) -> int:
        """Return the bit of the first byte at which a frame begins; 0 unless 1 bit native."""
        del index
        return 0

    def check(self, frames: Sequence[int]) -> None:
        """Raise what reading one of the frames would raise, without reading."""
        for index in frames:
            self.ranges(index)

    def read(self, index: int) -> memoryview:
        """Return the coded bytes of a frame, joined, or its native bytes.

        Raises
        ------
        CorruptPixelData, TruncatedPixelData, CorruptFile
            The frame is not there, or cut and `strict`.
        """
        pieces = self.ranges(index)
        if len(pieces) == 1:
            return self._reader.read(*pieces[0])
        limits.check("max_memory_bytes", sum(size for _, size in pieces), "coded frame")
        return memoryview(b"".join([self._reader.read(*piece) for piece in pieces]))

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.frames:
            raise CorruptPixelData(
                f"there is no such frame: the object has {self.frames}", frame=index
            )


class _NativeMap(FrameMap):
    """Frames one after the other; 1-bit ones without a gap of bits between them."""

    offsets: Offsets = "native"

    def __init__(self, obj: DicomObject, image: ImagePixel, strict: bool) -> None:
        super().__init__(obj, image.frames, strict)
        pixels = obj.pixels
        assert pixels is not None
        if pixels.length < 0:
            raise CorruptPixelData(
                "pixel data are encapsulated, the transfer syntax is not",
                offset=pixels.offset,
                section="PS3.5 A.4",
            )
        self._value = pixels.value
        self._have = min(pixels.length, obj.reader.size - pixels.value)
        self._bits = image.rows * image.cols * image.samples if image.bits_allocated == 1 else 0
        self.frame_bytes, note = _native_bytes(image, self._have)
        self.problems = (*_length_problems(self, pixels.length, pixels.tag), *note)

    @property
    def wanted(self) -> int:
        """Bytes of all frames."""
        if self._bits:
            return (self._bits * self.frames + 7) // 8
        return self.frame_bytes * self.frames

    @property
    def have(self) -> int:
        """Bytes that are there."""
        return self._have

    def _span(self, index: int) -> tuple[int, int]:
        if self._bits:
            first = self._bits * index
            return first // 8, (first + self._bits + 7) // 8 - first // 8
        return self.frame_bytes * index, self.frame_bytes

    def start_bit(self, index: int) -> int:
        return self._bits * index % 8

    def sound(self, index: int) -> float:
        self._check_index(index)
        start, size = self._span(index)
        return max(0.0, min(1.0, (self._have - start) / size))

    def ranges(self, index: int) -> tuple[tuple[int, int], ...]:
        self._check_index(index)
        start, size = self._span(index)
        if start + size > self._have:
            if self.strict:
                raise TruncatedPixelData(
                    f"pixel data have {self._have} bytes, {self.wanted} are needed for"
                    f" {self.frames} frames",
                    decoded=self._have / self.wanted,
                    frame=index,
                    offset=self._value,
                    section="PS3.5 8.1.1",
                )
            size = max(0, self._have - start)
        return ((self._value + start, size),)

    def check(self, frames: Sequence[int]) -> None:
        for index in (min(frames), max(frames)) if len(frames) else ():
            self.ranges(index)

    def read(self, index: int) -> memoryview:
        """Return the native bytes of a frame; zeros for what is missing, if not `strict`."""
        data = self._reader.read(*self.ranges(index)[0])
        size = self._span(index)[1]
        if data.nbytes == size:
            return data
        limits.check("max_memory_bytes", size, "frame")
        return memoryview(bytes(data).ljust(size, b"\0"))


def _native_bytes(image: ImagePixel, have: int) -> tuple[int, tuple[Problem, ...]]:
    """Return the bytes of a native frame; YBR_FULL_422 may be there without being subsampled."""
    size = image.frame_bytes
    if image.photometric == "YBR_FULL_422" and image.samples == 3 and image.bits_allocated > 1:
        full = image.rows * image.cols * 3 * (image.bits_allocated // 8)
        if have >= full * image.frames and have >= size * image.frames + 2:
            text = "YBR_FULL_422 pixel data have three samples for every pixel"
            return full, (Problem(code="ybr-422-full", text=text, tag=0x00280004),)
    return size, ()


def _length_problems(native: _NativeMap, stated: int, tag: int) -> tuple[Problem, ...]:
    wanted, have = native.wanted, native.have
    if have < stated:
        code, text = "pixel-data-cut", "the object ends inside pixel data"
    elif have < wanted:
        code, text = "pixel-data-short", f"pixel data have {have} bytes, {wanted} are needed"
    elif have - wanted > 1 and have % max(native.frame_bytes, 1) == 0:
        code = "frames-disagree"
        text = (
            f"pixel data hold {have // native.frame_bytes} frames, Number of Frames says"
            f" {native.frames}"
        )
    elif have - wanted > 1:
        code, text = "pixel-data-long", f"{have - wanted} bytes follow the last frame"
    else:
        return ()
    return (Problem(code=code, text=text, tag=tag),)


class _CodedMap(FrameMap):
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
        if pos != end or not pieces:
            return None
        return _trimmed(pieces, None if self._lengths is None else int(self._lengths[index]))

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
        if fragments is None or not fragments.cut or index + 1 < self._found:
            return 1.0
        if index >= self._found:
            return 0.0
        value = int(fragments.values[-1])
        stated = int.from_bytes(self._reader.read(value - 4, 4), "little") if value >= 4 else 0
        return min(1.0, int(fragments.sizes[-1]) / max(stated, 1))


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


_Assigned = tuple[npt.NDArray[np.int64], int, Offsets, "Table | None", "str | None"]


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
    if starts is None or not len(starts) or starts[0] != 0 or len(starts) > frames:
        text = f"{frames} frames are stated, {count} fragments are there and do not tell which"
        if count < frames:
            # One fragment for each frame that is there, as the rule for short objects.
            return np.arange(count + 1), count, "none", None, None
        return np.empty(0, np.int64), 0, "none", None, text
    return np.append(starts, count), len(starts), "none", None, None


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


def frame_map(
    obj: DicomObject,
    image: ImagePixel,
    *,
    frames: Sequence[int] | None = None,
    strict: bool = True,
) -> FrameMap:
    """Find the bytes of the frames of an object.

    Parameters
    ----------
    obj : DicomObject
        With pixel data in a transfer syntax that can be decoded.
    image : ImagePixel
        Its validated attributes.
    frames : sequence of int, optional
        The frames that will be asked for. A table of offsets is then checked
        only where they need it. Default: all frames, everything is checked.
    strict : bool, default True
        If False, frames that are not there or cut do not stop the others:
        what is there of them can be read, zeros for the rest if native.

    Returns
    -------
    FrameMap

    Raises
    ------
    UnsupportedTransferSyntax
        The transfer syntax cannot be decoded.
    CorruptPixelData, TruncatedPixelData, CorruptFile
        An asked frame is not there or, if `strict`, not whole.
    """
    require_decodable(obj)
    pixels = obj.pixels
    assert pixels is not None
    found: FrameMap
    if not obj.syntax.encapsulated or image.kind != "int":
        found = _NativeMap(obj, image, strict)
    else:
        if pixels.length >= 0 and bytes(_first_bytes(obj)) != ITEM:
            raise CorruptPixelData(
                "pixel data are native, the transfer syntax is encapsulated",
                offset=pixels.offset,
                section="PS3.5 A.4",
            )
        found = _CodedMap(obj, image, strict, lazy=frames is not None and image.frames > 1)
    if strict:
        found.check(range(image.frames) if frames is None else frames)
    return found


def _first_bytes(obj: DicomObject) -> memoryview:
    pixels = obj.pixels
    assert pixels is not None
    return obj.reader.read(pixels.value, min(4, obj.reader.size - pixels.value))
