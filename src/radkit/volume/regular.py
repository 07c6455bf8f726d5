"""Regular grids out of irregular stacks: filled gaps, and resampled uneven slices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.volume.volume import Volume

__all__ = ["fill_slices", "resample_slices"]


def fill_slices(volume: Volume, fill: tuple[tuple[int, int], ...], *, even: bool) -> Volume:
    """Put padding slices into gaps.

    Parameters
    ----------
    volume : Volume
        With `positions`.
    fill : tuple of (k, n)
        n slices between slices k and k + 1.
    even : bool
        The result is evenly spaced, so that it needs no positions.
    """
    assert volume.positions is not None
    extra = dict(fill)
    nothing = volume.array.min() if volume.padding is None else volume.padding
    count = len(volume.array) + sum(extra.values())
    array = np.full((count, *volume.shape[1:]), nothing, volume.array.dtype)
    positions = np.empty(count)
    instances: list[str] = []
    missing: list[int] = []
    place = 0
    for k, mm in enumerate(volume.positions):
        array[place], positions[place] = volume.array[k], mm
        instances.append(volume.instances[k])
        number = extra.get(k, 0)
        for n in range(1, number + 1):
            gap = volume.positions[k + 1] - mm
            positions[place + n] = mm + gap * n / (number + 1)
            instances.append("")
            missing.append(place + n)
        place += number + 1
    affine = volume.affine.copy()
    affine[:3, 0] *= (len(volume.array) - 1) / (count - 1)
    return replace(
        volume,
        array=array,
        affine=affine,
        positions=None if even else positions,
        instances=tuple(instances),
        missing=tuple(missing),
    )


def resample_slices(volume: Volume) -> Volume:
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
