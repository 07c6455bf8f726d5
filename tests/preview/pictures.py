"""What the tests of previews look at: a picture with edges and noise, objects, shared files."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import radkit
from radkit.testing import sample, write_series

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"shared/data/{name} is absent")
    return path


@cache
def phantom(rows: int = 200, cols: int = 168) -> np.ndarray:
    """Discs and a ramp of 12 bits, with noise."""
    y, x = np.mgrid[:rows, :cols]
    picture = 300.0 + 4 * x + 2 * y
    for row, col, radius, height in ((60, 50, 30, 900), (130, 110, 40, 1500), (60, 120, 12, -250)):
        picture[(y - row) ** 2 + (x - col) ** 2 < radius**2] += height
    picture += np.random.default_rng(5).normal(0, 12, picture.shape)
    return np.clip(np.rint(picture), 0, 4095).astype(np.uint16)


@cache
def coded_ct(syntax: str = "htj2k-lossless-rpcl") -> bytes:
    data = radkit.transcode(sample("ct"), None, syntax).data
    assert data is not None
    return data


@cache
def coded_series(slices: int = 20) -> tuple[bytes, ...]:
    """Slices in reversed order, so that names and numbers do not help."""
    rng = np.random.default_rng(3)
    array = np.stack(
        [phantom(160, 128) + rng.integers(0, 5, dtype=np.uint16) for _ in range(slices)]
    )
    paths = sorted(write_series(None, array, slices=slices).iterdir())
    made = [radkit.transcode(path, None, "htj2k-lossless-rpcl").data for path in paths]
    return tuple(data for data in reversed(made) if data is not None)


def psnr(found: np.ndarray, right: np.ndarray) -> float:
    difference = found.astype(np.float64) - right.astype(np.float64)
    error = float(np.mean(difference**2))
    span = float(right.max()) - float(right.min())
    return math.inf if error == 0 else 10 * math.log10(span * span / error)
