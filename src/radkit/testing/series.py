"""Series of single-frame objects, written from an array and its place in the patient.

Nothing in them is a patient's: names are of the test, UIDs are made from `seed`.
The writer is pydicom, so that radkit is not tested by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["make_uid", "write_series"]

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT_LE = "1.2.840.10008.1.2.1"


def make_uid(*parts: object) -> str:
    """Return a UID that depends on `parts` only (PS3.5 B.2, derived from a UUID)."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix="2.25.", entropy_srcs=[repr(parts)]))


def write_series(
    folder: str | Path | None = None,
    array: ArrayLike | None = None,
    *,
    slices: int = 8,
    positions: Sequence[Sequence[float]] | None = None,
    cosines: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing: tuple[float, float] = (0.75, 0.5),
    step: float = 2.0,
    slopes: Sequence[tuple[float, float]] | None = None,
    padding: int | None = None,
    seed: str = "series",
    edit: Callable[[int, Any], None] | None = None,
) -> Path:
    """Write a series, one explicit little-endian MR object per slice.

    Parameters
    ----------
    folder : path, optional
        Made if absent. Default: a new temporary folder, which the caller removes.
    array : array_like, optional
        (slices, rows, cols), an integer type of 8 or 16 bits. Default: a smooth
        pattern in which every voxel of a slice is different.
    slices : int
        Of the default array.
    positions : sequence of (x, y, z), optional
        Image Position (Patient) of each slice. Default: `step` apart along the normal.
    cosines : six floats
        Image Orientation (Patient).
    spacing : (row distance, column distance)
        mm.
    step : float
        mm between the default positions.
    slopes : sequence of (slope, intercept), optional
        Rescale of each slice. Default: none is written.
    padding : int, optional
        Pixel Padding Value.
    seed : str
        Of the UIDs: the same seed gives the same series.
    edit : callable, optional
        Called with (slice, data set) before it is written.

    Returns
    -------
    Path
        The folder; the files are 0000.dcm and so on.
    """
    target = Path(tempfile.mkdtemp(prefix="radkit-")) if folder is None else Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    pixels = _pattern(slices) if array is None else np.asarray(array)
    if pixels.ndim != 3 or pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > 2:
        raise TypeError("array must be (slices, rows, cols) of an integer of 8 or 16 bits")
    x, y = np.array(cosines[:3], float), np.array(cosines[3:], float)
    places = (
        np.arange(len(pixels))[:, None] * step * np.cross(x, y)
        if positions is None
        else np.asarray(positions, float)
    )
    for k, plane in enumerate(pixels):
        ds = _data_set(plane, k, seed, cosines, spacing)
        ds.ImagePositionPatient = [_decimal(value) for value in places[k]]
        if slopes is not None:
            ds.RescaleSlope, ds.RescaleIntercept = (_decimal(value) for value in slopes[k])
        if padding is not None:
            kind = "SS" if plane.dtype.kind == "i" else "US"
            ds.add_new(0x00280120, kind, padding)
        if edit is not None:
            edit(k, ds)
        ds.save_as(target / f"{k:04d}.dcm", enforce_file_format=True)
    return target


def _pattern(slices: int) -> NDArray[np.uint16]:
    k, j, i = np.meshgrid(np.arange(slices), np.arange(20), np.arange(24), indexing="ij")
    return (100 * k + 24 * j + i).astype(np.uint16)


def _decimal(value: float) -> str:
    """Write a DS of at most 16 characters that keeps as many digits as fit."""
    for digits in range(16, 3, -1):
        text = f"{float(value) + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError(f"{value!r} does not fit into a DS")


def _data_set(
    plane: NDArray[Any],
    k: int,
    seed: str,
    cosines: Sequence[float],
    spacing: tuple[float, float],
) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(EXPLICIT_LE)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID(MR_IMAGE)
    ds.SOPInstanceUID = make_uid(seed, "instance", k)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.ReferringPhysicianName = ""
    ds.Modality = "MR"
    ds.Manufacturer = "radkit.testing"
    ds.PatientName = "Test^Series"
    ds.PatientID = "TEST"
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.ScanningSequence, ds.SequenceVariant = "RM", "NONE"
    ds.ScanOptions = ds.EchoTrainLength = ds.RepetitionTime = ds.EchoTime = None
    ds.MRAcquisitionType = "3D"
    ds.PatientPosition = "HFS"
    ds.StudyInstanceUID = make_uid(seed, "study")
    ds.SeriesInstanceUID = make_uid(seed, "series")
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, k + 1
    ds.FrameOfReferenceUID = make_uid(seed, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [_decimal(value) for value in cosines]
    ds.PixelSpacing = [_decimal(value) for value in spacing]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = plane.shape
    bits = 8 * plane.dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(plane.dtype.kind == "i")
    data = plane.astype(plane.dtype.newbyteorder("<")).tobytes()
    ds.add_new(0x7FE00010, "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
    return ds
