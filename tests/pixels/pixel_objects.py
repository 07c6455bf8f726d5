"""Small data sets with an array in them, made by pydicom, the peer of these tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

__all__ = ["dataset", "item", "lut_item", "sequence"]


def item(**values: Any) -> Dataset:
    """Return an item with these elements."""
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def sequence(*items: Dataset) -> Sequence:
    return Sequence(items)


def lut_item(
    descriptor: list[int], data: np.ndarray, *, signed: bool = False, **more: Any
) -> Dataset:
    """Return an item of a Modality or VOI LUT Sequence."""
    made = Dataset()
    made.add_new(0x00283002, "SS" if signed else "US", descriptor)
    made.add_new(0x00283006, "OW", data.astype("<u2").tobytes())
    for name, value in more.items():
        setattr(made, name, value)
    return made


def dataset(
    array: np.ndarray,
    *,
    photometric: str | None = None,
    bits: int | None = None,
    frames: bool = False,
    syntax: str = ExplicitVRLittleEndian,
    **values: Any,
) -> Dataset:
    """Return an object of these samples; `frames`: the first axis counts frames."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["1"])
    one = array[0] if frames else array
    ds.Rows, ds.Columns = one.shape[:2]
    ds.SamplesPerPixel = 1 if one.ndim == 2 else one.shape[2]
    if ds.SamplesPerPixel > 1:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric or ("MONOCHROME2" if one.ndim == 2 else "RGB")
    if frames:
        ds.NumberOfFrames = len(array)
    if array.dtype.kind == "f":
        ds.BitsAllocated = 8 * array.dtype.itemsize
        name = "FloatPixelData" if array.dtype.itemsize == 4 else "DoubleFloatPixelData"
        setattr(ds, name, array.astype(array.dtype.newbyteorder("<")).tobytes())
    else:
        ds.BitsAllocated = 8 * array.dtype.itemsize
        ds.BitsStored = bits or ds.BitsAllocated
        ds.HighBit = ds.BitsStored - 1
        ds.PixelRepresentation = int(array.dtype.kind == "i")
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        ds.PixelData = data + bytes(len(data) % 2)
        ds["PixelData"].VR = "OB" if ds.BitsAllocated <= 8 else "OW"
    for name, value in values.items():
        setattr(ds, name, value)
    return ds
