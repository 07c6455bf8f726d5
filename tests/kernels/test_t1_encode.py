"""The encoder of Part 1 code-blocks: its rules, and against blocks made by OpenJPEG."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from radkit._native import _blocks
from radkit._native.cpu import DETECTED

VECTORS = Path(__file__).parents[2].parent / "shared" / "spec" / "vectors-mq.json"
CPUS = sorted({0, DETECTED & 1})
BANDS = {"LL": 0, "HL": 1, "LH": 2, "HH": 3}
FULL, WIDE = 8, 2
BYPASS, RESET, TERMINATE, CAUSAL, PREDICTABLE, SYMBOLS = 1, 2, 4, 8, 16, 32

Passes = list[tuple[int, bool, float]]


def segments_of(data: bytes, passes: Passes) -> list[tuple[bytes, int]]:
    """The segments as the decoder takes them."""
    found, start, first = [], 0, 0
    for i, (length, closed, _) in enumerate(passes):
        if closed:
            found.append((data[start:length], i + 1 - first))
            start, first = length, i + 1
    return found


def decode(data: bytes, passes: Passes, planes: int, **shape: Any) -> np.ndarray:
    values, result, _ = _blocks.t1_decode(
        segments_of(data, passes), planes=planes, passes=len(passes), bits=64, **shape
    )
    assert result == 0
    return values


def noise(seed: int, width: int = 64, height: int = 64, scale: float = 9.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.rint(rng.laplace(0, scale, (height, width))).astype(np.int16)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("style", [0, BYPASS, TERMINATE | RESET, CAUSAL | PREDICTABLE, SYMBOLS, 63])
@pytest.mark.parametrize("band", range(4))
def test_every_value_comes_back(cpu: int, style: int, band: int) -> None:
    for seed, (width, height) in enumerate([(64, 64), (1, 1), (37, 13), (1024, 4), (4, 1024)]):
        values = noise(seed, width, height, scale=200)
        data, passes, result, planes = _blocks.t1_encode(values, band=band, style=style, cpu=cpu)
        assert result == 0
        assert planes == int(np.abs(values).max()).bit_length()
        shape = {"width": width, "height": height, "band": band, "style": style, "cpu": 0}
        assert np.array_equal(decode(data, passes, planes, half=False, **shape), values)


@pytest.mark.parametrize("cpu", CPUS)
def test_nothing_to_code_has_no_passes(cpu: int) -> None:
    zeros = np.zeros((5, 7), np.int32)
    assert _blocks.t1_encode(zeros, band=0, style=0, cpu=cpu) == (b"", [], 0, 0)
    zeros[2, 3] = -5
    assert _blocks.t1_encode(zeros, band=0, style=0, floor=3, cpu=cpu) == (b"", [], 0, 3)
    assert len(_blocks.t1_encode(zeros, band=0, style=0, floor=2, cpu=cpu)[1]) == 1


@pytest.mark.parametrize("cpu", CPUS)
def test_extremes_of_the_formats(cpu: int) -> None:
    values = np.array([[-32768, 32767]], np.int16)
    data, passes, result, planes = _blocks.t1_encode(values, band=1, style=0, cpu=cpu)
    assert (result, planes) == (0, 16)
    shape = {"width": 2, "height": 1, "band": 1, "style": 0, "cpu": 0}
    assert decode(data, passes, 16, half=False, **shape).tolist() == values.tolist()
    lowest = np.array([[0, -(2**31)]], np.int32)
    assert _blocks.t1_encode(lowest, band=0, style=0, cpu=cpu) == (b"", [], WIDE, 0)
    values32 = np.array([[1 - 2**31, 2**31 - 1]], np.int32)
    data, passes, result, planes = _blocks.t1_encode(values32, band=1, style=0, cpu=cpu)
    assert (result, planes, len(passes)) == (0, 31, 91)
    assert decode(data, passes, 31, half=False, **shape).tolist() == values32.tolist()


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("style", [0, TERMINATE, BYPASS])
def test_exact_capacity_does_and_one_less_does_not(cpu: int, style: int) -> None:
    values = noise(3, scale=100)
    data, *rest = _blocks.t1_encode(values, band=2, style=style, cpu=cpu)
    args: dict[str, Any] = {"band": 2, "style": style, "cpu": cpu}
    assert _blocks.t1_encode(values, capacity=len(data), **args) == (data, *rest)
    for capacity in [len(data) - 1, len(data) // 2, 1, 0]:
        short, passes, result, planes = _blocks.t1_encode(values, capacity=capacity, **args)
        assert (short, passes, result, planes) == (b"", [], FULL, rest[2])


@pytest.mark.parametrize("cpu", CPUS)
def test_a_prefix_of_each_length_is_the_picture_of_its_pass(cpu: int) -> None:
    values = noise(4)
    data, passes, _, planes = _blocks.t1_encode(values, band=3, style=0, weight=1, cpu=cpu)
    shape: dict[str, Any] = {
        "width": 64,
        "height": 64,
        "band": 3,
        "style": 0,
        "cpu": cpu,
        "half": False,
        "bits": 32,
    }
    error = float((values.astype(np.int64) ** 2).sum())
    for count, (length, _, gain) in enumerate(passes, 1):
        part, result, _ = _blocks.t1_decode(
            [(data[:length], count)], planes=planes, passes=count, **shape
        )
        error -= gain
        assert result == 0
        assert float(((part.astype(np.int64) - values) ** 2).sum()) == error
    assert error == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_planes_below_the_floor_count_in_gains_only(cpu: int) -> None:
    """Two planes of fraction: the decoder's picture is four times the rest, its error as told."""
    values = noise(5, scale=40)
    shape = {"width": 64, "height": 64, "band": 0, "style": 0, "cpu": cpu}
    data, passes, _, planes = _blocks.t1_encode(
        values, band=0, style=0, floor=2, half=True, weight=0.5, cpu=cpu
    )
    coarse = np.sign(values) * (np.abs(values) >> 2)
    bare, bare_passes, _, bare_planes = _blocks.t1_encode(
        coarse.astype(np.int16), band=0, style=0, cpu=cpu
    )
    assert (bare, bare_planes, len(bare_passes)) == (data, planes - 2, len(passes))
    got = decode(data, passes, planes - 2, half=True, **shape) * 4  # in halves of plane 0
    true = 2 * values.astype(np.int64) + np.sign(values)
    left = 0.5 * 0.25 * float((true**2).sum()) - sum(gain for *_, gain in passes)
    assert left == 0.5 * 0.25 * float(((true - got) ** 2).sum())


