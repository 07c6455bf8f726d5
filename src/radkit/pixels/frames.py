"""One opened object, ready to decode any of its frames.

The object is read in pieces: its elements, then the bytes of the frames that are
asked for. A frame is decoded once, by one codec; what was odd about it comes back
with it. Methods may be called from several threads at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Literal

import numpy as np

from radkit import limits
from radkit.codecs import registry
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.dicom.encapsulation import FrameMap, frame_map, require_decodable
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject, open_object
from radkit.errors import (
    CorruptPixelData,
    LimitExceeded,
    OptionError,
    Problem,
    RadkitError,
    UnsupportedTransferSyntax,
)
from radkit.pixels import native, samples
from radkit.pixels.oneframe import OneFrame
from radkit.pixels.selection import Region, grid_shape

__all__ = ["Frames", "OneFrame"]

# Codings whose frames are cells as they lie in native pixel data.
WORDS = frozenset({"native", "uncompressed-frame", "rle", "deflated-frame"})
Colour = Literal["rgb", "coded"]


@contextlib.contextmanager
def _named(name: str | None, frame: int | None = None) -> Iterator[None]:
    """Give errors that pass the name of their object, and their frame."""
    try:
        yield
    except RadkitError as error:
        if error.frame is None:
            error.frame = frame
        if error.source is None:
            error.source = name
        raise


class Frames:
    """An object's frames.

    Parameters
    ----------
    source : path, bytes, file object, pydicom.Dataset or DicomObject
        A DicomObject stays open when this is closed, anything else is closed.
    strict : bool, default True
        If False, what is short is filled with 0 and told.

    Attributes
    ----------
    obj : DicomObject
    image : ImagePixel
        The validated header values.
    dtype : dtype
        Of decoded frames, by Bits Allocated and Pixel Representation. Streams of
        more bits than Bits Allocated give a wider type.
    shape : tuple of int
        (frames, rows, cols) or (frames, rows, cols, samples).
    photometric : str
        Photometric Interpretation of the header.
    """

    def __init__(self, source: Any, *, strict: bool = True) -> None:
        self.strict = strict
        self._owned = not isinstance(source, DicomObject)
        self.obj: DicomObject = open_object(source, strict=strict) if self._owned else source
        try:
            with self.named():
                self.image: ImagePixel = ImagePixel.from_object(self.obj)
        except BaseException:
            self.close()
            raise
        self._map: FrameMap | None = None

    def __enter__(self) -> Frames:
        """Return the frames."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the object, if it was opened here."""
        self.close()

    def close(self) -> None:
        """Close the object, if it was opened here."""
        if self._owned:
            self.obj.close()

    def named(self, frame: int | None = None) -> contextlib.AbstractContextManager[None]:
        """Return a context in which errors get the name of this object."""
        return _named(self.obj.reader.name, frame)

    @property
    def coding(self) -> str:
        """Kind of the frames; `UnsupportedTransferSyntax` if they cannot be decoded."""
        require_decodable(self.obj)
        coding = self.obj.syntax.coding
        assert coding is not None  # decodable syntaxes have one
        return coding

    @property
    def photometric(self) -> str:
        """Photometric Interpretation of the header."""
        return self.image.photometric

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of decoded frames."""
        return self.image.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, cols) or (frames, rows, cols, samples)."""
        return self.image.shape

    @property
    def map(self) -> FrameMap:
        """Where all frames are."""
        return self._map if self._map is not None else self.locate(None)

    def locate(self, frames: Sequence[int] | None) -> FrameMap:
        """Find these frames only; others cannot be decoded afterwards."""
        with self.named():
            self._map = frame_map(self.obj, self.image, frames=frames, strict=self.strict)
        return self._map

    @cached_property
    def layout(self) -> native.NativeLayout:
        """Where native pixel data lie."""
        return native.native_layout(self.obj, self.image, self.map.frame_bytes)

    @cached_property
    def spec(self) -> FrameSpec:
        """What the codec is told of a frame."""
        image = self.image
        return FrameSpec(
            rows=image.rows,
            cols=image.cols,
            samples=image.samples,
            bits_allocated=image.bits_allocated,
            bits_stored=image.bits_stored,
            signed=image.signed,
            photometric=image.photometric,
            planar=image.planar,
        )

    def _spec_of(self, coding: str) -> FrameSpec:
        """Return the spec; cells come back with all their bits, as High Bit is known only here."""
        if coding not in WORDS:
            return self.spec
        return dataclasses.replace(self.spec, bits_stored=self.image.bits_allocated)

    def check_ability(self, *, reduce: int, layers: int | None) -> None:
        """Raise if the coding cannot do what is asked, or the samples have no means."""
        coding, syntax = self.coding, self.obj.syntax
        word = "reduce" if reduce and not syntax.reduce else ""
        if layers is not None and not syntax.layers:
            word = "layers"
        if word:
            raise UnsupportedTransferSyntax(
                f"{syntax.title} cannot do {word}: its frames ({coding}) are decoded whole",
                syntax=syntax.uid,
                source=self.obj.reader.name,
                hint="Decode the whole frame, or transcode to HTJ2K or JPEG 2000 first",
            )
        if reduce and self.photometric == "PALETTE COLOR":
            raise OptionError(
                "reduce must be 0 for PALETTE COLOR: indexes have no means",
                source=self.obj.reader.name,
                section="PS3.3 C.7.6.3.1.2",
                hint="radkit.render(size=) makes a small picture of the colours",
            )

    def frame_shape(self, region: Region | None, reduce: int) -> tuple[int, ...]:
        """Return the shape of one frame of that region and reduction."""
        plane = grid_shape(self.image.rows, self.image.cols, region, reduce)
        return plane if self.image.samples == 1 else (*plane, self.image.samples)

    def decode(
        self,
        index: int,
        *,
        out: np.ndarray | None = None,
        reduce: int = 0,
        region: Region | None = None,
        layers: int | None = None,
        raw: bool = False,
        colour: Colour = "rgb",
        threads: int = 1,
        data: memoryview | None = None,
    ) -> OneFrame:
        """Decode one frame.

        Parameters
        ----------
        index : int
            Frame, counted from 0; checked by the caller.
        out : ndarray, optional
            Receives the samples, if it has their dtype; of their shape, C-contiguous.
        reduce, region, layers, raw
            As in `radkit.decode`; checked by the caller.
        colour : {"rgb", "coded"}
            ``"coded"`` leaves YBR as it is, with signs put right (unlike `raw`).
        threads : int, default 1
            Threads that may share the frame; JPEG 2000 and HTJ2K can.
        data : memoryview, optional
            Coded bytes of the frame, where the caller has them: of another object
            that differs from this one in nothing that a decoder is told.

        Returns
        -------
        OneFrame
            Its array is `out` if that could be used.

        Raises
        ------
        UnsupportedTransferSyntax, CorruptFile, CorruptPixelData, LimitExceeded
            With `.frame` set.
        """
        try:
            with self.named(index):
                if data is None and self.coding not in ("native", "uncompressed-frame"):
                    data = self.map.read(index)
                return self._decode(index, data, out, reduce, region, layers, raw, colour, threads)
        except MemoryError:
            raise LimitExceeded(
                "there is not enough memory to decode a frame",
                limit="max_memory_bytes",
                allowed=limits.current().max_memory_bytes,
                frame=index,
                source=self.obj.reader.name,
            ) from None

    def _decode(
        self,
        index: int,
        data: memoryview | None,
        out: np.ndarray | None,
        reduce: int,
        region: Region | None,
        layers: int | None,
        raw: bool,
        colour: Colour,
        threads: int,
    ) -> OneFrame:
        coding = self.coding
        if coding == "native":
            frame = self._native(index, region, raw, out)
        elif coding == "uncompressed-frame":
            frame = self._uncompressed(index, region, raw, out)
        else:
            assert data is not None
            frame = self._coded(coding, data, reduce, region, layers, raw, colour, out, threads)
        array, label = frame.array, frame.photometric
        usable = out is not None and out.dtype == array.dtype and out.shape == array.shape
        if not raw and colour == "rgb":
            array, label = samples.to_rgb(array, label, frame.bits, out=out if usable else None)
        if usable and out is not None and array is not out:
            np.copyto(out, array)
            array = out
        return OneFrame(
            array=array,
            photometric=label,
            bits=frame.bits,
            lossy=frame.lossy,
            sound=frame.sound,
            problems=frame.problems,
            bytes_read=frame.bytes_read,
        )

    def _native(
        self, index: int, region: Region | None, raw: bool, out: np.ndarray | None
    ) -> OneFrame:
        image = self.image
        row0, row1, col0, col1 = region or (0, image.rows, 0, image.cols)
        cells, sound, size = native.read_frame(
            self.obj, image, self.layout, index, (row0, row1), strict=self.strict
        )
        return self._from_cells(cells[:, col0:col1], sound, size, raw, out)

    def _uncompressed(
        self, index: int, region: Region | None, raw: bool, out: np.ndarray | None
    ) -> OneFrame:
        image = self.image
        data = self.map.read(index).toreadonly()
        size = image.rows * image.cols * image.samples * image.bits_allocated
        size = (size + 7) // 8
        subsampled = len(data) < size and image.frame_bytes < size
        size = image.frame_bytes if subsampled else size
        there = min(len(data), size)
        if there < size:
            if self.strict:
                raise native.short_frame(there, size)
            limits.check("max_memory_bytes", size, "filling a frame that is cut")
            data = memoryview(bytes(data).ljust(size, b"\0"))
        if subsampled:
            cells = native.cells_422(data, image, image.rows, big_endian=False)
        else:
            cells = samples.native_cells(data, image, image.rows, big_endian=False)
        row0, row1, col0, col1 = region or (0, image.rows, 0, image.cols)
        return self._from_cells(cells[row0:row1, col0:col1], there / size, there, raw, out)

    def _from_cells(
        self, cells: np.ndarray, sound: float, size: int, raw: bool, out: np.ndarray | None
    ) -> OneFrame:
        """Finish cells that lay in the file: sign, unused bits, the name of their colour."""
        image = self.image
        if out is not None and (out.dtype != self.dtype or out.shape != cells.shape):
            out = None
        array = samples.finish_words(cells, image, signed=image.signed and not raw, out=out)
        if out is not None and array is not out:
            np.copyto(out, array)
            array = out
        if not raw and not array.flags.writeable:
            array = array.copy()  # results are never views on the source, except raw ones
        label, problems = samples.native_label(image)
        if sound < 1.0:
            problems += (
                Problem(
                    code="pixel-data-short",
                    text=f"Pixel Data end early: {sound:.1%} of the frame is there, the rest is 0",
                    tag=0x7FE00010,
                ),
            )
        return OneFrame(
            array=array,
            photometric=label,
            bits=image.bits_stored,
            lossy=False,
            sound=sound,
            problems=problems,
            bytes_read=size,
        )

    def _coded(
        self,
        coding: str,
        data: memoryview,
        reduce: int,
        region: Region | None,
        layers: int | None,
        raw: bool,
        colour: Colour,
        out: np.ndarray | None,
        threads: int,
    ) -> OneFrame:
        if self.photometric.startswith(("YBR_FULL", "YBR_PARTIAL")) and not raw and colour == "rgb":
            out = None  # what is decoded is no result yet
        frame = registry.decode_frame(
            coding,
            data,
            self._spec_of(coding),
            reduce=reduce,
            region=region,
            layers=layers,
            raw=raw or colour == "coded",
            strict=self.strict,
            out=out,
            threads=threads,
        )
        expected = self.frame_shape(region, reduce)
        if frame.array.shape != expected:
            raise CorruptPixelData(
                f"the codec returned {frame.array.shape} samples where {expected} are expected",
                section="PS3.5 8.2",
            )
        if reduce and self.image.signed and not frame.signed:
            frame = self._blended(frame)
        return self._from_codec(coding, frame, len(data), raw)

    def _blended(self, frame: UncodedFrame) -> UncodedFrame:
        """Refuse a reduction of bit fields that stand for signed values, or tell of it.

        The wavelet saw -1 next to 0 as the largest value next to the smallest, and
        its low-pass samples are means of these.
        """
        text = (
            "the codestream is unsigned, Pixel Representation is 1: its low resolutions mix"
            " negative and positive values as bit fields"
        )
        if self.strict:
            raise UnsupportedTransferSyntax(
                f"reduce cannot be done: {text}",
                syntax=self.obj.syntax.uid,
                section="PS3.5 8.2.4",
                hint="Decode at full resolution",
            )
        problem = Problem(code="signs-mixed", text=text, tag=0x00280103)
        return dataclasses.replace(frame, problems=(*frame.problems, problem))

    def _from_codec(self, coding: str, frame: UncodedFrame, size: int, raw: bool) -> OneFrame:
        image = self.image
        problems = frame.problems
        if coding in WORDS:
            array = samples.finish_words(frame.array, image, signed=image.signed and not raw)
            bits = image.bits_stored
        else:
            array, odd = samples.fit_codestream(frame, self.spec, raw=raw)
            known = {problem.code for problem in problems}
            problems += tuple(problem for problem in odd if problem.code not in known)
            bits = max(frame.precision, 1)
        return OneFrame(
            array=array,
            photometric=frame.photometric,
            bits=bits,
            lossy=frame.lossy,
            sound=frame.sound,
            problems=problems,
            bytes_read=size,
        )
