"""Random objects transcoded with proof, and re-read by pydicom: what must stay has stayed.

Elements are compared byte for byte, but those that describe the pixels anew. Samples were
compared by the proof; every so often a decoder that shares no code with radkit does it too.
"""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import numpy as np

import radkit
from radkit.errors import RadkitError
from reliability.objects import b
from reliability.told import Budget, Told, import_tests

import_tests("tests/transcoding")

from objects_made import OWNED, read  # noqa: E402

__all__ = ["make_object", "run", "try_object"]

LOSSLESS = (
    "jpeg2000-lossless",
    "htj2k-lossless",
    "htj2k-lossless-rpcl",
    "jpeg-lossless",
    "jpegls-lossless",
    "rle",
)
INDEPENDENT_EACH = 20
_TEXT_VRS = ("LO", "SH", "LT", "ST", "UT", "PN", "CS", "DS", "IS", "DA", "TM", "AE", "UI")
_BYTES_VRS = ("OB", "OW", "UN", "OF", "US", "SS", "UL", "SL", "FL", "FD", "AT")


def _value(dice: Random, vr: str) -> bytes:
    """Return a value whose length its VR allows; what is in it does not matter."""
    if vr in _TEXT_VRS:
        letters = "0123456789." if vr in ("DS", "IS", "DA", "TM", "UI") else "ABC xyz^\\=0123"
        return "".join(dice.choices(letters, k=dice.randint(0, 16))).encode()
    unit = {"US": 2, "SS": 2, "OW": 2, "FD": 8}.get(vr, 4)
    return dice.randbytes(unit * dice.randint(0, 6))


def _sequence(dice: Random, depth: int = 0) -> bytes:
    items = []
    for _ in range(dice.randint(0, 2)):
        inside = _elements(dice, 0x0008, dice.randint(1, 3), depth + 1)
        if dice.random() < 0.5:
            items.append(b.item(inside))
        else:
            items.append(b.ITEM + struct.pack("<I", b.UNDEFINED) + inside + b.ITEM_END + bytes(4))
    return b"".join(items)


def _elements(dice: Random, group: int, count: int, depth: int = 0) -> bytes:
    """Return elements of a group in order, sequences among them."""
    made = []
    for number in sorted(dice.sample(range(0x1000, 0x2000), count)):
        tag = group << 16 | number
        if depth < 3 and dice.random() < 0.15:
            body = _sequence(dice, depth)
            if dice.random() < 0.5:
                made.append(b.head(tag, "SQ", len(body)) + body)
            else:
                end = b.SEQUENCE_END + bytes(4)
                made.append(b.head(tag, "SQ", b.UNDEFINED) + body + end)
        else:
            vr = dice.choice(_TEXT_VRS + _BYTES_VRS)
            made.append(b.element(tag, vr, _value(dice, vr)))
    return b"".join(made)


def make_object(dice: Random) -> bytes:
    """Return an object with a random header and random pixels."""
    rows, cols, frames = dice.randint(1, 24), dice.randint(1, 24), dice.choice((1, 1, 1, 2, 3))
    rng = np.random.default_rng(dice.getrandbits(32))
    if dice.random() < 0.3:
        image, shape, bits = b.colour(rows, cols), (rows, cols, 3), 8
        frames = 1
    else:
        bits = dice.randint(2, 16)
        cells = 8 if bits <= 8 else 16
        described = {b.ALLOCATED: cells, b.STORED: bits, b.HIGH_BIT: bits - 1}
        image = b.grey(rows, cols, frames) | {tag: b.us(n) for tag, n in described.items()}
        shape = (frames, rows, cols)
    samples = rng.integers(0, 1 << bits, shape).astype("<u1" if bits <= 8 else "<u2").tobytes()
    uid = f"1.2.3.{dice.getrandbits(60)}"
    body = b.data_set(image, b"", extra={0x00080018: b.text("UI", uid)})
    private = b.element(0x00290010, "LO", b"ACME") + _elements(dice, 0x0029, dice.randint(0, 8))
    public = _elements(dice, 0x0040, dice.randint(0, 6))
    pixels = b.native(b.even(samples), "OB" if bits <= 8 else "OW")
    return b.meta(b.EXPLICIT) + body + private + public + pixels


def raw(dataset: Any) -> dict[int, tuple[str | None, Any]]:
    """Return VR and bytes of the elements as pydicom reads them, items of sequences too."""
    found = {}
    for tag in dataset.keys():  # noqa: SIM118 (iterating a Dataset parses its elements)
        element = dataset.get_item(tag)
        value = element.value
        if element.VR == "SQ" and not isinstance(value, bytes | None):
            value = [raw(item) for item in value]
        found[int(tag)] = (element.VR, value or b"")
    return found


def differences(after: bytes, elements: dict[int, Any]) -> list[str]:
    """Return the elements that are not as they were, read by pydicom."""
    new = raw(read(after))
    found = [
        f"{tag:08X}"
        for tag, value in elements.items()
        if tag not in OWNED and new.get(tag) != value
    ]
    return found + [f"{tag:08X} is new" for tag in set(new) - set(elements) - OWNED]


def try_object(data: bytes, told: Told, budget: Budget) -> None:
    """Transcode an object into every lossless syntax, and back."""
    elements = raw(read(data))
    for syntax in LOSSLESS:
        told.counts["objects"] += 1
        budget.note(f"{syntax}: object {told.counts['objects']} of seed {budget.seed}")
        second = told.counts["objects"] % INDEPENDENT_EACH == 0
        try:
            made = radkit.transcode(data, None, syntax, verify="independent" if second else True)
        except RadkitError as error:
            told.fault(f"{syntax}: {type(error).__name__}: {error}")
            continue
        told.counts["by another decoder"] += second
        if wrong := differences(made.data or b"", elements):
            told.fault(f"{syntax}: {', '.join(wrong)} of object {told.counts['objects']}")
    back = radkit.transcode(made.data, None, "explicit-le").data
    if not np.array_equal(radkit.decode(back), radkit.decode(data)):
        told.fault(f"{syntax} and back: other samples")


def run(budget: Budget) -> Told:
    """Transcode objects while there is time."""
    told = Told()
    while not budget.over:
        try_object(make_object(budget.dice), told, budget)
    return told
