"""A whole volume on another grid: that of another volume, or one of given spacing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import GeometryError, OptionError
from radkit.geometry import apply
from radkit.geometry.affine import in_plane_axes
from radkit.mpr.slices import cut_slices
from radkit.mpr.stack import derived
from radkit.volume.sample import Interpolation, check_interpolation
from radkit.volume.volume import Geometry, Volume

__all__ = ["resample"]

Floats = NDArray[np.float64]


def resample(
    volume: Volume,
    *,
    like: Volume | Geometry | None = None,
    spacing: float | Sequence[float] | None = None,
    shape: Sequence[int] | None = None,
    interpolation: Interpolation = "linear",
    fill: float | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Volume:
    """Sample a volume on another grid.

    Parameters
    ----------
    volume : Volume
        Sheared and uneven volumes are sampled where their slices really are.
    like : Volume or Geometry, optional
        The grid to use, also a sheared or uneven one; excludes `spacing` and `shape`.
    spacing : float or (slice, row, column distance), optional
        mm of a grid along the volume's own axes, see Notes. Default: with `shape`, so
        that the grid has the extent of the volume.
    shape : (slices, rows, cols), optional
        Default: enough to hold the volume.
    interpolation : {"nearest", "linear", "cubic", "lanczos"}
        Of stored values.
    fill : float, optional
        Stored value of voxels without data. Default: the padding value, else the
        smallest stored value.
    out : ndarray, optional
        Of the result's shape and the volume's dtype, C-contiguous, writable.
    threads : int, optional
        The result does not depend on it. Default: 1.

    Returns
    -------
    Volume
        Of the same dtype, rounded to nearest and saturated; slope, intercept and units
        are kept.

    Raises
    ------
    GeometryError
        The volumes have different frames of reference: their coordinates have nothing
        to do with each other.
    OptionError
        The options contradict each other or are out of range.
    LimitExceeded
        The result needs more memory than `radkit.limits` allows.

    Notes
    -----
    The grid of `spacing` and `shape` is regular and square, and centred on the volume: a
    gantry tilt is sheared back, uneven slices become even. Its rows and columns are those
    of the volume, its slices step along their normal. With the spacing of a regular volume
    the grid is the volume's own.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.volume import Volume
    >>> volume = Volume.from_array(np.ones((3, 4, 5)), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])
    >>> resample(volume, spacing=1.0).shape
    (6, 4, 5)
    """
    if not isinstance(volume, Volume):
        raise TypeError(f"volume must be a radkit volume, not {type(volume).__name__}")
    check_interpolation(interpolation)
    if like is None:
        grid = _own_grid(volume, spacing, shape)
    elif spacing is not None or shape is not None:
        raise OptionError("like excludes spacing and shape")
    else:
        grid = _grid_of(volume, like)
    array = cut_slices(
        volume, grid, interpolation=interpolation, fill=fill, out=out, threads=threads
    )
    return derived(volume, array, grid, fill)


def _grid_of(volume: Volume, like: Volume | Geometry) -> Geometry:
    if not isinstance(like, (Volume, Geometry)):
        raise TypeError(f"like must be a radkit volume, not {type(like).__name__}")
    grid = like.geometry if isinstance(like, Volume) else like
    own, other = volume.frame_of_reference, grid.frame_of_reference
    if own is not None and other is not None and own != other:
        raise GeometryError(
            "the two volumes have different frames of reference: their coordinates are unrelated",
            section="PS3.3 C.7.4.1",
            hint="Register them, then set frame_of_reference alike (dataclasses.replace)",
        )
    return grid


def _own_grid(
    volume: Volume, spacing: float | Sequence[float] | None, shape: Sequence[int] | None
) -> Geometry:
    if spacing is None and shape is None:
        raise OptionError("resample needs like, spacing or shape")
    axes = _square_axes(volume)
    low, high = _bounds(volume, axes)
    extent = high - low
    if shape is None:
        sides = _sides(spacing)
        counts = extent / sides
        if not (counts < 1 << 24).all():
            raise OptionError("spacing is too small for the size of the volume")
        sizes = [max(1, math.ceil(count - 1e-6)) for count in counts]
    else:
        sizes = _sizes(shape)
        sides = extent / sizes if spacing is None else _sides(spacing)
    affine = np.eye(4)
    affine[:3, :3] = axes * sides
    middle = axes @ ((low + high) / 2)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(sizes) - 1) / 2)
    return Geometry(
        shape=(sizes[0], sizes[1], sizes[2]),
        affine=affine,
        positions=None,
        frame_of_reference=volume.frame_of_reference,
    )


def _square_axes(volume: Volume) -> Floats:
    """Return unit vectors of slices' normal, rows and columns of a grid without shear."""
    along_row, along_col, normal = in_plane_axes(volume.affine[:3, 2], volume.affine[:3, 1])
    side = 1.0 if normal @ volume.affine[:3, 0] > 0 else -1.0
    return np.stack([side * normal, along_col, along_row], axis=1)


def _bounds(volume: Volume, axes: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the volume's outermost voxels along three axes, mm."""
    ends = [(-0.5, n - 0.5) for n in volume.shape[:3]]
    if volume.positions is not None and len(volume.positions) > 1:
        gaps = np.diff(volume.positions) / np.diff(volume.positions).mean()
        ends[0] = (-0.5 * float(gaps[0]), volume.shape[0] - 1 + 0.5 * float(gaps[-1]))
    corners = apply(volume.affine, np.array(np.meshgrid(*ends)).reshape(3, -1).T) @ axes
    # Half a voxel beyond the outermost centres also where slices step sideways: the
    # shear within that half voxel is no extent of the picture.
    inner = [(low + 0.5, high - 0.5) for low, high in ends]
    inner[0] = (0.0, volume.shape[0] - 1.0)
    centres = apply(volume.affine, np.array(np.meshgrid(*inner)).reshape(3, -1).T) @ axes
    half = np.array([0.0, volume.spacing[1] / 2, volume.spacing[2] / 2])
    low, high = centres.min(axis=0) - half, centres.max(axis=0) + half
    low[0], high[0] = corners[:, 0].min(), corners[:, 0].max()
    return low, high


def _sides(spacing: ArrayLike | None) -> Floats:
    try:
        sides = np.array(np.broadcast_to(np.asarray(spacing, float), (3,)))
    except (TypeError, ValueError):
        raise OptionError("spacing must be a number or (slice, row, column) distances") from None
    if not (np.isfinite(sides).all() and (sides > 0).all()):
        raise OptionError(f"spacing must be positive, not {spacing!r}")
    return sides


def _sizes(shape: Sequence[int]) -> list[int]:
    from radkit.pixels.selection import check_at_least

    try:
        slices, rows, cols = shape
    except (TypeError, ValueError):
        raise OptionError("shape must be (slices, rows, cols)") from None
    return [check_at_least("shape", n, 1) for n in (slices, rows, cols)]
