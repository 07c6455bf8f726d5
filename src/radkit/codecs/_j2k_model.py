"""What the headers of a JPEG 2000 codestream say, as the native reader found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radkit.codecs.frame import CodestreamInfo
from radkit.errors import Problem

if TYPE_CHECKING:
    from radkit._native._j2k import Stream

__all__ = ["Header", "shrink"]

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The open stream, and its facts. Pairs are (x, y), as in SIZ."""

    stream: Stream
    size: tuple[int, int]
    origin: tuple[int, int]
    tile: tuple[int, int]
    tiles: tuple[int, int]
    precisions: tuple[int, ...]
    signs: tuple[bool, ...]
    steps: tuple[tuple[int, int], ...]
    order: int
    layers: int
    block: tuple[int, int]
    reductions: int
    reversible: bool
    mct: bool
    ht: bool
    cap: bool
    plt: bool
    tlm: bool
    jp2: bool
    sound: float
    problems: tuple[Problem, ...]

    @property
    def mapping(self) -> Problem | None:
        """Why the samples of the codestream are not those of the image, if they are not."""
        return next((p for p in self.problems if p.code == "jp2-mapping"), None)

    def info(self) -> CodestreamInfo:
        """Return the public form."""
        across, down = self.tiles
        return CodestreamInfo(
            coding="htj2k" if self.ht else "jpeg2000",
            rows=self.size[1] - self.origin[1],
            cols=self.size[0] - self.origin[0],
            components=len(self.precisions),
            precisions=self.precisions,
            signs=self.signs,
            reductions=self.reductions,
            layers=self.layers,
            progression=ORDERS[self.order],
            tiles=across * down,
            tile=(self.tile[1], self.tile[0]),
            block=self.block,
            reversible=self.reversible,
            mct=self.mct,
            ht=self.ht,
            plt=self.plt,
            tlm=self.tlm,
            subsampling=tuple((y, x) for x, y in self.steps),
            jp2=self.jp2,
            problems=self.problems,
        )


def shrink(n: int, reduce: int) -> int:
    """Return ceil(n / 2**reduce)."""
    return -(-n // (1 << reduce))
