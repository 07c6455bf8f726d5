"""Checks that every coding shares: buffers, sizes against the data set, limits, regions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from radkit import limits
from radkit._native import _pixels
from radkit.codecs.frame import FrameSpec
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    OptionError,
    UnsupportedTransferSyntax,
)

__all__ = [
    "Region",
    "as_image",
    "as_view",
    "check_cost",
    "check_out",
    "check_region",
    "check_spec",
    "deliver",
    "dtype_for",
    "refuse_partial",
]

Region = tuple[int, int, int, int]


def as_view(data: Any) -> memoryview:
    """Return the bytes of a bytes-like object as a flat view; TypeError for anything else."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be bytes-like, not {type(data).__name__}") from None
    if view.ndim == 1 and view.format == "B" and view.contiguous:
        return view
    if not view.c_contiguous:
        raise TypeError("data must be contiguous")
    return view.cast("B") if view.nbytes else memoryview(b"")


@cache
def dtype_for(precision: int, signed: bool) -> np.dtype[Any]:
    """Return the smallest integer type that holds `precision` bits."""
    for bits in (8, 16, 32):
        if precision <= bits:
            return np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
    raise UnsupportedTransferSyntax(
        f"{precision} bits per sample are more than the 32 that radkit decodes"
    )


def check_cost(rows: int, cols: int, samples: int, sample_bytes: int, *, work: int = 0) -> None:
    """Raise `LimitExceeded` if a frame of that size may not be made.

    `sample_bytes` are those of the result, `work` the further bytes per sample that
    the decoder takes.
    """
    now = limits.current()
    asked = rows * cols * samples * (sample_bytes + work)
    if rows * cols <= now.max_pixels and asked <= now.max_memory_bytes:
        return
    limits.check("max_pixels", rows * cols, "rows times columns of a frame")
    limits.check("max_memory_bytes", asked, "bytes to decode a frame")


def check_spec(rows: int, cols: int, samples: int, spec: FrameSpec) -> None:
    """Raise `CorruptPixelData` if the codestream is of another size than the data set says."""
    found, wanted = (rows, cols, samples), (spec.rows, spec.cols, spec.samples)
    if found != wanted:
        raise CorruptPixelData(
            f"the codestream is of {rows} rows, {cols} columns, {samples} samples per pixel; "
            f"the data set says {spec.rows}, {spec.cols}, {spec.samples}",
            section="PS3.5 8.2",
        )


def check_region(region: Region | None, rows: int, cols: int) -> Region:
    """Return the region, or the whole image for None; `OptionError` if it leaves the image."""
    if region is None:
        return (0, rows, 0, cols)
    try:
        row0, row1, col0, col1 = (int(side) for side in region)
    except (TypeError, ValueError):
        raise OptionError("region must be (row0, row1, col0, col1)") from None
    if not (0 <= row0 < row1 <= rows and 0 <= col0 < col1 <= cols):
        raise OptionError(
            f"region {(row0, row1, col0, col1)} is not inside an image of {rows} rows and "
            f"{cols} columns"
        )
    return (row0, row1, col0, col1)


def refuse_partial(coding: str, reduce: int, layers: int | None) -> None:
    """Refuse `reduce` and `layers` for a coding that has neither."""
    if reduce < 0 or (layers is not None and layers < 1):
        raise OptionError(f"reduce must be >= 0 and layers >= 1, not {reduce!r} and {layers!r}")
    if reduce or layers is not None:
        raise UnsupportedTransferSyntax(
            f"{coding} has no resolutions or quality layers",
            hint="Decode the whole frame, or transcode to HTJ2K or JPEG 2000 first",
        )


def deliver(array: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Return `array`, or copy it into `out`, which must be of exactly its shape and dtype."""
    if out is None:
        return array
    check_out(out, array.shape, array.dtype)
    out[...] = array
    return out


def check_out(out: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless `out` is an array that a result of that shape and dtype can be put into."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise OptionError(f"out must be {dtype} of shape {shape}, not {out.dtype} of {out.shape}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise OptionError("out must be C-contiguous and writable")


def as_image(array: Any, bits: int, signed: bool) -> np.ndarray:
    """Return a C-contiguous integer image whose values fit in `bits`; else `EncodeError`."""
    return measured_image(array, bits, signed)[0]


def measured_image(array: Any, bits: int, signed: bool) -> tuple[np.ndarray, int, int]:
    """Return what `as_image` does, and its least and largest value."""
    image = np.asarray(array)
    if image.dtype == np.bool_:
        image = image.view(np.uint8)
    if image.dtype.kind not in "iu":
        raise EncodeError(f"an image to encode must be of integers, not {image.dtype}")
    if image.ndim not in (2, 3) or min(image.shape) < 1:
        raise EncodeError(
            f"an image to encode is (rows, cols) or (rows, cols, samples), not {image.shape}"
        )
    if not 1 <= bits <= 32:
        raise EncodeError(f"bits must be 1 to 32, not {bits}")
    low = -(1 << bits - 1) if signed else 0
    high = (1 << bits - signed) - 1
    image = np.ascontiguousarray(image)
    if image.dtype.isnative and image.itemsize <= 4:
        least, largest = _pixels.minmax(image) or (0, 0)  # never empty, as was checked
    else:
        least, largest = int(image.min()), int(image.max())
    if least < low or largest > high:
        raise EncodeError(
            f"the image has values outside the {low} to {high} of {bits} "
            f"{'signed' if signed else 'unsigned'} bits",
            hint="Encode with as many bits as the values need",
        )
    return image, least, largest
