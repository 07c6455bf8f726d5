"""Small sound inputs of every coding: codestreams, frames, objects; and how each is decoded."""

from __future__ import annotations

import contextlib
import random
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from fuzz.public import SMALL

import radkit
from radkit import limits
from radkit.codecs import htj2k, jpeg2000, jpeg_lossless, rle
from radkit.codecs.options import Coding, Lossy
from radkit.errors import RadkitError
from reliability.objects import b, frames_object, native_object
from reliability.told import ROOT, Budget, Told

__all__ = ["Input", "go_through", "inputs", "outcome", "quiet", "random_inputs", "same"]

Decode = Callable[[bytes, bool], np.ndarray]
# What each coding repeats of the header; of RLE it is the number of segments.
_REPEATED = {
    b.J2K: (b.ROWS, b.COLS, b.SAMPLES, b.STORED, b.SIGN),
    b.SV1: (b.ROWS, b.COLS, b.SAMPLES, b.STORED),
    b.RLE: (b.SAMPLES, b.ALLOCATED),
}
_REPEATED |= {syntax: _REPEATED[b.J2K] for syntax in (b.J2K_ANY, b.HTJ2K)}
_SIZ, _SOF3 = b"\xff\x51", b"\xff\xc3"


@dataclass(frozen=True)
class Input:
    """A sound input.

    `repeated` are bytes that say what another header says too: if they are changed, the
    picture is the same, or somebody is told.
    """

    name: str
    data: bytes
    decode: Decode
    repeated: frozenset[int] = frozenset()

    @property
    def is_object(self) -> bool:
        """Whether it is a whole DICOM object."""
        return self.data[128:132] == b"DICM"


def _stream(data: bytes, strict: bool) -> np.ndarray:
    return jpeg2000.decode(data, strict=strict)


def _component(data: bytes, strict: bool) -> np.ndarray:
    return jpeg2000.decode(data, strict=strict, components=0)


def _lossless(data: bytes, strict: bool) -> np.ndarray:
    return jpeg_lossless.decode(data, strict=strict)


def _object(data: bytes, strict: bool) -> np.ndarray:
    return radkit.decode(data, strict=strict, threads=1)


def _rle(shape: tuple[int, ...], dtype: Any) -> Decode:
    return lambda data, strict: rle.decode(data, shape=shape, dtype=dtype)  # always strict


def _codestreams() -> Iterator[Input]:
    for path in sorted((ROOT / "fuzz" / "streams").glob("*.j2k")):
        data = path.read_bytes()
        try:
            _stream(data, True)
        except RadkitError:  # components of several sizes make no array
            yield Input(path.stem, data, _component)
        else:
            yield Input(path.stem, data, _stream)


def _frames() -> Iterator[Input]:
    grey, small = b.picture(24, 20), b.picture(17, 19, bits=8)
    colour = np.dstack([b.picture(12, 14, seed=k, bits=8) for k in range(3)])
    deep = (b.picture(15, 21).astype(np.uint16) << 4) | 3
    for predictor in range(1, 8):
        data = jpeg_lossless.encode(grey, bits=12, predictor=predictor)
        yield Input(f"jpeg lossless {predictor}", data, _lossless)
    for name, image in {"8 bits": small, "colour": colour, "16 bits": deep}.items():
        yield Input(f"jpeg lossless {name}", jpeg_lossless.encode(image), _lossless)
        yield Input(f"rle {name}", rle.encode(image), _rle(image.shape, image.dtype))
    yield Input("rle literals", b.rle_frame(grey), _rle(grey.shape, grey.dtype))


