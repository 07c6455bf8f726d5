"""A series as one volume: read headers, sort, check, then decode into one array."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.errors import GeometryError, OptionError
from radkit.geometry import orientation, stack_affine
from radkit.volume.fill import Pixels
from radkit.volume.heads import Heads
from radkit.volume.plan import Plan, make_plan, one_step, single_step
from radkit.volume.records import LeftOut, Record
from radkit.volume.regular import fill_positions, fill_slices, resample_slices, slice_places
from radkit.volume.sort import sort_records
from radkit.volume.sources import expand
from radkit.volume.volume import Volume

__all__ = ["load_volume"]

Progress = Callable[[int, int], None]

SLOW_HEADER_S = 0.003  # a header that takes longer comes over a network: threads pay then


@overload
def load_volume(
    sources: Any,
    *,
    reduce: int = 0,
    strict: bool = False,
    split: Literal["error"] = "error",
    uneven: Literal["keep", "resample", "error"] = "keep",
    missing: Literal["error", "keep", "fill"] = "error",
    tolerance_mm: float | None = None,
    frames: int | slice | Sequence[int] | None = None,
    layers: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Volume: ...


@overload
def load_volume(
    sources: Any,
    *,
    split: Literal["auto"] | Sequence[str],
    reduce: int = 0,
    strict: bool = False,
    uneven: Literal["keep", "resample", "error"] = "keep",
    missing: Literal["error", "keep", "fill"] = "error",
    tolerance_mm: float | None = None,
    frames: int | slice | Sequence[int] | None = None,
    layers: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Volume]: ...


def load_volume(
    sources: Any,
    *,
    reduce: int = 0,
    strict: bool = False,
    split: Any = "error",
    uneven: Literal["keep", "resample", "error"] = "keep",
    missing: Literal["error", "keep", "fill"] = "error",
    tolerance_mm: float | None = None,
    frames: int | slice | Sequence[int] | None = None,
    layers: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Volume | list[Volume]:
    """Load a series as a volume in patient coordinates.

    Slices are ordered by position along their common normal, and spaced by their
    positions; names, Instance Numbers and Slice Thickness do not count. What is
    put right or left out is listed in `Volume.corrections`.

    Parameters
    ----------
    sources : folder, glob, or iterable of sources
        Objects of one series, or an enhanced multi-frame object. Objects without
        pixels or place, localizers and slices of other series are left out.
    reduce : int, default 0
        Halvings of rows and columns, as in `radkit.decode`. The affine is that
        of the small grid: spacing times 2**reduce, the origin unmoved.
    strict : bool, default False
        Refuse everything that would have to be put right: duplicates, jitter,
        gantry tilt, slopes that differ, a single slice, objects left out.
    split : {"error", "auto"} or sequence of str, default "error"
        Several stacks (echoes, phases, orientations): refuse them, return one
        volume for each, or tell them apart by these attributes.
    uneven : {"keep", "resample", "error"}, default "keep"
        Uneven distances: keep the slices and their true `positions`, make a
        regular grid at the smallest distance by linear interpolation, or refuse.
    missing : {"error", "keep", "fill"}, default "error"
        A gap of a whole number of usual distances: refuse, treat as uneven, or
        put padding slices into it.
    tolerance_mm : float, optional
        How far distances may differ in an even stack. Default: the larger of 2 %
        of the usual one and 0.005 mm.
    frames : int, slice or sequence of int, optional
        Frames of multi-frame objects to use. Default: all.
    layers : int, optional
        As in `radkit.decode`.
    threads : int, optional
        Threads that read and decode. Default: the cores this process may use.
    progress : callable, optional
        Called with (done, total) slices in the caller's thread, at most ten
        times a second and at the end.

    Returns
    -------
    Volume
        With stored values, slope and intercept kept beside them; float32 values
        with slope 1 and intercept 0 if the slices' slopes differ.
    list of Volume
        If `split` is not ``"error"``.

    Raises
    ------
    GeometryError
        The slices do not form a volume; the message has the figures,
        `.instances` and `.groups` the objects.
    OptionError
        An option is unknown or out of range.
    LimitExceeded
        The volume needs more memory than `radkit.limits` allows.
    CorruptFile, CorruptPixelData, UnsupportedTransferSyntax
        As `radkit.decode`, for each of the objects.

    Notes
    -----
    PS3.3 C.7.6.2.1.1, C.7.6.16. Memory: the array, once, and a frame per thread.

    Examples
    --------
    >>> import tempfile
    >>> from radkit.testing import write_series
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_volume(write_series(folder, slices=5)).spacing
    (2.0, 0.75, 0.5)
    """
    _check_options(split, uneven, missing, tolerance_mm)
    listed, searched = expand(sources)
    deadline = limits.deadline()
    records, left = _headers(listed, searched, frames, threads, deadline)
    if not records:
        whys = Counter(one.why for one in left)
        told = ", ".join(f"{number}: {why}" for why, number in whys.most_common())
        raise GeometryError(f"no slice with a place in the patient among {len(listed)} ({told})")
    pixels = Pixels(reduce=reduce, layers=layers, threads=threads, deadline=deadline)
    stacks = sort_records(records, split=split, tolerance_mm=tolerance_mm, digest=pixels.digest)
    plans = [make_plan(one, left, uneven, missing, strict=strict) for one in stacks]
    report = _reporter(progress, sum(len(plan.records) for plan in plans))
    volumes = [_volume(plan, pixels, uneven, report) for plan in plans]
    return volumes[0] if split == "error" else volumes


def _headers(
    listed: list[Any],
    searched: bool,
    frames: Any,
    threads: int | None,
    deadline: limits.Deadline,
) -> tuple[list[Record], list[LeftOut]]:
    """Read all headers; by threads only where the first of them show that files are slow."""
    from radkit.pixels.workers import stream, thread_count

    heads = Heads(searched=searched, wanted=[frames] if isinstance(frames, int) else frames)
    count = thread_count(threads, len(listed))
    found: list[Record | LeftOut] = []
    rest = iter(listed)
    start = time.monotonic()
    for number, source in enumerate(rest, 1):
        deadline.check()
        found += heads.read(source)
        if count > 1 and time.monotonic() - start > SLOW_HEADER_S * (number + 4):
            break
    for some in stream(heads.read, rest, threads=count, ahead=4 * count if count > 1 else 0):
        deadline.check()
        found += some
    records = [one for one in found if isinstance(one, Record)]
    return records, [one for one in found if isinstance(one, LeftOut)]


def _check_options(split: Any, uneven: str, missing: str, tolerance_mm: float | None) -> None:
    if isinstance(split, str) and split not in ("error", "auto"):
        raise OptionError(f"split must be error, auto or a list of attributes, not {split!r}")
    if not isinstance(split, str) and not (
        isinstance(split, Sequence) and split and all(isinstance(name, str) for name in split)
    ):
        raise OptionError("split must be error, auto or a list of attributes")
    if uneven not in ("keep", "resample", "error"):
        raise OptionError(f"uneven must be keep, resample or error, not {uneven!r}")
    if missing not in ("error", "keep", "fill"):
        raise OptionError(f"missing must be error, keep or fill, not {missing!r}")
    if tolerance_mm is not None and not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise OptionError(f"tolerance_mm must be 0 or more, not {tolerance_mm!r}")


def _reporter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done, last = 0, -math.inf

    def report(more: int) -> None:
        nonlocal done, last
        done += more
        now = time.monotonic()
        if progress is not None and more and (done == total or now - last >= 0.1):
            last = now
            progress(done, total)

    return report


def _volume(plan: Plan, pixels: Pixels, uneven: str, report: Callable[[int], None]) -> Volume:
    """Make one volume: ask for memory, read pixels, put holes and uneven slices as wanted."""
    records, first = plan.records, plan.records[0]
    own = one_step(records)
    array, places = _room(plan, pixels, np.dtype(first.form[3] if own else "float32"))
    filled: list[Record | None] = [None] * len(array)
    for place, record in zip(places, records, strict=True):
        filled[place] = record
    pixels.fill(array, filled, values=not own, report=report)
    padding = first.padding if own else None
    missing = tuple(k for k, record in enumerate(filled) if record is None)
    if missing:
        fill_slices(array, missing, padding)
    step = first.modality
    volume = Volume(
        array,
        _affine(plan, pixels.reduce, len(array)),
        step.slope if own else 1.0,
        step.intercept if own else 0.0,
        step.units,
        padding,
        first.frame_of_reference,
        tuple("" if record is None else record.instance for record in filled),
        None if plan.even else fill_positions(plan.stack.distances, plan.fill),
        missing,
        tuple(plan.corrections),
        labels=dict(plan.labels),
    )
    if not plan.even and uneven == "resample":
        volume = resample_slices(volume, pixels.deadline)
    return volume


def _room(plan: Plan, pixels: Pixels, dtype: np.dtype[Any]) -> tuple[NDArray[Any], list[int]]:
    """Return the array of a volume, and the place of each slice in it."""
    from radkit.pixels.selection import allocate

    rows, cols, samples, _ = plan.records[0].form
    places = slice_places(len(plan.records), plan.fill)
    shape: tuple[int, ...] = (
        places[-1] + 1,
        -(-rows >> pixels.reduce),
        -(-cols >> pixels.reduce),
    )
    if samples > 1:
        shape = (*shape, samples)
    limits.check("max_memory_bytes", math.prod(shape) * dtype.itemsize, "a volume")
    return allocate(shape, dtype), places


def _affine(plan: Plan, reduce: int, slices: int) -> NDArray[np.float64]:
    first, count = plan.records[0], len(plan.records)
    x, y, normal = orientation(first.cosines)
    spacing = [side * 2**reduce for side in first.spacing]
    step = plan.stack.step
    if count == 1:
        step = normal * single_step(first)[0]
    elif slices > count:
        step = step * ((count - 1) / (slices - 1))
    return stack_affine(x, y, spacing, plan.stack.origin, step)
