"""Enhanced multi-frame objects written by pydicom from a list of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from radkit.testing.series import make_uid

STACK_ID, IN_STACK, TEMPORAL, ECHO = 0x00209056, 0x00209057, 0x00209128, 0x00189082


@dataclass(frozen=True)
class Frame:
    """What one frame is given."""

    pixels: np.ndarray
    position: Sequence[float]
    index: Sequence[int] = ()
    slope: tuple[float, float] | None = None
    cosines: Sequence[float] = (1, 0, 0, 0, 1, 0)
    content: dict[str, Any] = field(default_factory=dict)
    echo: float | None = None


def item(**values: Any) -> Dataset:
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def groups_of(frame: Frame) -> Dataset:
    ds = Dataset()
    ds.PlanePositionSequence = Items([item(ImagePositionPatient=list(frame.position))])
    ds.PlaneOrientationSequence = Items([item(ImageOrientationPatient=list(frame.cosines))])
    content = dict(frame.content)
    if frame.index:
        content["DimensionIndexValues"] = list(frame.index)
    ds.FrameContentSequence = Items([item(**content)])
    if frame.slope is not None:
        slope, intercept = frame.slope
        ds.PixelValueTransformationSequence = Items(
            [item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")]
        )
    if frame.echo is not None:
        ds.MREchoSequence = Items([item(EffectiveEchoTime=frame.echo)])
    return ds


def write_enhanced(
    path: Path,
    frames: Sequence[Frame],
    *,
    pointers: Sequence[int] = (),
    modality: str = "MR",
    seed: str = "enhanced",
    edit: Callable[[Dataset], None] | None = None,
) -> Path:
    """Write one object; pixel spacing and thickness are shared."""
    pixels = np.stack([frame.pixels for frame in frames]).astype("<u2")
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    kind = {"MR": "4.1", "CT": "2.1", "PT": "130"}[modality]
    ds.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = make_uid(seed, path.name)
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = make_uid(seed, "study"), make_uid(seed, "series")
    ds.FrameOfReferenceUID = make_uid(seed, "frame of reference")
    ds.InstanceNumber = 1
    if modality == "PT":
        ds.Units = "BQML"
    measures = item(PixelSpacing=[0.75, 0.5], SliceThickness=9)
    ds.SharedFunctionalGroupsSequence = Items([item(PixelMeasuresSequence=Items([measures]))])
    ds.PerFrameFunctionalGroupsSequence = Items([groups_of(frame) for frame in frames])
    if pointers:
        ds.DimensionIndexSequence = Items([item(DimensionIndexPointer=one) for one in pointers])
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = pixels.tobytes()
    if edit is not None:
        edit(ds)
    ds.save_as(path, enforce_file_format=True)
    return path


def plane(number: int) -> np.ndarray:
    """Return pixels that no other number has."""
    return np.arange(6 * 7).reshape(6, 7) + 100 * number
