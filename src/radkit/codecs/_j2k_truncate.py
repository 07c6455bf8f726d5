"""A codestream cut to a resolution, to layers or to a number of bytes, without decoding.

Packet headers are read to learn where packets are (T.800 B.9, B.10), and nothing else of them:
packets that stay are copied. Where one must stand that is not wanted, an empty one is written.
See docs/notes/surgery.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radkit.codecs import _j2k_header
from radkit.codecs._common import as_view
from radkit.codecs._j2k_index import PACKET
from radkit.codecs._j2k_model import Header
from radkit.codecs._j2k_recode import fitted
from radkit.codecs._j2k_rewrite import (
    Change,
    Part,
    comment_of,
    main_header,
    packed_main,
    packed_part,
    part_header,
    says_something,
    tlm_segments,
)
from radkit.codecs._jp2 import rewrap
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    OptionError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["truncate"]

EOC = b"\xff\xd9"
SOP, EPH = 0xFF91, 0xFF92
EMPTY = (b"", b"\0", b"\0\xff\x92")  # by the code below: a packet with nothing, and with EPH
KEPT, HOLLOW, HOLLOW_EPH = range(3)
TLM_HEAD, TLM_ENTRY = 6, 6
WHERE = ("tile", "comp", "res", "precinct", "layer")


def truncate(
    data: Any, *, reduce: int | None = None, layers: int | None = None, max_bytes: int | None = None
) -> bytes:
    """Do the work of `jpeg2000.truncate`."""
    view = as_view(data)
    header = _opened(view)
    reduce = _checked(header, reduce, layers, max_bytes)
    layers = min(layers or 65535, header.facts["layers"])
    source = _source(view, header)
    unchanged = reduce == 0 and layers == header.facts["layers"]
    if unchanged and (max_bytes is None or len(view) <= max_bytes):
        return bytes(view)
    depth = source.rows["levels"] - source.rows["res"]
    chosen = source.rows[(depth >= reduce) & (source.rows["layer"] < layers)]
    cut = _Cut(source, chosen, Change(reduce, layers, len(header.facts["precisions"])))
    if max_bytes is None:
        return _written(cut, np.zeros(len(chosen), np.uint8))
    whole = view
    if not unchanged:
        whole = memoryview(_written(cut, np.zeros(len(chosen), np.uint8)))
        if len(whole) <= max_bytes:
            return bytes(whole)
    try:
        return _best(whole, max_bytes)
    except EncodeError:  # blocks of both codings
        return _written(*_fitted(cut, max_bytes))


def _written(cut: _Cut, kinds: np.ndarray) -> bytes:
    made = cut.write(kinds)
    _confirm(made, cut)
    return made


def _best(whole: memoryview, size: int) -> bytes:
    """Return the blocks, and parts of blocks, that make the best picture in `size` bytes."""
    header = _j2k_header.parse(whole)
    start, end = header.facts["start"], header.facts["end"]
    around = start + len(whole) - end if header.jp2 else 0
    comment = comment_of(whole, start, header.stream.parts()[0][1])
    made, least = fitted(header, whole, max(size - around, 0), comment)
    if made is None:
        raise OptionError(f"max_bytes must be at least {least + around} here, not {size}")
    return rewrap(whole, made, 0) if header.jp2 else made


def _opened(view: memoryview) -> Header:
    header = _j2k_header.parse(view)
    if header.mapping is not None:
        text = f"{header.mapping.text}; its samples are not those of the codestream"
        raise UnsupportedTransferSyntax(text)
    if header.stream.sound < 1.0:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=header.stream.sound,
            section="T.800 A.4",
        )
    return header


def _checked(header: Header, reduce: int | None, layers: int | None, size: int | None) -> int:
    most = header.stream.reductions
    if reduce is not None and not 0 <= reduce <= most:
        raise OptionError(f"reduce must be 0 to {most}, not {reduce!r}")
    for name, value in (("layers", layers), ("max_bytes", size)):
        if value is not None and value < 1:
            raise OptionError(f"{name} must be >= 1, not {value!r}")
    return reduce or 0


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the packets of a codestream are, in the order of the stream.

    `packets` holds them with their headers in place: `view` itself, or a copy if the headers
    are packed elsewhere. Offsets of `rows` count there, those of `parts` in `view`.
    """

    view: memoryview
    start: int
    parts: list[tuple[int, int, int, int]]
    rows: np.ndarray
    packets: memoryview
    box: bool


def _source(view: memoryview, header: Header) -> _Source:
    start, parts = header.facts["start"], header.stream.parts()
    if not parts:
        raise OptionError("no component has a sample, there is nothing to cut")
    rows = np.frombuffer(header.stream.packets(False)[0], PACKET)
    packets = view
    if rows["packed"].any():
        rows, packets = _in_line(view, start, parts, rows)
    if (np.diff(rows["part"].astype(np.int64)) < 0).any():  # tiles whose parts alternate
        rows = rows[np.argsort(rows["part"], kind="stable")]
    return _Source(view, start, parts, rows, packets, header.jp2)


