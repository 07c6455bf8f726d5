"""A picture that knows its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radkit.errors import OptionError
from radkit.geometry import Plane

__all__ = ["PlaneImage"]

Window = Literal["auto"] | tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneImage:
    """A plane out of a volume.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, samples), stored values of the volume's dtype
        or the float type that was asked for.
    affine : ndarray
        (4, 3) float64: (row, column, 1) -> LPS mm, 1; pixel centres.
    plane : Plane
        With its centre.
    spacing : (row distance, column distance)
        mm.
    slope, intercept : float
        value = slope * array + intercept.
    units : str
        UCUM code of the values; empty if unknown.
    outside : ndarray or None
        True for pixels without data; None if there are none.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    plane: Plane
    spacing: tuple[float, float]
    slope: float
    intercept: float
    units: str
    outside: NDArray[np.bool_] | None

    def render(
        self, *, window: Window = "auto", size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Make an 8-bit picture.

        Parameters
        ----------
        window : "auto" or (centre, width)
            In units of the values (HU, ...), by the linear function of PS3.3
            C.11.2.1.2.1. ``"auto"``: from the 1st to the 99th percentile of the
            pixels with data.
        size : (rows, cols), optional
            Largest size; the aspect in millimetres is kept. Default: a pixel
            for each sample.

        Returns
        -------
        ndarray
            uint8, floor(y + 0.5) of the formula; 0 where there is no data.

        Raises
        ------
        OptionError
            The window or the size makes no sense.
        """
        from radkit.pixels import render
        from radkit.pixels.resize import check_size, fit, resize

        box = check_size(size)
        if self.array.ndim == 3:
            if self.array.dtype != np.uint8:
                raise OptionError("only colour of 8 bits can be rendered")
            picture: NDArray[np.uint8] = self.array.copy()
        else:
            picture = render(self._values(), window=self._window(window))
        if self.outside is not None:
            picture[self.outside] = 0
        if box is None:
            return picture
        rows, cols = picture.shape[:2]
        return resize(picture, fit(rows, cols, box, self.spacing[0] / self.spacing[1]))

    def _values(self) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.array.astype(np.float64) * self.slope + self.intercept
        return values

    def _window(self, window: Window) -> tuple[float, float]:
        if isinstance(window, str):
            if window != "auto":
                raise OptionError(f"window must be auto or (centre, width), not {window!r}")
            values = self._values()
            there = values if self.outside is None else values[~self.outside]
            low, high = np.percentile(there, (1, 99)) if there.size else (0.0, 1.0)
            # The linear function is white from centre - 0.5 + (width - 1) / 2 upwards.
            return (low + high) / 2 + 0.5, max(high - low, 1e-6) + 1
        return window
