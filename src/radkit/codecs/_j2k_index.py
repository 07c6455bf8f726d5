"""Where everything of a JPEG 2000 or HTJ2K codestream is, by its packet headers (T.800 B.9).

Packet headers are read, no code-block is decoded. They and SOT are what decoders go by, and reading
them takes microseconds; TLM and PLT say the same if they are true, and are held against them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from radkit.codecs import _j2k_header
from radkit.codecs._common import Region, as_view, check_region
from radkit.codecs._j2k_lengths import check_plt, check_tlm
from radkit.errors import CorruptPixelData, OptionError, Problem, TruncatedPixelData

__all__ = ["PACKET", "CodestreamIndex", "make_index"]

# As in j2k/listing.h.
PACKET = np.dtype(
    {
        "names": [
            *("offset", "body", "header", "packed", "tile", "part", "comp", "precinct"),
            *("x0", "y0", "x1", "y1", "layer", "res", "levels"),
        ],
        "formats": ["u8", "u8", *["u4"] * 10, "u2", "u1", "u1"],
        "offsets": [0, 8, *range(16, 56, 4), 56, 58, 59],
        "itemsize": 64,
    }
)
# As in j2k/listing.h; what `Stream.packets(blocks=True)` gives besides.
BLOCK = np.dtype(
    {
        "names": [
            *("bytes", "tile", "comp", "precinct", "x", "y"),
            *("passes", "res", "band", "missing", "ht"),
        ],
        "formats": ["u8", *["u4"] * 5, "u2", "u1", "u1", "u1", "u1"],
        "offsets": [0, 8, 12, 16, 20, 24, 28, 30, 31, 32, 33],
        "itemsize": 40,
    }
)
_Bytes = bytes  # the class below has a method of that name
_COLUMNS = tuple(PACKET.names or ())
_FORM = "radkit codestream index 2"
# A header of some bytes may speak of 65535 layers, each of which would list ranges of all packets.
_MOST_LAYERS_TOLD = 16
# Samples beside a window that the synthesis needs on each level, and one for rounding (F.3).
_MARGIN = {True: 3, False: 5}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodestreamIndex:
    """Byte ranges of a codestream; offsets count from the start of the data.

    Parameters
    ----------
    header : (offset, size)
        The main header, SOC included.
    parts : tuple of (tile, offset, header size, body size)
        Tile-parts in the order of the stream; the header is SOT to SOD.
    packets : ndarray
        One row for each packet, tile by tile in their order: `offset`, `header`, `body`
        (bytes in the tile-part), `packed` (bytes of its header in PPM or PPT), `tile`,
        `part` (index into `parts`), `comp`, `res`, `levels`, `layer`, `precinct`, and
        `x0`, `y0`, `x1`, `y1` of the precinct on the reference grid. Read only.
    size, origin : (x, y)
        End and start of the image area on the reference grid.
    grid, tile : (x, y)
        Start of the tile grid, and size of a tile.
    steps : tuple of (x, y)
        Distance of the samples of each component.
    reductions : int
        Largest `reduce`.
    layers : int
        Quality layers.
    reversible : bool
        All components use the 5/3 wavelet.
    sound : float
        Share of the codestream that is there; 1.0 unless `strict=False`.
    problems : tuple of Problem
        Faults that were tolerated.
    tlm, plt : bool or None
        Whether the lengths that the codestream lists of tile-parts (TLM) and of packets (PLT) are
        true; None if it lists none.
    """

    header: tuple[int, int]
    parts: tuple[tuple[int, int, int, int], ...]
    packets: np.ndarray
    size: tuple[int, int]
    origin: tuple[int, int]
    grid: tuple[int, int]
    tile: tuple[int, int]
    steps: tuple[tuple[int, int], ...]
    reductions: int
    layers: int
    reversible: bool
    sound: float = 1.0
    problems: tuple[Problem, ...] = ()
    tlm: bool | None = None
    plt: bool | None = None

    def ranges(
        self, *, reduce: int = 0, layers: int | None = None, region: Region | None = None
    ) -> list[tuple[int, int]]:
        """Return what must be there to decode a part of the image.

        Parameters
        ----------
        reduce : int, default 0
            Halvings of each side.
        layers : int, optional
            Quality layers. Default: all.
        region : (row0, row1, col0, col1), optional
            Half-open, in pixels of full resolution.

        Returns
        -------
        list of (offset, size)
            In the order of the stream, without overlaps, neighbours joined: the main
            header, the headers of the tile-parts concerned, and the packets. A region
            may count some packets more than are needed at its border.

        Raises
        ------
        OptionError
            An option is out of range.
        """
        rows = self.packets[self._chosen(reduce, layers, region)]
        pieces = [self.header]
        pieces += [self.parts[k][1:3] for k in np.unique(rows["part"]).tolist()]
        sizes = rows["header"] + rows["body"]
        pieces += zip(rows["offset"].tolist(), sizes.tolist(), strict=True)
        return _joined(pieces)

    def bytes(
        self, *, reduce: int = 0, layers: int | None = None, region: Region | None = None
    ) -> int:
        """Return the bytes of all `ranges`; parameters and errors as there."""
        return sum(size for _, size in self.ranges(reduce=reduce, layers=layers, region=region))

    def table(self) -> np.ndarray:
        """Return the bytes of packets by resolution and layer, headers included.

        Returns
        -------
        ndarray
            (resolutions, layers), int64; resolution 0 is the smallest image.
        """
        found = self.packets
        resolutions = int(found["res"].max(initial=0)) + 1
        made = np.zeros((resolutions, self.layers), np.int64)
        sizes = found["header"] + found["body"] + found["packed"]
        np.add.at(made, (found["res"], found["layer"]), sizes.astype(np.int64))
        return made

    def _chosen(self, reduce: int, layers: int | None, region: Region | None) -> np.ndarray:
        if not 0 <= reduce <= self.reductions or (layers is not None and layers < 1):
            raise OptionError(
                f"reduce must be 0 to {self.reductions} and layers >= 1, not {reduce!r} and"
                f" {layers!r}"
            )
        rows = self.packets
        chosen: np.ndarray = rows["levels"].astype(int) - rows["res"] >= reduce
        if layers is not None:
            chosen &= rows["layer"] < layers
        if region is None:
            return chosen
        shape = self.size[1] - self.origin[1], self.size[0] - self.origin[0]
        box = check_region(region, *shape)
        for axis, sides in ((0, box[2:]), (1, box[:2])):
            chosen &= self._touches(axis, sides[0], sides[1])
        return chosen

    def _touches(self, axis: int, first: int, last: int) -> np.ndarray:
        """Return the packets that matter for [first, last) along x (axis 0) or y (axis 1)."""
        rows = self.packets
        low, high = first + self.origin[axis], last + self.origin[axis]
        step = np.array([pair[axis] for pair in self.steps], np.int64)[rows["comp"]]
        depth = rows["levels"].astype(np.int64) - rows["res"]
        wide = (_MARGIN[self.reversible] * step) << np.minimum(depth + 1, 40)
        begin = rows["xy"[axis] + "0"].astype(np.int64) - wide
        end = rows["xy"[axis] + "1"].astype(np.int64) + wide
        across = -(-(self.size[0] - self.grid[0]) // self.tile[0])
        number = rows["tile"] % across if axis == 0 else rows["tile"] // across
        tile = self.grid[axis] + number.astype(np.int64) * self.tile[axis]
        in_tile = (tile < high) & (tile + self.tile[axis] > low)
        found: np.ndarray = in_tile & (begin < high) & (end > low)
        return found

    def to_bytes(self) -> _Bytes:
        """Return the index as JSON, for a file beside the codestream.

        Besides what `from_bytes` takes it has ``by_reduce`` and ``by_layers``: the `ranges` for
        each `reduce` from 0 on and for each number of layers from 1 on, up to 16, as lists of
        [offset, size], so that a server can answer without knowing anything of packets.
        """
        made: dict[str, Any] = {"form": _FORM}
        for name in ("header", "parts", "size", "origin", "grid", "tile", "steps"):
            made[name] = getattr(self, name)
        for name in ("reductions", "layers", "reversible", "sound", "tlm", "plt"):
            made[name] = getattr(self, name)
        made["problems"] = [
            {"code": p.code, "text": p.text, "offset": p.offset} for p in self.problems
        ]
        made["by_reduce"] = [self.ranges(reduce=n) for n in range(self.reductions + 1)]
        told = min(self.layers, _MOST_LAYERS_TOLD)
        made["by_layers"] = [self.ranges(layers=n + 1) for n in range(told)]
        made["packets"] = {name: self.packets[name].tolist() for name in _COLUMNS}
        return json.dumps(made, separators=(",", ":")).encode()

    @staticmethod
    def from_bytes(data: Any) -> CodestreamIndex:
        """Return the index that `to_bytes` wrote.

        Raises
        ------
        CorruptPixelData
            The data are no such index.
        """
        try:
            return _from_json(json.loads(bytes(as_view(data))))
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
            raise CorruptPixelData("not an index of a codestream") from None


def _from_json(made: dict[str, Any]) -> CodestreamIndex:
    if made["form"] != _FORM:
        raise ValueError("another form")
    columns = {name: np.array(made["packets"][name], PACKET[name]) for name in _COLUMNS}
    packets = np.zeros(len(columns["offset"]), PACKET)
    for name, column in columns.items():
        if column.shape != packets.shape:
            raise ValueError("columns of unlike length")
        packets[name] = column
    index = CodestreamIndex(
        header=_pair(made["header"]),
        parts=tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in made["parts"]),
        packets=packets,
        size=_pair(made["size"]),
        origin=_pair(made["origin"]),
        grid=_pair(made["grid"]),
        tile=_pair(made["tile"]),
        steps=tuple(_pair(step) for step in made["steps"]),
        reductions=int(made["reductions"]),
        layers=int(made["layers"]),
        reversible=bool(made["reversible"]),
        sound=float(made["sound"]),
        problems=tuple(Problem(**problem) for problem in made["problems"]),
        tlm=_maybe(made["tlm"]),
        plt=_maybe(made["plt"]),
    )
    packets.flags.writeable = False
    ends = (packets["part"], len(index.parts)), (packets["comp"], len(index.steps))
    if any(len(column) and column.max() >= end for column, end in ends) or min(index.tile) < 1:
        raise ValueError("numbers that point nowhere")
    if packets["layer"].max(initial=0) >= max(index.layers, 1) or not 1 <= index.layers <= 65535:
        raise ValueError("layers that are not there")
    return index


def _maybe(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


def _joined(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, size in sorted(piece for piece in pieces if piece[1]):
        if joined and offset <= joined[-1][0] + joined[-1][1]:
            first, length = joined[-1]
            joined[-1] = (first, max(length, offset + size - first))
        else:
            joined.append((offset, size))
    return joined


def make_index(data: Any, *, strict: bool = True) -> CodestreamIndex:
    """Do the work of `jpeg2000.index`."""
    view = as_view(data)
    header = _j2k_header.parse(view, strict=strict)
    stream, facts = header.stream, header.facts
    if strict and stream.sound < 1.0:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=stream.sound,
            section="T.800 A.4",
        )
    packets, _, fault = stream.packets(False)
    problems = header.problems
    if fault is not None:
        code = "truncated" if isinstance(fault, TruncatedPixelData) else "codestream-damaged"
        problems += (Problem(code=code, text=str(fault), offset=fault.offset),)
    found = stream.parts()
    end = found[0][1] if found else facts["end"]
    place = (facts["start"], end - facts["start"])
    parts = tuple((tile, sot, body - sot, end - body) for tile, sot, body, end in found)
    rows = np.frombuffer(packets, PACKET)
    return CodestreamIndex(
        header=place,
        parts=parts,
        packets=rows,
        size=facts["size"],
        origin=facts["origin"],
        grid=facts["grid"],
        tile=facts["tile"],
        steps=facts["steps"],
        reductions=facts["reductions"],
        layers=facts["layers"],
        reversible=facts["reversible"],
        sound=stream.sound,
        problems=problems,
        tlm=check_tlm(view, place, parts) if facts["tlm"] else None,
        plt=check_plt(view, parts, rows) if facts["plt"] else None,
    )
