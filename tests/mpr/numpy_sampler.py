"""Values of a volume at arbitrary points: the reference sampler, in NumPy.

Index space is (slice, row, column); a voxel covers [i - 0.5, i + 0.5), so the
volume covers [-0.5, n - 0.5) on each axis, and coordinates in the half-voxel rim
are clamped to the outermost centres (as ITK and VTK do). A sheared volume is
sampled through its true affine: between two slices the blend runs along the
stacking vector. Uneven slices are sampled at their true positions.

Padding never blends into its neighbours: a point whose nearest voxel is padding
has no data, elsewhere padding voxels are left out of the weighted mean.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radkit.errors import OptionError

__all__ = ["Interpolation", "check_interpolation", "mm_to_index", "sample_at", "true_slices"]

Interpolation: TypeAlias = Literal["nearest", "linear"]
Floats: TypeAlias = NDArray[np.float64]

# Rounding of the affine moves a coordinate by some 1e-12 voxels; within this a
# coordinate means the voxel centre, so that points on the grid give stored values.
SNAP = 1e-6


def check_interpolation(interpolation: str) -> None:
    """Raise `OptionError` unless the name is one of `Interpolation`."""
    if interpolation not in ("nearest", "linear"):
        raise OptionError(f"interpolation must be nearest or linear, not {interpolation!r}")


def true_slices(even: Floats, positions: Floats) -> Floats:
    """Turn slice indices of the mean grid into indices of slices at uneven positions.

    The affine of an uneven volume holds the first and the last slice; in between
    it is linear in millimetres, and the slices are where `positions` says.
    """
    count = len(positions)
    if count < 2:
        return even
    mm = positions[0] + even * ((positions[-1] - positions[0]) / (count - 1))
    slices = np.interp(mm, positions, np.arange(count, dtype=np.float64))
    first, last = positions[1] - positions[0], positions[-1] - positions[-2]
    slices = np.where(mm < positions[0], (mm - positions[0]) / first, slices)
    found: Floats = np.where(mm > positions[-1], count - 1 + (mm - positions[-1]) / last, slices)
    return found


def mm_to_index(affine: Floats, positions: Floats | None, points: Floats) -> Floats:
    """Map LPS points of shape (..., 3) to (slice, row, column) indices of a volume."""
    inverse = np.linalg.inv(affine)
    index: Floats = points @ inverse[:3, :3].T + inverse[:3, 3]
    if positions is not None:
        index[..., 0] = true_slices(index[..., 0], positions)
    return index


def sample_at(
    array: NDArray[Any], index: Floats, *, interpolation: Interpolation, padding: float | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Sample an array at index coordinates.

    Parameters
    ----------
    array : ndarray
        (slices, rows, cols) or (slices, rows, cols, samples).
    index : ndarray
        (n, 3) coordinates (slice, row, column); any value, NaN is outside.
    interpolation : {"nearest", "linear"}
        How to get between voxel centres.
    padding : float or None
        Stored value that means "nothing here".

    Returns
    -------
    values : ndarray
        (n,) or (n, samples) float64; 0 where there is no data.
    there : ndarray of bool
        (n,) True where there is data.
    """
    sides = np.array(array.shape[:3])
    there: NDArray[np.bool_] = np.all((index >= -0.5) & (index < sides - 0.5), axis=1)
    values = np.zeros((len(index), *array.shape[3:]))
    where = index[there]
    if not len(where):
        return values, there
    near = np.minimum(np.floor(where + 0.5), sides - 1)
    where = np.clip(np.where(np.abs(where - near) < SNAP, near, where), 0, sides - 1)
    nearest = _gather(array, near.astype(np.int64))
    if interpolation == "nearest":
        found = nearest.astype(np.float64)
    else:
        found = _linear(array, where, padding)
    if padding is not None:
        # A colour voxel is padding only if all of its samples are.
        held = (nearest != padding).reshape(len(nearest), -1).any(axis=1)
        there[there] = held
        found = found[held]
    values[there] = found
    return values, there


def _gather(array: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
    found: NDArray[Any] = array[index[:, 0], index[:, 1], index[:, 2]]
    return found


def _linear(array: NDArray[Any], where: Floats, padding: float | None) -> Floats:
    """Trilinear interpolation at coordinates inside [0, n - 1]."""
    sides = np.array(array.shape[:3])
    low = np.minimum(np.floor(where), np.maximum(sides - 2, 0)).astype(np.int64)
    high = np.minimum(low + 1, sides - 1)
    share = where - low
    ends = (low, high)
    corners = np.stack(
        [
            array[ends[k][:, 0], ends[j][:, 1], ends[i][:, 2]]
            for k in (0, 1)
            for j in (0, 1)
            for i in (0, 1)
        ]
    )
    corners = corners.reshape(2, 2, 2, *corners.shape[1:])
    if padding is not None and not (held := corners != padding).all():
        weight = _blend(held.astype(np.float64), share)
        total = _blend(np.where(held, corners, 0).astype(np.float64), share)
        # The nearest voxel weighs at least 1/8; where it is padding the result is not used.
        result: Floats = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return result
    return _blend(corners.astype(np.float64), share)


def _blend(corners: Floats, share: Floats) -> Floats:
    """Blend (2, 2, 2, n[, samples]) corner values; exact where a share is 0."""
    for axis in range(3):
        weight = share[:, axis].reshape(-1, *([1] * (corners.ndim - 4 + axis)))
        corners = corners[0] + (corners[1] - corners[0]) * weight
    return corners
