"""When pictures are there: a line that brings bytes, and a client that decodes them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from radkit.preview.series import in_order
from radkit.preview.steps import Link, Plan

__all__ = ["Arrival", "Form", "Showing", "arrivals", "measure_form", "outwards", "showings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A series in one transfer syntax.

    Parameters
    ----------
    name : str
        Of the transfer syntax.
    sizes : tuple of int
        Bytes of each object, in the order of their positions.
    frames : tuple of int
        Frames of each object.
    decode_s : float
        Seconds to decode an object, the median of them, measured here on one thread.
    """

    name: str
    sizes: tuple[int, ...]
    frames: tuple[int, ...]
    decode_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Seconds from the request; each decoded by one thread while later bytes arrive.

    Parameters
    ----------
    first : float
        To a picture of the first slice, of any resolution.
    volume : float
        To pictures of all slices, of any resolution.
    original : float
        To the originals of all slices.
    """

    first: float
    volume: float
    original: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A picture of a frame, and the seconds from the request until it is there.

    Parameters
    ----------
    frame : int
        Counted over the series.
    reduce : int
        Halvings of each side.
    layers : int or None
        Quality layers; None: all.
    seconds : float
    """

    frame: int
    reduce: int
    layers: int | None
    seconds: float


def measure_form(series: Any, name: str) -> Form:
    """Transcode the objects of a series in memory and measure what a client would.

    Raises
    ------
    RadkitError
        As `radkit.transcode`.
    """
    from radkit.pixels import decode, inspect
    from radkit.transcoding import transcode

    sizes, frames, seconds = [], [], []
    for source in in_order(series):
        data = transcode(source, None, name, verify=False).data
        assert data is not None  # without a destination the object is returned
        begun = time.perf_counter()
        decode(data, threads=1)
        seconds.append(time.perf_counter() - begun)
        sizes.append(len(data))
        frames.append(inspect(data).shape[0])
    middle = sorted(seconds)[len(seconds) // 2]
    return Form(name=name, sizes=tuple(sizes), frames=tuple(frames), decode_s=middle)


def arrivals(form: Form, link: Link, plan: Plan | None = None) -> Arrival:
    """Return when pictures are there, sent object by object, or by a plan.

    Each step of a plan is decoded anew as it arrives, its cost in proportion to its pixels.
    """
    seen = showings(form, link, plan)
    frames: set[int] = set()
    volume = seen[-1].seconds
    for one in seen:
        frames.add(one.frame)
        if len(frames) == sum(form.frames):
            volume = one.seconds
            break
    return Arrival(first=seen[0].seconds, volume=volume, original=seen[-1].seconds)


def showings(form: Form, link: Link, plan: Plan | None = None) -> list[Showing]:
    """Return every picture that can be shown, in the order in which they are there.

    Without a plan whole objects are asked for, the middle one first and then outwards.
    """
    if plan is not None:
        steps = plan.steps
        costs = [form.decode_s / 4**step.reduce for step in steps]
        done = _decoded([step.bytes_total for step in steps], costs, link)
        return [
            Showing(frame=frame, reduce=step.reduce, layers=step.layers, seconds=seconds)
            for step, seconds in zip(steps, done, strict=True)
            for frame in step.frames
        ]
    order = outwards(len(form.sizes))
    ends = list(itertools.accumulate(form.sizes[number] for number in order))
    done = _decoded(ends, [form.decode_s] * len(order), link)
    starts = [0, *itertools.accumulate(form.frames)]
    return [
        Showing(frame=starts[number] + k, reduce=0, layers=None, seconds=seconds)
        for number, seconds in zip(order, done, strict=True)
        for k in range(form.frames[number])
    ]


def outwards(count: int) -> list[int]:
    """Return the numbers below `count` from the middle outwards."""
    middle = count // 2
    return sorted(range(count), key=lambda number: (abs(number - middle), number))


def _decoded(ends: Sequence[int], costs: Sequence[float], link: Link) -> list[float]:
    """Return when each piece is decoded, one after the other."""
    free, done = 0.0, []
    for end, cost in zip(ends, costs, strict=True):
        free = max(free, link.seconds(end)) + cost
        done.append(free)
    return done
