"""Alternating rounds of a peer and of radkit in one process; a row is the median of their ratios.

The rules this file keeps:

- both sides start from the same bytes and end with the same array, and that is
  checked on the timed input before anything is timed;
- peer, radkit, peer, radkit ...; the first pair is thrown away;
- a pass covers all frames of the row, and a round repeats it until it is long
  enough (20 ms), for each side on its own;
- each result is dropped before the next frame, on both sides, unless both write
  into an array of the caller: so memory is warm, as when slices are looked at
  one after the other, and neither side pays for more new pages than the other;
- a ratio belongs to one round (peer time / radkit time of that round); the row
  is their median, with the smallest and the largest beside it;
- the garbage collector is off while timing, and the process sits on one core;
- a row of decoding is measured without its vector instructions too, in the same
  rounds, by the switch that RADKIT_CPU=c sets.
"""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Measured",
    "Plan",
    "Side",
    "all_cores",
    "alternate",
    "portable",
    "ratio_of",
    "same_arrays",
    "single_core",
]

PORTABLE_ROUNDS = 3  # the portable code is not what is claimed; its figure may be rougher
RESTLESS = 1.5  # a run whose largest ratio is this many times the smallest is repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to measure: rounds after the discarded one, and the least seconds of a round."""

    rounds: int = 7
    least_s: float = 0.02

    def __post_init__(self) -> None:
        """Refuse a plan that measures nothing."""
        if self.rounds < 1 or not self.least_s >= 0:
            raise ValueError(f"no plan: {self.rounds} rounds of {self.least_s} s")


FULL = Plan()
QUICK = Plan(rounds=3, least_s=0.004)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One contestant: what it is called, and the call that it is, for each item of a pass."""

    name: str
    version: str = ""
    call: Callable[..., Any]
    items: Sequence[tuple[Any, ...]]

    def results(self) -> list[Any]:
        """Make one pass and keep what it gives."""
        return [self.call(*item) for item in self.items]

    def run(self) -> None:
        """Make one pass; each result is dropped at once."""
        call = self.call
        for item in self.items:
            call(*item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The outcome of a row; times are milliseconds per frame, ratios above 1 favour radkit."""

    ratios: tuple[float, ...]
    peer_ms: tuple[float, ...]
    radkit_ms: tuple[float, ...]
    portable: tuple[float, ...] = ()  # ratios of the portable code

    @property
    def ratio(self) -> float:
        """Median of the ratios of single rounds."""
        return statistics.median(self.ratios)

    @property
    def restless(self) -> bool:
        """The ratios spread so far that the run should be repeated."""
        return max(self.ratios) > RESTLESS * min(self.ratios)

    def info(self) -> dict[str, Any]:
        """Return the figures for `extra_info`."""
        without = {"ratio_c": round(statistics.median(self.portable), 4)} if self.portable else {}
        return without | {
            "ratio": round(self.ratio, 4),
            "ratio_min": round(min(self.ratios), 4),
            "ratio_max": round(max(self.ratios), 4),
            "peer_ms": round(statistics.median(self.peer_ms), 5),
            "radkit_ms": round(statistics.median(self.radkit_ms), 5),
            "rounds": len(self.ratios),
            "restless": self.restless,
        }


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of `repeats` passes."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return time.perf_counter() - start


def repeats_for(seconds: float, least_s: float) -> int:
    """Return how many passes of `seconds` fill a round."""
    if seconds <= 0:
        return 1000
    return max(1, min(100_000, -int(-least_s // seconds)))


@contextlib.contextmanager
def single_core() -> Iterator[int | None]:
    """Keep this process on the last core it may use; yields that core, or None where unknown."""
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Leave the cores as they are: for the rows that ask what threads bring."""
    yield None


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Let radkit use no vector instructions, as RADKIT_CPU=c does at the start of a process."""
    from radkit._native import cpu

    was, cpu.USE = cpu.USE, 0
    try:
        yield
    finally:
        cpu.USE = was


@contextlib.contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep the garbage collector off, and put it back as it was."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def ratio_of(
    peer_s: Sequence[float],
    own_s: Sequence[float],
    peer_work: int,
    own_work: int,
    portable_s: Sequence[float] = (),
    portable_work: int = 1,
) -> Measured:
    """Turn seconds per round into a result; `*_work` counts the frames of one round."""
    if len(peer_s) != len(own_s) or not peer_s:
        raise ValueError(f"rounds do not pair: {len(peer_s)} and {len(own_s)}")
    peer = [s * 1e3 / peer_work for s in peer_s]
    own = [s * 1e3 / own_work for s in own_s]
    return Measured(
        ratios=tuple(p / o for p, o in zip(peer, own, strict=True)),
        peer_ms=tuple(peer),
        radkit_ms=tuple(own),
        portable=tuple(
            p * portable_work / (s * 1e3) for p, s in zip(peer, portable_s, strict=False)
        ),
    )


def alternate(
    peer: Side,
    own: Side,
    *,
    frames: int,
    plan: Plan = FULL,
    own_frames: int | None = None,
    pedantic: Callable[..., Any] | None = None,
    without_vectors: bool = False,
) -> Measured:
    """Measure both sides in alternating rounds, and some of radkit's portable code behind them.

    `pedantic` is pytest-benchmark's: it then runs radkit's rounds, with the
    peer's round as its setup, so that its statistics are of the same rounds.
    """
    with quiet_collector():
        once = (timed(peer.run, 1), timed(own.run, 1))  # first calls: tables, caches
        once = (min(once[0], timed(peer.run, 1)), min(once[1], timed(own.run, 1)))
        peer_n, own_n = (repeats_for(s, plan.least_s) for s in once)
        peer_s: list[float] = []
        own_s: list[float] = []
        portable_s: list[float] = []
        portable_n = 1
        if without_vectors:
            with portable():
                portable_n = repeats_for(timed(own.run, 1), plan.least_s)

        def before() -> None:
            if without_vectors and 1 <= len(peer_s) - 1 <= PORTABLE_ROUNDS:
                with portable():
                    portable_s.append(timed(own.run, portable_n))
            peer_s.append(timed(peer.run, peer_n))

        def after() -> None:
            own_s.append(timed(own.run, own_n))

        if pedantic is None:
            for _ in range(plan.rounds + 1):
                before()
                after()
        else:
            pedantic(after, setup=before, rounds=plan.rounds + 1, iterations=1, warmup_rounds=0)
    if len(peer_s) > 1:  # all but a run with --benchmark-disable, which has a single round
        del peer_s[0], own_s[0]
    of_own = own_frames or frames  # a pass of radkit may have more of them
    return ratio_of(peer_s, own_s, peer_n * frames, own_n * of_own, portable_s, portable_n * of_own)


def same_arrays(peer: Sequence[Any], own: Sequence[Any]) -> None:
    """Raise unless both lists hold equal arrays: shape, type and every sample."""
    import numpy as np

    if len(peer) != len(own) or not len(peer):
        raise AssertionError(f"{len(peer)} results of the peer, {len(own)} of radkit")
    for i, (a, b) in enumerate(zip(peer, own, strict=True)):
        if a.dtype != b.dtype or a.shape != b.shape:
            raise AssertionError(f"result {i}: {a.dtype} {a.shape} and {b.dtype} {b.shape}")
        if not np.array_equal(a, b):
            raise AssertionError(f"result {i}: {np.count_nonzero(a != b)} samples differ")
