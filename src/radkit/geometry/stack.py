"""The numbers of a stack of parallel slices: order, gaps, shear, holes.

Order is by position along the common normal, never by number or name
(PS3.3 C.7.6.2.1.1). Spacing comes from positions, not from Slice Thickness. A step
that is not parallel to the normal (gantry tilt) is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import GeometryError

__all__ = ["SAME_POSITION_MM", "Stack", "analyse_stack"]

SAME_POSITION_MM = 0.01  # nearer along the normal than this: the same slice position
ON_LINE_MM = 0.05  # a slice may lie this far from where the affine puts it
FARTHEST_MM = 1e9  # so that squares and sums stay exact enough to mean something
HOLE_TOLERANCE = 0.02  # a hole is a whole number of usual gaps, to this share of one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """What the positions of a stack say.

    Parameters
    ----------
    order : tuple of int
        Indices of the input, by rising distance along the normal.
    normal : ndarray
        Common normal, unit length.
    distances : ndarray
        mm along the normal, sorted.
    gaps : ndarray
        Differences of `distances`.
    usual : float
        Median gap; 0 for a single slice.
    origin, step : ndarray
        First position, and mean step from slice to slice (mm vectors).
    jitter : float
        Largest deviation of a gap from the usual one.
    off_grid : float
        Largest distance of a slice from the even grid ``origin + k * step``.
    off_line : float
        The same, only sideways: 0 if the slices are uneven but on one line.
    tolerance : float
        How far gaps may differ in an even stack, mm.
    even : bool
        One affine holds for all slices within the tolerance.
    duplicates : tuple of int
        k where slices k and k + 1 share a position.
    holes : tuple of (int, int)
        (k, n): n slices are missing between slices k and k + 1.
    """

    order: tuple[int, ...]
    normal: NDArray[np.float64]
    distances: NDArray[np.float64]
    gaps: NDArray[np.float64]
    usual: float
    origin: NDArray[np.float64]
    step: NDArray[np.float64]
    jitter: float
    off_grid: float
    off_line: float
    tolerance: float
    even: bool
    duplicates: tuple[int, ...]
    holes: tuple[tuple[int, int], ...]

    @property
    def spacing(self) -> float:
        """Mean distance of the planes along the normal, mm."""
        return float(self.step @ self.normal)

    @property
    def shear(self) -> NDArray[np.float64]:
        """The part of the step that lies in the planes, mm."""
        return self.step - self.spacing * self.normal

    @property
    def tilt_degrees(self) -> float:
        """Angle between the step and the normal."""
        return float(np.degrees(np.arctan2(np.linalg.norm(self.shear), self.spacing)))


def analyse_stack(
    positions: ArrayLike, normal: ArrayLike, *, tolerance_mm: float | None = None
) -> Stack:
    """Sort slice positions along a normal and measure the stack.

    Parameters
    ----------
    positions : array_like
        (n, 3) Image Position (Patient), n >= 1.
    normal : array_like
        Common unit normal of the slices.
    tolerance_mm : float, optional
        How far gaps may differ from the usual one in an even stack.
        Default: the larger of 2 % of the usual gap and 0.005 mm.

    Returns
    -------
    Stack
        Order and figures; nothing is decided here.

    Raises
    ------
    GeometryError
        There are no positions, or they are not finite, or absurd.
    """
    points = np.asarray(positions, dtype=np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or not len(points):
        raise GeometryError("slice positions must be at least one row of three numbers")
    if not (np.abs(points) < FARTHEST_MM).all():
        raise GeometryError("a slice position is not finite, or farther away than 1000 km")
    along = np.asarray(normal, dtype=np.float64)
    order = np.argsort(points @ along, kind="stable")
    points = points[order]
    distances = points @ along
    gaps = np.diff(distances)
    count = len(points)
    usual = _median(gaps[gaps > SAME_POSITION_MM])
    step = (points[-1] - points[0]) / (count - 1) if count > 1 else np.zeros(3)
    grid = points[0] + np.arange(count)[:, None] * step
    length = distances[-1] - distances[0]
    share = (distances - distances[0]) / length if length > 0 else np.zeros(count)
    line = points[0] + share[:, None] * (points[-1] - points[0])
    jitter = float(np.abs(gaps - usual).max()) if len(gaps) else 0.0
    off_grid = float(np.linalg.norm(points - grid, axis=1).max())
    tolerance = max(0.02 * usual, 0.005) if tolerance_mm is None else tolerance_mm
    duplicates = tuple(int(k) for k in np.flatnonzero(gaps < SAME_POSITION_MM))
    return Stack(
        order=tuple(int(i) for i in order),
        normal=along,
        distances=distances,
        gaps=gaps,
        usual=usual,
        origin=points[0],
        step=step,
        jitter=jitter,
        off_grid=off_grid,
        off_line=float(np.linalg.norm(points - line, axis=1).max()),
        tolerance=tolerance,
        even=not duplicates and jitter <= tolerance and off_grid <= max(ON_LINE_MM, tolerance),
        duplicates=duplicates,
        holes=_holes(gaps, usual),
    )


def _median(values: NDArray[np.float64]) -> float:
    """Return the median, 0 of nothing. `numpy.median` would load masked arrays for it."""
    ranked = np.sort(values)
    middle = len(ranked) // 2
    if not len(ranked):
        return 0.0
    return float(ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2)


def _holes(gaps: NDArray[np.float64], usual: float) -> tuple[tuple[int, int], ...]:
    if usual <= 0:
        return ()
    steps = gaps / usual
    whole = np.rint(steps)
    # The tolerance grows with the number of steps, as the rounding of positions does not.
    found = (whole >= 2) & (np.abs(steps - whole) <= HOLE_TOLERANCE * whole)
    return tuple((int(k), int(whole[k]) - 1) for k in np.flatnonzero(found))
