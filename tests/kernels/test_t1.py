"""Part 1 code-blocks through the binding, against the vectors of `shared/spec`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radkit._native import _blocks
from radkit._native.cpu import DETECTED

VECTORS = Path(__file__).parents[2].parent / "shared" / "spec" / "vectors-mq.json"
CPUS = sorted({0, DETECTED & 1})
BANDS = {"LL": 0, "HL": 1, "LH": 2, "HH": 3}

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="no shared/spec/vectors-mq.json")


def blocks() -> list[dict[str, Any]]:
    return json.loads(VECTORS.read_text())["blocks"] if VECTORS.exists() else []


def decode(
    block: dict[str, Any], *, bits: int, half: bool, cpu: int, size: int | None = None
) -> tuple[Any, int, int]:
    """Decode a block; with a size that many bytes of its last segment."""
    segments = [(base64.b64decode(s["data"]), s["passes"]) for s in block["segments"]]
    if size is not None:
        segments[-1] = (segments[-1][0][:size], segments[-1][1])
    return _blocks.t1_decode(
        segments,
        width=block["w"],
        height=block["h"],
        band=BANDS[block["band"]],
        style=block["style"],
        planes=block["planes"],
        passes=block["passes"],
        bits=bits,
        half=half,
        cpu=cpu,
        cut=size is not None,
    )


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("bits", [32, 64])
def test_vectors_give_their_coefficients(cpu: int, bits: int) -> None:
    for number, block in enumerate(blocks()):
        expected = np.array(block["x2"])
        values, result, peak = decode(block, bits=bits, half=True, cpu=cpu)
        assert np.array_equal(values, expected), (number, block["from"])
        assert result == 0
        assert peak == np.abs(expected).max()


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_whole_is_half_of_the_half(cpu: int, bits: int) -> None:
    for block in blocks():
        doubled = np.array(block["x2"])
        expected = np.sign(doubled) * (np.abs(doubled) >> 1)
        values, _, peak = decode(block, bits=bits, half=False, cpu=cpu)
        assert np.array_equal(values, expected)
        assert peak == np.abs(expected).max()


@pytest.mark.parametrize("cpu", CPUS)
def test_result_tells_what_is_wrong(cpu: int) -> None:
    shape = {"width": 8, "height": 8, "band": 0, "cpu": cpu, "half": False, "bits": 32}
    _, result, _ = _blocks.t1_decode([(b"", 4)], planes=1, passes=4, style=0, **shape)
    assert result == 4  # more passes than a plane has
    _, result, _ = _blocks.t1_decode([(b"", 1)], planes=3, passes=4, style=0, **shape)
    assert result == 4  # than the segments have
    _, result, _ = _blocks.t1_decode([(b"", 1)], planes=0, passes=1, style=0, **shape)
    assert result == 4
    _, result, _ = _blocks.t1_decode([(bytes(64), 4)], planes=3, passes=4, style=0x20, **shape)
    assert result == 1  # segmentation symbols are not there
    _, result, _ = _blocks.t1_decode([(b"", 13)], planes=8, passes=13, style=1, **shape)
    assert result == 1  # a segment with MQ and plain passes
    _, result, _ = _blocks.t1_decode([(b"", 1)], planes=32, passes=1, style=0, **shape)
    assert result == 2
    values, result, peak = _blocks.t1_decode([], planes=9, passes=0, style=0, **shape)
    assert (result, peak, values.any()) == (0, 0, False)


@pytest.mark.parametrize("cpu", CPUS)
def test_what_a_cut_segment_gives_is_right(cpu: int) -> None:
    """Passes end where the bytes do; only the last decisions may hang on absent bits."""
    for number, block in enumerate(blocks()):
        right = np.array(block["x2"])
        length = len(base64.b64decode(block["segments"][-1]["data"]))
        decoded = 0
        for size in range(0, length + 1, max(1, length // 40)):
            values, result, _ = decode(block, bits=64, half=True, cpu=cpu, size=size)
            assert result == 0
            known = values != 0
            # 2 m + 2^p: the planes above p are those of the coefficient, and so is the sign.
            plane = np.abs(values[known]) & -np.abs(values[known])
            same = np.abs(values[known]) // (2 * plane) == np.abs(right[known]) // (2 * plane)
            same &= np.sign(values[known]) == np.sign(right[known])
            assert np.count_nonzero(~same) <= 4, (number, size)
            decoded = max(decoded, np.count_nonzero(known))
        assert decoded >= 0.9 * np.count_nonzero(right), number
