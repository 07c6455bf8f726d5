"""What is sent, in which order, and when it is there: `Step` and `Plan`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from radkit.codecs.options import Coding
from radkit.errors import OptionError
from radkit.preview.windowed import Windowed

__all__ = ["Link", "Piece", "Plan", "Step", "make_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Bytes that make one frame better.

    Parameters
    ----------
    reduce : int
        Halvings of each side that the frame can be decoded with afterwards.
    layers : int or None
        Quality layers of it that are there; None: all.
    frames : tuple of int
        Numbers of the frames, counted over the whole plan.
    source : int
        Index into `Plan.sources`.
    ranges : tuple of (offset, length)
        Of the source.
    bytes_total : int
        Bytes of this step and all before it.
    seconds : float
        When the last byte of it is there, latency included; NaN without a rate.
    lossless : bool
        The frame is what the source holds, all of it.
    """

    reduce: int
    layers: int | None
    frames: tuple[int, ...]
    source: int
    ranges: tuple[tuple[int, int], ...]
    bytes_total: int
    seconds: float
    lossless: bool

    @property
    def bytes(self) -> int:
        """Bytes of this step."""
        return sum(length for _, length in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line: 1000 bits a second, None if not known, and seconds until the first byte comes."""

    rate_kbit_s: float | None = None
    latency_s: float = 0.05

    def __post_init__(self) -> None:
        """Check both figures."""
        rate, latency = self.rate_kbit_s, self.latency_s
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise OptionError(f"rate_kbit_s must be above 0, not {rate!r}")
        if not (math.isfinite(latency) and latency >= 0):
            raise OptionError(f"latency_s must be >= 0, not {latency!r}")

    def seconds(self, size: int) -> float:
        """Return when so many bytes are there."""
        if self.rate_kbit_s is None:
            return math.nan
        return self.latency_s + size * 8 / (self.rate_kbit_s * 1000)

    def bytes_within(self, seconds: float) -> int:
        """Return how many bytes are there after a time."""
        if self.rate_kbit_s is None:
            raise OptionError("budget_s needs rate_kbit_s")
        if not (math.isfinite(seconds) and seconds >= 0):
            raise OptionError(f"budget_s must be >= 0, not {seconds!r}")
        return max(0, math.floor((seconds - self.latency_s) * self.rate_kbit_s * 1000 / 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a step sends, before it has its place in an order.

    `stage` counts from 0, the coarsest picture of a frame, to its last.
    """

    frame: int
    source: int
    stage: int
    reduce: int
    layers: int | None
    ranges: tuple[tuple[int, int], ...]
    lossless: bool


def make_steps(pieces: Sequence[Piece], link: Link, sent: int = 0) -> tuple[Step, ...]:
    """Return the pieces in their order as steps, after `sent` bytes."""
    steps = []
    for piece in pieces:
        sent += sum(length for _, length in piece.ranges)
        steps.append(
            Step(
                reduce=piece.reduce,
                layers=piece.layers,
                frames=(piece.frame,),
                source=piece.source,
                ranges=piece.ranges,
                bytes_total=sent,
                seconds=link.seconds(sent),
                lossless=piece.lossless,
            )
        )
    return tuple(steps)


Order = Callable[[Sequence[Piece], int], Sequence[Piece]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Steps to send, an iterable of `Step`.

    Parameters
    ----------
    steps : tuple of Step
        In the order to send them.
    sources : tuple of str or None
        Names of the objects that ranges count in; None if one has no name.
    frames : int
        Frames of the plan; in a series in the order of their positions.
    fits : bool
        The steps reach the goal (all of it, or the viewport) within the budget. If not,
        they end where the budget does, but for the first one, which is always there.
    needs_transcode : Coding or None
        The source cannot be sent in parts; a codestream of this form could.
    link : Link
        The line that `seconds` were computed for.
    windowed : Windowed or None
        A small stream that shows the frame better in the window that was asked for than the
        stored bytes within the budget, if there is one.
    """

    steps: tuple[Step, ...]
    sources: tuple[str | None, ...]
    frames: int
    fits: bool = True
    needs_transcode: Coding | None = None
    link: Link = Link()
    windowed: Windowed | None = None
    _pieces: tuple[Piece, ...] = ()
    _order: Order | None = None

    def __iter__(self) -> Iterator[Step]:
        """Iterate over the steps."""
        return iter(self.steps)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    def __getitem__(self, index: int) -> Step:
        """Return a step."""
        return self.steps[index]

    @property
    def bytes_total(self) -> int:
        """Bytes of all steps."""
        return self.steps[-1].bytes_total if self.steps else 0

    @property
    def first_image(self) -> Step:
        """The step after which there is something to look at."""
        return self.steps[0]

    def volume(self, reduce: int | None = None) -> Step | None:
        """Return the step after which every frame can be shown.

        Parameters
        ----------
        reduce : int, optional
            With at most so many halvings. Default: in any way.

        Returns
        -------
        Step or None
            None if the plan ends before.
        """
        there: set[int] = set()
        for step in self.steps:
            if reduce is None or (step.reduce <= reduce and step.layers is None):
                there.update(step.frames)
                if len(there) == self.frames:
                    return step
        return None

    @property
    def original(self) -> Step | None:
        """The step after which all frames are originals; None if the plan ends before."""
        there: set[int] = set()
        for step in self.steps:
            if step.lossless:
                there.update(step.frames)
        return self.steps[-1] if len(there) == self.frames else None

    def jump(self, frame: int, *, done: int = 0) -> Plan:
        """Return the plan of what is left when the reader goes to another frame.

        Parameters
        ----------
        frame : int
            The frame that is wanted now.
        done : int, default 0
            Steps of this plan that have been sent.

        Returns
        -------
        Plan
            Coarse pictures that are still missing are sent outwards from the frame, then
            the frame itself up to the original, then its neighbours. `bytes_total` and
            `seconds` go on from what was sent.

        Raises
        ------
        OptionError
            There is no such frame, or there are fewer steps.
        """
        if not 0 <= frame < self.frames:
            raise OptionError(f"frame must be 0 to {self.frames - 1}, not {frame!r}")
        if not 0 <= done <= len(self.steps):
            raise OptionError(f"done must be 0 to {len(self.steps)}, not {done!r}")
        left = self._pieces[done:]
        pieces = tuple(self._order(left, frame) if self._order else left)
        sent = self.steps[done - 1].bytes_total if done else 0
        return dataclasses.replace(self, steps=make_steps(pieces, self.link, sent), _pieces=pieces)
