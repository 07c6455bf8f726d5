"""Faults of other decoders about what codestreams say and hold, and that radkit has none of them.

Rows 4, 9, 11, 12 and 17 of docs/reliability-rows.md.
"""

from __future__ import annotations

import itertools
import struct
import warnings
from functools import cache
from typing import Any

import j2kmade
import numpy as np
import pytest
from coded import SANITIZED, measures, smooth
from j2kmade import PLT, PPM, PPT, QCD, SIZ, TLM, Stream, block_header, parse, single

from radkit import limits
from radkit._native import cpu
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, LimitExceeded, RadkitError, TruncatedPixelData

IMAGE = smooth(40, 52, 12)


@cache
def good(name: str) -> bytes:
    codings: dict[str, Coding] = {
        "plain": Coding(levels=3),
        "layers": Coding(levels=3, layers=(20, 8), tile_parts=False),
        "tiles": Coding(levels=2, tile=(17, 21)),
        "blocks": Coding(levels=1, block=(4, 4), progression="PCRL", tile_parts=False),
    }
    if name == "ht":
        return htj2k.encode(IMAGE, bits=12, coding=Coding(levels=3))
    return jpeg2000.encode(IMAGE, bits=12, coding=codings[name])


GOOD = ("plain", "layers", "tiles", "blocks", "ht")


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the stream cut, with bytes changed, or with a length changed."""
    bad = bytearray(data)
    kind = int(rng.integers(3))
    if kind == 0:
        return bytes(bad[: int(rng.integers(len(bad)))])
    for _ in range(1 + int(rng.integers(4))):
        bad[int(rng.integers(20 if kind == 1 else len(bad)))] = int(rng.integers(256))
    return bytes(bad)


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def take_turns(count: int, seed: int) -> None:
    """Decode bad streams between good ones, which must stay as they are."""
    rng = np.random.default_rng(seed)
    expected = {name: jpeg2000.decode(good(name)) for name in GOOD}
    room = np.empty_like(IMAGE)
    with limits.use(max_pixels=1 << 20, max_memory_bytes=1 << 27, max_blocks=1 << 18):
        for turn in range(count):
            name = GOOD[turn % len(GOOD)]
            bad = damaged(good(GOOD[int(rng.integers(len(GOOD)))]), rng)
            for strict in (True, False):
                try:
                    jpeg2000.decode(bad, strict=strict)
                except RadkitError as error:
                    assert "internal" not in str(error)
            found = jpeg2000.decode(good(name), out=room if turn % 2 else None)
            np.testing.assert_array_equal(found, expected[name])


def test_row_04_good_and_bad_streams_in_turn_leave_nothing_behind() -> None:
    take_turns(60, seed=1)
    before = resident()
    take_turns(400, seed=2)
    assert SANITIZED or resident() - before < 8 << 20


@measures
@pytest.mark.slow
def test_row_04_a_hundred_thousand_turns_stay_in_their_memory() -> None:
    take_turns(2000, seed=3)
    before = resident()
    take_turns(100_000, seed=4)
    assert resident() - before < 2 << 20


def object_of(frames: list[bytes]) -> bytes:
    """Return a multi-frame object of 12-bit frames of 40 x 52."""
    from pathlib import Path
    from sys import path

    root = str(Path(__file__).resolve().parents[2])
    if root not in path:
        path.insert(0, root)
    from tests.bad import build as b

    image = b.grey(40, 52, frames=len(frames))
    return b.made(b.J2K, image, b.encapsulated([b.even(frame) for frame in frames]))


def test_row_09_a_fault_of_all_frames_is_told_once_with_its_count() -> None:
    import radkit

    cut = good("plain")[: len(good("plain")) // 2]
    source = object_of([good("plain")] + [cut] * 40)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        done = radkit.read(source, strict=False, threads=1)
    assert done.sound[0] == 1.0 and max(done.sound[1:]) < 1.0
    texts = [str(one.message) for one in told]
    assert len(texts) == len(set(texts)) == 1 and "40 of 41" in texts[0]
    assert len(done.corrections) == len(set(done.corrections)) <= 3


def test_row_09_work_is_counted_and_stops_at_the_limits() -> None:
    with limits.use(max_blocks=10), pytest.raises(LimitExceeded, match="max_blocks"):
        jpeg2000.decode(good("blocks"))
    with limits.use(max_tiles=2), pytest.raises(LimitExceeded, match="max_tiles"):
        jpeg2000.decode(good("tiles"))
    with limits.use(max_pixels=1000), pytest.raises(LimitExceeded, match="max_pixels"):
        jpeg2000.decode(good("plain"))
    with limits.use(max_memory_bytes=5000), pytest.raises(LimitExceeded, match="max_memory_bytes"):
        jpeg2000.decode(good("plain"))


# Hints about lengths


def tlm(index: int, entries: list[tuple[int, int]], wide: bool = True) -> tuple[int, bytes]:
    code = ">BI" if wide else ">BH"
    body = bytes((index, 0x50 if wide else 0x10))
    return TLM, body + b"".join(struct.pack(code, *entry) for entry in entries)


def plt(index: int, lengths: list[int]) -> tuple[int, bytes]:
    body = bytes((index,))
    for length in lengths:
        groups = [length >> shift & 0x7F for shift in range(28, -1, -7)]
        while len(groups) > 1 and groups[0] == 0:
            del groups[0]
        body += bytes([*(g | 0x80 for g in groups[:-1]), groups[-1]])
    return PLT, body


LIES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "more tile-parts than there are": (tlm(0, [(0, 100)] * 200),),
    "tiles that do not exist": (tlm(0, [(255, 12)] * 40),),
    "lengths of zero": (tlm(0, [(0, 0)] * 4),),
    "the longest lengths": (tlm(0, [(0, 0xFFFFFFFF)] * 4),),
    "the longest short lengths": (tlm(0, [(0, 0xFFFF)] * 4, wide=False),),
    "the same index twice": (tlm(0, [(0, 50)] * 2), tlm(0, [(0, 60)] * 2)),
    "an index far out": (tlm(255, [(0, 50)] * 2),),
    "sixteen thousand parts": tuple(tlm(k, [(0, 14)] * 8000) for k in range(2)),
}
PACKET_LIES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "packets of no bytes": (plt(0, [0] * 4),),
    "one packet of 4 GiB": (plt(0, [0xFFFFFFFF]),),
    "a thousand packets": (plt(0, [3] * 1000),),
    "a length that does not end": ((PLT, b"\x00" + b"\xff" * 60),),
    "the same index twice": (plt(7, [5]), plt(7, [6])),
    "nothing": ((PLT, b"\x00"),),
}


@pytest.mark.parametrize("name", ["plain", "tiles", "ht"])
@pytest.mark.parametrize("lie", LIES)
def test_row_11_tile_part_lengths_are_not_trusted(lie: str, name: str) -> None:
    made = parse(good(name))
    honest = Stream(tuple(one for one in made.main if one[0] != TLM), made.parts)
    data = bytes(honest.with_main(*LIES[lie]))
    expected = jpeg2000.decode(good(name))
    np.testing.assert_array_equal(jpeg2000.decode(data), expected)
    np.testing.assert_array_equal(jpeg2000.decode(data, strict=False), expected)
    for reduce in (1, 2):
        np.testing.assert_array_equal(
            jpeg2000.decode(data, reduce=reduce), jpeg2000.decode(good(name), reduce=reduce)
        )
    np.testing.assert_array_equal(
        jpeg2000.decode(data, region=(5, 30, 9, 50)), expected[5:30, 9:50]
    )
    if lie.startswith(("more", "sixteen", "tiles")):
        assert "tlm-wrong" in {problem.code for problem in jpeg2000.info(data).problems}


@pytest.mark.parametrize("name", ["plain", "tiles", "ht"])
@pytest.mark.parametrize("lie", PACKET_LIES)
def test_row_11_packet_lengths_are_not_trusted(lie: str, name: str) -> None:
    expected = jpeg2000.decode(good(name))
    for part in (0, -1):
        data = bytes(parse(good(name)).with_tile(*PACKET_LIES[lie], part=part))
        np.testing.assert_array_equal(jpeg2000.decode(data), expected)
        np.testing.assert_array_equal(jpeg2000.decode(data, strict=False), expected)
        np.testing.assert_array_equal(
            jpeg2000.decode(data, region=(5, 30, 9, 50)), expected[5:30, 9:50]
        )


# Leniency


@pytest.mark.parametrize("name", GOOD)
def test_row_12_leniency_keeps_every_promise(name: str) -> None:
    """What strict reading takes is the same; what it refuses is a typed refusal or a picture."""
    rng = np.random.default_rng(12)
    seen = {"same": 0, "picture": 0, "refused": 0}
    with limits.use(max_pixels=1 << 18, max_memory_bytes=1 << 26, max_blocks=1 << 16):
        for turn in range(400):
            bad = damaged(good(name), rng)
            part: dict[str, Any] = {}
            if turn % 3 == 1:
                part = {"region": (3, 30, 8, 33)}
            elif turn % 3 == 2:
                part = {"reduce": 1}
            try:
                strict = jpeg2000.decode(bad, **part)
            except RadkitError:
                strict = None
            try:
                left = jpeg2000.decode(bad, strict=False, **part)
            except RadkitError as error:
                assert strict is None, f"only leniency refuses: {error}"
                assert "internal" not in str(error)
                seen["refused"] += 1
                continue
            if strict is not None:
                np.testing.assert_array_equal(left, strict)
                seen["same"] += 1
            else:
                seen["picture"] += 1
            use = cpu.USE
            try:
                cpu.USE = 0
                np.testing.assert_array_equal(left, jpeg2000.decode(bad, strict=False, **part))
            finally:
                cpu.USE = use
    assert min(seen.values()) > 5, seen


@pytest.mark.parametrize("name", GOOD)
def test_row_12_a_lenient_picture_never_takes_what_was_in_its_room(name: str) -> None:
    for size in range(len(good(name)) // 3, len(good(name)), 41):
        cut, found = good(name)[:size], []
        for old in (0, 0xFFFF):
            room = np.full_like(IMAGE, old)
            found.append(jpeg2000.decode(cut, strict=False, out=room))
        np.testing.assert_array_equal(*found)


# Coding passes

SIDE = 64
MODES = {"arithmetic": 0, "bypass": 1, "terminate": 4, "both": 5, "all": 0x3F & ~0x20}


def lengths_of(style: int, passes: int, begun: int = 0) -> list[tuple[int, int]]:
    """Return (bytes, passes) of the codeword segments of passes (T.800 table D.9)."""
    out: list[list[int]] = []
    previous = None
    for n in range(begun, begun + passes):
        if style & 4:
            part = n
        elif style & 1 and n >= 10:
            part = 1 + 2 * ((n - 10) // 3) + ((n - 10) % 3 == 2)
        else:
            part = 0
        if part != previous:
            out.append([0, 0])
        previous = part
        out[-1][1] += 1
    return [(3, count) for _, count in out]


def carried(stream: Stream, headers: list[bytes], bodies: list[bytes], how: str) -> bytes:
    """Return the stream with packet headers in place or packed in the main or the tile's header."""
    tile, number, of, header, _ = stream.parts[0]
    inside = how == "inline"
    packets = zip(headers, bodies, strict=True)
    data = b"".join(head + body if inside else body for head, body in packets)
    out = Stream(stream.main, ((tile, number, of, header, data),))
    packed = b"".join(headers)
    if how == "PPM":
        out = out.with_main((PPM, b"\x00" + struct.pack(">I", len(packed)) + packed))
    elif how == "PPT":
        out = out.with_tile((PPT, b"\x00" + packed))
    return bytes(out)


