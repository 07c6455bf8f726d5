"""The step of a size, which the encoder knows without coding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radkit.codecs._j2k_encoder import open_encoder
from radkit.codecs.options import Coding


def picture(samples: int, rows: int = 300, cols: int = 420) -> Any:
    """Discs of different grey on a gradient, with noise; 12 bits."""
    rng = np.random.default_rng(samples)
    y, x = np.mgrid[:rows, :cols]
    image = 300 + 2.0 * x
    for _ in range(30):
        cy, cx, r = rng.uniform(0, rows), rng.uniform(0, cols), rng.uniform(5, 60)
        image[(y - cy) ** 2 + (x - cx) ** 2 < r * r] += rng.uniform(-200, 600)
    planes = [image + rng.normal(0, 8, image.shape) for _ in range(samples)]
    return np.ascontiguousarray(np.clip(np.stack(planes, -1), 0, 4095).astype(np.uint16).squeeze())


def encoder(image: Any, **words: Any) -> Any:
    return open_encoder(
        image, bits=12, signed=False, mct=image.ndim == 3, span=(0, 4095), **({"ht": True} | words)
    )


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("coding", [Coding(), Coding(tile=(128, 160))])
def test_step_for_a_size_meets_it(samples: int, coding: Coding) -> None:
    image = picture(samples)
    kept = encoder(image, coding=coding, levels=3, keep=True)
    for ratio in (6, 10, 20):
        size = image.nbytes // ratio
        step = kept.step_for(size)
        kept.run(step)
        data = kept.write()
        assert abs(len(data) / size - 1) < 0.06, (ratio, step)
        once = encoder(image, coding=coding, levels=3, keep=False)
        once.run(step)
        assert once.write() == data


def test_step_for_a_size_falls_with_it_and_ends() -> None:
    kept = encoder(picture(1), coding=Coding(), levels=3, keep=True)
    steps = [kept.step_for(size) for size in (1 << 30, 60_000, 20_000, 5_000, 0)]
    assert steps == sorted(steps)
    assert steps[0] == 0.125
    assert steps[-1] == 2**19


def test_the_model_wants_kept_coefficients() -> None:
    once = encoder(picture(1), coding=Coding(), levels=3, keep=False)
    for ask in (once.step_for, once.bytes_at):
        with pytest.raises(ValueError, match="keeps no coefficients"):
            ask(1000)


def test_bytes_at_a_step_and_step_for_bytes_are_one_curve() -> None:
    kept = encoder(picture(1), coding=Coding(), levels=3, keep=True, ht=False)
    for size in (60_000, 20_000, 5_000):
        assert abs(kept.bytes_at(kept.step_for(size)) / size - 1) < 0.01
    for step in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="step"):
            kept.bytes_at(step)
