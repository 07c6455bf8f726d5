"""A picture that knows its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import OptionError
from radkit.geometry import Plane, Slab
from radkit.mpr.windows import Window, named_window

if TYPE_CHECKING:
    from pathlib import Path

    from radkit.pixels import Source

__all__ = ["PlaneImage", "Window"]


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
    slab : Slab or None
        How thick it is; None for a thin plane.
    frame_of_reference : str or None
        UID of the volume's.
    instances : tuple of str
        SOP Instance UIDs of the volume's slices.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    plane: Plane
    spacing: tuple[float, float]
    slope: float
    intercept: float
    units: str
    outside: NDArray[np.bool_] | None
    slab: Slab | None = None
    frame_of_reference: str | None = None
    instances: tuple[str, ...] = ()

    def values(self) -> NDArray[np.float64]:
        """Return ``slope * array + intercept``, float64."""
        found: NDArray[np.float64] = self.array.astype(np.float64) * self.slope + self.intercept
        return found

    def render(
        self, *, window: Window = "auto", size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Make an 8-bit picture.

        Parameters
        ----------
        window : "auto", a name or (centre, width)
            In units of the values (HU, ...), by the linear function of PS3.3
            C.11.2.1.2.1. ``"auto"``: from the 1st to the 99th percentile of the
            pixels with data. Names are those of `radkit.mpr.WINDOWS`, for HU.
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
            picture = render(self.values(), window=self.window(window))
        if self.outside is not None:
            picture[self.outside] = 0
        if box is None:
            return picture
        rows, cols = picture.shape[:2]
        return resize(picture, fit(rows, cols, box, self.spacing[0] / self.spacing[1]))

    def to_dicom(
        self,
        dest: str | Path,
        *,
        like: Source,
        syntax: str = "explicit-le",
        series_description: str | None = None,
    ) -> Path:
        """Write the picture as a derived DICOM image, in a series of its own.

        Parameters
        ----------
        dest : path
            File, or folder for a file named after the instance UID.
        like : path, bytes, binary file or pydicom.Dataset
            An object of the series that the volume was made of: patient, study, frame of
            reference and equipment are its.
        syntax : str, default "explicit-le"
            Transfer syntax, lossless.
        series_description : str, optional
            Default: what kind of picture it is.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        GeometryError
            `like` has another frame of reference.
        EncodeError
            The syntax cannot hold these pixels.
        OptionError, UnsupportedTransferSyntax, CorruptFile, TransferError
            As `radkit.transcode`.

        Notes
        -----
        PS3.3 C.7.6.2, C.7.6.1.1.3, C.8.2.1.1.1; see `radkit.Volume.to_dicom` for what is
        written.
        """
        from radkit.pixels.derived import DerivedStack, write_derived

        stack = DerivedStack(
            array=self.array[None],
            origin=self.affine[:3, 2],
            step=np.array(self.plane.normal) * (self.slab.mm if self.slab else 0.0),
            down=self.affine[:3, 0],
            right=self.affine[:3, 1],
            thickness=self.slab.mm if self.slab else None,
            slope=self.slope,
            intercept=self.intercept,
            units=self.units,
            outside=None if self.outside is None else self.outside[None],
            frame_of_reference=self.frame_of_reference,
            instances=self.instances,
            project=None if self.slab is None else self.slab.project,
        )
        written = write_derived(
            stack, dest, like=like, syntax=syntax, series_description=series_description
        )
        return written[0].path

    def window(self, window: Window) -> tuple[float, float]:
        """Return the centre and width that `render` uses for a window."""
        if not isinstance(window, str):
            return window
        if window != "auto":
            return named_window(window, self.units)
        values = self.values()
        there = values if self.outside is None else values[~self.outside]
        low, high = np.percentile(there, (1, 99)) if there.size else (0.0, 1.0)
        # The linear function is white from centre - 0.5 + (width - 1) / 2 upwards.
        return (low + high) / 2 + 0.5, max(high - low, 1e-6) + 1
