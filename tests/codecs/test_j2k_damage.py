"""Damaged, truncated and hostile codestreams: typed errors, bounded work, what is left."""

from __future__ import annotations

import contextlib
import itertools
import struct
import time
from functools import cache
from typing import Any

import numpy as np
import pytest
from coded import CONFORMANCE, smooth

from radkit import limits
from radkit._native import cpu
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, LimitExceeded, RadkitError, TruncatedPixelData

IMAGE = smooth(40, 52, 12)
SPEC = FrameSpec(rows=40, cols=52, samples=1, bits_allocated=16, bits_stored=12)


@cache
def made(name: str) -> bytes:
    layered = Coding(levels=3, layers=(20, 8), tile_parts=False)
    return {
        "j2k": lambda: jpeg2000.encode(IMAGE, bits=12, coding=Coding(levels=3)),
        "layers": lambda: jpeg2000.encode(IMAGE, bits=12, coding=layered),
        "tiles": lambda: jpeg2000.encode(IMAGE, bits=12, coding=Coding(levels=2, tile=(17, 21))),
        "ht": lambda: htj2k.encode(IMAGE, bits=12, coding=Coding(levels=3)),
    }[name]()


NAMES = ("j2k", "layers", "tiles", "ht")


def lenient(data: bytes) -> np.ndarray | None:
    """Decode what is there; None for a typed refusal."""
    try:
        return jpeg2000.decode(data, strict=False)
    except RadkitError:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_every_prefix_is_truncated_and_gives_what_it_holds(name: str) -> None:
    data = made(name)
    main = data.index(b"\xff\x90")
    whole = jpeg2000.decode(data)
    errors = []
    for size in range(1, len(data) - 2):
        with pytest.raises(TruncatedPixelData) if size > main + 1 else pytest.raises(RadkitError):
            jpeg2000.decode(data[:size])
        left = lenient(data[:size])
        assert (left is None) == (size < main + 2)
        if left is not None and size % 9 == 0:
            assert left.shape == whole.shape and left.dtype == whole.dtype
            errors.append(np.abs(left.astype(int) - whole).mean())
    np.testing.assert_array_equal(lenient(data[:-2]), whole)
    assert errors[0] > 4 * errors[-1]
    worse = [late - early for early, late in itertools.pairwise(errors)]
    assert max(worse) < 0.1 * errors[0]  # more bytes never make it much worse


