"""When pictures are there: a line that brings bytes, and a client that decodes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from radkit.preview.series import in_order
from radkit.preview.steps import Link, Plan

__all__ = ["Arrival", "Form", "arrivals", "measure_form"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A series in one transfer syntax.

    Parameters
    ----------
    name : str
        Of the transfer syntax.
    sizes : tuple of int
        Bytes of each object, in the order of their positions.
    decode_s : float
        Seconds to decode an object, the median of them, measured here on one thread.
    """

    name: str
    sizes: tuple[int, ...]
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


def measure_form(series: Any, name: str) -> Form:
    """Transcode the objects of a series in memory and measure what a client would.

    Raises
    ------
    RadkitError
        As `radkit.transcode`.
    """
    from radkit.pixels import decode
    from radkit.transcoding import transcode

    sizes, seconds = [], []
    for source in in_order(series):
        data = transcode(source, None, name, verify=False).data
        assert data is not None  # without a destination the object is returned
        begun = time.perf_counter()
        decode(data, threads=1)
        seconds.append(time.perf_counter() - begun)
        sizes.append(len(data))
    return Form(name=name, sizes=tuple(sizes), decode_s=sorted(seconds)[len(seconds) // 2])


def arrivals(form: Form, link: Link, plan: Plan | None = None) -> Arrival:
    """Return when pictures are there, sent object by object, or by a plan.

    Each step of a plan is decoded anew as it arrives, its cost in proportion to its pixels.
    """
    if plan is None:
        ends, costs = _whole(form.sizes), [form.decode_s] * len(form.sizes)
        done = _decoded(ends, costs, link)
        return Arrival(first=done[0], volume=done[-1], original=done[-1])
    ends = [step.bytes_total for step in plan]
    costs = [form.decode_s / 4**step.reduce for step in plan]
    done = _decoded(ends, costs, link)
    volume = plan.volume()
    at = {step.bytes_total: seconds for step, seconds in zip(plan, done, strict=True)}
    return Arrival(
        first=done[0],
        volume=done[-1] if volume is None else at[volume.bytes_total],
        original=done[-1],
    )


def _whole(sizes: Sequence[int]) -> list[int]:
    total, ends = 0, []
    for size in sizes:
        total += size
        ends.append(total)
    return ends


def _decoded(ends: Sequence[int], costs: Sequence[float], link: Link) -> list[float]:
    """Return when each piece is decoded, one after the other."""
    free, done = 0.0, []
    for end, cost in zip(ends, costs, strict=True):
        free = max(free, link.seconds(end)) + cost
        done.append(free)
    return done
