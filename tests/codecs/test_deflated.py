"""Deflated and uncompressed frames: the samples themselves, in native form."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radkit import limits
from radkit.codecs import deflated, native
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

MODULES = [deflated, native]


def spec_of(rows: int, cols: int, **changes: Any) -> FrameSpec:
    known = {"rows": rows, "cols": cols, "samples": 1, "bits_allocated": 16, "bits_stored": 16}
    return FrameSpec(**(known | changes))


@given(
    rows=st.integers(1, 9),
    cols=st.integers(1, 9),
    samples=st.sampled_from([1, 3]),
    bits=st.sampled_from([1, 8, 16, 32]),
    planar=st.booleans(),
    signed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_round_trip(
    rows: int, cols: int, samples: int, bits: int, planar: bool, signed: bool, seed: int
) -> None:
    signed = signed and bits > 1
    spec = spec_of(
        rows,
        cols,
        samples=samples,
        bits_allocated=bits,
        bits_stored=bits,
        planar=planar and samples > 1,
        signed=signed,
        photometric="RGB" if samples == 3 else "MONOCHROME2",
    )
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    shape = (rows, cols) + ((3,) if samples == 3 else ())
    image = np.random.default_rng(seed).integers(low, high, shape)
    for module in MODULES:
        coded = module.encode_frame(image, spec)
        assert not coded.lossy
        frame = module.decode_frame(coded.data + bytes(len(coded.data) & 1), spec)
        back = frame.array.view(frame.array.dtype.str.replace("u", "i")) if signed else frame.array
        np.testing.assert_array_equal(back, image)
        assert not frame.problems


def test_bits_above_bits_stored_are_cleared() -> None:
    spec = spec_of(1, 2, bits_stored=12)
    frame = native.decode_frame(b"\xff\xff\x34\xf2", spec)
    assert frame.array.tolist() == [[0xFFF, 0x234]]
    assert frame.precision == 12


def test_ybr_422_is_spread_or_found_to_be_full() -> None:
    spec = spec_of(1, 4, samples=3, bits_allocated=8, bits_stored=8, photometric="YBR_FULL_422")
    frame = native.decode_frame(bytes([1, 2, 50, 60, 3, 4, 70, 80]), spec)
    assert frame.photometric == "YBR_FULL"
    assert frame.array.tolist() == [[[1, 50, 60], [2, 50, 60], [3, 70, 80], [4, 70, 80]]]
    frame = native.decode_frame(bytes(range(12)), spec)
    assert frame.array.tolist() == [[[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]]
    assert frame.problems[0].code == "ybr-422-not-subsampled"
    odd = spec_of(1, 3, samples=3, bits_allocated=8, bits_stored=8, photometric="YBR_FULL_422")
    with pytest.raises(CorruptPixelData):
        native.decode_frame(bytes(9), odd)


def deflate(data: bytes, window: int = -15) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, window)
    return deflater.compress(data) + deflater.flush()


def test_inflating_stops_at_the_first_excess() -> None:
    spec = spec_of(4, 4)
    bomb = deflate(bytes(1 << 26))
    with pytest.raises(CorruptPixelData, match="inflates to more"):
        deflated.decode_frame(bomb, spec)
    frame = deflated.decode_frame(deflate(bytes(range(32)) + b"\0"), spec)
    assert frame.array[0, 1] == 0x0302


def test_zlib_header_is_tolerated_and_reported() -> None:
    frame = deflated.decode_frame(deflate(bytes(range(32)), 15), spec_of(4, 4))
    assert [problem.code for problem in frame.problems] == ["zlib-header"]


def test_short_and_broken_streams() -> None:
    spec = spec_of(4, 4)
    data = deflate(np.random.default_rng(0).bytes(32))
    for size in range(len(data)):
        with pytest.raises(TruncatedPixelData):
            deflated.decode_frame(data[:size], spec)
    frame = deflated.decode_frame(data[:20], spec, strict=False)
    assert 0 < frame.sound < 1
    assert frame.array.shape == (4, 4)
    with pytest.raises(CorruptPixelData):
        deflated.decode_frame(b"\xff" * 30, spec)
    with pytest.raises(TruncatedPixelData) as caught:
        native.decode_frame(bytes(16), spec)
    assert caught.value.decoded == 0.5


def test_refusals() -> None:
    spec = spec_of(4, 4)
    image = np.zeros((4, 4), np.uint16)
    for module in MODULES:
        with pytest.raises(OptionError):
            module.encode_frame(image, spec, lossy=Lossy(ratio=2))
        with pytest.raises(OptionError):
            module.encode_frame(image, spec, coding=Coding())
        with pytest.raises(EncodeError):
            module.encode_frame(image[1:], spec)
        with pytest.raises(EncodeError):
            module.encode_frame(image.astype(float), spec)
        with pytest.raises(EncodeError):
            module.encode_frame(image.astype(np.int32) - 1, spec)
        with pytest.raises(UnsupportedTransferSyntax):
            module.decode_frame(bytes(32), spec, reduce=1)
        assert module.frame_info(b"") is None
    with pytest.raises(CorruptPixelData):
        native.decode_frame(bytes(32), spec_of(4, 4, bits_allocated=12, bits_stored=12))
    with limits.use(max_pixels=15), pytest.raises(LimitExceeded):
        native.decode_frame(bytes(32), spec)
    with limits.use(max_memory_bytes=40), pytest.raises(LimitExceeded):
        deflated.decode_frame(deflate(bytes(32)), spec)
    part = native.decode_frame(bytes(range(32)), spec, region=(1, 3, 2, 4))
    assert part.array.tolist() == [[0x0D0C, 0x0F0E], [0x1514, 0x1716]]
