"""Render against pydicom's apply_* and the formulas of PS3.3 in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_objects import dataset, item, lut_item, sequence
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing

import radkit
from radkit.testing.samples import sample


def grey(shape=(9, 11), dtype=np.int16, low=-1500, high=3000, seed=1):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def eight_bits(y, low=0.0, high=255.0):
    """Return floor(y + 0.5) of something that spans low ... high."""
    scaled = (np.asarray(y, np.float64) - low) * (255.0 / (high - low))
    return np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)


def formula(x, kind, centre, width):
    """Return C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2 spelled out, sample by sample."""
    out = np.empty(x.shape)
    for place, value in np.ndenumerate(np.asarray(x, np.float64)):
        if kind == "LINEAR":
            if value <= centre - 0.5 - (width - 1) / 2:
                y = 0.0
            elif value > centre - 0.5 + (width - 1) / 2:
                y = 255.0
            else:
                y = ((value - (centre - 0.5)) / (width - 1) + 0.5) * 255.0
        elif kind == "LINEAR_EXACT":
            if value <= centre - width / 2:
                y = 0.0
            elif value > centre + width / 2:
                y = 255.0
            else:
                y = ((value - centre) / width + 0.5) * 255.0
        else:
            with np.errstate(over="ignore"):
                y = 255.0 / (1 + np.exp(-4 * (value - centre) / width))
        out[place] = y
    return out


def windowed(stored, kind=None, centre=40, width=400, **more):
    extra = {"VOILUTFunction": kind} if kind else {}
    return dataset(stored, WindowCenter=centre, WindowWidth=width, **extra, **more)


# -- windows --


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    centre=st.floats(-2000, 2000),
    width=st.floats(1, 4000),
    slope=st.sampled_from([1.0, -1.0, 0.5, 2.5]),
    intercept=st.sampled_from([0.0, -1024.0, 0.25]),
    dtype=st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32]),
)
def test_window_of_the_call_is_the_formula(kind, centre, width, slope, intercept, dtype):
    kinds = np.iinfo(dtype)
    stored = grey(dtype=np.int64, low=max(kinds.min, -3000), high=min(kinds.max, 3000)).astype(
        dtype
    )
    ds = dataset(stored, VOILUTFunction=kind, WindowCenter=1, WindowWidth=1)
    ds.RescaleSlope, ds.RescaleIntercept = str(slope), str(intercept)
    done = radkit.render(ds, window=(centre, width))
    y = formula(slope * stored.astype(np.float64) + intercept, kind, centre, width)
    assert np.array_equal(done, np.floor(y + 0.5).astype(np.uint8))


@pytest.mark.parametrize("kind", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_of_the_header_equals_pydicom(kind):
    stored = grey()
    ds = windowed(stored, kind, RescaleSlope="2", RescaleIntercept="-1024")
    theirs = apply_windowing(apply_modality_lut(stored, ds), ds)
    low = 2.0 * -32768 - 1024
    high = 2.0 * 32767 - 1024
    mine = radkit.render(ds)
    assert np.abs(mine.astype(int) - eight_bits(theirs, low, high)).max() <= 1
    y = formula(2.0 * stored - 1024, kind or "LINEAR", 40, 400)
    assert np.array_equal(mine, np.floor(y + 0.5).astype(np.uint8))


def test_width_of_one_is_a_threshold():
    stored = np.array([[38, 39, 40, 41]], np.int16)
    done = radkit.render(dataset(stored), window=(40, 1))
    assert done.tolist() == [[0, 0, 255, 255]]


def test_windows_by_number_and_by_explanation():
    stored = grey()
    table = lut_item([4096, 0, 8], np.arange(4096) // 16, LUTExplanation="CURVE")
    ds = windowed(stored, centre=[40, 300], width=[400, 1500])
    ds.WindowCenterWidthExplanation = ["SOFT", "BONE"]
    bone = formula(stored, "LINEAR", 300, 1500)
    for window in (("index", 1), "BONE", (300, 1500)):
        assert np.array_equal(radkit.render(ds, window=window), np.floor(bone + 0.5))
    soft = radkit.render(ds)
    assert np.array_equal(soft, radkit.render(ds, window="SOFT"))
    assert np.array_equal(soft, radkit.render(ds, window=("index", 0)))
    ds.VOILUTSequence = sequence(table)
    curve = radkit.render(ds, window="CURVE")
    assert np.array_equal(curve, radkit.render(ds, window=("index", 2)))
    assert np.array_equal(curve, radkit.render(ds))
    for wrong in ("NO SUCH", ("index", 3)):
        with pytest.raises(radkit.OptionError):
            radkit.render(ds, window=wrong)


@pytest.mark.parametrize(
    "window",
    [(1,), (1, 2, 3), (1, 0), (1, -5), ("index", -1), ("index", "a"), (np.nan, 5), 7, ("a", "b")],
)
def test_senseless_window_is_refused(window):
    with pytest.raises(radkit.OptionError):
        radkit.render(dataset(grey()), window=window)


def test_window_without_meaning_is_an_error_or_left_out_with_a_word():
    ds = windowed(grey(), width=0)
    with pytest.raises(radkit.CorruptFile, match="0028,1051"):
        radkit.render(ds)
    with pytest.warns(radkit.CorrectionWarning):
        lenient = radkit.render(ds, strict=False)
    del ds.WindowCenter, ds.WindowWidth
    assert np.array_equal(lenient, radkit.render(ds))


def test_no_window_is_the_full_range_of_bits_stored():
    stored = grey(dtype=np.uint16, low=0, high=4096)
    ds = dataset(stored, bits=12)
    assert np.array_equal(radkit.render(ds), eight_bits(stored, 0, 4095))
    ds.RescaleSlope, ds.RescaleIntercept = "-3", "7"
    assert np.array_equal(radkit.render(ds), eight_bits(-3.0 * stored, -3.0 * 4095, 0))


def test_auto_is_from_the_first_to_the_last_percentile():
    stored = grey((50, 60), low=-700, high=900)
    ds = dataset(stored, RescaleSlope="2", RescaleIntercept="-5")
    low, high = np.quantile(2.0 * stored - 5, [0.01, 0.99])
    done = radkit.render(ds, window="auto")
    expected = formula(2.0 * stored - 5, "LINEAR_EXACT", (low + high) / 2, high - low)
    assert np.array_equal(done, np.floor(expected + 0.5))
    assert np.array_equal(done, radkit.render(2.0 * stored - 5))
    assert radkit.render(dataset(np.full((3, 4), 7, np.int16)), window="auto").shape == (3, 4)


# -- tables --


@pytest.mark.parametrize("bits", [10, 16])  # pydicom takes 8-bit entries for single bytes
@pytest.mark.parametrize("first", [-500, 0, 100])
def test_voi_lut_equals_pydicom(bits, first):
    stored = grey(low=-800, high=1800)
    entries = np.sort(np.random.default_rng(bits).integers(0, 1 << bits, 1200))
    ds = dataset(
        stored, VOILUTSequence=sequence(lut_item([1200, first, bits], entries, signed=True))
    )
    theirs = apply_voi_lut(stored, ds)
    assert np.array_equal(radkit.render(ds), eight_bits(theirs, 0, (1 << bits) - 1))


@pytest.mark.parametrize("signed", [False, True])
def test_modality_lut_equals_pydicom(signed):
    stored = grey(dtype=np.int16 if signed else np.uint16, low=-400 if signed else 0, high=1500)
    entries = np.random.default_rng(4).integers(0, 65536, 1000)
    table = lut_item([1000, -200 if signed else 100, 16], entries, signed=signed)
    table.ModalityLUTType = "HU"
    ds = dataset(stored, ModalityLUTSequence=sequence(table))
    theirs = apply_modality_lut(stored, ds)
    done = radkit.values(ds)
    assert np.array_equal(done.array, theirs)
    assert (done.units, done.slope, done.intercept) == ("[hnsf'U]", 1.0, 0.0)
    ds.WindowCenter, ds.WindowWidth = 2000, 3000
    y = formula(theirs, "LINEAR", 2000, 3000)
    assert np.array_equal(radkit.render(ds), np.floor(y + 0.5))
    del ds.WindowCenter, ds.WindowWidth
    assert np.array_equal(radkit.render(ds), eight_bits(theirs, 0, 65535))


def test_table_of_65536_entries_and_of_single_bytes():
    stored = grey(dtype=np.uint16, low=0, high=65536)
    entries = 65535 - np.arange(65536)
    ds = dataset(stored, VOILUTSequence=sequence(lut_item([0, 0, 16], entries)))
    assert np.array_equal(radkit.render(ds), eight_bits(65535 - stored.astype(np.int64), 0, 65535))
    single = item()
    single.add_new(0x00283002, "US", [256, 0, 8])
    single.add_new(0x00283006, "OW", bytes(range(255, -1, -1)))
    small = dataset(grey(dtype=np.uint8, low=0, high=256), VOILUTSequence=sequence(single))
    assert np.array_equal(radkit.render(small), 255 - radkit.decode(small))


def test_short_table_is_a_typed_error():
    ds = dataset(grey(), VOILUTSequence=sequence(lut_item([4096, 0, 12], np.arange(100))))
    with pytest.raises(radkit.CorruptFile, match="4096"):
        radkit.render(ds)
    ds = dataset(grey(), ModalityLUTSequence=sequence(item(LUTExplanation="X")))
    with pytest.raises(radkit.CorruptFile):
        radkit.values(ds)


# -- polarity, padding --


def test_monochrome1_is_inverted_last():
    stored = grey()
    ds = windowed(stored, photometric="MONOCHROME1")
    y = formula(stored, "LINEAR", 40, 400)
    assert np.array_equal(radkit.render(ds), np.floor(255.0 - y + 0.5))
    assert np.array_equal(radkit.render(ds, invert=False), np.floor(y + 0.5))
    ds.PhotometricInterpretation = "MONOCHROME2"
    assert np.array_equal(radkit.render(ds, invert=True), np.floor(255.0 - y + 0.5))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_background_and_counts_in_no_statistics(photometric):
    stored = grey((40, 50), low=0, high=900)
    stored[:, :20] = -2000
    stored[:3] = -1500
    ds = dataset(stored, photometric=photometric)
    ds.add_new(0x00280120, "SS", -1400)
    ds.add_new(0x00280121, "SS", -2000)
    padded = stored < -1000
    done = radkit.render(ds, window="auto")
    assert not done[padded].any()
    low, high = np.quantile(stored[~padded], [0.01, 0.99])
    y = formula(stored, "LINEAR_EXACT", (low + high) / 2, high - low)
    y = 255 - y if photometric == "MONOCHROME1" else y
    assert np.array_equal(done[~padded], np.floor(y + 0.5)[~padded])
    assert not radkit.render(ds, window=(40, 400))[padded].any()


def test_padding_of_an_unsigned_image_written_as_signed():
    stored = grey(dtype=np.uint16, low=0, high=1000)
    stored[0] = 63536
    ds = dataset(stored)
    ds.add_new(0x00280120, "SS", -2000)
    done = radkit.render(ds, window=(500, 1000), invert=True)
    assert not done[0].any() and done[1:].any()


# -- frames --


def enhanced(stack):
    ds = dataset(stack, frames=True)
    ds.SharedFunctionalGroupsSequence = sequence(item())
    groups = []
    for i in range(len(stack)):
        value = item(RescaleSlope=str(i + 1), RescaleIntercept=str(-100 * i), RescaleType="HU")
        voi = item(WindowCenter=str(40 + i), WindowWidth=str(400 + 100 * i))
        groups.append(
            item(
                PixelValueTransformationSequence=sequence(value),
                FrameVOILUTSequence=sequence(voi),
            )
        )
    ds.PerFrameFunctionalGroupsSequence = sequence(*groups)
    return ds


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_have_their_own_rescale_and_window(threads):
    stack = grey((4, 9, 11))
    ds = enhanced(stack)
    ds.RescaleSlope, ds.RescaleIntercept = "77", "7"  # counts only where there are no groups
    done = radkit.render(ds, threads=threads)
    found = radkit.values(ds, dtype="float64", threads=threads)
    for i in range(4):
        greys = (i + 1.0) * stack[i] - 100 * i
        assert np.array_equal(found.array[i], greys)
        y = formula(greys, "LINEAR", 40 + i, 400 + 100 * i)
        assert np.array_equal(done[i], np.floor(y + 0.5))
    assert (found.units, found.slope, found.intercept) == ("[hnsf'U]", 1.0, 0.0)
    one = radkit.values(ds, frames=2)
    assert (one.slope, one.intercept) == (3.0, -200.0)
    assert np.array_equal(radkit.render(ds, frames=2), done[2])
    assert np.array_equal(radkit.render(ds, frames=[3, 1]), done[[3, 1]])


def test_groups_that_fit_no_frame_are_an_error_or_left_out_with_a_word():
    path = sample("seg")  # one frame, groups for three
    with pytest.raises(radkit.CorruptFile, match="functional groups"):
        radkit.render(path)
    with pytest.warns(radkit.CorrectionWarning, match="functional groups"):
        assert set(np.unique(radkit.render(path, strict=False))) == {0, 255}
    with pytest.warns(radkit.CorrectionWarning):
        radkit.values(path, strict=False)


def test_auto_is_one_window_for_all_frames():
    stack = np.stack([grey(low=0, high=100), grey(low=900, high=1000)])
    done = radkit.render(dataset(stack, frames=True), window="auto")
    assert done[0].max() < done[1].min()


def test_render_writes_into_out_and_checks_it():
    ds = windowed(grey())
    out = np.empty((9, 11), np.uint8)
    assert radkit.render(ds, out=out) is out
    assert np.array_equal(out, radkit.render(ds))
    for wrong in (np.empty((9, 11), np.int8), np.empty((11, 9), np.uint8)):
        with pytest.raises(radkit.OptionError):
            radkit.render(ds, out=wrong)


# -- colour --


def test_rgb_passes_and_16_bits_are_scaled():
    rgb = np.random.default_rng(2).integers(0, 256, (5, 6, 3), np.uint8)
    assert np.array_equal(radkit.render(dataset(rgb)), rgb)
    assert np.array_equal(radkit.render(dataset(rgb), invert=True), 255 - rgb)
    deep = np.random.default_rng(2).integers(0, 4096, (5, 6, 3)).astype(np.uint16)
    assert np.array_equal(radkit.render(dataset(deep, bits=12)), eight_bits(deep, 0, 4095))
    wide = deep.astype(np.uint32) << 20
    assert np.array_equal(radkit.render(dataset(wide)), eight_bits(wide, 0, 2**32 - 1))


@pytest.mark.parametrize("name", ["palette"])
def test_palette_equals_pydicom(name):
    import pydicom

    ds = pydicom.dcmread(sample(name))
    theirs = apply_color_lut(ds.pixel_array, ds)
    top = 65535 if theirs.dtype == np.uint16 and theirs.max() > 255 else 255
    assert np.array_equal(radkit.render(ds), eight_bits(theirs, 0, top))


def palette_object(
    indexes, descriptor, tables, *, vr="US", tags=(0x00281201, 0x00281202, 0x00281203)
):
    ds = dataset(indexes, photometric="PALETTE COLOR")
    for k, table in enumerate(tables):
        ds.add_new(0x00281101 + k, vr, descriptor)
        ds.add_new(tags[k], "OW", table)
    return ds


def test_palette_with_an_offset_clamps_at_both_ends():
    indexes = np.arange(-10, 30, dtype=np.int8).reshape(4, 10)
    tables = [np.arange(10, dtype="<u2") * k for k in (1, 2, 3)]
    ds = palette_object(indexes, [10, -5, 8], [t.tobytes() for t in tables], vr="SS")
    places = np.clip(indexes.astype(int) + 5, 0, 9)
    assert np.array_equal(radkit.render(ds), np.stack([t[places] for t in tables], axis=-1))
    assert radkit.read(ds).photometric == "PALETTE COLOR"


def segmented(values, width):
    return np.array(values, f"<u{width}").tobytes()


@pytest.mark.parametrize("width", [1, 2])
def test_segmented_palette_expands_all_three_kinds(width):
    top = 250 if width == 1 else 60000
    discrete = [0, 3, 10, 20, 30]
    linear = [1, 4, top]
    indirect = [2, 2, 0, 0, 0, 0] if width == 1 else [2, 2, 0, 0]
    table = segmented([*discrete, *linear, *indirect], width)
    table += bytes(len(table) % 2)
    steps = [np.floor(30 + (top - 30) * k / 4 + 0.5) for k in range(1, 5)]
    expected = [10, 20, 30, *steps] * 2
    descriptor = [14, 0, 8 if width == 1 else 16]
    tags = (0x00281221, 0x00281222, 0x00281223)
    indexes = np.arange(14, dtype=np.uint8).reshape(2, 7)
    ds = palette_object(indexes, descriptor, [table] * 3, tags=tags)
    scaled = eight_bits(np.array(expected), 0, 255 if width == 1 else 65535).reshape(2, 7)
    assert np.array_equal(radkit.render(ds), np.stack([scaled] * 3, axis=-1))


@pytest.mark.parametrize(
    "segments",
    [
        [1, 4, 100],  # linear first
        [2, 1, 0, 0],  # indirect first
        [0, 3, 1, 2, 3, 2, 60000, 0, 0],  # repeats what was not there
        [0, 3, 1, 2, 3, 2, 1, 10, 0],  # indirect to itself
        [0, 3, 1, 2, 3, 2, 1, 1, 0],  # not at the beginning of a segment
        [0, 9000, 1, 2],  # longer than its bytes
        [7, 1, 1, 1],  # no such opcode
        [0, 0, 1, 1],  # nothing
        [],
    ],
)
def test_senseless_segments_are_a_typed_error(segments):
    table = segmented(segments, 2)
    tags = (0x00281221, 0x00281222, 0x00281223)
    ds = palette_object(np.zeros((2, 2), np.uint8), [14, 0, 16], [table] * 3, tags=tags)
    with pytest.raises(radkit.CorruptFile):
        radkit.render(ds)


def test_palette_without_tables_or_with_reduction_is_refused():
    indexes = np.zeros((4, 4), np.uint8)
    with pytest.raises(radkit.CorruptFile):
        radkit.render(dataset(indexes, photometric="PALETTE COLOR"))
    table = np.zeros(4, "<u2").tobytes()
    with pytest.raises(radkit.OptionError):
        radkit.render(palette_object(indexes, [4, 0, 16], [table] * 3), reduce=1)


# -- size --


def test_size_fits_inside_and_keeps_millimetres():
    stored = grey((40, 60), low=0, high=255, dtype=np.uint8)
    assert radkit.render(dataset(stored), size=(20, 20)).shape == (13, 20)
    assert radkit.render(dataset(stored), size=(100, 300)).shape == (100, 150)
    tall = dataset(stored, PixelSpacing=["2", "1"])
    assert radkit.render(tall, size=(30, 30)).shape == (30, 22)
    ratio = dataset(stored, PixelAspectRatio=["1", "2"])
    assert radkit.render(ratio, size=(30, 30)).shape == (10, 30)
    assert radkit.render(dataset(stored, ImagerPixelSpacing=["1", "1"]), size=(8, 6)).shape == (
        4,
        6,
    )
    for wrong in (7, (0, 5), (5,), (1, 2, 3)):
        with pytest.raises(radkit.OptionError):
            radkit.render(dataset(stored), size=wrong)
    with pytest.raises(TypeError):
        radkit.render(dataset(stored), size=(1.5, 2))


def test_smaller_is_the_mean_of_areas():
    stored = grey((12, 20), low=0, high=255, dtype=np.uint8)
    done = radkit.render(dataset(stored), size=(6, 10))
    means = stored.reshape(6, 2, 10, 2).mean(axis=(1, 3))
    assert np.array_equal(done, np.floor(means + 0.5))
    flat = dataset(np.full((13, 17), 99, np.uint8))
    assert (radkit.render(flat, size=(5, 7)) == 99).all()
    assert (radkit.render(flat, size=(50, 70)) == 99).all()


def test_larger_lies_between_the_neighbours():
    stored = np.array([[0, 100], [200, 40]], np.uint8)
    done = radkit.render(dataset(stored), size=(4, 4))
    assert done.tolist()[0] == [0, 25, 75, 100]
    assert done[:, 0].tolist() == [0, 50, 150, 200]


def test_auto_reduction_reads_the_small_picture():
    path = sample("ct_j2k")
    whole = radkit.render(path, window=(0, 3000), size=(64, 64), reduce=0)
    small = radkit.render(path, window=(0, 3000), size=(64, 64))
    assert small.shape == whole.shape == (64, 64)
    assert not np.array_equal(small, whole)
    # Low-pass samples lie on every eighth pixel, means between them: alike, not equal.
    assert np.corrcoef(small.reshape(-1), whole.reshape(-1))[0, 1] > 0.95
    assert radkit.render(path, reduce=2).shape == (128, 128)
    with pytest.raises(radkit.UnsupportedTransferSyntax):
        radkit.render(sample("mr"), reduce=1)
    fields = sample("ct_j2k_lossless")  # unsigned stream of signed values: never reduced
    assert np.array_equal(
        radkit.render(fields, size=(64, 64)), radkit.render(fields, size=(64, 64), reduce=0)
    )


# -- other inputs --


def test_float_pixels_take_auto_for_the_header_and_the_formula_for_a_window():
    values = np.random.default_rng(1).normal(0, 10, (20, 30)).astype(np.float32)
    values[0, 0] = np.nan
    ds = dataset(values)
    done = radkit.render(ds, window=(1, 30))
    y = formula(values[1:], "LINEAR", 1, 30)
    assert np.array_equal(done[1:], np.floor(y + 0.5))
    assert done[0, 0] == 0
    low, high = np.quantile(values[np.isfinite(values)].astype(np.float64), [0.01, 0.99])
    y = formula(values[1:], "LINEAR_EXACT", (low + high) / 2, high - low)
    assert np.array_equal(radkit.render(ds)[1:], np.floor(y + 0.5))
    small = radkit.render(ds, window=(0.2, 0.5))  # LINEAR is not defined below a width of 1
    assert np.array_equal(small[1:], np.floor(formula(values[1:], "LINEAR_EXACT", 0.2, 0.5) + 0.5))


def test_arrays_have_no_header():
    stack = grey((3, 9, 11))
    both = radkit.render(stack)
    assert both.shape == (3, 9, 11)
    assert np.array_equal(radkit.render(stack, window="auto"), both)
    assert radkit.render(stack, frames=1).shape == (9, 11)
    assert radkit.render(stack[0], size=(3, 3)).shape == (2, 3)
    y = formula(stack[0], "LINEAR", 40, 400)
    assert np.array_equal(radkit.render(stack[0], window=(40, 400)), np.floor(y + 0.5))
    assert np.array_equal(
        radkit.render(stack[0], window=(40, 400), invert=True), np.floor(255 - y + 0.5)
    )
    rgb = np.zeros((4, 5, 3), np.uint8)
    assert radkit.render(rgb).shape == (4, 5, 3)
    assert radkit.render(rgb[None]).shape == (1, 4, 5, 3)
    assert radkit.render(stack > 0).max() == 255
    big = radkit.render(stack.astype(">f8"), window=(40, 400))
    assert np.array_equal(big[0], np.floor(y + 0.5))
    for wrong in (np.zeros(5), np.zeros((0, 5)), np.zeros((2, 2), complex), np.array([["a"]])):
        with pytest.raises(radkit.OptionError):
            radkit.render(wrong)
    with pytest.raises(radkit.OptionError):
        radkit.render(stack, window="BONE")
    with pytest.raises(radkit.OptionError):
        radkit.render(stack, reduce=1)


def test_values_in_units_and_types():
    import pydicom

    ct = radkit.values(sample("ct"))
    theirs = apply_modality_lut(radkit.decode(sample("ct")), pydicom.dcmread(sample("ct")))
    assert np.array_equal(ct.array, theirs)
    assert ct.array.dtype == np.float32
    whole = radkit.values(sample("ct"), dtype="int32")
    assert np.array_equal(whole.array, theirs)
    dose = radkit.values(sample("rt_dose"), frames=3)
    scaling = float(pydicom.dcmread(sample("rt_dose")).DoseGridScaling)
    assert dose.units == "1" and dose.slope == scaling
    assert np.allclose(dose.array, radkit.decode(sample("rt_dose"), frames=3) * scaling, rtol=1e-6)
    pet = dataset(grey(), Modality="PT", Units="BQML", RescaleSlope="0.5", RescaleIntercept="0")
    assert radkit.values(pet).units == "Bq/ml"
    with pytest.raises(radkit.OptionError, match="fractions"):
        radkit.values(pet, dtype="int32")
    with pytest.raises(radkit.OptionError, match="hold"):
        radkit.values(sample("ct"), dtype="uint8")
    with pytest.raises(radkit.OptionError):
        radkit.values(sample("us_rgb"))
    with pytest.raises(radkit.OptionError):
        radkit.values(sample("ct"), dtype="complex64")
    crop = radkit.values(sample("ct"), region=(10, 20, 30, 50))
    assert np.array_equal(crop.array, ct.array[10:20, 30:50])


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(-50, 50), min_size=1, max_size=60), share=st.floats(0, 1))
def test_quantile_of_counts_is_that_of_numpy(values, share):
    from radkit.pixels.voi import quantile

    found, counts = np.unique(values, return_counts=True)
    assert quantile(found, counts, share) == pytest.approx(np.quantile(values, share), abs=1e-9)


def test_no_warning_in_everyday_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("ct", "mr_j2k", "us_rgb", "palette", "rt_dose"):
            assert radkit.render(sample(name)).dtype == np.uint8


def test_last_of_65536_entries_is_used_and_slopes_may_be_negative():
    stored = np.array([[0, 1, 65534, 65535]], np.uint16)
    table = np.zeros(65536, "<u2")
    table[-1] = 65535
    ds = dataset(stored)
    ds.VOILUTSequence = sequence(lut_item([0, 0, 16], table))
    assert radkit.render(ds).tolist() == [[0, 0, 0, 255]]
    falling = dataset(stored, RescaleSlope="-2", RescaleIntercept="5")
    assert radkit.values(falling, dtype="float64").array.tolist() == [[5, 3, -131063, -131065]]
    assert radkit.render(falling, window=(4, 3)).tolist() == [[255, 64, 0, 0]]
