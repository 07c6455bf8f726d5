"""Lossy and Coding check what they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding, Lossy
from radkit.errors import EncodeError, OptionError


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ratio": 5, "psnr": 40},
        {"ratio": 1},
        {"ratio": 201},
        {"ratio": float("nan")},
        {"max_bytes": 0},
        {"max_bytes": 1.5},
        {"psnr": 19},
        {"psnr": 121},
        {"max_error": 0},
        {"max_error": 1.0},
        {"max_error": True},
        {"max_bytes": True},
        {"ratio": "8"},
        {"psnr": "40"},
        {"preset": 3},
        {"max_error": 65535},
        {"max_error": 10**400},
        {"ratio": float("inf")},
        {"psnr": float("nan")},
        {"ratio": True},
    ],
)
def test_lossy_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Lossy(**given)


@pytest.mark.parametrize(
    "given",
    [{"ratio": 1.01}, {"ratio": 200}, {"max_bytes": 1}, {"psnr": 20}, {"max_error": 1}],
)
def test_lossy_takes(given: dict[str, Any]) -> None:
    lossy = Lossy(**given)
    assert {name: getattr(lossy, name) for name in given} == given


@pytest.mark.parametrize(
    "given",
    [
        {"levels": 33},
        {"levels": -1},
        {"levels": 1.5},
        {"progression": "LCRP"},
        {"block": (2, 64)},
        {"block": (48, 64)},
        {"block": (128, 64)},
        {"block": (64,)},
        {"block": 64},
        {"tile": (0, 5)},
        {"tile": (5,)},
        {"precincts": ((0, 4),)},
        {"precincts": ((65536, 4),)},
        {"precincts": ((3, 4),)},
        {"precincts": (4,)},
        {"precincts": ((64, 64), (1, 64))},
        {"layers": (0.5,)},
        {"layers": (4, 8)},
        {"layers": ("8",)},
        {"layers": 8},
        {"layers": None},
        {"layers": "84"},
        {"layers": (float("nan"),)},
        {"layers": (float("inf"),)},
        {"layers": (8, 8)},
        {"layers": (True,)},
        {"layers": tuple(range(65536, 1, -1))},
        {"levels": True},
        {"levels": "5"},
        {"block": "64"},
        {"block": (64, 64, 1)},
        {"block": (64.0, 64)},
        {"block": {64: 1, 32: 2}},
        {"tile": (1 << 32, 5)},
        {"tile": (5, -5)},
        {"tile": (True, 5)},
        {"precincts": 64},
        {"precincts": None},
        {"precincts": (64, 64)},
        {"precincts": ((1, 64),)},
        {"precincts": ((64, 64),) * 34},
        {"levels": 1, "precincts": ((64, 64),) * 3},
        {"progression": None},
        {"progression": ["RPCL"]},
        {"tile_parts": 1},
        {"tlm": None},
        {"plt": "yes"},
    ],
)
def test_coding_refuses(given: dict[str, Any]) -> None:
    name = list(given)[-1]  # the one that is wrong is named
    with pytest.raises(OptionError, match=rf"Coding\.{name}"):
        Coding(**given)


def test_lists_are_taken_as_tuples() -> None:
    given = Coding(block=[32, 64], tile=[9, 8], precincts=[[4, 4], (8, 8)], layers=[9, 3])  # type: ignore[arg-type]
    same = Coding(block=(32, 64), tile=(9, 8), precincts=((4, 4), (8, 8)), layers=(9, 3))
    assert given == same and hash(given) == hash(same)
    assert Coding(levels=0, precincts=((1, 1),)).precincts == ((1, 1),)


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize(
    "given",
    [
        {"lossy": 8},
        {"lossy": {"ratio": 8}},
        {"coding": {"levels": 5}},
        {"bits": 8.0},
        {"bits": True},
        {"signed": 1},
        {"threads": 0},
        {"threads": 1.5},
        {"colour": "grey"},
        {"colour": "rgb"},
        {"colour": None},
    ],
)
def test_encode_refuses(module: Any, given: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(given))):
        module.encode(np.zeros((4, 4), np.uint8), **given)


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
@pytest.mark.parametrize(
    ("array", "bits"),
    [
        (np.zeros((4, 4)), None),
        (np.zeros((4, 4), complex), None),
        (np.zeros((4, 4), "S3"), None),
        (np.zeros((4, 4), object), None),
        (np.zeros(4, np.uint8), None),
        (np.zeros((0, 4), np.uint8), None),
        (np.zeros((2, 3, 4, 5), np.uint8), None),
        (np.zeros((2, 2, 16385), np.uint8), None),
        (np.full((4, 4), 16, np.uint8), 4),
        (np.full((4, 4), -9, np.int8), 4),
        (np.zeros((4, 4), np.uint8), 0),
        (np.zeros((4, 4), np.uint8), 33),
        (np.full((4, 4), 1 << 40), None),
    ],
)
def test_encode_refuses_what_is_no_image(module: Any, array: np.ndarray, bits: int | None) -> None:
    with pytest.raises(EncodeError):
        module.encode(array, bits=bits)


def test_coding_takes() -> None:
    coding = Coding(
        levels=1, block=(4, 1024), tile=(1, 9), precincts=((1, 1), (64, 32)), layers=(40, 10)
    )
    assert coding.block == (4, 1024)
    assert Coding().progression == "RPCL"
