"""A stack of parallel planes out of a volume: a volume again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit.errors import OptionError
from radkit.geometry import Plane, Slab
from radkit.mpr.image import PlaneImage
from radkit.mpr.reformat import reformat
from radkit.mpr.slices import cut_slices
from radkit.volume.sample import Interpolation, check_interpolation
from radkit.volume.volume import Geometry, Volume

__all__ = ["reformat_stack"]


def reformat_stack(
    volume: Volume,
    plane: Plane,
    *,
    count: int,
    step_mm: float,
    slab: Slab | None = None,
    interpolation: Interpolation = "linear",
    spacing: float | tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
    like: PlaneImage | None = None,
    fill: float | None = None,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Volume:
    """Cut parallel planes or slabs out of a volume.

    Slice k lies ``k * step_mm`` behind `plane`, seen by the viewer; all slices have
    the same pixel grid.

    Parameters
    ----------
    volume : Volume
        Sheared and uneven volumes are sampled where their slices really are.
    plane : Plane
        Of the first slice.
    count : int
        Number of slices, >= 1.
    step_mm : float
        From a slice to the next one along the normal; below 0 towards the viewer,
        which gives a left-handed volume.
    slab, interpolation, spacing, size, like, fill, dtype, threads
        As in `radkit.reformat`, for each of the slices. Slabs may overlap.
    out : ndarray, optional
        (count, rows, cols[, samples]) of the result's dtype.

    Returns
    -------
    Volume
        With slope, intercept, units, frame of reference and padding of the source; no
        instances. `padding` is `fill` where both the source has padding and `fill` is given.

    Raises
    ------
    OptionError
        As `radkit.reformat`, or `count` or `step_mm` are out of range.
    LimitExceeded
        The result needs more memory than `radkit.limits` allows.
    """
    from radkit.pixels.selection import check_at_least

    check_interpolation(interpolation)
    count = check_at_least("count", count, 1)
    if not (isinstance(step_mm, (int, float)) and math.isfinite(step_mm) and abs(step_mm) > 1e-6):
        raise OptionError(f"step_mm must be a number of millimetres other than 0, not {step_mm!r}")
    grid = _grid(volume, plane, count, float(step_mm), spacing, size, like)
    array = cut_slices(
        volume,
        grid,
        slab=slab,
        interpolation=interpolation,
        fill=fill,
        dtype=dtype,
        out=out,
        threads=threads,
    )
    return derived(volume, array, grid, fill)


def source_uids(volume: Volume) -> tuple[str, ...]:
    """Return the UIDs of the images that a volume was made of, each once."""
    return volume.sources or tuple(dict.fromkeys(uid for uid in volume.instances if uid))


def derived(volume: Volume, array: NDArray[Any], grid: Geometry, fill: float | None) -> Volume:
    """Return the samples of a volume on another grid as a volume."""
    padding = volume.padding
    if padding is not None and fill is not None and fill == int(fill):
        padding = int(fill)
    return replace(
        volume,
        array=array,
        affine=grid.affine,
        padding=padding,
        frame_of_reference=volume.frame_of_reference or grid.frame_of_reference,
        instances=(),
        sources=source_uids(volume),
        positions=grid.positions,
        missing=(),
    )


def _grid(
    volume: Volume,
    plane: Plane,
    count: int,
    step_mm: float,
    spacing: float | tuple[float, float] | None,
    size: tuple[int, int] | None,
    like: PlaneImage | None,
) -> Geometry:
    """Return the grid of the stack: where the first plane lies, `reformat` itself says."""
    if like is None or not isinstance(like, PlaneImage):
        like = reformat(
            volume,
            plane,
            spacing=spacing,
            size=size,
            like=like,
            interpolation="nearest",
            fill=volume.padding or 0,
        )
    elif spacing is not None or size is not None:
        raise OptionError("like excludes spacing and size")
    affine = np.eye(4)
    affine[:3, 0] = np.array(like.plane.normal) * step_mm
    affine[:3, 1:] = like.affine[:3]
    rows, cols = like.array.shape[:2]
    return Geometry(
        shape=(count, rows, cols),
        affine=affine,
        positions=None,
        frame_of_reference=volume.frame_of_reference,
    )
