"""Reads and checks the headers of a JPEG 2000 or HTJ2K codestream (T.800 annex A, I).

Nothing is decoded. What passes here is sound enough to allocate by: sizes, tiles,
levels, blocks and quantisation are within the standard and the limits, and all
tile-parts that the stream promises are there, or the header says which share is.
"""

from __future__ import annotations

from typing import Any

from radkit import limits
from radkit._native import _j2k
from radkit.codecs._j2k_model import Header
from radkit.codecs._jp2 import find_codestream
from radkit.errors import Problem

__all__ = ["Header", "parse"]

MAX_PACKETS = 1 << 24


def parse(data: memoryview, *, strict: bool = True) -> Header:
    """Read all headers of one codestream, raw or in a JP2 or JPH file.

    Offsets in errors count from the start of `data`. Without `strict` a fault behind
    the main header ends the reading and lowers `sound`.

    Raises
    ------
    CorruptPixelData
        The headers break T.800.
    TruncatedPixelData
        The data end within the main header.
    LimitExceeded
        Too many pixels, tiles or code-blocks.
    """
    problems: list[Problem] = []
    start, stop = find_codestream(data, problems)
    now = limits.current()
    stream = _j2k.Stream(
        data,
        start,
        stop,
        pixels=now.max_pixels,
        tiles=now.max_tiles,
        blocks=now.max_blocks,
        packets=max(MAX_PACKETS, now.max_blocks),
        memory=now.max_memory_bytes,
        strict=strict,
    )
    facts = stream.facts()
    _add_problems(facts, problems)
    for name in ("end", "eoc", "fault", "over", "parts", "roi", "tail", "tlm_parts"):
        del facts[name]
    return Header(stream=stream, jp2=start > 0, problems=tuple(problems), **facts)


def _add_problems(facts: dict[str, Any], problems: list[Problem]) -> None:
    def add(code: str, text: str, offset: int | None = None) -> None:
        problems.append(Problem(code=code, text=text, offset=offset))

    if facts["ht"] and not facts["cap"]:
        add("cap-missing", "HT code-blocks without a CAP segment [T.814 A.2]")
    if facts["fault"] is not None:
        add("codestream-damaged", str(facts["fault"]), facts["fault"].offset)
    elif not facts["eoc"] and facts["sound"] == 1.0:
        add("eoc-missing", "the codestream has no EOC marker [T.800 A.4.4]")
    elif facts["tail"]:
        add("bytes-after-eoc", f"{facts['tail']} bytes follow EOC", facts["end"])
    if facts["over"]:  # old encoders count one too few; what is there is read
        add("tile-part-count-wrong", "a tile has more tile-parts than it states [T.800 A.4.2]")
    if facts["tlm"] and facts["tlm_parts"] != facts["parts"]:
        listed, there = facts["tlm_parts"], facts["parts"]
        add("tlm-wrong", f"TLM lists {listed} tile-parts, {there} are there")
