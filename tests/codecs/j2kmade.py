"""Codestreams put together by hand: segments, packet headers, and parts of other streams."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

__all__ = [
    "Bits",
    "Stream",
    "block_header",
    "parse",
    "passes_code",
    "segment",
    "shifted",
]

SOC, SIZ, COD, COC, TLM, PLM, PLT = 0xFF4F, 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF57, 0xFF58
QCD, QCC, RGN, POC, PPM, PPT, CRG, COM = (
    0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF63, 0xFF64,
)  # fmt: skip
CAP, SOT, SOD, EOC = 0xFF50, 0xFF90, 0xFF93, 0xFFD9


def segment(marker: int, body: bytes) -> bytes:
    """Return a marker segment (T.800 A.1.3)."""
    return struct.pack(">HH", marker, len(body) + 2) + body


@dataclass(frozen=True, slots=True)
class Stream:
    """A codestream in parts: (marker, body) of the main header, tile-parts, EOC."""

    main: tuple[tuple[int, bytes], ...]
    # (tile, number in the tile, parts of the tile, segments of the header, packets)
    parts: tuple[tuple[int, int, int, tuple[tuple[int, bytes], ...], bytes], ...]
    end: bytes = b"\xff\xd9"

    def body(self, marker: int) -> bytes:
        """Return the first segment of the main header with that marker."""
        return next(body for found, body in self.main if found == marker)

    def changed(self, marker: int, at: int, value: bytes) -> Stream:
        """Return the stream with bytes of the first such segment replaced."""
        body = self.body(marker)
        new = body[:at] + value + body[at + len(value) :]
        return self.with_body(marker, new)

    def with_body(self, marker: int, new: bytes) -> Stream:
        """Return the stream with another body of the first such segment."""
        place = [found for found, _ in self.main].index(marker)
        main = [*self.main]
        main[place] = (marker, new)
        return replace(self, main=tuple(main))

    def with_main(self, *more: tuple[int, bytes], before: int | None = None) -> Stream:
        """Return the stream with segments added: before one of the main header, or at its end."""
        place = len(self.main) if before is None else [m for m, _ in self.main].index(before)
        return replace(self, main=(*self.main[:place], *more, *self.main[place:]))

    def with_tile(self, *more: tuple[int, bytes], part: int = 0) -> Stream:
        """Return the stream with segments added to the header of a tile-part."""
        parts = [*self.parts]
        tile, number, of, header, packets = parts[part]
        parts[part] = (tile, number, of, (*header, *more), packets)
        return replace(self, parts=tuple(parts))

    def __bytes__(self) -> bytes:
        out = struct.pack(">H", SOC) + b"".join(segment(*one) for one in self.main)
        for tile, number, of, header, packets in self.parts:
            inside = b"".join(segment(*one) for one in header) + struct.pack(">H", SOD) + packets
            sot = struct.pack(">HIBB", tile, 12 + len(inside), number, of)
            out += segment(SOT, sot) + inside
        return out + self.end


def segments_of(data: bytes, at: int, stop: int) -> tuple[list[tuple[int, bytes]], int]:
    found = []
    while True:
        marker, size = struct.unpack_from(">HH", data, at)
        if marker == stop:
            return found, at
        found.append((marker, data[at + 4 : at + 2 + size]))
        at += 2 + size


def parse(data: bytes) -> Stream:
    """Take a sound codestream apart."""
    main, at = segments_of(data, 2, SOT)
    parts = []
    while struct.unpack_from(">H", data, at)[0] == SOT:
        tile, size, number, of = struct.unpack_from(">HIBB", data, at + 4)
        header, body = segments_of(data, at + 12, SOD)
        end = at + size if size else len(data) - 2
        parts.append((tile, number, of, tuple(header), data[body + 2 : end]))
        at = end
    return Stream(tuple(main), tuple(parts), data[at:])


def shifted(stream: Stream, x: int, y: int) -> Stream:
    """Move image and tiles on the reference grid; by multiples of 2^20 no partition changes."""
    body = stream.body(SIZ)
    values = struct.unpack_from(">8I", body, 2)
    steps = (x, y, x, y, 0, 0, x, y)
    moved = (value + step for value, step in zip(values, steps, strict=True))
    return stream.changed(SIZ, 2, struct.pack(">8I", *moved))


@dataclass
class Bits:
    """Bits of a packet header, with the stuffing of T.800 B.10.1."""

    values: list[int] = field(default_factory=list)

    def add(self, value: int, width: int) -> Bits:
        self.values += [value >> k & 1 for k in reversed(range(width))]
        return self

    def __bytes__(self) -> bytes:
        out, at = bytearray(), 0
        while at < len(self.values):
            width = 7 if out and out[-1] == 0xFF else 8
            chunk = self.values[at : at + width]
            chunk += [0] * (width - len(chunk))
            out.append(int("".join(map(str, chunk)), 2))
            at += width
        if out and out[-1] == 0xFF:
            out.append(0)
        return bytes(out)


def passes_code(bits: Bits, passes: int) -> None:
    """Write a number of coding passes (T.800 table B.4)."""
    if passes < 3:
        bits.add(passes - 1 and 2, passes)
    elif passes < 6:
        bits.add(3, 2).add(passes - 3, 2)
    elif passes < 37:
        bits.add(15, 4).add(passes - 6, 5)
    else:
        bits.add(511, 9).add(passes - 37, 7)


def block_header(
    passes: int,
    sizes: Sequence[tuple[int, int]],
    *,
    zero: int = 0,
    first: bool = True,
    spare: int = 0,
) -> bytes:
    """Return the header of a packet of one code-block.

    `sizes` are (bytes, passes) of its codeword segments; `zero` are missing bit-planes.
    `first`: not included before. `spare`: bits of lengths more than are needed.
    """
    bits = Bits().add(1, 1).add(1, 1)
    if first:
        bits.add(1, zero + 1)  # a tag tree of one node: zeros, then a one
    passes_code(bits, passes)
    floors = [count.bit_length() - 1 for _, count in sizes]
    lblock = max((size.bit_length() - low for (size, _), low in zip(sizes, floors, strict=True)),
                 default=3)  # fmt: skip
    lblock = max(lblock, 3) + spare
    bits.add((1 << lblock - 3) - 1, lblock - 3).add(0, 1)
    for (size, _), low in zip(sizes, floors, strict=True):
        bits.add(size, lblock + low)
    return bytes(bits)


def single(
    side: int, style: int, packets: Iterable[bytes], *, layers: int = 1, guard: int = 2,
    exponent: int = 10, more: Mapping[int, bytes] = {},
) -> Stream:  # fmt: skip
    """Return a grey 8-bit stream of one code-block, no wavelet, with these packets."""
    siz = struct.pack(">H8IH", 0, side, side, 0, 0, side, side, 0, 0, 1) + b"\x07\x01\x01"
    cod = struct.pack(">BBHB", 0, 0, layers, 0) + bytes((0, 4, 4, style, 1))
    qcd = bytes((guard << 5, exponent << 3))
    main = [(SIZ, siz), *([(CAP, b"\x00\x02\x00\x00\x00\x00")] if style & 0x40 else [])]
    main += [(COD, cod), (QCD, qcd), *more.items()]
    return Stream(tuple(main), ((0, 0, 1, (), b"".join(packets)),))
