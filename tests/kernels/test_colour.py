"""YBR into RGB against exact fractions and against pydicom."""

from __future__ import annotations

import numpy as np
import pytest

from radkit._native import _pixels
from radkit._native.cpu import USE

CPUS = sorted({0, USE})
# The one pair of chroma samples for which G is an exact half. pydicom's float32 product falls to
# either side of it there, depending on Y and on how the array is cut for the BLAS.
HALF = (78, 178)


def exact(ycc: np.ndarray, bits: int = 8) -> np.ndarray:
    """The equations of PS3.3 C.7.6.3.1.2 (inverse) in integers, rounded half up."""
    middle, high = 1 << (bits - 1), (1 << bits) - 1
    y, cb, cr = (ycc[..., c].astype(np.int64) for c in range(3))
    cb, cr = cb - middle, cr - middle
    parts = [
        (2 * 1402 * cr + 1000) // 2000,
        (-2 * (202008 * cb + 419198 * cr) + 587000) // 1174000,
        (2 * 1772 * cb + 1000) // 2000,
    ]
    return np.stack([np.clip(y + part, 0, high) for part in parts], axis=-1).astype(ycc.dtype)


def colours(y: int) -> np.ndarray:
    """All (256, 256) chroma pairs at one luminance."""
    chroma = np.indices((256, 256), dtype=np.uint8)
    return np.stack([np.full((256, 256), y, np.uint8), chroma[0], chroma[1]], axis=-1)


def agrees_with_pydicom(y: int, got: np.ndarray) -> bool:
    from pydicom.pixels import convert_color_space

    differs = got != convert_color_space(colours(y), "YBR_FULL", "RGB")
    differs[HALF] = False
    return not differs.any()


@pytest.mark.parametrize("cpu", CPUS)
def test_sampled_colours_equal_pydicom_and_the_equations(cpu: int) -> None:
    for y in (0, 1, 16, 45, 127, 128, 200, 254, 255):
        src = colours(y)
        got = np.empty_like(src)
        _pixels.ybr_full_to_rgb(src, got, cpu=cpu)
        assert np.array_equal(got, exact(src)), y
        assert agrees_with_pydicom(y, got), y


@pytest.mark.slow
@pytest.mark.parametrize("cpu", CPUS)
def test_all_colours_equal_pydicom_and_the_equations(cpu: int) -> None:
    for y in range(256):
        src = colours(y)
        got = np.empty_like(src)
        _pixels.ybr_full_to_rgb(src, got, cpu=cpu)
        assert np.array_equal(got, exact(src)), y
        assert agrees_with_pydicom(y, got), y


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000])
def test_planar_and_in_place(cpu: int, n: int) -> None:
    rng = np.random.default_rng(n)
    src = rng.integers(0, 256, (n, 3), dtype=np.uint8)
    got = np.empty_like(src)
    _pixels.ybr_full_to_rgb(np.ascontiguousarray(src.T), got, planar=True, cpu=cpu)
    assert np.array_equal(got, exact(src))
    same = src.copy()
    _pixels.ybr_full_to_rgb(same, same, cpu=cpu)
    assert np.array_equal(same, got)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_words(cpu: int, bits: int, planar: bool) -> None:
    src = np.random.default_rng(bits).integers(0, 1 << bits, (1000, 3), dtype=np.uint16)
    got = np.empty_like(src)
    given = np.ascontiguousarray(src.T) if planar else src
    _pixels.ybr_full_to_rgb(given, got, bits=bits, planar=planar, cpu=cpu)
    assert np.array_equal(got, exact(src, bits))


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 14), (33, 64)])
def test_422(cpu: int, dtype: type, shape: tuple[int, int]) -> None:
    rows, cols = shape
    bits = 8 * np.dtype(dtype).itemsize
    pairs = np.random.default_rng(rows).integers(0, 1 << bits, (rows * cols // 2, 4), dtype=dtype)
    ycc = np.empty((rows * cols // 2, 2, 3), dtype)
    ycc[..., 0] = pairs[:, :2]
    ycc[..., 1:] = pairs[:, None, 2:]
    full, rgb = np.empty_like(ycc), np.empty_like(ycc)
    _pixels.ybr_422_to_ybr_full(pairs, full, rows, cols, cpu=cpu)
    _pixels.ybr_422_to_rgb(pairs, rgb, rows, cols, cpu=cpu)
    assert np.array_equal(full, ycc)
    assert np.array_equal(rgb, exact(ycc, bits))


def test_wrong_colour_calls_are_refused() -> None:
    eight, out = np.zeros(8, np.uint8), np.zeros(12, np.uint8)
    with pytest.raises(ValueError, match="columns go in pairs"):
        _pixels.ybr_422_to_rgb(eight, out, 4, 1)
    with pytest.raises(ValueError, match="elements"):
        _pixels.ybr_422_to_rgb(eight, out, 2, 4)
    with pytest.raises(ValueError, match="elements"):
        _pixels.ybr_422_to_rgb(eight, out, 1 << 62, 4)
    with pytest.raises(ValueError, match="columns go in pairs"):
        _pixels.ybr_422_to_rgb(eight, out, -1, 4)
    with pytest.raises(ValueError, match="multiple of 3"):
        _pixels.ybr_full_to_rgb(eight, out)
    with pytest.raises(TypeError, match="must both be uint8"):
        _pixels.ybr_full_to_rgb(np.zeros(12, np.int8), out)
    with pytest.raises(ValueError, match="bits is 7"):
        _pixels.ybr_full_to_rgb(out.copy(), out, bits=7)
    with pytest.raises(ValueError, match="share memory"):
        _pixels.ybr_full_to_rgb(out, out, planar=True)
