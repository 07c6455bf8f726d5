"""Steps for a size, a PSNR or a largest error: how few tries they take, and what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from coded import smooth

from radkit.codecs import _j2k_encode, htj2k, jpeg2000
from radkit.codecs.options import Coding, Lossy


def picture(bits: int, samples: int = 1) -> np.ndarray:
    rng = np.random.default_rng(bits)
    plane = smooth(180, 210, bits).astype(np.int64)
    plane = plane // 2 + (1 << bits) // 4 + rng.integers(0, max((1 << bits) // 128, 2), plane.shape)
    image = plane.astype(np.uint8 if bits <= 8 else np.uint16)
    return image if samples == 1 else np.dstack([image, image[::-1], image[:, ::-1]])


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steps of all trials and codings."""
    seen: list[float] = []
    for name in ("trial", "at_step"):
        real = getattr(_j2k_encode._Engine, name)

        def counted(self: Any, q: float, real: Any = real) -> bytes:
            seen.append(q)
            made: bytes = real(self, q)
            return made

        monkeypatch.setattr(_j2k_encode._Engine, name, counted)
    return seen


def measured(image: np.ndarray, data: bytes) -> float:
    return float(((jpeg2000.decode(data).astype(float) - image) ** 2).mean())


@pytest.mark.parametrize(("bits", "samples"), [(8, 1), (12, 1), (16, 1), (8, 3)])
@pytest.mark.parametrize("tile", [None, (64, 100)])
def test_squares_of_coefficients_are_those_of_the_picture(
    bits: int, samples: int, tile: tuple[int, int] | None
) -> None:
    image = picture(bits, samples)
    coding = Coding(tile=tile, levels=3)
    job = _j2k_encode._job(image, bits, False, samples == 3, coding, 8 * image.itemsize, True)
    engine = _j2k_encode._Engine(job)
    for q in (2.0, 6.0, 20.0):
        real = measured(image, engine.trial(q))
        assert abs(10 * np.log10(engine.squares(q) / real)) < 0.6
        assert measured(image, engine.at_step(q)) == real


@pytest.mark.parametrize("module", [htj2k, jpeg2000])
@pytest.mark.parametrize("wanted", [38.0, 46.0])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_psnr_is_met_in_few_tries(
    module: Any, wanted: float, bits: int, tries: list[float]
) -> None:
    image = picture(bits)
    data = module.encode(image, bits=bits, lossy=Lossy(psnr=wanted))
    peak = (1 << bits) - 1
    assert abs(10 * np.log10(peak * peak / measured(image, data)) - wanted) <= 0.1
    assert len(tries) <= 3  # at most two, and the coding of the last one


@pytest.mark.parametrize("module", [htj2k, jpeg2000])
@pytest.mark.parametrize("most", [3, 8])
def test_largest_error_holds(module: Any, most: int, tries: list[float]) -> None:
    image = picture(12)
    data = module.encode(image, bits=12, lossy=Lossy(max_error=most))
    error = np.abs(module.decode(data).astype(int) - image).max()
    assert 0 < error <= most and len(tries) < 10


@pytest.mark.parametrize("ratio", [6.0, 12.0, 30.0])
def test_ratio_is_met_in_few_tries(ratio: float, tries: list[float]) -> None:
    image = picture(12)
    data = htj2k.encode(image, bits=12, lossy=Lossy(ratio=ratio))
    assert abs(image.nbytes / len(data) / ratio - 1) < 0.03
    assert len(tries) <= 4
