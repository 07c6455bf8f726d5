"""JPEG: colour decisions, completeness, odd markers."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np
import pytest
from coded import SYNTAXES, load, smooth

from radkit import limits
from radkit.codecs import jpeg
from radkit.codecs.frame import FrameSpec
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

imagecodecs = pytest.importorskip("imagecodecs")

GREY = smooth(61, 83, 8)
COLOUR = np.dstack([smooth(61, 83, 8, seed) for seed in (1, 2, 3)])
SPEC = FrameSpec(
    rows=61, cols=83, samples=3, bits_allocated=8, bits_stored=8, photometric="YBR_FULL_422"
)


def encode(image: np.ndarray, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(image, level=85, **options))


def without(data: bytes, marker: int) -> bytes:
    """Leave out all segments of a marker in the header."""
    at, kept = 2, data[:2]
    while data[at + 1] != 0xDA:
        length = 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] != marker:
            kept += data[at : at + length]
        at += length
    return kept + data[at:]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


PLAIN = without(without(encode(COLOUR, outcolorspace="YCBCR", subsampling="444"), 0xE0), 0xEE)
ADOBE = b"Adobe" + bytes(6)


@pytest.mark.parametrize(
    ("data", "said", "given", "reported"),
    [
        (PLAIN, "YBR_FULL_422", "YBR_FULL", False),
        (PLAIN, "YBR_FULL", "YBR_FULL", False),
        (PLAIN, "RGB", "RGB", False),
        (with_segment(PLAIN, 0xEE, ADOBE + b"\1"), "RGB", "YBR_FULL", True),
        (with_segment(PLAIN, 0xEE, ADOBE + b"\1"), "YBR_FULL", "YBR_FULL", False),
        (with_segment(PLAIN, 0xEE, ADOBE + b"\0"), "RGB", "RGB", False),
        (with_segment(PLAIN, 0xEE, ADOBE + b"\0"), "YBR_FULL", "RGB", True),
        (with_segment(PLAIN, 0xE0, b"JFIF\0" + bytes(9)), "RGB", "YBR_FULL", True),
        (with_segment(PLAIN, 0xE0, b"JFIF\0" + bytes(9)), "YBR_FULL", "YBR_FULL", False),
    ],
)
def test_colour_is_decided_by_the_stream_first(
    data: bytes, said: str, given: str, reported: bool
) -> None:
    frame = jpeg.decode_frame(data, dataclasses.replace(SPEC, photometric=said))
    assert frame.photometric == given
    codes = {problem.code for problem in frame.problems}
    assert ("photometric-against-stream" in codes) == reported
    # Whatever it is called, the samples are those of the stream.
    np.testing.assert_array_equal(frame.array, jpeg.decode(PLAIN))


def test_components_named_rgb_are_rgb() -> None:
    data = bytearray(encode(COLOUR, outcolorspace="RGB"))
    frame = jpeg.decode_frame(bytes(without(bytes(data), 0xEE)), SPEC)
    assert frame.photometric == "RGB"
    assert np.abs(frame.array.astype(int) - COLOUR).max() < 40


@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411"])
@pytest.mark.parametrize("optimize", [False, True])
def test_subsampling_comes_at_full_size_and_every_cut_is_seen(
    sampling: str, optimize: bool
) -> None:
    data = encode(COLOUR, outcolorspace="YCBCR", subsampling=sampling, optimize=optimize)
    whole = jpeg.decode(data)
    assert whole.shape == COLOUR.shape
    for size in range(len(data) - 70, len(data) - 2):
        with pytest.raises(TruncatedPixelData):
            jpeg.decode(data[:size])
        with pytest.raises(TruncatedPixelData):
            jpeg.decode(data[:size].rstrip(b"\xff") + b"\xff\xd9")  # cut, and ended by someone
    np.testing.assert_array_equal(jpeg.decode(data[:-2]), whole)


def test_not_strict_gives_a_part_and_its_share() -> None:
    data = encode(GREY)
    spec = FrameSpec(rows=61, cols=83, samples=1, bits_allocated=8, bits_stored=8)
    cut = data[: len(data) * 2 // 3]
    with pytest.raises(TruncatedPixelData) as caught:
        jpeg.decode_frame(cut, spec)
    frame = jpeg.decode_frame(cut, spec, strict=False)
    assert 0.3 < frame.sound < 0.9
    assert frame.sound == caught.value.decoded
    whole = jpeg.decode(data)
    rows = int(frame.sound * 61) // 8 * 8
    np.testing.assert_array_equal(frame.array[: rows - 8], whole[: rows - 8])
    assert {problem.code for problem in frame.problems} == {"truncated", "eoi-missing"}


def test_missing_restart_interval_raises() -> None:
    sample = load("made_jpeg_420_restart")
    data = sample.frames[0]
    marks = [i for i in range(600, len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] < 0xD8]
    assert len(marks) > 3
    gone = data[: marks[1]] + data[marks[2] :]
    with pytest.raises(CorruptPixelData, match="restart"):
        jpeg.decode(gone)
    assert not jpeg.decode_frame(data, sample.spec).problems


def test_damage_in_a_scan_raises_or_is_reported() -> None:
    data = encode(GREY, optimize=True)
    spec = FrameSpec(rows=61, cols=83, samples=1, bits_allocated=8, bits_stored=8)
    start = data.index(b"\xff\xda") + 14
    places = range(start, len(data) - 2, 7)
    noticed = 0
    for place in places:
        broken = bytearray(data)
        broken[place] ^= 0x3C
        try:
            noticed += bool(jpeg.decode_frame(bytes(broken), spec).problems)
        except RadkitError:
            noticed += 1
    # Codes find back into step, so some damage leaves the count of blocks right.
    assert noticed > len(places) * 0.4


def test_scan_of_each_component_alone() -> None:
    progressive = load("made_jpeg_422_progressive")
    frame = jpeg.decode_frame(progressive.frames[0], progressive.spec)
    assert frame.array.shape == (100, 131, 3)
    eoi = progressive.frames[0].rindex(b"\xff\xd9")
    last = progressive.frames[0].rindex(b"\xff\xda")
    with pytest.raises(TruncatedPixelData):
        jpeg.decode(progressive.frames[0][: last + 30])
    np.testing.assert_array_equal(jpeg.decode(progressive.frames[0][:eoi]), frame.array)


def test_twelve_bits_with_spectral_end_zero() -> None:
    sample = load("jpeg_extended_xa10")
    frame = jpeg.decode_frame(sample.frames[0], sample.spec)
    assert (frame.precision, frame.array.dtype) == (12, np.uint16)
    assert "spectral-end-zero" in {problem.code for problem in frame.problems}
    assert jpeg.decode(sample.frames[0], out=np.empty((1024, 1024), np.uint16)).max() > 255


@pytest.mark.parametrize("name", ["jpeg_baseline_testpattern_444", "jpeg_extended_8bit_rgb"])
def test_judged_by_another_library(name: str) -> None:
    pytest.importorskip("gdcm")
    import pydicom
    from pydicom.pixels import get_decoder

    sample = load(name)
    frame = jpeg.decode_frame(sample.frames[0], sample.spec)
    decoder = get_decoder(sample.entry["transfer_syntax"])
    ds = pydicom.dcmread(SYNTAXES / f"{name}.dcm")
    array, _ = decoder.as_array(ds, raw=True, decoding_plugin="gdcm")
    assert np.abs(array.astype(int) - frame.array).max() <= 7


BAD = [
    (b"\xff\xc0", 1, b"\xc9", UnsupportedTransferSyntax),  # arithmetic
    (b"\xff\xc0", 1, b"\xc5", UnsupportedTransferSyntax),  # hierarchical
    (b"\xff\xc0", 4, b"\x0c", CorruptPixelData),  # baseline of 12 bits
    (b"\xff\xc0", 5, b"\0\0", UnsupportedTransferSyntax),  # rows in DNL
    (b"\xff\xc0", 7, b"\0\0", CorruptPixelData),  # no columns
    (b"\xff\xc0", 9, b"\2", CorruptPixelData),
    (b"\xff\xc0", 11, b"\x01", CorruptPixelData),  # sampling 0
    (b"\xff\xda", 2, b"\0\7", CorruptPixelData),
    (b"\xff\xda", 5, b"\x77", CorruptPixelData),  # another component
    (b"\xff\xda", 6, b"\x33", CorruptPixelData),  # a table that is not there
    (b"\xff\xc4", 5, b"\xff", CorruptPixelData),  # counts beyond the segment
    (b"\xff\xdb", 2, b"\0\1", CorruptPixelData),
]


@pytest.mark.parametrize(("marker", "offset", "value", "error"), BAD)
def test_bad_markers_raise(
    marker: bytes, offset: int, value: bytes, error: type[RadkitError]
) -> None:
    data = bytearray(encode(GREY))
    at = data.index(marker) + offset
    data[at : at + len(value)] = value
    with pytest.raises(error):
        jpeg.decode(bytes(data))


def test_other_processes_are_found_by_the_stream() -> None:
    lossless = bytes(imagecodecs.jpeg8_encode(GREY, lossless=True))
    spec = FrameSpec(rows=61, cols=83, samples=1, bits_allocated=8, bits_stored=8)
    with pytest.raises(UnsupportedTransferSyntax):
        jpeg.decode(lossless)
    frame = jpeg.decode_frame(lossless, spec)
    np.testing.assert_array_equal(frame.array, GREY)
    assert not frame.lossy
    assert "other-coding" in {problem.code for problem in frame.problems}


def test_size_against_the_data_set_and_limits() -> None:
    data = encode(GREY)
    spec = FrameSpec(rows=60, cols=83, samples=1, bits_allocated=8, bits_stored=8)
    with pytest.raises(CorruptPixelData, match="61 rows"):
        jpeg.decode_frame(data, spec)
    with limits.use(max_pixels=61 * 83 - 1), pytest.raises(LimitExceeded):
        jpeg.decode(data)
    with limits.use(max_memory_bytes=61 * 83), pytest.raises(LimitExceeded):
        jpeg.decode(data)
    with pytest.raises(OptionError):
        jpeg.decode(data, out=np.empty((61, 83), np.uint16))
    with pytest.raises(EncodeError):
        jpeg.encode_frame(GREY, dataclasses.replace(spec, rows=61))


def test_info() -> None:
    info = jpeg.info(encode(COLOUR, outcolorspace="YCBCR", subsampling="420"))
    assert (info.rows, info.cols, info.components, info.precision) == (61, 83, 3, 8)
    assert info.subsampling == ((1, 1), (2, 2), (2, 2))
    assert not info.reversible
    assert jpeg.info(encode(GREY)[:-2]).problems[0].code == "eoi-missing"
