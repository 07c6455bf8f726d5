"""Objects made for the tests of transcoding, and comparisons by other libraries' eyes."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

DATA = Path(__file__).parents[3] / "shared" / "data"
OWNED = frozenset(
    {0x00280004, 0x00280006, 0x00280100, 0x00280101, 0x00280102, 0x00282110, 0x00282114}
    | {0x7FE00001, 0x7FE00002, 0x7FE00010, 0xFFFCFFFC}
)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data is not there")


@cache
def manifest() -> dict[str, dict[str, Any]]:
    entries = json.loads((DATA / "syntaxes" / "manifest.json").read_text())["entries"]
    return {entry["file"]: entry for entry in entries}


def ct(
    pixels: np.ndarray | None = None,
    *,
    bits: int = 12,
    signed: bool = False,
    syntax: str = ExplicitVRLittleEndian,
    **more: Any,
) -> Dataset:
    """A small image with a private element, a sequence, GBK text and an unknown VR."""
    if pixels is None:
        rng = np.random.default_rng(7)
        low = -(1 << bits - 1) if signed else 0
        pixels = rng.integers(low, low + (1 << bits), (20, 24)).astype(
            f"{'i' if signed else 'u'}{1 if bits <= 8 else 2 if bits <= 16 else 4}"
        )
    multi = pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[-1] != 3)
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    rows, cols = pixels.shape[1:3] if multi else pixels.shape[:2]
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.file_meta.ImplementationClassUID = "1.2.3.9"
    ds.file_meta.SourceApplicationEntityTitle = "SOMEWHERE"
    ds.SpecificCharacterSet = "GB18030"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = "1.2.3.4"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Modality = "CT"
    # Second bytes of these characters are the backslash and the caret.
    ds.add_new(0x00100010, "PN", "誠^張三".encode("gb18030"))
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = "1.2.3.5"
    ds.ReferencedImageSequence = [item]
    ds.add_new(0x00110010, "LO", "ACME")
    ds.add_new(0x00111001, "OB", b"\x01\x02\x03\x04")
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    if multi:
        ds.NumberOfFrames = pixels.shape[0]
    ds.Rows, ds.Columns = rows, cols
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    ds.add_new(0x7FE00010, "OW", data + bytes(len(data) & 1))
    for name, value in more.items():
        setattr(ds, name, value)
    return ds


def encoded(ds: Dataset) -> bytes:
    """The bytes of a file of that data set."""
    out = io.BytesIO()
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax == ExplicitVRBigEndian:
        item = ds[0x7FE00010]
        word = max(ds.BitsAllocated // 8, 1)
        item.value = np.frombuffer(item.value, f"<u{word}").byteswap().tobytes()
    pydicom.dcmwrite(
        out,
        ds,
        enforce_file_format=True,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    return out.getvalue()


def read(data: bytes | Path) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data) if isinstance(data, bytes) else data, force=True)


def raw_elements(data: bytes | Path) -> dict[int, tuple[str | None, Any]]:
    """Tag -> (VR, value bytes), values not interpreted; sequences as pydicom has them."""
    ds = read(data)
    found = {}
    for tag in ds.keys():  # noqa: SIM118 (iterating a Dataset parses its elements)
        element = ds.get_item(tag)
        value = element.value
        if isinstance(element, RawDataElement) and value is None:
            value = b""
        found[int(tag)] = (element.VR, value)
    return found


def assert_carried(before: bytes | Path, after: bytes, *, but: frozenset[int] = OWNED) -> None:
    """Every element that is not owned is there, with the same VR and bytes."""
    old, new = raw_elements(before), raw_elements(after)
    for tag, value in old.items():
        if tag in but or tag & 0xFFFF == 0:
            continue
        assert tag in new, f"{tag:08X} is lost"
        assert new[tag] == value, f"{tag:08X} differs"
    assert set(new) - set(old) <= but


def gdcm_pixels(data: bytes, tmp_path: Path) -> bytes | None:
    """Decoded pixels as GDCM gives them; None if it cannot read the file."""
    gdcm = pytest.importorskip("gdcm")
    path = tmp_path / "gdcm.dcm"
    path.write_bytes(data)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        return None
    return reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