@pytest.mark.parametrize("name", ["j2k", "ht"])
def test_prefix_of_low_resolutions_gives_them_exactly(name: str) -> None:
    coding = Coding(levels=3, progression="RPCL", tile_parts=False)
    data = (htj2k if name == "ht" else jpeg2000).encode(IMAGE, bits=12, coding=coding)
    cut = data[: len(data) * 2 // 3]
    for reduce in (2, 3):
        found = jpeg2000.decode(cut, reduce=reduce, strict=False)
        np.testing.assert_array_equal(found, jpeg2000.decode(data, reduce=reduce))


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bytes_give_typed_errors_or_an_image(name: str) -> None:
    data = made(name)
    rng = np.random.default_rng(7)
    places = [*range(min(len(data), 160)), *rng.integers(0, len(data), 300)]
    with limits.use(max_pixels=1 << 20, max_memory_bytes=1 << 28, max_blocks=1 << 18):
        for place in places:
            bad = bytearray(data)
            bad[place] ^= int(rng.integers(1, 256))
            try:
                strict = jpeg2000.decode(bytes(bad))
            except RadkitError as error:
                assert "internal" not in str(error)
            else:
                np.testing.assert_array_equal(strict, lenient(bytes(bad)))
            left = lenient(bytes(bad))
            if left is not None and place % 5 == 0:
                np.testing.assert_array_equal(left, portable(bytes(bad)))


def portable(data: bytes) -> np.ndarray | None:
    use = cpu.USE
    try:
        cpu.USE = 0
        return lenient(data)
    finally:
        cpu.USE = use


@pytest.mark.parametrize("name", ["j2k", "ht"])
def test_damaged_body_is_reported_with_its_share(name: str) -> None:
    module = htj2k if name == "ht" else jpeg2000
    data = bytearray(module.encode(IMAGE, bits=12, coding=Coding(levels=1, tile_parts=False)))
    cut = bytes(data[: len(data) * 3 // 4])
    frame = module.decode_frame(cut, SPEC, strict=False)
    assert 0 < frame.sound < 1
    assert {p.code for p in frame.problems} >= {"truncated"}
    with pytest.raises(TruncatedPixelData) as caught:
        module.decode_frame(cut, SPEC)
    assert 0 < caught.value.decoded < 1
    assert module.decode_frame(bytes(data), SPEC).sound == 1.0


def test_packets_that_end_inside_a_tile_part_are_found() -> None:
    """Psot is right, EOC is there, but bytes of packets are missing."""
    data = jpeg2000.encode(IMAGE, bits=12, coding=Coding(levels=2, tile_parts=False))
    at = data.index(b"\xff\x90")
    short = bytearray(data[:-60] + b"\xff\xd9")
    struct.pack_into(">I", short, at + 6, len(short) - 2 - at)
    assert jpeg2000.info(bytes(short)).problems == ()
    with pytest.raises(TruncatedPixelData) as caught:
        jpeg2000.decode(bytes(short))
    assert caught.value.offset is not None and caught.value.offset <= len(short)
    frame = jpeg2000.decode_frame(bytes(short), SPEC, strict=False)
    assert frame.sound < 1


def test_impossible_passes_and_planes_are_corrupt() -> None:
    data = jpeg2000.encode(IMAGE, bits=12, coding=Coding(levels=1, tile_parts=False))
    at = data.index(b"\xff\x5c") + 4
    low = bytearray(data)
    low[at] &= 0x1F  # no guard bits: fewer planes than the passes need
    for k in range(1, 5):
        low[at + k] = 3 << 3
    with pytest.raises(CorruptPixelData) as caught:
        jpeg2000.decode(bytes(low))
    assert caught.value.offset is not None
    assert jpeg2000.decode_frame(bytes(low), SPEC, strict=False).sound < 1


def test_tile_part_out_of_turn_ends_only_the_lenient_reading() -> None:
    data = bytearray(made("tiles"))
    at = data.rindex(b"\xff\x90\x00\x0a")
    data[at + 10] = 77
    with pytest.raises(CorruptPixelData):
        jpeg2000.decode(bytes(data))
    whole = jpeg2000.decode(made("tiles"))
    left = jpeg2000.decode(bytes(data), strict=False)
    np.testing.assert_array_equal(left[:30], whole[:30])


# Work and memory


def bomb(**changes: Any) -> bytes:
    """A header that asks for much, and hardly a byte behind it."""
    fields = {
        "size": (4096, 4096), "tile": (4096, 4096), "comps": 1, "levels": 5, "block": (4, 4),
        "layers": 1, "order": 0, "precincts": b"", "body": bytes(64), "poc": b"",
    } | changes  # fmt: skip
    comps = fields["comps"]
    siz = struct.pack(">H2I2I2I2IH", 0, *fields["size"], 0, 0, *fields["tile"], 0, 0, comps)
    siz += b"\x07\x01\x01" * comps
    cod = struct.pack(">BBHB", bool(fields["precincts"]), fields["order"], fields["layers"], 0)
    cod += bytes((fields["levels"], *fields["block"], 0, 1)) + fields["precincts"]
    qcd = b"\x40" + bytes([9 << 3]) * (3 * fields["levels"] + 1)
    main = b"\xff\x4f"
    for marker, body in ((0x51, siz), (0x52, cod), (0x5C, qcd), (0x5F, fields["poc"])):
        if body:
            main += struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(fields["body"]), 0, 1)
    return main + sot + b"\xff\x93" + fields["body"] + b"\xff\xd9"


BOMBS = {
    "layers": {"layers": 65535, "body": bytes(2000)},
    "tiny blocks": {"block": (0, 0), "body": b"\x80" * 500},
    "tiny blocks, layers": {"block": (0, 0), "layers": 65535, "body": b"\xbf\x7f" * 400},
    "tiny precincts": {"precincts": bytes([0x00]) + b"\x11" * 5, "order": 3},
    "precincts by position": {"precincts": b"\x33" * 6, "order": 4, "body": bytes(300)},
    "components": {"comps": 16384, "size": (64, 64), "tile": (64, 64), "order": 2},
    "components and tiles": {"comps": 16384, "size": (640, 640), "tile": (20, 20), "levels": 32},
    "progressions": {
        "comps": 200,
        "poc": struct.pack(">BBHBBB", 0, 0, 65535, 33, 200, 3) * 1024,
        "layers": 65535,
        "size": (64, 64),
        "tile": (64, 64),
    },
    "levels": {"levels": 32, "size": (2**31, 1), "tile": (2**31, 1)},
    "large": {"size": (16384, 16384), "tile": (16384, 16384), "block": (4, 4)},
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little(name: str, strict: bool) -> None:
    data = bomb(**BOMBS[name])
    begin = time.perf_counter()
    refused = contextlib.suppress(CorruptPixelData, LimitExceeded)
    with limits.use(limits.UNTRUSTED, foreign="refuse"), refused:
        jpeg2000.decode(data, components=0, strict=strict)
    assert time.perf_counter() - begin < 5


def test_markers_cost_linear_time() -> None:
    data = made("j2k")
    comment = b"\xff\x64\x00\x04\x00\x01"

    def seconds(count: int) -> float:
        begin = time.perf_counter()
        jpeg2000.info(data[:2] + data[2 : data.index(b"\xff\x52")] + comment * count
                      + data[data.index(b"\xff\x52") :])  # fmt: skip
        return time.perf_counter() - begin

    assert seconds(100_000) < 1


@pytest.mark.parametrize("marker", [b"\xff\x52", b"\xff\x5c", b"\xff\x51"])
def test_repeated_segments_are_refused(marker: bytes) -> None:
    data = made("j2k")
    at = data.index(marker)
    size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    with pytest.raises(CorruptPixelData):
        jpeg2000.decode(data[: at + size] + data[at : at + size] + data[at + size :])


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the shared files are not here")
def test_good_and_bad_streams_take_turns() -> None:
    paths = sorted((CONFORMANCE / "streams").glob("p0_*.j2k"))
    for path in paths:
        data = path.read_bytes()
        first = jpeg2000.decode(data, components=0)
        for cut in (len(data) // 3, len(data) // 2, len(data) - 30):
            with pytest.raises(RadkitError):
                jpeg2000.decode(data[:cut], components=0)
            lenient(data[:cut])
        np.testing.assert_array_equal(jpeg2000.decode(data, components=0), first)
