"""Many planes of one grid: what stacks and whole volumes are made of."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit import limits
from radkit._native._mpr import TYPES
from radkit.geometry import Plane, Slab
from radkit.geometry.plane import Projection
from radkit.mpr.engine import result_dtype
from radkit.mpr.image import PlaneImage
from radkit.mpr.many import sample_stack
from radkit.mpr.reformat import reformat
from radkit.volume.sample import Interpolation
from radkit.volume.volume import Geometry, Volume

__all__ = ["cut_slices", "fill_value", "grid_image", "plane_affine", "slab_samples", "slice_affine"]

Floats = NDArray[np.float64]


def cut_slices(
    volume: Volume,
    grid: Geometry,
    *,
    slab: Slab | None = None,
    interpolation: Interpolation = "linear",
    fill: float | None = None,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Sample a volume at the voxel centres of a grid.

    Parameters
    ----------
    volume : Volume
        What is sampled.
    grid : Geometry
        Where; its slices are planes, which may step sideways or unevenly.
    slab, interpolation, fill, dtype, threads
        As in `radkit.reformat`.
    out : ndarray, optional
        (slices, rows, cols[, samples]) of the result's dtype.

    Returns
    -------
    ndarray
        (slices, rows, cols[, samples]).
    """
    from radkit.pixels.selection import check_out

    kind = result_dtype(volume, "thin" if slab is None else slab.project, dtype)
    shape = (*grid.shape, *volume.shape[3:])
    limits.check("max_memory_bytes", math.prod(shape) * kind.itemsize, "a volume of planes")
    check_out(out, shape, kind)
    array = np.empty(shape, kind) if out is None else out
    affines = np.array([slice_affine(grid, k) for k in range(grid.shape[0])])
    if kind.name in TYPES and kind.isnative and not (slab and callable(slab.project)):
        project, depth, first, into = slab_samples(volume, slab, affines[0])
        sample_stack(
            volume,
            affines[:, :3, 2] + first,
            np.array([affines[0, :3, 0], affines[0, :3, 1], into]),
            array,
            depth=depth,
            project=project,
            interpolation=interpolation,
            fill=fill,
            threads=threads,
        )
        return array
    nothing = fill_value(volume, fill)
    deadline = limits.deadline()
    for affine, picture in zip(affines, array, strict=True):
        deadline.check()
        where = grid_image(affine, grid.shape[1:])
        reformat(
            volume,
            where.plane,
            slab=slab,
            interpolation=interpolation,
            like=where,
            fill=nothing,
            dtype=None if dtype is None else kind,
            out=picture,
            threads=threads,
        )
    return array


def slab_samples(
    volume: Volume, slab: Slab | None, affine: Floats
) -> tuple[Projection | Literal["thin"], int, Floats, Floats]:
    """Return projection, samples of a pixel, and where the first one and the next ones lie, mm."""
    if slab is None:
        return "thin", 1, np.zeros(3), np.zeros(3)
    offsets = slab.offsets(min(volume.spacing))
    normal = np.array(grid_image(affine, (1, 1)).plane.normal)
    step = offsets[1] - offsets[0] if len(offsets) > 1 else 0.0
    return slab.project, len(offsets), offsets[0] * normal, step * normal


def fill_value(volume: Volume, fill: float | None) -> float:
    """Return the stored value of voxels without data: asked for once, as it may need a scan."""
    if fill is not None:
        return fill
    return float(volume.array.min()) if volume.padding is None else volume.padding


def slice_affine(grid: Geometry, k: int) -> Floats:
    """Return the (4, 3) affine (row, column, 1) -> LPS mm of slice k of a grid."""
    step = grid.affine[:3, 0]
    along = float(k)
    if grid.positions is not None and len(grid.positions) > 1:
        first, last = grid.positions[0], grid.positions[-1]
        along = (grid.positions[k] - first) / (last - first) * (grid.shape[0] - 1)
    affine = np.zeros((4, 3))
    affine[:3, :2] = grid.affine[:3, 1:3]
    affine[:3, 2] = grid.affine[:3, 3] + along * step
    affine[3, 2] = 1
    return affine


def grid_image(affine: Floats, size: tuple[int, int]) -> PlaneImage:
    """Return a picture without memory of its own, which says where pixels lie."""
    rows, cols = size
    down, right = affine[:3, 0], affine[:3, 1]
    centre = affine[:3, 2] + down * (rows - 1) / 2 + right * (cols - 1) / 2
    x = right / np.linalg.norm(right)
    y = down - (down @ x) * x
    plane = Plane.oblique(centre, x, y)
    spacing = (float(np.linalg.norm(down)), float(np.linalg.norm(right)))
    blank = np.broadcast_to(np.zeros(1, np.uint8), size)
    return PlaneImage(blank, affine, plane, spacing, 1.0, 0.0, "", None)


def plane_affine(plane: Plane, size: tuple[int, int], spacing: tuple[float, float]) -> Floats:
    """Return the (4, 3) affine of a picture that is centred on the centre of a plane."""
    down = np.array(plane.along_col) * spacing[0]
    right = np.array(plane.along_row) * spacing[1]
    affine = np.zeros((4, 3))
    affine[:3, 0], affine[:3, 1] = down, right
    affine[:3, 2] = np.array(plane.centre) - down * (size[0] - 1) / 2 - right * (size[1] - 1) / 2
    affine[3, 2] = 1
    return affine
