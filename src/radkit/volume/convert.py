"""A volume in other orders of axes, in other libraries, in files.

`Conversions` is a part of `Volume`; the other libraries are imported by `radkit.interop`
only when one of these is called.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from radkit.interop.dicom import Report
    from radkit.pixels import Source
    from radkit.volume.volume import Volume

__all__ = ["Conversions"]


class Conversions:
    """Methods of `Volume` that hand it over to something else."""

    __slots__ = ()

    def reorient(self, to: str = "LPS") -> Volume:
        """Return the volume with its axes permuted and flipped; nothing is resampled.

        Parameters
        ----------
        to : str, default "LPS"
            Directions in which column, row and slice index grow, as nearly as the axes
            allow: one letter each of L/R, P/A and S/I (or H/F). "LPS" is an axial
            volume as seen from the feet.

        Returns
        -------
        Volume
            Its array is a view.

        Raises
        ------
        OptionError
            `to` does not name three different axes.
        GeometryError
            The slices are uneven and would no longer be the first axis.
        """
        from radkit.volume.reorient import reoriented

        return reoriented(cast("Volume", self), to)

    def to_sitk(self) -> Any:
        """Return a `SimpleITK.Image` with values (slope and intercept applied), copied.

        Integers stay integers where slope and intercept are, as in SimpleITK's reader.

        Raises
        ------
        GeometryError
            The slices are uneven or tilted, which an ITK image cannot hold.
        MissingDependency
            SimpleITK is absent.
        """
        from radkit.interop.sitk import to_sitk

        return to_sitk(cast("Volume", self))

    @classmethod
    def from_sitk(cls, image: Any) -> Volume:
        """Make a volume of a three-dimensional `SimpleITK.Image`; the voxels are copied.

        Raises
        ------
        GeometryError
            The image does not have three dimensions.
        """
        from radkit.interop.sitk import from_sitk

        return from_sitk(image)

    def to_nibabel(self) -> Any:
        """Return a `nibabel.Nifti1Image` (RAS) that shares the stored values.

        Slope and intercept are kept: nibabel applies them, and writes the stored integers.
        A gantry tilt is kept in the affine (sform).

        Raises
        ------
        GeometryError
            The slices are uneven.
        MissingDependency
            nibabel is absent.
        """
        from radkit.interop.nifti import to_nibabel

        return to_nibabel(cast("Volume", self))

    @classmethod
    def from_nibabel(cls, image: Any) -> Volume:
        """Make a volume of a three-dimensional nibabel image, without a copy where it is in memory.

        Raises
        ------
        GeometryError
            The image does not have three dimensions.
        """
        from radkit.interop.nifti import from_nibabel

        return from_nibabel(image)

    def to_highdicom(self) -> Any:
        """Return a `highdicom.Volume` that shares the stored values.

        Raises
        ------
        GeometryError
            The slices are uneven or tilted.
        MissingDependency
            highdicom is absent.
        """
        from radkit.interop.highdicom import to_highdicom

        return to_highdicom(cast("Volume", self))

    @classmethod
    def from_highdicom(cls, volume: Any) -> Volume:
        """Make a volume that shares the voxels of a `highdicom.Volume`.

        Raises
        ------
        GeometryError
            It is one of a slide, or has channels that are not colour.
        """
        from radkit.interop.highdicom import from_highdicom

        return from_highdicom(volume)

    def to_zarr(self, store: Any, *, levels: int = 1) -> None:
        """Write the volume to a Zarr (v3) store, with all of its geometry.

        Parameters
        ----------
        store : path, URL or zarr store
            What is there is replaced.
        levels : int
            Level n is halved n times along each axis, by means of 2 x 2 x 2 voxels.

        Raises
        ------
        OptionError
            `levels` is out of range.
        GeometryError
            More than one level of uneven slices.
        MissingDependency
            zarr is absent.
        """
        from radkit.interop.store import to_zarr

        to_zarr(cast("Volume", self), store, levels=levels)

    @classmethod
    def from_zarr(cls, store: Any, *, level: int = 0) -> Volume:
        """Read a volume that `to_zarr` wrote.

        Raises
        ------
        CorruptFile
            There is no such level, or no volume of radkit.
        LimitExceeded
            It needs more memory than `radkit.limits` allows.
        MissingDependency
            zarr is absent.
        """
        from radkit.interop.store import from_zarr

        return from_zarr(store, level=level)

    def to_dicom(
        self,
        dest: str | os.PathLike[str],
        *,
        like: Source,
        syntax: str = "explicit-le",
        series_description: str | None = None,
    ) -> Report:
        r"""Write the volume as a series of derived images, one for each slice.

        Parameters
        ----------
        dest : path
            Folder; made if it is absent.
        like : path, bytes, binary file or pydicom.Dataset
            An object of the series that the volume was made of: patient, study, frame of
            reference and equipment are its, also the window and what all slices share of
            the acquisition. Nothing private is taken over.
        syntax : str, default "explicit-le"
            Transfer syntax, lossless.
        series_description : str, optional
            Default: "Multiplanar reformat".

        Returns
        -------
        Report
            Iterates over (slice, Transcoded); `uid_map` has old and new instance UIDs of
            slices that are those of the source. After an error nothing is left behind.

        Raises
        ------
        GeometryError
            `like` has another frame of reference, or rows and columns are not at right
            angles.
        EncodeError
            The syntax cannot hold these pixels.
        OptionError, UnsupportedTransferSyntax, CorruptFile, TransferError
            As `radkit.transcode`.

        Notes
        -----
        Series, SOP Instance and file names are new; Image Type is DERIVED\SECONDARY, with
        Derivation Code Sequence, Source Image Sequence and Contributing Equipment Sequence.
        CT, MR and PET (also enhanced ones) become single-frame objects of their kind,
        all else, and colour, Secondary Capture. Integers that fit 16 bits are stored as they
        are, with slope and intercept; floats and wider integers are scaled to 16 bits, which
        Derivation Description says. PS3.3 C.7.6.1, C.7.6.2, C.8.2.1, C.8.3.1, C.8.9.4.
        """
        from radkit.interop.dicom import write_volume

        return write_volume(
            cast("Volume", self),
            dest,
            like=like,
            syntax=syntax,
            series_description=series_description,
        )
