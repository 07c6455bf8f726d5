"""Windows, tables and palettes against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit._native import _pixels
from radkit._native.cpu import USE

CPUS = sorted({0, USE})


def formula(
    x: np.ndarray, kind: str, centre: float, width: float, ymin: int, ymax: int, invert: bool
) -> np.ndarray:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3 as they are written, then floor(y + 0.5)."""
    if kind == "SIGMOID":
        with np.errstate(over="ignore"):
            y = (ymax - ymin) / (1 + np.exp(-4 * (x - centre) / width)) + ymin
    else:
        if kind == "LINEAR":
            centre, width = centre - 0.5, width - 1
        with np.errstate(all="ignore"):
            y = ((x - centre) / width + 0.5) * (ymax - ymin) + ymin
        y = np.where(x <= centre - width / 2, ymin, np.where(x > centre + width / 2, ymax, y))
    y = np.floor(y + 0.5)
    return (ymin + ymax - y if invert else y).astype(np.uint8)


def stored_values(bits: int, signed: bool) -> np.ndarray:
    return np.arange(1 << bits) - ((1 << (bits - 1)) if signed else 0)


def check(
    kind: str,
    centre: float,
    width: float,
    slope: float,
    intercept: float,
    bits: int,
    signed: bool,
    invert: bool,
    greys: tuple[int, int],
) -> str:
    """Compare plan and table with the formula, over all inputs of 8 and 16 bits."""
    stored = stored_values(bits, signed)
    expected = formula(slope * stored + intercept, kind, centre, width, *greys, invert)
    words = np.arange(65536, dtype=np.uint16).view(np.int16 if signed else np.uint16)
    octets = np.arange(256, dtype=np.uint8).view(np.int8 if signed else np.uint8)
    paths = set()
    for cpu in CPUS:
        options = {
            "slope": slope,
            "intercept": intercept,
            "bits": bits,
            "signed": signed,
            "invert": invert,
            "ymin": greys[0],
            "ymax": greys[1],
            "cpu": cpu,
        }
        plan = _pixels.window_plan(kind, centre, width, **options)
        paths.add(plan.path)
        assert np.array_equal(np.frombuffer(plan.table, np.uint8), expected)
        assert np.array_equal(_pixels.window_table(kind, centre, width, **options), expected)
        for src in (words, octets):
            out = np.empty(src.shape, np.uint8)
            _pixels.apply_window(src, out, plan, cpu=cpu)
            inside = np.clip(src.astype(int) - stored[0], 0, len(stored) - 1)
            assert np.array_equal(out, expected[inside])
    assert len(paths) == 1  # never a matter of the machine
    return paths.pop()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["LINEAR", "LINEAR_EXACT"]),
    centre=st.one_of(st.integers(-3000, 66000), st.floats(-1e4, 1e4)),
    width=st.one_of(st.integers(1, 70000), st.floats(1, 1e4)),
    slope=st.sampled_from([1, -1, 0, 0.5, 2.37, -0.01, 1e-9, 1e9]),
    intercept=st.sampled_from([0, -1024, 37.5]),
    bits=st.sampled_from([1, 8, 10, 12, 16]),
    signed=st.booleans(),
    invert=st.booleans(),
    greys=st.sampled_from([(0, 255), (10, 200), (7, 7), (254, 255)]),
)
def test_linear_windows_equal_the_formula(
    kind: str,
    centre: float,
    width: float,
    slope: float,
    intercept: float,
    bits: int,
    signed: bool,
    invert: bool,
    greys: tuple[int, int],
) -> None:
    check(kind, centre, width, slope, intercept, bits, signed, invert, greys)


@pytest.mark.parametrize(
    ("centre", "width", "path"),
    [(40, 400, "integer"), (600, 1600, "integer"), (1024, 4096, "integer"), (40, 1, "integer")],
)
def test_usual_windows_run_fast(centre: float, width: float, path: str) -> None:
    assert check("LINEAR", centre, width, 1, -1024, 12, False, False, (0, 255)) == path


def test_every_path_is_reached() -> None:
    paths = {
        check("LINEAR", centre, width, 1, 0, 16, False, False, (0, 255))
        for centre, width in [(4000, 800), (30000.3, 40001.7), (31000, 50001)]
    }
    assert "integer" in paths
    assert "float" in paths
    assert check("SIGMOID", 40, 400, 1, -1024, 12, False, True, (0, 255)) == "table"


