"""What the headers of a JPEG 2000 codestream say: the record that `_j2k_header` fills."""

from __future__ import annotations

from dataclasses import dataclass, field

from radkit.codecs.frame import CodestreamInfo
from radkit.errors import CorruptPixelData, Problem

__all__ = ["Header", "Quantiser", "Style", "bad", "shrink"]

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


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
    sots: list[tuple[int, int]] = field(default_factory=list)  # offset of each SOT, its tile
    recount: dict[int, int] = field(default_factory=dict)  # offset of SOT: right TNsot
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
            sides.append(shrink(high, reduce) - shrink(low, reduce))
        return sides[0], sides[1]

    def is_empty(self, tile: int) -> bool:
        """Return whether no component has a sample in a tile; encoders may leave it out."""
        across, _ = self.tiles
        places = (tile % across, tile // across)
        low = [max(self.tile_origin[i] + places[i] * self.tile[i], self.origin[i]) for i in (0, 1)]
        high = [
            min(self.tile_origin[i] + (places[i] + 1) * self.tile[i], self.size[i]) for i in (0, 1)
        ]
        return all(
            any(-(-high[i] // step[i]) <= -(-low[i] // step[i]) for i in (0, 1))
            for step in set(self.steps)
        )

    def info(self) -> CodestreamInfo:
        """Return the public form."""
        rows, cols = self.size[1] - self.origin[1], self.size[0] - self.origin[0]
        across, down = self.tiles
        style = self.cod
        if style is None:
            raise bad("COD is missing", self.start, "A.1.2")
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


def shrink(n: int, reduce: int) -> int:
    """Return ceil(n / 2**reduce)."""
    return -(-n // (1 << reduce))


def bad(text: str, offset: int, section: str) -> CorruptPixelData:
    """Make the error for a break of T.800."""
    return CorruptPixelData(text, offset=offset, section=f"T.800 {section}")
