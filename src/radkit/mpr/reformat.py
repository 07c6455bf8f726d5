"""Planes and slabs out of a volume: the reference engine, in NumPy.

A plane becomes a grid of points in millimetres, the grid goes through the inverse
affine once (so anisotropy and gantry tilt vanish into it), and rows of samples are
taken together. Pixel (row, col) of a grid with centre C lies at
``C + along_row * dx * (col - (cols - 1) / 2) + along_col * dy * (row - (rows - 1) / 2)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit import limits
from radkit.errors import OptionError
from radkit.geometry import Plane, Slab, apply
from radkit.geometry.plane import Projection
from radkit.mpr.image import PlaneImage
from radkit.mpr.reduction import reduce_samples
from radkit.volume.sample import Interpolation, check_interpolation, sample_at, true_slices
from radkit.volume.volume import Volume

__all__ = ["reformat"]

Floats = NDArray[np.float64]
BLOCK = 1 << 16  # points sampled together


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
    interpolation : {"linear", "nearest"}
        Of stored values, in index space.
    spacing : float or (row distance, column distance), optional
        mm. Default: the smallest voxel side, square pixels.
    size : (rows, cols), optional
        Default: enough to hold the volume. A given size is centred on the centre
        of the plane.
    like : PlaneImage, optional
        Take place, spacing and size from it; excludes `spacing` and `size`.
    fill : float, optional
        Stored value of pixels without data. Default: the padding value, else the
        smallest stored value.
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
    from radkit.pixels.selection import check_at_least, check_out
    from radkit.pixels.workers import run_all

    _check_types(volume, plane, slab, like)
    check_interpolation(interpolation)
    grid = _grid(volume, plane, spacing, size, like)
    kind = _result_dtype(volume, slab, dtype)
    rows, cols = grid.size
    samples = volume.shape[3:]
    limits.check("max_pixels", rows * cols, "a plane")
    bytes_needed = rows * cols * (math.prod(samples) * kind.itemsize + 1)
    limits.check("max_memory_bytes", bytes_needed, "a plane")
    check_out(out, (rows, cols, *samples), kind)
    array = np.empty((rows, cols, *samples), kind) if out is None else out
    there = np.empty((rows, cols), bool)
    offsets = np.zeros(1) if slab is None else slab.offsets(min(volume.spacing))
    walk = _Walk(volume, grid, offsets, interpolation, "mean" if slab is None else slab.project)
    block = max(1, BLOCK // cols)
    if slab is not None and callable(slab.project):
        block = max(1, block // len(offsets))
        held = block * cols * len(offsets) * math.prod(samples) * 17
        limits.check("max_memory_bytes", bytes_needed + held, "the samples of a slab")

    def work(number: int) -> None:
        first = number * block
        part = slice(first, min(first + block, rows))
        values, there[part] = walk.rows(part)
        array[part] = _stored(values, kind)

    count = 1 if threads is None else check_at_least("threads", threads, 1)
    blocks = -(-rows // block)
    run_all(work, blocks, threads=min(count, blocks), deadline=limits.deadline())
    outside = None if there.all() else ~there
    if outside is not None:
        array[outside] = _fill_value(volume, fill, kind)
    return PlaneImage(
        array,
        grid.affine,
        grid.plane,
        grid.spacing,
        volume.slope,
        volume.intercept,
        volume.units,
        outside,
    )


def _check_types(volume: Any, plane: Any, slab: Any, like: Any) -> None:
    """Raise `TypeError` for what is none; planes and slabs are often given by a word."""
    for name, value, kind in (
        ("volume", volume, Volume),
        ("plane", plane, Plane),
        ("slab", slab, Slab | None),
        ("like", like, PlaneImage | None),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be a radkit {name}, not {type(value).__name__}")


def _result_dtype(volume: Volume, slab: Slab | None, dtype: DTypeLike | None) -> np.dtype[Any]:
    if dtype is None:
        # A sum of integers would overflow.
        summed = slab is not None and slab.project == "sum"
        return np.dtype(np.float32) if summed else volume.array.dtype
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise OptionError(f"dtype must be float32, float64 or None, not {kind}")
    return kind


def _stored(values: Floats, kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind in "iu":
        if not np.isfinite(values).all():
            raise OptionError('project gave no number; dtype="float32" holds what is none')
        info = np.iinfo(kind)
        values = np.clip(np.rint(values), info.min, info.max)
    found: NDArray[Any] = values.astype(kind)
    return found


def _fill_value(volume: Volume, fill: float | None, kind: np.dtype[Any]) -> float:
    if fill is None:
        return float(volume.array.min()) if volume.padding is None else volume.padding
    if kind.kind in "iu":
        info = np.iinfo(kind)
        if not (math.isfinite(fill) and info.min <= fill <= info.max and fill == int(fill)):
            raise OptionError(f"fill must be a value of {kind}, not {fill!r}")
    return fill


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
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
    plane = plane.resolve(volume.centre)
    sides = _spacing(volume, spacing)
    x, y = np.array(plane.along_row), np.array(plane.along_col)
    centre = np.array(plane.centre)
    if size is None:
        centre, (rows, cols) = _hold(volume, centre, x, y, sides)
    else:
        rows, cols = _checked_size(size)
    affine = np.zeros((4, 3))
    affine[:3, 0], affine[:3, 1] = y * sides[0], x * sides[1]
    affine[:3, 2] = centre - y * sides[0] * (rows - 1) / 2 - x * sides[1] * (cols - 1) / 2
    affine[3, 2] = 1
    return _Grid(plane=plane, affine=affine, spacing=sides, size=(rows, cols))


def _spacing(volume: Volume, spacing: float | tuple[float, float] | None) -> tuple[float, float]:
    if spacing is None:
        side = min(volume.spacing)
        return side, side
    try:
        rows, cols = (float(side) for side in np.broadcast_to(np.asarray(spacing, float), (2,)))
    except (TypeError, ValueError):
        raise OptionError("spacing must be a number or (row, column) distances") from None
    if not (math.isfinite(rows) and math.isfinite(cols) and min(rows, cols) > 0):
        raise OptionError(f"spacing must be positive, not {spacing!r}")
    return rows, cols


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    from radkit.pixels.selection import check_at_least

    try:
        rows, cols = size
    except (TypeError, ValueError):
        raise OptionError("size must be (rows, cols)") from None
    return check_at_least("size", rows, 1), check_at_least("size", cols, 1)


def _hold(
    volume: Volume, centre: Floats, x: Floats, y: Floats, sides: tuple[float, float]
) -> tuple[Floats, tuple[int, int]]:
    """Return centre and size of the smallest grid that holds the whole volume.

    Along an axis of the volume, and with its spacing, pixel centres fall on voxel
    centres, because the grid covers exactly the voxels.
    """
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
    return centre + shifts[0] + shifts[1], (counts[0], counts[1])


class _Walk:
    """Samples rows of a grid through the inverse affine."""

    def __init__(
        self,
        volume: Volume,
        grid: _Grid,
        offsets: Floats,
        interpolation: Interpolation,
        project: Projection,
    ) -> None:
        inverse = np.linalg.inv(volume.affine)
        to_index = inverse[:3, :3] @ grid.affine[:3]
        self._volume = volume
        self._down, self._right = to_index[:, 0], to_index[:, 1]
        self._start = to_index[:, 2] + inverse[:3, 3]
        self._into = inverse[:3, :3] @ np.array(grid.plane.normal)
        self._cols = grid.size[1]
        self._offsets = offsets
        self._interpolation: Interpolation = interpolation
        self._project = project

    def rows(self, part: slice) -> tuple[Floats, NDArray[np.bool_]]:
        """Return values and presence of some rows, shaped (rows, cols[, samples])."""
        down = np.arange(part.start, part.stop)[:, None, None] * self._down
        right = np.arange(self._cols)[:, None] * self._right
        index = (self._start + down + right).reshape(-1, 3)
        shape = (part.stop - part.start, self._cols)
        samples = self._volume.shape[3:]
        if callable(self._project):
            values, there = self._by_function(self._project, index)
            return values.reshape(*shape, *samples), there.reshape(shape)
        result = np.zeros((len(index), *samples))
        number = np.zeros(len(index), np.int64)
        for offset in self._offsets:
            values, there = self._sample(index + offset * self._into)
            if len(self._offsets) == 1:
                return values.reshape(*shape, *samples), there.reshape(shape)
            self._add(result, number, values, there)
        if self._project == "mean":
            result /= np.maximum(number, 1).reshape(-1, *([1] * len(samples)))
        return result.reshape(*shape, *samples), (number > 0).reshape(shape)

    def _by_function(
        self, function: Callable[[Floats], float], index: Floats
    ) -> tuple[Floats, NDArray[np.bool_]]:
        parts = [self._sample(index + offset * self._into) for offset in self._offsets]
        values = np.stack([part[0] for part in parts], axis=-1)
        there = np.stack([part[1] for part in parts], axis=-1)
        inside: NDArray[np.bool_] = np.logical_or.reduce(there, axis=-1)
        each = math.prod(values.shape[1:-1])  # samples of a pixel, as of colour
        found = reduce_samples(
            function, values.reshape(-1, len(parts)), np.repeat(there, each, axis=0)
        )
        return found, inside

    def _sample(self, index: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        volume = self._volume
        if volume.positions is not None:
            index[:, 0] = true_slices(index[:, 0], volume.positions)
        return sample_at(
            volume.array, index, interpolation=self._interpolation, padding=volume.padding
        )

    def _add(
        self,
        result: Floats,
        number: NDArray[np.int64],
        values: Floats,
        there: NDArray[np.bool_],
    ) -> None:
        if self._project in ("mean", "sum"):
            result[there] += values[there]
        else:
            pick = np.maximum if self._project == "max" else np.minimum
            first = there & (number == 0)
            result[first] = values[first]
            result[there] = pick(result[there], values[there])
        number += there
