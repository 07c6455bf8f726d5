"""JPEG 2000 to HTJ2K and back, code-block by code-block: no wavelet, no quantisation."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from radkit import limits
from radkit._native import cpu
from radkit._native._j2k_recode import recode
from radkit.codecs import _j2k_header
from radkit.codecs._common import as_view
from radkit.codecs._j2k_encoder import COMMENT, ORDERS
from radkit.codecs._j2k_model import Header
from radkit.codecs.frame import CodestreamInfo
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, OptionError, TruncatedPixelData, VerificationError

__all__ = ["Goal", "Recoded", "fitted", "recoded"]

Goal = Literal["htj2k", "jpeg2000"]


class Recoded(NamedTuple):
    """A codestream of the other coding; `whole` if no block of the source was cut short."""

    data: bytes
    info: CodestreamInfo
    whole: bool


def recoded(data: Any, to: Goal, coding: Coding | None) -> Recoded:
    """Do the work of `jpeg2000.transcode`."""
    if to not in ("htj2k", "jpeg2000"):
        raise OptionError(f'to must be "htj2k" or "jpeg2000", not {to!r}')
    layout = coding or Coding()
    view = as_view(data)
    header = _j2k_header.parse(view)
    before = header.info()
    _check_source(header)
    _check_layout(before, layout, to)
    start, end = header.facts["start"], header.facts["end"]
    made, cut = recode(view, start, end, comment=COMMENT, **_wishes(to, layout))
    assert made is not None  # there is no limit to its size
    return Recoded(made, _checked(made, before, layout, to), not cut)


def _wishes(to: Goal, layout: Coding) -> dict[str, Any]:
    """Return what is asked of the native part: a layout, and the limits in force."""
    now = limits.current()
    return {
        "ht": to == "htj2k",
        "order": ORDERS[layout.progression],
        "split": layout.tile_parts,
        "tlm": layout.tlm,
        "plt": layout.plt,
        "pixels": now.max_pixels,
        "tiles": now.max_tiles,
        "blocks": now.max_blocks,
        "packets": max(_j2k_header.MAX_PACKETS, now.max_blocks),
        "memory": now.max_memory_bytes,
        "seconds": limits.seconds_left(),
        "cpu": cpu.USE,
    }


def fitted(header: Header, view: memoryview, room: int, comment: bytes) -> tuple[bytes | None, int]:
    """Return the best picture within `room` bytes, and the bytes that any takes at least.

    Blocks keep their bytes, and are left out or end with a layer or a pass that a packet header
    tells of. The codestream is None if there is no room for one.

    Raises
    ------
    EncodeError
        Blocks of both codings stand side by side.
    """
    info = header.info()
    layout = Coding(
        progression=info.progression,  # type: ignore[arg-type]  # one of the five
        tile_parts=len(header.stream.parts()) > info.tiles,
        tlm=info.tlm,
    )
    start, end = header.facts["start"], header.facts["end"]
    goal: Goal = "htj2k" if info.ht else "jpeg2000"
    return recode(view, start, end, comment=comment, room=room, **_wishes(goal, layout))


def _check_source(header: Header) -> None:
    """Refuse what would not be the whole image in the result."""
    if header.mapping is not None:
        problem = header.mapping
        raise CorruptPixelData(problem.text, offset=problem.offset, section="PS3.5 8.2.4")
    if header.stream.sound < 1.0:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=header.stream.sound,
            section="T.800 A.4",
        )


def _check_layout(source: CodestreamInfo, layout: Coding, to: Goal) -> None:
    """Refuse a layout that code-blocks cannot be brought into as they are."""
    usual = Coding()
    asked = {
        "levels": (layout.levels, None, source.reductions),
        "block": (layout.block, usual.block, source.block),
        "tile": (layout.tile, None, source.tile),
        "precincts": (layout.precincts, (), None),
        "layers": (layout.layers, (), None),
    }
    for name, (value, default, there) in asked.items():
        if value not in (default, there):
            raise OptionError(
                f"Coding.{name} is that of the source when code-blocks are recoded",
                hint="Leave it out, or decode the image and encode it",
            )


def _checked(made: bytes, before: CodestreamInfo, layout: Coding, to: Goal) -> CodestreamInfo:
    """Hold the headers of the result against those of the source, and return them."""
    header = _j2k_header.parse(memoryview(made))
    after = header.info()
    same = ("rows", "cols", "precisions", "signs", "subsampling", "reductions", "tile", "mct")
    # What no component goes by may have been said of all of them, and is not said again.
    right = (
        all(getattr(after, name) == getattr(before, name) for name in same)
        and after.reversible >= before.reversible
        and after.coding == to
        and after.layers in (1, before.layers)
        and after.progression == layout.progression
        and after.tlm == layout.tlm
        and header.stream.sound == 1.0
        and not after.problems
    )
    if not right:
        raise VerificationError("other headers were written than those of the source ask for")
    return after
