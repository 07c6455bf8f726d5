from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from radkit.errors import (
    CorruptFile,
    GeometryError,
    LimitExceeded,
    OptionError,
    TransferError,
    TruncatedPixelData,
)
from radkit.geometry import apply
from radkit.limits import use
from radkit.testing import sample, write_series
from radkit.testing.series import make_uid
from radkit.volume import load_volume
from radkit.volume.volume import Volume

SHARED = Path(__file__).parents[3] / "shared" / "data"


def codes(volume: Volume) -> list[str]:
    return [note.code for note in volume.corrections]


def along(*mm: float) -> list[tuple[float, float, float]]:
    return [(0, 0, z) for z in mm]


# A plain series.


def test_series_is_sorted_by_position(tmp_path):
    places = along(6, 0, 4, 2)
    array = np.arange(4 * 6 * 7, dtype=np.int16).reshape(4, 6, 7)
    volume = load_volume(write_series(tmp_path, array, positions=places))
    assert np.array_equal(volume.array, array[[1, 3, 2, 0]])
    assert volume.array.dtype == np.int16
    assert volume.array.flags.writeable
    assert volume.spacing == (2.0, 0.75, 0.5)
    assert volume.origin == (0, 0, 0)
    assert volume.instances == tuple(make_uid("series", "instance", k) for k in (1, 3, 2, 0))
    assert volume.frame_of_reference == make_uid("series", "frame of reference")
    assert volume.corrections == ()
    assert volume.positions is None
    assert volume.handedness == "right"
    assert volume.extent == (8.0, 4.5, 3.5)
    assert not volume.sheared


def test_affine_maps_slice_row_column(tmp_path):
    folder = write_series(tmp_path, positions=[(5, 6, 7 + 2 * k) for k in range(8)])
    volume = load_volume(folder)
    # Three slices up, two rows of 0.75 mm to the back, four columns of 0.5 mm to the left.
    assert np.allclose(apply(volume.affine, [3, 2, 4]), (5 + 4 * 0.5, 6 + 2 * 0.75, 7 + 6))


def test_every_kind_of_sources_gives_the_same(tmp_path):
    folder = write_series(tmp_path / "a")
    files = sorted(folder.iterdir())
    whole = load_volume(folder)
    for sources in (
        str(folder),
        f"{folder}/*.dcm",
        files[::-1],
        [path.read_bytes() for path in files],
        [pydicom.dcmread(path) for path in files],
    ):
        assert np.array_equal(load_volume(sources).array, whole.array)
    with open(files[0], "rb") as file:
        assert load_volume([file, *files[1:]]).instances == whole.instances


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_result_does_not_depend_on_threads(tmp_path, threads):
    folder = write_series(tmp_path)
    calls: list[tuple[int, int]] = []
    volume = load_volume(
        folder, threads=threads, progress=lambda done, total: calls.append((done, total))
    )
    assert np.array_equal(volume.array, load_volume(folder).array)
    assert calls[-1] == (8, 8)


def test_reduced_series_keeps_its_origin(tmp_path):
    from radkit.transcoding import transcode_many

    array = np.random.default_rng(3).integers(0, 4000, (3, 150, 130), dtype=np.uint16)
    folder = write_series(tmp_path / "in", array)
    transcode_many(folder, tmp_path / "out", "jpeg2000-lossless")
    full, small = load_volume(tmp_path / "out"), load_volume(tmp_path / "out", reduce=2)
    assert small.shape == (3, 38, 33)
    assert small.spacing == (2.0, 3.0, 2.0)
    assert small.origin == full.origin
    assert np.array_equal(full.array, array)


# What is put right, and listed.


def test_gantry_tilt_is_kept_as_shear(tmp_path):
    tilt = np.radians(15)
    cosines = (1, 0, 0, 0, np.cos(tilt), np.sin(tilt))
    folder = write_series(tmp_path, cosines=cosines, positions=along(0, 3, 6, 9), slices=4)
    volume = load_volume(folder)
    assert codes(volume) == ["TILT"]
    assert volume.sheared
    assert np.allclose(volume.affine[:3, 0], (0, 0, 3))
    assert volume.spacing[0] == pytest.approx(3 * np.cos(tilt))
    with pytest.raises(GeometryError, match=r"15\.000 degrees"):
        load_volume(folder, strict=True)


