"""Rotating projections of a whole volume: a cine that turns around the patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit import limits
from radkit.errors import OptionError
from radkit.geometry import Plane, Slab, apply
from radkit.mpr.image import PlaneImage, Window
from radkit.mpr.many import turn
from radkit.mpr.reformat import reformat
from radkit.mpr.slices import fill_value, grid_image, plane_affine, slab_samples
from radkit.volume.volume import Volume

__all__ = ["Projection", "project"]

Floats = NDArray[np.float64]
Axis = Literal["head-foot", "left-right", "anterior-posterior"]
# The view at angle 0, and the axis of the turn, which lies in that picture.
VIEWS = {
    "head-foot": (Plane.coronal, (0.0, 0.0, 1.0)),
    "left-right": (Plane.coronal, (1.0, 0.0, 0.0)),
    "anterior-posterior": (Plane.axial, (0.0, 1.0, 0.0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Projections of a volume from several sides.

    Parameters
    ----------
    array : ndarray
        (angles, rows, cols[, samples]), stored values of the volume's dtype.
    angles_deg : tuple of float
        Angle of each view.
    planes : tuple of Plane
        Of each view, through the centre of the volume.
    spacing : (row distance, column distance)
        mm.
    slope, intercept : float
        value = slope * array + intercept.
    units : str
        UCUM code of the values; empty if unknown.
    outside : ndarray
        bool, shaped as the views: True where no ray meets the volume.
    """

    array: NDArray[Any]
    angles_deg: tuple[float, ...]
    planes: tuple[Plane, ...]
    spacing: tuple[float, float]
    slope: float
    intercept: float
    units: str
    outside: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of views."""
        return len(self.array)

    def __getitem__(self, number: int) -> PlaneImage:
        """Return one view as a picture that knows its place."""
        rows, cols = self.array.shape[1:3]
        outside = self.outside[number]
        return PlaneImage(
            self.array[number],
            plane_affine(self.planes[number], (rows, cols), self.spacing),
            self.planes[number],
            self.spacing,
            self.slope,
            self.intercept,
            self.units,
            outside if outside.any() else None,
        )

    def render(self, *, window: Window = "auto") -> NDArray[np.uint8]:
        """Make the frames of a cine, all with the same window.

        Parameters
        ----------
        window : "auto" or (centre, width)
            As `PlaneImage.render`; "auto" looks at all views together.

        Returns
        -------
        ndarray
            uint8 (angles, rows, cols).

        Raises
        ------
        OptionError
            The window makes no sense.
        """
        angles, rows, *rest = self.array.shape
        cols, samples = rest[0], rest[1:]
        tall = PlaneImage(
            self.array.reshape(angles * rows, cols, *samples),
            plane_affine(self.planes[0], (angles * rows, cols), self.spacing),
            self.planes[0],
            self.spacing,
            self.slope,
            self.intercept,
            self.units,
            self.outside.reshape(angles * rows, cols) if self.outside.any() else None,
        )
        picture: NDArray[np.uint8] = tall.render(window=window)
        return picture.reshape(self.array.shape)


def project(
    volume: Volume,
    *,
    kind: Literal["max", "min", "mean"] = "max",
    angles_deg: Sequence[float] = range(0, 360, 10),
    axis: Axis | ArrayLike = "head-foot",
    size: tuple[int, int] | None = None,
    spacing: float | tuple[float, float] | None = None,
    threads: int | None = None,
) -> Projection:
    """Project a whole volume along parallel rays, from one side after the other.

    Parameters
    ----------
    volume : Volume
        What is projected.
    kind : {"max", "min", "mean"}
        Of the samples that lie inside of the volume, on each ray.
    angles_deg : sequence of float
        Right-handed turns of the plane about `axis`. About the head-foot axis 0 is the
        view from the front, 90 that from the patient's left.
    axis : {"head-foot", "left-right", "anterior-posterior"} or vector
        Through the centre of the volume; head, left and back are its positive ends. It
        is upright in the picture, or lies along its rows ("left-right"). At angle 0 the
        view is from the front; from the feet about the anterior-posterior axis.
    size : (rows, cols), optional
        Default: enough to hold the volume at each of the angles.
    spacing : float or (row distance, column distance), optional
        mm. Default: the smallest voxel side.
    threads : int, optional
        The result does not depend on it. Default: 1.

    Returns
    -------
    Projection
        One picture for each angle.

    Raises
    ------
    OptionError
        An option is unknown or out of range.
    LimitExceeded
        The result needs more memory than `radkit.limits` allows.

    Notes
    -----
    Rays are sampled half the smallest voxel side apart, by linear interpolation.
    """
    if not isinstance(volume, Volume):
        raise TypeError(f"volume must be a radkit volume, not {type(volume).__name__}")
    if kind not in ("max", "min", "mean"):
        raise OptionError(f"kind must be max, min or mean, not {kind!r}")
    angles = _angles(angles_deg)
    first, turn = _view(axis, volume)
    planes = tuple(first.rotate(angle, turn) for angle in angles)
    sides, shape = _frame(volume, planes, size, spacing)
    frames = (len(planes), *shape, *volume.shape[3:])
    needed = math.prod(frames) * volume.array.dtype.itemsize + math.prod(frames[:3])
    limits.check("max_memory_bytes", needed, "projections")
    array = np.empty(frames, volume.array.dtype)
    outside = np.zeros(frames[:3], bool)
    slab = Slab(mm=_depth(volume), project=kind)
    affines = np.array([plane_affine(plane, shape, sides) for plane in planes])
    nothing = fill_value(volume, None)
    if not _turned(volume, slab, affines, array, outside, nothing, threads):
        _cut(volume, slab, planes, affines, array, outside, nothing, threads)
    return Projection(
        array, angles, planes, sides, volume.slope, volume.intercept, volume.units, outside
    )


def _turned(
    volume: Volume,
    slab: Slab,
    affines: Floats,
    array: NDArray[Any],
    outside: NDArray[np.bool_],
    nothing: float,
    threads: int | None,
) -> bool:
    """Make all views out of one copy of the volume, if its slices lie across the axis."""
    samples = [slab_samples(volume, slab, affine) for affine in affines]
    firsts = np.array([first for _, _, first, _ in samples])
    intos = np.array([into for _, _, _, into in samples])
    return turn(
        volume,
        affines[:, :3, 2] + firsts,
        np.stack([affines[:, :3, 0], affines[:, :3, 1], intos], axis=1),
        array,
        outside,
        depth=samples[0][1],
        project=slab.project,
        fill=nothing,
        threads=threads,
    )


def _cut(
    volume: Volume,
    slab: Slab,
    planes: tuple[Plane, ...],
    affines: Floats,
    array: NDArray[Any],
    outside: NDArray[np.bool_],
    nothing: float,
    threads: int | None,
) -> None:
    """Make one view after the other."""
    deadline = limits.deadline()
    for number, plane in enumerate(planes):
        deadline.check()
        image = reformat(
            volume,
            plane,
            slab=slab,
            like=grid_image(affines[number], array.shape[1:3]),
            fill=nothing,
            out=array[number],
            threads=threads,
        )
        if image.outside is not None:
            outside[number] = image.outside


def _angles(angles_deg: Sequence[float]) -> tuple[float, ...]:
    try:
        angles = tuple(float(angle) for angle in angles_deg)
    except (TypeError, ValueError):
        raise OptionError("angles_deg must be numbers") from None
    if not angles or not all(math.isfinite(angle) for angle in angles):
        raise OptionError("angles_deg must be at least one finite number")
    return angles


def _view(axis: Axis | ArrayLike, volume: Volume) -> tuple[Plane, Floats]:
    """Return the plane of angle 0 and the axis of the turn."""
    if isinstance(axis, str):
        if axis not in VIEWS:
            raise OptionError(f"axis must be one of {', '.join(VIEWS)}, or a vector")
        make, turn = VIEWS[axis]
        return make().resolve(volume.centre), np.array(turn)
    up = np.array(Plane.from_normal((0, 0, 0), axis).normal)
    # The view of angle 0 looks as nearly to the back as the axis allows.
    back = np.array([0.0, 1.0, 0.0]) if abs(up[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
    into = back - (back @ up) * up
    return Plane.from_normal(volume.centre, into, up=up), up


def _corners(volume: Volume) -> Floats:
    ends = [(-0.5, n - 0.5) for n in volume.shape[:3]]
    return apply(volume.affine, np.array(np.meshgrid(*ends)).reshape(3, -1).T) - volume.centre


def _depth(volume: Volume) -> float:
    """Return a thickness that holds the volume whatever the angle."""
    return 2 * float(np.linalg.norm(_corners(volume), axis=1).max())


def _frame(
    volume: Volume,
    planes: tuple[Plane, ...],
    size: tuple[int, int] | None,
    spacing: float | tuple[float, float] | None,
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the spacing and size of the pictures: one plane's answer holds for all."""
    corners = _corners(volume)
    longest = [
        max(2 * float(np.abs(corners @ np.array(along)).max()) for along in directions)
        for directions in (
            [plane.along_col for plane in planes],
            [plane.along_row for plane in planes],
        )
    ]
    # `reformat` checks what the caller gave, on a picture of one pixel.
    probe = reformat(
        volume, planes[0], spacing=spacing, size=size or (1, 1), interpolation="nearest"
    )
    sides = probe.spacing
    if size is not None:
        rows, cols = probe.array.shape[:2]
        return sides, (rows, cols)
    counts = [length / side for length, side in zip(longest, sides, strict=True)]
    if not max(counts) < 1 << 24:
        raise OptionError("spacing is too small for the size of the volume")
    rows, cols = (max(1, math.ceil(count - 1e-6)) for count in counts)
    return sides, (rows, cols)
