"""The samples depend on neither the count of threads nor the instruction set: one hash."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import radkit
from radkit._native import cpu

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bad import build as b  # noqa: E402

THREADS = (1, 2, 3, 4, 8, 16)
FRAMES = 5


def sets() -> list[int]:
    """Return the instruction sets of this machine, from none to all."""
    masks = (0, cpu.AVX2, cpu.AVX2 | cpu.AVX512, cpu.NEON)
    return sorted({mask & cpu.DETECTED for mask in masks})


def grey(k: int) -> np.ndarray:
    return b.picture(75, 90, seed=k)


def colour(k: int) -> np.ndarray:
    return np.dstack([b.picture(75, 90, seed=3 * k + c, bits=8) for c in range(3)])


def wrapped(syntax: str, image: dict[int, b.Value], frames: list[bytes]) -> bytes:
    image |= {b.FRAMES: b.text("IS", str(len(frames)))}
    return b.made(syntax, image, b.encapsulated([b.even(frame) for frame in frames]))


def coded(syntax: str, make: Callable[[np.ndarray], bytes], *, rgb: str = "") -> bytes:
    """Return an object of some frames, coded by `make`."""
    image = b.colour(75, 90, rgb) if rgb else b.grey(75, 90)
    return wrapped(syntax, image, [make((colour if rgb else grey)(k)) for k in range(FRAMES)])


@cache
def objects() -> dict[str, bytes]:
    from radkit.codecs import htj2k, jpeg2000, jpeg_lossless
    from radkit.codecs.options import Coding, Lossy

    small = Coding(levels=2, block=(16, 16), tile=(40, 33))
    loss = {"bits": 12, "lossy": Lossy(ratio=10)}
    return {
        "j2k": coded(b.J2K, lambda a: jpeg2000.encode(a, bits=12)),
        "j2k tiles": coded(b.J2K, lambda a: jpeg2000.encode(a, bits=12, coding=small)),
        "j2k colour": coded(b.J2K, jpeg2000.encode, rgb="YBR_RCT"),
        "j2k lossy": coded(b.J2K_ANY, lambda a: jpeg2000.encode(a, **loss)),
        "htj2k": coded(b.HTJ2K, lambda a: htj2k.encode(a, bits=12)),
        "htj2k colour": coded(b.HTJ2K, htj2k.encode, rgb="YBR_RCT"),
        "htj2k lossy": coded("1.2.840.10008.1.2.4.203", lambda a: htj2k.encode(a, **loss)),
        "sv1": coded(b.SV1, lambda a: jpeg_lossless.encode(a, bits=12)),
        "rle": coded(b.RLE, b.rle_frame),
    }


@pytest.fixture(autouse=True)
def instructions() -> Iterator[None]:
    use = cpu.USE
    yield
    cpu.USE = use


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


NAMES = ("j2k", "j2k tiles", "j2k colour", "j2k lossy", "htj2k", "htj2k colour", "htj2k lossy",
         "sv1", "rle")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_one_hash_over_threads_and_instruction_sets(name: str) -> None:
    source = objects()[name]
    found = set()
    for cpu.USE, threads in itertools.product(sets(), THREADS):
        whole = radkit.decode(source, threads=threads)
        found.add(digest(whole))
        frames = list(radkit.iter_frames(source, threads=threads))
        found.add(digest(np.stack(frames)))
    assert len(found) == 1
    assert set(objects()) == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if "j2k" in name])
def test_one_hash_of_parts_and_of_what_is_left(name: str) -> None:
    source = objects()[name]
    wishes: list[dict[str, object]] = [{"reduce": 1}, {"region": (11, 60, 7, 81)}]
    for wish in wishes:
        found = set()
        for cpu.USE, threads in itertools.product(sets(), (1, 2, 5)):
            found.add(digest(radkit.decode(source, threads=threads, **wish)))
        assert len(found) == 1, wish


@pytest.mark.parametrize("name", NAMES)
def test_one_hash_of_pictures(name: str) -> None:
    source = objects()[name]
    found = set()
    for cpu.USE, threads in itertools.product(sets(), (1, 2, 5)):
        found.add(digest(radkit.render(source, frames=[0, 3], threads=threads)))
    assert len(found) == 1
