"""Kinds of series that clinics have, written from arrays."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit.errors import GeometryError, LimitExceeded, OptionError, RadkitError
from radkit.geometry import analyse_stack, apply, orientation
from radkit.limits import use
from radkit.testing import write_series
from radkit.transcoding import transcode_many
from radkit.volume import Volume, fill, load, load_volume
from radkit.volume.scan import scan
from radkit.volume.sort import sort_records


def codes(volume: Volume) -> list[str]:
    return [note.code for note in volume.corrections]


# 4-D series of single frames.


def four_dimensional(folder, attributes, *, slices=4, left_out=(), shuffle=True):
    """Write every combination of the attributes' values at the same places; return the arrays."""
    combined = list(itertools.product(*attributes.values()))
    entries = [
        (number, k)
        for number in range(len(combined))
        for k in range(slices)
        if (number, k) not in left_out
    ]
    if shuffle:
        np.random.default_rng(len(entries)).shuffle(entries)
    array = np.arange(len(combined) * slices * 20, dtype=np.uint16)
    array = array.reshape(len(combined), slices, 4, 5)

    def edit(i, ds):
        number, _ = entries[i]
        for name, value in zip(attributes, combined[number], strict=True):
            setattr(ds, name, value)

    pixels = np.stack([array[number, k] for number, k in entries])
    write_series(folder, pixels, positions=[(0, 0, 2 * k) for _, k in entries], edit=edit)
    return array