class Bits:
    """Bits of a packet header, with a stuffed one behind FF (T.800 B.10.1)."""

    def __init__(self) -> None:
        self.done = bytearray()
        self.held: list[int] = []

    def put(self, value: int, count: int) -> None:
        for i in reversed(range(count)):
            self.held.append(value >> i & 1)
            if len(self.held) == (7 if self.done[-1:] == b"\xff" else 8):
                self.done.append(int("".join(map(str, self.held)), 2))
                self.held = []

    def end(self) -> bytes:
        while self.held or self.done[-1:] == b"\xff":
            self.put(0, 1)
        return bytes(self.done)


def packet(data: bytes, passes: Passes, missing: int) -> bytes:
    """The one packet of a picture that is one code-block."""
    bits = Bits()
    bits.put(3, 2)  # not empty; included in the first layer
    bits.put(1, missing + 1)
    count = len(passes)
    if count <= 5:
        bits.put(*{1: (0, 1), 2: (2, 2)}.get(count, (12 | (count - 3), 4)))
    elif count <= 36:
        bits.put(15 << 5 | (count - 6), 9)
    else:
        bits.put(511 << 7 | (count - 37), 16)
    parts = [(len(part), n.bit_length() - 1) for part, n in segments_of(data, passes)]
    wide = max(3, *(size.bit_length() - log for size, log in parts))
    bits.put((1 << (wide - 3)) - 1, wide - 3)
    bits.put(0, 1)
    for size, log in parts:
        bits.put(size, wide + log)
    return bits.end() + data


def codestream(values: np.ndarray, depth: int, style: int, cpu: int) -> bytes:
    """A picture of one signed component without a wavelet: one LL band, one block."""
    data, passes, result, planes = _blocks.t1_encode(values, band=0, style=style, cpu=cpu)
    assert result == 0
    height, width = values.shape
    size = np.array([width, height, 0, 0] * 2, ">u4").tobytes()
    body = packet(data, passes, depth + 1 - planes)  # two guard bits
    return b"".join([
        bytes.fromhex("ff4f ff51 0029 0000"), size, bytes([0, 1, 0x80 | (depth - 1), 1, 1]),
        bytes.fromhex("ff52 000c 00 00 0001 00 00 04 04"), bytes([style, 1]),
        bytes.fromhex("ff5c 0004 40"), bytes([depth << 3]),
        bytes.fromhex("ff90 000a 0000"), np.uint32(14 + len(body)).byteswap().tobytes(),
        bytes.fromhex("0001 ff93"), body, bytes.fromhex("ffd9"),
    ])  # fmt: skip


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("style", range(64))
def test_openjpeg_decodes_all_styles(cpu: int, style: int) -> None:
    for seed, (width, height) in enumerate([(64, 64), (5, 61), (33, 2)]):
        values = noise(seed + 10 * style, width, height, scale=300)
        stream = codestream(values, 14, style, cpu)
        assert np.array_equal(imagecodecs.jpeg2k_decode(stream), values)


@pytest.mark.skipif(not VECTORS.exists(), reason="no shared/spec/vectors-mq.json")
@pytest.mark.parametrize("cpu", CPUS)
def test_blocks_of_openjpeg_are_not_longer_than_its_own(cpu: int) -> None:
    seen = predictable = 0
    for block in json.loads(VECTORS.read_text())["blocks"]:
        if block["passes"] != 3 * block["planes"] - 2 or block["planes"] > 31:
            continue
        doubled = np.array(block["x2"])
        values = (np.sign(doubled) * (np.abs(doubled) >> 1)).astype(np.int32)
        band, style = BANDS[block["band"]], block["style"]
        data, passes, result, planes = _blocks.t1_encode(values, band=band, style=style, cpu=cpu)
        height, width = values.shape
        shape = {"width": width, "height": height, "band": band, "style": style, "cpu": 0}
        assert result == 0
        assert np.array_equal(decode(data, passes, planes, half=False, **shape), values)
        if planes == block["planes"]:
            own = [(base64.b64decode(s["data"]), s["passes"]) for s in block["segments"]]
            parts = segments_of(data, passes)
            assert [n for _, n in parts] == [n for _, n in own]
            assert len(data) <= sum(len(part) for part, _ in own)
            if style & PREDICTABLE:  # there is one way to end a segment
                assert parts == own
                predictable += 1
            seen += 1
    assert seen > 10
    assert predictable > 2
