from __future__ import annotations

import itertools

import numpy as np
import pytest
from enhanced import ECHO, IN_STACK, STACK_ID, TEMPORAL, Frame, item, plane, write_enhanced
from pydicom.sequence import Sequence as Items

from radkit.errors import CorruptFile, GeometryError, RadkitError
from radkit.geometry import apply
from radkit.transcoding import transcode
from radkit.volume import load_volume


def codes(volume):
    return [note.code for note in volume.corrections]


@pytest.mark.parametrize("modality", ["CT", "MR", "PT"])
def test_frames_are_sorted_by_place_not_by_number(tmp_path, modality):
    order = [3, 0, 4, 1, 2]
    frames = [Frame(plane(k), (5, 6, 2.5 * k), slope=(2, -7)) for k in order]
    volume = load_volume(write_enhanced(tmp_path / "a.dcm", frames, modality=modality))
    assert np.array_equal(volume.array, [plane(k) for k in range(5)])
    assert volume.array.dtype == np.uint16
    assert volume.spacing == (2.5, 0.75, 0.5)
    assert volume.origin == (5, 6, 0)
    assert (volume.slope, volume.intercept) == (2, -7)
    assert volume.units == {"CT": "", "MR": "", "PT": "Bq/ml"}[modality]
    assert codes(volume) == []


def test_rescale_of_each_frame_gives_values(tmp_path):
    slopes = [(0.25 * (k + 1), -k) for k in range(4)]
    frames = [Frame(plane(k), (0, 0, 3 * k), slope=slopes[k]) for k in range(4)]
    volume = load_volume(write_enhanced(tmp_path / "a.dcm", frames, modality="PT"))
    assert codes(volume) == ["SLOPES"]
    assert volume.array.dtype == np.float32
    assert (volume.slope, volume.intercept, volume.units) == (1, 0, "Bq/ml")
    expected = [plane(k) * slope + intercept for k, (slope, intercept) in enumerate(slopes)]
    assert np.array_equal(volume.array, np.array(expected, np.float32))
    with pytest.raises(GeometryError, match=r"slope from 0\.25 to 1 and intercept from -3 to 0"):
        load_volume(tmp_path, strict=True)


def test_rescale_of_each_frame_may_be_missing_from_none(tmp_path):
    frames = [Frame(plane(k), (0, 0, 3 * k), slope=(2, 0) if k else None) for k in range(4)]
    with pytest.raises(CorruptFile, match="functional group"):
        load_volume(write_enhanced(tmp_path / "a.dcm", frames))


def test_dimensions_tell_stacks_apart(tmp_path):
    """Times and echoes at the same places: neither alone tells six stacks apart."""
    frames = [
        Frame(
            plane(100 * time + 10 * echo + k),
            (0, 0, 2 * k),
            index=(1, 4 - k, time + 1, echo + 1),
            content={"StackID": "1", "TemporalPositionIndex": time + 1},
            echo=10.0 + 20 * echo,
        )
        for time, echo, k in itertools.product(range(3), range(2), range(4))
    ]
    np.random.default_rng(5).shuffle(frames)
    pointers = (STACK_ID, IN_STACK, TEMPORAL, ECHO)
    path = write_enhanced(tmp_path / "a.dcm", frames, pointers=pointers)
    volumes = load_volume(path, split="auto")
    wanted = list(itertools.product(range(3), range(2)))
    assert [volume.labels for volume in volumes] == [
        {"TemporalPositionIndex": str(time + 1), "EffectiveEchoTime": f"{10 + 20 * echo}"}
        for time, echo in wanted
    ]
    for volume, (time, echo) in zip(volumes, wanted, strict=True):
        assert np.array_equal(volume.array, [plane(100 * time + 10 * echo + k) for k in range(4)])
    with pytest.raises(GeometryError, match="6 stacks") as caught:
        load_volume(path)
    assert [group.count for group in caught.value.groups] == [4] * 6
    assert caught.value.groups[1].text == "TemporalPositionIndex 1, EffectiveEchoTime 30"
    # The same without the dimensions: two attributes together.
    bare = write_enhanced(tmp_path / "b.dcm", [Frame(**{**vars(f), "index": ()}) for f in frames])
    found = load_volume(bare, split="auto")
    assert [volume.labels for volume in found] == [volume.labels for volume in volumes]
    assert all(
        np.array_equal(one.array, other.array) for one, other in zip(found, volumes, strict=True)
    )


