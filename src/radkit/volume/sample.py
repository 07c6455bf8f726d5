"""Values of a volume at points, and a volume made ready for the native sampler.

Index space is (slice, row, column); a voxel covers [i - 0.5, i + 0.5), so the
volume covers [-0.5, n - 0.5) on each axis, and coordinates in the half-voxel rim
are clamped to the outermost centres (as ITK and VTK do). A sheared volume is
sampled through its true affine: between two slices the blend runs along the
stacking vector. Uneven slices are sampled at their true positions.

Padding never blends into its neighbours: a point whose nearest voxel is padding
has no data, elsewhere padding voxels are left out of the weighted mean. Cubic and
Lanczos weights are negative in part and cannot be shared out like this: near to
padding these two are linear.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit._native import _mpr
from radkit.errors import OptionError

__all__ = ["Interpolation", "check_interpolation", "job", "mm_to_index", "sample_at"]

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic", "lanczos"]
Floats: TypeAlias = NDArray[np.float64]
INTERPOLATIONS = get_args(Interpolation)


def check_interpolation(interpolation: str) -> None:
    """Raise `OptionError` unless the name is one of `Interpolation`."""
    if interpolation not in INTERPOLATIONS:
        names = ", ".join(INTERPOLATIONS)
        raise OptionError(f"interpolation must be one of {names}, not {interpolation!r}")


def mm_to_index(affine: Floats, points: Floats) -> Floats:
    """Map LPS points of shape (..., 3) to (slice, row, column) of the even grid of a volume."""
    inverse = np.linalg.inv(affine)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is outside
        index: Floats = points @ inverse[:3, :3].T + inverse[:3, 3]
    return index


def even_index(positions: Floats) -> Floats | None:
    """Return where uneven slices lie among as many even ones; None for a single slice."""
    count = len(positions)
    if count < 2:
        return None
    found: Floats = (positions - positions[0]) * ((count - 1) / (positions[-1] - positions[0]))
    return found


def job(
    array: NDArray[Any],
    *,
    interpolation: Interpolation,
    padding: float | None,
    positions: Floats | None,
    **grid: Any,
) -> _mpr.Job:
    """Return the native job for stored values and a grid (see `radkit._native._mpr.Job`).

    An array of a type or of strides that the native part does not know is converted.

    Raises
    ------
    LimitExceeded
        The converted copy needs more than ``max_memory_bytes``.
    """
    return _mpr.Job(
        _plain(array),
        kernel=interpolation,
        padding=padding,
        position=None if positions is None else even_index(positions),
        **grid,
    )


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    kind = array.dtype
    if array.flags.c_contiguous and _mpr.knows(kind):
        return array
    if not _mpr.knows(kind):
        wider = {"bool": "uint8", "float16": "float32"}
        same = kind.name if kind.name in _mpr.TYPES else "float64"
        kind = np.dtype(wider.get(kind.name, same))
    item = array.dtype.itemsize
    fits = all(step % item == 0 for step in array.strides)
    fits = fits and (array.ndim == 3 or array.shape[3] == 1 or array.strides[3] == item)
    if fits and kind == array.dtype:
        return array
    limits.check("max_memory_bytes", array.size * kind.itemsize, "a volume of another type")
    return np.ascontiguousarray(array, kind)


def sample_at(
    array: NDArray[Any],
    index: Floats,
    *,
    interpolation: Interpolation,
    padding: float | None,
    positions: Floats | None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Sample an array at index coordinates of the even grid.

    Parameters
    ----------
    array : ndarray
        (slices, rows, cols) or (slices, rows, cols, samples).
    index : ndarray
        (n, 3) coordinates (slice, row, column); any value, NaN is outside.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}
        How to get between voxel centres.
    padding : float or None
        Stored value that means "nothing here".
    positions : ndarray or None
        Of uneven slices, along their normal.

    Returns
    -------
    values : ndarray
        (n,) or (n, samples) float64; 0 where there is no data.
    there : ndarray of bool
        (n,) True where there is data.
    """
    count = len(index)
    values = np.empty((count, *array.shape[3:]))
    outside = np.empty(count, np.uint8)
    made = job(array, interpolation=interpolation, padding=padding, positions=positions)
    made.points(np.ascontiguousarray(index, np.float64), values, outside)
    return values, outside == 0