def test_jitter_within_tolerance_is_averaged(tmp_path):
    folder = write_series(tmp_path, positions=along(0, 2.01, 4, 5.99, 8), slices=5)
    volume = load_volume(folder)
    assert codes(volume) == ["JITTER"]
    assert volume.spacing[0] == pytest.approx(2)
    with pytest.raises(GeometryError):
        load_volume(folder, strict=True)
    assert codes(load_volume(folder, tolerance_mm=0.001)) == ["UNEVEN"]


def test_same_instance_twice_is_dropped(tmp_path):
    folder = write_series(tmp_path)
    shutil.copy(folder / "0003.dcm", folder / "copy.dcm")
    volume = load_volume(folder)
    assert codes(volume) == ["DUPLICATE"]
    assert volume.corrections[0].instances == (make_uid("series", "instance", 3),)
    assert volume.shape[0] == 8
    with pytest.raises(GeometryError):
        load_volume(folder, strict=True)


def test_same_pixels_under_another_uid_are_dropped(tmp_path):
    folder = write_series(tmp_path)
    ds = pydicom.dcmread(folder / "0003.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = make_uid("other")
    ds.save_as(folder / "copy.dcm")
    volume = load_volume(folder)
    assert codes(volume) == ["DUPLICATE"]
    assert volume.shape[0] == 8


def test_unlike_pixels_at_one_position_are_refused(tmp_path):
    folder = write_series(tmp_path)
    ds = pydicom.dcmread(folder / "0003.dcm")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = make_uid("other")
    ds.PixelData = bytes(len(ds.PixelData))
    ds.save_as(folder / "copy.dcm")
    with pytest.raises(GeometryError, match="several unlike slices") as caught:
        load_volume(folder)
    assert make_uid("other") in caught.value.instances
    assert make_uid("series", "instance", 3) in caught.value.instances


def test_slopes_that_differ_give_float_values(tmp_path):
    slopes = [(0.5 + k, 10.0 * k) for k in range(8)]
    folder = write_series(tmp_path, slopes=slopes)
    volume = load_volume(folder)
    assert codes(volume) == ["SLOPES"]
    assert volume.array.dtype == np.float32
    assert (volume.slope, volume.intercept) == (1.0, 0.0)
    stored = pydicom.dcmread(folder / "0005.dcm").pixel_array
    assert np.array_equal(volume.array[5], (stored * 5.5 + 50).astype(np.float32))


def test_one_slope_stays_beside_the_stored_values(tmp_path):
    volume = load_volume(write_series(tmp_path, slopes=[(2.0, -1000.0)] * 8))
    assert volume.array.dtype == np.uint16
    assert (volume.slope, volume.intercept) == (2.0, -1000.0)
    assert np.array_equal(volume.values(), volume.array.astype(np.float32) * 2 - 1000)


def test_padding_is_read_in_the_sign_of_the_pixels(tmp_path):
    array = np.zeros((3, 4, 4), np.int16)
    assert load_volume(write_series(tmp_path / "a", array, padding=-2000)).padding == -2000

    def unsigned(k, ds):
        ds.add_new(0x00280120, "US", 65536 - 2000)

    assert load_volume(write_series(tmp_path / "b", array, edit=unsigned)).padding == -2000


def test_what_is_no_slice_is_left_out_and_listed(tmp_path):
    folder = write_series(tmp_path / "a")
    (folder / "notes.txt").write_text("no DICOM")
    shutil.copy(sample("report"), folder / "report.dcm")
    shutil.copy(sample("us_rgb"), folder / "us.dcm")

    def localizer(k, ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(folder / "scout", slices=2, seed="scout", edit=localizer)
    write_series(folder / "other", slices=3, seed="other")
    volume = load_volume(folder)
    assert volume.shape[0] == 8
    texts = " ".join(note.text for note in volume.corrections)
    for told in ("not a DICOM file", "no pixel data", "localizer", "other series", "no position"):
        assert told in texts
    with pytest.raises(GeometryError):
        load_volume(folder, strict=True)


def test_files_of_a_run_beside_its_results_are_nothing(tmp_path):
    folder = write_series(tmp_path, slices=4)
    (folder / ".radkit").mkdir()
    (folder / ".radkit" / "ledger.sqlite").write_text("{}")
    half = next(folder.glob("*.dcm")).read_bytes()[:-300]
    (folder / "1.dcm.part-0123456789abcdef").write_bytes(half)
    for sources in (folder, str(folder / "*")):
        assert load_volume(sources, strict=True).corrections == ()


def test_what_is_no_file_in_a_folder_is_passed_over(tmp_path):
    folder = write_series(tmp_path / "in", slices=4)
    (folder / "empty").touch()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "nowhere").symlink_to(folder / "absent")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "back").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    (folder / "deeper" / "slice.dcm").symlink_to(folder / "0001.dcm")
    volume = load_volume(folder)
    assert volume.shape[0] == 4
    assert codes(volume) == ["LEFT_OUT", "DUPLICATE"]


