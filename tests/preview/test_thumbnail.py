from __future__ import annotations

import imagecodecs
import numpy as np
import pydicom
import pytest

from radkit.errors import CorruptFile, OptionError, TruncatedPixelData
from radkit.pixels import render
from radkit.preview import FORMATS, encode_picture, thumbnail
from radkit.testing import sample


@pytest.mark.parametrize("name", ["ct", "mr_rle", "us_rgb", "palette", "nm_j2k", "us_jpeg"])
def test_longest_side_is_the_size(name):
    picture = thumbnail(sample(name), size=96)
    assert picture.dtype == np.uint8
    assert max(picture.shape[:2]) == 96
    assert picture.max() > picture.min()


def test_png_is_the_picture():
    picture = thumbnail(sample("us_rgb"), size=100)
    assert np.array_equal(
        imagecodecs.png_decode(thumbnail(sample("us_rgb"), size=100, format="png")), picture
    )


@pytest.mark.parametrize("name", ["ct", "us_rgb"])
@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_near_the_picture(name, format_):
    picture = thumbnail(sample(name), size=128)
    data = encode_picture(picture, format_)
    decoder = {"jxl": "jpegxl", "jpeg": "jpeg8"}.get(format_, format_)
    found = getattr(imagecodecs, f"{decoder}_decode")(data).astype(int)
    if found.ndim == 3 and picture.ndim == 2:
        assert np.array_equal(found[..., 0], found[..., 1]) or format_ == "webp"
        found = found[..., 0]
    assert found.shape == picture.shape
    assert np.abs(found - picture).mean() < (0.001 if format_ == "png" else 6)


def test_window_is_passed_on():
    wide = thumbnail(sample("ct"), size=128, window=(1000, 4000))
    assert np.array_equal(wide, render(sample("ct"), window=(1000, 4000), size=(128, 128)))
    assert not np.array_equal(wide, thumbnail(sample("ct"), size=128, window=(100, 200)))


def test_frame_is_the_stated_or_the_middle_one():
    source = sample("us_jpeg")
    middle = render(source, frames=15, size=(80, 80))
    assert np.array_equal(thumbnail(source, size=80), middle)
    ds = pydicom.dcmread(source)
    ds.RepresentativeFrameNumber = 3
    assert np.array_equal(thumbnail(ds, size=80), render(source, frames=2, size=(80, 80)))
    ds.RepresentativeFrameNumber = 99
    assert np.array_equal(thumbnail(ds, size=80), middle)


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 5000}, {"format": "bmp"}])
def test_nonsense_raises_option_error(options):
    with pytest.raises(OptionError):
        thumbnail(sample("ct"), **options)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros(4, np.uint8)]
)
def test_array_that_is_no_picture_raises(array):
    with pytest.raises(OptionError):
        encode_picture(array, "png")


def test_object_without_pixels_raises():
    with pytest.raises(CorruptFile):
        thumbnail(sample("report"))


def test_object_is_opened_once(monkeypatch):
    from radkit.pixels import frames

    opened, real = [], frames.open_object
    monkeypatch.setattr(frames, "open_object", lambda *a, **k: opened.append(1) or real(*a, **k))
    thumbnail(sample("us_jpeg"), size=40)
    assert len(opened) == 1


def test_errors_name_their_object(tmp_path):
    path = tmp_path / "cut.dcm"
    path.write_bytes(sample("ct").read_bytes()[:-400])
    with pytest.raises(TruncatedPixelData) as caught:
        thumbnail(path)
    assert caught.value.source == str(path)


def test_webp_is_the_lossy_kind():
    assert thumbnail(sample("us_rgb"), format="webp")[12:16] == b"VP8 "
