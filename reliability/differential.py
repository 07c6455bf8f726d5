"""Random images in random codings: radkit, OpenJPEG and OpenJPH must read the same samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import RadkitError
from reliability.told import Budget, Told

__all__ = ["Case", "run", "try_case"]

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
NEAR = 1  # of what is irreversible: rounding of floats differs between libraries


@dataclass(frozen=True)
class Case:
    """An image and one codestream of it."""

    name: str
    image: np.ndarray
    bits: int
    data: bytes
    ht: bool
    lossless: bool = True


def picture(dice: Random, rows: int, cols: int, samples: int, bits: int) -> np.ndarray:
    """Return noise, slopes or few values, in the smallest type that holds the bits."""
    rng = np.random.default_rng(dice.getrandbits(32))
    top = (1 << bits) - 1
    shape = (rows, cols) if samples == 1 else (rows, cols, samples)
    kind = dice.randrange(4)
    if kind == 0:
        image = rng.integers(0, top + 1, shape)
    elif kind == 1:
        image = rng.integers(0, 2, shape) * top
    else:
        ramp = np.add.outer(np.arange(rows) * dice.random(), np.arange(cols) * dice.random())
        image = (ramp if samples == 1 else ramp[..., None]) * top / (rows + cols)
        image = np.clip(image + rng.normal(0, 1 + top / 200, shape), 0, top)
    return np.ascontiguousarray(image.astype(np.uint8 if bits <= 8 else np.uint16))


def coding(dice: Random, rows: int, cols: int) -> Coding:
    """Return options of an encoding, by chance."""
    tile = None
    if dice.random() < 0.3:
        tile = (dice.randint(max(1, rows // 3), rows), dice.randint(max(1, cols // 3), cols))
    return Coding(
        levels=dice.randint(0, 5),
        block=(4 << dice.randint(0, 4), 4 << dice.randint(0, 4)),
        progression=dice.choice(ORDERS),
        tile=tile,
    )


def _ours(dice: Random, image: np.ndarray, bits: int) -> tuple[str, bytes, bool]:
    options = coding(dice, *image.shape[:2])
    if dice.random() < 0.5:
        return f"radkit htj2k {options}", htj2k.encode(image, bits=bits, coding=options), True
    return f"radkit j2k {options}", jpeg2000.encode(image, bits=bits, coding=options), False


def _theirs(dice: Random, image: np.ndarray, bits: int) -> tuple[str, bytes, bool]:
    import imagecodecs

    if dice.random() < 0.5:
        return "openjph", bytes(imagecodecs.htj2k_encode(image, reversible=True)), True
    options: dict[str, Any] = {"level": 0, "reversible": True, "bitspersample": bits}
    options["resolutions"] = dice.randint(1, 6)
    data = imagecodecs.jpeg2k_encode(image, codecformat="J2K", **options)
    return f"openjpeg {options}", bytes(data), False


def make_case(dice: Random) -> Case:
    """Return a random image, coded by one of the three; by radkit where a library refuses."""
    rows, cols = dice.randint(1, 70), dice.randint(1, 70)
    bits, samples = dice.randint(1, 16), dice.choice((1, 1, 3))
    image = picture(dice, rows, cols, samples, bits)
    try:
        name, data, ht = dice.choice((_ours, _ours, _theirs))(dice, image, bits)
    except RuntimeError:  # of imagecodecs: OpenJPEG has no room for noise of some sizes
        name, data, ht = _ours(dice, image, bits)
    return Case(f"{rows}x{cols}x{samples}, {bits} bits, {name}", image, bits, data, ht)


def readers(case: Case) -> dict[str, Callable[[bytes], np.ndarray]]:
    """Return the decoders that know the coding."""
    import imagecodecs

    found: dict[str, Callable[[bytes], np.ndarray]] = {
        "radkit": jpeg2000.decode,
        "openjpeg": imagecodecs.jpeg2k_decode,
    }
    if case.ht:
        found["openjph"] = imagecodecs.htj2k_decode
    return found


def try_case(case: Case, told: Told) -> None:
    """Decode by all, and compare with the image."""
    for name, read in readers(case).items():
        try:
            found = np.asarray(read(case.data))
        except RadkitError as error:
            told.fault(f"{case.name}: radkit refuses: {error}")
            continue
        except Exception as error:  # of a library: who is right is for people to say
            told.counts[f"{name} refuses"] += 1
            told.facts.setdefault("refusals", {})[f"{name}: {error}"[:100]] = case.name
            continue
        if found.shape == case.image.shape and np.array_equal(found, case.image):
            told.counts[f"equal: {name}"] += 1
        elif name == "radkit":
            told.fault(f"{case.name}: radkit reads other samples")
        else:
            told.counts[f"{name} differs"] += 1
            told.facts.setdefault("disagreements", {}).setdefault(name, case.name)
    told.counts["images"] += 1


def run(budget: Budget) -> Told:
    """Try images while there is time."""
    told = Told()
    while not budget.over:
        state = budget.dice.getstate()[1][:1]
        case = make_case(budget.dice)
        budget.note(f"{case.name} {state}")
        try_case(case, told)
    return told
