"""From what a frame's bytes or codestream give to the caller's samples: cells, sign, colour.

PS3.5 8.1.1 (cells; unused bits are undefined), 8.2 (native forms), Annex D
(byte order), PS3.3 C.7.6.3.1.2 (colour). The pixel work is done by native
kernels, here is only what to call.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from radkit._native import _pixels
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.dicom.imagepixel import ImagePixel
from radkit.errors import Problem

__all__ = ["container", "finish_words", "fit_codestream", "native_cells", "native_label", "to_rgb"]

_SWAPPED_HERE = sys.byteorder == "big"
YBR_KINDS = ("YBR_FULL", "YBR_FULL_422")


def container(bits: int, signed: bool) -> np.dtype[Any]:
    """Return the smallest integer type of at least `bits` bits."""
    width = next((width for width in (8, 16, 32, 64) if bits <= width), 64)
    return np.dtype(f"{'i' if signed else 'u'}{width // 8}")


def native_cells(
    data: memoryview, image: ImagePixel, rows: int, *, big_endian: bool, start_bit: int = 0
) -> np.ndarray:
    """Return the cells of (part of) a native frame as (rows, cols[, samples]), unsigned.

    A view on `data` where the bytes allow it. Values are neither masked nor
    shifted nor sign-extended: see `finish_words`. Float pixel data come as floats.

    Parameters
    ----------
    data : memoryview
        The bytes of those rows, all planes of them.
    image : ImagePixel
        What the header says.
    rows : int
        Rows that `data` holds.
    big_endian : bool
        Byte order of the cells.
    start_bit : int
        Where the first pixel begins in `data`, if Bits Allocated is 1.
    """
    cols, samples = image.cols, image.samples
    count = rows * cols * samples
    shape = (rows, cols) if samples == 1 else (rows, cols, samples)
    order = ">" if big_endian else "<"
    if image.kind != "int":
        floats = np.frombuffer(data, f"{order}f{4 if image.kind == 'float' else 8}", count)
        cells = np.asarray(floats, floats.dtype.newbyteorder("="))
    elif image.bits_allocated == 1:
        cells = np.empty(count, np.uint8)
        _pixels.unpack_bits(data, start_bit, count, cells)
    elif image.bits_allocated in (8, 16, 32, 64):
        stored = np.frombuffer(data, f"{order}u{image.bits_allocated // 8}", count)
        cells = np.asarray(stored, stored.dtype.newbyteorder("="))
    else:
        cells = np.empty(count, container(image.bits_allocated, False))
        _pixels.widen_cells(
            data[: count * image.bits_allocated // 8],
            cells,
            cell_bytes=image.bits_allocated // 8,
            big_endian=big_endian,
        )
    if samples > 1 and image.planar:
        return _interleaved(cells, rows, cols, samples)
    return cells.reshape(shape)


def _interleaved(planes: np.ndarray, rows: int, cols: int, samples: int) -> np.ndarray:
    if planes.dtype.itemsize == 8:
        return np.ascontiguousarray(np.moveaxis(planes.reshape(samples, rows, cols), 0, -1))
    pixels = np.empty((rows, cols, samples), planes.dtype)
    _pixels.interleave(planes, pixels, samples=samples)
    return pixels


def finish_words(
    cells: np.ndarray, image: ImagePixel, *, signed: bool, out: np.ndarray | None = None
) -> np.ndarray:
    """Return cells reduced to the stored bits, which end at High Bit, sign-extended if `signed`.

    The dtype is that of Pixel Representation; nothing is copied where all bits
    are stored ones. `out`, of that dtype and shape, receives what has to be made.
    """
    if image.kind != "int" or image.bits_allocated == 1:
        return cells
    dtype = container(image.bits_allocated, image.signed)
    width = 8 * cells.dtype.itemsize
    if image.bits_stored == width:
        return cells.view(dtype)
    made = np.empty(cells.shape, dtype) if out is None else out
    _pixels.finish(
        np.ascontiguousarray(cells),
        made,
        bits_stored=image.bits_stored,
        high_bit=image.high_bit,
        signed=signed,
    )
    return made


def native_label(image: ImagePixel) -> tuple[str, tuple[Problem, ...]]:
    """Return the Photometric Interpretation of native cells at full size, and what is odd about it.

    Native data cannot be YBR_RCT or YBR_ICT (PS3.5 8.2): who wrote them undid the
    transform and forgot the label.
    """
    label = image.photometric
    if label in ("YBR_RCT", "YBR_ICT"):
        problem = Problem(
            code="photometric-not-native",
            text=f"native pixel data cannot be {label}: taken as RGB (PS3.5 8.2)",
            tag=0x00280004,
        )
        return "RGB", (problem,)
    return ("YBR_FULL" if label == "YBR_FULL_422" else label), ()


def fit_codestream(
    frame: UncodedFrame, spec: FrameSpec, *, raw: bool
) -> tuple[np.ndarray, tuple[Problem, ...]]:
    """Return the samples of a codestream in the container of the data set, and what was odd.

    All bits of the stream's precision are kept. A codec without signs gives the
    bit field: with Pixel Representation 1 it is two's complement of the
    stream's precision (unless `raw`). A signed stream under Pixel
    Representation 0 keeps its bits as well, and negative ones are told.
    """
    array, bits = frame.array, frame.precision
    dtype = container(max(spec.bits_allocated, bits), spec.signed)
    problems = _disagreements(frame, spec)
    if array.dtype == dtype and frame.signed == spec.signed:
        return array, problems
    if frame.signed == spec.signed or (raw and not frame.signed):
        return (
            array.view(dtype) if array.dtype.itemsize == dtype.itemsize else array.astype(dtype)
        ), problems
    if frame.signed and array.size and int(array.min()) < 0:
        problems += (
            Problem(
                code="negative-samples",
                text="the codestream holds negative samples and Pixel Representation is 0:"
                f" they are given as fields of {bits} bits (PS3.5 8.2.4)",
                tag=0x00280103,
            ),
        )
    if bits == 8 * array.dtype.itemsize == 8 * dtype.itemsize:
        return array.view(dtype), problems
    out = np.empty(array.shape, dtype)
    _pixels.convert(np.ascontiguousarray(array), out, bits=bits, signed=spec.signed)
    return out, problems


def _disagreements(frame: UncodedFrame, spec: FrameSpec) -> tuple[Problem, ...]:
    problems: tuple[Problem, ...] = ()
    if frame.precision > spec.bits_stored:
        problems += (
            Problem(
                code="precision-above-bits-stored",
                text=f"the codestream has {frame.precision} bits per sample, Bits Stored says"
                f" {spec.bits_stored}: all of them are kept (PS3.5 8.1.1)",
                tag=0x00280101,
            ),
        )
    if spec.signed and not frame.signed and frame.precision != spec.bits_stored:
        problems += (
            Problem(
                code="sign-from-precision",
                text=f"Pixel Representation is 1, the codestream unsigned with {frame.precision}"
                f" bits and Bits Stored {spec.bits_stored}: the sign is the highest bit of the"
                " codestream's samples",
                tag=0x00280103,
            ),
        )
    return problems


def to_rgb(
    array: np.ndarray, photometric: str, bits: int, *, out: np.ndarray | None = None
) -> tuple[np.ndarray, str]:
    """Return interleaved YBR samples as RGB, with the label of what is returned.

    Anything that is no YCbCr of three unsigned samples comes back as it is.
    """
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind != "u":
        return array, photometric
    if photometric in YBR_KINDS:
        if array.dtype.itemsize <= 2:
            source = np.ascontiguousarray(array)
            rgb = np.empty_like(source) if out is None else out
            _pixels.ybr_full_to_rgb(source, rgb, bits=bits)
            return rgb, "RGB"
        return _matrix(array, bits, _FULL, 0.0), "RGB"
    if photometric in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        return _matrix(array, bits, _PARTIAL, 16.0), "RGB"
    return array, photometric


# The equations of PS3.3 C.7.6.3.1.2: full range, and CCIR 601 range (retired).
_FULL = ((0.2990, 0.5870, 0.1140), (-0.1687, -0.3313, 0.5000), (0.5000, -0.4187, -0.0813))
_PARTIAL = ((0.2568, 0.5041, 0.0979), (-0.1482, -0.2910, 0.4392), (0.4392, -0.3678, -0.0714))
_Matrix = tuple[tuple[float, float, float], ...]


def _matrix(array: np.ndarray, bits: int, equations: _Matrix, black: float) -> np.ndarray:
    """Turn YCbCr into RGB in float64, for forms that have no kernel."""
    scale = float(1 << bits) / 256
    offsets = np.array([black, 128.0, 128.0]) * scale
    rgb = (array.astype(np.float64) - offsets) @ np.linalg.inv(np.array(equations)).T
    return np.asarray(np.clip(np.floor(rgb + 0.5), 0, (1 << bits) - 1).astype(array.dtype))
