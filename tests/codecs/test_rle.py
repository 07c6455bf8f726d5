from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from coded import load, named
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit import limits
from radkit._native import cpu
from radkit.codecs import rle
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

VARIANTS = sorted({0, cpu.DETECTED})


def frame(*segments: bytes, count: int | None = None) -> bytes:
    offsets, at = [], 64
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    head = struct.pack("<16I", count or len(segments), *offsets, *[0] * (15 - len(segments)))
    return head + b"".join(segments)


def spec_of(shape: tuple[int, ...], bits: int, photometric: str = "MONOCHROME2") -> FrameSpec:
    samples = shape[2] if len(shape) == 3 else 1
    return FrameSpec(
        rows=shape[0],
        cols=shape[1],
        samples=samples,
        bits_allocated=bits,
        bits_stored=bits,
        photometric=photometric,
    )


def segments_of(data: bytes) -> list[bytes]:
    count, *offsets = struct.unpack("<16I", data[:64])
    ends = [*offsets[1:count], len(data)]
    return [data[a:b] for a, b in zip(offsets[:count], ends, strict=True)]


@pytest.fixture(params=VARIANTS, ids=lambda bits: f"cpu{bits}")
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cpu, "USE", request.param)
    return int(request.param)


# ---- decoding by the letter ----------------------------------------------------------


def test_decode_literal_run_and_no_operation(variant: int) -> None:
    data = frame(bytes([2, 1, 2, 3, 128, 254, 9, 0, 7]))
    expected = [[1, 2, 3, 9, 9, 9, 7]]
    assert rle.decode(data, shape=(1, 7), dtype="u1").tolist() == expected


def test_decode_run_across_rows_is_accepted(variant: int) -> None:
    data = frame(bytes([257 - 12, 5]))
    assert rle.decode(data, shape=(3, 4), dtype="u1").tolist() == [[5] * 4] * 3


def test_decode_planes_most_significant_first(variant: int) -> None:
    planes = [bytes([0, value]) for value in (0x12, 0x34, 0x56, 0x78)]
    assert rle.decode(frame(*planes), shape=(1, 1), dtype="u4")[0, 0] == 0x12345678
    colour = rle.decode(frame(*planes), shape=(1, 1, 2), dtype="u2")
    assert colour.tolist() == [[[0x1234, 0x5678]]]


def test_decode_surplus_bytes_are_ignored(variant: int) -> None:
    data = frame(bytes([257 - 9, 1, 3, 4, 4]), bytes([7, *range(8), 0]))
    got = rle.decode(data, shape=(1, 4), dtype="u2")
    assert got.tolist() == [[0x100, 0x101, 0x102, 0x103]]


def test_decode_into_out_returns_it() -> None:
    image = np.arange(24, dtype=np.int16).reshape(4, 6)
    out = np.empty_like(image)
    assert rle.decode(rle.encode(image), shape=(4, 6), dtype="i2", out=out) is out
    assert (out == image).all()


# ---- against others ------------------------------------------------------------------


@pytest.mark.parametrize("name", named("rle_"))
def test_decode_real_file_gives_known_samples(name: str, variant: int) -> None:
    frames, spec, entry = load(name)
    digest = hashlib.sha256()
    for coded in frames:
        decoded = rle.decode_frame(coded, spec)
        digest.update(decoded.array.tobytes())
        assert decoded.sound == 1 and not decoded.problems
        again = rle.encode_frame(decoded.array, spec)
        assert (rle.decode_frame(again.data, spec).array == decoded.array).all()
    assert digest.hexdigest() == entry["sha256"]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 129), (2, 1000)])
