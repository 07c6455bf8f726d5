"""Frames of native pixel data: which bytes are frame i, or some of its rows (PS3.5 8.1.1, 8.2).

One-bit frames are packed without byte alignment, native YBR_FULL_422 has two
samples per pixel (or, in some files, three: the length decides), and 8-bit data in
OW words of a big-endian data set lie swapped in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radkit import limits
from radkit._native import _pixels
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptPixelData, TruncatedPixelData
from radkit.pixels.samples import native_cells

__all__ = [
    "NativeLayout",
    "cells_422",
    "is_subsampled",
    "native_layout",
    "read_frame",
    "short_frame",
]


@dataclass(frozen=True, slots=True)
class NativeLayout:
    """Where native pixel data lie and how their frames follow each other.

    Parameters
    ----------
    offset, length : int
        Of the value in the object, as far as it is there.
    frame_bits : int
        Bits of one frame.
    row_bytes : int
        Bytes of one row; 0 where a row is not one run of bytes.
    subsampled : bool
        Y1 Y2 Cb Cr for two pixels.
    big_endian : bool
        Byte order of the cells.
    swapped_pairs : bool
        Cells of one byte lie in swapped words.
    """

    offset: int
    length: int
    frame_bits: int
    row_bytes: int
    subsampled: bool
    big_endian: bool
    swapped_pairs: bool


def is_subsampled(image: ImagePixel, frame_bytes: int) -> bool:
    """Say whether frames of that many bytes are Y1 Y2 Cb Cr."""
    if image.photometric != "YBR_FULL_422" or image.samples != 3 or image.bits_allocated < 8:
        return False
    return frame_bytes < image.rows * image.cols * 3 * (image.bits_allocated // 8)


def native_layout(obj: DicomObject, image: ImagePixel, frame_bytes: int) -> NativeLayout:
    """Return the layout of native pixel data whose frames have `frame_bytes` bytes."""
    element = obj.pixels
    if element is None or element.length < 0:
        raise CorruptPixelData("native pixel data of undefined length", section="PS3.5 8.2")
    bits = 8 * frame_bytes
    if image.bits_allocated == 1:
        bits = image.rows * image.cols * image.samples
    subsampled = is_subsampled(image, frame_bytes)
    rows_are_runs = image.bits_allocated >= 8 and (subsampled or not image.planar)
    syntax = obj.syntax
    return NativeLayout(
        offset=element.value,
        length=max(0, min(element.length, obj.reader.size - element.value)),
        frame_bits=bits,
        row_bytes=frame_bytes // image.rows if rows_are_runs else 0,
        subsampled=subsampled,
        big_endian=syntax.big_endian_pixels,
        swapped_pairs=(
            syntax.big_endian_pixels and image.bits_allocated <= 8 and element.vr == "OW"
        ),
    )


def read_frame(
    obj: DicomObject,
    image: ImagePixel,
    layout: NativeLayout,
    index: int,
    rows: tuple[int, int],
    *,
    strict: bool,
) -> tuple[np.ndarray, float, int]:
    """Return cells of the rows row0 ... row1 - 1 of a frame, the share that was there, bytes read.

    Only those rows are read where each is a run of bytes; else the frame is read
    whole and cut.
    """
    first_bit = index * layout.frame_bits
    start, count = first_bit // 8, image.rows
    size = (first_bit % 8 + layout.frame_bits + 7) // 8
    if layout.row_bytes:
        start += rows[0] * layout.row_bytes
        count = rows[1] - rows[0]
        size = count * layout.row_bytes
    data, there = _read(obj, layout, start, size, strict=strict)
    data = data.toreadonly()  # arrays on it are then known to be views
    if layout.subsampled:
        cells = cells_422(data, image, count, big_endian=layout.big_endian)
    else:
        cells = native_cells(
            data, image, count, big_endian=layout.big_endian, start_bit=first_bit % 8
        )
    if not layout.row_bytes:
        cells = cells[rows[0] : rows[1]]
    return cells, there / size, there


def short_frame(there: int, size: int, *, offset: int | None = None) -> TruncatedPixelData:
    """Return the error for a native frame of `size` bytes of which only `there` are."""
    return TruncatedPixelData(
        f"a frame has {size} bytes; {there} of them are there",
        decoded=there / size,
        offset=offset,
        section="PS3.5 8.1.1",
        hint="strict=False fills what is missing with 0",
    )


def _read(
    obj: DicomObject, layout: NativeLayout, start: int, size: int, *, strict: bool
) -> tuple[memoryview, int]:
    """Return `size` bytes of the value from `start` on, and how many of them are in the file."""
    there = max(0, min(start + size, layout.length) - start)
    if there < size and strict:
        raise short_frame(there, size, offset=layout.offset + layout.length)
    if not there:
        data = memoryview(b"")
    elif layout.swapped_pairs:
        data = _unswapped(obj, layout, start, start + there)
    else:
        data = obj.reader.read(layout.offset + start, there)
    if there < size:
        limits.check("max_memory_bytes", size, "filling a frame that is cut")
        data = memoryview(bytes(data).ljust(size, b"\0"))
    return data, there


def _unswapped(obj: DicomObject, layout: NativeLayout, start: int, end: int) -> memoryview:
    """Read bytes that lie swapped in pairs; a last byte without a partner stands alone."""
    even, past = start // 2 * 2, min((end + 1) // 2 * 2, layout.length)
    pairs = np.frombuffer(obj.reader.read(layout.offset + even, past - even), np.uint8)
    whole = len(pairs) // 2 * 2
    turned = pairs.copy()
    turned[0:whole:2], turned[1:whole:2] = pairs[1:whole:2], pairs[0:whole:2]
    return memoryview(turned.tobytes())[start - even : end - even]


def cells_422(data: memoryview, image: ImagePixel, rows: int, *, big_endian: bool) -> np.ndarray:
    """Return native Y1 Y2 Cb Cr as (rows, cols, 3), each chroma sample twice, colour as stored."""
    even = (image.cols + 1) // 2 * 2
    kind = f"{'>' if big_endian else '<'}u{image.bits_allocated // 8}"
    if image.bits_allocated not in (8, 16):
        raise CorruptPixelData(
            "YBR_FULL_422 has 8 or 16 bits allocated", section="PS3.3 C.7.6.3.1.2"
        )
    stored = np.frombuffer(data, kind, rows * even * 2)
    stored = np.asarray(stored, stored.dtype.newbyteorder("="))
    full = np.empty((rows, even, 3), stored.dtype)
    _pixels.ybr_422_to_ybr_full(stored, full, rows, even)
    return full if even == image.cols else np.ascontiguousarray(full[:, : image.cols])
