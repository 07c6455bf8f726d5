from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radkit.errors import CorruptFile, GeometryError, LimitExceeded, MissingDependency, OptionError
from radkit.geometry import apply, stack_affine
from radkit.interop.store import halved
from radkit.limits import use
from radkit.volume import Correction, Volume, load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")
AFFINE = stack_affine((0.8, 0.6, 0), (-0.6, 0.8, 0), (0.7, 0.5), (-10, 20, 30), (0, 0, 2.0))
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def volume(dtype="int16", **more):
    array = np.random.default_rng(0).integers(0, 99, (4, 5, 6)).astype(dtype)
    return Volume(array, AFFINE, frame_of_reference="1.2.3", **more)


def sheared():
    affine = AFFINE.copy()
    affine[:3, 0] += 0.4 * affine[:3, 1]
    return replace(volume(), affine=affine)


def uneven():
    return replace(volume(), positions=np.array([0.0, 1, 3, 6]))


# SimpleITK


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_sitk_there_and_back(dtype):
    sitk = pytest.importorskip("SimpleITK")
    source = volume(dtype)
    image = source.to_sitk()
    assert image.GetSize() == (6, 5, 4)
    assert image.TransformIndexToPhysicalPoint((5, 3, 2)) == pytest.approx(
        apply(AFFINE, (2, 3, 5)), abs=1e-9
    )
    assert image[5, 3, 2] == source.array[2, 3, 5]
    back = Volume.from_sitk(image)
    assert np.array_equal(back.array, source.array) and back.array.dtype == dtype
    assert np.allclose(back.affine, AFFINE) and back.frame_of_reference == "1.2.3"
    with pytest.raises(GeometryError):
        Volume.from_sitk(sitk.Image(3, 3, sitk.sitkUInt8))


def test_sitk_gets_values():
    pytest.importorskip("SimpleITK")
    assert volume(slope=1, intercept=-1024).to_sitk()[0, 0, 0] == volume().array[0, 0, 0] - 1024
    assert (
        volume(slope=1, intercept=-1024).to_sitk().GetPixelIDTypeAsString()
        == "16-bit signed integer"
    )
    wide = volume("uint16", slope=1000, intercept=0).to_sitk()
    assert wide.GetPixelIDTypeAsString() == "32-bit signed integer"
    assert wide[5, 4, 3] == int(volume().array[3, 4, 5]) * 1000
    assert volume(slope=0.5).to_sitk().GetPixelIDTypeAsString() == "32-bit float"


def test_sitk_colour():
    pytest.importorskip("SimpleITK")
    array = np.random.default_rng(0).integers(0, 99, (4, 5, 6, 3)).astype("uint8")
    image = Volume(array, AFFINE).to_sitk()
    assert image.GetNumberOfComponentsPerPixel() == 3
    assert np.array_equal(Volume.from_sitk(image).array, array)


@pytest.mark.parametrize("target", ["sitk", "highdicom"])
def test_what_cannot_hold_a_tilt_or_uneven_slices_refuses(target):
    pytest.importorskip({"sitk": "SimpleITK"}.get(target, target))
    for wrong in (sheared(), uneven()):
        with pytest.raises(GeometryError, match="resample"):
            getattr(wrong, f"to_{target}")()


