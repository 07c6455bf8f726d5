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
    shown = base.render(window="auto" if window is None else window)
    values = over.values()
    there = np.isfinite(values)
    if over.outside is not None:
        there &= ~over.outside
    low, high = _limits(limits, values[there])
    there &= values >= low
    place = (values[there] - low) * ((len(colours) - 1) / (high - low))
    number = np.floor(np.minimum(place, len(colours) - 1) + 0.5).astype(np.intp)
    fused = np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown.copy()
    fused[there] = _blend(shown[there], colours, number, float(alpha))
    return fused


def _blend(
    below: NDArray[np.uint8], colours: NDArray[np.uint8], number: NDArray[np.intp], alpha: float
) -> NDArray[np.uint8]:
    """Return floor(y + 0.5) of the blend; of grey and few colours by a table of all pairs."""
    if below.ndim == 1 and len(colours) <= 256 and len(below) > 1 << 16:
        grey = np.arange(256)[:, None, None]
        pairs = np.floor((1 - alpha) * grey + alpha * colours + 0.5).astype(np.uint8)
        found: NDArray[np.uint8] = pairs[below, number]
        return found
    under = below[:, None] if below.ndim == 1 else below
    return np.floor((1 - alpha) * under + alpha * colours[number] + 0.5).astype(np.uint8)


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
