"""Centre lines: smooth curves through points, at even steps, with frames that do not twist.

Numbers only, no pixels. A curve is (n, 3) points in LPS millimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import OptionError

__all__ = ["Curve", "across", "centre_line", "transported"]

Array = NDArray[np.float64]

SMOOTH_MM = 1.0  # standard deviation of the smoothing along the curve
FINE_PER_STEP = 8  # points of the fine curve for each step, at least
MOST_POINTS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve at even steps of its arc length.

    Parameters
    ----------
    points : ndarray
        (n, 3) LPS mm.
    tangents : ndarray
        (n, 3) unit vectors.
    step : float
        mm of arc between two points.
    """

    points: Array
    tangents: Array
    step: float

    @property
    def length(self) -> float:
        """Length from the first to the last point, mm."""
        return self.step * (len(self.points) - 1)


def centre_line(points: ArrayLike, step_mm: float) -> Curve:
    """Make a smooth curve through points, and divide it into steps of equal length.

    A centripetal Catmull-Rom spline goes through the points; a Gaussian of 1 mm along the
    arc takes away the noise of their picking. The ends stay where they are.

    Parameters
    ----------
    points : array_like
        (n, 3) LPS mm, n >= 3; repeated ones are dropped.
    step_mm : float
        The step wanted. The true one is at most so long, so that the last point is one.

    Raises
    ------
    OptionError
        There are fewer than 3 different points, or they are not finite.
    """
    knots = _checked(points)
    fine = _spline(knots, step_mm / FINE_PER_STEP)
    even = _even(fine, step_mm / FINE_PER_STEP)
    smooth = _smoothed(even, SMOOTH_MM)
    curve = _even(smooth, step_mm)
    arc = _arc(smooth)
    step = float(arc[-1]) / (len(curve) - 1)
    return Curve(curve, _tangents(curve), step)


def across(tangent: Array) -> Array:
    """Return the unit vector across a tangent that points most to the patient's left.

    To the back, where the tangent itself runs left or right.
    """
    side = np.array([1.0, 0.0, 0.0]) if abs(tangent[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    side = side - (side @ tangent) * tangent
    found: Array = side / np.linalg.norm(side)
    return found


def transported(curve: Curve, first: Array) -> Array:
    """Carry a vector along a curve so that it never turns about the tangent.

    By double reflection (Wang et al., ACM Transactions on Graphics 27(1), 2008), whose
    error is of fourth order in the step. Frames of Frenet would flip at inflections.

    Parameters
    ----------
    curve : Curve
        With unit tangents.
    first : ndarray
        Unit vector across the first tangent.

    Returns
    -------
    ndarray
        (n, 3) unit vectors across the tangents.
    """
    points, tangents = curve.points, curve.tangents
    frames = np.empty_like(points)
    frames[0] = first
    for i in range(len(points) - 1):
        chord = points[i + 1] - points[i]
        r = _reflected(frames[i], chord)
        r = _reflected(r, tangents[i + 1] - _reflected(tangents[i], chord))
        r = r - (r @ tangents[i + 1]) * tangents[i + 1]  # rounding only
        frames[i + 1] = r / np.linalg.norm(r)
    return frames


def _reflected(vector: Array, across_plane: Array) -> Array:
    square = float(across_plane @ across_plane)
    if square < 1e-24:
        return vector
    found: Array = vector - (2 * float(across_plane @ vector) / square) * across_plane
    return found


def _checked(points: ArrayLike) -> Array:
    try:
        found = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[1:] != (3,) or not np.isfinite(found).all():
        raise OptionError("a centre line must be (n, 3) finite numbers")
    apart = np.linalg.norm(np.diff(found, axis=0), axis=1) > 1e-6
    found = found[np.concatenate([[True], apart])] if len(found) else found
    if len(found) < 3:
        raise OptionError(f"a centre line needs 3 different points, there are {len(found)}")
    return found


def _spline(knots: Array, step: float) -> Array:
    """Return a fine curve through the knots: centripetal Catmull-Rom, by Barry and Goldman."""
    # Beyond the ends the neighbours are mirrored, so that the curve leaves them straight.
    around = np.concatenate([[2 * knots[0] - knots[1]], knots, [2 * knots[-1] - knots[-2]]])
    chords = np.linalg.norm(np.diff(around, axis=0), axis=1)
    total = float(chords.sum())
    if not total / step < MOST_POINTS:
        raise OptionError("step_mm is too small for the length of the centre line")
    at = np.concatenate([[0.0], np.cumsum(np.sqrt(chords))])
    parts = []
    for i in range(len(knots) - 1):
        count = max(4, math.ceil(2 * chords[i + 1] / step))
        t = np.linspace(at[i + 1], at[i + 2], count, endpoint=False)[:, None]
        parts.append(_segment(around[i : i + 4], at[i : i + 4], t))
    return np.concatenate([*parts, knots[-1:]])


def _segment(p: Array, at: Array, t: Array) -> Array:
    def between(low: Any, high: Any, t0: float, t1: float) -> Array:
        found: Array = (low * (t1 - t) + high * (t - t0)) / (t1 - t0)
        return found

    a = [between(p[i], p[i + 1], at[i], at[i + 1]) for i in range(3)]
    b = [between(a[i], a[i + 1], at[i], at[i + 2]) for i in range(2)]
    return between(b[0], b[1], at[1], at[2])


def _arc(points: Array) -> Array:
    """Return the length of the polygon from its first point to each of its points."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _even(points: Array, step: float) -> Array:
    """Divide a polygon into steps of equal length, at most `step`; the ends stay."""
    arc = _arc(points)
    count = max(2, math.ceil(arc[-1] / step - 1e-9) + 1)
    where = np.linspace(0.0, arc[-1], count)
    return np.stack([np.interp(where, arc, points[:, axis]) for axis in range(3)], axis=1)


def _smoothed(points: Array, sigma_mm: float) -> Array:
    """Smooth a polygon of even steps; beyond the ends it is mirrored at them, so they stay."""
    step = float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())
    half = min(math.ceil(4 * sigma_mm / step), len(points) - 1)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) * step / sigma_mm) ** 2)
    weights /= weights.sum()
    before = 2 * points[0] - points[half:0:-1]
    after = 2 * points[-1] - points[-2 : -half - 2 : -1]
    longer = np.concatenate([before, points, after])
    return np.stack(
        [np.convolve(longer[:, axis], weights, mode="valid") for axis in range(3)], axis=1
    )


def _tangents(points: Array) -> Array:
    along = np.gradient(points, axis=0)
    lengths = np.linalg.norm(along, axis=1, keepdims=True)
    if not (lengths > 1e-9).all():
        raise OptionError("the centre line turns back on itself")
    found: Array = along / lengths
    return found
