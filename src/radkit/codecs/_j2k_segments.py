"""Reads single marker segments of a JPEG 2000 codestream (T.800 annex A)."""

from __future__ import annotations

import struct

from radkit import limits
from radkit.codecs._j2k_model import Header, Quantiser, Style, bad
from radkit.errors import TruncatedPixelData, UnsupportedTransferSyntax

__all__ = ["NAMES", "read_body", "read_marker", "read_segment", "read_siz", "read_tlm"]

NAMES = {
    0xFF50: "CAP", 0xFF51: "SIZ", 0xFF52: "COD", 0xFF53: "COC", 0xFF55: "TLM", 0xFF57: "PLM",
    0xFF58: "PLT", 0xFF5C: "QCD", 0xFF5D: "QCC", 0xFF5E: "RGN", 0xFF5F: "POC", 0xFF60: "PPM",
    0xFF61: "PPT", 0xFF63: "CRG", 0xFF64: "COM", 0xFF90: "SOT", 0xFF93: "SOD", 0xFFD9: "EOC",
}  # fmt: skip
MAX_POC = 1024


def read_marker(data: memoryview, at: int, stop: int) -> int:
    """Return the marker at `at`."""
    if at + 2 > stop:
        raise TruncatedPixelData("the codestream ends within a header", offset=at, decoded=0.0)
    return data[at] << 8 | data[at + 1]


def read_body(data: memoryview, at: int, stop: int, marker: int) -> memoryview:
    """Return the payload of the segment whose marker is at `at`."""
    name = NAMES.get(marker, f"{marker:04X}")
    if at + 4 > stop:
        raise TruncatedPixelData(f"the codestream ends in {name}", offset=at, decoded=0.0)
    length = data[at + 2] << 8 | data[at + 3]
    if length < 2:
        raise bad(f"{name} has length {length}", at, "A.1.1")
    if at + 2 + length > stop:
        raise TruncatedPixelData(f"the codestream ends in {name}", offset=at, decoded=0.0)
    return data[at + 4 : at + 2 + length]


def read_siz(body: memoryview, header: Header, at: int) -> None:
    """Read image and tile size, and the components."""
    if len(body) < 36:
        raise bad("SIZ is too short", at, "A.5.1")
    rsiz, xs, ys, xo, yo, xt, yt, xto, yto, count = struct.unpack_from(">H8IH", body)
    if not 1 <= count <= 16384 or len(body) != 36 + 3 * count:
        raise bad(f"SIZ of {count} components has {len(body)} bytes", at, "A.5.1")
    if not (xo < xs and yo < ys):
        raise bad("the image area is empty", at, "A.5.1")
    if not (xt and yt and xto <= xo < xto + xt and yto <= yo < yto + yt):
        raise bad("the tile grid does not cover the image", at, "B.3")
    if rsiz & 0x8000:
        raise UnsupportedTransferSyntax(
            "the codestream needs extensions of JPEG 2000 Part 2",
            offset=at,
            section="T.800 A.5.1, T.801 A.2.1",
            hint="Convert it to JPEG 2000 Part 1 with the system that wrote it",
        )
    header.rsiz = rsiz
    header.size, header.origin = (xs, ys), (xo, yo)
    header.tile, header.tile_origin = (xt, yt), (xto, yto)
    parts = [tuple(body[36 + 3 * i : 39 + 3 * i]) for i in range(count)]
    header.signs = tuple(bool(part[0] & 0x80) for part in parts)
    header.precisions = tuple((part[0] & 0x7F) + 1 for part in parts)
    header.steps = tuple((part[1], part[2]) for part in parts)
    if max(header.precisions) > 38:
        raise bad(f"{max(header.precisions)} bits per sample", at, "A.5.1")
    if any(0 in step for step in header.steps):
        raise bad("a component has subsampling 0", at, "A.5.1")
    across, down = header.tiles
    if across * down > 65535:
        raise bad(f"{across * down} tiles are more than 65535", at, "A.5.1")
    limits.check("max_pixels", (xs - xo) * (ys - yo), "rows times columns of a frame", offset=at)
    limits.check("max_tiles", across * down, "tiles of a codestream", offset=at)


