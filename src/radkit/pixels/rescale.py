"""Values: stored values turned into Hounsfield units, becquerels per millilitre, greys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radkit import limits
from radkit.errors import OptionError
from radkit.pixels.frames import Frames
from radkit.pixels.modality import Modality, frame_modality
from radkit.pixels.places import frame_groups
from radkit.pixels.results import Source, Values
from radkit.pixels.selection import (
    MAX_REDUCE,
    FrameChoice,
    Region,
    allocate,
    check_at_least,
    check_region,
    choose_frames,
)
from radkit.pixels.workers import run_all, thread_count

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["values"]

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
EXACT = 2.0**53  # integers up to here are exact in float64


def values(
    source: Source,
    *,
    frames: FrameChoice = None,
    reduce: int = 0,
    region: Region | None = None,
    dtype: npt.DTypeLike = "float32",
    strict: bool = True,
    threads: int | None = None,
) -> Values:
    """Decode to values in their unit: slope and intercept, or the Modality LUT, applied.

    Each frame has its own step: of its functional group, else of the shared one,
    else of the top level.

    Parameters
    ----------
    source, frames, reduce, region, strict, threads
        As in `radkit.decode`.
    dtype : dtype, default float32
        A float type, rounded to once; or an integer type, which must hold every
        value exactly.

    Returns
    -------
    Values
        The array, with the shape of `radkit.decode`, and its unit. `slope` and
        `intercept` are those of all frames; 1 and 0 if frames differ or a table
        was applied.

    Raises
    ------
    RadkitError, TypeError
        As `radkit.decode`.
    CorruptFile
        A slope or table of the header makes no sense.
    OptionError
        The object is in colour, or `dtype` is of integers and does not hold a
        value, or values have fractions.

    Notes
    -----
    PS3.3 C.11.1 and C.7.6.16.2.9, in float64. Real World Value Mappings are not
    applied. Padding stays in, as the value that the step makes of it.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> ct = radkit.values(get_testdata_file("CT_small.dcm"))
    >>> ct.units, ct.slope, ct.intercept, ct.array.dtype
    ("[hnsf'U]", 1.0, -1024.0, dtype('float32'))
    """
    wanted = _check_dtype(dtype)
    reduce = check_at_least("reduce", reduce, 0, MAX_REDUCE)
    with Frames(source, strict=strict) as opened, opened.named():
        return _values(opened, frames, reduce, region, wanted, threads)


def _check_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    wanted = np.dtype(dtype).newbyteorder("=")
    if wanted.kind not in "iuf":
        raise OptionError(f"dtype must be a float or integer type, not {wanted}")
    return wanted


def _values(
    opened: Frames,
    frames: FrameChoice,
    reduce: int,
    region: Region | None,
    dtype: np.dtype[Any],
    threads: int | None,
) -> Values:
    image = opened.image
    if image.photometric not in GREY:
        raise OptionError(
            f"there are no values of Photometric Interpretation {image.photometric[:16]!r}:"
            " the modality step is for MONOCHROME1 and MONOCHROME2 [PS3.3 C.11.1]"
        )
    numbers, alone = choose_frames(frames, image.frames)
    box = check_region(region, image.rows, image.cols)
    opened.check_ability(reduce=reduce, layers=None)
    frame_shape = opened.frame_shape(box, reduce)
    shape = frame_shape if alone else (len(numbers), *frame_shape)
    count = thread_count(threads, len(numbers))
    _check_memory(opened, shape, frame_shape, dtype, count)
    groups = frame_groups(opened)
    steps = [frame_modality(opened.obj, image, groups, number) for number in numbers]
    opened.locate(numbers)
    array = allocate(shape, dtype)
    places = array[None] if alone else array

    def work(i: int) -> None:
        made = opened.decode(numbers[i], reduce=reduce, region=box)
        _apply(steps[i], made.array, places[i])

    run_all(work, len(numbers), threads=count, deadline=limits.deadline())
    first = steps[0] if steps else Modality()
    same = all(first.same(step) for step in steps[1:]) and first.lut is None
    units = {step.units for step in steps}
    return Values(
        array=array,
        units=units.pop() if len(units) == 1 else "",
        slope=first.slope if same else 1.0,
        intercept=first.intercept if same else 0.0,
    )


def _check_memory(
    opened: Frames,
    shape: tuple[int, ...],
    frame_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    threads: int,
) -> None:
    total = dtype.itemsize
    for side in shape:
        total *= side
    work = threads * 24
    for side in frame_shape:
        work *= side
    limits.check(
        "max_memory_bytes", total + work, "computing values", source=opened.obj.reader.name
    )


def _apply(step: Modality, stored: np.ndarray, place: np.ndarray) -> None:
    """Write the values of one frame, rounding to the type of `place` once."""
    linear = step.lut is None
    if place.dtype.kind == "f":
        if linear and step.slope == 1.0 and step.intercept == 0.0:
            place[...] = stored
        elif stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2 and stored.size > 1 << 16:
            place[...] = _by_table(step, stored, place.dtype)
        else:
            place[...] = step.apply(stored)
        return
    if linear and stored.dtype.kind in "iu" and step.slope == 1.0 and step.intercept == 0.0:
        _fill(place, stored)
        return
    grey = step.apply(stored)
    finite = np.isfinite(grey)
    if not finite.all() or (grey != np.floor(grey)).any() or (np.abs(grey) >= EXACT).any():
        raise OptionError(
            f"dtype {place.dtype} cannot hold the values exactly: they have fractions or are"
            " beyond 2**53; ask for float32 or float64"
        )
    _fill(place, grey)


def _by_table(step: Modality, stored: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Compute each of the inputs once: the same numbers, without float64 copies of the frame."""
    width = 8 * stored.dtype.itemsize
    inputs = np.arange(1 << width, dtype=f"u{stored.dtype.itemsize}").view(stored.dtype)
    table: np.ndarray = step.apply(inputs).astype(dtype)
    return np.asarray(table[np.ascontiguousarray(stored).view(f"u{stored.dtype.itemsize}")])


def _fill(place: np.ndarray, numbers: np.ndarray) -> None:
    if numbers.size:
        low, high = numbers.min(), numbers.max()
        allowed = np.iinfo(place.dtype)
        if int(low) < allowed.min or int(high) > allowed.max:
            raise OptionError(
                f"dtype {place.dtype} cannot hold values from {int(low)} to {int(high)}"
            )
    place[...] = numbers.astype(place.dtype)