def test_encode_is_read_by_imagecodecs(dtype: str, samples: int, size: tuple[int, int]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(7)
    image = rng.integers(0, 5, (*size, samples)).astype(dtype) * 77
    image = np.repeat(image, 2, axis=1)[:, : size[1]]
    planar = imagecodecs.dicomrle_decode(rle.encode(image), np.dtype(dtype).str)
    theirs = np.frombuffer(planar, dtype).reshape(samples, *size)
    assert (np.moveaxis(theirs, 0, -1) == image).all()


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_decode_what_pylibjpeg_encodes(bits: int, variant: int) -> None:
    theirs = pytest.importorskip("rle")
    image = np.random.default_rng(1).integers(0, 9, (33, 47)).astype(f"u{bits // 8}")
    coded = theirs.encode_pixel_data(
        image.tobytes(), rows=33, columns=47, samples_per_pixel=1, bits_allocated=bits,
        bits_stored=bits, photometric_interpretation="MONOCHROME2", number_of_frames=1,
        transfer_syntax_uid="1.2.840.10008.1.2.5", byteorder="<",
    )  # fmt: skip
    assert (rle.decode(coded, shape=(33, 47), dtype=image.dtype) == image).all()


# ---- round trips and the form of what is written --------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_round_trip_and_variants_agree(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(data.draw(st.sampled_from(["u1", "i1", "u2", "i2", "u4", "f4", "u8"])))
    samples = data.draw(st.integers(1, 15 // dtype.itemsize))
    shape = (data.draw(st.integers(1, 6)), data.draw(st.integers(1, 400)), samples)
    image = rng.integers(0, data.draw(st.integers(1, 6)), shape).astype(dtype)
    image = np.repeat(image, data.draw(st.integers(1, 9)), axis=1)[:, : shape[1]]
    kept, coded = cpu.USE, []
    try:
        for bits in VARIANTS:
            cpu.USE = bits
            coded.append(rle.encode(image))
            assert (rle.decode(coded[0], shape=image.shape, dtype=dtype) == image).all()
    finally:
        cpu.USE = kept
    assert len(set(coded)) == 1


def test_encode_codes_rows_on_their_own_in_even_segments(variant: int) -> None:
    image = np.zeros((3, 5), np.uint16)
    run = bytes([257 - 5, 0])
    assert segments_of(rle.encode(image)) == [run * 3, run * 3]
    odd = np.array([[1, 2, 3, 4]], np.uint8)
    assert segments_of(rle.encode(odd)) == [bytes([3, 1, 2, 3, 4, 0])]


def test_encode_breaks_literals_by_runs_of_three_only(variant: int) -> None:
    row = np.array([[1, 2, 2, 3, 4, 4, 4]], np.uint8)
    assert segments_of(rle.encode(row))[0][:7] == bytes([3, 1, 2, 2, 3, 254, 4])


@pytest.mark.parametrize("cols", [127, 128, 129, 255, 256, 257, 4000])
def test_encode_long_runs_and_literals_stay_within_128(cols: int, variant: int) -> None:
    for row in (np.full(cols, 7), np.arange(cols)):
        image = row.astype(np.uint8).reshape(1, cols)
        coded = segments_of(rle.encode(image))[0]
        assert len(coded) <= cols + cols // 128 + 2
        assert (rle.decode(frame(coded), shape=image.shape, dtype="u1") == image).all()


def test_encode_refuses_what_has_no_form() -> None:
    for image in (np.zeros((2, 2, 4), "u4"), np.zeros(4, "u1"), np.zeros((0, 3), "u1")):
        with pytest.raises(EncodeError):
            rle.encode(image)
    with pytest.raises(EncodeError):
        rle.encode(np.zeros((2, 2), complex))


# ---- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", TruncatedPixelData),
        (frame(b"\0\0")[:63], TruncatedPixelData),
        (frame(bytes([7, *range(8)]), b"\0\0"), CorruptPixelData),  # two segments for one
        (struct.pack("<16I", 16, *[64] * 15), CorruptPixelData),
        (struct.pack("<16I", 1, 63, *[0] * 14) + bytes(80), CorruptPixelData),
        (struct.pack("<16I", 1, 2**32 - 1, *[0] * 14) + bytes(80), TruncatedPixelData),
        (frame(bytes([257 - 7, 1])), TruncatedPixelData),  # 7 of 8
        (frame(bytes([7, 1, 2, 3])), TruncatedPixelData),  # the literal passes the end
        (frame(bytes([257 - 8])), TruncatedPixelData),  # the run has no value
        (frame(b"\x80" * 50), TruncatedPixelData),
    ],
)
def test_decode_broken_frame_raises(data: bytes, error: type[RadkitError], variant: int) -> None:
    with pytest.raises(error) as caught:
        rle.decode(data, shape=(1, 8), dtype="u1")
    assert caught.value.section


def test_decode_offsets_out_of_order_raises(variant: int) -> None:
    data = struct.pack("<16I", 2, 70, 66, *[0] * 13) + bytes(20)
    with pytest.raises(CorruptPixelData) as caught:
        rle.decode(data, shape=(1, 2), dtype="u2")
    assert not isinstance(caught.value, TruncatedPixelData)


def test_decode_truncated_tells_the_share(variant: int) -> None:
    data = frame(bytes([257 - 8, 1]), bytes([3, 1, 2, 3, 4]))
    with pytest.raises(TruncatedPixelData) as caught:
        rle.decode(data, shape=(1, 8), dtype="u2")
    assert caught.value.decoded == pytest.approx(12 / 16)
    spec = spec_of((1, 8), 16)
    lenient = rle.decode_frame(data, spec, strict=False)
    assert lenient.sound == pytest.approx(12 / 16)
    assert lenient.array.tolist() == [[0x101, 0x102, 0x103, 0x104, 0x100, 0x100, 0x100, 0x100]]
    assert [problem.code for problem in lenient.problems] == ["truncated"]


def test_decode_any_prefix_and_any_flipped_byte_is_typed(variant: int) -> None:
    rng = np.random.default_rng(3)
    image = np.repeat(rng.integers(0, 4, (20, 40)), 3, axis=1).astype(np.uint16)
    good = rle.encode(image)
    spec = spec_of(image.shape, 16)
    for size in range(len(good)):
        with pytest.raises(CorruptPixelData):
            rle.decode(good[:size], shape=image.shape, dtype="u2")
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= int(rng.integers(1, 256))
        for strict in (True, False):
            try:
                got = rle.decode_frame(bytes(bad), spec, strict=strict)
            except CorruptPixelData:
                continue
            assert got.array.shape == image.shape


def test_decode_noise_agrees_between_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    for _ in range(150):
        segments = [rng.bytes(int(rng.integers(0, 3000))) for _ in range(3)]
        shape = (int(rng.integers(1, 40)), int(rng.integers(1, 90)), 3)
        got = []
        for bits in VARIANTS:
            monkeypatch.setattr(cpu, "USE", bits)
            try:
                frame_ = rle.decode_frame(frame(*segments), spec_of(shape, 8), strict=False)
                got.append((frame_.sound, frame_.array.tobytes()))
            except CorruptPixelData as error:
                got.append((str(error), b""))
        assert len(set(got)) == 1


def test_decode_above_limit_takes_no_memory() -> None:
    with limits.use(max_pixels=1000), pytest.raises(LimitExceeded) as caught:
        rle.decode(b"", shape=(1 << 15, 1 << 15), dtype="u2")
    assert caught.value.limit == "max_pixels"
    with pytest.raises(LimitExceeded):
        rle.decode(b"", shape=(1 << 40, 1 << 40), dtype="u8")


def test_decode_senseless_options_raise() -> None:
    data = rle.encode(np.zeros((2, 2), np.uint8))
    for words in ({"shape": (4,)}, {"shape": (0, 4)}, {"dtype": ">u2"}, {"dtype": "U1"}):
        with pytest.raises(OptionError):
            rle.decode(data, **({"shape": (2, 2), "dtype": "u1"} | words))
    with pytest.raises(OptionError):
        rle.decode(data, shape=(2, 2), dtype="u1", out=np.empty((2, 3), "u1"))
    with pytest.raises(TypeError):
        rle.decode("text", shape=(2, 2), dtype="u1")


# ---- as the registry calls it -----------------------------------------------------------


def test_decode_frame_region_reduce_layers() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    data, spec = rle.encode(image), spec_of((6, 8), 8)
    cut = rle.decode_frame(data, spec, region=(1, 4, 2, 7)).array
    assert (cut == image[1:4, 2:7]).all() and cut.flags.owndata
    with pytest.raises(UnsupportedTransferSyntax):
        rle.decode_frame(data, spec, reduce=1)
    with pytest.raises(UnsupportedTransferSyntax):
        rle.decode_frame(data, spec, layers=1)
    for region in ((0, 7, 0, 8), (3, 3, 0, 8), (-1, 2, 0, 8)):
        with pytest.raises(OptionError):
            rle.decode_frame(data, spec, region=region)


def test_one_bit_frame_is_packed_bits(variant: int) -> None:
    pixels = np.random.default_rng(4).integers(0, 2, (5, 13)).astype(np.uint8)
    spec = spec_of((5, 13), 1)
    packed = np.packbits(pixels.reshape(-1), bitorder="little")
    by_hand = frame(bytes([packed.size - 1]) + packed.tobytes())
    assert (rle.decode_frame(by_hand, spec).array == pixels).all()
    assert (rle.decode_frame(rle.encode_frame(pixels, spec).data, spec).array == pixels).all()


def test_encode_frame_names_the_colour_and_refuses_loss() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert rle.encode_frame(image, spec_of((4, 4, 3), 8, "YBR_RCT")).photometric == "RGB"
    with pytest.raises(OptionError):
        rle.encode_frame(image, spec_of((4, 4, 3), 8, "RGB"), lossy=Lossy(ratio=4))
    narrow = rle.encode_frame(np.full((4, 4), 200, np.uint8), spec_of((4, 4), 16))
    assert (rle.decode(narrow.data, shape=(4, 4), dtype="u2") == 200).all()
    assert rle.frame_info(narrow.data) is None