@needs_data
def test_sitk_is_what_its_own_reader_gives():
    sitk = pytest.importorskip("SimpleITK")
    ours = load_volume(SHARED / "ct-head-1mm").to_sitk()
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sorted(map(str, (SHARED / "ct-head-1mm").glob("*.dcm"))))
    theirs = reader.Execute()
    assert np.array_equal(sitk.GetArrayViewFromImage(ours), sitk.GetArrayViewFromImage(theirs))
    for word in ("GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(ours, word)() == pytest.approx(getattr(theirs, word)(), abs=1e-6)


# nibabel


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_nibabel_shares_memory_and_keeps_points(dtype):
    pytest.importorskip("nibabel")
    source = volume(dtype)
    image = source.to_nibabel()
    assert image.shape == (6, 5, 4) and np.shares_memory(np.asanyarray(image.dataobj), source.array)
    assert np.allclose(image.affine @ [5, 3, 2, 1], TO_LPS @ [*apply(AFFINE, (2, 3, 5)), 1])
    assert image.get_fdata()[5, 3, 2] == source.array[2, 3, 5]
    back = Volume.from_nibabel(image)
    assert np.shares_memory(back.array, source.array) and back.array.flags.c_contiguous
    assert np.allclose(back.affine, AFFINE)


def test_nibabel_keeps_slope_and_intercept_through_a_file(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    source = volume("uint16", slope=2.0, intercept=-1024.0)
    image = source.to_nibabel()
    assert np.shares_memory(image.dataobj.get_unscaled(), source.array)
    values = source.values("float64").T
    assert np.array_equal(image.get_fdata(), values)
    assert np.array_equal(image.dataobj[2:4, 1], values[2:4, 1])
    nibabel.save(image, tmp_path / "v.nii.gz")
    loaded = nibabel.load(tmp_path / "v.nii.gz")
    assert (loaded.dataobj.slope, loaded.dataobj.inter) == (2, -1024)
    assert np.array_equal(loaded.get_fdata(), values)
    back = Volume.from_nibabel(loaded)
    assert np.array_equal(back.array, source.array) and back.array.dtype == np.uint16
    assert (back.slope, back.intercept) == (2.0, -1024.0)
    assert np.allclose(back.affine, AFFINE, atol=1e-4)  # NIfTI keeps float32


def test_nibabel_keeps_a_tilt(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    source = sheared()
    image = source.to_nibabel()
    assert image.header["qform_code"] == 0 and image.header["sform_code"] == 1
    nibabel.save(image, tmp_path / "v.nii")
    back = Volume.from_nibabel(nibabel.load(tmp_path / "v.nii"))
    assert np.allclose(back.affine, source.affine, atol=1e-4) and back.sheared
    with pytest.raises(GeometryError, match="resample"):
        uneven().to_nibabel()


def test_nibabel_colour_and_other_dimensions():
    nibabel = pytest.importorskip("nibabel")
    array = np.random.default_rng(0).integers(0, 99, (4, 5, 6, 3)).astype("uint8")
    image = Volume(array, AFFINE).to_nibabel()
    assert np.array_equal(Volume.from_nibabel(image).array, array)
    with pytest.raises(GeometryError):
        Volume(array.astype("int16"), AFFINE).to_nibabel()
    four = nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), "int16"), np.eye(4))
    with pytest.raises(GeometryError, match="3 dimensions"):
        Volume.from_nibabel(four)
    one = nibabel.Nifti1Image(np.zeros((3, 4, 5, 1), "int16"), np.eye(4))
    assert Volume.from_nibabel(one).shape == (5, 4, 3)


# highdicom


def test_highdicom_there_and_back_without_a_copy():
    highdicom = pytest.importorskip("highdicom")
    source = volume()
    made = source.to_highdicom()
    assert isinstance(made, highdicom.Volume) and np.shares_memory(made.array, source.array)
    assert np.allclose(
        made.map_indices_to_reference(np.array([[2, 3, 5]])), apply(AFFINE, (2, 3, 5))
    )
    assert made.spacing == pytest.approx(source.spacing)
    back = Volume.from_highdicom(made)
    assert np.shares_memory(back.array, source.array) and np.allclose(back.affine, AFFINE)
    assert back.frame_of_reference == "1.2.3"


def test_highdicom_colour_and_slides():
    highdicom = pytest.importorskip("highdicom")
    array = np.zeros((4, 5, 6, 3), "uint8")
    made = Volume(array, AFFINE).to_highdicom()
    assert made.channel_shape == (3,) and Volume.from_highdicom(made).shape == array.shape
    slide = highdicom.Volume(array[..., 0], AFFINE, coordinate_system="SLIDE")
    with pytest.raises(GeometryError):
        Volume.from_highdicom(slide)


