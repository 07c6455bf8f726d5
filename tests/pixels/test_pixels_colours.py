"""Supplemental palettes, broken palettes, and frames without a window of their own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pixel_objects import dataset, item, sequence

import radkit

FIRST, ENTRIES = 2000, 16
TABLES = [np.arange(ENTRIES, dtype="<u2") * k for k in (1000, 2000, 4000)]


def supplemental(stored, presentation="COLOR", *, descriptors=None, **more):
    """Return a grey object whose stored values from 2000 on have colours."""
    values = {"WindowCenter": "1000", "WindowWidth": "2000", **more}
    ds = dataset(stored, frames=stored.ndim == 3, PixelPresentation=presentation, **values)
    for k, table in enumerate(TABLES):
        descriptor = descriptors[k] if descriptors else [ENTRIES, FIRST, 16]
        ds.add_new(0x00281101 + k, "SS" if stored.dtype.kind == "i" else "US", descriptor)
        ds.add_new(0x00281201 + k, "OW", table.tobytes())
    return ds


def colours(stored):
    places = np.clip(stored.astype(int) - FIRST, 0, ENTRIES - 1)
    return np.stack([np.floor(t[places] * (255 / 65535) + 0.5) for t in TABLES], axis=-1)


def expected(stored, grey):
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    there = stored >= FIRST
    rgb[there] = colours(stored)[there]
    return rgb


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32])
def test_values_of_the_supplemental_palette_are_coloured_and_the_rest_is_grey(dtype):
    stored = np.arange(0, 2100, 7).astype(dtype).reshape(10, 30)
    ds = supplemental(stored)
    plain = dataset(stored, WindowCenter="1000", WindowWidth="2000")
    made = radkit.render(ds)
    assert np.array_equal(made, expected(stored, radkit.render(plain)))
    assert made.dtype == np.uint8
    assert np.array_equal(radkit.render(ds, invert=True), 255 - made)
    with pytest.raises(radkit.OptionError):
        radkit.render(ds, reduce=1)
    assert radkit.render(ds, size=(5, 15)).shape == (5, 15, 3)


def test_auto_window_leaves_coloured_values_out():
    stored = np.array([[0, 50, 100, 2001, 2005, 2015]], np.uint16).repeat(4, axis=0)
    auto = radkit.render(supplemental(stored), window="auto")
    grey = radkit.render(np.ascontiguousarray(stored[:, :3]), window="auto")
    assert np.array_equal(auto[:, :3], np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(auto[:, 3:], colours(stored)[:, 3:])


def test_padding_above_the_first_entry_stays_background():
    stored = np.array([[10, 2001, 4095]], np.uint16)
    made = radkit.render(supplemental(stored, PixelPaddingValue=4095))
    assert made[0, 2].tolist() == [0, 0, 0]
    assert made[0, 1].tolist() == colours(stored)[0, 1].tolist()


def test_mixed_objects_have_grey_and_coloured_frames():
    stored = np.full((3, 2, 2), 2003, np.uint16)
    ds = supplemental(stored, "MIXED")
    ds.SharedFunctionalGroupsSequence = sequence(item())
    groups = []
    for stated in ("MONOCHROME", "COLOR", None):
        kind = item(PixelPresentation=stated) if stated else item()
        groups.append(item(MRImageFrameTypeSequence=sequence(kind)))
    ds.PerFrameFunctionalGroupsSequence = sequence(*groups)
    made = radkit.render(ds)
    assert made.shape == (3, 2, 2, 3)
    assert (made[[0, 2]] == 255).all()  # above the window
    assert np.array_equal(made[1], colours(stored[1]))
    assert np.array_equal(radkit.render(ds, frames=1), made[1])


def test_broken_supplemental_palette_is_an_error_or_left_out_with_a_word():
    ds = supplemental(np.zeros((2, 2), np.uint16))
    ds[0x00281202].value = b"\0\0"
    with pytest.raises(radkit.CorruptFile):
        radkit.render(ds)
    with pytest.warns(radkit.CorrectionWarning, match="supplemental palette"):
        assert radkit.render(ds, strict=False).shape == (2, 2)
    ds.PixelPresentation = "MONOCHROME"
    assert radkit.render(ds).shape == (2, 2)
    stripped = dataset(np.zeros((2, 2), np.uint16), PixelPresentation="COLOR")
    assert radkit.render(stripped).shape == (2, 2)


def test_palette_tables_of_unlike_first_entries_are_clamped_each():
    stored = np.arange(0, 30, dtype=np.uint8).reshape(3, 10)
    ds = dataset(stored, photometric="PALETTE COLOR")
    tables = [np.arange(8, dtype="<u2") + 10 * k for k in range(3)]
    for k, first in enumerate((5, 9, 2)):
        ds.add_new(0x00281101 + k, "US", [8, first, 8])
        ds.add_new(0x00281201 + k, "OW", tables[k].tobytes())
    planes = [tables[k][np.clip(stored.astype(int) - f, 0, 7)] for k, f in enumerate((5, 9, 2))]
    assert np.array_equal(radkit.render(ds), np.stack(planes, axis=-1))


def test_palette_of_32_bit_cells_clamps_at_both_ends():
    stored = np.array([[0, 4, 5, 12, 13, 2**32 - 1]], np.uint32)
    ds = dataset(stored, photometric="PALETTE COLOR")
    table = np.arange(8, dtype="<u2") + 1
    for k in range(3):
        ds.add_new(0x00281101 + k, "US", [8, 5, 8])
        ds.add_new(0x00281201 + k, "OW", table.tobytes())
    assert radkit.render(ds)[0, :, 0].tolist() == [1, 1, 1, 8, 8, 8]


def test_low_resolutions_of_palette_indexes_are_refused():
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8)
    coded = radkit.transcode(
        dataset(stored, PatientName="", StudyInstanceUID="1.2"), None, "jpeg2000-lossless"
    ).data
    assert radkit.decode(coded, reduce=1).shape == (4, 4)
    ds = pydicom.dcmread(io.BytesIO(coded))
    ds.PhotometricInterpretation = "PALETTE COLOR"
    with pytest.raises(radkit.OptionError, match="PALETTE COLOR"):
        radkit.decode(ds, reduce=1)
    assert np.array_equal(radkit.decode(ds), stored)


def test_frames_without_a_window_that_others_have_show_the_full_range():
    stored = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    ds = dataset(stored, frames=True)
    ds.SharedFunctionalGroupsSequence = sequence(item())
    voi = item(WindowCenter="10", WindowWidth="5")
    ds.PerFrameFunctionalGroupsSequence = sequence(
        item(FrameVOILUTSequence=sequence(voi)), item(), item()
    )
    made = radkit.render(ds)
    assert np.array_equal(made[1:], stored[1:])
    assert not np.array_equal(made[0], stored[0])
    # A slope that other frames have is another matter: no value is invented.
    groups = ds.PerFrameFunctionalGroupsSequence
    value = item(RescaleSlope="2", RescaleIntercept="0", RescaleType="US")
    groups[0].PixelValueTransformationSequence = sequence(value)
    with pytest.raises(radkit.CorruptFile):
        radkit.values(ds)


def test_real_perfusion_map_is_in_colour():
    path = Path(__file__).parents[3] / "shared/data/syntaxes/jpeg_lossless_2frame_fragmented.dcm"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    ds = pydicom.dcmread(path)
    stored = radkit.decode(path)
    made = radkit.render(path)
    first = ds[0x00281101].value[1]
    there = stored >= first
    assert 0.2 < there.mean() < 0.4
    assert np.array_equal(made[~there], made[~there][:, :1].repeat(3, axis=1))
    tables = [np.frombuffer(ds[0x00281201 + k].value, "<u2") for k in range(3)]
    places = np.clip(stored[there].astype(int) - first, 0, len(tables[0]) - 1)
    wanted = np.stack([np.floor(t[places] * (255 / 65535) + 0.5) for t in tables], axis=-1)
    assert np.array_equal(made[there], wanted)