@pytest.mark.parametrize("how", ["inline", "PPM", "PPT"])
@pytest.mark.parametrize("mode", MODES)
def test_row_17_passes_end_with_the_bit_planes(mode: str, how: str) -> None:
    style = MODES[mode]
    guard, exponent = 2, 10
    for zero, passes in itertools.product((0, 1, 5, 10), range(1, 165)):
        planes = guard + exponent - 1 - zero
        sizes = lengths_of(style, passes)
        body = b"\x55\xaa\x33" * len(sizes)
        made = single(SIDE, style, [], guard=guard, exponent=exponent)
        data = carried(made, [block_header(passes, sizes, zero=zero)], [body], how)
        if passes <= 3 * planes - 2:
            with_all = jpeg2000.decode(data)
            assert with_all.shape == (SIDE, SIDE)
            continue
        with pytest.raises(CorruptPixelData, match="passes"):
            jpeg2000.decode(data)
        assert jpeg2000.decode(data, strict=False).shape == (SIDE, SIDE)


@pytest.mark.parametrize("how", ["inline", "PPM", "PPT"])
@pytest.mark.parametrize("style", [0, 4, 0x40, 0xC0])
@pytest.mark.parametrize("layers", [2, 7, 60])
def test_row_17_passes_of_many_packets_are_bounded(style: int, how: str, layers: int) -> None:
    """164 passes in each layer, more than any array would hold."""
    headers, bodies = [], []
    for layer in range(layers):
        sizes = [(0, 164)] if style & 0x40 else lengths_of(style & 0x3F, 164, 164 * layer)
        sizes = [(2 if size and style & 4 else size, count) for size, count in sizes]
        headers.append(block_header(164, sizes, first=layer == 0))
        bodies.append(b"\x12" * sum(size for size, _ in sizes))
    made = single(SIDE, style, [], layers=layers, guard=7, exponent=31)
    data = carried(made, headers, bodies, how)
    for strict in (True, False):
        try:
            found = jpeg2000.decode(data, strict=strict)
        except (CorruptPixelData, TruncatedPixelData):
            assert strict
        else:
            assert not strict or style & 0x40  # placeholders only: nothing was sent
            assert found.shape == (SIDE, SIDE)


