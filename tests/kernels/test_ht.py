"""HT code-blocks through the binding, against the vectors of `shared/spec`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radkit._native import _blocks
from radkit._native.cpu import DETECTED

VECTORS = Path(__file__).parents[2].parent / "shared" / "spec" / "vectors-ht.json"
CPUS = sorted({0, DETECTED & 1})

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="no shared/spec/vectors-ht.json")


def blocks() -> list[dict[str, Any]]:
    return json.loads(VECTORS.read_text())["blocks"] if VECTORS.exists() else []


def decode(block: dict[str, Any], *, bits: int, cpu: int, **words: Any) -> tuple[Any, int, int]:
    segment = bytes.fromhex(block["segment"])
    size = block["Lcup"]
    options = {
        "width": block["w"],
        "height": block["h"],
        "passes": block["passes"],
        "plane": block["planes"] - 1 - block["missing_msbs"],
        "planes": block["missing_msbs"] + 1,
        "causal": False,
        "half": False,
    }
    return _blocks.ht_decode(
        segment[:size], segment[size:], bits=bits, cpu=cpu, **(options | words)
    )


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_vectors_give_their_coefficients(cpu: int, bits: int) -> None:
    for number, block in enumerate(blocks()):
        if bits == 16 and block["passes"] > 1:
            continue
        expected = np.array(block["coefficients"]).reshape(block["h"], block["w"])
        values, result, peak = decode(block, bits=bits, cpu=cpu)
        if bits == 16 and np.abs(expected).max() > 1 << 14:
            assert result == 2
            continue
        assert result == 0, (number, block["source"])
        assert np.array_equal(values, expected), (number, block["source"])
        assert peak == np.abs(expected).max()


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("bits", [32, 64])
def test_half_keeps_the_middle_of_the_last_plane(cpu: int, bits: int) -> None:
    for block in blocks():
        whole, _, _ = decode(block, bits=bits, cpu=cpu)
        half, _, _ = decode(block, bits=bits, cpu=cpu, half=True)
        assert np.array_equal(np.abs(half) >> 1, np.abs(whole))
        assert np.array_equal(np.sign(half), np.sign(whole))
        if block["missing_msbs"] + 1 == block["planes"]:
            assert np.array_equal(half != 0, half & 1)


@pytest.mark.parametrize("cpu", CPUS)
def test_a_cleanup_of_a_higher_plane_is_shifted(cpu: int) -> None:
    for block in blocks():
        if block["passes"] > 1:
            continue
        low, _, _ = decode(block, bits=32, cpu=cpu)
        for half in (False, True):
            high, _, _ = decode(block, bits=32, cpu=cpu, plane=5, half=half)
            size = np.abs(low.astype(np.int64))
            expected = size * 64 + 32 if half else size * 32 + 16
            assert np.array_equal(high, np.where(low == 0, 0, np.sign(low) * expected))


@pytest.mark.parametrize("cpu", CPUS)
def test_result_tells_what_is_wrong(cpu: int) -> None:
    shape: dict[str, Any] = {"width": 8, "height": 8, "bits": 32, "half": False, "causal": False}
    shape |= {"planes": 9, "cpu": cpu}
    one = {"plane": 0, "passes": 1}
    assert _blocks.ht_decode(b"", b"", **one, **shape)[1] == 1
    assert _blocks.ht_decode(b"\0\0\0", b"", **one, **shape)[1] == 1  # Scup below 2
    assert _blocks.ht_decode(b"\0\4\0", b"", **one, **shape)[1] == 1  # above Lcup
    assert _blocks.ht_decode(bytes(65535), b"", **one, **shape)[1] == 1
    assert _blocks.ht_decode(b"\0\3\0", b"", plane=0, passes=2, **shape)[1] == 1
    values, result, peak = _blocks.ht_decode(b"", b"", plane=0, passes=0, **shape)
    assert (result, peak, values.any()) == (0, 0, False)
    shape |= {"planes": 31}
    assert _blocks.ht_decode(b"\0\3\0", b"", **one, **shape)[1] == 2
    shape |= {"bits": 16, "planes": 9}
    assert _blocks.ht_decode(b"\0\3\0", b"", plane=1, passes=1, **shape)[1] == 2