@pytest.mark.parametrize(
    ("attributes", "labels"),
    [
        ({"EchoTime": [5, 10.5]}, [{"EchoTime": "5"}, {"EchoTime": "10.5"}]),
        (
            {"TemporalPositionIdentifier": [1, 2, 10]},
            [{"TemporalPositionIdentifier": text} for text in ("1", "2", "10")],
        ),
        ({"TriggerTime": [0, 125, 1000]}, [{"TriggerTime": text} for text in ("0", "125", "1000")]),
        (
            {"DiffusionBValue": [0.0, 50.0, 1000.0]},
            [{"DiffusionBValue": text} for text in ("0", "50", "1000")],
        ),
        (
            {"ImageType": [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]},
            [{"ImageType": f"ORIGINAL\\PRIMARY\\{letter}"} for letter in "MP"],
        ),
        (
            {"AcquisitionTime": ["101500", "101530.5"]},
            [{"AcquisitionTime": "101500"}, {"AcquisitionTime": "101530.5"}],
        ),
        (
            {"TemporalPositionIdentifier": [1, 2], "EchoTime": [3, 4, 5]},
            [
                {"TemporalPositionIdentifier": time, "EchoTime": echo}
                for time, echo in itertools.product("12", "345")
            ],
        ),
        (
            {"TriggerTime": [0, 9], "EchoNumbers": [1, 2], "AcquisitionNumber": [4, 7]},
            [
                {"TriggerTime": time, "EchoNumbers": echo, "AcquisitionNumber": number}
                for time, echo, number in itertools.product("09", "12", "47")
            ],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_volumes_of_a_4d_series_have_labels_in_order(tmp_path, attributes, labels):
    array = four_dimensional(tmp_path, attributes)
    volumes = load_volume(tmp_path, split="auto")
    assert [volume.labels for volume in volumes] == labels
    assert all(
        np.array_equal(volume.array, one) for volume, one in zip(volumes, array, strict=True)
    )
    assert all(codes(volume) == ["SPLIT"] for volume in volumes)
    named = load_volume(tmp_path, split=list(attributes))
    assert [volume.labels for volume in named] == labels
    with pytest.raises(GeometryError, match=" and ".join(attributes)) as caught:
        load_volume(tmp_path)
    assert [group.count for group in caught.value.groups] == [4] * len(labels)
    assert (
        len({uid for group in caught.value.groups for uid in group.instances})
        == array[..., 0, 0].size
    )


def test_an_aborted_time_point_is_left_out_and_told(tmp_path):
    attributes = {"TemporalPositionIdentifier": [1, 2, 3]}
    array = four_dimensional(tmp_path, attributes, left_out=[(2, 3), (2, 2)])
    volumes = load_volume(tmp_path, split="auto")
    assert [volume.labels["TemporalPositionIdentifier"] for volume in volumes] == ["1", "2"]
    assert np.array_equal([volume.array for volume in volumes], array[:2])
    note = next(note for note in volumes[0].corrections if note.code == "LEFT_OUT")
    assert "with 2 of 4 slices" in note.text
    assert len(note.instances) == 2
    with pytest.raises(GeometryError, match="2 of 4 slices"):
        load_volume(tmp_path, split="auto", strict=True)
    named = load_volume(tmp_path, split=["TemporalPositionIdentifier"])
    assert [volume.shape[0] for volume in named] == [4, 4, 2]


def test_the_last_resort_is_the_rank_of_instance_number(tmp_path):
    places = [(0, 0, 2 * (k % 3)) for k in range(6)]
    volumes = load_volume(write_series(tmp_path, slices=6, positions=places), split="auto")
    assert [volume.labels for volume in volumes] == [{"InstanceRank": "1"}, {"InstanceRank": "2"}]
    stored = [pydicom.dcmread(path).pixel_array for path in sorted(tmp_path.iterdir())]
    assert np.array_equal(volumes[1].array, stored[3:])
    with pytest.raises(GeometryError, match="3 of 3 positions have several unlike slices"):
        load_volume(tmp_path)


def test_stations_that_overlap_are_volumes_of_their_own(tmp_path):
    """Whole-body MR: two stations, two slices of each at the same places."""
    heights = [*range(0, 10), *range(8, 18)]

    def edit(k, ds):
        ds.AcquisitionNumber = 1 + k // 10

    write_series(tmp_path, slices=20, positions=[(0, 0, z) for z in heights], edit=edit)
    volumes = load_volume(tmp_path, split="auto")
    assert [(volume.shape[0], volume.origin[2]) for volume in volumes] == [(10, 0), (10, 8)]


# PET, colour, codestreams.


def test_pet_series_is_in_becquerels(tmp_path):
    slopes = [(0.5 + 0.013 * k, 0.0) for k in range(6)]

    def pet(_, ds):
        ds.Modality, ds.Units = "PT", "BQML"

    array = np.random.default_rng(2).integers(0, 30000, (6, 8, 9)).astype(np.int16)
    volume = load_volume(write_series(tmp_path, array, slopes=slopes, edit=pet))
    assert codes(volume) == ["SLOPES"]
    assert volume.units == "Bq/ml"
    assert volume.padding is None
    expected = array * np.array([slope for slope, _ in slopes])[:, None, None]
    assert np.array_equal(volume.array, expected.astype(np.float32))


def coloured(_, ds):
    """Make RGB of it: three equal samples but for the last."""
    grey = np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "RGB"
    ds.PlanarConfiguration = 0
    ds.PixelData = np.stack([grey, grey, 255 - grey], -1).tobytes()


def test_colour_keeps_its_samples(tmp_path):
    array = np.random.default_rng(4).integers(0, 256, (5, 6, 8)).astype(np.uint8)
    volume = load_volume(write_series(tmp_path, array, edit=coloured))
    assert volume.array.dtype == np.uint8
    assert np.array_equal(volume.array, np.stack([array, array, 255 - array], -1))
    assert volume.spacing == (2.0, 0.75, 0.5)


@pytest.mark.parametrize("syntax", ["jpeg2000-lossless", "htj2k-lossless", "htj2k-lossless-rpcl"])
def test_small_resolutions_lie_where_the_large_ones_do(tmp_path, syntax):
    """A spot: its centre in millimetres stays when rows and columns are halved."""
    rows, cols = np.meshgrid(np.arange(160), np.arange(144), indexing="ij")
    spot = 20000 * np.exp(-((rows - 71.3) ** 2 + (cols - 80.6) ** 2) / (2 * 9.0**2))
    array = np.stack([spot * (0.5 + 0.1 * k) for k in range(4)]).astype(np.uint16)
    tilt = np.radians(20)
    cosines = (np.cos(tilt), 0, np.sin(tilt), 0, 1, 0)
    write_series(tmp_path / "in", array, cosines=cosines)
    transcode_many(tmp_path / "in", tmp_path / "out", syntax)
    full = load_volume(tmp_path / "out")
    assert np.array_equal(full.array, array)
    for reduce in (1, 2, 3):
        small = load_volume(tmp_path / "out", reduce=reduce)
        assert small.shape == (4, -(-160 >> reduce), -(-144 >> reduce))
        assert small.origin == full.origin
        assert small.spacing == pytest.approx((2.0, 0.75 * 2**reduce, 0.5 * 2**reduce))
        apart = np.array(centroid(small)) - centroid(full)
        assert np.linalg.norm(apart) < 0.05 * 2**reduce * 0.75


def centroid(volume: Volume) -> np.ndarray:
    weights = volume.array.astype(float)
    where = np.indices(volume.shape).reshape(3, -1).T
    return np.average(apply(volume.affine, where), axis=0, weights=weights.ravel())


def test_reduce_of_what_has_no_levels_is_refused(tmp_path):
    with pytest.raises(RadkitError, match="reduce"):
        load_volume(write_series(tmp_path), reduce=1)


@pytest.mark.parametrize("syntax", ["rle", "jpeg-lossless", "jpeg2000-lossless"])
def test_coded_series_of_values_and_of_words(tmp_path, syntax):
    array = np.random.default_rng(6).integers(0, 4000, (5, 40, 50)).astype(np.uint16)
    write_series(tmp_path / "a", array)
    transcode_many(tmp_path / "a", tmp_path / "b", syntax)
    assert np.array_equal(load_volume(tmp_path / "b").array, array)
    slopes = [(1.0 + k, 0.0) for k in range(5)]
    write_series(tmp_path / "c", array, slopes=slopes)
    transcode_many(tmp_path / "c", tmp_path / "d", syntax)
    values = load_volume(tmp_path / "d").array
    assert np.array_equal(values, (array * np.arange(1.0, 6)[:, None, None]).astype(np.float32))


def test_damaged_frames_are_told_by_name(tmp_path):
    write_series(tmp_path / "a", np.full((4, 40, 50), 7, np.uint16))
    transcode_many(tmp_path / "a", tmp_path / "b", "jpeg2000-lossless")
    path = sorted((tmp_path / "b").glob("**/*.dcm"))[2]
    whole = path.read_bytes()
    for damaged in (whole[:-12], whole.replace(b"\xff\x4f\xff\x51", b"\0\0\0\0")):
        path.write_bytes(damaged)
        with pytest.raises(RadkitError) as caught:
            load_volume(tmp_path / "b")
        assert caught.value.source == str(path)


def test_fragments_of_a_frame_are_joined(tmp_path):
    """Frames in several fragments, with and without a table, as the general way reads them."""
    array = np.random.default_rng(9).integers(0, 4000, (4, 64, 64)).astype(np.uint16)
    write_series(tmp_path / "a", array)
    transcode_many(tmp_path / "a", tmp_path / "b", "htj2k-lossless")
    for k, path in enumerate(sorted((tmp_path / "b").glob("**/*.dcm"))):
        ds = pydicom.dcmread(path)
        frame = next(iter(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1)))
        ds.PixelData = pydicom.encaps.encapsulate(
            [frame], fragments_per_frame=1 + k, has_bot=bool(k % 2)
        )
        ds.save_as(path)
    assert np.array_equal(load_volume(tmp_path / "b").array, array)


# Geometry of any pose.

rotations = st.tuples(*[st.floats(-3.1, 3.1)] * 3)


@settings(max_examples=25, deadline=None)
@given(
    rotations,
    st.lists(st.floats(0.5, 4), min_size=2, max_size=9),
    st.tuples(*[st.floats(-300, 300)] * 3),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.randoms(use_true_random=False),
)
def test_every_slice_is_where_its_header_says(
    tmp_path_factory, angles, gaps, origin, shear, random
):
    cosines = turned(angles)
    x, y, normal = orientation(cosines)
    places = [np.array(origin)]
    for gap in gaps:
        places.append(places[-1] + gap * (normal + shear[0] * x + shear[1] * y))
    numbers = list(range(len(places)))
    random.shuffle(numbers)
    folder = write_series(
        tmp_path_factory.mktemp("pose"),
        np.stack([np.full((3, 4), 10 * k, np.uint16) for k in numbers]),
        positions=[places[k] for k in numbers],
        cosines=cosines,
    )
    volume = load_volume(folder, missing="keep", tolerance_mm=1e-6)
    assert volume.array[:, 0, 0].tolist() == [10 * k for k in range(len(places))]
    assert volume.handedness == "right"
    corners = np.array([place + 1.5 * y + 1.5 * x for place in places])  # pixel (2, 3)
    assert np.allclose(volume.at(corners), [10 * k for k in range(len(places))], atol=1e-3)


def turned(angles) -> list[float]:
    a, b, c = angles
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix = about_z @ about_y @ about_x
    return [*matrix[:, 0], *matrix[:, 1]]


def test_rounding_of_headers_changes_nothing(tmp_path):
    """Directions and places with few digits, a little different in each slice."""
    cosines = (0.999, -0.0218, 0.0382, 0.0265, 0.9914, -0.128)
    random = np.random.default_rng(8)

    def rounded(k, ds):
        ds.ImageOrientationPatient = [
            f"{value + error:.6f}"
            for value, error in zip(cosines, random.uniform(-4e-5, 4e-5, 6), strict=True)
        ]
        ds.PixelSpacing = [f"{0.75 + random.uniform(-3e-6, 3e-6):.6f}", "0.5"]
        ds.ImagePositionPatient = [f"{float(mm):.3f}" for mm in ds.ImagePositionPatient]

    volume = load_volume(write_series(tmp_path, cosines=cosines, edit=rounded), strict=True)
    assert volume.shape[0] == 8
    assert volume.spacing[0] == pytest.approx(2, abs=2e-3)
    assert volume.positions is None
    assert not volume.sheared


# Hostile headers.


@pytest.mark.parametrize(
    "position",
    [["nan", "0", "0"], ["0", "inf", "0"], ["0", "0", "1e300"], ["0", "0", "2000001"], ["0", "0"]],
)
def test_places_that_are_none_are_refused(tmp_path, position):
    def edit(k, ds):
        if k == 2:
            ds["ImagePositionPatient"]._value = position

    with pytest.raises(RadkitError):
        load_volume(write_series(tmp_path, edit=edit))


def test_a_hole_of_a_kilometre_is_not_filled_before_it_is_asked_for(tmp_path):
    heights = [0, 0.02, 0.04, 0.06, 900_000]
    folder = write_series(
        tmp_path, np.zeros((5, 64, 64), np.uint16), positions=[(0, 0, z) for z in heights]
    )
    with pytest.raises(LimitExceeded):
        load_volume(folder, missing="fill")
    with pytest.raises(GeometryError, match="slices are missing"):
        load_volume(folder)
    kept = load_volume(folder, missing="keep")
    assert kept.shape[0] == 5
    with pytest.raises(LimitExceeded):
        load_volume(folder, missing="keep", uneven="resample")


def test_many_slices_at_one_place_are_refused_in_time(tmp_path):
    """All unlike, nothing tells them apart; comparing pixels pairwise must have an end."""
    folder = write_series(
        tmp_path,
        np.arange(60 * 12, dtype=np.uint16).reshape(60, 3, 4),
        positions=[(0, 0, 0)] * 60,
    )
    with pytest.raises(GeometryError, match="several unlike slices"):
        load_volume(folder)
    assert len(load_volume(folder, split="auto")) == 60
    with use(max_seconds=1e-9), pytest.raises(LimitExceeded):
        load_volume(folder)


def test_as_many_orientations_as_slices_do_not_take_for_ever(tmp_path):
    (record,) = scan(next(write_series(tmp_path, slices=1).iterdir()), searched=True)
    records = [
        dataclasses.replace(record, cosines=np.array(turned((0, 0, angle))))
        for angle in np.linspace(0, 3, 4000)
    ]
    start = time.process_time()
    with pytest.raises(GeometryError, match="unlike slices") as caught:
        sort_records(records, split="error", tolerance_mm=None, digest=lambda one: b"")
    assert [group.count for group in caught.value.groups] == [1] * 4000
    assert time.process_time() - start < 20


def test_resampling_to_very_many_slices_keeps_the_deadline(tmp_path):
    heights = [0, 0.02, *range(1, 200)]
    pixels = np.zeros((len(heights), 2, 2), np.uint16)
    folder = write_series(tmp_path, pixels, positions=[(0, 0, z) for z in heights])
    assert load_volume(folder, uneven="resample", missing="keep").spacing[0] < 0.021
    with use(max_seconds=1e-3), pytest.raises(LimitExceeded):
        load_volume(folder, uneven="resample", missing="keep")


def test_threads_change_nothing(tmp_path, monkeypatch):
    """Headers as of a slow network, and native cells in many small parts."""
    folder = write_series(tmp_path, slices=50)
    alone = load_volume(folder, threads=1)
    monkeypatch.setattr(load, "SLOW_HEADER_S", -1.0)
    monkeypatch.setattr(fill, "AT_ONCE", 3)
    monkeypatch.setattr(fill, "BYTES_PER_THREAD", 1)
    found = load_volume(folder, threads=4)
    assert np.array_equal(found.array, alone.array)
    assert found.instances == alone.instances


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.floats(), st.sampled_from([0.0, 1e-9, 1e6, 1e308]))] * 3),
        min_size=1,
        max_size=8,
    )
)
def test_any_positions_give_a_stack_or_a_geometry_error(points):
    try:
        stack = analyse_stack(points, (0, 0, 1))
    except GeometryError:
        return
    assert sorted(stack.order) == list(range(len(points)))
    assert all(n >= 1 for _, n in stack.holes)


