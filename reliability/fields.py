"""Header fields at the edges of their range: a picture or a typed error, whatever they say.

Each field of each marker segment of JPEG 2000 (T.800 Annex A, T.814), and each element of
group 0028 that describes an image, becomes 0, 1, its largest value, one less, and its sign
bit alone; then pairs of them by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reliability.inputs import Input, inputs, outcome, packed, quiet
from reliability.objects import b, frames_object
from reliability.told import Budget, Told, import_tests

import_tests("tests/codecs")

from j2kmade import CAP, COC, COD, CRG, POC, QCC, QCD, RGN, SIZ, SOT, segment  # noqa: E402

__all__ = ["Field", "run", "try_fields"]

# Widths of the fields of a segment's body; the last ones are repeated to its end.
WIDTHS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    SIZ: ((2, 4, 4, 4, 4, 4, 4, 4, 4, 2), (1, 1, 1)),
    CAP: ((4,), (2,)),
    COD: ((1, 1, 2, 1, 1, 1, 1, 1, 1), (1,)),
    COC: ((1, 1, 1, 1, 1, 1, 1), (1,)),
    QCD: ((1,), (1,)),
    QCC: ((1, 1), (1,)),
    RGN: ((1, 1, 1), (1,)),
    POC: ((), (1, 1, 2, 1, 1, 1)),
    CRG: ((), (2, 2)),
    SOT: ((2, 4, 1, 1), (1,)),
}
_DESCRIBES = (b.ROWS, b.COLS, b.SAMPLES, b.ALLOCATED, b.STORED, b.HIGH_BIT, b.SIGN, b.PLANAR)
PAIRS = 100  # of an input before the next one
COMMENT, START_OF_DATA = 0xFF64, 0xFF93


@dataclass(frozen=True)
class Field:
    """A number in a header: where it is, how wide, and which end comes first."""

    name: str
    at: int
    width: int
    little: bool = False

    def edges(self) -> list[int]:
        """Return the values to try."""
        most = (1 << 8 * self.width) - 1
        return sorted({0, 1, most, most - 1, 1 << (8 * self.width - 1)})

    def put(self, data: bytes, value: int) -> bytes:
        """Return the data with another value of the field."""
        new = packed(value, self.width)
        return data[: self.at] + (new[::-1] if self.little else new) + data[self.at + self.width :]


def _of_segment(marker: int, at: int, size: int) -> Iterator[Field]:
    yield Field(f"{marker:04X} length", at - 2, 2)
    once, again = WIDTHS.get(marker, ((), (1,)))
    place, number = 0, 0
    while place < size:
        width = once[number] if number < len(once) else again[(number - len(once)) % len(again)]
        if place + width > size:
            return
        yield Field(f"{marker:04X} field {number}", at + place, width)
        place, number = place + width, number + 1


def marker_fields(data: bytes, start: int = 0) -> list[Field]:
    """Return the fields of all marker segments, those of tile-parts too."""
    at, found = start + 2, []
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = (int.from_bytes(data[k : k + 2], "big") for k in (at, at + 2))
        if marker == START_OF_DATA:
            at = data.find(segment(SOT, b"")[:2], at)
            if at < 0:
                break
            continue
        if marker == 0xFFD9 or size < 2:
            break
        if marker != COMMENT:
            found += _of_segment(marker, at + 4, size - 2)
        at += 2 + size
    return found


def element_fields(data: bytes) -> list[Field]:
    """Return the elements of group 0028 that describe the image."""
    found = []
    for tag in _DESCRIBES:
        at = data.find(b.tag_bytes(tag) + b"US\2\0")
        if at >= 0:
            found.append(Field(f"{tag:08X}", at + 8, 2, little=True))
    return found


def _judge(one: Input, data: bytes, say: str, told: Told, budget: Budget) -> None:
    for strict in (True, False):
        budget.note(f"{one.name}: {say}, strict {strict}")
        found = outcome(one, data, strict)
        if isinstance(found, str) and found:
            told.fault(f"{one.name}, {say}: {found}")


def fields_of(one: Input) -> dict[str, list[Field]]:
    """Return the fields of an input, by what they are."""
    stream = max(one.data.find(b"\xff\x4f\xff\x51"), 0)
    coded = one.data[stream : stream + 2] == b"\xff\x4f"
    return {
        "markers": marker_fields(one.data, stream) if coded else [],
        "group 0028": element_fields(one.data) if one.is_object else [],
    }


def try_fields(one: Input, told: Told, budget: Budget) -> bool:
    """Try each field of an input; False if the time was up before."""
    for kind, several in fields_of(one).items():
        for field in several:
            for value in field.edges():
                if budget.over:
                    return False
                _judge(one, field.put(one.data, value), f"{field.name} is {value}", told, budget)
                told.counts[kind] += 1
    return True


def try_pairs(one: Input, told: Told, budget: Budget, count: int) -> None:
    """Try two fields of an input at a time, by chance."""
    every = [field for several in fields_of(one).values() for field in several]
    for _ in range(count):
        data, said = one.data, []
        for field in budget.dice.sample(every, 2):
            value = budget.dice.choice(field.edges())
            data = field.put(data, value)
            said.append(f"{field.name} is {value}")
        _judge(one, data, ", ".join(said), told, budget)
        told.counts["pairs"] += 1


def subjects() -> list[Input]:
    """Return what has fields: codestreams of JPEG 2000, and objects."""
    decode = next(one.decode for one in inputs() if one.is_object)
    known = [one for one in inputs() if one.is_object or one.data[:2] == b"\xff\x4f"]
    known.append(Input("object of three frames", frames_object(3), decode))
    return [one for one in known if sum(map(len, fields_of(one).values())) > 1]


def run(budget: Budget) -> Told:
    """Try all fields of all inputs, then pairs while there is time."""
    told, every = Told(), subjects()
    first = budget.dice.randrange(len(every))
    with quiet():
        whole = sum(try_fields(one, told, budget) for one in every[first:] + every[:first])
        told.at_least("whole", whole)
        while not budget.over:
            try_pairs(budget.dice.choice(every), told, budget, PAIRS)
    return told
