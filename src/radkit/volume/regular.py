"""Regular grids out of irregular stacks: filled gaps, and resampled uneven slices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.volume.volume import Volume

__all__ = ["fill_positions", "fill_slices", "resample_slices", "slice_places"]


def slice_places(count: int, fill: tuple[tuple[int, int], ...]) -> list[int]:
    """Return where each of `count` slices goes, with n free places behind slice k for (k, n)."""
    extra = dict(fill)
    places, place = [], 0
    for k in range(count):
        places.append(place)
        place += 1 + extra.get(k, 0)
    return places


def fill_positions(
    positions: NDArray[np.float64], fill: tuple[tuple[int, int], ...]
) -> NDArray[np.float64]:
    """Return the positions of all slices, those in gaps evenly between their neighbours."""
    places = slice_places(len(positions), fill)
    found: NDArray[np.float64] = np.interp(np.arange(places[-1] + 1), places, positions)
    return found


def fill_slices(array: NDArray[Any], missing: tuple[int, ...], padding: int | None) -> None:
    """Write padding, or the smallest value of the others, into slices that are not there."""
    there = np.delete(np.arange(len(array)), missing)
    if padding is None:
        padding = min(array[k].min() for k in there)
    array[list(missing)] = padding


def resample_slices(volume: Volume, deadline: limits.Deadline) -> Volume:
    """Interpolate uneven slices linearly to a regular grid at their smallest distance.

    Slices keep their place where they lie on the grid; `instances` names the
    nearest slice of each. Padding is not blended.
    """
    assert volume.positions is not None
    positions = volume.positions
    length = positions[-1] - positions[0]
    steps = max(1, math.ceil(length / np.diff(positions).min() - 1e-6))
    size = (steps + 1) * volume.array[0].nbytes
    limits.check("max_memory_bytes", size + volume.array.nbytes, "a resampled volume")
    where = np.interp(
        np.linspace(positions[0], positions[-1], steps + 1), positions, np.arange(len(positions))
    )
    array = np.empty((steps + 1, *volume.shape[1:]), volume.array.dtype)
    for k, place in enumerate(where):
        deadline.check()
        array[k] = _between(volume, float(place))
    near = np.floor(where + 0.5).astype(int)
    affine = volume.affine.copy()
    affine[:3, 0] *= (len(positions) - 1) / steps
    return replace(
        volume,
        array=array,
        affine=affine,
        positions=None,
        instances=tuple(volume.instances[k] for k in near),
        missing=tuple(int(k) for k in np.flatnonzero(np.isin(near, volume.missing))),
    )


def _between(volume: Volume, place: float) -> NDArray[Any]:
    low = min(math.floor(place + 1e-9), len(volume.array) - 1)
    high = min(low + 1, len(volume.array) - 1)
    share = max(0.0, place - low)
    if share < 1e-9 or low == high:
        found: NDArray[Any] = volume.array[low]
        return found
    first, second = (volume.array[k].astype(np.float64) for k in (low, high))
    mixed: NDArray[Any] = first + (second - first) * share
    if volume.padding is not None:
        near, far = (first, second) if share < 0.5 else (second, first)
        mixed = np.where((near == volume.padding) | (far == volume.padding), near, mixed)
    return np.rint(mixed) if volume.array.dtype.kind in "iu" else mixed
