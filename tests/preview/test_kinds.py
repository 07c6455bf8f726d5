"""Previews of every kind of object show what `radkit.render` shows of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pydicom
import pytest

import radkit
from radkit.preview import compare, pyramid, thumbnail, windowed
from radkit.testing import sample


def changed(name: str, **elements: object) -> bytes:
    ds = pydicom.dcmread(sample(name))
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()


KINDS: dict[str, Callable[[], object]] = {
    "MONOCHROME1": lambda: changed("mr", PhotometricInterpretation="MONOCHROME1"),
    "MONOCHROME2, signed": lambda: sample("ct"),
    "window in the header": lambda: changed("ct", WindowCenter=40, WindowWidth=400),
    "sigmoid": lambda: changed("mr", WindowCenter=500, WindowWidth=800, VOILUTFunction="SIGMOID"),
    "negative slope": lambda: changed("mr", RescaleSlope=-2, RescaleIntercept=100),
    "palette": lambda: sample("palette"),
    "RGB": lambda: sample("us_rgb"),
    "YBR, multi-frame": lambda: sample("us_jpeg"),
    "tall pixels": lambda: changed("mr", PixelSpacing=[1.0, 0.5]),
    "32 bits": lambda: sample("rt_dose"),
}
# What has more than one frame is shown by one of these.
FRAME = {"YBR, multi-frame": 7, "32 bits": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_windowed_preview_is_the_rendered_frame_before_coding(kind: str) -> None:
    source, frame = KINDS[kind](), FRAME.get(kind, 0)
    right = radkit.render(source, frames=frame)
    made = windowed(source, ratio=3, frame=frame)
    assert np.array_equal(made.picture, right)
    assert made.samples.shape == right.shape
    if min(right.shape[:2]) > 32:  # of smaller ones the headers take the bytes
        assert compare(made.samples, right).psnr > 24


@pytest.mark.parametrize("kind", KINDS)
def test_pyramid_shows_the_rendered_frame(kind: str) -> None:
    source, frame = KINDS[kind](), FRAME.get(kind, 0)
    made = pyramid(source, frame=frame)
    assert np.array_equal(made.picture(0), radkit.render(source, frames=frame))


def blocks(picture: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels."""
    rows, cols = (side // 2 * 2 for side in picture.shape[:2])
    cut = picture[:rows, :cols].astype(float)
    return (cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2, signed", "RGB", "sigmoid"])
def test_half_size_is_the_mean_of_the_rendered_pixels(kind: str) -> None:
    source = KINDS[kind]()
    right = blocks(radkit.render(source))
    found = thumbnail(source, size=max(right.shape[:2]))
    assert found.shape == right.shape
    assert np.abs(found - right).max() <= 1


def test_dark_is_bright_the_other_way_round() -> None:
    usual, turned = sample("mr"), KINDS["MONOCHROME1"]()
    total = windowed(usual, ratio=3).picture.astype(int) + windowed(turned, ratio=3).picture
    assert (total == 255).all()


def test_thumbnail_of_tall_pixels_is_tall() -> None:
    assert thumbnail(KINDS["tall pixels"](), size=64).shape == (64, 32)
    assert thumbnail(sample("mr"), size=64).shape == (64, 64)
