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
from radkit.volume.plan import Plan, make_plan, one_step
from radkit.volume.regular import fill_slices, resample_slices
from radkit.volume.scan import LeftOut, Record, scan
from radkit.volume.sort import sort_records
from radkit.volume.sources import expand
from radkit.volume.volume import Volume

__all__ = ["load_volume"]

Progress = Callable[[int, int], None]


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
    from radkit.pixels.workers import stream, thread_count

    listed, searched = expand(sources)
    count = thread_count(threads, len(listed))
    records: list[Record] = []
    left: list[LeftOut] = []
    wanted = [frames] if isinstance(frames, int) else frames
    deadline = limits.deadline()
    for found in stream(
        lambda one: scan(one, searched=searched, wanted=wanted),
        listed,
        threads=count,
        ahead=4 * count if count > 1 else 0,
    ):
        deadline.check()
        records += [one for one in found if isinstance(one, Record)]
        left += [one for one in found if isinstance(one, LeftOut)]
    if not records:
        whys = Counter(one.why for one in left)
        told = ", ".join(f"{number}: {why}" for why, number in whys.most_common())
        raise GeometryError(f"no slice with a place in the patient among {len(listed)} ({told})")
    job = _Job(reduce, layers, threads, deadline)
    stacks = sort_records(
        records, split=split, tolerance_mm=tolerance_mm, same_pixels=job.same_pixels
    )
    plans = [make_plan(one, left, uneven, missing, strict=strict) for one in stacks]
    total = sum(len(plan.records) for plan in plans)
    report = _reporter(progress, total)
    volumes = [job.volume(plan, uneven, report) for plan in plans]
    return volumes[0] if split == "error" else volumes


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


def _reporter(progress: Progress | None, total: int) -> Callable[[], None]:
    done, last = 0, -math.inf

    def report() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if progress is not None and (done == total or now - last >= 0.1):
            last = now
            progress(done, total)

    return report


class _Job:
    """Reads pixels for one call."""

    def __init__(
        self,
        reduce: int,
        layers: int | None,
        threads: int | None,
        deadline: limits.Deadline,
    ) -> None:
        self.reduce = reduce
        self.layers = layers
        self.threads = threads
        self.deadline = deadline

    def pixels(self, record: Record, out: NDArray[Any] | None = None) -> NDArray[Any]:
        from radkit.pixels import decode

        self.deadline.check()
        found: NDArray[Any] = decode(
            record.source,
            frames=record.frame or 0,
            reduce=self.reduce,
            layers=self.layers,
            out=out,
            # What a truncated frame lacks cannot be put right, whatever `strict` says.
            strict=True,
            threads=1,
        )
        return found

    def same_pixels(self, one: Record, other: Record) -> bool:
        return np.array_equal(self.pixels(one), self.pixels(other))

    def volume(self, plan: Plan, uneven: str, report: Callable[[], None]) -> Volume:
        from radkit.pixels.selection import check_at_least

        records, first = plan.records, plan.records[0]
        rows, cols, samples, kind = first.form
        check_at_least("reduce", self.reduce, 0, 32)
        shape = (len(records), -(-rows >> self.reduce), -(-cols >> self.reduce))
        if samples > 1:
            shape = (*shape, samples)  # type: ignore[assignment]  # one axis more
        own = one_step(records)
        dtype = np.dtype(kind if own else "float32")
        size = math.prod(shape) * dtype.itemsize
        limits.check("max_memory_bytes", size * (2 if plan.fill else 1), "a volume")
        array = np.empty(shape, dtype)
        self._fill(array, records, own=own, report=report)
        step = first.modality
        volume = Volume(
            array,
            self._affine(plan),
            step.slope if own else 1.0,
            step.intercept if own else 0.0,
            step.units,
            first.padding if own else None,
            first.frame_of_reference,
            tuple(record.instance for record in records),
            None if plan.even and not plan.fill else plan.stack.distances.copy(),
            (),
            tuple(plan.corrections),
        )
        if plan.fill:
            volume = fill_slices(volume, plan.fill, even=plan.even)
        if not plan.even and uneven == "resample":
            volume = resample_slices(volume)
        return volume

    def _affine(self, plan: Plan) -> NDArray[np.float64]:
        first = plan.records[0]
        x, y, normal = orientation(first.cosines)
        spacing = [side * 2**self.reduce for side in first.spacing]
        step = plan.stack.step
        if len(plan.records) == 1:
            step = normal * next(
                (size for size in (first.between, first.thickness) if size and size > 0), 1.0
            )
        return stack_affine(x, y, spacing, plan.stack.origin, step)

    def _fill(
        self, array: NDArray[Any], records: list[Record], *, own: bool, report: Callable[[], None]
    ) -> None:
        from radkit.pixels.workers import stream, thread_count

        def one(k: int) -> None:
            record = records[k]
            if own:
                self.pixels(record, array[k])
                return
            array[k] = record.modality.apply(self.pixels(record))

        count = thread_count(self.threads, len(records))
        ahead = 2 * count if count > 1 else 0
        for _ in stream(one, range(len(records)), threads=count, ahead=ahead):
            report()