def test_named_keys_split_first(tmp_path):
    frames = [
        Frame(plane(10 * echo + k), (0, 0, 2 * k), echo=float(5 + echo))
        for k, echo in itertools.product(range(4), range(2))
    ]
    path = write_enhanced(tmp_path / "a.dcm", frames)
    volumes = load_volume(path, split=["EffectiveEchoTime"])
    assert [volume.labels["EffectiveEchoTime"] for volume in volumes] == ["5", "6"]
    assert np.array_equal(volumes[1].array, [plane(10 + k) for k in range(4)])
    with pytest.raises(GeometryError, match="EffectiveEchoTime"):
        load_volume(path, split=["TemporalPositionIndex"])


def test_several_stacks_of_one_object_are_told_apart(tmp_path):
    """A scout of three planes."""
    planes = [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)]
    frames = [
        Frame(plane(10 * n + k), 4 * k * np.cross(one[:3], one[3:]), (n + 1, k + 1), None, one)
        for n, one in enumerate(planes)
        for k in range(3)
    ]
    path = write_enhanced(tmp_path / "a.dcm", frames, pointers=(STACK_ID, IN_STACK))
    volumes = load_volume(path, split="auto")
    assert [volume.shape for volume in volumes] == [(3, 6, 7)] * 3
    assert all(volume.handedness == "right" for volume in volumes)
    with pytest.raises(GeometryError, match="normal") as caught:
        load_volume(path)
    assert [group.count for group in caught.value.groups] == [3, 3, 3]


def test_parts_of_a_concatenation_are_one_volume(tmp_path):
    frames = [Frame(plane(k), (0, 0, 2 * k)) for k in range(6)]
    for number, at in enumerate((slice(0, 4), slice(4, 6)), 1):

        def part(ds, number=number):
            ds.ConcatenationUID, ds.InConcatenationNumber = "1.2.3", number

        write_enhanced(tmp_path / f"{number}.dcm", frames[at], edit=part)
    assert np.array_equal(load_volume(tmp_path).array, [plane(k) for k in range(6)])


def test_chosen_frames_are_a_volume(tmp_path):
    frames = [Frame(plane(k), (0, 0, 2 * k)) for k in range(6)]
    path = write_enhanced(tmp_path / "a.dcm", frames)
    volume = load_volume(path, frames=slice(1, 6, 2))
    assert np.array_equal(volume.array, [plane(k) for k in (1, 3, 5)])
    assert volume.spacing[0] == 4


@pytest.mark.parametrize("threads", [1, 3])
def test_every_frame_is_in_its_place_by_any_number_of_threads(tmp_path, threads):
    order = np.random.default_rng(1).permutation(60)
    frames = [Frame(plane(int(k)), (0, 0, 0.5 * int(k))) for k in order]
    path = write_enhanced(tmp_path / "a.dcm", frames)
    volume = load_volume(path, threads=threads)
    assert np.array_equal(volume.array, [plane(k) for k in range(60)])


