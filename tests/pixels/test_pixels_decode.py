"""Decode: options, limits, threads, cells of every form, and what is told of it."""

from __future__ import annotations

import io
import os
import threading
import time
import warnings

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_objects import dataset
from pydicom.uid import ExplicitVRBigEndian

import radkit
from radkit import limits
from radkit.pixels import workers
from radkit.pixels.decoding import decode_frames
from radkit.pixels.frames import Frames
from radkit.testing.samples import sample


def grey(shape=(5, 7), dtype=np.uint16, seed=1):
    rng = np.random.default_rng(seed)
    kind = np.iinfo(dtype)
    return rng.integers(kind.min, kind.max, size=shape, dtype=dtype, endpoint=True)


# -- frames, region, out --


def test_frames_int_drops_the_axis_and_one_frame_has_none():
    stack = grey((3, 5, 7))
    ds = dataset(stack, frames=True)
    assert np.array_equal(radkit.decode(ds, frames=2), stack[2])
    assert np.array_equal(radkit.decode(ds, frames=np.int64(0)), stack[0])
    assert radkit.decode(ds, frames=[1]).shape == (1, 5, 7)
    assert radkit.decode(ds, frames=slice(5, None)).shape == (0, 5, 7)
    one = dataset(stack[0])
    assert radkit.decode(one).shape == (5, 7)
    assert radkit.decode(one, frames=[0]).shape == (1, 5, 7)
    assert radkit.decode(one, frames=slice(None)).shape == (1, 5, 7)


@pytest.mark.parametrize("frames", [-1, 3, [0, 3], [-1], slice(0, 3, 0)])
def test_frames_out_of_range_are_refused(frames):
    with pytest.raises(radkit.OptionError):
        radkit.decode(dataset(grey((3, 5, 7)), frames=True), frames=frames)


@pytest.mark.parametrize("frames", ["0", 1.5, True, [0.5], b"0"])
def test_frames_of_wrong_type_are_a_type_error(frames):
    with pytest.raises(TypeError):
        radkit.decode(dataset(grey((3, 5, 7)), frames=True), frames=frames)


@pytest.mark.parametrize(
    "region", [(0, 0, 0, 1), (0, 6, 0, 7), (-1, 2, 0, 2), (0, 5, 3, 3), (1, 2, 3), (0, 5, 0, 8)]
)
def test_region_outside_is_refused(region):
    with pytest.raises(radkit.OptionError):
        radkit.decode(dataset(grey()), region=region)


@pytest.mark.parametrize("option", [{"region": 5}, {"region": (0, 1, 0, "1")}, {"reduce": 1.0}])
def test_option_of_wrong_type_is_a_type_error(option):
    with pytest.raises(TypeError):
        radkit.decode(dataset(grey()), **option)


@pytest.mark.parametrize("option", [{"reduce": -1}, {"reduce": 33}, {"layers": 0}, {"threads": 0}])
def test_option_out_of_range_is_refused(option):
    with pytest.raises(radkit.OptionError):
        radkit.decode(dataset(grey()), **option)


@pytest.mark.parametrize("option", [{"reduce": 1}, {"layers": 1}])
@pytest.mark.parametrize("name", ["mr", "mr_rle", "mr_jpegls", "us_jpeg"])
def test_coding_without_resolutions_refuses_them(name, option):
    with pytest.raises(radkit.UnsupportedTransferSyntax) as caught:
        radkit.decode(sample(name), **option)
    assert caught.value.syntax
    assert caught.value.source == str(sample(name))


