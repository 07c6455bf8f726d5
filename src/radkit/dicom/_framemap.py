"""What a map of frames can be asked, and the map of native pixel data.

PS3.5 8.1.1 and 8.2 (native cells). Frames are read one by one, by exact ranges.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from radkit import limits
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptPixelData, Problem, TruncatedPixelData

__all__ = ["FrameMap", "NativeMap", "Offsets"]

Offsets = Literal["native", "basic", "extended", "none"]


class FrameMap(ABC):
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

    @abstractmethod
    def ranges(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return (offset, size) of each piece of a frame, absolute in the reader.

        Raises
        ------
        CorruptPixelData, TruncatedPixelData, CorruptFile
            The frame is not there.
        """

    @abstractmethod
    def sound(self, index: int) -> float:
        """Return the share of a frame's bytes that are there, 0 to 1."""

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


class NativeMap(FrameMap):
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
            start = min(start, self._have)
            size = self._have - start
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


def _length_problems(native: NativeMap, stated: int, tag: int) -> tuple[Problem, ...]:
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
