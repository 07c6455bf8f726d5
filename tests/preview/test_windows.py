"""Previews are what the window of the whole frame shows, shrunk: every kind of pixel.

The right pictures are made here with NumPy from the formulas of PS3.3 C.11.2.1.2 and C.7.6.3.1,
and shrunk by means over boxes of whole pixels.
"""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest

import radkit
from radkit.pixels.resize import resize
from radkit.preview import pyramid, thumbnail, windowed
from radkit.testing import sample

CENTRE, WIDTH = 40.0, 400.0


def written(ds: pydicom.Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def grey(stored: np.ndarray, ds: pydicom.Dataset) -> np.ndarray:
    """Return a linear window of stored values, exact, 0 to 255."""
    values = stored * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
    shown = ((values - (CENTRE - 0.5)) / (WIDTH - 1) + 0.5) * 255
    return np.clip(shown, 0, 255)


def boxes(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return means over boxes of whole pixels."""
    rows, cols = (n // m for n, m in zip(picture.shape, shape, strict=False))
    parts = picture.reshape(shape[0], rows, shape[1], cols, *picture.shape[2:])
    return parts.mean(axis=(1, 3))


def ct(**changes: object) -> tuple[bytes, np.ndarray]:
    """Return an object of signed grey values, and what its window shows."""
    ds = pydicom.dcmread(sample("ct"))
    assert ds.PixelRepresentation == 1
    ds.WindowCenter, ds.WindowWidth = CENTRE, WIDTH
    for name, value in changes.items():
        setattr(ds, name, value)
    shown = grey(ds.pixel_array, ds)
    return written(ds), 255 - shown if ds.PhotometricInterpretation == "MONOCHROME1" else shown


def negative() -> tuple[bytes, np.ndarray]:
    """Return values below zero, as a scanner without a rescale stores them."""
    ds = pydicom.dcmread(sample("ct"))
    ds.PixelData = (ds.pixel_array - 1024).astype("<i2").tobytes()
    ds.RescaleIntercept = 0
    ds.WindowCenter, ds.WindowWidth = CENTRE, WIDTH
    return written(ds), grey(ds.pixel_array, ds)


def unsigned() -> tuple[bytes, np.ndarray]:
    ds = pydicom.dcmread(sample("mr"))
    ds.PixelRepresentation = 0
    ds.PixelData = np.abs(ds.pixel_array).astype("<u2").tobytes()
    ds.WindowCenter, ds.WindowWidth = CENTRE, WIDTH
    return written(ds), grey(ds.pixel_array, ds)


def palette() -> tuple[bytes, np.ndarray]:
    ds = pydicom.dcmread(sample("palette"))
    tables = [
        np.frombuffer(ds[f"{name}PaletteColorLookupTableData"].value, "<u2") / 257
        for name in ("Red", "Green", "Blue")
    ]
    first = ds.RedPaletteColorLookupTableDescriptor[1]
    indices = np.clip(ds.pixel_array.astype(int) - first, 0, len(tables[0]) - 1)
    return sample("palette").read_bytes(), np.stack([t[indices] for t in tables], -1)


def colour() -> tuple[bytes, np.ndarray]:
    return sample("us_rgb").read_bytes(), pydicom.dcmread(sample("us_rgb")).pixel_array.astype(
        float
    )


def many() -> tuple[bytes, np.ndarray]:
    """Return three frames that differ, of which the middle one is the preview."""
    ds = pydicom.dcmread(sample("ct"))
    frames = np.stack([ds.pixel_array + step for step in (0, 150, 300)])
    ds.NumberOfFrames, ds.PixelData = 3, frames.astype("<i2").tobytes()
    ds.WindowCenter, ds.WindowWidth = CENTRE, WIDTH
    return written(ds), grey(frames[1], ds)


CASES = {
    "signed": (ct, (64, 64)),
    "negative": (negative, (64, 64)),
    "unsigned": (unsigned, (32, 32)),
    "MONOCHROME1": (lambda: ct(PhotometricInterpretation="MONOCHROME1"), (64, 64)),
    "palette": (palette, (175, 400)),
    "colour": (colour, (120, 160)),
    "frames": (many, (64, 64)),
    "pixels twice as wide": (lambda: ct(PixelSpacing=[0.5, 1.0]), (32, 64)),
    "pixels twice as high": (lambda: ct(PixelSpacing=[1.0, 0.5]), (64, 32)),
}


@pytest.mark.parametrize("case", CASES)
def test_thumbnail_is_the_shrunk_picture(case):
    make, shape = CASES[case]
    data, right = make()
    found = thumbnail(data, size=max(shape))
    assert found.shape[:2] == shape
    assert np.abs(found - boxes(right, shape)).max() <= 1


@pytest.mark.parametrize("case", CASES)
def test_windowed_preview_is_the_picture_before_it_is_coded(case):
    make, _ = CASES[case]
    data, right = make()
    made = windowed(data, ratio=4, frame=1 if case == "frames" else 0)
    assert made.picture.shape == right.shape
    assert np.abs(made.picture - right).max() <= 1


@pytest.mark.parametrize("case", ["signed", "negative", "unsigned", "MONOCHROME1", "colour"])
def test_levels_are_windowed_as_their_values_are(case):
    """A level is what its own values show in the window: as if they had been stored so small."""
    make, _ = CASES[case]
    data, right = make()
    coded = radkit.transcode(data, None, "htj2k-lossless-rpcl").data
    made = pyramid(coded)
    assert np.abs(made.picture(0) - right).max() <= 1
    ds = pydicom.dcmread(io.BytesIO(data))
    for level in (1, 2):
        small = made.level(level)
        shown = small.astype(float) if small.ndim == 3 else grey(small, ds)
        if case == "MONOCHROME1":
            shown = 255 - shown
        assert np.abs(made.picture(level) - shown).max() <= 1


@pytest.mark.parametrize("size", [24, 40, 64])
def test_thumbnail_of_a_codestream_is_its_resolution_shrunk(size):
    coded = radkit.transcode(ct()[0], None, "htj2k-lossless-rpcl").data
    reduce = next(n for n in (2, 1, 0) if 128 >> n >= size)
    right = resize(radkit.render(coded, reduce=reduce), (size, size))
    assert np.array_equal(thumbnail(coded, size=size), right)