@pytest.mark.parametrize("syntax", ["htj2k-lossless-rpcl", "jpeg2000-lossless", "rle"])
def test_coded_frames_are_decoded_into_place(tmp_path, syntax):
    order = np.random.default_rng(3).permutation(12)
    large = [np.kron(plane(int(k)), np.ones((8, 8))) for k in range(12)]
    frames = [Frame(large[k], (0, 0, 2 * int(k)), slope=(1 + k % 2, 0)) for k in order]
    path = write_enhanced(tmp_path / "a.dcm", frames)
    transcode(path, tmp_path / "b.dcm", syntax)
    for threads in (1, 3):
        volume = load_volume(tmp_path / "b.dcm", threads=threads)
        values = [pixels * (1 + k % 2) for k, pixels in enumerate(large)]
        assert np.array_equal(volume.array, np.array(values, np.float32))
    same = [Frame(frame.pixels, frame.position) for frame in frames]
    transcode(write_enhanced(tmp_path / "c.dcm", same), tmp_path / "d.dcm", syntax)
    whole = load_volume(tmp_path / "d.dcm")
    assert np.array_equal(whole.array, large)
    if syntax != "rle":
        small = load_volume(tmp_path / "d.dcm", reduce=1)
        assert small.shape == (12, 24, 28)
        assert small.spacing == (2.0, 1.5, 1.0)
        assert small.origin == whole.origin


def test_tilt_and_uneven_frames_are_handled_as_single_ones_are(tmp_path):
    tilt = np.radians(12)
    cosines = (1, 0, 0, 0, np.cos(tilt), np.sin(tilt))
    heights = (0, 2, 4, 7, 10)
    frames = [
        Frame(plane(k), (0, 0, z), cosines=cosines) for k, z in reversed(list(enumerate(heights)))
    ]
    volume = load_volume(write_enhanced(tmp_path / "a.dcm", frames))
    assert codes(volume) == ["UNEVEN", "TILT"]
    assert np.allclose(volume.positions, np.array(heights) * np.cos(tilt))
    assert np.allclose(apply(volume.affine, [4, 0, 0]), (0, 0, 10))


def wrong_count(ds):
    ds.PerFrameFunctionalGroupsSequence = ds.PerFrameFunctionalGroupsSequence[:-1]


def wrong_position(value):
    def edit(ds):
        place = ds.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
        place.ImagePositionPatient = value

    return edit


def no_position(ds):
    del ds.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence


def too_many_frames(ds):
    ds.NumberOfFrames = 2**31 - 1


def wrong_dimensions(ds):
    ds.DimensionIndexSequence = Items([item(DimensionIndexPointer=STACK_ID)] * 40)


@pytest.mark.parametrize(
    "edit",
    [
        wrong_count,
        wrong_position(["1e300", "0", "0"]),
        wrong_position(["0", "0"]),
        wrong_position(["0", "0", "1e7"]),
        too_many_frames,
    ],
)
def test_senseless_headers_raise_radkit_errors(tmp_path, edit):
    frames = [Frame(plane(k), (0, 0, 2 * k), index=(1, k + 1)) for k in range(4)]
    path = write_enhanced(tmp_path / "a.dcm", frames, pointers=(STACK_ID, IN_STACK), edit=edit)
    with pytest.raises(RadkitError):
        load_volume(path)


def test_a_frame_without_a_place_is_left_out(tmp_path):
    frames = [Frame(plane(k), (0, 0, 2 * k)) for k in range(6)]
    path = write_enhanced(tmp_path / "a.dcm", frames, edit=no_position)
    with pytest.raises(GeometryError, match="missing between slice 0"):
        load_volume(path)
    assert codes(load_volume(path, missing="keep"))[0] == "LEFT_OUT"


def test_dimensions_that_do_not_fit_are_not_used(tmp_path):
    frames = [
        Frame(plane(10 * t + k), (0, 0, 2 * k), (1, k + 1), content={"TemporalPositionIndex": t})
        for t in (1, 2)
        for k in range(4)
    ]
    path = write_enhanced(
        tmp_path / "a.dcm", frames, pointers=(STACK_ID, IN_STACK), edit=wrong_dimensions
    )
    labels = [volume.labels for volume in load_volume(path, split="auto")]
    assert labels == [{"TemporalPositionIndex": "1"}, {"TemporalPositionIndex": "2"}]
