"""What of an object is asked for: frames, region, reduction, threads, and the caller's array.

All checks of options that need no pixel: each refusal is an `OptionError` (or a
`TypeError`) that names the option, and nothing has been read or allocated yet.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from radkit import limits
from radkit.errors import LimitExceeded, OptionError

__all__ = [
    "FrameChoice",
    "Region",
    "allocate",
    "check_at_least",
    "check_out",
    "check_region",
    "check_scale",
    "choose_frames",
    "grid_shape",
]

FrameChoice: TypeAlias = int | slice | Sequence[int] | None
Region: TypeAlias = tuple[int, int, int, int]

MAX_REDUCE = 32  # decomposition levels of T.800 A.6.1


def choose_frames(frames: Any, count: int) -> tuple[Sequence[int], bool]:
    """Return the chosen frame numbers, and whether the frame axis is dropped.

    Parameters
    ----------
    frames : int, slice, sequence of int or None
        Slices follow Python's rules, numbers count from 0 and are never negative.
    count : int
        Frames of the object.

    Raises
    ------
    OptionError
        A number is negative or beyond the last frame, or a slice has step 0.
    TypeError
        `frames` is something else.
    """
    if frames is None:
        return range(count), count == 1
    if isinstance(frames, slice):
        try:
            return range(*frames.indices(count)), False
        except ValueError:
            raise OptionError("frames: the step of a slice must not be 0") from None
    if isinstance(frames, str | bytes):
        raise TypeError(f"frames must be int, slice, sequence of int or None, not {frames!r}")
    if isinstance(frames, Iterable):
        return [_frame_number(one, count) for one in frames], False
    return [_frame_number(frames, count)], True


def _frame_number(value: Any, count: int) -> int:
    number = _integer("frames", value)
    if not 0 <= number < count:
        raise OptionError(f"frames: {number} is outside of the frames 0 to {count - 1}")
    return number


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, not a truth value")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None


def check_at_least(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return the option as an int, if it is from `least` to `most`; else raise `OptionError`."""
    number = _integer(name, value)
    if number < least or (most is not None and number > most):
        upper = "" if most is None else f" and at most {most}"
        raise OptionError(f"{name} must be at least {least}{upper}, not {number}")
    return number


def check_region(region: Any, rows: int, cols: int) -> Region | None:
    """Return the region, or None if it is the whole frame.

    Raises
    ------
    OptionError
        Not four integers, empty, or not inside of the frame.
    """
    if region is None:
        return None
    try:
        box = tuple(_integer("region", side) for side in region)
    except TypeError as error:
        raise TypeError(f"region must be (row0, row1, col0, col1): {error}") from None
    if len(box) != 4:
        raise OptionError(f"region must be (row0, row1, col0, col1), not {len(box)} numbers")
    row0, row1, col0, col1 = box
    if not (0 <= row0 < row1 <= rows and 0 <= col0 < col1 <= cols):
        raise OptionError(
            f"region {box} is empty or outside of the {rows} rows and {cols} columns"
            " (half-open, in pixels of the full resolution)"
        )
    return None if box == (0, rows, 0, cols) else (row0, row1, col0, col1)


def grid_shape(rows: int, cols: int, region: Region | None, reduce: int) -> tuple[int, int]:
    """Return rows and columns of what a region gives at a reduction.

    The samples of a reduced grid lie on the multiples of 2**reduce of the full
    one (T.800 B.5), so a half-open range a..b holds ceil(b / 2**n) - ceil(a / 2**n)
    of them.
    """
    row0, row1, col0, col1 = region or (0, rows, 0, cols)
    return _halved(row1, reduce) - _halved(row0, reduce), _halved(col1, reduce) - _halved(
        col0, reduce
    )


def _halved(n: int, reduce: int) -> int:
    return -(-n >> reduce)


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless `out` can take the result as it is: shape, dtype, C-contiguous, writable."""
    if out is None:
        return
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy.ndarray, not {type(out).__name__}")
    if out.shape != shape:
        raise OptionError(f"out has shape {out.shape}; the result has {shape}")
    if out.dtype != dtype:
        raise OptionError(f"out has dtype {out.dtype}; the result has {dtype}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise OptionError("out must be C-contiguous and writable")


def check_scale(reduce: int, layers: int | None) -> tuple[int, int | None]:
    """Return both options if they are in range, or raise `OptionError`."""
    reduce = check_at_least("reduce", reduce, 0, MAX_REDUCE)
    return reduce, None if layers is None else check_at_least("layers", layers, 1)


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return a new array, or raise `LimitExceeded` where there is not enough memory."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):
        asked = dtype.itemsize
        for side in shape:
            asked *= side
        raise LimitExceeded(
            "this machine has not enough memory for the result",
            limit="max_memory_bytes",
            allowed=limits.current().max_memory_bytes,
            asked=asked,
            hint="Decode fewer frames, a region, or use iter_frames",
        ) from None
