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

        values = self.array.astype(np.float64) * self.slope + self.intercept
        there = values if self.outside is None else values[~self.outside]
        if isinstance(window, str):
            if window != "auto":
                raise OptionError(f"window must be auto or (centre, width), not {window!r}")
            low, high = np.percentile(there, (1, 99)) if there.size else (0.0, 1.0)
            # The linear function reaches white at centre - 0.5 + (width - 1) / 2.
            window = ((low + high) / 2 + 0.5, max(high - low, 1e-6) + 1)
        if self.outside is not None:
            # Far below any window, so that it stays black whatever happens next.
            values[self.outside] = min(float(window[0] - window[1]), float(values.min()))
        if size is not None:
            size = self._fit(size)
        picture: NDArray[np.uint8] = render(values, window=window, size=size)
        return picture

    def _fit(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the largest size inside `size` with the aspect of the millimetres."""
        if len(size) != 2 or min(size) < 1:
            raise OptionError("size must be (rows, cols), each at least 1")
        rows, cols = self.array.shape[:2]
        tall, wide = rows * self.spacing[0], cols * self.spacing[1]
        scale = min(size[0] / tall, size[1] / wide)
        return max(1, int(tall * scale + 0.5)), max(1, int(wide * scale + 0.5))
