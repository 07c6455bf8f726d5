"""Seed corpora: from the objects that come with pydicom, from tests/bad, from fuzz/streams.

The small files of the conformance set join them where the shared folder is beside the tree.
"""

from __future__ import annotations

import functools
import random
import tempfile
from pathlib import Path

from tests.bad import build as b
from tests.bad.make import ROWS

__all__ = ["codestreams", "for_native", "for_public"]

LARGEST = 40_000
ROOT = Path(__file__).resolve().parents[1]
STREAMS = ROOT / "fuzz" / "streams"
CONFORMANCE = ROOT.parent / "shared" / "data" / "conformance" / "streams"
SMALL_STREAM = 8192  # larger ones are for tools/sanitize.sh


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


@functools.cache
def codestreams() -> tuple[bytes, ...]:
    """Return small codestreams of every kind, without their containers."""
    paths = [*sorted(STREAMS.glob("*.j2k"))]
    if CONFORMANCE.is_dir():
        paths += sorted(p for p in CONFORMANCE.iterdir() if p.stat().st_size <= SMALL_STREAM)
    found = (p.read_bytes() for p in paths)
    return tuple(d[max(d.find(b"\xff\x4f\xff\x51"), 0) :] for d in found)


def for_scan() -> list[bytes]:
    plain = [
        with_options(d[132:] if d[128:132] == b"DICM" else d, f, 5)
        for d in bundled()[::3]
        for f in (0, 1, 4, 32)
    ]
    body = b.encapsulated([b.rle_frame(b.picture())])[12:]
    return [*plain, with_options(body, 8, 3), with_options(body, 24, 3)]


def for_pick() -> list[bytes]:
    heads = [data[: 1 << 14] for data in (*slices(), *bundled()[::3])]
    return [with_options(head, share, 1) for head in heads for share in (255, 180)]


def for_splice() -> list[bytes]:
    """Return whole objects, and what is changed of each."""
    ways = ((0, 0, 255, 0), (31, 1, 200, 1), (63, 0, 120, 0))
    return [with_options(data, *way) for data in bundled() for way in ways]


def for_rle() -> list[bytes]:
    grey, colour = b.picture(), b.picture(16, 16, bits=8)
    made = [with_options(b.rle_frame(grey), 255, 0, 0x10)]
    made.append(with_options(b.rle_frame(colour), 255, 0, 0x00))
    run = b.rle_header(1, [64]) + b"\x81\x07\x81\x09"
    return [*made, with_options(run, 255, 0, 0x00)]


def for_jpegll() -> list[bytes]:
    streams = [b.sv1(16, 16), b.sv1(64, 64), b.sv1(9, 33), b.sv1(128, 100)]
    return [with_options(s, flag) for s in streams for flag in (0, 1)]


# Options of j2k_run.h: all; reduced, side by side; a layer, raw; a region; a component; threads.
J2K_OPTIONS = (
    (0, 0, 0, 0, 0, 0, 0, 200),
    (1, 2, 0, 0, 0, 0, 0, 3),
    (8, 1 + 8, 2, 0, 0, 0, 0, 2),
    (0, 4, 0, 40, 60, 200, 130, 131),
    (2, 64 + 32 + 16, 1, 0, 0, 0, 0, 77),
)


def for_j2k() -> list[bytes]:
    return [
        with_options(data, *options)
        for k, data in enumerate(codestreams())
        for options in (J2K_OPTIONS[0], J2K_OPTIONS[1 + k % 4])
    ]


def for_recode() -> list[bytes]:
    """Return codestreams to be recoded to both kinds of blocks, and to be cut to a size."""
    ways = ((0, 2, 9, 0, 0, 0), (1, 2, 9, 0, 0, 0), (6, 0, 99, 1, 90, 9), (7, 3, 200, 1, 160, 0))
    return [
        with_options(data, *options, 0, k % 4)
        for k, data in enumerate(codestreams())
        for options in ways
    ]


