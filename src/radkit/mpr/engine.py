"""Runs the native sampler over the rows of a picture: types, filling, threads, deadline."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit import limits
from radkit._native import _mpr, _pixels
from radkit.errors import OptionError
from radkit.geometry.plane import Projection
from radkit.pixels.selection import check_at_least, check_out
from radkit.volume.sample import Interpolation, job
from radkit.volume.volume import Volume

__all__ = [
    "Picture",
    "checked_fill",
    "result_dtype",
    "sample_lines",
    "sample_plane",
    "smallest",
]

Floats: TypeAlias = NDArray[np.float64]
Vector: TypeAlias = tuple[float, float, float]
Picture: TypeAlias = tuple[NDArray[Any], NDArray[np.bool_] | None]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
BLOCK = 1 << 21  # samples between two looks at the clock


def result_dtype(
    volume: Volume, project: Projection | Literal["thin"], dtype: DTypeLike | None
) -> np.dtype[Any]:
    """Return the type of a picture: of the volume, or the float type that is asked for."""
    if dtype is None:
        # A sum of integers would overflow.
        return np.dtype(np.float32) if project == "sum" else volume.array.dtype
    kind = np.dtype(dtype)
    if kind not in FLOATS:
        raise OptionError(f"dtype must be float32, float64 or None, not {kind}")
    return kind


def sample_plane(
    volume: Volume,
    origin: Vector,
    down: Vector,
    right: Vector,
    *,
    size: tuple[int, int],
    into: Vector = (0.0, 0.0, 0.0),
    depth: int = 1,
    project: Projection | Literal["thin"] = "thin",
    **options: Any,
) -> Picture:
    """Sample the points ``origin + r * down + c * right + k * into`` of a plane or slab.

    Parameters
    ----------
    volume : Volume
        What to sample.
    origin, down, right, into : (x, y, z)
        LPS mm: sample 0 of pixel (0, 0), and the steps of row, column and sample.
    size : (rows, cols)
    depth : int
        Samples of a pixel, reduced by `project` (thin: 1).
    **options
        `interpolation`, `kind` (of `result_dtype`), `fill`, `out`, `threads`.

    Returns
    -------
    array : ndarray
        (rows, cols[, samples]) of `kind`.
    outside : ndarray of bool or None
        (rows, cols), where there is no data; None if there is everywhere.
    """
    grid = {"place": (*origin, *down, *right, *into), "affine": volume.affine}
    return _sample(volume, size, depth, project, grid, **options)


def sample_lines(
    volume: Volume,
    lines: Floats,
    *,
    cols: int,
    depth: int = 1,
    project: Projection | Literal["thin"] = "thin",
    **options: Any,
) -> Picture:
    """Sample rows that each have a place of their own, as those of a curved plane.

    `lines` is (rows, 3, 3), LPS mm: sample 0 of column 0, the step of columns, and the step
    of samples. All else is as in `sample_plane`.
    """
    grid = {"lines": _mpr.to_index(volume.affine, lines, every=3)}
    return _sample(volume, (len(lines), cols), depth, project, grid, **options)


def _sample(
    volume: Volume,
    size: tuple[int, int],
    depth: int,
    project: Projection | Literal["thin"],
    grid: dict[str, Any],
    *,
    interpolation: Interpolation = "linear",
    kind: np.dtype[Any],
    fill: float | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Picture:
    shape = (*size, *volume.array.shape[3:])
    count = 1 if threads is None else check_at_least("threads", threads, 1)
    limits.check("max_pixels", size[0] * size[1], "a plane")
    native = _mpr.knows(kind)
    used = math.prod(shape) * (kind.itemsize + (0 if native else 8)) + size[0] * size[1]
    limits.check("max_memory_bytes", used, "a plane")
    check_out(out, shape, kind)
    array = np.empty(shape, kind) if out is None else out
    target = array if native and not callable(project) else np.empty(shape)
    outside = np.empty(size, np.uint8)
    empty = volume.padding if fill is None else checked_fill(fill, kind)
    made = job(
        volume.array,
        interpolation=interpolation,
        padding=volume.padding,
        positions=volume.positions,
        size=size,
        depth=depth,
        project="mean" if callable(project) else project,
        out=target.dtype,
        fill=0.0 if empty is None else empty,
        **grid,
    )
    if callable(project):
        lacking = _reduce(made, project, target, outside, depth, used, count)
    else:
        lacking = _run(
            lambda first, rows: made.rows(first, rows, target, outside), size, depth, count
        )
    if target is not array:
        array[...] = _stored(target, kind)
    if not lacking:
        return array, None
    mask = outside.view(np.bool_)
    if empty is None or target is not array:  # only now is it worth looking for the smallest value
        array[mask] = smallest(volume) if empty is None else empty
    return array, mask


def _run(work: Callable[[int, int], int], size: tuple[int, int], depth: int, threads: int) -> int:
    """Do all rows, some at a time; return the number of pixels without data."""
    rows, cols = size
    block = max(1, min(BLOCK // (cols * depth), rows))
    if threads == 1 and block == rows:
        return work(0, rows)
    if threads > 1:  # some blocks for each, so that all end at the same time
        block = min(block, -(-rows // (4 * threads)))
    blocks = -(-rows // block)

    def part(number: int) -> int:
        first = number * block
        return work(first, min(block, rows - first))

    from radkit.pixels.workers import run_all

    return sum(run_all(part, blocks, threads=min(threads, blocks), deadline=limits.deadline()))


def _reduce(
    made: _mpr.Job,
    function: Callable[[Floats], float],
    target: Floats,
    outside: NDArray[np.uint8],
    depth: int,
    used: int,
    threads: int,
) -> int:
    """Let the caller's function make each pixel of its samples."""
    from radkit.mpr.reduction import reduce_samples

    rows, cols = outside.shape
    samples = math.prod(target.shape[2:])
    block = max(1, min(BLOCK // 16 // (cols * depth), rows))
    held = threads * block * cols * depth * (8 * samples + 2)
    limits.check("max_memory_bytes", used + held, "the samples of a slab")

    def work(first: int, count: int) -> int:
        values = np.empty((count * cols * samples, depth))
        there = np.empty((count * cols, depth), np.uint8)
        made.samples(first, count, values, there)
        part = slice(first, first + count)
        inside = there.view(np.bool_)
        found = reduce_samples(function, values, np.repeat(inside, samples, axis=0))
        target[part] = found.reshape(target[part].shape)
        outside[part] = ~inside.any(axis=1).reshape(count, cols)
        return int(outside[part].sum())

    return _run(work, (rows, cols), 16 * depth, threads)


def _stored(values: Floats, kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind in "iu":
        if not np.isfinite(values).all():
            raise OptionError('project gave no number; dtype="float32" holds what is none')
        values = np.clip(np.rint(values), *_ends(kind))
    found: NDArray[Any] = values.astype(kind)
    return found


def _ends(kind: np.dtype[Any]) -> tuple[int, int]:
    """Return what `numpy.iinfo` says, at a tenth of the time."""
    count = 1 << (8 * kind.itemsize)
    return (0, count - 1) if kind.kind == "u" else (-count // 2, count // 2 - 1)


def checked_fill(fill: float, kind: np.dtype[Any]) -> float:
    """Return a value for pixels without data, if the type can hold it."""
    if kind.kind in "iu":
        low, high = _ends(kind)
        if not (math.isfinite(fill) and low <= fill <= high and fill == int(fill)):
            raise OptionError(f"fill must be a value of {kind}, not {fill!r}")
    return fill


def smallest(volume: Volume) -> float:
    """Return the smallest stored value."""
    array = volume.array
    if array.dtype.kind in "iu" and array.itemsize <= 4 and array.flags.c_contiguous:
        low, _ = _pixels.minmax(array) or (0, 0)
        return low
    return float(array.min())