@cache
def ht_block() -> tuple[bytes, int, int]:
    """Return the cleanup segment of an HT block of 32 x 32, its missing and all bit-planes."""
    coding = Coding(levels=1, tile_parts=True, tlm=False)
    made = parse(htj2k.encode(smooth(SIDE, SIDE, 8), bits=8, coding=coding))
    packet, quant = made.parts[0][4], made.body(QCD)  # of the lowest resolution
    for zero in range(12):  # the header is found by writing it
        for size in range(len(packet) - 12, len(packet)):
            if block_header(1, [(size, 1)], zero=zero) + packet[-size:] == packet:
                return packet[-size:], zero, (quant[0] >> 5) + (quant[1] >> 3) - 1
    raise AssertionError("the packet has another form")


@pytest.mark.parametrize("how", ["inline", "PPM", "PPT"])
@pytest.mark.parametrize("mixed", [0, 0x80])
def test_row_17_placeholder_passes_of_ht_end_with_the_bit_planes(how: str, mixed: int) -> None:
    cleanup, zero, planes = ht_block()
    made = single(32, 0x40 | mixed, [], guard=1, exponent=planes)
    coding = Coding(levels=1, tile_parts=True, tlm=False)
    whole = htj2k.encode(smooth(SIDE, SIDE, 8), bits=8, coding=coding)
    expected = htj2k.decode(whole, reduce=1)
    for sets in range(55):  # three placeholder passes stand for one missing bit-plane
        passes, left = 3 * sets + 1, max(zero - sets, 0)
        # In a MIXED set a length whose top bit is 0 tells that the block is HT (T.814 B.3).
        head = block_header(passes, [(len(cleanup), passes)], zero=left, spare=mixed >> 7)
        data = carried(made, [head], [cleanup], how)
        if left + sets < planes:
            found = htj2k.decode(data)
            if left + sets == zero:
                np.testing.assert_array_equal(found, expected)
            continue
        with pytest.raises(CorruptPixelData):
            htj2k.decode(data)
        assert jpeg2000.decode(data, strict=False).shape == (32, 32)


def test_streams_of_one_block_are_what_they_should_be() -> None:
    """The hand-written packet is that of an encoder."""
    image = smooth(SIDE, SIDE, 8)
    coding = Coding(levels=0, tile_parts=False, tlm=False, progression="LRCP")
    made = parse(jpeg2000.encode(image, bits=8, coding=coding))
    packets = made.parts[0][4]
    for zero, passes in itertools.product(range(4), range(1, 40)):
        for size in range(len(packets) - 12, len(packets)):
            if block_header(passes, [(size, passes)], zero=zero) + packets[-size:] == packets:
                single_one = single(SIDE, 0, [packets])
                assert single_one.body(SIZ)[34:] == made.body(SIZ)[34:]
                assert j2kmade.parse(bytes(single_one)) == single_one
                return
    raise AssertionError("no header is like that of the encoder")