def for_turns() -> list[bytes]:
    """Return a sound stream and another that is cut, in both orders."""
    streams, made = [d for d in codestreams() if len(d) < 3000], []
    for k, good in enumerate(streams):
        other = streams[(k * 7 + 3) % len(streams)]
        for one, two in ((good, other[: len(other) * 2 // 3]), (good[: len(good) // 2], other)):
            size = len(one)
            made.append(with_options(one + two, *J2K_OPTIONS[k % 5], size >> 8, size & 255))
    return made


def for_order() -> list[bytes]:
    """Return descriptions of grids and progressions as j2k_order.c reads them, by chance."""
    chance = random.Random(12)
    return [chance.randbytes(chance.choice((24, 48, 96, 300))) for _ in range(200)]


def for_blocks() -> list[bytes]:
    """Return blocks of noise, with many FF in some of them."""
    chance, made = random.Random(15), []
    for k in range(80):
        data = bytearray(chance.randbytes(chance.choice((60, 200, 800, 3000))))
        data[0] = k % 4
        for _ in range(k % 5 * len(data) // 20):
            data[chance.randrange(30, len(data))] = 0xFF
        made.append(bytes(data))
    return made


def for_encode() -> list[bytes]:
    """Return options as j2k_encode.c reads them, and samples, by chance: one in two is usual."""
    chance, made = random.Random(16), []
    for k in range(240):
        options = bytearray(chance.randbytes(27))
        if k & 1:  # no more than one component and tile, enough memory
            options[2:5] = bytes(3)
            options[15] = 0
        made.append(bytes(options) + chance.randbytes(chance.choice((0, 1, 7, 40, 400))))
    return made


NATIVE = {
    "scan": for_scan,
    "pick": for_pick,
    "splice": for_splice,
    "rle": for_rle,
    "jpegll": for_jpegll,
    "t1_block": for_blocks,
    "ht_block": for_blocks,
    "j2k_strict": for_j2k,
    "j2k_lenient": for_j2k,
    "j2k_list": for_j2k,
    "j2k_turns": for_turns,
    "j2k_order": for_order,
    "j2k_encode": for_encode,
    "j2k_recode": for_recode,
}


def for_native(target: str) -> list[bytes]:
    """Return inputs of a native target, option bytes at the end."""
    if target not in NATIVE:
        raise ValueError(f"no native target is called {target}")
    return NATIVE[target]()


def for_public(target: str) -> list[bytes]:
    """Return inputs of a target over public calls, option bytes at the end."""
    if target in ("index", "truncate", "recode", "preview"):
        return for_surgery()
    return for_images() if target == "encode" else for_objects()


def for_surgery() -> list[bytes]:
    """Return codestreams of every kind, and radkit's own, some in files, with ways to cut them."""
    from radkit.codecs import htj2k, jpeg2000
    from radkit.codecs.options import Coding

    image = b.picture(70, 50, bits=8)
    layout = Coding(layers=(20, 6), precincts=((16, 16), (32, 32)), plt=True, block=(16, 16))
    tiled = Coding(tile=(32, 32), levels=2, progression="PCRL")
    streams = [
        *codestreams(),
        jpeg2000.encode(image, coding=layout, container="jp2"),
        jpeg2000.encode(image, coding=tiled),
        htj2k.encode(image, coding=tiled, container="jph"),
    ]
    ways = ((0, 0), (65, 1), (66, 2), (32, 0), (128, 128), (160, 90), (13, 3), (1, 1))
    return [
        with_options(data, *options)
        for k, data in enumerate(streams)
        for options in (ways[k % 8], ways[(k + 3) % 8])
    ]


def for_images() -> list[bytes]:
    """Return options and samples as the target `encode` reads them, by chance."""
    chance = random.Random(17)
    return [chance.randbytes(chance.choice((14, 30, 100, 900))) for _ in range(200)]


def for_objects() -> list[bytes]:
    """Return whole objects and two option bytes."""
    good = [
        b.made(b.EXPLICIT, b.grey(), b.native(b.picture().tobytes())),
        b.made(b.RLE, b.grey(frames=3), b.encapsulated([b.rle_frame(b.picture())] * 3)),
        b.made(b.J2K, b.grey(64, 64), b.encapsulated([b.even(b.j2k())])),
        b.made(b.HTJ2K, b.grey(64, 64), b.encapsulated([b.even(b.htj2k())])),
        b.made(b.SV1, b.grey(64, 64), b.encapsulated([b.even(b.sv1())])),
        b.made(b.JPEG, b.byte_grey(64, 64), b.encapsulated([b.even(b.jpeg())])),
    ]
    return [with_options(data, 0, 0) for data in (*good, *slices(), *bundled(), *bad())]


def slices() -> list[bytes]:
    """Return objects that have a place in a volume: a slice, a mosaic, frames in groups."""
    from tests.volume.enhanced import IN_STACK, STACK_ID, Frame, plane, write_enhanced
    from tests.volume.mosaics import write_mosaic

    from radkit.testing import write_series

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder / "a", slices=4, slopes=[(1, 0)] * 4)
        write_mosaic(folder / "b")
        frames = [Frame(plane(k), (0, 0, 2 * k), (1, k + 1), (2, -1)) for k in range(4)]
        (folder / "c").mkdir()
        write_enhanced(folder / "c" / "0.dcm", frames, pointers=(STACK_ID, IN_STACK))
        return [path.read_bytes() for path in sorted(folder.glob("*/*.dcm"))]