def _in_line(
    view: memoryview, start: int, parts: list[tuple[int, int, int, int]], rows: np.ndarray
) -> tuple[np.ndarray, memoryview]:
    """Put packed headers before the bodies of their packets, behind SOP (A.8)."""
    heads = _packed(view, start, parts)
    taken = dict.fromkeys(heads, 0)
    by_tile = packed_main(view, start, parts[0][1]) is None
    made, moved = bytearray(), rows.copy()
    for row in moved:
        key = int(row["tile"] if by_tile else row["part"])
        first, size = taken[key], int(row["packed"])
        at, sop, body = int(row["offset"]), int(row["header"]), int(row["body"])
        row["offset"] = len(made)
        row["header"] = sop + size
        made += view[at : at + sop]
        made += heads[key][first : first + size]
        made += view[at + sop : at + sop + body]
        taken[key] = first + size
    return moved, memoryview(bytes(made))


def _packed(
    view: memoryview, start: int, parts: list[tuple[int, int, int, int]]
) -> dict[int, bytes]:
    """Return packed headers by tile-part if they are in PPM, else by tile."""
    joined, found, at = packed_main(view, start, parts[0][1]), dict[int, bytes](), 0
    if joined is None:
        for tile, sot, body, _ in parts:
            found[tile] = found.get(tile, b"") + (packed_part(view, sot, body) or b"")
        return found
    for number in range(len(parts)):
        size = int.from_bytes(joined[at : at + 4], "big")
        found[number] = joined[at + 4 : at + 4 + size]
        at += 4 + size
    return found


class _Cut:
    """What is left of a codestream: some of its packets, and headers that say so."""

    __slots__ = ("_parts", "change", "main", "rows", "source", "tlm")

    def __init__(self, source: _Source, rows: np.ndarray, change: Change) -> None:
        self.source, self.rows, self.change = source, rows, change
        end = source.parts[0][1]
        self.main, self.tlm = main_header(source.view, source.start, end, change)
        self._parts = self._kept_parts()

    def _kept_parts(self) -> list[tuple[int, int, int]]:
        """Return (index, number in the tile, parts of the tile) of the tile-parts that stay.

        The first part of a tile stays, and each with packets, or with other segments than comments.
        """
        used = np.zeros(len(self.source.parts), bool)
        used[self.rows["part"]] = True
        counts: dict[int, int] = {}
        kept = []
        for index, (tile, sot, body, _) in enumerate(self.source.parts):
            number = counts.get(tile, 0)
            if used[index] or number == 0 or says_something(self.source.view, sot, body):
                kept.append((index, number, tile))
                counts[tile] = number + 1
        return [(index, number, counts[tile]) for index, number, tile in kept]

    def overhead(self) -> int:
        """Return the bytes of all but packets: headers, EOC, and a file around it."""
        return len(self._wrapped(self._headers(np.zeros(len(self.source.parts), np.int64), [])))

    def _headers(self, sizes: np.ndarray, pieces: list[list[Any]]) -> bytes:
        made, lengths = [], []
        for index, number, of in self._parts:
            tile, sot, body, _ = self.source.parts[index]
            part = Part(tile, sot, body, int(sizes[index]))
            header = part_header(self.source.view, part, number, of, self.change)
            made.append(header)
            if pieces:
                made += pieces[index]
            lengths.append((tile, len(header) + part.size))
        tlm = tlm_segments(lengths) if self.tlm else b""
        return b"".join([self.main, tlm, *made, EOC])

    def _wrapped(self, stream: bytes) -> bytes:
        if not self.source.box:
            return stream
        return rewrap(self.source.view, stream, self.change.reduce)

    def write(self, kinds: np.ndarray) -> bytes:
        """Return the codestream with packets of these kinds: copied, or empty."""
        rows = self.rows
        whole = (rows["header"] + rows["body"]).astype(np.int64)
        sizes = np.where(kinds == KEPT, whole, np.where(kinds == HOLLOW, 1, 3))
        by_part = np.zeros(len(self.source.parts), np.int64)
        np.add.at(by_part, rows["part"], sizes)
        pieces: list[list[Any]] = [[] for _ in self.source.parts]
        packets = self._numbered(kinds)
        # Runs of packets that lie side by side in the source, or are empty, go as one.
        offsets = rows["offset"].astype(np.int64)
        new = (np.diff(rows["part"]) != 0) | (np.diff(kinds) != 0)
        new |= (kinds[1:] == KEPT) & (offsets[1:] != offsets[:-1] + whole[:-1])
        firsts = np.concatenate(([0], np.flatnonzero(new) + 1)) if len(rows) else np.zeros(0, int)
        lasts = np.append(firsts[1:], len(rows)) - 1 if len(rows) else firsts
        runs = (firsts, lasts, rows["part"][firsts], kinds[firsts], offsets[firsts])
        ends = offsets[lasts] + whole[lasts]
        columns = [column.tolist() for column in (*runs, ends)]
        for first, last, part, kind, begin, end in zip(*columns, strict=True):
            piece = packets[begin:end] if kind == KEPT else EMPTY[kind] * (last - first + 1)
            pieces[part].append(piece)
        return self._wrapped(self._headers(by_part, pieces))

    def _numbered(self, kinds: np.ndarray) -> memoryview:
        """Return the bytes of the packets, those with SOP counted anew in each tile (A.8.1)."""
        rows, packets = self.rows, np.frombuffer(self.source.packets, np.uint8)
        at = rows["offset"].astype(np.int64)
        long = np.flatnonzero((rows["header"] >= 6) & (kinds == KEPT))
        marks = packets[at[long]].astype(int) << 8 | packets[at[long] + 1]
        marked = long[marks == SOP]
        if not len(marked):
            return self.source.packets
        order = np.argsort(rows["tile"], kind="stable")
        tiles = rows["tile"][order]
        numbers = np.empty(len(rows), np.int64)
        numbers[order] = np.arange(len(rows)) - np.searchsorted(tiles, tiles)
        packets = packets.copy()
        packets[at[marked] + 4] = numbers[marked] >> 8 & 255
        packets[at[marked] + 5] = numbers[marked] & 255
        return memoryview(packets)  # type: ignore[arg-type]  # arrays are buffers


