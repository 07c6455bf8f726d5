"""Headers of a codestream for a part of its packets (T.800 annex A, T.814 annex A).

What marker segments say is changed where fewer levels, fewer layers or other lengths ask for
it, everything else is copied. The headers come in sound: the native reader has checked them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from radkit.errors import OptionError

__all__ = [
    "PLT",
    "TLM",
    "Change",
    "Part",
    "comment_of",
    "main_header",
    "packed_main",
    "packed_part",
    "part_header",
    "says_something",
    "segments",
    "tlm_segments",
]

SIZ, COD, COC, TLM, PLM, PLT = 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF57, 0xFF58
QCD, QCC, PPM, PPT, COM = 0xFF5C, 0xFF5D, 0xFF60, 0xFF61, 0xFF64
SOT, SOD = 0xFF90, 0xFF93
# Segments that are said anew, or that no packet needs.
LEFT_OUT = frozenset({TLM, PLM, PLT, PPM, PPT})
HT_CAPABILITY = 0x4000  # the bit of Rsiz that says that CAP is there (T.814 A.2)
LATIN = b"\0\1"  # a comment of ISO 8859-15
TLM_ENTRIES = 10000  # in one segment of less than 65536 bytes


@dataclass(frozen=True, slots=True)
class Change:
    """How headers change: levels that go, layers that stay, and the components there are."""

    reduce: int
    layers: int
    components: int


@dataclass(frozen=True, slots=True)
class Part:
    """A tile-part as it is written: its tile, where its header was, and bytes of packets."""

    tile: int
    sot: int
    body: int
    size: int


def segments(data: memoryview, at: int, end: int) -> Iterator[tuple[int, memoryview]]:
    """Give (marker, body) of the segments between two offsets, up to SOD or what is none."""
    end = min(end, len(data))
    while at + 4 <= end:
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == SOD:
            return
        if 0xFF30 <= marker <= 0xFF3F:  # no length (A.1.3)
            at += 2
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        if size < 2 or at + 2 + size > end:
            return
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + size


def _segment(marker: int, body: bytes | memoryview) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + bytes(body)


def main_header(data: memoryview, start: int, end: int, change: Change) -> tuple[bytes, bool]:
    """Return SOC and the segments of a main header without TLM, and whether there was one.

    Raises
    ------
    OptionError
        The tiles cannot be halved that often.
    """
    made, tlm = [bytes(data[start : start + 2])], False
    for marker, body in segments(data, start + 2, end):
        tlm |= marker == TLM
        if marker not in LEFT_OUT:
            made.append(_segment(marker, _changed(marker, bytes(body), change)))
    return b"".join(made), tlm


def part_header(data: memoryview, part: Part, number: int, of: int, change: Change) -> bytes:
    """Return the header of a tile-part, SOT to SOD."""
    kept = b"".join(
        _segment(marker, _changed(marker, bytes(body), change))
        for marker, body in segments(data, part.sot + 12, part.body)
        if marker not in LEFT_OUT
    )
    length = 12 + len(kept) + 2 + part.size
    if length >> 32:
        raise OptionError("a tile-part would take more than 32 bits of length")
    sot = struct.pack(">HIBB", part.tile, length, number, of)
    return _segment(SOT, sot) + kept + struct.pack(">H", SOD)


def comment_of(data: memoryview, start: int, end: int) -> bytes:
    """Return the first comment of a main header that is text, without what C cannot hold."""
    for marker, body in segments(data, start + 2, end):
        if marker == COM and bytes(body[:2]) == LATIN:
            return bytes(body[2:]).partition(b"\0")[0]
    return b""


def says_something(data: memoryview, sot: int, body: int) -> bool:
    """Return whether the header of a tile-part has anything that must stay without packets."""
    return any(m not in LEFT_OUT and m != COM for m, _ in segments(data, sot + 12, body))


def tlm_segments(parts: list[tuple[int, int]]) -> bytes:
    """Return TLM for (tile, length) of all tile-parts (A.7.1)."""
    made = []
    for index in range(0, len(parts), TLM_ENTRIES):
        body = struct.pack(">BB", index // TLM_ENTRIES, 0x60)
        body += b"".join(struct.pack(">HI", *one) for one in parts[index : index + TLM_ENTRIES])
        made.append(_segment(TLM, body))
    return b"".join(made)


def _changed(marker: int, body: bytes, change: Change) -> bytes:
    wide = 1 if change.components < 257 else 2
    if marker == SIZ and change.reduce:
        return _halved(body, change.reduce)
    if marker == COD:
        layers = min(change.layers, int.from_bytes(body[2:4], "big"))
        head = body[:2] + layers.to_bytes(2, "big") + body[4:5]
        return head + _shallower(body[5:], change.reduce, body[0])
    if marker == COC:
        return body[: wide + 1] + _shallower(body[wide + 1 :], change.reduce, body[wide])
    if marker == QCD:
        return _fewer_steps(body, 0, change.reduce)
    if marker == QCC:
        return _fewer_steps(body, wide, change.reduce)
    return body


def _shallower(style: bytes, reduce: int, flags: int) -> bytes:
    """Return SPcod or SPcoc with fewer levels: precinct sizes go from the highest resolution."""
    levels = style[0] - reduce
    return bytes([levels]) + style[1:5] + (style[5 : 6 + levels] if flags & 1 else b"")


def _fewer_steps(body: bytes, at: int, reduce: int) -> bytes:
    """Return QCD or QCC without the bands of the highest levels, which stand last.

    A derived step is that of LL and counts its exponent from the deepest level: it stays.
    """
    width = {0: 1, 1: 0, 2: 2}[body[at] & 31]
    return body[: len(body) - 3 * reduce * width]


def _halved(siz: bytes, reduce: int) -> bytes:
    """Return SIZ on a grid that is 2**reduce times as coarse (B.2, B.5)."""
    rsiz, x1, y1, x0, y0, tw, th, tx, ty = struct.unpack_from(">H8I", siz)
    across = _halved_axis((x0, x1, tx, tw), reduce)
    down = _halved_axis((y0, y1, ty, th), reduce)
    pairs = (value for pair in zip(across, down, strict=True) for value in pair)
    x0, y0, x1, y1, tx, ty, tw, th = pairs
    # A profile may ask for sizes that the result has not.
    return struct.pack(">H8I", rsiz & HT_CAPABILITY, x1, y1, x0, y0, tw, th, tx, ty) + siz[34:]


def _halved_axis(axis: tuple[int, int, int, int], reduce: int) -> tuple[int, int, int, int]:
    """Return (start, stop, start of the tile grid, tile) along x or y.

    All edges are rounded up, as those of tile-components are on each level. For several tiles
    that is a grid again if 2**reduce divides their size.
    """
    start, stop, grid, tile = axis
    count = -(-(stop - grid) // tile)
    if count > 1 and tile % (1 << reduce):
        raise OptionError(
            f"tiles of {tile} samples cannot be halved {reduce} times: reduce= must be less"
        )
    low, high, first = (-(-value >> reduce) for value in (start, stop, grid))
    size = tile >> reduce if count > 1 else max(high - first, 1)
    if low >= high or first + size <= low or -(-(high - first) // size) != count:
        raise OptionError(f"a tile has no samples after reduce={reduce}")
    return low, high, first, size


def packed_main(data: memoryview, start: int, end: int) -> bytes | None:
    """Return the joined packet headers of PPM, None without any (A.7.4)."""
    found = {bytes(b[:1]): bytes(b[1:]) for m, b in segments(data, start + 2, end) if m == PPM}
    return b"".join(found[key] for key in sorted(found)) if found else None


def packed_part(data: memoryview, sot: int, body: int) -> bytes | None:
    """Return the joined packet headers of PPT in a tile-part, None without any (A.7.5)."""
    found = {bytes(b[:1]): bytes(b[1:]) for m, b in segments(data, sot + 12, body) if m == PPT}
    return b"".join(found[key] for key in sorted(found)) if found else None