@pytest.mark.parametrize("reduce", [1, 2, 3])
def test_reduce_halves_and_commutes_with_region(reduce):
    path = sample("us_j2k")
    small = radkit.decode(path, reduce=reduce)
    assert small.shape == (480 // 2**reduce, 640 // 2**reduce, 3)
    step = 2**reduce
    part = radkit.decode(path, reduce=reduce, region=(64, 320, 128, 512))
    assert np.array_equal(part, small[64 // step : 320 // step, 128 // step : 512 // step])
    assert radkit.read(path, reduce=reduce).reduce == reduce


def test_reduced_bit_fields_of_signed_values_are_refused():
    path = sample("ct_j2k_lossless")  # the codestream is unsigned, Pixel Representation is 1
    with pytest.raises(radkit.UnsupportedTransferSyntax, match="bit fields"):
        radkit.decode(path, reduce=1)
    lenient = radkit.read(path, reduce=1, strict=False)
    assert any("bit fields" in text for text in lenient.corrections)


def test_out_is_filled_and_returned():
    stack = grey((3, 5, 7))
    ds = dataset(stack, frames=True)
    out = np.empty((3, 5, 7), np.uint16)
    assert radkit.decode(ds, out=out) is out
    assert np.array_equal(out, stack)
    one = np.empty((5, 7), np.uint16)
    assert radkit.decode(ds, frames=1, out=one) is one
    assert np.array_equal(one, stack[1])
    path = sample("us_j2k")
    rgb = np.empty((480, 640, 3), np.uint8)
    assert radkit.decode(path, out=rgb) is rgb
    assert np.array_equal(rgb, radkit.decode(path))


def test_out_of_another_form_is_refused():
    ds = dataset(grey())
    read_only = np.empty((5, 7), np.uint16)
    read_only.flags.writeable = False
    for wrong in (
        np.empty((7, 5), np.uint16),
        np.empty((5, 7), np.int16),
        np.empty((5, 7), ">u2"),
        np.empty((7, 5), np.uint16).T,
        read_only,
    ):
        with pytest.raises(radkit.OptionError):
            radkit.decode(ds, out=wrong)
    with pytest.raises(TypeError):
        radkit.decode(ds, out=bytearray(70))


# -- cells --


@settings(max_examples=40, deadline=None)
@given(
    width=st.sampled_from([1, 2, 4, 8]),
    signed=st.booleans(),
    big=st.booleans(),
    data=st.data(),
)
def test_stored_bits_are_cut_out_and_sign_extended(width, signed, big, data):
    stored = data.draw(st.integers(1, 8 * width))
    high = data.draw(st.integers(stored - 1, 8 * width - 1))
    cells = grey((3, 4), np.dtype(f"u{width}"), seed=stored * 64 + high)
    ds = dataset(cells, bits=stored, syntax=ExplicitVRBigEndian if big else "1.2.840.10008.1.2.1")
    ds.HighBit, ds.PixelRepresentation = high, int(signed)
    if big:
        ds.PixelData = cells.astype(f">u{width}").tobytes()
    fields = [
        (int(cell) >> (high + 1 - stored)) & ((1 << stored) - 1) for cell in cells.reshape(-1)
    ]
    values = [f - (1 << stored) if signed and f >> (stored - 1) else f for f in fields]
    done = radkit.decode(ds)
    assert done.dtype == np.dtype(f"{'i' if signed else 'u'}{width}")
    assert done.reshape(-1).tolist() == values
    raw = radkit.decode(ds, raw=True)
    assert raw.view(f"u{width}").reshape(-1).tolist() == fields


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
@pytest.mark.parametrize("signed", [False, True])
def test_cells_of_odd_width_widen(bits, signed):
    wide = grey((3, 4), np.int64 if signed else np.uint64) >> np.int64(64 - bits).astype(
        np.int64 if signed else np.uint64
    )
    octets = wide.astype("<i8" if signed else "<u8").view(np.uint8).reshape(-1, 8)
    ds = dataset(np.zeros((3, 4), np.uint8))
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, int(signed)
    ds["PixelData"].VR = "OW"
    ds.PixelData = np.ascontiguousarray(octets[:, : bits // 8]).tobytes()
    done = radkit.decode(ds)
    assert done.dtype.itemsize == (4 if bits == 24 else 8)
    assert np.array_equal(done.astype(np.int64), wide.astype(np.int64))


def test_one_bit_frames_are_packed_without_gaps():
    bits = np.random.default_rng(3).integers(0, 2, (5, 3, 7), np.uint8)
    ds = dataset(bits, frames=True, bits=1)
    ds.BitsAllocated = 1
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    ds.PixelData = packed + bytes(len(packed) % 2)
    assert np.array_equal(radkit.decode(ds), bits)
    assert np.array_equal(radkit.decode(ds, frames=3, region=(1, 3, 2, 6)), bits[3, 1:3, 2:6])


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_big_endian_bytes_in_words_are_swapped_in_pairs(vr):
    stack = grey((4, 3, 5), np.uint8)  # 15 bytes a frame: frames begin inside of words
    ds = dataset(stack, frames=True, syntax=ExplicitVRBigEndian)
    data = np.frombuffer(stack.tobytes(), np.uint8)
    ds.PixelData = data.reshape(-1, 2)[:, ::-1].tobytes() if vr == "OW" else data.tobytes()
    ds["PixelData"].VR = vr
    assert np.array_equal(radkit.decode(ds), stack)
    assert np.array_equal(radkit.decode(ds, frames=1, region=(1, 3, 0, 5)), stack[1, 1:3])


def test_planes_become_pixels():
    rgb = grey((4, 6, 3), np.uint16)
    ds = dataset(rgb)
    ds.PlanarConfiguration = 1
    ds.PixelData = np.moveaxis(rgb, -1, 0).astype("<u2").tobytes()
    assert np.array_equal(radkit.decode(ds), rgb)
    assert np.array_equal(radkit.decode(ds, region=(1, 3, 2, 5)), rgb[1:3, 2:5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pixel_data_keep_nan_and_infinity(dtype):
    values = np.array([[0.5, np.nan, np.inf], [-np.inf, -0.0, 1e-40]], dtype)
    done = radkit.decode(dataset(values))
    assert done.dtype == dtype
    assert done.tobytes() == values.tobytes()


# -- colour --


def test_native_ybr_full_becomes_rgb_unless_raw():
    from pydicom.pixels import convert_color_space

    ybr = grey((4, 6, 3), np.uint8)
    ds = dataset(ybr, photometric="YBR_FULL")
    assert np.array_equal(radkit.decode(ds), convert_color_space(ybr, "YBR_FULL", "RGB"))
    raw = radkit.read(ds, raw=True)
    assert raw.photometric == "YBR_FULL"
    assert np.array_equal(raw.array, ybr)


@pytest.mark.parametrize("cols", [6, 7])
def test_ybr_full_422_is_told_by_its_length(cols):
    ybr = grey((4, cols, 3), np.uint8)
    full = dataset(ybr, photometric="YBR_FULL_422")
    whole = radkit.read(full, raw=True)
    assert np.array_equal(whole.array, ybr)
    assert whole.photometric == "YBR_FULL"
    pairs = grey((4, (cols + 1) // 2, 4), np.uint8)
    half = dataset(ybr, photometric="YBR_FULL_422")
    half.PixelData = pairs.tobytes()
    expected = np.empty((4, (cols + 1) // 2 * 2, 3), np.uint8)
    expected[..., 0] = pairs[..., :2].reshape(4, -1)
    expected[..., 1:] = np.repeat(pairs[..., 2:], 2, axis=1)
    assert np.array_equal(radkit.decode(half, raw=True), expected[:, :cols])
    part = radkit.decode(half, raw=True, region=(1, 3, 2, 5))
    assert np.array_equal(part, expected[1:3, 2:5])


def test_ybr_of_16_and_32_bits_becomes_rgb_within_rounding():
    rng = np.random.default_rng(5)
    for dtype, bits in ((np.uint16, 12), (np.uint32, 20)):
        rgb = rng.integers(0, 1 << bits, (5, 4, 3)).astype(np.float64)
        matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
        ybr = rgb @ matrix.T + np.array([0, 1 << bits - 1, 1 << bits - 1])
        ds = dataset(np.rint(ybr).astype(dtype), photometric="YBR_FULL", bits=bits)
        done = radkit.read(ds)
        assert done.photometric == "RGB"
        clipped = np.clip(np.rint(ybr), 0, (1 << bits) - 1)
        back = (clipped - np.array([0, 1 << bits - 1, 1 << bits - 1])) @ np.linalg.inv(matrix).T
        assert np.abs(done.array - np.clip(back, 0, (1 << bits) - 1)).max() <= (
            1 if bits == 20 else 3
        )


def test_transform_name_in_native_data_is_told_and_taken_as_rgb():
    rgb = grey((4, 6, 3), np.uint8)
    done = radkit.read(dataset(rgb, photometric="YBR_RCT"))
    assert done.photometric == "RGB"
    assert np.array_equal(done.array, rgb)
    assert any("YBR_RCT" in text for text in done.corrections)


def test_palette_stays_indexes():
    done = radkit.read(sample("palette"))
    assert done.photometric == "PALETTE COLOR"
    assert done.array.ndim == 2


# -- views, strictness --


def test_results_are_no_views_except_raw_native_ones():
    ds = dataset(grey())
    assert radkit.decode(ds).flags.writeable
    view = radkit.decode(ds, raw=True)
    assert not view.flags.writeable and not view.flags.owndata
    assert np.array_equal(view, radkit.decode(ds))
    data = bytearray(sample("mr").read_bytes())
    done, raw = radkit.decode(data), radkit.decode(data, raw=True)
    assert not raw.flags.writeable
    before = done.copy()
    data[-4096:] = bytes(4096)
    assert np.array_equal(done, before)


def test_short_native_data_are_an_error_or_filled_and_told():
    stack = grey((3, 5, 7))
    ds = dataset(stack, frames=True)
    ds.PixelData = ds.PixelData[: 2 * 70 + 20]
    with pytest.raises(radkit.TruncatedPixelData) as caught:
        radkit.decode(ds)
    assert caught.value.frame == 2
    with pytest.warns(radkit.CorrectionWarning):
        done = radkit.read(ds, strict=False)
    assert not done.complete
    assert done.sound[:2] == (1.0, 1.0) and done.sound[2] == pytest.approx(20 / 70)
    assert np.array_equal(done.array[:2], stack[:2])
    assert np.array_equal(done.array[2].reshape(-1)[:10], stack[2].reshape(-1)[:10])
    assert not done.array[2].reshape(-1)[10:].any()
    assert np.array_equal(radkit.decode(ds, frames=1), stack[1])  # whole frames need no repair


def test_bytes_read_are_those_of_the_frames():
    assert radkit.read(dataset(grey((3, 5, 7)), frames=True), frames=[0, 2]).bytes_read == 140
    assert radkit.read(dataset(grey()), region=(1, 3, 0, 2)).bytes_read == 28


def test_more_bits_than_cells_grow_the_result():
    import imagecodecs
    from pydicom.encaps import encapsulate

    wide = grey((2, 16, 16), np.uint16)
    ds = dataset(np.zeros((2, 16, 16), np.uint8), frames=True, syntax="1.2.840.10008.1.2.4.90")
    streams = [imagecodecs.jpeg2k_encode(frame, level=0, codecformat="J2K") for frame in wide]
    ds.PixelData = encapsulate(streams)
    for threads in (1, 2):
        done = radkit.read(ds, threads=threads)
        assert done.array.dtype == np.uint16
        assert np.array_equal(done.array, wide)
    assert np.array_equal(radkit.decode(ds, frames=1), wide[1])
    assert radkit.inspect(ds).dtype == np.uint16
    with pytest.raises(radkit.OptionError, match="uint16"):
        radkit.decode(ds, out=np.empty((2, 16, 16), np.uint8))
    with pytest.raises(radkit.OptionError, match="uint16"):
        radkit.decode(ds, frames=0, out=np.empty((16, 16), np.uint8))


# -- limits --


def test_limits_are_checked_before_anything_is_allocated():
    ds = dataset(grey((3, 5, 7)), frames=True)
    with limits.use(max_frames=2), pytest.raises(radkit.LimitExceeded) as caught:
        radkit.decode(ds)
    assert caught.value.limit == "max_frames"
    with limits.use(max_pixels=34), pytest.raises(radkit.LimitExceeded):
        radkit.decode(ds)
    with limits.use(max_memory_bytes=200), pytest.raises(radkit.LimitExceeded) as caught:
        radkit.decode(ds)
    assert caught.value.limit == "max_memory_bytes"
    assert caught.value.asked > caught.value.allowed == 200


def test_claimed_gigabytes_are_refused_at_once():
    ds = dataset(np.zeros((4, 4), np.uint16))
    ds.Rows = ds.Columns = 16000
    ds.NumberOfFrames = 1000
    start = time.perf_counter()
    with pytest.raises(radkit.LimitExceeded):
        radkit.decode(ds)
    for call in (radkit.render, radkit.values):
        with pytest.raises((radkit.LimitExceeded, radkit.TruncatedPixelData)):
            call(ds)
    assert time.perf_counter() - start < 1


def test_limits_reach_the_worker_threads():
    seen = []

    def work(_):
        seen.append(limits.current().max_frames)

    with limits.use(max_frames=7):
        workers.run_all(work, 8, threads=3, deadline=limits.deadline())
        list(workers.stream(work, range(8), threads=3, ahead=4))
    assert seen == [7] * 16


def test_deadline_is_checked_between_frames():
    ds = dataset(grey((50, 5, 7)), frames=True)
    for threads in (1, 2):
        with limits.use(max_seconds=1e-9), pytest.raises(radkit.LimitExceeded) as caught:
            radkit.decode(ds, threads=threads)
        assert caught.value.limit == "max_seconds"


# -- threads --


def test_error_is_that_of_the_lowest_failing_frame():
    def work(i):
        time.sleep(0.002 * (8 - i))
        if i >= 3:
            raise radkit.CorruptPixelData("broken", frame=i)

    for threads in (1, 2, 5):
        with pytest.raises(radkit.CorruptPixelData) as caught:
            workers.run_all(work, 8, threads=threads, deadline=limits.deadline())
        assert caught.value.frame == 3


def test_interrupt_stops_between_frames_and_leaves_no_thread():
    before = threading.active_count()
    begun = []

    def work(i):
        begun.append(i)
        if i == 2:
            raise KeyboardInterrupt
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        workers.run_all(work, 100, threads=2, deadline=limits.deadline())
    assert len(begun) < 10
    assert threading.active_count() == before


def test_iter_frames_reads_ahead_no_further_than_asked_and_stops_when_closed():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    before = threading.active_count()
    results = workers.stream(lambda i: i * i, items(), threads=2, ahead=3)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 8
    results.close()
    assert threading.active_count() == before
    assert list(workers.stream(lambda i: i, range(4), threads=1, ahead=0)) == [0, 1, 2, 3]
    unordered = workers.stream(lambda i: i, range(20), threads=3, ahead=6, ordered=False)
    assert sorted(unordered) == list(range(20))


def test_thread_count_respects_affinity_quota_and_environment(tmp_path, monkeypatch):
    assert workers.thread_count(None, 1) == 1
    assert workers.thread_count(8, 3) == 3
    assert 1 <= workers.usable_cores() <= (os.cpu_count() or 1)
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert workers._cgroup_quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert workers._cgroup_quota(tmp_path) is None
    assert workers._cgroup_quota(tmp_path / "absent") is None
    monkeypatch.setenv("RADKIT_THREADS", "1")
    assert workers.usable_cores() == 1
    assert workers.thread_count(None, 9) == 1


# -- many --


def test_decode_many_gives_errors_in_their_place():
    paths = [sample("ct"), sample("report"), b"nothing", sample("mr")]
    done = list(radkit.decode_many(paths, threads=2))
    assert [type(d).__name__ for d in done[:1]] == ["Decoded"]
    assert isinstance(done[1], radkit.RadkitError) and isinstance(done[2], radkit.RadkitError)
    assert done[1].source == str(sample("report"))
    assert np.array_equal(done[3].array, radkit.decode(sample("mr")))


def test_decode_many_requests_have_their_own_options():
    out = np.empty((64, 64), np.int16)
    requests = [
        radkit.Request(source=sample("us_jpeg"), frames=[0, 5]),
        radkit.Request(source=sample("ct"), region=(0, 10, 0, 20)),
        radkit.Request(source=sample("ct_j2k"), reduce=2),
        radkit.Request(source=sample("mr"), out=out),
        radkit.Request(source=sample("mr"), frames=9),
    ]
    done = list(radkit.decode_many(requests, threads=2))
    assert [d.array.shape for d in done[:3]] == [(2, 240, 320, 3), (10, 20), (128, 128)]
    assert done[3].array is out
    assert isinstance(done[4], radkit.OptionError)
    unordered = radkit.decode_many(requests[:3], threads=2, ordered=False)
    assert {d.array.shape for d in unordered} == {d.array.shape for d in done[:3]}


def test_iter_frames_keeps_the_limits_of_its_call():
    ds = dataset(grey((3, 5, 7)), frames=True)
    with limits.use(max_frames=2):
        frames = radkit.iter_frames(ds)
    with pytest.raises(radkit.LimitExceeded):
        next(frames)
    frames = radkit.iter_frames(ds)
    with limits.use(max_frames=2):
        assert len(list(frames)) == 3


def test_frames_of_an_opened_object_leaves_it_open():
    from radkit.dicom.objects import open_object

    with open_object(sample("ct")) as obj:
        with Frames(obj) as opened:
            first = decode_frames(opened).array
        with Frames(obj) as opened:
            assert np.array_equal(decode_frames(opened).array, first)


def test_no_pixels_and_no_object_are_typed_errors(tmp_path):
    with pytest.raises(radkit.RadkitError):
        radkit.decode(sample("report"))
    with pytest.raises(radkit.TransferError):
        radkit.decode(tmp_path / "absent.dcm")
    with pytest.raises(TypeError):
        radkit.decode(17)


def test_warnings_come_from_the_line_of_the_caller():
    ds = dataset(grey())
    ds.PixelData = ds.PixelData[:20]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        radkit.decode(ds, strict=False)
        radkit.read(ds, strict=False)
    assert {w.category for w in caught} == {radkit.CorrectionWarning}


def part2_object(rsiz: int) -> bytes:
    """Return a JPEG 2000 object under the Part 2 syntax, its SIZ claiming `rsiz`."""
    plain = radkit.transcode(sample("mr"), None, "jpeg2000")
    dataset = pydicom.dcmread(io.BytesIO(plain.data))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.93"
    at = dataset.PixelData.index(b"\xff\x4f\xff\x51") + 6
    dataset.PixelData = (
        dataset.PixelData[:at] + rsiz.to_bytes(2, "big") + dataset.PixelData[at + 2 :]
    )
    sink = io.BytesIO()
    dataset.save_as(sink)
    return sink.getvalue()


def test_decode_part_2_syntax_works_where_nothing_of_part_2_is_used() -> None:
    plain = radkit.decode(sample("mr"))
    assert np.array_equal(radkit.decode(part2_object(0)), plain)
    with pytest.raises(radkit.UnsupportedTransferSyntax, match="Part 2"):
        radkit.decode(part2_object(0x8000))