def _style(body: memoryview, at: int, precincts: bool, name: str) -> Style:
    if len(body) < 5:
        raise bad(f"{name} is too short", at, "A.6.1")
    levels, xcb, ycb, flags, transform = body[:5]
    if levels > 32:
        raise bad(f"{levels} decomposition levels are more than 32", at, "A.6.1")
    xcb, ycb = xcb + 2, ycb + 2
    if xcb > 10 or ycb > 10 or xcb + ycb > 12:
        raise bad(f"code-blocks of 2^{xcb} by 2^{ycb} samples", at, "A.6.1")
    if transform > 1:
        raise UnsupportedTransferSyntax(
            "the codestream uses a wavelet of JPEG 2000 Part 2", offset=at, section="T.800 A.6.1"
        )
    sizes: tuple[tuple[int, int], ...] = ()
    if precincts:
        if len(body) < 5 + levels + 1:
            raise bad(f"{name} has too few precinct sizes", at, "A.6.1")
        sizes = tuple((byte & 15, byte >> 4) for byte in body[5 : 6 + levels])
        if any(0 in size for size in sizes[1:]):
            raise bad("a precinct size 0 above the lowest resolution", at, "A.6.1")
    return Style(levels, xcb, ycb, flags, transform == 1, sizes)


def _component(body: memoryview, header: Header, at: int, name: str) -> tuple[int, memoryview]:
    width = 1 if len(header.precisions) < 257 else 2
    if len(body) < width + 1:
        raise bad(f"{name} is too short", at, "A.6.2")
    index = int.from_bytes(body[:width], "big")
    if index >= len(header.precisions):
        raise bad(f"{name} is for component {index}, which does not exist", at, "A.6.2")
    return index, body[width:]


def _quantiser(body: memoryview, at: int, name: str) -> Quantiser:
    if not body:
        raise bad(f"{name} is too short", at, "A.6.4")
    style, rest = body[0] & 31, len(body) - 1
    if style > 2:
        raise bad(f"{name} has quantisation style {style}", at, "A.6.4")
    if (style == 1 and rest != 2) or (style == 2 and rest % 2) or not rest:
        raise bad(f"{name} of style {style} has {rest} bytes of steps", at, "A.6.4")
    return Quantiser(style, rest if style == 0 else rest // 2)


def read_segment(marker: int, body: memoryview, header: Header, at: int, *, main: bool) -> None:
    """Read a segment that may stand in the main header or in that of a tile."""
    if marker == 0xFF52:
        if len(body) < 5:
            raise bad("COD is too short", at, "A.6.1")
        order, layers, mct = body[1], body[2] << 8 | body[3], body[4]
        if order > 4 or not layers or mct > 1:
            raise bad(f"COD has order {order}, {layers} layers, transform {mct}", at, "A.6.1")
        style = _style(body[5:], at, bool(body[0] & 1), "COD")
        header.styles.add(style)
        header.layers = max(header.layers, layers)
        header.mct = header.mct or bool(mct)
        if main:
            header.cod, header.order = style, order
    elif marker == 0xFF53:
        index, rest = _component(body, header, at, "COC")
        style = _style(rest[1:], at, bool(rest[0] & 1), "COC")
        header.styles.add(style)
        if main:
            header.coc[index] = style
    elif marker == 0xFF5C:
        quantiser = _quantiser(body, at, "QCD")
        if main:
            header.qcd = quantiser
    elif marker == 0xFF5D:
        index, rest = _component(body, header, at, "QCC")
        quantiser = _quantiser(rest, at, "QCC")
        if main:
            header.qcc[index] = quantiser
    elif marker == 0xFF5E:
        index, rest = _component(body, header, at, "RGN")
        if len(rest) != 2 or rest[0]:
            raise bad("RGN is not of the one style there is", at, "A.6.3")
        header.roi = True
    elif marker == 0xFF5F:
        width = 7 if len(header.precisions) < 257 else 9
        if not body or len(body) % width:
            raise bad("POC has a wrong length", at, "A.6.6")
        header.poc += len(body) // width
        if header.poc > MAX_POC:
            raise bad(f"more than {MAX_POC} progression changes", at, "A.6.6")
    elif marker == 0xFF63 and len(body) != 4 * len(header.precisions):
        raise bad("CRG has a wrong length", at, "A.9.1")
    elif marker == 0xFF58:
        header.plt = True


def read_tlm(body: memoryview, header: Header, at: int) -> None:
    """Count the tile-parts that a TLM segment lists."""
    if len(body) < 2:
        raise bad("TLM is too short", at, "A.7.1")
    index_size, length_size = body[1] >> 4 & 3, 4 if body[1] & 0x40 else 2
    if index_size == 3 or (len(body) - 2) % (index_size + length_size):
        raise bad("TLM has a wrong length", at, "A.7.1")
    header.tlm_seen = True
    header.tlm += (len(body) - 2) // (index_size + length_size)