def test_plans_of_any_table() -> None:
    rng = np.random.default_rng(8)
    for signed in (False, True):
        for first, entries in [(0, 256), (-100, 1), (1000, 3000), (-40000, 90000)]:
            table = rng.integers(0, 256, entries, dtype=np.uint8)
            plan = _pixels.table_plan(table.tobytes(), bits=12, signed=signed, first=first)
            at = np.clip(stored_values(12, signed) - first, 0, entries - 1)
            assert np.array_equal(np.frombuffer(plan.table, np.uint8), table[at])
            assert (plan.bits, plan.signed, plan.path) == (12, signed, "table")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_tables_clamp_at_both_ends(cpu: int, dtype: str) -> None:
    info = np.iinfo(dtype)
    src = np.random.default_rng(2).integers(info.min, info.max, 999, dtype=dtype, endpoint=True)
    src[:3] = info.min, info.max, 0
    for first, entries in [(0, 1), (-5, 300), (100, 70000), (-(2**40), 5), (2**40, 5)]:
        table = np.arange(entries, dtype=np.uint64).astype(np.uint8)
        out = np.empty(src.shape, np.uint8)
        _pixels.apply_table(src, table, out, first=first, cpu=cpu)
        assert np.array_equal(out, table[np.clip(src.astype(np.int64) - first, 0, entries - 1)])


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u4"])
@pytest.mark.parametrize("kind", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_wide_and_float_values(cpu: int, dtype: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    for n in (0, 1, 7, 8, 9, 1001):
        src = (rng.normal(100, 900, n)).astype(np.int64).astype(dtype)
        if dtype[0] == "f":
            src += rng.random(n).astype(dtype)
        out = np.empty(n, np.uint8)
        _pixels.window_float(src, out, kind, 80.5, 700, slope=1.5, intercept=-3, cpu=cpu)
        x = 1.5 * src.astype(np.float64) - 3
        assert np.array_equal(out, formula(x, kind, 80.5, 700, 0, 255, False))


@pytest.mark.parametrize("cpu", CPUS)
def test_numbers_that_are_none(cpu: int) -> None:
    src = np.array([np.nan, -np.inf, np.inf, 1e308, -1e308, 5e-324, 0, 50] * 2, np.float64)
    for kind in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        out = np.empty(src.shape, np.uint8)
        _pixels.window_float(src, out, kind, 50, 10, slope=2.0, intercept=-50, cpu=cpu)
        assert list(out[:5]) == [0, 0, 255, 255, 0]
        assert out[7] == (142 if kind == "LINEAR" else 128)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("index", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize(("entry", "target"), [("u1", "u1"), ("u2", "u1"), ("u2", "u2")])
def test_palettes(cpu: int, index: str, entry: str, target: str) -> None:
    rng = np.random.default_rng(4)
    info, top = np.iinfo(index), np.iinfo(entry).max
    src = rng.integers(info.min, info.max, 500, dtype=index, endpoint=True)
    for first, entries in [(0, 256), (-7, 3), (100, 65536), (0, 1)]:
        tables = rng.integers(0, top, (3, entries), dtype=entry, endpoint=True)
        out = np.empty((500, 3), target)
        _pixels.palette_rgb(src, tables[0].tobytes(), *tables[1:], first, out, cpu=cpu) if (
            entry == "u1"
        ) else _pixels.palette_rgb(src, *tables, first, out, cpu=cpu)
        at = np.clip(src.astype(np.int64) - first, 0, entries - 1)
        expected = tables[:, at].T
        if entry != target:
            expected = expected >> 8
        assert np.array_equal(out, expected)


OUT = np.zeros(4, np.uint8)
SRC = np.zeros(4, np.uint16)
PLAN = {"bits": 12, "signed": False}
BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "kind": (lambda: _pixels.window_plan("CUBIC", 1, 2, **PLAN), ValueError, "kind must"),
    "narrow": (lambda: _pixels.window_plan("LINEAR", 1, 0.5, **PLAN), ValueError, "width must"),
    "no width": (
        lambda: _pixels.window_table("SIGMOID", 1, 0, **PLAN),
        ValueError,
        "width must",
    ),
    "nan": (
        lambda: _pixels.window_plan("LINEAR", float("nan"), 5, **PLAN),
        ValueError,
        "finite",
    ),
    "inf": (
        lambda: _pixels.window_float(
            np.zeros(4, np.float32), OUT, "LINEAR", 1, 5, slope=float("inf")
        ),
        ValueError,
        "finite",
    ),
    "greys": (
        lambda: _pixels.window_plan("LINEAR", 1, 5, ymin=9, ymax=3, **PLAN),
        ValueError,
        "ymin",
    ),
    "bits": (
        lambda: _pixels.window_plan("LINEAR", 1, 5, bits=17, signed=False),
        ValueError,
        "1 to 16",
    ),
    "sign": (
        lambda: _pixels.apply_window(
            SRC.view(np.int16), OUT, _pixels.window_plan("LINEAR", 1, 5, **PLAN)
        ),
        TypeError,
        "unsigned",
    ),
    "no plan": (lambda: _pixels.apply_window(SRC, OUT, None), TypeError, "plan"),
    "made by hand": (lambda: _pixels.WindowPlan(), TypeError, "made by"),
    "empty table": (lambda: _pixels.apply_table(SRC, b"", OUT), ValueError, "empty"),
    "empty plan": (lambda: _pixels.table_plan(b"", **PLAN), ValueError, "empty"),
    "first": (lambda: _pixels.apply_table(SRC, b"a", OUT, first=2**62), ValueError, "beyond"),
    "length": (lambda: _pixels.apply_table(SRC, b"a", OUT[:3]), ValueError, "elements"),
    "shorts": (
        lambda: _pixels.window_float(SRC, OUT, "LINEAR", 1, 5),
        TypeError,
        "float32, float64",
    ),
    "uneven palette": (
        lambda: _pixels.palette_rgb(SRC, b"ab", b"ab", b"a", 0, np.zeros(12, np.uint8)),
        ValueError,
        "elements",
    ),
    "empty palette": (
        lambda: _pixels.palette_rgb(SRC, b"", b"", b"", 0, np.zeros(12, np.uint8)),
        ValueError,
        "entries",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_calls_are_refused(name: str) -> None:
    call, error, text = BAD[name]
    with pytest.raises(error, match=text):
        call()
