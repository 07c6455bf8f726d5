"""HT code-blocks from coefficients: vectors of `shared/spec`, and what foreign decoders read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radkit._native import _blocks
from radkit._native.cpu import DETECTED

VECTORS = Path(__file__).parents[2].parent / "shared" / "spec" / "vectors-ht.json"
CPUS = sorted({0, DETECTED & 1})
FULL, WIDE = 8, 2


def encode(values: Any, *, cpu: int, plane: int = 0) -> tuple[bytes, int]:
    """The segment and its magnitude bit-planes."""
    segment, result, size, planes = _blocks.ht_encode(values, plane=plane, cpu=cpu)
    assert (result, size) == (0, len(segment))
    return segment, planes


def decode(segment: bytes, values: Any, *, planes: int, cpu: int) -> Any:
    height, width = values.shape
    shape: dict[str, Any] = {"width": width, "height": height, "passes": 1 if segment else 0}
    rest: dict[str, Any] = {"plane": 0, "planes": max(planes, 1), "causal": False, "half": False}
    out, result, _ = _blocks.ht_decode(segment, b"", bits=32, cpu=cpu, **shape, **rest)
    assert result == 0
    return out


def vectors() -> list[dict[str, Any]]:
    found = json.loads(VECTORS.read_text())["blocks"] if VECTORS.exists() else []
    return [block for block in found if block["passes"] == 1]


@pytest.mark.skipif(not VECTORS.exists(), reason="no shared/spec/vectors-ht.json")
@pytest.mark.parametrize("cpu", CPUS)
def test_vectors_come_back_from_segments_no_longer_than_theirs(cpu: int) -> None:
    ours = theirs = 0
    for block in vectors():
        values = np.array(block["coefficients"], np.int32).reshape(block["h"], block["w"])
        segment, planes = encode(values, cpu=cpu)
        assert np.array_equal(decode(segment, values, planes=planes, cpu=cpu), values)
        assert planes == int(np.abs(values).max()).bit_length()
        ours += len(segment)
        theirs += block["Lcup"]
    assert ours <= theirs


def noise(seed: int, height: int, width: int, bits: int, dtype: Any) -> Any:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, bits + 1, (height, width))
    values = rng.integers(-(2**bits) + 1, 2**bits, (height, width)) >> small
    return values.astype(dtype)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("plane", [1, 3, 9])
def test_a_higher_plane_drops_the_bits_below_it(cpu: int, plane: int) -> None:
    for seed, dtype in enumerate((np.int16, np.int32)):
        values = noise(seed, 13, 21, 14, dtype)
        segment, planes = encode(values, cpu=cpu, plane=plane)
        wide = values.astype(np.int64)
        expected = np.sign(wide) * (np.abs(wide) >> plane)
        assert np.array_equal(decode(segment, values, planes=planes, cpu=cpu), expected)
        assert segment == encode(expected.astype(dtype), cpu=cpu)[0]


@pytest.mark.parametrize("cpu", CPUS)
def test_rows_of_a_larger_array_are_read_in_place(cpu: int) -> None:
    plane = noise(7, 200, 300, 12, np.int16)
    part = plane[64:128, 128:192]
    assert encode(part, cpu=cpu) == encode(np.ascontiguousarray(part), cpu=cpu)


@pytest.mark.parametrize("cpu", CPUS)
def test_result_tells_what_cannot_be(cpu: int) -> None:
    zero = np.zeros((5, 7), np.int16)
    assert _blocks.ht_encode(zero, plane=0, cpu=cpu) == (b"", 0, 0, 0)
    small = np.full((5, 7), -7, np.int32)
    assert _blocks.ht_encode(small, plane=3, cpu=cpu) == (b"", 0, 0, 0)
    large = np.full((3, 3), -(2**31), np.int32)
    assert _blocks.ht_encode(large, plane=0, cpu=cpu) == (b"", WIDE, 0, 32)
    segment, planes = encode(large, cpu=cpu, plane=2)
    assert planes == 30
    assert np.all(decode(segment, large, planes=30, cpu=cpu) == -(2**29))
    values = noise(3, 32, 32, 10, np.int16)
    whole, _, size, planes = _blocks.ht_encode(values, plane=0, cpu=cpu)
    for capacity in (0, 1, 2, size // 2, size - 1):
        found = _blocks.ht_encode(values, plane=0, cpu=cpu, capacity=capacity)
        assert found == (b"", FULL, size, planes)
    assert _blocks.ht_encode(values, plane=0, cpu=cpu, capacity=size)[0] == whole


def codestream(segment: bytes, *, width: int, height: int, depth: int, exponent: int) -> bytes:
    """A codestream of one HT block without wavelet (T.800 annex A, T.814 annex A)."""
    siz = struct.pack(
        ">HIIIIIIIIHBBB", 0x4000, width, height, 0, 0, width, height, 0, 0, 1, depth - 1, 1, 1
    )
    cap = struct.pack(">IH", 0x00020000, max(exponent - 8, 0))  # MAGB: B = P + 8
    cod = struct.pack(">BBHBBBBBB", 0, 2, 1, 0, 0, 4, 4, 0x40, 1)  # no levels, 64 x 64, 5/3
    qcd = struct.pack(">BB", 1 << 5, exponent << 3)  # one guard bit
    head = b"\xff\x4f"
    for code, body in ((0x51, siz), (0x50, cap), (0x52, cod), (0x5C, qcd)):
        head += struct.pack(">HH", 0xFF00 | code, len(body) + 2) + body
    size = len(segment).bit_length()
    # Not empty, included, `exponent - 1` missing bit-planes, one pass, Lblock, length.
    bits = "11" + "0" * (exponent - 1) + "1" + "0" + "1" * max(size - 3, 0) + "0"
    bits += f"{len(segment):0{max(size, 3)}b}"
    packet = stuffed(bits if segment else "0") + segment
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(packet), 0, 1)
    return head + sot + b"\xff\x93" + packet + b"\xff\xd9"


def stuffed(bits: str) -> bytes:
    """Bits of a packet header; a byte behind FF has seven (T.800 B.10.1)."""
    out = bytearray()
    while bits:
        n = 7 if out and out[-1] == 0xFF else 8
        out.append(int(bits[:n].ljust(n, "0"), 2))
        bits = bits[n:]
    return bytes(out + b"\0" if out[-1] == 0xFF else out)


@pytest.mark.parametrize("cpu", CPUS)
def test_foreign_decoders_read_the_same_samples(cpu: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    for seed, (height, width) in enumerate([(64, 64), (1, 64), (64, 1), (7, 33), (63, 50), (2, 2)]):
        for bits in (1, 4, 8, 11, 14, 15):
            values = noise(seed, height, width, bits, np.int32)
            segment, planes = encode(values, cpu=cpu)
            stream = codestream(segment, width=width, height=height, depth=16, exponent=17)
            expected = (values + 32768).astype(np.uint16)
            assert planes <= 17
            for name in ("htj2k_decode", "jpeg2k_decode"):  # OpenJPH, OpenJPEG
                found = getattr(imagecodecs, name)(stream)
                assert np.array_equal(found.reshape(height, width), expected), (name, seed, bits)