# Zarr


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_zarr_keeps_everything(tmp_path):
    pytest.importorskip("zarr")
    note = Correction(code="TILT", text="tilted", instances=("a",))
    source = replace(
        sheared(),
        slope=2.0,
        intercept=-3.0,
        units="[hnsf'U]",
        padding=-5,
        instances=("a", "b", "", "d"),
        missing=(2,),
        labels={"EchoTime": "30"},
        sources=("x", "y"),
        positions=np.array([0.0, 1, 3, 6]),
        corrections=(note,),
    )
    source.to_zarr(tmp_path / "v.zarr")
    back = Volume.from_zarr(tmp_path / "v.zarr")
    assert np.array_equal(back.array, source.array) and np.array_equal(back.affine, source.affine)
    for word in (
        "slope",
        "intercept",
        "units",
        "padding",
        "instances",
        "missing",
        "corrections",
        "labels",
        "sources",
    ):
        assert getattr(back, word) == getattr(source, word)
    assert np.array_equal(back.positions, source.positions)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_zarr_levels_have_their_own_places(tmp_path):
    zarr = pytest.importorskip("zarr")
    ramp = np.indices((8, 9, 6)).sum(axis=0).astype("float64")
    source = Volume(ramp, AFFINE)
    source.to_zarr(tmp_path / "v.zarr", levels=3)
    small = Volume.from_zarr(tmp_path / "v.zarr", level=1)
    assert small.shape == (4, 5, 3)
    # A mean of voxels of a ramp is the ramp at their middle; the last row stands alone.
    inner = small.array[:, :4]
    index = apply(
        np.linalg.inv(AFFINE), apply(small.affine, np.moveaxis(np.indices((4, 4, 3)), 0, -1))
    )
    assert np.allclose(index.sum(axis=-1), inner)
    ome = zarr.open_group(tmp_path / "v.zarr", mode="r").attrs["ome"]
    assert len(ome["multiscales"][0]["datasets"]) == 3 and ome["version"] == "0.5"
    with pytest.raises(CorruptFile):
        Volume.from_zarr(tmp_path / "v.zarr", level=3)
    with pytest.raises(OptionError):
        Volume.from_zarr(tmp_path / "v.zarr", level=-1)
    with use(max_memory_bytes=100), pytest.raises(LimitExceeded):
        Volume.from_zarr(tmp_path / "v.zarr")
    with pytest.raises(OptionError):
        source.to_zarr(tmp_path / "w.zarr", levels=0)
    with pytest.raises(GeometryError):
        uneven().to_zarr(tmp_path / "w.zarr", levels=2)
    with pytest.raises(CorruptFile):
        Volume.from_zarr(tmp_path / "absent.zarr")


def test_halved_rounds_integers_and_keeps_single_slices():
    array = np.array([[[1, 2, 4], [3, 5, 7]]], "int16")
    made = halved(Volume(array, AFFINE))
    assert made.array.tolist() == [[[3, 6]]]  # (1+2+3+5)/4 rounded to even, (4+7)/2 so too
    assert made.spacing == pytest.approx((2.0, 1.4, 1.0))


# Arrays and DLPack


def test_array_and_dlpack_share_memory():
    source = volume()
    assert np.shares_memory(np.from_dlpack(source), source.array)
    assert np.shares_memory(np.asarray(source), source.array)
    assert np.asarray(source, dtype="float32").dtype == np.float32
    array = np.zeros((2, 3, 4), "int16")
    assert np.shares_memory(Volume.from_array(array, AFFINE).array, array)
    assert Volume.from_array(array.tolist(), AFFINE.tolist()).shape == (2, 3, 4)


def test_dlpack_goes_to_torch():
    torch = pytest.importorskip("torch")
    source = volume()
    tensor = torch.from_dlpack(source)
    tensor[0, 0, 0] = 77
    assert source.array[0, 0, 0] == 77


@pytest.mark.parametrize(
    ("call", "package"),
    [
        (lambda v: v.to_sitk(), "SimpleITK"),
        (lambda v: v.to_nibabel(), "nibabel"),
        (lambda v: v.to_highdicom(), "highdicom"),
        (lambda v: v.to_zarr("x.zarr"), "zarr"),
    ],
)
def test_absent_packages_are_named(call, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=package):
        call(volume())