def _coded_frames() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, transfer syntax and frame, all of a picture of 24 x 20 and 12 bits."""
    grey = b.picture(24, 20)
    small = Coding(levels=2, tile=(13, 11), block=(8, 8))
    yield "j2k", b.J2K, jpeg2000.encode(grey, bits=12)
    yield "j2k tiles", b.J2K, jpeg2000.encode(grey, bits=12, coding=small)
    yield "j2k lossy", b.J2K_ANY, jpeg2000.encode(grey, bits=12, lossy=Lossy(ratio=6))
    yield "htj2k", b.HTJ2K, htj2k.encode(grey, bits=12)
    yield "sv1", b.SV1, jpeg_lossless.encode(grey, bits=12)
    yield "rle", b.RLE, b.rle_frame(grey)


def repeated_places(syntax: str, data: bytes) -> frozenset[int]:
    """Find the bytes of an encapsulated object that its codestream repeats, and those of that."""
    found: set[int] = set()
    for tag in _REPEATED[syntax]:
        at = data.find(b.tag_bytes(tag) + b"US\2\0")
        found |= {at + 8, at + 9}
    siz, sof = data.find(_SIZ), data.find(_SOF3)
    if siz >= 0:  # Xsiz, Ysiz; Csiz and the first Ssiz (T.800 A.5.1)
        found |= {*range(siz + 6, siz + 14), *range(siz + 38, siz + 41)}
    elif sof >= 0:  # precision, lines, samples, components (T.81 B.2.2)
        found |= set(range(sof + 4, sof + 10))
    return frozenset(found)


def _objects() -> Iterator[Input]:
    yield Input("object native", native_object(1), _object)
    yield Input("object frames", frames_object(1, 2), _object)
    for syntax in ("implicit-le", "deflated"):
        made = radkit.transcode(native_object(2), None, syntax).data
        yield Input(f"object {syntax}", bytes(made or b""), _object)
    for name, syntax, frame in _coded_frames():
        data = b.made(syntax, b.grey(24, 20), b.encapsulated([b.even(frame)]))
        yield Input(f"object {name}", data, _object, repeated_places(syntax, data))
    for name, syntax, frame in list(_coded_frames())[::3]:
        pieces = [b.even(frame), b.even(frame)]
        table = b.table(b.offsets(pieces))
        data = b.made(syntax, b.grey(24, 20, 2), b.encapsulated(pieces, table=table))
        yield Input(f"object {name}, frames", data, _object)
    rgb = np.dstack([b.picture(12, 14, seed=k, bits=8) for k in range(3)])
    data = b.made(b.EXPLICIT, b.colour(12, 14), b.native(rgb.tobytes()))
    yield Input("object colour", data, _object)


@cache
def inputs() -> tuple[Input, ...]:
    """Return all inputs, the smallest first."""
    found = [*_codestreams(), *_frames(), *_objects()]
    return tuple(sorted(found, key=lambda one: len(one.data)))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Put small limits in force, and keep warnings away."""
    with warnings.catch_warnings(), limits.use(**SMALL):
        warnings.simplefilter("ignore")
        yield


def outcome(one: Input, data: bytes, strict: bool) -> np.ndarray | str:
    """Return the picture, or "" for a typed error, or else what is wrong."""
    try:
        return one.decode(data, strict)
    except RadkitError as error:
        text = str(error)
        if "internal error" in text:
            return f"an internal error: {text}"
        if b.PATIENT in text or b.PATIENT_ID in text:
            return "a message tells a patient's value"
        return ""
    except Exception as error:
        return f"{type(error).__name__} escapes: {error}"


def random_inputs(dice: random.Random) -> Iterator[Input]:
    """Yield further inputs without end: pictures, depths and codings of chance."""
    number = 0
    while True:
        number += 1
        rows, cols, bits = dice.randint(1, 30), dice.randint(1, 30), dice.randint(2, 16)
        image = b.picture(rows, cols, seed=dice.getrandbits(30), bits=bits)
        coding = Coding(
            levels=dice.randint(0, 3),
            block=(4 << dice.randint(0, 3), 4 << dice.randint(0, 3)),
            progression=dice.choice(("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")),
        )
        kind = dice.choice(("j2k", "htj2k", "jpeg lossless", "rle"))
        name = f"{kind} {number}"
        if kind == "jpeg lossless":
            yield Input(name, jpeg_lossless.encode(image, bits=bits), _lossless)
        elif kind == "rle":
            yield Input(name, rle.encode(image), _rle(image.shape, image.dtype))
        else:
            module = jpeg2000 if kind == "j2k" else htj2k
            yield Input(name, module.encode(image, bits=bits, coding=coding), _stream)


def same(first: Any, second: Any) -> bool:
    """Tell whether two pictures are one."""
    return (
        first.shape == second.shape
        and first.dtype == second.dtype
        and bool(np.array_equal(first, second))
    )


def uint(data: bytes, at: int, width: int) -> int:
    """Read an unsigned number, most significant byte first."""
    return int.from_bytes(data[at : at + width], "big")


def packed(value: int, width: int) -> bytes:
    """Write one."""
    return struct.pack(">Q", value)[8 - width :]


def go_through(
    attempt: Callable[[Input, Told, Budget], bool], budget: Budget, *, largest: int | None = None
) -> Told:
    """Go through the inputs that are the same in all runs, then others while there is time.

    Of the first ones the largest number of all runs counts, so that only what is new adds up.
    """
    told, known = Told(), Told()
    with quiet():
        whole = [
            one.name
            for one in inputs()
            if (largest is None or len(one.data) <= largest) and attempt(one, known, budget)
        ]
        told.at_least("whole", len(whole))
        told.at_least("decodes of these", known.counts["decodes"])
        for one in random_inputs(budget.dice):
            if budget.over:
                break
            told.counts["inputs"] += attempt(one, told, budget)
    for text in known.found:
        told.fault(text)
    for name, value in known.most.items():
        told.at_least(name, value)
    return told
