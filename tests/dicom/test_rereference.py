"""References that follow, at any depth, in any encoding radkit writes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radkit.dicom.rereference import Rereferenced, rereference
from radkit.errors import CorruptFile, EncodeError, OptionError

MAP = {"1.2.3": "2.25.99999", "1.2.4": "2.25.8"}


def report(
    syntax: str = ExplicitVRLittleEndian, uids: tuple[str, ...] = ("1.2.3", "1.2.5")
) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.59"
    ds.SOPInstanceUID = "1.2.9"
    references = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        item.ReferencedSOPInstanceUID = uid
        references.append(item)
    series = Dataset()
    series.ReferencedSOPSequence = references
    series.SeriesInstanceUID = "1.2.3"  # not a reference to an instance: stays
    study = Dataset()
    study.ReferencedSeriesSequence = [series]
    study["ReferencedSeriesSequence"].is_undefined_length = True
    ds.CurrentRequestedProcedureEvidenceSequence = [study]
    ds.add_new(0x00111001, "UN", b"\1\2\3\4")
    out = io.BytesIO()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    pydicom.dcmwrite(
        out,
        ds,
        enforce_file_format=True,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=True,
    )
    return out.getvalue()


def instances(data: bytes) -> list[str]:
    ds = pydicom.dcmread(io.BytesIO(data))
    series = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == "1.2.3"
    return [item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_known_uids_are_replaced_and_others_stay(syntax: str) -> None:
    (result,) = rereference([report(syntax)], MAP)
    assert isinstance(result, Rereferenced) and result.data is not None
    assert result.replaced == 1
    assert instances(result.data) == ["2.25.99999", "1.2.5"]
    old, new = (pydicom.dcmread(io.BytesIO(d)) for d in (report(syntax), result.data))
    for tag in (0x00080016, 0x00080018, 0x00111001):
        assert old[tag].value == new[tag].value
    (again,) = rereference([result.data], {"2.25.99999": "1.2.3"})
    assert instances(again.data) == ["1.2.3", "1.2.5"]


def test_unconcerned_objects_are_left(tmp_path: Path) -> None:
    (result,) = rereference([report(uids=("1.7",))], MAP, dest=tmp_path)
    assert (result.data, result.path, result.replaced) == (None, None, 0)
    assert not list(tmp_path.iterdir())


def test_folders_keep_their_tree_and_bad_files_do_not_stop(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "one.dcm").write_bytes(report())
    (tmp_path / "in" / "bad.dcm").write_bytes(b"no DICOM" * 40)
    results = list(rereference(tmp_path / "in", MAP, dest=tmp_path / "out"))
    assert isinstance(results[1], CorruptFile)
    assert results[0].path == tmp_path / "out" / "a" / "one.dcm"
    assert instances(results[0].path.read_bytes())[0] == "2.25.99999"


@pytest.mark.parametrize("bad", [{}, {"1.2": "x"}, {"": "1.2"}, {"1." * 40: "1.2"}])
def test_maps_that_are_none_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(OptionError):
        rereference([report()], bad)


def test_signed_object_that_would_change_is_refused() -> None:
    ds = pydicom.dcmread(io.BytesIO(report()))
    ds.add_new(0xFFFAFFFA, "SQ", [Dataset()])
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds)
    (result,) = rereference([out.getvalue()], MAP)
    assert isinstance(result, EncodeError)


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_that_an_archive_made_unknown_are_followed(undefined: bool) -> None:
    ds = pydicom.dcmread(io.BytesIO(report(ImplicitVRLittleEndian)))
    tag = 0x0040A375
    ds[tag].is_undefined_length = undefined
    alone = Dataset()
    alone[tag] = ds[tag]
    out = DicomBytesIO()
    out.is_implicit_VR = out.is_little_endian = True
    write_dataset(out, alone)
    value = out.getvalue()[8:]
    length = 0xFFFFFFFF if undefined else len(value)
    unknown = struct.pack("<HH2sHI", 0x0040, 0xA375, b"UN", 0, length) + value
    explicit = pydicom.dcmread(io.BytesIO(report()))
    del explicit[tag]
    bare = io.BytesIO()
    explicit.save_as(bare)
    (one,) = rereference([bare.getvalue() + unknown], MAP)
    assert isinstance(one, Rereferenced) and one.data is not None and one.replaced == 1
    assert instances(one.data) == ["2.25.99999", "1.2.5"]
    assert b"\x40\x00\x75\xa3UN" in one.data