def _hollow(cut: _Cut) -> np.ndarray:
    """Return the kind of an empty packet in the place of each: with EPH where one is now."""
    rows, packets = cut.rows, np.frombuffer(cut.source.packets, np.uint8)
    end = rows["offset"].astype(np.int64) + rows["header"]
    found = np.zeros(len(rows), bool)
    long = np.flatnonzero(rows["header"] >= 3)
    found[long] = (packets[end[long] - 2].astype(int) << 8 | packets[end[long] - 1]) == EPH
    return np.where(found, HOLLOW_EPH, HOLLOW).astype(np.uint8)


def _fitted(cut: _Cut, room: int) -> tuple[_Cut, np.ndarray]:
    """Return the cut, and the kinds of its packets, that take at most `room` bytes.

    Packets are taken layer by layer, in a layer from the lowest resolution up, in a resolution
    in the order of the stream, as long as all that must be there fits. Layers of which nothing
    is taken are left out, which may make room for more.
    """
    while True:
        kinds, layers = _filled(cut, room)
        if layers == cut.change.layers:
            return cut, kinds
        rows = cut.rows[cut.rows["layer"] < layers]
        cut = _Cut(cut.source, rows, Change(cut.change.reduce, layers, cut.change.components))


def _filled(cut: _Cut, room: int) -> tuple[np.ndarray, int]:
    """Return the kinds of packets that fit, and the number of layers they are of."""
    rows = cut.rows
    if not len(rows):
        raise OptionError("there are no packets to choose from")
    up = rows["levels"].max(initial=0) - (rows["levels"] - rows["res"])
    order = np.lexsort((np.arange(len(rows)), up, rows["layer"]))
    kinds = _hollow(cut)
    empty = np.where(kinds == HOLLOW, 1, 3)[order]
    whole = (rows["header"] + rows["body"]).astype(np.int64)[order]
    layer = rows["layer"][order]
    # With the first k packets in full, the others of the layer of the last one are empty.
    ends = np.searchsorted(layer, layer, side="right")
    hollow = np.concatenate(([0], np.cumsum(empty)))
    cost = cut.overhead() + np.cumsum(whole) + hollow[ends] - hollow[1:]
    fits = np.flatnonzero(cost <= room)
    least = int(np.count_nonzero((layer == 0) & (up[order] == up[order][0]))) - 1
    if not len(fits) or fits[-1] < least:
        raise OptionError(f"max_bytes must be at least {int(cost[least])} here, not {room}")
    kinds[order[: fits[-1] + 1]] = KEPT
    return kinds, int(layer[fits[-1]]) + 1


def _confirm(made: bytes, cut: _Cut) -> None:
    """Hold the packets of the result against those that were meant.

    Progressions by position visit precincts by their corners, and corners that are no multiple
    of 2**reduce may change places where the grid becomes coarser (B.12).
    """
    try:
        stream = _j2k_header.parse(memoryview(made)).stream
        found = np.frombuffer(stream.packets(False)[0], PACKET)
    except (CorruptPixelData, TruncatedPixelData):
        found = np.zeros(0, PACKET)
    meant = cut.rows[np.argsort(cut.rows["tile"], kind="stable")]
    if len(found) == len(meant) and all((found[name] == meant[name]).all() for name in WHERE):
        return
    if not cut.change.reduce:
        raise CorruptPixelData("the packets are not where the headers say", section="T.800 B.9")
    raise OptionError("the order of the packets is not one of the smaller image: reduce= less")
