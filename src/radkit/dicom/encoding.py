"""Headers of data elements: encodings, VRs and their lengths (PS3.5 6.2, 7.1, Annex A)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = [
    "EXPLICIT",
    "IMPLICIT",
    "UNDEFINED",
    "Encoding",
    "element_header",
    "encode",
    "swapped",
    "vr_of",
]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, BITS_ALLOCATED, PIXEL_REPRESENTATION = 0x7FE00010, 0x00280100, 0x00280103
UNDEFINED = 0xFFFFFFFF
SHORT_LIMIT = 0xFFFE

# PS3.5 7.1.2: two reserved bytes and a 32-bit length follow these.
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"}
    | {"LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)
KNOWN_VRS = LONG_VRS | SHORT_VRS
WORD = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How element headers and binary values are written."""

    implicit: bool = False
    big: bool = False


EXPLICIT = Encoding()
IMPLICIT = Encoding(implicit=True)


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def vr_of(tag: int, length: int, *, signed: bool) -> str:
    """Give the VR that an element of an implicit data set has in an explicit one.

    Parameters
    ----------
    tag : int
        As ``0x00280106``.
    length : int
        Of the value in bytes; `UNDEFINED` for undefined.
    signed : bool
        Pixel Representation of the data set is 1: decides between US and SS.

    Returns
    -------
    str
        Two letters; ``"UN"`` for private and unknown elements.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1:
        return "LO" if 0x10 <= element <= 0xFF and length <= SHORT_LIMIT else "UN"
    vr = _dictionary_vr(tag)
    if " or " in vr:
        small = "SS" if signed else "US"
        if vr == "US or SS":
            vr = small
        elif vr == "US or SS or OW":
            vr = small if length == 2 else "OW"
        elif vr == "US or OW":
            vr = "US" if length == 2 else "OW"
        else:
            vr = "OW"  # OB or OW: implicit VR is always OW (PS3.5 A.1)
    if length == UNDEFINED:
        return "SQ" if vr == "SQ" else "UN"
    if vr not in KNOWN_VRS or (vr not in LONG_VRS and length > SHORT_LIMIT):
        return "UN"
    return vr


def element_header(tag: int, vr: str, length: int, encoding: Encoding = EXPLICIT) -> bytes:
    """Write tag, VR and length of an element, little endian.

    A value too long for the 16-bit length of its VR becomes UN. A VR that is not known
    has the long form (PS3.5 6.2, 7.1.2).
    """
    group, element = tag >> 16, tag & 0xFFFF
    if encoding.implicit:
        return struct.pack("<HHI", group, element, length)
    if vr in SHORT_VRS:
        if length <= SHORT_LIMIT:
            return struct.pack("<HH2sH", group, element, vr.encode("ascii"), length)
        vr = "UN"
    return struct.pack("<HH2sHI", group, element, vr.encode("ascii"), 0, length)


def encode(tag: int, vr: str, value: bytes | memoryview, encoding: Encoding = EXPLICIT) -> bytes:
    """Write a whole element of defined length; an odd value is padded as its VR asks."""
    if len(value) & 1:
        value = bytes(value) + (b"\0" if vr in ("UI", "OB", "UN") else b" ")
    return element_header(tag, vr, len(value), encoding) + bytes(value)


def swapped(value: bytes | memoryview, word: int) -> bytes:
    """Reverse the bytes of each word; a tail shorter than a word stays as it is."""
    if word == 1:
        return bytes(value)
    whole = len(value) - len(value) % word
    words = np.frombuffer(value, np.uint8, whole).reshape(-1, word)
    return words[:, ::-1].tobytes() + bytes(value[whole:])
