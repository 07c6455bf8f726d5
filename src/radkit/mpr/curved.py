"""Curved planes: along a vessel, a spine, a row of teeth.

A curved plane is a row of straight lines, one for each step along the centre line.
They are sampled as the rows of a plane are, so that slabs, padding, tilt and uneven
slices mean the same as in `reformat`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import OptionError
from radkit.geometry import Plane, Slab
from radkit.geometry.curve import Curve, across, centre_line, transported
from radkit.mpr.engine import result_dtype, sample_lines
from radkit.mpr.image import PlaneImage, Window
from radkit.volume.volume import Volume

__all__ = ["CurvedImage", "curved_reformat"]

Floats = NDArray[np.float64]
Kind = Literal["straightened", "stretched", "projected"]


@dataclass(frozen=True, slots=True, eq=False)
class CurvedImage:
    """A curved plane out of a volume; rows grow along the centre line.

    Parameters
    ----------
    array : ndarray
        (rows, cols[, samples]), stored values.
    starts : ndarray
        (rows, 3) LPS mm of the first pixel of each row.
    along_row : ndarray
        (rows, 3) unit vectors of growing column index.
    centreline : ndarray
        (rows, 3) LPS mm: the point of the centre line that each row goes through.
    columns : ndarray
        (rows,) column index, with fraction, of that point.
    spacing : (row distance, column distance)
        mm. The row distance is one along the centre line (straightened), along its part
        across the rows (stretched), or along the axis of projection (projected).
    slope, intercept : float
        value = slope * array + intercept.
    units : str
        UCUM code of the values; empty if unknown.
    outside : ndarray or None
        True for pixels without data; None if there are none.
    """

    array: NDArray[Any]
    starts: Floats
    along_row: Floats
    centreline: Floats
    columns: Floats
    spacing: tuple[float, float]
    slope: float
    intercept: float
    units: str
    outside: NDArray[np.bool_] | None

    def point(self, row: float, col: float) -> tuple[float, float, float]:
        """Return where a pixel lies in the patient, LPS mm; rows are interpolated linearly."""
        rows = np.arange(len(self.starts))
        start = [np.interp(row, rows, self.starts[:, axis]) for axis in range(3)]
        right = [np.interp(row, rows, self.along_row[:, axis]) for axis in range(3)]
        x, y, z = (float(a + col * self.spacing[1] * b) for a, b in zip(start, right, strict=True))
        return (x, y, z)

    def render(
        self, *, window: Window = "auto", size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Make an 8-bit picture, as `PlaneImage.render` does."""
        flat = PlaneImage(
            self.array,
            np.eye(4)[:, [0, 1, 3]],
            Plane.axial(),
            self.spacing,
            self.slope,
            self.intercept,
            self.units,
            self.outside,
        )
        return flat.render(window=window, size=size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Where the rows of a curved plane lie, before anything is sampled."""

    points: Floats  # (rows, 3) of the centre line
    right: Floats  # (rows, 3) unit vectors
    down: Floats  # (rows, 3) unit vectors, orthogonal to `right`
    left: Floats  # (rows,) mm from the first pixel to the point of the centre line
    cols: int
    step: float


def curved_reformat(
    volume: Volume,
    centreline: ArrayLike,
    *,
    kind: Kind = "straightened",
    width_mm: float = 60.0,
    step_mm: float | None = None,
    angle_deg: float = 0.0,
    slab: Slab | None = None,
    threads: int | None = None,
) -> CurvedImage:
    """Unroll a volume along a centre line.

    Parameters
    ----------
    volume : Volume
        Sheared and uneven volumes are sampled where their slices really are.
    centreline : array_like
        (n, 3) points in LPS mm, n >= 3, first to last from the top of the picture down.
        A smooth curve goes through them (`radkit.geometry.curve.centre_line`).
    kind : {"straightened", "stretched", "projected"}
        Straightened: rows lie across the curve, which becomes the straight middle column;
        lengths along it are true. Stretched: rows have one fixed direction, so that shapes
        across it stay, and are a step of the curve's part across that direction apart.
        Projected: the same, seen along the third direction; lengths are foreshortened.
        Where the line turns back, the part that comes first is shown.
    width_mm : float
        Of the picture about the centre line.
    step_mm : float, optional
        Between rows, at most, and between columns. Default: the smallest voxel side.
    angle_deg : float
        Turn of the rows about the centre line (straightened) or about the chord from its
        first to its last point. At 0 they point to the patient's left at the first row, to
        the back if the line itself runs left or right.
    slab : Slab, optional
        Across the curved plane. Default: a thin one.
    threads : int, optional
        The result does not depend on it. Default: 1.

    Returns
    -------
    CurvedImage
        Of the volume's dtype, by linear interpolation.

    Raises
    ------
    OptionError
        The centre line has fewer than 3 points, or an option is out of range.
    LimitExceeded
        The picture is larger than ``max_pixels`` or needs too much memory.

    Notes
    -----
    Directions are carried along the curve by parallel transport, so that the picture does
    not twist where the curve bends one way and then the other.
    """
    if not isinstance(volume, Volume):
        raise TypeError(f"volume must be a radkit volume, not {type(volume).__name__}")
    if not isinstance(slab, Slab | None):
        raise TypeError(f"slab must be a radkit Slab, not {type(slab).__name__}")
    rows = _rows(volume, centreline, kind, width_mm, step_mm, angle_deg)
    column_mm = min(volume.spacing) if step_mm is None else float(step_mm)
    project = "thin" if slab is None else slab.project
    offsets = np.zeros(1) if slab is None else slab.offsets(min(volume.spacing))
    starts = rows.points - rows.left[:, None] * rows.right
    into = np.cross(rows.right, rows.down)
    lines = np.stack(
        [
            starts + offsets[0] * into,
            rows.right * column_mm,
            into * (offsets[1] - offsets[0] if len(offsets) > 1 else 0.0),
        ],
        axis=1,
    )
    array, outside = sample_lines(
        volume,
        lines,
        cols=rows.cols,
        depth=len(offsets),
        project=project,
        kind=result_dtype(volume, project, None),
        threads=threads,
    )
    return CurvedImage(
        array,
        starts,
        rows.right,
        rows.points,
        rows.left / column_mm,
        (rows.step, column_mm),
        volume.slope,
        volume.intercept,
        volume.units,
        outside,
    )


def _rows(
    volume: Volume,
    centreline: ArrayLike,
    kind: Kind,
    width_mm: float,
    step_mm: float | None,
    angle_deg: float,
) -> _Rows:
    if kind not in ("straightened", "stretched", "projected"):
        raise OptionError(f"kind must be straightened, stretched or projected, not {kind!r}")
    step = min(volume.spacing) if step_mm is None else step_mm
    for name, value in (("width_mm", width_mm), ("step_mm", step)):
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{name} must be positive, not {value!r}")
    if not math.isfinite(angle_deg):
        raise OptionError("angle_deg must be a finite number of degrees")
    if not width_mm / step < 1 << 24:
        raise OptionError("step_mm is too small for a picture of that width")
    curve = centre_line(centreline, step)
    if kind == "straightened":
        return _straightened(curve, width_mm, step, angle_deg)
    return _fixed(curve, width_mm, step, angle_deg, projected=kind == "projected")


def _straightened(curve: Curve, width_mm: float, step: float, angle_deg: float) -> _Rows:
    first = _turned(across(curve.tangents[0]), curve.tangents[0], angle_deg)
    right = transported(curve, first)
    half = math.floor(width_mm / (2 * step) + 1e-9)
    left = np.full(len(curve.points), half * step)
    return _Rows(
        points=curve.points,
        right=right,
        down=curve.tangents,
        left=left,
        cols=2 * half + 1,
        step=curve.step,
    )


def _fixed(
    curve: Curve, width_mm: float, step: float, angle_deg: float, *, projected: bool
) -> _Rows:
    """Return rows of one direction: stretched, or projected onto a plane."""
    axis = _chord(curve)
    right = _turned(across(axis), axis, angle_deg)
    along_rows = curve.points @ right
    flat = curve.points - along_rows[:, None] * right
    # How far down the picture each point of the curve lies.
    if projected:
        down_mm = (flat - flat[0]) @ axis
    else:
        down_mm = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    # A point that lies no lower than one before it adds nothing: the first part is shown.
    lowest = np.concatenate([[-np.inf], np.maximum.accumulate(down_mm)[:-1]])
    kept = down_mm > lowest + 1e-9
    if kept.sum() < 2:
        raise OptionError("the centre line runs along its own rows: choose another angle_deg")
    down_mm = down_mm[kept]
    count = max(2, math.ceil((down_mm[-1] - down_mm[0]) / step - 1e-9) + 1)
    where = np.linspace(down_mm[0], down_mm[-1], count)
    points = np.stack([np.interp(where, down_mm, curve.points[kept, i]) for i in range(3)], axis=1)
    offset = points @ right
    margin = width_mm / 2
    cols = math.floor((float(np.ptp(offset)) + width_mm) / step + 1e-9) + 1
    down = np.gradient(points - offset[:, None] * right, axis=0)
    if projected:
        down = np.broadcast_to(axis, down.shape)
    return _Rows(
        points=points,
        right=np.broadcast_to(right, points.shape).copy(),
        down=down / np.linalg.norm(down, axis=1, keepdims=True),
        left=offset - offset.min() + margin,
        cols=cols,
        step=float(where[1] - where[0]),
    )


def _chord(curve: Curve) -> Floats:
    """Return the direction from the first to the last point; that of most spread for a ring."""
    chord = curve.points[-1] - curve.points[0]
    length = float(np.linalg.norm(chord))
    if length > 1e-3 * curve.length:
        unit: Floats = chord / length
        return unit
    centred = curve.points - curve.points.mean(axis=0)
    found: Floats = np.linalg.svd(centred, full_matrices=False)[2][0]
    return found


def _turned(vector: Floats, axis: Floats, degrees: float) -> Floats:
    angle = math.radians(degrees)
    turned: Floats = vector * math.cos(angle) + np.cross(axis, vector) * math.sin(angle)
    return turned
