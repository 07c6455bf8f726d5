from __future__ import annotations

import math

import imagecodecs
import numpy as np
import pytest
from pictures import coded_ct, shared

import radkit
from radkit.errors import OptionError
from radkit.preview import compare, pyramid, windowed
from radkit.testing import sample


def test_stored_levels_are_ranges_of_the_source():
    data = coded_ct()
    made = pyramid(data)
    assert made.stored
    for i, level in enumerate(made.levels):
        right = radkit.decode(data, reduce=i)
        assert np.array_equal(made.level(i), right)
        assert level.shape == right.shape and level.reduce == i
        assert sum(size for _, size in level.ranges) == level.bytes == made.bytes(i)
    sizes = [level.bytes for level in made.levels]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["ct", "mr_rle", "us_rgb"])
@pytest.mark.parametrize("syntax", ["htj2k", "jpeg2000"])
def test_other_sources_are_coded_once(name, syntax):
    made = pyramid(sample(name), syntax=syntax)
    assert not made.stored and made.levels[0].ranges is None
    assert np.array_equal(made.level(0), radkit.decode(sample(name)))
    assert np.array_equal(made.picture(0), radkit.render(sample(name)))
    assert made.level(1).shape[:2] == made.levels[1].shape


def test_quality_rises_with_the_bytes():
    made = pyramid(sample("ct"))
    found = [made.quality(i, window=(40, 400)) for i in range(len(made))]
    assert found[0].psnr == math.inf and found[0].ssim == 1.0 and found[0].max_error == 0
    assert [one.psnr for one in found] == sorted((one.psnr for one in found), reverse=True)


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "avif", "jxl"])
def test_levels_encode_themselves(format_):
    made = pyramid(sample("ct"))
    data = made.encode(1, format_, window=(40, 400))
    if format_ == "png":
        assert np.array_equal(imagecodecs.png_decode(data), made.picture(1, window=(40, 400)))
    assert len(data) > 0


def test_fewer_levels():
    assert len(pyramid(coded_ct(), levels=2)) == 2
    with pytest.raises(OptionError):
        pyramid(coded_ct(), levels=0)
    with pytest.raises(OptionError):
        pyramid(coded_ct()).level(9)


def test_what_is_coded_is_not_coded_again():
    with pytest.raises(OptionError, match="codestreams already"):
        pyramid(coded_ct(), lossy=radkit.Lossy(ratio=10))
    with pytest.raises(OptionError, match="syntax"):
        pyramid(sample("ct"), syntax="png")


def test_lossy_pyramid_is_small():
    lossless, lossy = pyramid(sample("ct")), pyramid(sample("ct"), lossy=radkit.Lossy(ratio=20))
    assert lossy.bytes(0) < lossless.bytes(0) / 2


def test_window_before_coding():
    made = windowed(sample("ct"), ratio=6, window=(40, 400))
    assert np.array_equal(made.picture, radkit.render(sample("ct"), window=(40, 400)))
    assert made.samples.dtype == np.uint8
    assert made.quality.psnr > 30
    assert len(made.data) == pytest.approx(made.picture.nbytes / 6, rel=0.1)


@pytest.mark.parametrize("name", ["mr_rle", "us_rgb", "palette", "nm_j2k", "us_jpeg"])
def test_windowed_previews_of_every_kind(name):
    source = sample(name)
    made = windowed(source, ratio=4, frame=0)
    assert np.array_equal(made.picture, radkit.render(source, frames=0))
    assert made.samples.shape == made.picture.shape
    assert compare(made.samples, made.picture).psnr > 25


def test_margin_keeps_values():
    made = windowed(sample("ct"), ratio=4, window=(40, 400), margin=3)
    px = radkit.decode(sample("ct")).astype(float)
    values = made.values()
    assert made.low <= values.min() and values.max() <= made.high
    inside = (px > made.low) & (px < made.high)
    assert np.abs(values - px)[inside].mean() < 8
    with pytest.raises(OptionError):
        made.quality  # noqa: B018
    with pytest.raises(OptionError):
        windowed(sample("ct"), ratio=4).values()


def test_window_beats_the_full_range_at_few_bytes():
    """At a few per cent of the bytes a prefix shows less of soft tissue than a windowed preview."""
    paths = sorted(shared("ct-ge-tilt-variable").iterdir())
    source = paths[len(paths) // 2]
    whole = pyramid(source)
    size = int(0.04 * whole.bytes(0))
    small = windowed(source, max_bytes=size, window=(40, 100))
    level = max(i for i in range(len(whole)) if whole.bytes(i) >= size)
    assert len(small.data) <= size
    assert small.quality.psnr > whole.quality(level, window=(40, 100)).psnr + 6


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"ratio": 5, "max_bytes": 900},
        {"ratio": 5, "margin": 0.5},
        {"ratio": 5, "margin": math.nan},
        {"ratio": 5, "frame": 4},
        {"ratio": 0.5},
    ],
)
def test_windowed_options_without_meaning(wrong):
    with pytest.raises(OptionError):
        windowed(sample("ct"), **wrong)


def test_margin_needs_grey_and_a_window():
    with pytest.raises(OptionError, match="grey"):
        windowed(sample("us_rgb"), ratio=5, margin=2)
    with pytest.raises(OptionError):
        windowed(sample("ct"), ratio=5, margin=2, window=(1e7, 10))


def test_compare():
    right = np.zeros((16, 16), np.uint8)
    found = right.copy()
    found[3, 4] = 16
    made = compare(found, right)
    assert made.max_error == 16
    assert made.psnr == pytest.approx(10 * math.log10(255**2 / 1.0))
    assert math.isnan(compare(right[:4], right[:4]).ssim)
