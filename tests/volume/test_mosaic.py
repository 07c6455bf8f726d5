from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from mosaics import csa, normal_text, write_mosaic

from radkit.errors import GeometryError, OptionError
from radkit.geometry import apply
from radkit.volume import load_volume
from radkit.volume.mosaic import csa_values

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_tiles_become_slices(tmp_path):
    slices = write_mosaic(tmp_path)
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array, slices)
    assert volume.array.dtype == np.int16
    assert volume.spacing == (2.5, 0.75, 0.5)
    # The stated corner is that of the mosaic: two tiles wider and higher than a slice.
    assert volume.origin == (-10 + 5 * 0.5, -20 + 4 * 0.75, 30)
    assert len(set(volume.instances)) == 1
    assert volume.corrections == ()


def test_slices_that_step_against_the_normal_are_turned_round(tmp_path):
    slices = write_mosaic(tmp_path, sense=-1)
    volume = load_volume(tmp_path)
    assert np.array_equal(volume.array, slices[::-1])
    assert volume.handedness == "right"
    assert np.allclose(apply(volume.affine, [6, 0, 0])[2], 30)


def test_number_of_slices_may_stand_in_the_csa_header_only(tmp_path):
    for second in (True, False):
        header = csa(
            second, Other=("", "x"), NumberOfImagesInMosaic=("8",),
            SliceNormalVector=normal_text(1),
        )  # fmt: skip
        slices = write_mosaic(tmp_path / str(second), 8, images=False, header=header)
        assert np.array_equal(load_volume(tmp_path / str(second)).array, slices)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"header": None}, "12 x 15 pixels is a mosaic of 7 slices"),
        ({"header": None, "images": False}, "number of its slices is not in it"),
        ({"header": b"SV10 nothing"}, "SliceNormalVector"),
        ({"header": csa(SliceNormalVector=("0", "1", "0"))}, "0.0000 of its own normal"),
        ({"header": csa(SliceNormalVector=("0", "nan", "1"))}, "SliceNormalVector"),
        ({"count": 17}, r"17 slices \(5 x 5 tiles\)"),
        ({"count": 0}, "0 slices"),
        ({"count": 65535}, "65535 slices"),
        ({"SpacingBetweenSlices": None}, "without Spacing Between Slices"),
        ({"SpacingBetweenSlices": 0}, "without Spacing Between Slices"),
        ({"SpacingBetweenSlices": "1e30"}, "without Spacing Between Slices"),
    ],
)
def test_mosaics_that_cannot_be_placed_are_refused(tmp_path, options, told):
    write_mosaic(tmp_path, **options)
    with pytest.raises(GeometryError, match=told) as caught:
        load_volume(tmp_path)
    assert caught.value.instances


def test_rescale_of_a_mosaic_stays_beside_its_values(tmp_path):
    slices = write_mosaic(tmp_path, RescaleSlope=2, RescaleIntercept=-3)
    volume = load_volume(tmp_path)
    assert (volume.slope, volume.intercept) == (2, -3)
    assert np.array_equal(volume.values(), slices * 2.0 - 3)


def test_reduced_mosaics_are_refused(tmp_path):
    from radkit.transcoding import transcode_many

    slices = write_mosaic(tmp_path / "in")
    transcode_many(tmp_path / "in", tmp_path / "out", "jpeg2000-lossless")
    assert np.array_equal(load_volume(tmp_path / "out").array, slices)
    with pytest.raises(OptionError, match="mosaic"):
        load_volume(tmp_path / "out", reduce=1)


def test_csa_headers_that_are_damaged_give_what_is_whole():
    good = csa(First=("1",), SliceNormalVector=normal_text(1), Last=("7.5", "8"))
    assert csa_values(good)["Last"] == (7.5, 8.0)
    for size in range(len(good)):
        assert csa_values(good[:size]).items() <= csa_values(good).items()
    random = np.random.default_rng(11)
    for _ in range(300):
        damaged = bytearray(good)
        for at in random.integers(0, len(good), 3):
            damaged[at] = random.integers(256)
        csa_values(bytes(damaged))  # no error, whatever is found


def test_real_mosaics_are_time_points():
    folder = SHARED / "mr-fmri-mosaic"
    if not folder.exists():
        pytest.skip("shared/data/mr-fmri-mosaic is absent")
    volumes = load_volume(folder, split="auto")
    assert [volume.shape for volume in volumes] == [(36, 64, 64)] * 2
    for path, volume in zip(sorted(folder.iterdir()), volumes, strict=True):
        whole = pydicom.dcmread(path).pixel_array
        tiles = whole.reshape(6, 64, 6, 64).swapaxes(1, 2).reshape(36, 64, 64)
        assert np.array_equal(volume.array, tiles)
        assert volume.spacing == pytest.approx((3.6, 3.203125, 3.203125))