@pytest.mark.parametrize("name", ["nothing", "EchoTime,", ""])
def test_split_by_what_is_not_known_is_refused(tmp_path, name):
    with pytest.raises(OptionError, match="split knows"):
        load_volume(write_series(tmp_path), split=[name])


# Memory.

SCRIPT = """
import re, sys
import numpy as np
from radkit.volume import load_volume

def peak():  # of this program; getrusage has that of the one that started it, too
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", file.read())[1])

load_volume(sys.argv[2], threads=2)  # what is loaded once
before = peak()
volume = load_volume(sys.argv[1], threads=2)
after = peak()
assert int(volume.array[:, 0, 0].astype(np.int64).sum()) == sum(range(1000))
print((after - before) / volume.array.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_a_thousand_slices_take_the_memory_of_their_array(tmp_path):
    many, few = tmp_path / "many", tmp_path / "few"
    for folder in (many, few):
        folder.mkdir()
    one = written_once(tmp_path)
    for k in range(1000):
        data = one.replace(b"1234.5678", b"%09.4f" % (k / 2)).replace(b".7654321", b".%07d" % k)
        (many / f"{k}.dcm").write_bytes(data.replace(b"\xfe\xed", k.to_bytes(2, "little")))
        if k < 3:
            (few / f"{k}.dcm").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(many), str(few)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PATH": ""},
    )
    assert 0.9 < float(done.stdout) <= 1.1


def written_once(tmp_path) -> bytes:
    """Return a file whose height, UID and first pixel can be replaced as bytes."""

    def edit(_, ds):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.7654321"
        ds.ImagePositionPatient = ["0", "0", "1234.5678"]

    pixels = np.zeros((1, 256, 256), np.uint16)
    pixels[0, 0, 0] = 0xEDFE
    return (write_series(tmp_path / "one", pixels, edit=edit) / "0000.dcm").read_bytes()
