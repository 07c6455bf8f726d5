"""HTJ2K: what OpenJPH writes at every depth, and what .202 demands."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from coded import load, smooth

from radkit.codecs import _j2k_header, htj2k, jpeg2000
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import EncodeError, OptionError, TruncatedPixelData, UnsupportedTransferSyntax

RPCL = "1.2.840.10008.1.2.4.202"


def judge(data: bytes) -> np.ndarray:
    import openjpeg

    found: np.ndarray = openjpeg.decode(data)
    return found


def spec_of(image: np.ndarray, bits: int, signed: bool = False, said: str = "") -> FrameSpec:
    samples = 1 if image.ndim == 2 else image.shape[2]
    return FrameSpec(
        rows=image.shape[0],
        cols=image.shape[1],
        samples=samples,
        bits_allocated=8 if bits <= 8 else 16 if bits <= 16 else 32,
        bits_stored=bits,
        signed=signed,
        photometric=said or ("MONOCHROME2" if samples == 1 else "RGB"),
    )


@pytest.mark.parametrize("bits", [1, 2, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(37, 50), (33, 20, 3)])
def test_encode_is_lossless(bits: int, signed: bool, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(bits)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    image = rng.integers(low, high, shape)
    image.flat[:4] = (low, high - 1, low, high - 1)
    for colour in ("auto", "none"):
        data = htj2k.encode(image, bits=bits, signed=signed, colour=colour)
        info = htj2k.info(data)
        assert (info.precision, info.signed, info.reversible, info.ht) == (bits, signed, True, True)
        assert info.mct == (len(shape) == 3 and colour == "auto")
        np.testing.assert_array_equal(htj2k.decode(data), image)
        if bits <= 16:
            np.testing.assert_array_equal(judge(data), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (3, 3), (64, 65), (1, 300), (200, 2)])
def test_encode_any_size(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 4096, shape, dtype=np.uint16)
    np.testing.assert_array_equal(htj2k.decode(htj2k.encode(image, bits=12)), image)


@pytest.mark.parametrize("shape", [(512, 512), (65, 1000), (300, 200), (20, 30)])
def test_rpcl_syntax_is_as_the_standard_says(shape: tuple[int, int]) -> None:
    image = smooth(*shape, 12)
    coded = htj2k.encode_frame(image, spec_of(image, 12), syntax_uid=RPCL)
    header = _j2k_header.parse(memoryview(coded.data))
    info = header.info()
    facts = header.facts
    assert (facts["order"], info.tlm, facts["cap"], info.reversible) == (2, True, True, True)
    levels = info.reductions
    assert -(-max(shape) // (1 << levels)) <= 64
    fewest = next(n for n in range(33) if -(-max(shape) // (1 << n)) <= 64)
    assert levels == max(fewest, min(5, min(shape).bit_length() - 3))
    # A tile-part for each resolution, and TLM with the length of each.
    assert facts["parts"] == facts["tlm_parts"] == levels + 1
    assert not coded.lossy and not info.problems
    at = coded.data.index(b"\xff\x55")
    entry = {0x50: "BI", 0x60: "HI"}[coded.data[at + 5]]
    lengths = struct.unpack_from(">" + entry * (levels + 1), coded.data, at + 6)[1::2]
    found = []
    place = coded.data.index(b"\xff\x90\x00\x0a")
    for _ in range(levels + 1):
        found.append(struct.unpack_from(">I", coded.data, place + 6)[0])
        place += found[-1]
    assert tuple(found) == lengths
    assert coded.data[place:] == b"\xff\xd9"


def test_rpcl_syntax_refuses_other_layouts() -> None:
    image = smooth(200, 200, 12)
    spec = spec_of(image, 12)
    for coding in (Coding(progression="LRCP"), Coding(tlm=False), Coding(levels=1)):
        with pytest.raises(OptionError):
            htj2k.encode_frame(image, spec, coding=coding, syntax_uid=RPCL)
    with pytest.raises(OptionError):
        htj2k.encode_frame(image, spec, lossy=Lossy(ratio=5), syntax_uid=RPCL)


@pytest.mark.parametrize(
    "coding",
    [
        Coding(progression="LRCP"),
        Coding(block=(32, 32)),
        Coding(precincts=((64, 64),)),
        Coding(plt=True),
        Coding(levels=0),
    ],
)
def test_encode_writes_other_layouts(coding: Coding) -> None:
    image = smooth(70, 70, 8)
    data = htj2k.encode(image, coding=coding)
    info = htj2k.info(data)
    assert (info.progression, info.block, info.plt) == (
        coding.progression,
        coding.block,
        coding.plt,
    )
    np.testing.assert_array_equal(judge(data), image)
    np.testing.assert_array_equal(htj2k.decode(data), image)


def test_encode_refuses_layers() -> None:
    with pytest.raises(EncodeError, match="layers"):
        htj2k.encode(smooth(70, 70, 8), coding=Coding(layers=(10,)))


def test_encode_with_tiles() -> None:
    image = smooth(90, 130, 10)
    data = htj2k.encode(image, bits=10, coding=Coding(tile=(40, 50), levels=2))
    assert (htj2k.info(data).tiles, htj2k.info(data).tile) == (9, (40, 50))
    np.testing.assert_array_equal(judge(data), image)
    np.testing.assert_array_equal(htj2k.decode(data), image)


@pytest.mark.parametrize("bits", [3, 8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_lossy_keeps_its_scale_at_every_depth(bits: int, signed: bool) -> None:
    image = smooth(100, 120, bits).astype(np.int32)
    image -= (1 << bits - 1) if signed else 0
    data = htj2k.encode(image, bits=bits, signed=signed, lossy=Lossy(psnr=50 if bits > 3 else 40))
    if htj2k.info(data).reversible:
        assert bits == 3
        return
    error = np.abs(judge(data).astype(int) - image)
    assert 0 < error.max() < max((1 << bits) // 12, 2)
    assert np.abs(htj2k.decode(data).astype(int) - judge(data)).max() <= 1


def test_lossy_is_clamped_and_not_wrapped() -> None:
    image = np.zeros((64, 96), np.uint8)
    image[:, 30:60] = 255
    image[20:30] = 255 - image[20:30]
    data = htj2k.encode(image, lossy=Lossy(ratio=12))
    # A value that wraps is wrong by about 255; ringing at these edges is not.
    assert np.abs(htj2k.decode(data).astype(int) - image).max() < 220
    sample = load("htj2k_rgb_lossy")
    theirs = judge(sample.frames[0]).astype(int)
    assert np.abs(htj2k.decode(sample.frames[0]) - theirs).max() <= 1


def test_lossy_frame_labels() -> None:
    image = np.dstack([smooth(120, 130, 8, seed) for seed in (1, 2, 3)])
    coded = htj2k.encode_frame(image, spec_of(image, 8), lossy=Lossy(ratio=12))
    assert (coded.photometric, coded.lossy, coded.method) == ("YBR_ICT", True, "ISO_15444_15")
    frame = htj2k.decode_frame(coded.data, spec_of(image, 8, said="YBR_ICT"))
    assert (frame.photometric, frame.lossy, frame.problems) == ("RGB", True, ())
    with pytest.raises(EncodeError):
        deep = np.zeros((8, 8), np.uint32)
        htj2k.encode_frame(deep, spec_of(deep, 20), lossy=Lossy(ratio=12))


def test_deep_frames_are_reduced_and_cut() -> None:
    image = smooth(100, 90, 16).astype(np.uint32) * 40001
    data = htj2k.encode(image, bits=32, coding=Coding(levels=2))
    assert htj2k.decode(data, reduce=1).shape == (50, 45)
    part = htj2k.decode(data, region=(10, 30, 20, 21))
    np.testing.assert_array_equal(part, image[10:30, 20:21])
    start = data.rindex(b"\xff\x90\x00\x0a")
    with pytest.raises(TruncatedPixelData):
        htj2k.decode(data[: start + 40])


def test_both_modules_read_both_codings() -> None:
    image = smooth(50, 60, 12)
    np.testing.assert_array_equal(jpeg2000.decode(htj2k.encode(image, bits=12)), image)
    np.testing.assert_array_equal(htj2k.decode(jpeg2000.encode(image, bits=12)), image)


def test_part_2_wavelet_is_refused() -> None:
    data = bytearray(htj2k.encode(smooth(50, 60, 12), bits=12))
    data[data.index(b"\xff\x52") + 13] = 2
    with pytest.raises(UnsupportedTransferSyntax):
        htj2k.decode(bytes(data))
