"""Bits, cells, widths, planes and ranges through their bindings."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from radkit._native import _pixels
from radkit._native.cpu import DETECTED, USE

CPUS = sorted({0, USE})
SIZES = [0, 1, 7, 31, 32, 33, 257, 4099]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("start", [0, 1, 7, 8, 13])
@pytest.mark.parametrize("n", SIZES)
def test_bits_go_and_come(cpu: int, start: int, n: int) -> None:
    rng = np.random.default_rng(n)
    data = rng.integers(0, 256, (start + n + 7) // 8, dtype=np.uint8)
    expected = np.unpackbits(data, bitorder="little")[start : start + n]
    got = np.full(n, 9, np.uint8)
    _pixels.unpack_bits(data.tobytes(), start, n, got, cpu=cpu)
    assert np.array_equal(got, expected)
    packed = np.full(len(data), 0xFF, np.uint8)
    _pixels.pack_bits(got * 200, packed, start_bit=start, cpu=cpu)
    bits = np.unpackbits(packed, bitorder="little")
    assert np.array_equal(bits[start : start + n], expected)
    assert bits[:start].all()
    if n:
        assert not bits[start + n :].any()


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize("signed", [False, True])
def test_finish_equals_arithmetic(cpu: int, width: int, signed: bool) -> None:
    rng = np.random.default_rng(width)
    dtype = np.dtype(f"u{width // 8}")
    cells = rng.integers(0, 1 << width, 300, dtype=dtype, endpoint=False)
    for bits, high in [(1, 0), (width // 2, width // 2 + 1), (width - 3, width - 2), (width,) * 2]:
        high = min(high, width - 1)
        value = (cells.astype(object) >> (high + 1 - bits)) & ((1 << bits) - 1)
        if signed:
            value = np.where(value >= 1 << (bits - 1), value - (1 << bits), value)
        out = np.empty(300, dtype=f"{'i' if signed else 'u'}{width // 8}")
        options = {"bits_stored": bits, "high_bit": high, "signed": signed, "cpu": cpu}
        _pixels.finish(cells, out, **options)
        assert np.array_equal(out.astype(object), value)
        _pixels.finish(cells.byteswap(), out, swap=True, **options)
        assert np.array_equal(out.astype(object), value)
        unaligned = np.frombuffer(b"x" + cells.tobytes(), dtype, offset=1)
        _pixels.finish(unaligned, out, **options)
        assert np.array_equal(out.astype(object), value)
        same = cells.copy()
        _pixels.finish(same, same, **options)
        assert np.array_equal(same.view(out.dtype), out)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("source", [1, 2, 4])
@pytest.mark.parametrize("target", [1, 2, 4])
@pytest.mark.parametrize("signed", [False, True])
def test_convert_equals_arithmetic(cpu: int, source: int, target: int, signed: bool) -> None:
    rng = np.random.default_rng(source)
    cells = rng.integers(0, 1 << (8 * source), 333, dtype=f"u{source}")
    out = np.empty(333, f"{'i' if signed else 'u'}{target}")
    for bits in (1, 5, 8 * source - 1, 8 * source):
        value = cells.astype(np.int64) & ((1 << bits) - 1)
        if signed:
            value = np.where(value >= 1 << (bits - 1), value - (1 << bits), value)
        _pixels.convert(cells, out, bits=bits, signed=signed, cpu=cpu)
        assert np.array_equal(out, value.astype(out.dtype))


@pytest.mark.parametrize("size", range(1, 9))
def test_cells_of_any_size(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, 41 * size, dtype=np.uint8).tobytes()
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    for big in (False, True):
        out = np.empty(41, np.uint32 if size <= 4 else np.uint64)
        _pixels.widen_cells(data, out, cell_bytes=size, big_endian=big)
        assert [int(x) for x in out] == [
            int.from_bytes(piece, "big" if big else "little") for piece in pieces
        ]


@pytest.mark.parametrize("cpu", CPUS)
def test_any_outside_sees_every_bit(cpu: int) -> None:
    for dtype, bits, high in (("u1", 6, 6), ("u2", 12, 11), ("u4", 20, 30), ("u8", 33, 40)):
        width = 8 * np.dtype(dtype).itemsize
        inside = sum(1 << b for b in range(high + 1 - bits, high + 1))
        for bit in range(width):
            for at in (0, 40, 299):
                words = np.full(300, inside, dtype)
                words[at] ^= np.array(1 << bit, dtype)
                expected = not inside >> bit & 1
                options = {"bits_stored": bits, "high_bit": high, "cpu": cpu}
                assert _pixels.any_outside(words, **options) is expected
                assert _pixels.any_outside(words.byteswap(), swap=True, **options) is expected


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_minmax(cpu: int, dtype: str) -> None:
    info = np.iinfo(dtype)
    rng = np.random.default_rng(5)
    for n in SIZES[1:]:
        words = rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
        assert _pixels.minmax(words, cpu=cpu) == (words.min(), words.max())
    assert _pixels.minmax(np.empty(0, dtype), cpu=cpu) is None


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_interleave(cpu: int, dtype: str, samples: int) -> None:
    for n in SIZES:
        planes = np.arange(samples * n).reshape(samples, n).astype(dtype)
        out = np.empty((n, samples), dtype)
        _pixels.interleave(planes, out, samples=samples, cpu=cpu)
        assert np.array_equal(out, planes.T)


EIGHT = np.zeros(8, np.uint8)
WORDS = np.zeros(8, np.uint16)
BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "not a buffer": (lambda: _pixels.unpack_bits(None, 0, 1, EIGHT), TypeError, "data is not"),
    "too many bits": (lambda: _pixels.unpack_bits(b"ab", 9, 8, EIGHT), ValueError, "too few"),
    "bits far away": (
        lambda: _pixels.unpack_bits(b"ab", 2**64 - 4, 8, EIGHT),
        ValueError,
        "too few",
    ),
    "out too short": (lambda: _pixels.unpack_bits(b"ab", 0, 9, EIGHT), ValueError, "elements"),
    "out read-only": (lambda: _pixels.unpack_bits(b"ab", 0, 8, bytes(8)), ValueError, "writable"),
    "no room to pack": (
        lambda: _pixels.pack_bits(EIGHT, np.zeros(1, np.uint8), start_bit=1),
        ValueError,
        "too few",
    ),
    "strided": (
        lambda: _pixels.minmax(np.zeros((4, 4), np.uint16)[:, ::2]),
        ValueError,
        "src is not C-contiguous",
    ),
    "byte order": (lambda: _pixels.minmax(np.zeros(4, ">u2")), TypeError, "native"),
    "floats": (lambda: _pixels.minmax(np.zeros(4, np.float32)), TypeError, "integers"),
    "objects": (lambda: _pixels.minmax(np.zeros(4, object)), TypeError, "format"),
    "records": (lambda: _pixels.minmax(np.zeros(4, "u2,u2")), TypeError, "format"),
    "widths": (
        lambda: _pixels.finish(WORDS, EIGHT, bits_stored=8, high_bit=7, signed=False),
        TypeError,
        "bits per element",
    ),
    "no bits": (
        lambda: _pixels.finish(WORDS, WORDS, bits_stored=0, high_bit=7, signed=False),
        ValueError,
        "do not fit",
    ),
    "high bit too low": (
        lambda: _pixels.finish(WORDS, WORDS, bits_stored=9, high_bit=7, signed=False),
        ValueError,
        "do not fit",
    ),
    "high bit too high": (
        lambda: _pixels.finish(WORDS, WORDS, bits_stored=9, high_bit=16, signed=False),
        ValueError,
        "do not fit",
    ),
    "shifted overlap": (
        lambda: _pixels.finish(WORDS[1:], WORDS[:-1], bits_stored=9, high_bit=8, signed=False),
        ValueError,
        "share memory",
    ),
    "planes": (lambda: _pixels.interleave(EIGHT, WORDS, samples=3), TypeError, "per element"),
    "not planes": (
        lambda: _pixels.interleave(EIGHT, EIGHT.copy(), samples=3),
        ValueError,
        "planes",
    ),
    "no samples": (
        lambda: _pixels.interleave(EIGHT, EIGHT.copy(), samples=0),
        ValueError,
        "samples",
    ),
    "cells": (
        lambda: _pixels.widen_cells(b"abcd", np.zeros(1, np.uint32), cell_bytes=3),
        ValueError,
        "made of cells",
    ),
    "wide cells": (
        lambda: _pixels.widen_cells(b"abcde", np.zeros(1, np.uint32), cell_bytes=5),
        ValueError,
        "do not fit",
    ),
    "cpu": (lambda: _pixels.minmax(EIGHT, cpu=~DETECTED & 0xFF), ValueError, "lacks"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_calls_are_refused(name: str) -> None:
    call, error, text = BAD[name]
    with pytest.raises(error, match=text):
        call()


def test_buffers_are_released() -> None:
    data = bytearray(8)
    _pixels.unpack_bits(data, 0, 8, EIGHT.copy())
    with pytest.raises(ValueError, match="too few"):
        _pixels.unpack_bits(data, 0, 80, np.zeros(80, np.uint8))
    data.append(1)  # BufferError if a call still held it


def test_threads_run_side_by_side() -> None:
    cells = np.random.default_rng(1).integers(0, 4096, 200_000, dtype=np.uint16)
    plan = _pixels.window_plan("LINEAR", 2000, 1500, bits=12, signed=False)
    outs = [np.empty(cells.shape, np.uint8) for _ in range(4)]
    threads = [
        threading.Thread(target=_pixels.apply_window, args=(cells, out, plan)) for out in outs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(out, outs[0]) for out in outs)
