"""What codings without resolutions and layers share: options, arrays, limits, cropping.

They decode a frame whole or not at all, so a region is cut out afterwards, and
`reduce` and `layers` are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radkit import limits
from radkit.errors import OptionError, UnsupportedTransferSyntax

__all__ = ["as_bytes", "check_size", "check_whole", "crop", "output"]

Region = tuple[int, int, int, int]


def check_whole(
    coding: str, rows: int, cols: int, reduce: int, region: Region | None, layers: int | None
) -> None:
    """Refuse options that are out of range, and those that the coding cannot do.

    Raises
    ------
    OptionError
        `reduce` or `layers` is out of range, or `region` is not inside the frame.
    UnsupportedTransferSyntax
        `reduce` or `layers` asks for what only JPEG 2000 and HTJ2K have.
    """
    if reduce < 0:
        raise OptionError(f"reduce must be at least 0, not {reduce}")
    if layers is not None and layers < 1:
        raise OptionError(f"layers must be at least 1, not {layers}")
    if reduce or layers is not None:
        word = "reduce" if reduce else "layers"
        raise UnsupportedTransferSyntax(
            f"{coding} cannot do {word}",
            hint="Decode the whole frame, or transcode it to JPEG 2000 or HTJ2K",
        )
    if region is not None:
        row0, row1, col0, col1 = region
        if not (0 <= row0 < row1 <= rows and 0 <= col0 < col1 <= cols):
            raise OptionError(f"region {region} is empty or outside {rows} x {cols} pixels")


def check_size(rows: int, cols: int, pixel_bytes: int, work_bytes: int) -> None:
    """Compare a frame with the limits in force, before anything is allocated.

    Raises
    ------
    LimitExceeded
        The frame is too large.
    """
    pixels = rows * cols
    limits.check("max_pixels", pixels, f"a frame of {rows} x {cols} pixels")
    limits.check("max_memory_bytes", pixels * pixel_bytes + work_bytes, "memory to decode a frame")


def as_bytes(data: Any) -> npt.NDArray[np.uint8]:
    """Return a view of the bytes of any contiguous bytes-like object.

    Raises
    ------
    TypeError
        It is none.
    """
    view = memoryview(data)
    if not view.c_contiguous:
        raise TypeError("data must be contiguous")
    if view.nbytes == 0:
        return np.empty(0, np.uint8)
    return np.frombuffer(view, np.uint8)


def output(
    out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[np.ndarray, npt.NDArray[np.uint8]]:
    """Return the result array, the caller's or a new one, and its bytes.

    Raises
    ------
    OptionError
        `out` has another shape or dtype, or cannot be written in C order.
    """
    if out is None:
        out = np.empty(shape, dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    elif out.shape != shape or out.dtype != dtype:
        raise OptionError(f"out is {out.dtype} {out.shape}, the frame is {dtype} {shape}")
    elif not (out.flags.c_contiguous and out.flags.writeable):
        raise OptionError("out must be C-contiguous and writable")
    return out, out.reshape(-1).view(np.uint8)


def crop(array: np.ndarray, region: Region | None) -> np.ndarray:
    """Return a copy of the region, which `check_whole` has checked, or the array itself."""
    if region is None:
        return array
    row0, row1, col0, col1 = region
    return array[row0:row1, col0:col1].copy()
