"""Reads and checks the headers of a JPEG 2000 or HTJ2K codestream (T.800 annex A, I).

Nothing is decoded. What passes here is sound enough for a decoder to allocate by:
sizes, tiles, levels, blocks and quantisation are within the standard and the
limits, and all tile-parts that the stream promises are there, or the header says
which share is.
"""

from __future__ import annotations

import struct

from radkit import limits
from radkit.codecs._j2k_model import Header, Style, bad, shrink
from radkit.codecs._j2k_segments import (
    NAMES,
    read_body,
    read_marker,
    read_segment,
    read_siz,
    read_tlm,
)
from radkit.codecs._jp2 import find_codestream
from radkit.errors import Problem, TruncatedPixelData

__all__ = ["Header", "parse"]

MAX_PACKETS = 1 << 24


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


def _main(data: memoryview, header: Header, stop: int) -> int:
    at = header.start + 2
    if read_marker(data, at, stop) != 0xFF51:
        raise bad("SIZ does not follow SOC", at, "A.5.1")
    index = 0
    while True:
        marker = read_marker(data, at, stop)
        if marker == 0xFF90:
            return at
        if not 0xFF01 <= marker <= 0xFFFE:
            raise bad("no marker where one must be", at, "A.1.1")
        if 0xFF30 <= marker <= 0xFF3F:
            at += 2
            continue
        if marker in (0xFF4F, 0xFF91, 0xFF92, 0xFF93, 0xFFD9, 0xFF58, 0xFF61):
            raise bad(f"marker {marker:04X} in the main header", at, "A.1.1")
        body = read_body(data, at, stop, marker)
        if marker == 0xFF51:
            if index:
                raise bad("a second SIZ", at, "A.5.1")
            read_siz(body, header, at)
        elif marker == 0xFF50:
            header.cap = True
        elif marker == 0xFF55:
            read_tlm(body, header, at)
        else:
            read_segment(marker, body, header, at, main=True)
        at += 4 + len(body)
        index += 1


def _check(header: Header) -> None:
    """Check what several segments say together, and count code-blocks and packets."""
    at = header.start
    if header.cod is None or header.qcd is None:
        raise bad("COD or QCD is missing", at, "A.1.2")
    count = len(header.precisions)
    styles = [header.coc.get(index, header.cod) for index in range(count)]
    header.styles.update(styles)
    most = 3 * max(style.levels for style in header.styles) + 1
    for index, style in enumerate(styles):
        quantiser = header.qcc.get(index, header.qcd)
        if quantiser.bands > most:
            raise bad(f"{quantiser.bands} quantisation steps for {most} subbands", at, "A.6.4")
        if quantiser.style != 1 and quantiser.bands < 3 * style.levels + 1:
            raise bad(
                f"{quantiser.bands} quantisation steps for {style.levels} levels", at, "A.6.4"
            )
        if style.reversible and quantiser.style:
            raise bad("reversible transform with quantisation", at, "A.6.4")
        if not style.reversible and not quantiser.style:
            raise bad("irreversible transform without quantisation steps", at, "A.6.4")
    kinds = {(header.steps[index], styles[index].reversible) for index in range(min(count, 3))}
    if header.mct and (count < 3 or len(kinds) > 1):
        raise bad("a component transform needs three components of one kind", at, "G.2")
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
            cols = shrink(-(-width // step_x), shift)
            rows = shrink(-(-height // step_y), shift)
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
    """Cells of 2**exponent in n samples that start on the border of one."""
    return 0 if n == 0 else (n - 1 >> exponent) + 1


def _tile_parts(data: memoryview, header: Header, at: int, stop: int) -> None:
    """Walk from SOT to SOT; find what is missing at the end."""
    across, down = header.tiles
    begin = at
    seen: dict[int, int] = {}
    promised: dict[int, int] = {}
    short, over = 0, False
    while True:
        if at + 2 > stop or data[at] << 8 | data[at + 1] == 0xFFD9:
            break
        if data[at] << 8 | data[at + 1] != 0xFF90:
            raise bad("no SOT or EOC where one must be", at, "A.4.2")
        if at + 12 > stop:
            short = at + 12 - stop
            at = stop
            break
        length, tile, psot, part, parts = struct.unpack_from(">HHIBB", data, at + 2)
        if length != 10:
            raise bad(f"SOT has length {length}", at, "A.4.2")
        if tile >= across * down:
            raise bad(f"SOT of tile {tile}, which does not exist", at, "A.4.2")
        if part != seen.get(tile, 0):
            raise bad(f"tile-part {part} of tile {tile} is out of turn", at, "A.4.2")
        promised[tile] = max(promised.get(tile, 0), parts)
        over = over or 0 < parts <= part
        header.sots.append((at, tile))
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
            raise bad(f"Psot of {psot}", at, "A.4.2")
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
    if over:  # old encoders count one too few; what is there is read
        text = "a tile has more tile-parts than it states [T.800 A.4.2]"
        header.problems.append(Problem(code="tile-part-count-wrong", text=text))
        header.recount = {at: seen[tile] for at, tile in header.sots}
    _missing(header, seen, promised, across * down)


def _last_eoc(data: memoryview, at: int, stop: int) -> int:
    """Return the end of an EOC with nothing but zeros behind it, or 0."""
    tail = bytes(data[max(at, stop - 65536) : stop]).rstrip(b"\0")
    return max(at, stop - 65536) + len(tail) if tail.endswith(b"\xff\xd9") else 0


def _tile_header(data: memoryview, header: Header, at: int, stop: int, *, cut: bool) -> None:
    """Read the markers between SOT and SOD."""
    while True:
        try:
            marker = read_marker(data, at, stop)
            if marker == 0xFF93:
                return
            if 0xFF30 <= marker <= 0xFF3F:
                at += 2
                continue
            if not 0xFF50 <= marker <= 0xFF8F:
                raise bad(f"{marker:04X} in the header of a tile-part", at, "A.4.2")
            body = read_body(data, at, stop, marker)
        except TruncatedPixelData:
            if cut:
                return
            raise bad("a tile-part ends within its header", at, "A.4.2") from None
        if marker in (0xFF51, 0xFF55, 0xFF57, 0xFF60, 0xFF63, 0xFF50):
            raise bad(f"{NAMES[marker]} in the header of a tile-part", at, "A.4.2")
        read_segment(marker, body, header, at, main=False)
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


def _missing(header: Header, seen: dict[int, int], promised: dict[int, int], tiles: int) -> None:
    """Lower `sound` by tiles and tile-parts that never came."""
    absent = sum(max(parts - seen.get(tile, 0), 0) for tile, parts in promised.items())
    absent += sum(not header.is_empty(tile) for tile in range(tiles) if tile not in seen)
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
