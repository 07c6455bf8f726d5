"""The order in which a series is sent, so that it can be scrolled soonest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from radkit.preview.coded import CodedObject
from radkit.preview.plan import (
    CUTTABLE_CODING,
    frame_pieces,
    nearest_first,
    with_rest,
)
from radkit.preview.series import in_order
from radkit.preview.steps import Link, Piece, Plan, make_steps

__all__ = ["schedule"]

EVERY = 8  # of the first round through a series
LEAST = 64  # pixels of the shorter side of the first picture of a slice


def schedule(series: Any, *, rate_kbit_s: float | None, latency_s: float = 0.05) -> Plan:
    """Order the bytes of a series: a whole volume to scroll first, the originals at the end.

    The middle slice comes first, in the smallest resolution of at least 64 pixels a side;
    then that of every eighth slice, and of all others; then the next resolution of every slice, and
    so on, each round from the middle outwards.

    Parameters
    ----------
    series : source or sequence of sources, or a folder
        The single-frame objects of a series, ordered here by their positions along the
        normal; a multi-frame object in the order of its frames. Objects without a
        position keep their order.
    rate_kbit_s : float or None
        Rate of the line in 1000 bits a second.
    latency_s : float, default 0.05
        Seconds until the first byte comes.

    Returns
    -------
    Plan
        `first_image`, `volume(reduce)` and `original` say when each is there. The header
        of an object comes with its first step, what follows the pixel data with its last.
        `needs_transcode` is set if an object cannot be sent in parts.

    Raises
    ------
    OptionError
        There is no object, or an option is out of range.
    RadkitError
        An object cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> import radkit
    >>> from radkit.testing import write_series
    >>> slices = np.random.default_rng(0).integers(0, 4096, (3, 128, 128), np.uint16)
    >>> coded = [
    ...     radkit.transcode(one, None, "htj2k-lossless-rpcl").data
    ...     for one in sorted(write_series(None, slices).iterdir())
    ... ]
    >>> made = schedule(coded, rate_kbit_s=4000)
    >>> made.first_image.bytes_total < made.volume().bytes_total < made.original.bytes_total
    True
    """
    link = Link(rate_kbit_s=rate_kbit_s, latency_s=latency_s)
    chains: list[list[Piece]] = []
    names: list[str | None] = []
    partial = True
    for number, source in enumerate(in_order(series)):
        with CodedObject(source) as coded, coded.opened.named():
            partial &= all(coded.partial(number) for number in range(coded.frames))
            names.append(coded.name)
            chains += _object_chains(coded, first=len(chains), source=number)
    middle = len(chains) // 2
    pieces = tuple(_rounds([piece for chain in chains for piece in chain], middle))
    return Plan(
        steps=make_steps(pieces, link),
        sources=tuple(names),
        frames=len(chains),
        needs_transcode=None if partial else CUTTABLE_CODING,
        link=link,
        _pieces=pieces,
        _order=nearest_first,
    )


def _object_chains(coded: CodedObject, *, first: int, source: int) -> list[list[Piece]]:
    """Return the pieces of each frame of an object; all together are the whole object."""
    chains = [
        list(frame_pieces(coded, number, frame=first + number, source=source, least=LEAST))
        for number in range(coded.frames)
    ]
    flat = with_rest(coded, [piece for chain in chains for piece in chain])
    chains[-1][-1] = flat[-1]
    return chains


def _rounds(pieces: Sequence[Piece], middle: int) -> list[Piece]:
    """Order pieces: the middle frame, every eighth, all; then stage by stage."""

    def rank(piece: Piece) -> tuple[int, int, int, int]:
        far = abs(piece.frame - middle)
        turn = 0 if far == 0 else 1 if far % EVERY == 0 else 2
        return piece.stage, turn if piece.stage == 0 else 0, far, piece.frame

    return sorted(pieces, key=rank)
