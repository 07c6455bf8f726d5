"""Reads and checks the headers of a JPEG 2000 or HTJ2K codestream (T.800 annex A, I).

Nothing is decoded. What passes here is sound enough to allocate by: sizes, tiles,
levels, blocks and quantisation are within the standard and the limits, and all
tile-parts that the stream promises are there, or the header says which share is.
"""

from __future__ import annotations

from radkit import limits
from radkit._native import _j2k
from radkit.codecs._j2k_model import Header
from radkit.codecs._jp2 import find_codestream
from radkit.errors import Problem

__all__ = ["Header", "parse"]

MAX_PACKETS = 1 << 24
SOC = b"\xff\x4f"


def parse(data: memoryview, *, strict: bool = True) -> Header:
    """Read all headers of one codestream, raw or in a JP2 or JPH file.

    Offsets in errors count from the start of `data`. Without `strict` a fault behind
    the main header ends the reading and lowers `sound`. The time that `radkit.limits`
    allows begins here.

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
    start, stop = 0, len(data)
    if data[:2] != SOC:
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
        seconds=limits.seconds_left(),
        strict=strict,
    )
    return Header(stream, tuple(problems), start > 0)
