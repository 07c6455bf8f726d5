from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from radkit.errors import (
    EncodeError,
    GeometryError,
    OptionError,
    RadkitError,
    TransferError,
    UnsupportedTransferSyntax,
    VerificationError,
)
from radkit.geometry import Plane, Slab, stack_affine
from radkit.mpr import reformat, reformat_stack, resample
from radkit.testing import sample, write_series
from radkit.volume import Volume, load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")
LOSSLESS = [
    "explicit-le",
    "implicit-le",
    "deflated",
    "encapsulated",
    "rle",
    "jpeg-lossless",
    "jpegls-lossless",
    "jpeg2000-lossless",
    "htj2k-lossless",
    "htj2k-lossless-rpcl",
]
AFFINE = stack_affine(
    (0.8, 0.6, 0), (0, 0, -1), (0.71234567, 0.5), (-12.3456789, 7.25, 100.125), (-1.2, 1.6, 0)
)


def header(sop_class="1.2.840.10008.5.1.4.1.1.2", **words):
    """A header to be like; the values are of the test."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, "1.2.3.4"
    ds.Modality = {"2": "CT", "4": "MR", "128": "PT"}.get(sop_class.rpartition(".")[2], "OT")
    ds.PatientName, ds.PatientID = "Test^Derived", "T1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    ds.SeriesNumber, ds.InstanceNumber, ds.SliceLocation = 3, 17, 5.5
    ds.GantryDetectorTilt, ds.KVP, ds.Manufacturer = 12.5, 120, "Maker"
    ds.WindowCenter, ds.WindowWidth = [40, 300], [400, 1500]
    ds.add_new(0x00091001, "LO", "private")
    for word, value in words.items():
        setattr(ds, word, value)
    return ds


def volume(dtype="int16", **more):
    rng = np.random.default_rng(4)
    array = rng.integers(0, 250, (3, 10, 12)).astype(dtype)
    return Volume(array, AFFINE, **{"frame_of_reference": "1.2.9", **more})


def written(folder):
    found = [pydicom.dcmread(path) for path in Path(folder).glob("*.dcm")]
    return sorted(found, key=lambda ds: int(ds.InstanceNumber))


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_series_reads_back_as_the_same_volume(tmp_path, syntax):
    source = volume(slope=2.5, intercept=-1024.0, units="[hnsf'U]", padding=3)
    report = source.to_dicom(tmp_path / "s", like=header(RescaleType="HU"), syntax=syntax)
    assert [k for k, _ in report] == [0, 1, 2] and not report.failed
    back = load_volume(tmp_path / "s")
    assert np.array_equal(back.array, source.array) and back.array.dtype == np.int16
    assert np.abs(back.affine - source.affine).max() < 1e-6
    assert (back.slope, back.intercept, back.units) == (2.5, -1024.0, "[hnsf'U]")
    assert back.padding == 3 and back.frame_of_reference == "1.2.9"
    if syntax != "encapsulated":  # pydicom has no decoder of it
        for ds, plane in zip(written(tmp_path / "s"), source.array, strict=True):
            assert np.array_equal(ds.pixel_array, plane)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32"])
def test_integers_are_stored_as_they_are(tmp_path, dtype):
    source = volume(dtype)
    source.to_dicom(tmp_path, like=header())
    back = load_volume(tmp_path)
    assert np.array_equal(back.array, source.array) and back.array.dtype.itemsize == 2
    assert (back.slope, back.intercept) == (1.0, 0.0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
@pytest.mark.parametrize("sop_class", ["2", "128", "7"])
def test_floats_are_scaled_to_sixteen_bits(tmp_path, scale, sop_class):
    array = (np.random.default_rng(0).random((3, 10, 12)) * scale).astype("float32")
    source = replace(volume(), array=array, slope=1.5)
    source.to_dicom(tmp_path, like=header(f"1.2.840.10008.5.1.4.1.1.{sop_class}"))
    found = load_volume(tmp_path).values("float64")
    step = 1.5 * array.max() / 32767
    assert np.abs(found - array.astype(float) * 1.5).max() <= step * 0.5001
    assert all("scaled" in ds.DerivationDescription for ds in written(tmp_path))


def test_scaled_padding_stays_apart(tmp_path):
    array = np.array([[[70000, -70000], [5, -1]]], "int32")
    source = Volume(array, AFFINE, padding=-1)
    source.to_dicom(tmp_path, like=header())
    back = load_volume(tmp_path)
    assert back.padding == -32768 and (back.array == back.padding).sum() == 1
    assert np.allclose(back.values()[0, 0], [70000, -70000], atol=2)


def test_header_says_what_is_true(tmp_path):
    instances = ("1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3")
    source = volume(instances=instances)
    report = source.to_dicom(tmp_path, like=header(), series_description="x" * 80)
    all_of_them = written(tmp_path)
    assert len({ds.SOPInstanceUID for ds in all_of_them}) == 3
    assert len({ds.SeriesInstanceUID for ds in all_of_them} | {"1.2.3.1"}) == 2
    assert list(report.uid_map) == list(instances)
    first = all_of_them[0]
    assert first.StudyInstanceUID == "1.2.3" and first.FrameOfReferenceUID == "1.2.9"
    assert list(first.ImageType)[:3] == ["DERIVED", "SECONDARY", "AXIAL"]
    assert first.SeriesNumber == 1003 and first.SeriesDescription == "x" * 64
    for ds, uid in zip(all_of_them, instances, strict=True):
        assert [item.ReferencedSOPInstanceUID for item in ds.SourceImageSequence] == [uid]
    assert first.DerivationCodeSequence[0].CodeValue == "113072"
    assert first.ContributingEquipmentSequence[-1].Manufacturer == "radkit"
    assert list(first.WindowCenter) == [40, 300] and first.KVP == 120
    for word in ("GantryDetectorTilt", "AcquisitionTime"):
        assert word not in first
    assert 0x00091001 not in first
    normal = np.cross([0.8, 0.6, 0], [0, 0, -1])
    assert float(first.SliceLocation) == pytest.approx(np.dot(AFFINE[:3, 3], normal), abs=1e-6)
    assert float(first.SpacingBetweenSlices) == pytest.approx(2.0)
    assert [float(x) for x in first.PixelSpacing] == [0.71234567, 0.5]
    assert list(first.PatientOrientation) == ["LP", "F"]
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID


@pytest.mark.parametrize(
    ("project", "fourth", "code"),
    [("max", "MIP", "113078"), ("min", "MINIP", "113079"), ("mean", "AVERAGE", "113072")],
)
def test_slab_of_a_plane_is_told(tmp_path, project, fourth, code):
    source = volume()
    image = reformat(source, Plane.axial(), slab=Slab(mm=4, project=project))
    path = image.to_dicom(tmp_path / "one.dcm", like=header("1.2.840.10008.5.1.4.1.1.4"))
    assert path == tmp_path / "one.dcm"
    ds = pydicom.dcmread(path)
    assert ds.ImageType[3] == fourth and ds.DerivationCodeSequence[0].CodeValue == code
    assert float(ds.SliceThickness) == 4 and "RescaleSlope" not in ds
    assert np.array_equal(ds.pixel_array, image.array)
    plane = Plane.from_image(path)
    assert plane.normal == pytest.approx(image.plane.normal, abs=1e-9)
    assert load_volume([path]).affine[:3, 1:] == pytest.approx(image.affine[:3], abs=1e-6)


def test_stack_written_and_read_is_the_stack(tmp_path):
    source = volume()
    stack = reformat_stack(source, Plane.coronal().rotate(20, "row"), count=4, step_mm=1.5)
    stack.to_dicom(tmp_path, like=header(), syntax="htj2k-lossless-rpcl")
    back = load_volume(tmp_path)
    assert np.array_equal(back.array, stack.array)
    assert np.abs(back.affine - stack.affine).max() < 1e-6


def test_sources_of_a_resampled_volume_are_those_of_the_first(tmp_path):
    source = volume(instances=("1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"))
    stack = reformat_stack(source, Plane.coronal(), count=2, step_mm=1.5)
    again = resample(stack, spacing=1.0)
    image = reformat(again, Plane.axial())
    again.to_dicom(tmp_path / "s", like=header())
    image.to_dicom(tmp_path / "s" / "one.dcm", like=header())
    for ds in written(tmp_path / "s"):
        uids = [item.ReferencedSOPInstanceUID for item in ds.SourceImageSequence]
        assert uids == ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
    assert source.reorient("SPL").sources == source.instances


def test_uneven_and_tilted_volumes_keep_their_places(tmp_path):
    positions = np.array([0.0, 2, 5])
    source = replace(volume(), positions=positions)
    source.to_dicom(tmp_path / "uneven", like=header())
    back = load_volume(tmp_path / "uneven")
    assert np.allclose(np.diff(back.positions), [2, 3], atol=1e-6) == (
        abs(np.dot(AFFINE[:3, 0], np.cross([0.8, 0.6, 0], [0, 0, -1]))) == 2.5
    )
    assert np.diff(back.positions)[0] / np.diff(back.positions)[1] == pytest.approx(2 / 3)
    assert all("SpacingBetweenSlices" not in ds for ds in written(tmp_path / "uneven"))
    tilted = AFFINE.copy()
    tilted[:3, 0] += [0, 0, 0.7]
    source = replace(volume(), affine=tilted)
    source.to_dicom(tmp_path / "tilted", like=header())
    back = load_volume(tmp_path / "tilted")
    assert back.sheared and np.abs(back.affine - tilted).max() < 1e-6


def test_colour_becomes_secondary_capture(tmp_path):
    array = np.random.default_rng(2).integers(0, 255, (3, 10, 12, 3)).astype("uint8")
    source = replace(volume(), array=array)
    for syntax in ("explicit-le", "jpeg2000-lossless", "rle"):
        source.to_dicom(tmp_path / syntax, like=header(), syntax=syntax)
        found = written(tmp_path / syntax)
        assert (
            found[0].SOPClassUID == "1.2.840.10008.5.1.4.1.1.7" and "WindowCenter" not in found[0]
        )
        assert np.array_equal(load_volume(tmp_path / syntax).array, array)


def test_outside_of_a_plane_becomes_padding_if_nothing_else_has_its_value(tmp_path):
    source = volume()
    image = reformat(source, Plane.axial(), size=(60, 60), fill=-7)
    assert image.outside is not None
    ds = pydicom.dcmread(image.to_dicom(tmp_path / "a.dcm", like=header()))
    assert ds.PixelPaddingValue == -7
    image = reformat(source, Plane.axial(), size=(60, 60), fill=int(image.array.max()))
    ds = pydicom.dcmread(image.to_dicom(tmp_path / "b.dcm", like=header()))
    assert "PixelPaddingValue" not in ds


def test_like_may_be_any_source(tmp_path):
    folder = write_series(tmp_path / "source", slices=3)
    source = load_volume(folder)
    path = folder / "0001.dcm"
    for like in (path, path.read_bytes(), io.BytesIO(path.read_bytes()), pydicom.dcmread(path)):
        out = tmp_path / f"out-{type(like).__name__}"
        source.to_dicom(out, like=like)
        assert np.array_equal(load_volume(out).array, source.array)
        assert written(out)[0].PatientName == "Test^Series"


@needs_data
@pytest.mark.parametrize("series", ["ct-head-1mm", "mr-t1-oblique", "ct-enhanced", "ct-tilt"])
def test_real_series_reads_back(tmp_path, series):
    source = load_volume(SHARED / series)
    source = source.crop((0, min(4, source.shape[0]), 0, source.shape[1], 0, source.shape[2] - 3))
    like = sorted((SHARED / series).glob("*.dcm"))[0]
    source.to_dicom(tmp_path, like=like, syntax="jpegls-lossless")
    back = load_volume(tmp_path)
    assert np.array_equal(back.array, source.array)
    assert np.abs(back.affine - source.affine).max() < 1e-6
    assert (back.slope, back.intercept) == (source.slope, source.intercept)
    ds = written(tmp_path)[0]
    original = pydicom.dcmread(like, stop_before_pixels=True)
    assert (
        ds.PatientName == original.PatientName and ds.StudyInstanceUID == original.StudyInstanceUID
    )
    assert ("WindowCenter" in ds) == (series != "mr-t1-oblique")  # which has none


@needs_data
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
@pytest.mark.parametrize("series", ["ct-head-1mm", "ct-enhanced", "mr-sag-decubitus", "pet"])
def test_dciodvfy_finds_no_errors(tmp_path, series):
    if series == "pet":
        like: Any = header("1.2.840.10008.5.1.4.1.1.128", Units="BQML", StudyID="1")
        source = replace(volume("float32"), units="Bq/ml")
    else:
        like = sorted((SHARED / series).glob("*.dcm"))[0]
        source = load_volume(SHARED / series).crop((0, 2, 0, 64, 0, 60))
    source.to_dicom(tmp_path, like=like, syntax="jpeg2000-lossless")
    slab = reformat(source, Plane.coronal(), slab=Slab(mm=3))
    slab.to_dicom(tmp_path / "slab.dcm", like=like)
    for path in tmp_path.glob("*.dcm"):
        told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True).stderr
        errors = [line for line in told.splitlines() if line.startswith("Error")]
        assert not errors and "Image" in told


@needs_data
def test_highdicom_makes_the_same_volume_of_it(tmp_path):
    highdicom = pytest.importorskip("highdicom")
    source = load_volume(SHARED / "mr-t1-oblique").crop((3, 9, 20, 90, 30, 120))
    like = sorted((SHARED / "mr-t1-oblique").glob("*.dcm"))[0]
    source.to_dicom(tmp_path, like=like)
    made = highdicom.get_volume_from_series(written(tmp_path), apply_modality_transform=False)
    # highdicom stacks towards the other side.
    back, wanted = Volume.from_highdicom(made).reorient("LPS"), source.reorient("LPS")
    assert np.array_equal(back.array, wanted.array)
    assert np.abs(back.affine - wanted.affine).max() < 1e-6


def test_refusals_leave_nothing_behind(tmp_path):
    source, target = volume(), tmp_path / "out"
    with pytest.raises(GeometryError, match="frame of reference"):
        source.to_dicom(target, like=header(FrameOfReferenceUID="1.2.8"))
    with pytest.raises(UnsupportedTransferSyntax):
        source.to_dicom(target, like=header(), syntax="explicit-be")
    with pytest.raises(UnsupportedTransferSyntax):
        source.to_dicom(target, like=header(), syntax="nonsense")
    with pytest.raises(EncodeError):
        replace(source, array=np.full((3, 10, 12), np.nan)).to_dicom(target, like=header())
    with pytest.raises(EncodeError, match="intercept"):
        replace(source, intercept=5.0).to_dicom(target, like=header("1.2.840.10008.5.1.4.1.1.128"))
    with pytest.raises(EncodeError):
        replace(source, array=np.zeros((3, 10, 12, 3), "uint16")).to_dicom(target, like=header())
    skewed = AFFINE.copy()
    skewed[:3, 1] += 0.3 * skewed[:3, 2]
    with pytest.raises(GeometryError, match="right angles"):
        replace(source, affine=skewed).to_dicom(target, like=header())
    with pytest.raises(OptionError):
        source.to_dicom("a\0b", like=header())
    with pytest.raises(TypeError):
        source.to_dicom(3, like=header())
    assert not target.exists() or not list(target.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(TransferError):
        source.to_dicom(tmp_path / "file", like=header())


@pytest.mark.filterwarnings("ignore")
def test_hostile_headers_give_typed_errors(tmp_path):
    rng = np.random.default_rng(6)
    raw = bytearray(sample("ct").read_bytes())
    source = volume(frame_of_reference=None)
    for _ in range(60):
        broken = bytearray(raw)
        for at in rng.integers(300, min(len(raw), 3000), 6):
            broken[at] = rng.integers(0, 256)
        try:
            source.to_dicom(tmp_path, like=bytes(broken))
        except RadkitError:
            continue


def test_what_decodes_differently_is_not_written(tmp_path, monkeypatch):
    from radkit.codecs import registry

    original = registry.encode_frame
    monkeypatch.setattr(
        registry,
        "encode_frame",
        lambda coding, array, spec, **more: original(coding, array + 1, spec, **more),
    )
    with pytest.raises(VerificationError):
        volume().to_dicom(tmp_path, like=header(), syntax="rle")
    assert not list(tmp_path.iterdir())


def test_an_error_midway_removes_the_slices_before_it(tmp_path, monkeypatch):
    from radkit.pixels import derived

    done = []
    original = derived._write_one

    def fail_at_third(*args):
        if len(done) == 2:
            raise EncodeError("third")
        done.append(original(*args))
        return done[-1]

    monkeypatch.setattr(derived, "_write_one", fail_at_third)
    with pytest.raises(EncodeError, match="third"):
        volume().to_dicom(tmp_path, like=header())
    assert len(done) == 2 and not list(tmp_path.iterdir())
