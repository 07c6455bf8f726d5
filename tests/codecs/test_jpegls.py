"""JPEG-LS: real precision, every depth, loss within its bound, cuts and odd markers."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from coded import load, smooth

from radkit import limits
from radkit.codecs import _charls, jpegls
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

LOSSLESS = "1.2.840.10008.1.2.4.80"


def spec_of(image: np.ndarray, bits: int, signed: bool = False) -> FrameSpec:
    samples = 1 if image.ndim == 2 else 3
    return FrameSpec(
        rows=image.shape[0],
        cols=image.shape[1],
        samples=samples,
        bits_allocated=8 if bits <= 8 else 16,
        bits_stored=bits,
        signed=signed,
        photometric="MONOCHROME2" if samples == 1 else "RGB",
    )


def judge(data: bytes) -> np.ndarray:
    jpeg_ls = pytest.importorskip("jpeg_ls")
    found: np.ndarray = jpeg_ls.decode(np.frombuffer(data, np.uint8))
    return found


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("shape", [(1, 1), (23, 41), (17, 9, 3)])
def test_encode_frame_is_lossless_at_its_precision(bits: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(bits)
    image = rng.integers(0, 1 << bits, shape, dtype=np.uint16)
    coded = jpegls.encode_frame(image, spec_of(image, bits), syntax_uid=LOSSLESS)
    assert jpegls.info(coded.data).precision == max(bits, 2)
    assert (coded.lossy, coded.method) == (False, "")
    np.testing.assert_array_equal(jpegls.decode(coded.data), image)
    np.testing.assert_array_equal(judge(coded.data).reshape(image.shape), image)


@pytest.mark.parametrize("bits", [2, 8, 12, 16])
def test_encode_signed_as_two_s_complement(bits: int) -> None:
    image = np.random.default_rng(0).integers(-(1 << bits - 1), 1 << bits - 1, (20, 30))
    frame = jpegls.decode_frame(
        jpegls.encode_frame(image, spec_of(image, bits, True)).data, spec_of(image, bits, True)
    )
    spare = 8 * frame.array.dtype.itemsize - frame.precision
    back = (frame.array << spare).view(frame.array.dtype.str.replace("u", "i")) >> spare
    np.testing.assert_array_equal(back, image)


@pytest.mark.parametrize("near", [1, 3, 20])
def test_encode_signed_near_keeps_the_sign_or_refuses(near: int) -> None:
    rng = np.random.default_rng(near)
    most = 2047 - near
    image = rng.integers(-most - 1, most + 1, (40, 50)).astype(np.int16)
    image.flat[:4] = (most, -most - 1, 0, -1)
    spec = spec_of(image, 12, signed=True)
    coded = jpegls.encode_frame(image, spec, lossy=Lossy(max_error=near))
    fields = jpegls.decode_frame(coded.data, spec).array.astype(int)
    error = np.where(fields >= 2048, fields - 4096, fields) - image
    assert 0 < np.abs(error).max() <= near
    for value in (most + 1, -most - 2):
        image[3, 3] = value
        with pytest.raises(EncodeError, match="ends of their"):
            jpegls.encode_frame(image, spec, lossy=Lossy(max_error=near))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("near", [1, 2, 7])
def test_loss_stays_within_its_bound(bits: int, near: int) -> None:
    image = smooth(90, 70, bits)
    coded = jpegls.encode_frame(image, spec_of(image, bits), lossy=Lossy(max_error=near))
    assert (coded.lossy, coded.method) == (True, "ISO_14495_1")
    error = np.abs(judge(coded.data).astype(int) - image)
    assert 0 < error.max() <= near
    assert jpegls.decode_frame(coded.data, spec_of(image, bits)).lossy
    assert not jpegls.info(coded.data).reversible
    assert len(coded.data) < len(jpegls.encode(image, bits=bits))


def test_public_encode() -> None:
    image = smooth(40, 50, 12)
    assert jpegls.info(jpegls.encode(image)).precision == 16
    assert jpegls.info(jpegls.encode(image, bits=12)).precision == 12
    out = np.empty_like(image)
    assert jpegls.decode(jpegls.encode(image, bits=12, max_error=0), out=out) is out
    np.testing.assert_array_equal(out, image)
    for wrong in (-1, 256, True, 1.5, 128):
        with pytest.raises(OptionError):
            jpegls.encode(image.astype(np.uint8), bits=8, max_error=wrong)  # type: ignore[arg-type]
    for bad in (image.astype(float), image.astype(np.int32) - 5000, np.zeros((4, 4, 2), np.uint8)):
        with pytest.raises(EncodeError):
            jpegls.encode(bad)


def test_encode_without_the_library_writes_sixteen_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_charls, "_library", lambda: None)
    image = smooth(40, 50, 12)
    data = jpegls.encode(image, bits=12)
    assert jpegls.info(data).precision == 16
    np.testing.assert_array_equal(jpegls.decode(data), image)


def test_encode_frame_refuses() -> None:
    image = smooth(40, 50, 12)
    spec = spec_of(image, 12)
    for wrong in (Lossy(ratio=5), Lossy(psnr=50), Lossy(max_bytes=9)):
        with pytest.raises(OptionError):
            jpegls.encode_frame(image, spec, lossy=wrong)
    with pytest.raises(OptionError):
        jpegls.encode_frame(image, spec, lossy=Lossy(max_error=1), syntax_uid=LOSSLESS)
    with pytest.raises(OptionError):
        jpegls.encode_frame(image, spec, coding=Coding())


@pytest.mark.parametrize(
    "name", ["jpegls_mr", "jpegls_rgb_ilv0", "jpegls_rgb_ilv1", "jpegls_near_8", "jpegls_7of8"]
)
def test_missing_eoi_is_forgiven_and_a_missing_bit_is_not(name: str) -> None:
    data = load(name).frames[0]
    whole = jpegls.decode(data)
    eoi = data.rindex(b"\xff\xd9")
    for bare in (data[:eoi], data[: eoi + 1]):
        np.testing.assert_array_equal(jpegls.decode(bare), whole)
    for size in range(eoi - 40, eoi):
        try:
            array = jpegls.decode(data[:size])
        except TruncatedPixelData:
            continue
        np.testing.assert_array_equal(array, whole)  # only pad bits were cut


def edited(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(marker) + offset
    return data[:at] + value + data[at + len(value) :]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


GOOD = jpegls.encode(smooth(20, 30, 8), bits=8)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (with_segment(GOOD, 0xE8, b"mrfx\x01"), UnsupportedTransferSyntax),
        (with_segment(GOOD, 0xF8, b"\x02\x01\x01\x00"), UnsupportedTransferSyntax),
        (edited(GOOD, b"\xff\xf7", 4, b"\x11"), CorruptPixelData),  # 17 bits
        (edited(GOOD, b"\xff\xf7", 4, b"\x01"), CorruptPixelData),
        (edited(GOOD, b"\xff\xf7", 5, b"\0\0"), UnsupportedTransferSyntax),
        (edited(GOOD, b"\xff\xf7", 7, b"\0\0"), CorruptPixelData),
        (edited(GOOD, b"\xff\xf7", 5, b"\0\x15"), CorruptPixelData),  # a row more
        (edited(GOOD, b"\xff\xda", 9, b"\x01"), UnsupportedTransferSyntax),  # point transform
        (edited(GOOD, b"\xff\xf7", 1, b"\xc0"), CorruptPixelData),
    ],
)
def test_bad_markers_raise(data: bytes, error: type[RadkitError]) -> None:
    with pytest.raises(error):
        jpegls.decode(data)
    # An mrfx of 0 states no transform.
    assert jpegls.decode(with_segment(GOOD, 0xE8, b"mrfx\0")).shape == (20, 30)


def test_size_and_limits() -> None:
    spec = spec_of(np.zeros((21, 30), np.uint8), 8)
    with pytest.raises(CorruptPixelData):
        jpegls.decode_frame(GOOD, spec)
    with limits.use(max_pixels=599), pytest.raises(LimitExceeded):
        jpegls.decode(GOOD)
    huge = edited(GOOD, b"\xff\xf7", 5, b"\xff\xff\xff\xff")
    with pytest.raises(LimitExceeded):
        jpegls.decode(huge)
