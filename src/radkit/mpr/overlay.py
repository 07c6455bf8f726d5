"""Fusion: one picture in colour over another in grey."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import GeometryError, OptionError
from radkit.mpr.colormaps import table
from radkit.mpr.image import PlaneImage, Window

__all__ = ["overlay"]

SAME_PLACE_MM = 1e-3


def overlay(
    base: PlaneImage,
    over: PlaneImage,
    *,
    colormap: str | ArrayLike = "hot",
    alpha: float = 0.4,
    limits: tuple[float, float] | None = None,
    window: Window | None = None,
) -> NDArray[np.uint8]:
    """Fuse two pictures of the same plane.

    Parameters
    ----------
    base : PlaneImage
        Shown in grey (or as it is, if it is of colour).
    over : PlaneImage
        Shown in colour over it: ``radkit.reformat(pet, base.plane, like=base)``.
    colormap : str or array_like, default "hot"
        A name of `radkit.mpr.COLORMAPS`, or a uint8 table (n, 3).
    alpha : float, default 0.4
        Share of the colour, 0 to 1.
    limits : (low, high), optional
        Values of `over` (in its units) with the first and the last colour of the map.
        Default: the smallest and the largest one in the picture.
    window : "auto" or (centre, width), optional
        Of `base`. Default: "auto".

    Returns
    -------
    ndarray
        uint8 (rows, cols, 3), floor(y + 0.5) of the blend. The base stays as it is where
        `over` has no data or is below ``limits[0]``.

    Raises
    ------
    GeometryError
        The pixels of the two do not lie at the same places of the patient.
    OptionError
        An option makes no sense, or `over` is of colour.
    """
    for name, image in (("base", base), ("over", over)):
        if not isinstance(image, PlaneImage):
            raise TypeError(f"{name} must be a PlaneImage, not {type(image).__name__}")
    colours = table(colormap)
    if not (isinstance(alpha, (int, float)) and 0 <= alpha <= 1):
        raise OptionError(f"alpha must be between 0 and 1, not {alpha!r}")
    if over.array.ndim != 2:
        raise OptionError("over must have one value for each pixel, not colour")
    _check_places(base, over)
    grey = base.render(window="auto" if window is None else window)
    below = np.broadcast_to(grey[..., None] if grey.ndim == 2 else grey, (*grey.shape[:2], 3))
    values = over.values()
    there = np.ones(values.shape, bool) if over.outside is None else ~over.outside
    there &= np.isfinite(values)
    low, high = _limits(limits, values[there])
    there &= values >= low
    place = np.clip((values - low) / (high - low), 0, 1) * (len(colours) - 1)
    number = np.floor(np.where(there, place, 0) + 0.5).astype(np.intp)
    blend = (1 - alpha) * below + alpha * colours[number]
    fused = np.floor(blend + 0.5).astype(np.uint8)
    found: NDArray[np.uint8] = np.where(there[..., None], fused, below)
    return found


def _check_places(base: PlaneImage, over: PlaneImage) -> None:
    if base.array.shape[:2] != over.array.shape[:2]:
        raise GeometryError(
            f"the pictures differ in size: {base.array.shape[:2]} and {over.array.shape[:2]}",
            hint="Cut the second one with like= the first",
        )
    rows, cols = base.array.shape[:2]
    corners = np.array([[0, 0, 1], [rows - 1, 0, 1], [0, cols - 1, 1]], float)
    apart = np.abs(corners @ (base.affine - over.affine).T).max()
    if apart > SAME_PLACE_MM:
        raise GeometryError(
            f"the pictures lie up to {apart:.3f} mm apart",
            hint="Cut the second one with like= the first",
        )
    own, other = base.frame_of_reference, over.frame_of_reference
    if own is not None and other is not None and own != other:
        raise GeometryError(
            "the two pictures have different frames of reference: their places are unrelated",
            section="PS3.3 C.7.4.1",
        )


def _limits(limits: tuple[float, float] | None, values: NDArray[np.float64]) -> tuple[float, float]:
    if limits is None:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        return low, high if high > low else low + 1.0
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        raise OptionError("limits must be (low, high)") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"limits must be two rising numbers, not {limits!r}")
    return low, high
