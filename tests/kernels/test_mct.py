"""Component transforms, storing of samples and steps against NumPy and OpenJPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radkit._native import _transforms
from radkit._native.cpu import USE

CPUS = sorted({0, USE})
SIZES = [0, 1, 7, 8, 15, 16, 17, 33, 511, 512, 513, 1537]

Array = np.ndarray


def planes_of(rng: np.random.Generator, dtype: str, limit: int, n: int) -> list[Array]:
    return [rng.integers(-limit, limit, n).astype(dtype) for _ in range(3)]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(("dtype", "limit"), [("int16", 2**13), ("int32", 2**28), ("int64", 2**33)])
def test_inverse_rct_equals_the_formula(dtype: str, limit: int, cpu: int) -> None:
    rng = np.random.default_rng(30)
    for n in SIZES:
        y, u, v = planes_of(rng, dtype, limit, n)
        green = y - ((u + v) >> 2)
        expected = v + green, green, u + green
        _transforms.component_transform("irct", y, u, v, cpu=cpu)
        for got, right in zip((y, u, v), expected, strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_inverse_rct_undoes_forward(dtype: str, cpu: int) -> None:
    rng = np.random.default_rng(31)
    planes = planes_of(rng, dtype, 2**12, 1001)
    work = [p.copy() for p in planes]
    _transforms.component_transform("frct", *work, cpu=cpu)
    np.testing.assert_array_equal(work[0], (planes[0] + 2 * planes[1] + planes[2]) >> 2)
    _transforms.component_transform("irct", *work, cpu=cpu)
    for got, right in zip(work, planes, strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("cpu", CPUS)
def test_ict_equals_the_matrix(cpu: int) -> None:
    rng = np.random.default_rng(32)
    forward = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    backward = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    for n in SIZES:
        for name, matrix in (("fict", forward), ("iict", backward)):
            work = planes_of(rng, "float32", 40000, n)
            expected = matrix @ np.array(work, np.float64).reshape(3, n)
            _transforms.component_transform(name, *work, cpu=cpu)
            np.testing.assert_allclose(np.array(work).reshape(3, n), expected, atol=0.06)
    grey = [np.full(8, 100, np.float32), np.zeros(8, np.float32), np.zeros(8, np.float32)]
    _transforms.component_transform("iict", *grey, cpu=cpu)
    assert all((plane == 100).all() for plane in grey)


def stored(x: Array, bits: int, signed: bool, dtype: str) -> Array:
    """Rounded, shifted, clamped, in float64 and Python's integers."""
    half = 1 << (bits - 1)
    low, high = (-half, half - 1) if signed else (0, 2 * half - 1)
    shifted = np.rint(x.astype(np.float64)) + (0 if signed else half)
    return np.clip(shifted, low, high).astype(np.int64).astype(dtype)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("source", ["int16", "int32", "int64", "float32"])
@pytest.mark.parametrize("signed", [False, True])
def test_store_shifts_and_clamps(source: str, signed: bool, cpu: int) -> None:
    rng = np.random.default_rng(33)
    for bits in (1, 4, 8, 9, 12, 16, 24, 32):
        if source == "int16" and bits > 16:
            continue
        size = 1 if bits <= 8 else 2 if bits <= 16 else 4
        dtype = ("i" if signed else "u") + str(size)
        limit = min(2**bits, 32767 if source == "int16" else 2**31 - 1)
        for n in SIZES:
            for samples, stride in ((1, 1), (3, 3), (2, 2), (3, 4)):
                planes = [rng.integers(-limit, limit, n).astype(source) for _ in range(samples)]
                if source == "float32":
                    planes = [p + rng.integers(0, 4, n).astype(source) / 4 for p in planes]
                out = np.full((n, stride), 77, dtype)
                _transforms.store_samples(planes, out, bits=bits, signed=signed, cpu=cpu)
                for k in range(samples):
                    np.testing.assert_array_equal(out[:, k], stored(planes[k], bits, signed, dtype))
                assert (out[:, samples:] == 77).all()


@pytest.mark.parametrize("cpu", CPUS)
def test_store_of_what_is_not_a_usual_number(cpu: int) -> None:
    odd = [np.nan, -np.nan, np.inf, -np.inf, 1e38, -1e38, 3e9, -3e9, 0.5, 1.5, -0.5, 127.5]
    plane = np.array(odd * 4, np.float32)
    for bits, size in ((8, 1), (16, 2), (32, 4)):
        out = np.zeros((plane.size, 1), f"u{size}")
        _transforms.store_samples([plane], out, bits=bits, signed=False, cpu=cpu)
        half, top = 1 << (bits - 1), (1 << bits) - 1
        big = [top, 0, top, 0] if bits < 32 else [top, 0, 3 * 10**9 + half, 0]
        big = [top, 0, top, 0] if bits == 32 else big
        end = [half, half + 2, half, min(half + 128, top)]
        assert out[: len(odd), 0].tolist() == [0, 0, top, 0, *big, *end]


def test_quant_scale_is_half_a_step() -> None:
    assert _transforms.quant_scale(8, 0, 8, 0) == 0.5
    assert _transforms.quant_scale(12, 2, 10, 1024) == 2**4 * 1.5 / 2
    assert _transforms.quant_scale(1, 0, 31, 2047) == np.float32(2.0**-31 * (1 + 2047 / 2048))


@pytest.mark.parametrize("levels", [1, 2])
def test_rct_and_wavelet_equal_openjpeg(tmp_path: Path, levels: int) -> None:
    glymur = pytest.importorskip("glymur")
    rng = np.random.default_rng(34)
    image = (rng.integers(0, 256, (45, 70, 3)) // 4 + 96).astype(np.uint8)
    path = str(tmp_path / "image.j2k")
    glymur.Jp2k(path, data=image, numres=3, mct=True)
    step = 2**levels
    expected = glymur.Jp2k(path)[::step, ::step]
    planes = [image[..., k].astype(np.int16) - np.int16(128) for k in range(3)]
    _transforms.component_transform("frct", *planes)
    for _ in range(levels):
        planes = [_transforms.forward(np.ascontiguousarray(p), 0, 0)[0] for p in planes]
    _transforms.component_transform("irct", *planes)
    out = np.empty(expected.shape, np.uint8)
    _transforms.store_samples(planes, out, bits=8, signed=False)
    np.testing.assert_array_equal(out, expected)