def test_frames_of_reference_are_not_mixed(tmp_path):
    def edit(k, ds):
        ds.FrameOfReferenceUID = make_uid("frame", k // 5)

    folder = write_series(tmp_path, edit=edit)
    with pytest.raises(
        GeometryError, match=r"5 with frame of reference \d; 3 with frame"
    ) as caught:
        load_volume(folder)
    assert [group.count for group in caught.value.groups] == [5, 3]
    volumes = load_volume(folder, split="auto")
    assert [volume.frame_of_reference for volume in volumes] == [
        make_uid("frame", n) for n in (0, 1)
    ]


def test_single_slice_takes_its_thickness(tmp_path):
    def thick(k, ds):
        ds.SliceThickness = 3

    volume = load_volume(write_series(tmp_path, slices=1, edit=thick))
    assert volume.spacing[0] == 3
    assert codes(volume) == ["SINGLE_SLICE"]
    assert "3 mm, its Slice Thickness" in volume.corrections[0].text


@pytest.mark.parametrize("mm", ["1e300", "0", "-2"])
def test_single_slice_without_a_sensible_thickness_has_a_step_of_1_mm(tmp_path, mm):
    def edit(k, ds):
        ds.SliceThickness = ds.SpacingBetweenSlices = mm

    volume = load_volume(write_series(tmp_path, slices=1, edit=edit))
    assert volume.spacing[0] == 1
    assert "1 mm, as nothing is stated" in volume.corrections[0].text


# Uneven slices and holes.


def test_uneven_slices_keep_their_positions(tmp_path):
    places = along(0, 1, 2, 4.5, 7, 9.5)
    folder = write_series(tmp_path, positions=places, slices=6)
    volume = load_volume(folder)
    assert codes(volume) == ["UNEVEN"]
    assert volume.positions.tolist() == [0, 1, 2, 4.5, 7, 9.5]
    assert volume.extent[0] == 9.5 + 0.5 + 1.25
    stored = volume.array[3, 0, 0]
    assert volume.at((0, 0, 4.5)) == stored
    with pytest.raises(GeometryError, match=r"1\.000 to 2\.500 mm"):
        load_volume(folder, uneven="error")


def test_uneven_slices_can_be_resampled(tmp_path):
    folder = write_series(tmp_path, positions=along(0, 1, 2, 4.5, 7, 9.5), slices=6)
    volume = load_volume(folder, uneven="resample")
    assert volume.positions is None
    assert volume.spacing[0] == pytest.approx(0.95)
    kept = load_volume(folder)
    for k in range(len(volume.array)):
        point = apply(volume.affine, [k, 3, 5])
        assert volume.array[k, 3, 5] == pytest.approx(kept.at(point), abs=0.51)
    assert "resampled" in volume.corrections[0].text


def test_hole_is_told_with_its_numbers(tmp_path):
    folder = write_series(tmp_path, positions=along(0, 2, 4, 8, 10), slices=5)
    with pytest.raises(
        GeometryError, match=r"1 slice is missing between slice 2 .*4\.000 mm apart"
    ) as caught:
        load_volume(folder)
    pair = tuple(make_uid("series", "instance", k) for k in (2, 3))
    assert caught.value.instances == pair
    assert load_volume(folder, missing="keep").positions.tolist() == [0, 2, 4, 8, 10]


def test_hole_can_be_filled_with_padding(tmp_path):
    array = np.full((5, 4, 4), 7, np.int16)
    places = along(0, 2, 4, 10, 12)
    folder = write_series(tmp_path, array, positions=places, padding=-99)
    volume = load_volume(folder, missing="fill")
    assert volume.shape[0] == 7
    assert volume.missing == (3, 4)
    assert (volume.array[3:5] == -99).all()
    assert (np.delete(volume.array, [3, 4], axis=0) == 7).all()
    assert volume.positions is None
    assert volume.spacing[0] == pytest.approx(2)
    assert volume.instances[3] == ""
    assert codes(volume) == ["MISSING"]


def test_slices_off_one_line_are_refused(tmp_path):
    places = [(0, 0, 2 * k) for k in range(8)]
    places[4] = (3, 0, 8)
    with pytest.raises(GeometryError, match=r"3\.000 mm aside"):
        load_volume(write_series(tmp_path, positions=places))


# Several stacks.


def echoes(tmp_path):
    def edit(k, ds):
        ds.EchoTime = 10 if k % 2 else 20
        ds.EchoNumbers = 1 + k % 2

    return write_series(
        tmp_path, positions=[(0, 0, 2 * (k // 2)) for k in range(8)], slices=8, edit=edit
    )


def test_two_echoes_are_refused_or_told_apart(tmp_path):
    folder = echoes(tmp_path)
    with pytest.raises(GeometryError, match="told apart by Echo") as caught:
        load_volume(folder)
    assert [group.count for group in caught.value.groups] == [4, 4]
    volumes = load_volume(folder, split="auto")
    assert [volume.shape[0] for volume in volumes] == [4, 4]
    first = {pydicom.dcmread(folder / f"{k:04d}.dcm").SOPInstanceUID for k in (0, 2, 4, 6)}
    assert set(volumes[0].instances) == first
    named = load_volume(folder, split=["EchoTime"])
    # By the value of what was named: the second echo has the shorter time.
    assert [volume.instances for volume in named] == [volume.instances for volume in volumes][::-1]
    assert [volume.labels for volume in named] == [{"EchoTime": "10"}, {"EchoTime": "20"}]
    assert [volume.labels for volume in volumes] == [{"EchoNumbers": "1"}, {"EchoNumbers": "2"}]


def test_mixed_orientations_are_refused_or_told_apart(tmp_path):
    write_series(tmp_path / "a", slices=5)
    # The same series, other planes.
    folder = write_series(tmp_path / "a" / "b", slices=3, cosines=(1, 0, 0, 0, 0, -1))
    for k, path in enumerate(sorted(folder.iterdir())):
        ds = pydicom.dcmread(path)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = make_uid("b", k)
        ds.save_as(path)
    with pytest.raises(GeometryError, match="normal") as caught:
        load_volume(tmp_path)
    assert sorted(group.count for group in caught.value.groups) == [3, 5]
    shapes = sorted(volume.shape[0] for volume in load_volume(tmp_path, split="auto"))
    assert shapes == [3, 5]


def test_two_series_of_equal_size_are_refused(tmp_path):
    write_series(tmp_path / "a", seed="a")
    write_series(tmp_path / "b", seed="b")
    with pytest.raises(GeometryError, match="several series"):
        load_volume(tmp_path)
    assert len(load_volume(tmp_path, split="auto")) == 2


# Refusals.


def test_folder_without_slices_says_what_is_there(tmp_path):
    shutil.copy(sample("report"), tmp_path / "report.dcm")
    with pytest.raises(GeometryError, match="no pixel data"):
        load_volume(tmp_path)


def test_nothing_there_raises(tmp_path):
    for sources, kind in (
        (tmp_path, GeometryError),
        (tmp_path / "absent", TransferError),
        (f"{tmp_path}/*.dcm", OptionError),
        ([], OptionError),
    ):
        with pytest.raises(kind):
            load_volume(sources)
    with pytest.raises(TypeError):
        load_volume(42)


def test_named_file_that_is_no_dicom_raises(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no DICOM" * 100)
    with pytest.raises(CorruptFile):
        load_volume([path])


def test_truncated_slice_raises(tmp_path):
    folder = write_series(tmp_path)
    path = folder / "0004.dcm"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises((TruncatedPixelData, CorruptFile)):
        load_volume(folder)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("PixelSpacing", [0, 1]),
        ("ImagePositionPatient", [0, 0]),
        ("PixelSpacing", [1]),
    ],
)
def test_header_without_sense_raises(tmp_path, keyword, value):
    def edit(k, ds):
        if k == 3:
            setattr(ds, keyword, value)

    with pytest.raises(GeometryError) as caught:
        load_volume(write_series(tmp_path, edit=edit))
    assert caught.value.instances == (make_uid("series", "instance", 3),)


def test_memory_is_asked_before_it_is_taken(tmp_path):
    folder = write_series(tmp_path)
    with use(max_memory_bytes=5000), pytest.raises(LimitExceeded):
        load_volume(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"split": "maybe"},
        {"split": []},
        {"split": ["PatientName"]},
        {"uneven": "average"},
        {"missing": "ignore"},
        {"tolerance_mm": -1},
        {"reduce": -1},
        {"threads": 0},
    ],
)
def test_nonsense_raises_option_error(tmp_path, options):
    with pytest.raises(OptionError):
        load_volume(write_series(tmp_path), **options)


def test_geometry_matches_only_the_same_grid(tmp_path):
    volume = load_volume(write_series(tmp_path))
    assert volume.geometry.matches(load_volume(tmp_path).geometry)
    assert not volume.geometry.matches(volume.crop((0, 7, 0, 20, 0, 24)).geometry)
    moved = Volume(volume.array, volume.affine + np.eye(4)[:, :1] @ np.eye(4)[3:] * 0.1)
    assert not volume.geometry.matches(moved.geometry)


# Multi-frame objects without functional groups.


def test_dose_grid_is_placed_by_its_offsets():
    ds = pydicom.dcmread(sample("rt_dose"))
    volume = load_volume(sample("rt_dose"))
    assert volume.shape == (15, 10, 10)
    gaps = np.diff([float(mm) for mm in ds.GridFrameOffsetVector])
    assert volume.spacing[0] == pytest.approx(gaps[0])
    assert volume.slope == pytest.approx(float(ds.DoseGridScaling))
    assert volume.units == "1"  # Dose Units are RELATIVE
    assert np.array_equal(volume.array, ds.pixel_array)
    assert np.allclose(volume.origin, [float(mm) for mm in ds.ImagePositionPatient])


def test_nm_slices_run_against_the_normal_if_their_distance_is_negative(tmp_path):
    def edit(k, ds):
        detector = pydicom.Dataset()
        detector.ImagePositionPatient = ds.ImagePositionPatient
        detector.ImageOrientationPatient = ds.ImageOrientationPatient
        del ds.ImagePositionPatient, ds.ImageOrientationPatient
        ds.DetectorInformationSequence = [detector]
        ds.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
        ds.SpacingBetweenSlices = -3
        ds.NumberOfFrames, ds.Rows, ds.Columns = 4, 5, 6

    array = np.arange(120, dtype=np.uint16).reshape(1, 20, 6)
    folder = write_series(tmp_path, array, positions=[(1, 2, 30)], edit=edit)
    volume = load_volume(folder)
    assert np.array_equal(volume.array, array.reshape(4, 5, 6)[::-1])
    assert volume.origin == (1, 2, 21)
    assert volume.spacing[0] == 3


def test_gated_nm_slices_are_told_apart_by_their_vectors(tmp_path):
    """Two phases of three slices, phase by phase; the vectors say which is which."""

    def edit(k, ds):
        detector = pydicom.Dataset()
        detector.ImagePositionPatient = ds.ImagePositionPatient
        detector.ImageOrientationPatient = ds.ImageOrientationPatient
        del ds.ImagePositionPatient, ds.ImageOrientationPatient
        ds.DetectorInformationSequence = [detector]
        ds.ImageType = ["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"]
        ds.SpacingBetweenSlices = 4
        ds.NumberOfFrames, ds.Rows, ds.Columns = 6, 5, 6
        ds.add_new(0x00540070, "US", [1, 1, 1, 2, 2, 2])
        if vector:
            ds.add_new(0x00540080, "US", [1, 2, 3, 1, 2, 3])

    array = np.arange(180, dtype=np.uint16).reshape(1, 30, 6)
    vector = True
    folder = write_series(tmp_path / "a", array, positions=[(1, 2, 30)], edit=edit)
    volumes = load_volume(folder, split="auto")
    assert [volume.labels for volume in volumes] == [
        {"TimeSlotVector": "1"},
        {"TimeSlotVector": "2"},
    ]
    assert np.array_equal([volume.array for volume in volumes], array.reshape(2, 3, 5, 6))
    assert [volume.origin for volume in volumes] == [(1, 2, 30)] * 2
    assert volumes[0].spacing[0] == 4
    with pytest.raises(GeometryError, match="TimeSlotVector"):
        load_volume(folder)
    vector = False
    folder = write_series(tmp_path / "b", array, positions=[(1, 2, 30)], edit=edit)
    with pytest.raises(GeometryError, match="without a position of their own"):
        load_volume(folder)


def test_cine_without_places_is_left_out():
    with pytest.raises(GeometryError, match="position"):
        load_volume(sample("us_jpeg"))


# Real series.

FIGURES = json.loads((SHARED / "series.json").read_text())["series"] if SHARED.exists() else []
PLAIN = ("ct-ge-tilt-variable", "ct-head-1mm", "ct-tilt", "mr-t1-oblique", "mr-sag-decubitus")


@pytest.mark.parametrize("name", PLAIN)
def test_real_series_equal_their_figures(name):
    if not FIGURES:
        pytest.skip("shared/data is absent")
    figure = next(one for one in FIGURES if one["series"] == name)
    volume = load_volume(SHARED / name)
    assert list(volume.shape) == figure["shape"]
    little = volume.array.astype(volume.array.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest() == figure["sha256_of_stack"]
    assert np.allclose(volume.origin, figure["first_position"])
    last = apply(volume.affine, [volume.shape[0] - 1, 0, 0])
    assert np.allclose(last, figure["last_position"], atol=1e-6)
    assert np.allclose(volume.normal, figure["slice_normal"], atol=1e-6)
    if volume.positions is None:
        assert volume.spacing[0] == pytest.approx(figure["steps_along_normal"][0], abs=6e-4)
    else:
        gaps = {round(float(gap), 3) for gap in np.diff(volume.positions)}
        assert gaps <= set(figure["steps_along_normal"])
    assert volume.intercept == figure["rescale_intercept"] if "rescale_intercept" in figure else 1
    assert volume.padding == figure.get("pixel_padding_value")
    assert volume.sheared == ("tilt" in name)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mr-dwi-4d", [(18, 112, 112)] * 3),
        ("mr-enhanced-4d", [(63, 86, 86)] * 2),
        ("mr-enhanced-siemens", [(6, 64, 64)] * 2),
        ("ct-enhanced", [(2, 512, 512)]),
    ],
)
def test_real_stacks_are_told_apart(name, shapes):
    if not (SHARED / name).exists():
        pytest.skip(f"shared/data/{name} is absent")
    volumes = load_volume(SHARED / name, split="auto")
    assert [volume.shape for volume in volumes] == shapes
    assert all(volume.handedness == "right" for volume in volumes)
    if len(shapes) > 1:
        with pytest.raises(GeometryError):
            load_volume(SHARED / name)


def test_enhanced_frames_are_sorted_by_position():
    if not (SHARED / "ct-enhanced").exists():
        pytest.skip("shared/data/ct-enhanced is absent")
    volume = load_volume(SHARED / "ct-enhanced")
    frames = pydicom.dcmread(next((SHARED / "ct-enhanced").iterdir())).pixel_array
    assert np.array_equal(volume.array, frames) or np.array_equal(volume.array, frames[::-1])
    one = load_volume(SHARED / "ct-enhanced", frames=1)
    assert one.shape == (1, 512, 512)
    assert np.array_equal(one.array[0], frames[1])
