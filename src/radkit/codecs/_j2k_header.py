"""Reads and checks the headers of a JPEG 2000 or HTJ2K codestream (T.800 annex A, I).

Nothing is decoded. What passes here is sound enough for a decoder to allocate by:
sizes, tiles, levels, blocks and quantisation are within the standard and the
limits, and all tile-parts that the stream promises are there, or the header says
which share is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from radkit import limits
from radkit.codecs._jp2 import find_codestream
from radkit.codecs.frame import CodestreamInfo
from radkit.errors import CorruptPixelData, Problem, TruncatedPixelData, UnsupportedTransferSyntax

__all__ = ["Header", "Quantiser", "Style", "parse"]

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
NAMES = {
    0xFF50: "CAP", 0xFF51: "SIZ", 0xFF52: "COD", 0xFF53: "COC", 0xFF55: "TLM", 0xFF57: "PLM",
    0xFF58: "PLT", 0xFF5C: "QCD", 0xFF5D: "QCC", 0xFF5E: "RGN", 0xFF5F: "POC", 0xFF60: "PPM",
    0xFF61: "PPT", 0xFF63: "CRG", 0xFF64: "COM", 0xFF90: "SOT", 0xFF93: "SOD", 0xFFD9: "EOC",
}  # fmt: skip
MAX_PACKETS = 1 << 24
MAX_POC = 1024


@dataclass(frozen=True, slots=True)
class Style:
    """Coding style of a component (SPcod, SPcoc)."""

    levels: int
    xcb: int
    ycb: int
    flags: int
    reversible: bool
    precincts: tuple[tuple[int, int], ...]  # exponents (x, y) by resolution, empty = 15


@dataclass(frozen=True, slots=True)
class Quantiser:
    """Quantisation of a component (Sqcd, Sqcc): 0 none, 1 derived, 2 expounded."""

    style: int
    bands: int


@dataclass(slots=True)
class Header:
    """All that the headers say, with offsets in the data given to `parse`."""

    start: int = 0  # of SOC
    end: int = 0  # after EOC, or where the data end
    jp2: bool = False
    rsiz: int = 0
    size: tuple[int, int] = (0, 0)  # Xsiz, Ysiz
    origin: tuple[int, int] = (0, 0)
    tile: tuple[int, int] = (0, 0)
    tile_origin: tuple[int, int] = (0, 0)
    precisions: tuple[int, ...] = ()
    signs: tuple[bool, ...] = ()
    steps: tuple[tuple[int, int], ...] = ()  # XRsiz, YRsiz
    cap: bool = False
    order: int = 0
    layers: int = 0
    mct: bool = False
    cod: Style | None = None
    coc: dict[int, Style] = field(default_factory=dict)
    qcd: Quantiser | None = None
    qcc: dict[int, Quantiser] = field(default_factory=dict)
    styles: set[Style] = field(default_factory=set)  # all that occur, tiles included
    plt: bool = False
    tlm: int = 0  # tile-parts that TLM lists
    tlm_seen: bool = False
    poc: int = 0
    roi: bool = False
    parts: int = 0
    eoc: bool = False
    sound: float = 1.0
    problems: list[Problem] = field(default_factory=list)

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles across and down."""
        across = -(-(self.size[0] - self.tile_origin[0]) // self.tile[0])
        down = -(-(self.size[1] - self.tile_origin[1]) // self.tile[1])
        return across, down

    @property
    def ht(self) -> bool:
        """Some blocks may be high-throughput ones."""
        return any(style.flags & 0x40 for style in self.styles)

    @property
    def reversible(self) -> bool:
        """All components of all tiles take the 5/3 transform."""
        return all(style.reversible for style in self.styles)

    @property
    def reductions(self) -> int:
        """Fewest levels of any component and tile."""
        return min(style.levels for style in self.styles)

    def shape(self, component: int, reduce: int = 0) -> tuple[int, int]:
        """Return (rows, cols) of a component after `reduce` halvings."""
        sides = []
        for axis in (1, 0):
            step = self.steps[component][axis]
            low, high = -(-self.origin[axis] // step), -(-self.size[axis] // step)
            sides.append(_shrink(high, reduce) - _shrink(low, reduce))
        return sides[0], sides[1]

    def info(self) -> CodestreamInfo:
        """Return the public form."""
        rows, cols = self.size[1] - self.origin[1], self.size[0] - self.origin[0]
        across, down = self.tiles
        style = self.cod
        assert style is not None  # parse has seen to it
        return CodestreamInfo(
            coding="htj2k" if self.ht else "jpeg2000",
            rows=rows,
            cols=cols,
            components=len(self.precisions),
            precisions=self.precisions,
            signs=self.signs,
            reductions=self.reductions,
            layers=self.layers,
            progression=ORDERS[self.order],
            tiles=across * down,
            tile=(self.tile[1], self.tile[0]),
            block=(1 << style.ycb, 1 << style.xcb),
            reversible=self.reversible,
            mct=self.mct,
            ht=self.ht,
            plt=self.plt,
            tlm=self.tlm_seen,
            subsampling=tuple((y, x) for x, y in self.steps),
            jp2=self.jp2,
            problems=tuple(self.problems),
        )


def _shrink(n: int, reduce: int) -> int:
    return -(-n // (1 << reduce))


def _bad(text: str, offset: int, section: str) -> CorruptPixelData:
    return CorruptPixelData(text, offset=offset, section=f"T.800 {section}")


def parse(data: memoryview) -> Header:
    """Read all headers of one codestream, raw or in a JP2 or JPH file.

    Offsets in errors count from the start of `data`.

    Raises
    ------
    CorruptPixelData
        The headers break T.800.
    TruncatedPixelData
        The data end within the main header.
    LimitExceeded
        Too many pixels, tiles or code-blocks.
    """
    header = Header()
    header.start, stop = find_codestream(data, header.problems)
    header.jp2 = header.start > 0
    at = _main(data, header, stop)
    _check(header)
    _tile_parts(data, header, at, stop)
    return header


def _marker(data: memoryview, at: int, stop: int) -> int:
    if at + 2 > stop:
        raise TruncatedPixelData("the codestream ends within a header", offset=at, decoded=0.0)
    return data[at] << 8 | data[at + 1]


def _body(data: memoryview, at: int, stop: int, marker: int) -> memoryview:
    """Return the payload of the segment whose marker is at `at`."""
    name = NAMES.get(marker, f"{marker:04X}")
    if at + 4 > stop:
        raise TruncatedPixelData(f"the codestream ends in {name}", offset=at, decoded=0.0)
    length = data[at + 2] << 8 | data[at + 3]
    if length < 2:
        raise _bad(f"{name} has length {length}", at, "A.1.1")
    if at + 2 + length > stop:
        raise TruncatedPixelData(f"the codestream ends in {name}", offset=at, decoded=0.0)
    return data[at + 4 : at + 2 + length]


def _main(data: memoryview, header: Header, stop: int) -> int:
    at = header.start + 2
    if _marker(data, at, stop) != 0xFF51:
        raise _bad("SIZ does not follow SOC", at, "A.5.1")
    index = 0
    while True:
        marker = _marker(data, at, stop)
        if marker == 0xFF90:
            return at
        if not 0xFF01 <= marker <= 0xFFFE:
            raise _bad("no marker where one must be", at, "A.1.1")
        if 0xFF30 <= marker <= 0xFF3F:
            at += 2
            continue
        if marker in (0xFF4F, 0xFF91, 0xFF92, 0xFF93, 0xFFD9, 0xFF58, 0xFF61):
            raise _bad(f"marker {marker:04X} in the main header", at, "A.1.1")
        body = _body(data, at, stop, marker)
        if marker == 0xFF51:
            if index:
                raise _bad("a second SIZ", at, "A.5.1")
            _siz(body, header, at)
        elif marker == 0xFF50:
            header.cap = True
        elif marker == 0xFF55:
            _tlm(body, header, at)
        else:
            _segment(marker, body, header, at, main=True)
        at += 4 + len(body)
        index += 1


def _siz(body: memoryview, header: Header, at: int) -> None:
    if len(body) < 36:
        raise _bad("SIZ is too short", at, "A.5.1")
    rsiz, xs, ys, xo, yo, xt, yt, xto, yto, count = struct.unpack_from(">H8IH", body)
    if not 1 <= count <= 16384 or len(body) != 36 + 3 * count:
        raise _bad(f"SIZ of {count} components has {len(body)} bytes", at, "A.5.1")
    if not (xo < xs and yo < ys):
        raise _bad("the image area is empty", at, "A.5.1")
    if not (xt and yt and xto <= xo < xto + xt and yto <= yo < yto + yt):
        raise _bad("the tile grid does not cover the image", at, "B.3")
    header.rsiz = rsiz
    header.size, header.origin = (xs, ys), (xo, yo)
    header.tile, header.tile_origin = (xt, yt), (xto, yto)
    parts = [tuple(body[36 + 3 * i : 39 + 3 * i]) for i in range(count)]
    header.signs = tuple(bool(part[0] & 0x80) for part in parts)
    header.precisions = tuple((part[0] & 0x7F) + 1 for part in parts)
    header.steps = tuple((part[1], part[2]) for part in parts)
    if max(header.precisions) > 38:
        raise _bad(f"{max(header.precisions)} bits per sample", at, "A.5.1")
    if any(0 in step for step in header.steps):
        raise _bad("a component has subsampling 0", at, "A.5.1")
    across, down = header.tiles
    if across * down > 65535:
        raise _bad(f"{across * down} tiles are more than 65535", at, "A.5.1")
    limits.check("max_pixels", (xs - xo) * (ys - yo), "rows times columns of a frame", offset=at)
    limits.check("max_tiles", across * down, "tiles of a codestream", offset=at)


def _style(body: memoryview, at: int, precincts: bool, name: str) -> Style:
    if len(body) < 5:
        raise _bad(f"{name} is too short", at, "A.6.1")
    levels, xcb, ycb, flags, transform = body[:5]
    if levels > 32:
        raise _bad(f"{levels} decomposition levels are more than 32", at, "A.6.1")
    xcb, ycb = xcb + 2, ycb + 2
    if xcb > 10 or ycb > 10 or xcb + ycb > 12:
        raise _bad(f"code-blocks of 2^{xcb} by 2^{ycb} samples", at, "A.6.1")
    if transform > 1:
        raise UnsupportedTransferSyntax(
            "the codestream uses a wavelet of JPEG 2000 Part 2", offset=at, section="T.800 A.6.1"
        )
    sizes: tuple[tuple[int, int], ...] = ()
    if precincts:
        if len(body) < 5 + levels + 1:
            raise _bad(f"{name} has too few precinct sizes", at, "A.6.1")
        sizes = tuple((byte & 15, byte >> 4) for byte in body[5 : 6 + levels])
        if any(0 in size for size in sizes[1:]):
            raise _bad("a precinct size 0 above the lowest resolution", at, "A.6.1")
    return Style(levels, xcb, ycb, flags, transform == 1, sizes)


def _component(body: memoryview, header: Header, at: int, name: str) -> tuple[int, memoryview]:
    width = 1 if len(header.precisions) < 257 else 2
    if len(body) < width + 1:
        raise _bad(f"{name} is too short", at, "A.6.2")
    index = int.from_bytes(body[:width], "big")
    if index >= len(header.precisions):
        raise _bad(f"{name} is for component {index}, which does not exist", at, "A.6.2")
    return index, body[width:]


def _quantiser(body: memoryview, at: int, name: str) -> Quantiser:
    if not body:
        raise _bad(f"{name} is too short", at, "A.6.4")
    style, rest = body[0] & 31, len(body) - 1
    if style > 2:
        raise _bad(f"{name} has quantisation style {style}", at, "A.6.4")
    if style == 1 and rest != 2 or style == 2 and rest % 2 or not rest:
        raise _bad(f"{name} of style {style} has {rest} bytes of steps", at, "A.6.4")
    return Quantiser(style, rest if style == 0 else rest // 2)


def _segment(marker: int, body: memoryview, header: Header, at: int, *, main: bool) -> None:
    """Read a segment that may stand in the main header or in that of a tile."""
    if marker == 0xFF52:
        if len(body) < 5:
            raise _bad("COD is too short", at, "A.6.1")
        order, layers, mct = body[1], body[2] << 8 | body[3], body[4]
        if order > 4 or not layers or mct > 1:
            raise _bad(f"COD has order {order}, {layers} layers, transform {mct}", at, "A.6.1")
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
            raise _bad("RGN is not of the one style there is", at, "A.6.3")
        header.roi = True
    elif marker == 0xFF5F:
        width = 7 if len(header.precisions) < 257 else 9
        if not body or len(body) % width:
            raise _bad("POC has a wrong length", at, "A.6.6")
        header.poc += len(body) // width
        if header.poc > MAX_POC:
            raise _bad(f"more than {MAX_POC} progression changes", at, "A.6.6")
    elif marker == 0xFF63 and len(body) != 4 * len(header.precisions):
        raise _bad("CRG has a wrong length", at, "A.9.1")
    elif marker == 0xFF58:
        header.plt = True


def _tlm(body: memoryview, header: Header, at: int) -> None:
    if len(body) < 2:
        raise _bad("TLM is too short", at, "A.7.1")
    index_size, length_size = body[1] >> 4 & 3, 4 if body[1] & 0x40 else 2
    if index_size == 3 or (len(body) - 2) % (index_size + length_size):
        raise _bad("TLM has a wrong length", at, "A.7.1")
    header.tlm_seen = True
    header.tlm += (len(body) - 2) // (index_size + length_size)


def _check(header: Header) -> None:
    """Check what several segments say together, and count code-blocks and packets."""
    at = header.start
    if header.cod is None or header.qcd is None:
        raise _bad("COD or QCD is missing", at, "A.1.2")
    count = len(header.precisions)
    styles = [header.coc.get(index, header.cod) for index in range(count)]
    header.styles.update(styles)
    for index, style in enumerate(styles):
        quantiser = header.qcc.get(index, header.qcd)
        if quantiser.style != 1 and quantiser.bands < 3 * style.levels + 1:
            raise _bad(
                f"{quantiser.bands} quantisation steps for {style.levels} levels", at, "A.6.4"
            )
        if style.reversible and quantiser.style:
            raise _bad("reversible transform with quantisation", at, "A.6.4")
        if not style.reversible and not quantiser.style:
            raise _bad("irreversible transform without quantisation steps", at, "A.6.4")
    if header.mct:
        if count < 3 or len({(header.steps[i], styles[i].reversible) for i in range(3)}) > 1:
            raise _bad("a component transform needs three components of one kind", at, "G.2")
    if header.ht and not header.cap:
        header.problems.append(
            Problem(code="cap-missing", text="HT code-blocks without a CAP segment [T.814 A.2]")
        )
    _count(header, styles)


def _count(header: Header, styles: list[Style]) -> None:
    """Bound code-blocks and packets by those of a full tile times the tiles."""
    across, down = header.tiles
    width = min(header.tile[0], header.size[0])
    height = min(header.tile[1], header.size[1])
    blocks = packets = 0
    for style, (step_x, step_y) in zip(styles, header.steps, strict=True):
        for level in range(style.levels + 1):
            ppx, ppy = style.precincts[level] if style.precincts else (15, 15)
            shift = style.levels - level
            cols = _shrink(-(-width // step_x), shift)
            rows = _shrink(-(-height // step_y), shift)
            packets += _cells(cols, ppx) * _cells(rows, ppy)
            inner = 1 if level else 0
            side_x, side_y = min(style.xcb, ppx - inner), min(style.ycb, ppy - inner)
            bands = 3 if level else 1
            blocks += bands * _cells(cols >> inner, side_x) * _cells(rows >> inner, side_y)
        if blocks * across * down > 1 << 48:
            break
    limits.check("max_blocks", blocks * across * down, "code-blocks of a codestream")
    if packets * across * down * header.layers > max(MAX_PACKETS, limits.current().max_blocks):
        limits.check("max_blocks", packets * across * down * header.layers, "packets")


def _cells(n: int, exponent: int) -> int:
    """Most cells of 2**exponent that n samples can touch, wherever they start."""
    return 0 if n == 0 else (n - 1 >> exponent) + 1


def _tile_parts(data: memoryview, header: Header, at: int, stop: int) -> None:
    """Walk from SOT to SOT; find what is missing at the end."""
    across, down = header.tiles
    begin = at
    seen: dict[int, int] = {}
    promised: dict[int, int] = {}
    short = 0
    while True:
        if at + 2 > stop or data[at] << 8 | data[at + 1] == 0xFFD9:
            break
        if data[at] << 8 | data[at + 1] != 0xFF90:
            raise _bad("no SOT or EOC where one must be", at, "A.4.2")
        if at + 12 > stop:
            short = at + 12 - stop
            at = stop
            break
        length, tile, psot, part, parts = struct.unpack_from(">HHIBB", data, at + 2)
        if length != 10:
            raise _bad(f"SOT has length {length}", at, "A.4.2")
        if tile >= across * down:
            raise _bad(f"SOT of tile {tile}, which does not exist", at, "A.4.2")
        if part != seen.get(tile, 0):
            raise _bad(f"tile-part {part} of tile {tile} is out of turn", at, "A.4.2")
        if parts:
            if promised.setdefault(tile, parts) != parts or part >= parts:
                raise _bad(f"tile {tile} has {parts} tile-parts, this is {part}", at, "A.4.2")
        end = at + psot
        if psot == 0:
            # The last tile-part, up to EOC: only its absence tells of a cut.
            header.eoc = bytes(data[stop - 2 : stop]) == b"\xff\xd9"
            found = stop if header.eoc else _last_eoc(data, at, stop)
            if found:
                header.eoc, end = True, found - 2
            else:
                end, short = stop, 1
        elif psot < 14:
            raise _bad(f"Psot of {psot}", at, "A.4.2")
        if end > stop:
            short = end - stop
        seen[tile] = part + 1
        header.parts += 1
        _tile_header(data, header, at + 12, min(end, stop), cut=end > stop)
        at = end
        if end > stop:
            at = stop
            break
    _finish(data, header, at, stop, begin=begin, short=short)
    _missing(header, seen, promised, across * down)


def _last_eoc(data: memoryview, at: int, stop: int) -> int:
    """Return the end of an EOC with nothing but zeros behind it, or 0."""
    tail = bytes(data[max(at, stop - 65536) : stop]).rstrip(b"\0")
    return max(at, stop - 65536) + len(tail) if tail.endswith(b"\xff\xd9") else 0


def _tile_header(data: memoryview, header: Header, at: int, stop: int, *, cut: bool) -> None:
    """Read the markers between SOT and SOD."""
    while True:
        try:
            marker = _marker(data, at, stop)
            if marker == 0xFF93:
                return
            if 0xFF30 <= marker <= 0xFF3F:
                at += 2
                continue
            if not 0xFF50 <= marker <= 0xFF8F:
                raise _bad(f"{marker:04X} in the header of a tile-part", at, "A.4.2")
            body = _body(data, at, stop, marker)
        except TruncatedPixelData:
            if cut:
                return
            raise _bad("a tile-part ends within its header", at, "A.4.2") from None
        if marker in (0xFF51, 0xFF55, 0xFF57, 0xFF60, 0xFF63, 0xFF50):
            raise _bad(f"{NAMES[marker]} in the header of a tile-part", at, "A.4.2")
        _segment(marker, body, header, at, main=False)
        at += 4 + len(body)


def _finish(
    data: memoryview, header: Header, at: int, stop: int, *, begin: int, short: int
) -> None:
    if not short and at + 2 <= stop:
        header.eoc = True
        at += 2
    header.end = at
    if short:
        header.sound = min((at - begin) / max(at - begin + short, 1), 1.0 - 2**-20)
    elif not header.eoc:
        header.problems.append(
            Problem(code="eoc-missing", text="the codestream has no EOC marker [T.800 A.4.4]")
        )
    elif bytes(data[at:stop]).strip(b"\0"):
        header.problems.append(
            Problem(code="bytes-after-eoc", text=f"{stop - at} bytes follow EOC", offset=at)
        )


def _missing(
    header: Header, seen: dict[int, int], promised: dict[int, int], tiles: int
) -> None:
    """Lower `sound` by tiles and tile-parts that never came."""
    absent = sum(max(parts - seen.get(tile, 0), 0) for tile, parts in promised.items())
    absent += tiles - len(seen)
    stated = all(promised.get(tile) for tile in seen)
    if header.tlm and header.tlm != header.parts:
        header.problems.append(
            Problem(
                code="tlm-wrong",
                text=f"TLM lists {header.tlm} tile-parts, {header.parts} are there",
            )
        )
        if not stated and header.tlm > header.parts:
            absent = max(absent, header.tlm - header.parts)
    if absent:
        header.sound *= header.parts / (header.parts + absent)
