"""An object that lies elsewhere, read by ranges with the help of its sidecar."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radkit.dicom.encapsulation import FrameMap
from radkit.dicom.objects import open_object
from radkit.dicom.source import Reader
from radkit.errors import CorrectionWarning, CorruptFile, CorruptPixelData
from radkit.pixels.frames import Frames
from radkit.preview.coded import CUTTABLE, file_ranges
from radkit.preview.sidecar import Sidecar

__all__ = ["Remote", "open_local", "open_sidecar"]


class _Ranges:
    """Ranges of the object, none of them asked for twice."""

    def __init__(self, index: Sidecar, reader: Callable[[int, int], Any]) -> None:
        self.index = index
        self.bytes_read = 0
        self._reader = reader
        self._header = b""
        self._frames: dict[int, bytearray] = {}

    def get(self, offset: int, length: int) -> bytes:
        part = bytes(self._reader(offset, length)) if length else b""
        if len(part) != length:
            raise CorruptFile(
                f"{len(part)} bytes came where {length} were asked for", offset=offset
            )
        self.bytes_read += length
        return part

    def header(self) -> bytes:
        if not self._header:
            self._header = self.get(0, self.index.header)
        return self._header

    def frame(self, number: int, size: int) -> bytes:
        """Return the first bytes of a frame."""
        have = self._frames.setdefault(number, bytearray())
        if len(have) < size:
            pieces = self.index.frames[number].pieces
            for offset, length in file_ranges(pieces, [(len(have), size - len(have))]):
                have += self.get(offset, length)
        return bytes(have[:size])


class _HeaderReader(Reader):
    """An object up to its pixel data, and beyond if these are native."""

    def __init__(self, ranges: _Ranges, size: int) -> None:
        self.size = size
        self._ranges = ranges

    def _read(self, offset: int, size: int) -> memoryview:
        header = self._ranges.header()
        there = header[offset : offset + size]
        rest = size - len(there)
        return memoryview(there + self._ranges.get(offset + len(there), rest))


class _RemoteMap(FrameMap):
    """Frames of a sidecar, of which as much is read as the cut in use has."""

    def __init__(self, obj: Any, ranges: _Ranges, sizes: dict[int, int]) -> None:
        super().__init__(obj, len(ranges.index.frames), strict=False)
        self.offsets = "none"
        self._ranges = ranges
        self._sizes = sizes

    def ranges(self, index: int) -> tuple[tuple[int, int], ...]:
        self._check_index(index)
        return self._ranges.index.frames[index].pieces

    def sound(self, index: int) -> float:
        self._check_index(index)
        return 1.0

    def read(self, index: int) -> memoryview:
        self._check_index(index)
        whole = self._ranges.index.frames[index].cuts[-1].size
        return memoryview(self._ranges.frame(index, self._sizes.get(index, whole)))


class _RemoteFrames(Frames):
    """`Frames` whose encapsulated frames are read by the sidecar."""

    def __init__(self, ranges: _Ranges) -> None:
        self.ranges = ranges
        self.sizes: dict[int, int] = {}
        native = len(ranges.index.frames[0].cuts) == 1 and _is_native(ranges.index.syntax)
        size = ranges.index.size if native else ranges.index.header
        super().__init__(open_object(_HeaderReader(ranges, size), strict=False), strict=False)
        self.native = native

    def locate(self, frames: Sequence[int] | None) -> FrameMap:
        if self.native:
            return super().locate(frames)
        self._map = _RemoteMap(self.obj, self.ranges, self.sizes)
        return self._map


def _is_native(uid: str) -> bool:
    from radkit.dicom.uids import syntax

    return not syntax(uid).encapsulated


class Remote:
    """Frames of an object that lies elsewhere, made by `preview.open_sidecar`.

    Not for several threads at once.

    Attributes
    ----------
    index : Sidecar
    """

    def __init__(self, index: Sidecar, reader: Callable[[int, int], Any]) -> None:
        self.index = index
        self._ranges = _Ranges(index, reader)
        self._opened: _RemoteFrames | None = None

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.index.frames)

    @property
    def bytes_read(self) -> int:
        """Bytes asked for so far. No range of a coded frame is asked for twice."""
        return self._ranges.bytes_read

    def shapes(self, frame: int = 0) -> tuple[tuple[int, int], ...]:
        """Return (rows, cols) of a frame by the halvings of its sides, none first.

        Frames that are no JPEG 2000 or HTJ2K codestream have the one size of the header.
        """
        from radkit.codecs import _j2k_header

        opened = self._at(frame, 0, None)
        if opened.coding not in CUTTABLE:
            return ((opened.image.rows, opened.image.cols),)
        head = self._ranges.frame(frame, self.index.frame(frame).cuts[0].size)
        stream = _j2k_header.parse(memoryview(head), strict=False).stream
        rects = (stream.rect(0, r, None) for r in range(stream.reductions + 1))
        return tuple((y1 - y0, x1 - x0) for y0, y1, x0, x1 in rects)

    def decode(self, frame: int = 0, *, reduce: int = 0, layers: int | None = None) -> np.ndarray:
        """Return the stored values of a frame.

        Parameters
        ----------
        frame : int, default 0
        reduce : int, default 0
            Halvings of each side.
        layers : int, optional
            Quality layers. Default: all.

        Returns
        -------
        ndarray
            As `radkit.decode(frames=frame, reduce=reduce, layers=layers)` of the object.

        Raises
        ------
        OptionError
            There is no such frame or resolution.
        CorruptPixelData
            The bytes are not those of the frame.
        """
        opened = self._at(frame, reduce, layers)
        opened.check_ability(reduce=reduce, layers=layers)
        opened.locate([frame])
        found = opened.decode(frame, reduce=reduce, layers=layers)
        self._check(frame, found.sound)
        return found.array

    def render(
        self,
        frame: int = 0,
        *,
        window: Any = "header",
        size: tuple[int, int] | None = None,
        reduce: int = 0,
        max_bytes: int | None = None,
    ) -> np.ndarray:
        """Return an 8-bit picture of a frame; see `radkit.render`.

        With `max_bytes` it is the best one of full size that so many bytes of the frame
        allow, as `best`.

        Raises
        ------
        OptionError, CorruptFile, CorruptPixelData
            As `decode`, and as `radkit.render`.
        """
        from radkit.pixels.rendering import render_frames

        opened = self._at(frame, reduce, None)
        if max_bytes is not None:
            opened.sizes[frame] = min(max_bytes, self.index.frame(frame).cuts[-1].size)
        with warnings.catch_warnings():
            # Said of a codestream that is cut, as it is here on purpose.
            warnings.simplefilter("ignore", CorrectionWarning)
            return render_frames(
                opened, frames=frame, window=window, size=size, reduce=reduce, threads=1
            )

    def best(self, frame: int = 0, *, max_bytes: int) -> tuple[np.ndarray, float]:
        """Return the best full-size picture that so many bytes of a frame allow.

        As `preview.best` of them.
        """
        from radkit.preview.best import best

        size = min(max_bytes, self.index.frame(frame).cuts[-1].size)
        return best(self._ranges.frame(frame, size))

    def _at(self, frame: int, reduce: int, layers: int | None) -> _RemoteFrames:
        """Return the frames, of which this one will be read as far as it is needed."""
        cut = self.index.cut(frame, reduce=reduce, layers=layers)
        if self._opened is None:
            self._opened = _RemoteFrames(self._ranges)
        self._opened.sizes[frame] = cut.size
        return self._opened

    def _check(self, frame: int, sound: float) -> None:
        if sound < 1.0:
            raise CorruptPixelData("the bytes are not those that the sidecar tells of", frame=frame)


def open_local(source: Any) -> Remote:
    """Return an object at hand as if it lay elsewhere."""
    from radkit.dicom.source import open_reader
    from radkit.preview.sidecar import sidecar

    def read(offset: int, length: int) -> memoryview:
        with open_reader(source) as reader:
            return reader.read(offset, length)

    return Remote(sidecar(source), read)


def open_sidecar(path: Any, reader: Callable[[int, int], Any]) -> Remote:
    """Open an object that lies elsewhere by its sidecar.

    Parameters
    ----------
    path : path, bytes or Sidecar
        The sidecar.
    reader : callable
        ``reader(offset, length)`` returns so many bytes of the object, by a range
        request as a rule.

    Returns
    -------
    Remote

    Raises
    ------
    CorruptFile
        It is no sidecar.

    Examples
    --------
    >>> import radkit
    >>> from radkit.preview.sidecar import sidecar
    >>> from radkit.testing import sample
    >>> coded = radkit.transcode(sample("ct"), None, "htj2k-lossless-rpcl").data
    >>> index = sidecar(coded)
    >>> remote = open_sidecar(index, lambda offset, length: coded[offset : offset + length])
    >>> remote.decode(reduce=1).shape
    (64, 64)
    """
    if isinstance(path, Sidecar):
        return Remote(path, reader)
    if isinstance(path, bytes | bytearray | memoryview):
        return Remote(Sidecar.from_bytes(path), reader)
    return Remote(Sidecar.from_bytes(Path(path).read_bytes()), reader)
