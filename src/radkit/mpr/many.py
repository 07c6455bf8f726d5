"""Many pictures of one volume at a time: planes of a stack, and views around the slices' axis."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit._native import _mpr
from radkit.geometry.plane import Projection
from radkit.mpr.engine import checked_fill, smallest
from radkit.volume.sample import Interpolation, job
from radkit.volume.volume import Volume

__all__ = ["sample_stack", "turn"]

Floats = NDArray[np.float64]
FEWEST_VIEWS = 3  # below, a copy of the whole volume costs more than it saves
ROWS = 32  # of the volume, copied between two looks at the clock


def in_index_space(volume: Volume, points: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """Map LPS points and vectors, (..., 3) mm, to indices of the even grid."""
    inverse = np.linalg.inv(volume.affine)
    turned = inverse[:3, :3].T
    return points @ turned + inverse[:3, 3], steps @ turned


def sample_stack(
    volume: Volume,
    origins: Floats,
    steps: Floats,
    out: NDArray[Any],
    *,
    depth: int,
    project: Projection | Literal["thin"],
    interpolation: Interpolation,
    fill: float | None,
    threads: int | None,
) -> None:
    """Sample parallel planes into ``out``; each has the pixels that it has alone.

    Parameters
    ----------
    volume : Volume
        What is sampled.
    origins : ndarray
        (planes, 3) LPS mm: sample 0 of pixel (0, 0) of each plane.
    steps : ndarray
        (3, 3) LPS mm: from a row, a column and a sample to the next one.
    out : ndarray
        (planes, rows, cols[, samples]) of the volume's type or a float type, native, C-contiguous.
    depth, project, interpolation, fill, threads
        As in `radkit.mpr.engine.sample_plane`.
    """
    from radkit.pixels.selection import check_at_least
    from radkit.pixels.workers import run_all

    count = 1 if threads is None else check_at_least("threads", threads, 1)
    planes, rows, cols = out.shape[:3]
    limits.check("max_pixels", rows * cols, "a plane")
    nothing = volume.padding if fill is None else checked_fill(fill, out.dtype)
    where, moves = in_index_space(volume, origins, steps)

    def made(first: int, number: int) -> _mpr.Stack:
        plain = job(
            volume.array,
            interpolation=interpolation,
            padding=volume.padding,
            positions=volume.positions,
            size=(rows, cols),
            depth=depth,
            project=project,
            out=out.dtype.name,
            fill=0.0 if nothing is None else nothing,
            place=np.concatenate([where[first], moves.ravel()]),
        )
        return _mpr.Stack(plain, where[first : first + number].ravel(), number)

    block = min(planes, made(0, planes).block())
    if count > 1:
        block = max(1, min(block, -(-planes // (2 * count))))
    limits.check("max_memory_bytes", out.nbytes + count * block * rows * cols, "a volume of planes")
    masks: list[NDArray[np.uint8]] = []  # those that no thread uses

    def work(number: int) -> None:
        nonlocal nothing
        first = number * block
        part = out[first : first + block]
        mask = masks.pop() if masks else np.empty((block, rows, cols), np.uint8)
        here = mask[: len(part)]
        if made(first, len(part)).planes(0, len(part), part, here) and nothing is None:
            part[here.view(np.bool_)] = low = smallest(volume)
            nothing = low
        masks.append(mask)

    blocks = -(-planes // block)
    run_all(work, blocks, threads=min(count, blocks), deadline=limits.deadline())


def turn(
    volume: Volume,
    origins: Floats,
    steps: Floats,
    out: NDArray[Any],
    outside: NDArray[np.bool_],
    *,
    depth: int,
    project: Projection,
    fill: float,
    threads: int | None,
) -> bool:
    """Project a volume from many sides around the axis of its slices.

    Parameters
    ----------
    volume : Volume
        What is projected, by linear interpolation.
    origins : ndarray
        (views, 3) LPS mm: sample 0 of pixel (0, 0) of each view.
    steps : ndarray
        (views, 3, 3) LPS mm: from a row, a column and a sample to the next one.
    out, outside : ndarray
        (views, rows, cols) of the volume's type, and where there is no data.
    depth, project, fill, threads
        Of all views, as in `radkit.mpr.engine.sample_plane`.

    Returns
    -------
    bool
        False if this way does not suit the views or the values of the volume: nothing is done.
    """
    from radkit.pixels.workers import run_all

    where, moves = in_index_space(volume, origins, steps)
    places = np.concatenate([where[:, None], moves], axis=1)
    turns = _turns(volume, places, out, depth, project, fill)
    if turns is None or not turns.prepare():
        return False
    count = 1 if threads is None else threads
    rows = volume.shape[1]
    blocks = -(-rows // ROWS)
    run_all(
        lambda k: turns.fill(k * ROWS, min(ROWS, rows - k * ROWS)),
        blocks,
        threads=min(count, blocks),
        deadline=limits.deadline(),
    )
    cols = out.shape[2]
    width = cols if count == 1 else -(-cols // (2 * count))
    parts = -(-cols // width)

    def view(number: int) -> None:
        k, first = number // parts, number % parts * width
        mask = outside[k].view(np.uint8)
        turns.view(places[k].ravel(), first, min(width, cols - first), out[k], mask)

    run_all(view, len(out) * parts, threads=count, deadline=limits.deadline())
    return True


def _turns(
    volume: Volume,
    places: Floats,
    out: NDArray[Any],
    depth: int,
    project: Projection,
    fill: float,
) -> _mpr.Turns | None:
    """Return the native object, if all views have the same rows and it fits memory."""
    same = np.ptp(places[:, :2, 0], axis=0) * (1, out.shape[1]) < 1e-6
    flat = np.abs(places[:, 2:, 0]).max() * max(out.shape[2], depth) < 1e-7
    native = out.dtype.name in _mpr.TYPES and out.dtype.isnative
    if len(places) < FEWEST_VIEWS or not (native and flat and same.all()) or callable(project):
        return None
    try:
        turns = _mpr.Turns(
            job(
                volume.array,
                interpolation="linear",
                padding=volume.padding,
                positions=volume.positions,
                size=out.shape[1:3],
                depth=depth,
                project=project,
                out=out.dtype.name,
                fill=fill,
                place=places[0].ravel(),
            )
        )
    except ValueError:
        return None
    held = math.prod(out.shape) * (out.dtype.itemsize + 1)
    return turns if turns.nbytes + held <= limits.current().max_memory_bytes else None
