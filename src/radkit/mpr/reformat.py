"""Planes and slabs out of a volume.

A plane becomes a grid of points in millimetres; the grid goes through the inverse
affine once (so anisotropy and gantry tilt vanish into it) and is sampled natively.
Pixel (row, col) of a grid with centre C lies at
``C + along_row * dx * (col - (cols - 1) / 2) + along_col * dy * (row - (rows - 1) / 2)``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit.errors import OptionError
from radkit.geometry import Plane, Slab, apply
from radkit.geometry.affine import along
from radkit.mpr.engine import result_dtype, sample_plane
from radkit.mpr.image import PlaneImage
from radkit.pixels.selection import check_at_least
from radkit.volume.sample import Interpolation, check_interpolation
from radkit.volume.volume import Volume

__all__ = ["reformat"]

Floats = NDArray[np.float64]


def reformat(
    volume: Volume,
    plane: Plane,
    *,
    slab: Slab | None = None,
    interpolation: Interpolation = "linear",
    spacing: float | tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
    like: PlaneImage | None = None,
    fill: float | None = None,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> PlaneImage:
    """Cut a plane or a slab out of a volume.

    Parameters
    ----------
    volume : Volume
        Sheared and uneven volumes are sampled where their slices really are.
    plane : Plane
        Where, and which way round.
    slab : Slab, optional
        Thickness and projection. Default: a thin plane.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}
        Of stored values, in index space: nearest voxel, trilinear, Keys' cubic
        convolution (a = -0.5), sinc windowed to three lobes.
    spacing : float or (row distance, column distance), optional
        mm. Default: the smallest voxel side, square pixels.
    size : (rows, cols), optional
        Default: enough to hold the volume. A given size is centred on the centre
        of the plane.
    like : PlaneImage, optional
        Take place, spacing and size from it; excludes `spacing` and `size`.
    fill : float, optional
        Stored value of pixels without data. Default: the padding value, else the
        smallest stored value (which is looked for in the whole volume each time,
        if there are such pixels: give a value where many planes are cut).
    dtype : {"float32", "float64"}, optional
        Result without rounding. Default: the volume's dtype, rounded to nearest
        and saturated; float32 for a slab's sum.
    out : ndarray, optional
        Of the result's shape and dtype, C-contiguous, writable.
    threads : int, optional
        Threads to sample with; the result does not depend on it. Default: 1.

    Returns
    -------
    PlaneImage
        With stored values; slope and intercept are the volume's.

    Raises
    ------
    OptionError
        An option is unknown, out of range, or contradicts another.
    LimitExceeded
        The picture is larger than ``max_pixels`` or needs too much memory.

    Notes
    -----
    A slab takes an odd number of samples along the normal (`Slab.offsets`); those
    outside of the volume are left out, and a mean is that of the samples inside.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.geometry import Plane
    >>> from radkit.volume import Volume
    >>> volume = Volume.from_array(np.arange(60).reshape(3, 4, 5), np.eye(4)[[2, 1, 0, 3]])
    >>> reformat(volume, Plane.axial(at=1)).array[0].tolist()
    [20, 21, 22, 23, 24]
    """
    _check_types(volume, plane, slab, like)
    check_interpolation(interpolation)
    grid = _grid(volume, plane, spacing, size, like)
    project = "thin" if slab is None else slab.project
    down, right, origin = zip(*grid.affine[:3].tolist(), strict=True)
    into, depth = (0.0, 0.0, 0.0), 1
    if slab is not None:
        offsets = slab.offsets(min(volume.spacing) if slab.step_mm is None else 1.0)
        normal, depth = grid.plane.normal, len(offsets)
        origin = along(origin, normal, float(offsets[0]))
        if depth > 1:
            into = along(into, normal, float(offsets[1] - offsets[0]))
    array, outside = sample_plane(
        volume,
        origin,
        down,
        right,
        size=grid.size,
        into=into,
        depth=depth,
        project=project,
        interpolation=interpolation,
        kind=result_dtype(volume, project, dtype),
        fill=fill,
        out=out,
        threads=threads,
    )
    return PlaneImage(
        array,
        grid.affine,
        grid.plane,
        grid.spacing,
        volume.slope,
        volume.intercept,
        volume.units,
        outside,
        slab,
        volume.frame_of_reference,
        volume.sources or volume.instances,
    )


def _check_types(volume: Any, plane: Any, slab: Any, like: Any) -> None:
    """Raise `TypeError` for what is none; planes and slabs are often given by a word."""
    for name, value, kind in (
        ("volume", volume, Volume),
        ("plane", plane, Plane),
        ("slab", slab, Slab),
        ("like", like, PlaneImage),
    ):
        optional = kind is Slab or kind is PlaneImage
        if not isinstance(value, kind) and not (optional and value is None):
            raise TypeError(f"{name} must be a radkit {name}, not {type(value).__name__}")


class _Grid(NamedTuple):
    """Pixel centres of the result."""

    plane: Plane
    affine: Floats  # 4 x 3
    spacing: tuple[float, float]
    size: tuple[int, int]


def _grid(
    volume: Volume,
    plane: Plane,
    spacing: float | tuple[float, float] | None,
    size: tuple[int, int] | None,
    like: PlaneImage | None,
) -> _Grid:
    if like is not None:
        if spacing is not None or size is not None:
            raise OptionError("like excludes spacing and size")
        rows, cols = like.array.shape[:2]
        return _Grid(plane=like.plane, affine=like.affine, spacing=like.spacing, size=(rows, cols))
    if plane.centre is None:
        plane = plane.resolve(volume.centre)
    sides = _spacing(volume, spacing)
    centre: tuple[float, ...]
    if size is None:
        centre, (rows, cols) = _hold(volume, plane, sides)
    else:
        centre, (rows, cols) = plane.centre or volume.centre, _checked_size(size)
    axes = []
    for x, y, middle in zip(plane.along_row, plane.along_col, centre, strict=True):
        down, right = y * sides[0], x * sides[1]
        axes.append((down, right, middle - down * ((rows - 1) / 2) - right * ((cols - 1) / 2)))
    affine = np.array([*axes, (0.0, 0.0, 1.0)])
    return _Grid(plane=plane, affine=affine, spacing=sides, size=(rows, cols))


def _spacing(volume: Volume, spacing: float | tuple[float, float] | None) -> tuple[float, float]:
    if spacing is None:
        side = min(volume.spacing)
        return side, side
    try:
        if isinstance(spacing, float):  # the usual case, at a tenth of the time
            rows = cols = spacing
        else:
            rows, cols = (float(side) for side in np.broadcast_to(spacing, (2,)).tolist())
    except (TypeError, ValueError):
        raise OptionError("spacing must be a number or (row, column) distances") from None
    if not (math.isfinite(rows) and math.isfinite(cols) and min(rows, cols) > 0):
        raise OptionError(f"spacing must be positive, not {spacing!r}")
    return rows, cols


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        rows, cols = size
    except (TypeError, ValueError):
        raise OptionError("size must be (rows, cols)") from None
    return check_at_least("size", rows, 1), check_at_least("size", cols, 1)


def _hold(
    volume: Volume, plane: Plane, sides: tuple[float, float]
) -> tuple[tuple[float, ...], tuple[int, int]]:
    """Return centre and size of the smallest grid that holds the whole volume.

    Along an axis of the volume, and with its spacing, pixel centres fall on voxel
    centres, because the grid covers exactly the voxels.
    """
    x, y = np.array(plane.along_row), np.array(plane.along_col)
    centre = np.array(plane.centre)
    ends = [(-0.5, n - 0.5) for n in volume.shape[:3]]
    if volume.positions is not None and len(volume.positions) > 1:
        # The affine spans the slices evenly; the outermost half voxels are those of the ends.
        gaps = np.diff(volume.positions)
        ends[0] = (
            -0.5 * gaps[0] / gaps.mean(),
            volume.shape[0] - 1 + 0.5 * gaps[-1] / gaps.mean(),
        )
    corners = apply(volume.affine, np.array(np.meshgrid(*ends)).reshape(3, -1).T)
    counts, shifts = [], []
    for axis, side in ((y, sides[0]), (x, sides[1])):
        along = corners @ axis
        low, high = float(along.min()), float(along.max())
        count = (high - low) / side
        if not count < 1 << 24:
            raise OptionError("spacing is too small for the size of the volume")
        counts.append(max(1, math.ceil(count - 1e-6)))
        shifts.append(((low + high) / 2 - float(centre @ axis)) * axis)
    return tuple((centre + shifts[0] + shifts[1]).tolist()), (counts[0], counts[1])
