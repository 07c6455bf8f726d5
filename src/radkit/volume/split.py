"""What tells several stacks at the same positions apart: time, echo, b-value, phase.

PS3.3 C.7.6.17 (dimensions of a multi-frame object come first), else attributes in
the order of `SPLIT_TAGS`, one alone before two or three together. An attribute
counts if it takes as many values as there are stacks, each once per position.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radkit.volume.records import KEYWORDS, SPLIT_TAGS, Record

__all__ = ["Part", "labels_of", "sorted_parts", "tell_apart"]

STACK, IN_STACK, IN_VOLUME = 0x00209056, 0x00209057, 0x00200032
PLACES = (STACK, IN_STACK, IN_VOLUME, 0x00209113, 0x00209116, 0x00209301)
MOST_TOGETHER = 3

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Slices of one stack, and what they have in common that others have not."""

    records: list[Record]
    labels: dict[str, str]


def tell_apart(records: list[Record], places: Codes) -> tuple[str, list[Part]] | None:
    """Return by what the records split into stacks of unlike places, and the stacks.

    Parameters
    ----------
    records : list of Record
    places : ndarray
        Index of each record's position.
    """
    times = int(np.bincount(places).max())
    if dimensions := _dimensions(records):
        codes = _codes([tuple(record.dimensions[one] for one in dimensions) for record in records])
        if _fits(codes, places, times):
            tags = tuple(one for one in dimensions if _varies(records, one))
            return " and ".join(map(_keyword, tags)), _parts(records, codes, tags)
    varying = {}
    for name, tags in SPLIT_TAGS.items():
        codes = _codes([record.key(tags) for record in records])
        if 1 < codes.max() + 1 <= times:
            varying[name] = codes
    for number in range(1, MOST_TOGETHER + 1):
        for names in itertools.combinations(varying, number):
            codes = _codes(list(zip(*(varying[name].tolist() for name in names), strict=True)))
            if _fits(codes, places, times):
                tags = tuple(dict.fromkeys(tag for name in names for tag in SPLIT_TAGS[name]))
                return " and ".join(names), _parts(records, codes, tags)
    return None


def sorted_parts(records: list[Record], tags: tuple[int, ...]) -> list[Part]:
    """Return the records by the values of some attributes, in the order of these."""
    return _parts(records, _codes([record.key(tags) for record in records]), tags)


def labels_of(record: Record, tags: Sequence[int]) -> dict[str, str]:
    """Return values by keyword; the dimension index where a frame states nothing else."""
    found = {}
    for tag in tags:
        text = record.keys.get(tag, "") or str(record.dimensions.get(tag, ""))
        found[_keyword(tag)] = text
    return found


def _keyword(tag: int) -> str:
    return KEYWORDS.get(tag, f"({tag >> 16:04X},{tag & 0xFFFF:04X})")


def _dimensions(records: list[Record]) -> tuple[int, ...]:
    """Return the dimensions that all records have, without those of place."""
    first = records[0].dimensions
    if not first or any(record.dimensions.keys() != first.keys() for record in records):
        return ()
    return tuple(tag for tag in first if tag not in PLACES)


def _varies(records: list[Record], tag: int) -> bool:
    return len({record.dimensions[tag] for record in records}) > 1


def _codes(keys: Sequence[tuple[object, ...]]) -> Codes:
    """Return a number for each key, equal for equal ones, from 0 without gaps."""
    numbers: dict[tuple[object, ...], int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _fits(codes: Codes, places: Codes, times: int) -> bool:
    if codes.max() + 1 != times:
        return False
    return len(np.unique(places * times + codes)) == len(codes)


def _parts(records: list[Record], codes: Codes, tags: tuple[int, ...]) -> list[Part]:
    groups: dict[int, list[Record]] = {}
    for record, code in zip(records, codes.tolist(), strict=True):
        groups.setdefault(code, []).append(record)
    parts = [Part(records=group, labels=labels_of(group[0], tags)) for group in groups.values()]
    return sorted(parts, key=lambda part: [_rank(text) for text in part.labels.values()])


def _rank(text: str) -> tuple[tuple[float, str], ...]:
    """Sort numbers as numbers, before texts."""
    found = []
    for word in text.split("\\"):
        try:
            value = float(word)
        except ValueError:
            value = math.inf
        found.append((value if not math.isnan(value) else math.inf, word))
    return tuple(found)
