"""Which bytes of an object to send first: its resolutions and layers, within a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from radkit.codecs.options import Coding
from radkit.errors import OptionError
from radkit.preview.coded import CodedObject, Ranges, file_ranges, joined
from radkit.preview.quality import compare
from radkit.preview.steps import Link, Piece, Plan, make_steps
from radkit.preview.windowed import Windowed, windowed

__all__ = [
    "CUTTABLE_CODING",
    "difference",
    "frame_pieces",
    "nearest_first",
    "plan",
    "with_rest",
]

# The form that can be sent in parts: one tile-part for each resolution, coarse ones first.
CUTTABLE_CODING = Coding()
SMALLEST = 400  # bytes of a windowed preview that shows anything


def plan(
    source: Any,
    *,
    rate_kbit_s: float | None = None,
    budget_s: float | None = None,
    max_bytes: int | None = None,
    viewport: tuple[int, int] | None = None,
    frames: Any = None,
    latency_s: float = 0.05,
    window: Any = None,
) -> Plan:
    """Say which bytes of an object to send, coarse pictures first, within a budget.

    Parameters
    ----------
    source : source
        A DICOM object.
    rate_kbit_s : float, optional
        Rate of the line in 1000 bits a second.
    budget_s : float, optional
        Seconds there are, latency included; needs the rate.
    max_bytes : int, optional
        Bytes there are. Excludes `budget_s`.
    viewport : (rows, cols), optional
        Size of the window on the screen: the goal is the smallest resolution that fills
        it. Default: the original.
    frames : int, slice or sequence of int, optional
        As in `radkit.decode`. Each resolution is sent for all frames, then the next one.
    latency_s : float, default 0.05
        Seconds until the first byte comes.
    window : optional
        As in `radkit.render`: the frame is looked at in this window. If a small stream of its
        own shows it better than the first bytes of the stored one, as many of them, it is
        `Plan.windowed`. Needs a budget, and one frame.

    Returns
    -------
    Plan
        The header of the object is part of the first step of its first frame. Of a source
        that cannot be sent in parts each frame is one step, and `needs_transcode` says what
        could be.

    Raises
    ------
    OptionError
        An option is out of range or contradicts another.
    RadkitError
        The object cannot be read.

    Examples
    --------
    >>> import radkit
    >>> from radkit.testing import sample
    >>> coded = radkit.transcode(sample("ct"), None, "htj2k-lossless-rpcl").data
    >>> made = plan(coded, rate_kbit_s=1000)
    >>> made.needs_transcode is None, made[0].reduce > made[-1].reduce, made[-1].lossless
    (True, True, True)
    """
    from radkit.pixels.selection import choose_frames

    link = Link(rate_kbit_s=rate_kbit_s, latency_s=latency_s)
    room = _room(link, budget_s, max_bytes)
    with CodedObject(source) as coded, coded.opened.named():
        numbers, _ = choose_frames(frames, coded.frames)
        goal = _goal(coded, numbers, viewport)
        chains = [
            list(frame_pieces(coded, number, frame=place, goal=goal))
            for place, number in enumerate(numbers)
        ]
        pieces = [piece for group in _by_stage(chains) for piece in group]
        if goal == 0 and sorted(numbers) == list(range(coded.frames)):
            pieces = with_rest(coded, pieces)
        names = (coded.name,)
        partial = all(coded.partial(number) for number in numbers)
    steps = make_steps(pieces, link)
    kept = [step for step in steps if room is None or step.bytes_total <= room]
    fits = len(kept) == len(steps)
    kept = kept or list(steps[:1])
    small = None
    if window is not None:
        if room is None or len(numbers) != 1:
            raise OptionError("window needs a budget and one frame")
        small = None if fits else _windowed(source, numbers[0], room, window)
    return Plan(
        windowed=small,
        steps=tuple(kept),
        sources=names,
        frames=len(numbers),
        fits=fits,
        needs_transcode=None if partial else CUTTABLE_CODING,
        link=link,
        _pieces=tuple(pieces[: len(kept)]),
        _order=nearest_first,
    )


def _windowed(source: Any, frame: int, room: int, window: Any) -> Windowed | None:
    """Return a windowed preview of as many bytes, if it shows more than the stored ones do."""
    from radkit.preview.remote import open_local

    remote = open_local(source)
    have = room - remote.index.header
    made = windowed(source, max_bytes=max(room, SMALLEST), frame=frame, window=window)
    if have < remote.index.frame(frame).cuts[0].size or not _is_cuttable(remote):
        return made
    stored = remote.render(frame, window=window, max_bytes=have)
    return made if made.quality.psnr > compare(stored, made.picture).psnr else None


def _is_cuttable(remote: Any) -> bool:
    return len(remote.shapes(0)) > 1


def _room(link: Link, budget_s: float | None, max_bytes: int | None) -> int | None:
    if budget_s is not None and max_bytes is not None:
        raise OptionError("budget_s excludes max_bytes")
    if max_bytes is not None:
        if max_bytes < 1:
            raise OptionError(f"max_bytes must be >= 1, not {max_bytes!r}")
        return max_bytes
    return None if budget_s is None else link.bytes_within(budget_s)


def _goal(coded: CodedObject, numbers: Sequence[int], viewport: tuple[int, int] | None) -> int:
    """Return the halvings that still fill the viewport."""
    from radkit.pixels.resize import check_size, fit

    box = check_size(viewport)
    if box is None or not coded.cuttable or not numbers:
        return 0
    most = min(coded.index(number).reductions for number in numbers)
    rows, cols = coded.opened.image.rows, coded.opened.image.cols
    shape = fit(rows, cols, box)
    reduce = 0
    while reduce < most:
        rows, cols = (rows + 1) // 2, (cols + 1) // 2
        if rows < shape[0] or cols < shape[1]:
            break
        reduce += 1
    return reduce


def difference(ranges: Ranges, known: Ranges) -> Ranges:
    """Return what of some ranges is not in the known ones; both are in order, without overlaps."""
    left: Ranges = []
    place = 0
    for offset, size in ranges:
        at, end = offset, offset + size
        while place and known[place - 1][0] + known[place - 1][1] > at:
            place -= 1
        while place < len(known) and known[place][0] < end:
            first, last = known[place][0], known[place][0] + known[place][1]
            if first > at:
                left.append((at, first - at))
            at = max(at, last)
            place += 1
        if at < end:
            left.append((at, end - at))
    return left


def frame_pieces(
    coded: CodedObject, number: int, *, frame: int, goal: int = 0, source: int = 0, least: int = 1
) -> Iterator[Piece]:
    """Yield what a frame is sent in, coarse to fine; of a deflated object nothing but the whole.

    Resolutions whose shorter side has fewer than `least` pixels are no piece of their own.
    """
    if coded.deflated:
        whole = ((0, coded.size),) if number == 0 else ()
        yield Piece(
            frame=frame,
            source=source,
            stage=0,
            reduce=0,
            layers=None,
            ranges=whole,
            lossless=True,
        )
        return
    pieces = coded.pieces(number)
    start = coded.lead(number)
    sent, lead = 0, [(start, pieces[0][0] - start)]
    side = min(coded.opened.image.rows, coded.opened.image.cols)
    cuts = coded.cuts(number, goal=goal)
    large = [cut for cut in cuts if side >> cut.reduce >= least] or cuts[-1:]
    for stage, cut in enumerate(large):
        yield Piece(
            frame=frame,
            source=source,
            stage=stage,
            reduce=cut.reduce,
            layers=cut.layers,
            ranges=tuple(joined([*lead, *file_ranges(pieces, [(sent, cut.size - sent)])])),
            lossless=cut.reduce == 0 and cut.layers is None,
        )
        sent, lead = cut.size, []


def _by_stage(chains: Sequence[Sequence[Piece]]) -> Iterator[list[Piece]]:
    stages = {piece.stage for chain in chains for piece in chain}
    for stage in sorted(stages):
        yield [piece for chain in chains for piece in chain if piece.stage == stage]


def with_rest(coded: CodedObject, pieces: list[Piece]) -> list[Piece]:
    """Put what no piece holds into the last one, so that all of them are the whole object."""
    known = joined(piece for each in pieces for piece in each.ranges)
    whole: Ranges = [(0, coded.size)]
    last = pieces[-1]
    ranges = joined([*last.ranges, *difference(whole, known)])
    return [*pieces[:-1], dataclasses.replace(last, ranges=tuple(ranges))]


def nearest_first(pieces: Sequence[Piece], frame: int) -> list[Piece]:
    """Order what is left for a reader who looks at `frame`.

    Frames of which nothing is there come first, outwards from it; then the frame up to
    its original; then all others stage by stage, outwards.
    """
    coarse = [piece for piece in pieces if piece.stage == 0]
    rest = [piece for piece in pieces if piece.stage > 0]

    def far(piece: Piece) -> tuple[int, int]:
        return abs(piece.frame - frame), piece.frame

    return [
        *sorted(coarse, key=far),
        *(piece for piece in rest if piece.frame == frame),
        *sorted(
            (piece for piece in rest if piece.frame != frame),
            key=lambda piece: (piece.stage, *far(piece)),
        ),
    ]
