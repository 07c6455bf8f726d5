"""Affines of image planes and stacks.

Index vectors are (slice, row, column), as the axes of the arrays; points are LPS
millimetres, +x to the patient's left, +y to the back, +z to the head. An index
names the centre of its voxel: voxel i covers [i - 0.5, i + 0.5).
PS3.3 C.7.6.2.1.1 (Image Plane Module).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import GeometryError

__all__ = ["apply", "in_plane_axes", "letters", "orientation", "stack_affine", "vector"]

Array = NDArray[np.float64]
Triple = tuple[float, float, float]

# Headers carry 6 to 16 digits; more than this is not rounding.
ORIENTATION_TOLERANCE = 1e-3


def vector(values: ArrayLike, what: str, size: int = 3) -> Array:
    """Return `values` as float64 of shape (size,), all finite.

    Raises
    ------
    GeometryError
        There are not `size` finite numbers.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (size,) or not all(map(math.isfinite, found.tolist())):
        raise GeometryError(f"{what} must be {size} finite numbers")
    return found


def orientation(cosines: ArrayLike) -> tuple[Array, Array, Array]:
    """Turn Image Orientation (Patient) into exact unit vectors.

    Parameters
    ----------
    cosines : sequence of 6 float
        Direction along a row (column index grows), then down a column.

    Returns
    -------
    along_row, along_col, normal : ndarray
        Orthonormal, right-handed; the normal points away from the viewer.

    Raises
    ------
    GeometryError
        The two are not unit vectors at right angles within 1e-3 (PS3.3 C.7.6.2.1.1).
    """
    six = vector(cosines, "Image Orientation (Patient)", 6)
    along_row, along_col = six[:3], six[3:]
    length_row, length_col = np.linalg.norm(along_row), np.linalg.norm(along_col)
    dot = float(along_row @ along_col)
    if (
        abs(length_row - 1) > ORIENTATION_TOLERANCE
        or abs(length_col - 1) > ORIENTATION_TOLERANCE
        or abs(dot) > ORIENTATION_TOLERANCE
    ):
        raise GeometryError(
            "Image Orientation (Patient) is not two unit vectors at right angles: "
            f"lengths {length_row:.6f} and {length_col:.6f}, product {dot:.6f}",
            section="PS3.3 C.7.6.2.1.1",
        )
    return in_plane_axes(along_row, along_col)


def in_plane_axes(along_row: ArrayLike, along_col: ArrayLike) -> tuple[Array, Array, Array]:
    """Make two nearly orthogonal directions exactly orthonormal; the first keeps its direction.

    Returns
    -------
    along_row, along_col, normal : ndarray
        Orthonormal with ``normal = along_row x along_col``.
    """
    a, b, c = (float(part) for part in np.asarray(along_row, dtype=np.float64))
    d, e, f = (float(part) for part in np.asarray(along_col, dtype=np.float64))
    row, col, normal = orthonormal((a, b, c), (d, e, f))
    return np.array(row), np.array(col), np.array(normal)


def orthonormal(along_row: Triple, along_col: Triple) -> tuple[Triple, Triple, Triple]:
    """Do what `in_plane_axes` does, with plain numbers."""
    # Three numbers: plain arithmetic takes a tenth of the time of calls into numpy.
    a, b, c = along_row
    d, e, f = along_col
    length = math.sqrt(a * a + b * b + c * c)
    a, b, c = a / length, b / length, c / length
    shared = a * d + b * e + c * f
    d, e, f = d - shared * a, e - shared * b, f - shared * c
    length = math.sqrt(d * d + e * e + f * f)
    d, e, f = d / length, e / length, f / length
    return (a, b, c), (d, e, f), cross((a, b, c), (d, e, f))


def cross(u: Triple, v: Triple) -> Triple:
    """Return the vector product."""
    a, b, c = u
    d, e, f = v
    return (b * f - c * e, c * d - a * f, a * e - b * d)


def dot(u: Triple, v: Triple) -> float:
    """Return the scalar product."""
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def along(point: Triple, direction: Triple, length: float) -> Triple:
    """Return ``point + length * direction``."""
    x, y, z = point
    a, b, c = direction
    return (x + length * a, y + length * b, z + length * c)


def stack_affine(
    along_row: ArrayLike,
    along_col: ArrayLike,
    spacing: Sequence[float],
    origin: ArrayLike,
    step: ArrayLike,
) -> Array:
    """Build the affine (slice, row, column, 1) -> LPS mm of a stack.

    Parameters
    ----------
    along_row, along_col : unit vectors
        Directions of growing column and row index.
    spacing : (row distance, column distance)
        Pixel Spacing: the distance between rows goes with `along_col`.
    origin : point
        Centre of voxel (0, 0, 0).
    step : vector
        From a slice to the next one; need not be parallel to the normal (gantry tilt).

    Returns
    -------
    ndarray
        (4, 4) float64.
    """
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = np.asarray(along_col, dtype=np.float64) * spacing[0]
    affine[:3, 2] = np.asarray(along_row, dtype=np.float64) * spacing[1]
    affine[:3, 3] = origin
    return affine


def apply(affine: Array, points: ArrayLike) -> Array:
    """Map points of shape (..., 3) through a 4 x 4 affine."""
    where = np.asarray(points, dtype=np.float64)
    return where @ affine[:3, :3].T + affine[:3, 3]


def letters(direction: ArrayLike) -> str:
    """Name a direction by the patient's sides, the largest component first, as ``"LPH"``.

    The rule of Patient Orientation (0020,0020): L/R, P/A, H/F, components above 0.0001.
    """
    found = vector(direction, "a direction")
    names = ("LR", "PA", "HF")
    order = sorted(range(3), key=lambda axis: -abs(found[axis]))
    return "".join(names[axis][int(found[axis] < 0)] for axis in order if abs(found[axis]) > 1e-4)
