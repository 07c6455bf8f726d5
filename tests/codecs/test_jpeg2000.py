"""JPEG 2000: headers against the standard, parts of images, encoding, judged by others."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from coded import CONFORMANCE, load, smooth

from radkit import limits
from radkit.codecs import htj2k, jpeg2000
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

PICTURE = smooth(70, 93, 12)
STREAM = jpeg2000.encode(PICTURE, bits=12, coding=Coding(levels=3, tile_parts=False))


def judge(data: bytes) -> np.ndarray:
    import openjpeg

    found: np.ndarray = openjpeg.decode(data)
    return found


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """Put bytes at an offset behind a marker."""
    at = data.index(marker) + 2 + offset
    return data[:at] + value + data[at + len(value) :]


def entries() -> list[dict[str, Any]]:
    path = CONFORMANCE / "manifest.json"
    return json.loads(path.read_text())["entries"] if path.exists() else []


# Headers


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["file"].split("/")[-1])
def test_info_of_conformance_stream(entry: dict[str, Any]) -> None:
    data = (CONFORMANCE / entry["file"]).read_bytes()
    said = entry["stream"]
    try:
        info = jpeg2000.info(data)
    except UnsupportedTransferSyntax:
        assert "irv53" in entry["file"]  # a wavelet of Part 2
        return
    except CorruptPixelData:
        assert entry["file"].endswith("file9.jp2")  # a palette
        return
    x, y = said["offset"]
    assert (info.cols, info.rows) == (said["grid"][0] - x, said["grid"][1] - y)
    assert info.components == said["components"]
    assert info.tiles == said["tiles"]
    assert info.progression == said["progression"]
    assert info.layers >= said["layers"]
    assert info.mct == bool(said["mct"])
    assert info.reductions <= said["levels"]
    assert info.jp2 == entry["file"].endswith((".jp2", ".jph"))


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["file"].split("/")[-1])
def test_decode_conformance_stream_within_tolerance_or_refused(entry: dict[str, Any]) -> None:
    data = (CONFORMANCE / entry["file"]).read_bytes()
    decoded = 0
    for part in entry["components"][:3]:
        if not str(part.get("reference", "")).endswith("npz"):
            continue
        try:
            array = jpeg2000.decode(data, components=part["component"], reduce=entry["reduce"])
        except (CorruptPixelData, UnsupportedTransferSyntax):
            continue
        reference = np.load(CONFORMANCE / part["reference"])[part["key"]]
        assert array.shape == reference.shape
        assert np.abs(array.astype(np.int64) - reference).max() <= part["peak_tolerance"]
        decoded += 1
    if entry["kind"].startswith("Part 1") and any(
        str(part.get("reference", "")).endswith("npz") for part in entry["components"][:3]
    ):
        assert decoded


BAD_HEADERS = [
    (b"\xff\x51", 4, struct.pack(">I", 0), CorruptPixelData),  # Xsiz
    (b"\xff\x51", 4, struct.pack(">I", 0xFFFFFFFF), CorruptPixelData),  # too many tiles
    (
        b"\xff\x51",
        4,
        struct.pack(">II6I", *2 * [2**32 - 1], 0, 0, *2 * [2**32 - 1], 0, 0),
        LimitExceeded,
    ),
    (b"\xff\x51", 12, struct.pack(">I", 93), CorruptPixelData),  # XOsiz = Xsiz
    (b"\xff\x51", 20, struct.pack(">I", 0), CorruptPixelData),  # XTsiz
    (b"\xff\x51", 20, struct.pack(">II", 1, 1), TruncatedPixelData),  # 6510 tiles, one there
    (b"\xff\x51", 28, struct.pack(">I", 5), CorruptPixelData),  # XTOsiz beyond XOsiz
    (b"\xff\x51", 36, struct.pack(">H", 0), CorruptPixelData),  # Csiz
    (b"\xff\x51", 36, struct.pack(">H", 2), CorruptPixelData),
    (b"\xff\x51", 38, b"\x26", CorruptPixelData),  # 39 bits
    (b"\xff\x51", 38, b"\x25", UnsupportedTransferSyntax),  # 38 bits
    (b"\xff\x51", 39, b"\0", CorruptPixelData),  # XRsiz
    (b"\xff\x52", 3, b"\x05", CorruptPixelData),  # progression
    (b"\xff\x52", 4, b"\0\0", CorruptPixelData),  # layers
    (b"\xff\x52", 6, b"\x01", CorruptPixelData),  # component transform of one component
    (b"\xff\x52", 7, b"\x21", CorruptPixelData),  # 33 levels
    (b"\xff\x52", 7, b"\x06", CorruptPixelData),  # more levels than steps
    (b"\xff\x52", 8, b"\x09", CorruptPixelData),  # code-block of 2^11
    (b"\xff\x52", 8, b"\x05\x06", CorruptPixelData),  # 2^15 samples
    (b"\xff\x52", 11, b"\0", CorruptPixelData),  # 9/7 without steps
    (b"\xff\x52", 11, b"\x02", UnsupportedTransferSyntax),
    (b"\xff\x5c", 2, b"\x43", CorruptPixelData),  # quantisation style 3
    (b"\xff\x5c", 0, b"\0\1", CorruptPixelData),  # length
    (b"\xff\x90", 0, b"\0\x0b", CorruptPixelData),
    (b"\xff\x90", 2, b"\0\1", CorruptPixelData),  # tile 1
    (b"\xff\x90", 4, struct.pack(">I", 13), CorruptPixelData),  # Psot
    (b"\xff\x90", 4, struct.pack(">I", 0xFFFFFFFF), TruncatedPixelData),
    (b"\xff\x90", 8, b"\1", CorruptPixelData),  # TPsot
    (b"\xff\x90", 9, b"\2", TruncatedPixelData),  # TNsot
]


@pytest.mark.parametrize(("marker", "offset", "value", "error"), BAD_HEADERS)
def test_decode_bad_header_raises(
    marker: bytes, offset: int, value: bytes, error: type[RadkitError]
) -> None:
    with pytest.raises(error):
        jpeg2000.decode(patched(STREAM, marker, offset, value))


def test_every_prefix_of_the_main_header_is_truncated() -> None:
    start = STREAM.index(b"\xff\x90")
    for size in range(start):
        with pytest.raises(CorruptPixelData):
            jpeg2000.info(STREAM[:size])


def test_missing_eoc_and_psot_zero() -> None:
    np.testing.assert_array_equal(jpeg2000.decode(STREAM[:-2]), PICTURE)
    assert [p.code for p in jpeg2000.info(STREAM[:-2]).problems] == ["eoc-missing"]
    open_end = patched(STREAM, b"\xff\x90", 4, bytes(4))
    np.testing.assert_array_equal(jpeg2000.decode(open_end + bytes(7)), PICTURE)
    with pytest.raises(TruncatedPixelData):
        jpeg2000.decode(open_end[:-2])  # nothing tells that these are all bytes


def test_tile_part_count_one_too_low_is_mended() -> None:
    data = jpeg2000.encode(PICTURE, bits=12, coding=Coding(levels=2))
    low = data.replace(b"\x00\x03", b"\x00\x03")
    at = low.index(b"\xff\x90")
    parts = bytearray(low)
    while at >= 0:
        parts[at + 11] -= 1
        at = low.find(b"\xff\x90\x00\x0a", at + 2)
    np.testing.assert_array_equal(jpeg2000.decode(bytes(parts)), PICTURE)
    assert jpeg2000.info(bytes(parts)).problems[0].code == "tile-part-count-wrong"


def test_dropped_tile_part_is_truncation() -> None:
    data = jpeg2000.encode(PICTURE, bits=12, coding=Coding(levels=2))
    last = data.rindex(b"\xff\x90\x00\x0a")
    cut = data[:last] + b"\xff\xd9"
    with pytest.raises(TruncatedPixelData) as caught:
        jpeg2000.decode(cut)
    assert 0 < caught.value.decoded < 1
    assert {problem.code for problem in jpeg2000.info(cut).problems} == {"tlm-wrong"}
    assert jpeg2000.decode(cut, strict=False).shape == PICTURE.shape


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def in_jp2(*header: bytes) -> bytes:
    signature = box(b"jP  ", b"\r\n\x87\n")
    return signature + box(b"jp2h", b"".join(header)) + box(b"jp2c", STREAM)


def test_jp2_boxes() -> None:
    plain = in_jp2(box(b"colr", b"\1\0\0\0\0\0\x10"), box(b"cdef", b"\0\1\0\0\0\0\0\1"))
    np.testing.assert_array_equal(jpeg2000.decode(plain), PICTURE)
    assert jpeg2000.info(plain).jp2
    for bad in (box(b"pclr", bytes(8)), box(b"cdef", b"\0\1\0\0\0\1\0\1")):
        with pytest.raises(CorruptPixelData):
            jpeg2000.decode(in_jp2(bad))
    with pytest.raises(TruncatedPixelData):
        jpeg2000.decode(plain[: plain.index(b"jp2c") - 4])


def test_limits_are_checked_before_decoding() -> None:
    with limits.use(max_pixels=70 * 93 - 1), pytest.raises(LimitExceeded) as caught:
        jpeg2000.decode(STREAM)
    assert caught.value.asked == 70 * 93
    with limits.use(max_blocks=3), pytest.raises(LimitExceeded):
        jpeg2000.decode(STREAM)
    with limits.use(max_memory_bytes=1000), pytest.raises(LimitExceeded):
        jpeg2000.decode(STREAM)
    tiled = jpeg2000.encode(PICTURE, bits=12, coding=Coding(tile=(16, 16)))
    with limits.use(max_tiles=29), pytest.raises(LimitExceeded):
        jpeg2000.decode(tiled)


# Parts


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_reduce_equals_the_low_pass_of_the_lifting_steps(module: Any) -> None:
    def low(values: np.ndarray) -> np.ndarray:
        """Low-pass half of the reversible 5/3 along axis 0, by its definition (T.800 F.4.8.1)."""
        x = np.pad(values, ((4, 4), (0, 0)), mode="reflect")
        even, odd = x[::2], x[1::2]
        high = odd[: len(even) - 1] - (even[:-1] + even[1:]) // 2
        lows = even[1:-1] + (high[:-1] + high[1:] + 2) // 4
        return lows[1 : 1 + (len(values) + 1) // 2]

    shifted = PICTURE.astype(np.int64) - 2048
    expected = low(low(shifted).T).T + 2048
    reduced = module.decode(module.encode(PICTURE, bits=12), reduce=1)
    assert reduced.shape == (35, 47)
    np.testing.assert_array_equal(reduced, np.clip(expected, 0, 4095))


@pytest.mark.parametrize("reduce", [0, 1, 2, 3])
@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_region_is_a_crop_of_the_whole(module: Any, reduce: int) -> None:
    data = module.encode(PICTURE, bits=12, coding=Coding(levels=3, tile=(40, 50)))
    whole = module.decode(data, reduce=reduce)
    step = 1 << reduce
    for box_ in (
        (0, 70, 0, 93),
        (0, 1, 0, 1),
        (69, 70, 92, 93),
        (13, 57, 31, 32),
        (39, 41, 49, 52),
    ):
        row0, row1, col0, col1 = (-(-side // step) for side in box_)
        if row0 == row1 or col0 == col1:
            with pytest.raises(OptionError):  # no sample of this resolution lies in it
                module.decode(data, reduce=reduce, region=box_)
            continue
        part = module.decode(data, reduce=reduce, region=box_)
        np.testing.assert_array_equal(part, whole[row0:row1, col0:col1])


def test_reduce_and_layers_out_of_range() -> None:
    for wrong in ({"reduce": 4}, {"reduce": -1}, {"layers": 0}, {"threads": 0}):
        with pytest.raises(OptionError):
            jpeg2000.decode(STREAM, **wrong)  # type: ignore[arg-type]
    np.testing.assert_array_equal(jpeg2000.decode(STREAM, layers=9), PICTURE)


def test_layers_refine() -> None:
    data = jpeg2000.encode(PICTURE, bits=12, coding=Coding(layers=(30, 10), tile_parts=False))
    assert jpeg2000.info(data).layers == 3
    errors = [
        np.abs(jpeg2000.decode(data, layers=n).astype(int) - PICTURE).mean() for n in (1, 2, 3)
    ]
    assert errors[0] > errors[1] > errors[2] == 0


def test_components_and_out() -> None:
    colour = np.dstack([smooth(40, 51, 8, seed) for seed in (1, 2, 3)])
    data = jpeg2000.encode(colour)
    np.testing.assert_array_equal(jpeg2000.decode(data), colour)
    np.testing.assert_array_equal(jpeg2000.decode(data, components=1), colour[..., 1])
    np.testing.assert_array_equal(jpeg2000.decode(data, components=[2, 0]), colour[..., [2, 0]])
    green = colour[..., 1].astype(int)
    red, blue = colour[..., 0].astype(int), colour[..., 2].astype(int)
    luma = (red + 2 * green + blue) >> 2
    np.testing.assert_array_equal(jpeg2000.decode(data, components=0, raw=True), luma)
    for wrong in ([], [0, 0], [3], -1):
        with pytest.raises(OptionError):
            jpeg2000.decode(data, components=wrong)
    out = np.empty_like(colour)
    assert jpeg2000.decode(data, out=out) is out
    np.testing.assert_array_equal(out, colour)
    for bad in (np.empty((40, 51, 3), np.uint16), np.empty((51, 40, 3), np.uint8), out[::-1]):
        with pytest.raises(OptionError):
            jpeg2000.decode(data, out=bad)
    with pytest.raises(TypeError):
        jpeg2000.decode(data, out=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        jpeg2000.decode("text")


def test_subsampled_components() -> None:
    path = CONFORMANCE / "streams" / "simple_dec_rev53_64x64_yuv.jph"
    if not path.exists():
        pytest.skip("the shared files are not here")
    data = path.read_bytes()
    info = jpeg2000.info(data)
    assert len(set(info.subsampling)) > 1
    with pytest.raises(OptionError, match="components"):
        jpeg2000.decode(data)
    planes = [jpeg2000.decode(data, components=index) for index in range(3)]
    spec = FrameSpec(
        rows=info.rows,
        cols=info.cols,
        samples=3,
        bits_allocated=8,
        bits_stored=8,
        photometric="YBR_FULL_422",
    )
    frame = htj2k.decode_frame(data, spec)
    assert frame.photometric == "YBR_FULL"
    np.testing.assert_array_equal(frame.array[..., 0], planes[0])
    down, across = info.subsampling[1]
    np.testing.assert_array_equal(frame.array[::down, ::across, 1], planes[1])


# Labels


def frame_spec(image: np.ndarray, bits: int, photometric: str, signed: bool = False) -> FrameSpec:
    samples = 1 if image.ndim == 2 else image.shape[2]
    return FrameSpec(
        rows=image.shape[0],
        cols=image.shape[1],
        samples=samples,
        bits_allocated=8 if bits <= 8 else 16 if bits <= 16 else 32,
        bits_stored=bits,
        signed=signed,
        photometric=photometric,
    )


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize(
    ("colour", "said", "given", "reported"),
    [
        ("rgb", "YBR_RCT", "RGB", False),
        ("rgb", "RGB", "RGB", True),
        ("none", "RGB", "RGB", False),
        ("none", "YBR_FULL", "YBR_FULL", False),
        ("none", "YBR_RCT", "RGB", True),
        ("none", "YBR_ICT", "RGB", True),
    ],
)
def test_photometric(module: Any, colour: str, said: str, given: str, reported: bool) -> None:
    image = np.dstack([smooth(30, 31, 8, seed) for seed in (1, 2, 3)])
    frame = module.decode_frame(module.encode(image, colour=colour), frame_spec(image, 8, said))
    np.testing.assert_array_equal(frame.array, image)
    assert frame.photometric == given
    codes = {problem.code for problem in frame.problems}
    assert ("photometric-against-stream" in codes) == reported


def test_other_coding_is_decoded_and_reported() -> None:
    spec = frame_spec(PICTURE, 12, "MONOCHROME2")
    frame = htj2k.decode_frame(STREAM, spec)
    np.testing.assert_array_equal(frame.array, PICTURE)
    assert "other-coding" in {problem.code for problem in frame.problems}
    ht = htj2k.encode(PICTURE, bits=12)
    assert "other-coding" in {p.code for p in jpeg2000.decode_frame(ht, spec).problems}
    assert not htj2k.decode_frame(ht, spec).problems


def test_precision_and_sign_are_reported() -> None:
    frame = jpeg2000.decode_frame(STREAM, frame_spec(PICTURE, 10, "MONOCHROME2", signed=True))
    assert (frame.precision, frame.signed) == (12, False)
    codes = {problem.code for problem in frame.problems}
    assert codes == {"precision-above-bits-stored", "sign-against-stream"}


# Encoding


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 9, 12, 15, 16, 20, 23])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(33, 50), (17, 20, 3)])
def test_encode_is_lossless(bits: int, signed: bool, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(bits)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    image = rng.integers(low, high, shape)
    image.flat[:4] = (low, high - 1, low, high - 1)
    for colour in ("auto", "none"):
        data = jpeg2000.encode(image, bits=bits, signed=signed, colour=colour)
        info = jpeg2000.info(data)
        assert (info.precision, info.signed, info.reversible) == (bits, signed, True)
        assert info.mct == (len(shape) == 3 and colour == "auto")
        np.testing.assert_array_equal(jpeg2000.decode(data), image)
        if bits <= 16:
            np.testing.assert_array_equal(judge(data), image)


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("samples", [1, 3])
def test_encode_at_the_depth_limit_is_lossless_or_refused(samples: int, levels: int) -> None:
    rng = np.random.default_rng(levels)
    shape = (40, 50) if samples == 1 else (40, 50, 3)
    coding = Coding(levels=levels, tile_parts=False)
    most = 25 - (samples == 3) - (levels > 0)
    image = rng.integers(0, 1 << most, shape, dtype=np.uint32)
    data = jpeg2000.encode(image, bits=most, coding=coding)
    np.testing.assert_array_equal(jpeg2000.decode(data), image)
    with pytest.raises(EncodeError, match="at most"):
        jpeg2000.encode(image, bits=most + 1, coding=coding)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (3, 3), (64, 65), (1, 300), (200, 2)])
def test_encode_any_size(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 4096, shape, dtype=np.uint16)
    np.testing.assert_array_equal(jpeg2000.decode(jpeg2000.encode(image, bits=12)), image)


@pytest.mark.parametrize(
    "coding",
    [
        Coding(progression="LRCP", tile_parts=False, tlm=False),
        Coding(progression="CPRL", block=(16, 256), levels=2),
        Coding(tile=(32, 48), plt=True),
        Coding(precincts=((16, 32), (64, 64)), progression="PCRL", levels=4),
        Coding(levels=0),
    ],
)
def test_encode_layout(coding: Coding) -> None:
    data = jpeg2000.encode(PICTURE, bits=12, coding=coding)
    info = jpeg2000.info(data)
    assert info.progression == coding.progression
    assert info.block == coding.block
    assert (info.plt, info.tlm) == (coding.plt, coding.tlm)
    assert info.tile == (coding.tile or PICTURE.shape)
    assert coding.levels is None or info.reductions == coding.levels
    np.testing.assert_array_equal(judge(data), PICTURE)


def test_encode_refuses() -> None:
    with pytest.raises(EncodeError):
        jpeg2000.encode(PICTURE, bits=8)
    with pytest.raises(EncodeError):
        jpeg2000.encode(PICTURE.astype(float))
    with pytest.raises(EncodeError):
        jpeg2000.encode(np.zeros((4, 4), np.uint32), bits=26)
    with pytest.raises(EncodeError):
        jpeg2000.encode(np.zeros((0, 4), np.uint8))
    with pytest.raises(OptionError):
        jpeg2000.encode(PICTURE, colour="rgb")
    with pytest.raises(OptionError):
        jpeg2000.encode(PICTURE, bits=12, lossy=Lossy(preset="ct"))


BIG = smooth(256, 300, 12)


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize("ratio", [8, 20, 60])
def test_lossy_ratio(module: Any, ratio: float) -> None:
    data = module.encode(BIG, bits=12, lossy=Lossy(ratio=ratio))
    # Below about 2500 bytes one quantiser step of HT is worth several per cent.
    assert abs(BIG.nbytes / len(data) / ratio - 1) < (0.08 if ratio == 60 else 0.03)
    assert not module.info(data).reversible


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize("most", [3000, 12000])
def test_lossy_max_bytes(module: Any, most: int) -> None:
    data = module.encode(BIG, bits=12, lossy=Lossy(max_bytes=most))
    assert 0.8 * most < len(data) <= most
    with pytest.raises(EncodeError):
        module.encode(BIG, bits=12, lossy=Lossy(max_bytes=50))


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize("wanted", [40, 55])
def test_lossy_psnr(module: Any, wanted: float) -> None:
    data = module.encode(BIG, bits=12, lossy=Lossy(psnr=wanted))
    error = judge(data).astype(float) - BIG
    found = 10 * np.log10(4095**2 / np.mean(error**2))
    assert abs(found - wanted) < 0.3


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize("most", [1, 4, 30])
@pytest.mark.parametrize("signed", [False, True])
def test_lossy_max_error(module: Any, most: int, signed: bool) -> None:
    image = BIG.astype(np.int16) - 2048 if signed else BIG
    data = module.encode(image, bits=12, lossy=Lossy(max_error=most))
    assert np.abs(judge(data).astype(int) - image).max() <= most
    assert len(data) <= len(module.encode(image, bits=12))


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_lossy_target_that_lossless_meets_is_lossless(module: Any) -> None:
    flat = np.full((200, 200), 7, np.uint16)
    spec = frame_spec(flat, 12, "MONOCHROME2")
    coded = module.encode_frame(flat, spec, lossy=Lossy(ratio=5))
    assert (coded.lossy, coded.method) == (False, "")
    np.testing.assert_array_equal(module.decode(coded.data), flat)


def test_encode_frame_labels() -> None:
    image = np.dstack([smooth(60, 61, 8, seed) for seed in (1, 2, 3)])
    for said, lossless, lossy in (
        ("RGB", "YBR_RCT", "YBR_ICT"),
        ("YBR_FULL", "YBR_FULL", "YBR_FULL"),
    ):
        spec = frame_spec(image, 8, said)
        coded = jpeg2000.encode_frame(image, spec)
        assert (coded.photometric, coded.lossy, coded.method) == (lossless, False, "")
        np.testing.assert_array_equal(jpeg2000.decode_frame(coded.data, spec).array, image)
        coded = jpeg2000.encode_frame(image, spec, lossy=Lossy(ratio=10))
        assert (coded.photometric, coded.lossy, coded.method) == (lossy, True, "ISO_15444_1")
    with pytest.raises(OptionError):
        jpeg2000.encode_frame(
            image, spec, lossy=Lossy(ratio=10), syntax_uid="1.2.840.10008.1.2.4.90"
        )
    palette = frame_spec(PICTURE, 12, "PALETTE COLOR")
    assert jpeg2000.encode_frame(PICTURE, palette).photometric == "PALETTE COLOR"
    with pytest.raises(OptionError):
        jpeg2000.encode_frame(PICTURE, palette, lossy=Lossy(ratio=10))
    with pytest.raises(EncodeError):
        jpeg2000.encode_frame(PICTURE[1:], palette)


def test_decode_runs_in_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    sample = load("j2k_emri")
    alone = [jpeg2000.decode(data) for data in sample.frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(jpeg2000.decode, sample.frames * 3))
    for index, array in enumerate(together):
        np.testing.assert_array_equal(array, alone[index % len(alone)])
