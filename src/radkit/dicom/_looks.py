"""How the first bytes of a data set look: explicit or implicit, little or big endian.

PS3.5 7.1. The first element of a data set has a small group and a short value,
so that its first 16 bytes tell the encoding even where the label is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Looks", "look"]

_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR"
    b" US UT UV".split()
)
_LONGEST_FIRST_VALUE = 1 << 16


@dataclass(frozen=True, slots=True)
class Looks:
    """What the first element tells: its group, and the encoding it is in."""

    group: int
    implicit: bool
    big_endian: bool


def look(head: bytes | memoryview) -> Looks | None:
    """Return how a data set that begins with `head` is encoded, or None if it is none.

    Parameters
    ----------
    head : bytes-like
        At least its first 8 bytes.
    """
    return _look(bytes(head[:8]))


@lru_cache(maxsize=256)
def _look(first: bytes) -> Looks | None:
    if len(first) < 8:
        return None
    little = int.from_bytes(first[:2], "little")
    big = int.from_bytes(first[:2], "big")
    explicit = first[4:6] in _VRS
    if (little == 0 and big == 0) or min(little, big) > 0x00FF:
        # Group 0 belongs to messages; data sets begin with group 2, 4 or 8 and seldom later.
        return _late(first, explicit)
    group = min(g for g in (little, big) if g)
    big_endian = group != little
    if explicit:
        return Looks(group, False, big_endian)
    length = int.from_bytes(first[4:8], "little")
    if big_endian or (length > _LONGEST_FIRST_VALUE and length != 0xFFFFFFFF):
        return None
    return Looks(group, True, False)


def _late(first: bytes, explicit: bool) -> Looks | None:
    """Look at a data set that begins with a high group: only an explicit one can be told."""
    little = int.from_bytes(first[:2], "little")
    if not explicit or little in (0, 0xFFFE):
        return None
    return Looks(little, False, False)
