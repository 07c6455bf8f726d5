"""Wavelets against plain lifting in NumPy, and against what OpenJPEG decodes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit._native import _transforms
from radkit._native.cpu import USE

CPUS = sorted({0, USE})
FACTORS = (0.443506852043971, 0.882911075530934, -0.052980118572961, -1.586134342059924)
K = 1.230174104914001

Array = np.ndarray
Bands = tuple[Array, Array, Array, Array]
Span = tuple[int, int]


# ---- the standard, as it is written: along axis 0, extended by F.3.7 ---------------------------


def interleave(low: Array, high: Array, start: int) -> Array:
    y = np.empty((len(low) + len(high), *low.shape[1:]), low.dtype)
    y[start % 2 :: 2], y[1 - start % 2 :: 2] = low, high
    return y


def lift(x: Array, start: int, steps: list[tuple[int, object]]) -> Array:
    """Apply steps (parity, function of both neighbours) to a signal extended far enough."""
    margin = 2 * ((len(steps) + 2) // 2)
    x = np.pad(x, [(margin, margin)] + [(0, 0)] * (x.ndim - 1), mode="reflect")
    for parity, change in steps:
        first = 1 + (start - margin + 1 + parity) % 2
        last = len(x) - 1
        x[first:last:2] += change(x[first - 1 : last - 1 : 2], x[first + 1 : last + 1 : 2])
    return x[margin:-margin]


def half(a: Array, b: Array) -> Array:
    return (a + b) >> 1


def quarter(a: Array, b: Array) -> Array:
    return (a + b + 2) >> 2


def inverse_1d(low: Array, high: Array, start: int) -> Array:
    y = interleave(low, high, start)
    real = y.dtype.kind == "f"
    if len(y) <= 1:
        return y if start % 2 == 0 else y / 2 if real else np.trunc(y / 2).astype(y.dtype)
    if not real:
        steps = [(0, lambda a, b: -quarter(a, b)), (1, half)]
        return lift(y, start, steps)
    y[start % 2 :: 2] *= K
    y[1 - start % 2 :: 2] /= K
    return lift(y, start, [(k % 2, lambda a, b, f=f: -f * (a + b)) for k, f in enumerate(FACTORS)])


def inverse(bands: Bands, x: Span, y: Span) -> Array:
    ll, hl, lh, hh = bands
    low = inverse_1d(ll.T, hl.T, x[0]).T
    high = inverse_1d(lh.T, hh.T, x[0]).T
    return inverse_1d(low, high, y[0])


def low(span: Span) -> Span:
    return -(-span[0] // 2), -(-span[1] // 2)


def high(span: Span) -> Span:
    return span[0] // 2, span[1] // 2


def size(span: Span) -> int:
    return span[1] - span[0]


def random_levels(
    rng: np.random.Generator, dtype: str, x: Span, y: Span, levels: int
) -> tuple[Array, list[tuple[Array, Array, Array]], list[tuple[Span, Span]]]:
    """LL of the coarsest level, details and geometry from there to the finest."""

    def band(rows: Span, cols: Span) -> Array:
        return rng.integers(-900, 900, (size(rows), size(cols))).astype(dtype)

    details, geometry = [], []
    for _ in range(levels):
        geometry.append((x, y))
        details.append((band(low(y), high(x)), band(high(y), low(x)), band(high(y), high(x))))
        x, y = low(x), low(y)
    return band(y, x), details[::-1], geometry[::-1]


def expected_of(ll: Array, details: list[tuple[Array, ...]], geometry: list) -> Array:
    wide = np.float64 if ll.dtype.kind == "f" else np.int64
    plane = ll.astype(wide)
    for three, (x, y) in zip(details, geometry, strict=True):
        plane = inverse((plane, *(b.astype(wide) for b in three)), x, y)
    return plane


def assert_same(got: Array, expected: Array) -> None:
    if got.dtype.kind == "f":
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-2)
    else:
        np.testing.assert_array_equal(got, expected)


DTYPES = ["int16", "int32", "int64", "float32"]
SIDES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 34, 35, 36, 37, 64, 65, 66, 130]


def cases() -> Iterator[tuple[Span, Span]]:
    for cols in SIDES:
        for start in (0, 1):
            rows = SIDES[(SIDES.index(cols) * 7 + start) % 15]
            yield (start, start + cols), (1 - start, 1 - start + rows)
            yield (start, start + rows), (start, start + cols)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cpu", CPUS)
def test_inverse_of_any_size_and_parity_equals_plain_lifting(dtype: str, cpu: int) -> None:
    rng = np.random.default_rng(20)
    for x, y in cases():
        ll, details, geometry = random_levels(rng, dtype, x, y, 1)
        expected = expected_of(ll, details, geometry)
        for by_lines in (False, True):
            run = _transforms.Inverse(ll, details, x, y, by_lines=by_lines, cpu=cpu)
            assert_same(run(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cpu", CPUS)
def test_inverse_of_several_levels_equals_plain_lifting(dtype: str, cpu: int) -> None:
    rng = np.random.default_rng(21)
    for x, y in [((0, 101), (0, 67)), ((7, 8), (5, 70)), ((33, 97), (2**32 - 60, 2**32 - 1))]:
        for levels in (2, 5, 8):
            ll, details, geometry = random_levels(rng, dtype, x, y, levels)
            if dtype == "int16":
                ll, details = ll // 8, [tuple(b // 8 for b in three) for three in details]
            expected = expected_of(ll, details, geometry)
            for by_lines in (False, True):
                run = _transforms.Inverse(ll, details, x, y, by_lines=by_lines, cpu=cpu)
                assert_same(run(), expected)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_region_equals_that_part_of_the_whole(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["int16", "int32", "float32"]))
    spans, wanted = [], []
    for _ in range(2):
        start = data.draw(st.integers(0, 9))
        span = (start, start + data.draw(st.integers(1, 90)))
        first = data.draw(st.integers(span[0], span[1] - 1))
        spans.append(span)
        wanted.append((first, data.draw(st.integers(first + 1, span[1]))))
    levels = data.draw(st.integers(1, 6))
    cpu = data.draw(st.sampled_from(CPUS))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    ll, details, _ = random_levels(rng, dtype, *spans, levels)
    whole = _transforms.Inverse(ll, details, *spans, cpu=cpu)()
    (x, y), (cols, rows) = spans, wanted
    part = whole[rows[0] - y[0] : rows[1] - y[0], cols[0] - x[0] : cols[1] - x[0]]
    for by_lines in (False, True):
        run = _transforms.Inverse(
            ll, details, x, y, cols=cols, rows=rows, by_lines=by_lines, cpu=cpu
        )
        np.testing.assert_array_equal(run(), part)  # of floats too: the same operations


def test_window_holds_what_the_filter_reaches() -> None:
    for reach in (2, 4):
        for first in range(3, 9):
            for last in range(first + 1, 10):
                got = _transforms.window((first, last), (3, 10), reach)
                begin = first - reach + (first % 2 == 0)
                end = last - 1 + reach - ((last - 1) % 2 == 0) + 1
                assert got == (max(begin, 3), min(end, 10))
    assert _transforms.window((5, 5), (3, 10), 4) == (5, 5)


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
@pytest.mark.parametrize("cpu", CPUS)
def test_inverse_undoes_forward_exactly_whatever_the_values(dtype: str, cpu: int) -> None:
    rng = np.random.default_rng(22)
    limits = np.iinfo(dtype)
    for x, y in cases():
        shape = size(y), size(x)
        plane = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        if 1 in shape:  # a doubled sample loses its top bit
            plane >>= 2
        ll, *details = _transforms.forward(plane, x[0], y[0], cpu=cpu)
        run = _transforms.Inverse(ll, [tuple(details)], x, y, cpu=cpu)
        np.testing.assert_array_equal(run(), plane)


@pytest.mark.parametrize("cpu", CPUS)
def test_inverse_undoes_irreversible_forward_nearly(cpu: int) -> None:
    rng = np.random.default_rng(23)
    for x, y in cases():
        plane = rng.uniform(-2048, 2048, (size(y), size(x))).astype(np.float32)
        bands = _transforms.forward(plane, x[0], y[0], cpu=cpu)
        np.testing.assert_array_equal(bands[0], _transforms.forward(plane, x[0], y[0])[0])
        got = _transforms.Inverse(bands[0], [bands[1:]], x, y, cpu=cpu)()
        np.testing.assert_allclose(got, plane, atol=4e-3)


def test_variants_give_the_same_floats() -> None:
    rng = np.random.default_rng(24)
    ll, details, _ = random_levels(rng, "float32", (1, 300), (0, 211), 5)
    runs = [_transforms.Inverse(ll, details, (1, 300), (0, 211), cpu=cpu)() for cpu in CPUS]
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].view(np.uint32), other.view(np.uint32))


def test_fits_is_a_bound_that_extreme_coefficients_keep() -> None:
    """The signs of single synthesis responses form the largest sums; random signs come near."""
    rng = np.random.default_rng(25)
    x = y = (0, 40)
    for weights in [
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 1, 0),
        (0, 0, 0, 1),
        (1, 1, 1, 1),
        (9, 2, 2, 1),
    ]:
        most = 1
        while _transforms.fits(16, *((most + 1) * w for w in weights)):
            most += 1
        peaks = [most * w for w in weights]
        for parity in range(16):
            signs = [1 - 2 * ((parity >> k) & 1) for k in range(4)]
            bands = [np.full((20, 20), s * p, np.int16) for s, p in zip(signs, peaks, strict=True)]
            noise = [rng.choice([-p, p], (20, 20)).astype(np.int16) for p in peaks]
            checks = [((-1) ** np.indices((20, 20)).sum(0) * b).astype(np.int16) for b in bands]
            for ll, *three in (bands, noise, checks):
                expected = expected_of(ll, [tuple(three)], [(x, y)])
                run = _transforms.Inverse(ll, [tuple(three)], x, y)
                np.testing.assert_array_equal(run(), expected)
    assert not _transforms.fits(16, 0, 0, 21000, 0)
    assert not _transforms.fits(16, 2**64 - 1, 0, 0, 0)
    assert not _transforms.fits(32, 0, 2**63, 0, 2**63)


# ---- against OpenJPEG ------------------------------------------------------------------------


def reduced(folder: Path, image: Array, reduce: int, **options: object) -> Array:
    """What OpenJPEG decodes at 2**reduce of a codestream that it has made of `image`."""
    glymur = pytest.importorskip("glymur")
    path = str(folder / "image.j2k")
    glymur.Jp2k(path, data=image, **options)
    step = 2**reduce
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is told of an area that begins at 0, before the image
        return glymur.Jp2k(path)[::step, ::step]


def analysed(plane: Array, origin: tuple[int, int], levels: int) -> Array:
    """LL after `levels` levels."""
    y0, x0 = origin
    for _ in range(levels):
        plane = _transforms.forward(np.ascontiguousarray(plane), x0, y0)[0]
        y0, x0 = low((y0, y0))[0], low((x0, x0))[0]
    return plane


SHAPES = [((64, 64), (0, 0)), ((61, 77), (3, 5)), ((40, 33), (6, 1)), ((17, 200), (1, 8))]


@pytest.mark.parametrize(("shape", "origin"), SHAPES)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_reversible_low_pass_equals_openjpeg(
    tmp_path: Path, shape: tuple[int, int], origin: tuple[int, int], levels: int
) -> None:
    rng = np.random.default_rng(26)
    image = rng.integers(0, 256, shape).astype(np.uint8) // 4 + 96  # LL stays within 8 bits
    expected = reduced(tmp_path, image, levels, numres=4, grid_offset=origin)
    for dtype in (np.int16, np.int32):
        got = analysed(image.astype(dtype) - 128, origin, levels) + 128
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("shape", "origin"), SHAPES)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_irreversible_low_pass_is_within_one_of_openjpeg(
    tmp_path: Path, shape: tuple[int, int], origin: tuple[int, int], levels: int
) -> None:
    rng = np.random.default_rng(27)
    image = rng.integers(0, 256, shape).astype(np.uint8) // 4 + 96
    options = {"irreversible": True, "cratios": (1,)}
    expected = reduced(tmp_path, image, levels, numres=4, grid_offset=origin, **options)
    got = analysed(image.astype(np.float32) - 128, origin, levels) + 128
    assert np.abs(got - expected.astype(np.float64)).max() < 1.0
