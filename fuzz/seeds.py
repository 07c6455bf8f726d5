"""Seed corpora, generated: from the objects that come with pydicom and from tests/bad."""

from __future__ import annotations

import functools
from pathlib import Path

from tests.bad import build as b
from tests.bad.make import ROWS

__all__ = ["for_native", "for_public"]

LARGEST = 40_000


@functools.cache
def bundled() -> tuple[bytes, ...]:
    """Return the small objects inside pydicom."""
    import pydicom.data

    folder = Path(pydicom.data.__file__).parent / "test_files"
    paths = [p for p in sorted(folder.glob("*.dcm")) if p.stat().st_size <= LARGEST]
    return tuple(p.read_bytes() for p in paths)


@functools.cache
def bad() -> tuple[bytes, ...]:
    """Return the small files of the bad-input table."""
    made = (row.make() for row in ROWS.values())
    return tuple(data for data in made if len(data) <= LARGEST)


def with_options(data: bytes, *options: int) -> bytes:
    return data + bytes(options)


def for_native(target: str) -> list[bytes]:
    """Return inputs of a native target, option bytes at the end."""
    if target == "scan":
        plain = [
            with_options(d[132:] if d[128:132] == b"DICM" else d, f, 5)
            for d in bundled()[::3]
            for f in (0, 1, 4, 32)
        ]
        body = b.encapsulated([b.rle_frame(b.picture())])[12:]
        return [*plain, with_options(body, 8, 3), with_options(body, 24, 3)]
    if target == "rle":
        grey, colour = b.picture(), b.picture(16, 16, bits=8)
        made = [with_options(b.rle_frame(grey), 255, 0, 0x10)]
        made.append(with_options(b.rle_frame(colour), 255, 0, 0x00))
        run = b.rle_header(1, [64]) + b"\x81\x07\x81\x09"
        return [*made, with_options(run, 255, 0, 0x00)]
    if target == "jpegll":
        streams = [b.sv1(16, 16), b.sv1(64, 64), b.sv1(9, 33)]
        return [with_options(s, flag) for s in streams for flag in (0, 1)]
    raise ValueError(f"no native target is called {target}")


def for_public() -> list[bytes]:
    """Return inputs of the targets over public calls: whole objects and two option bytes."""
    good = [
        b.made(b.EXPLICIT, b.grey(), b.native(b.picture().tobytes())),
        b.made(b.RLE, b.grey(frames=3), b.encapsulated([b.rle_frame(b.picture())] * 3)),
        b.made(b.J2K, b.grey(64, 64), b.encapsulated([b.even(b.j2k())])),
        b.made(b.HTJ2K, b.grey(64, 64), b.encapsulated([b.even(b.htj2k())])),
        b.made(b.SV1, b.grey(64, 64), b.encapsulated([b.even(b.sv1())])),
        b.made(b.JPEG, b.byte_grey(64, 64), b.encapsulated([b.even(b.jpeg())])),
    ]
    return [with_options(data, 0, 0) for data in (*good, *bundled(), *bad())]
