"""Lossy and Coding check what they are given."""

from __future__ import annotations

from typing import Any

import pytest

from radkit.codecs.options import Coding, Lossy
from radkit.errors import OptionError


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
    ],
)
def test_coding_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Coding(**given)


def test_coding_takes() -> None:
    coding = Coding(
        levels=0, block=(4, 1024), tile=(1, 9), precincts=((1, 1), (64, 32)), layers=(40, 10)
    )
    assert coding.block == (4, 1024)
    assert Coding().progression == "RPCL"
