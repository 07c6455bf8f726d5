"""What of a series is on the screen some moments after the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from radkit.preview.link import Form
from radkit.preview.remote import Remote
from radkit.preview.steps import Link, Plan

__all__ = ["ACROSS", "Shown", "by_objects", "by_plan", "chosen"]

ACROSS = 8  # slices that stand for a series
SIDE = 128  # pixels of a small picture

# A picture and the halvings it was decoded with; None: nothing has come of the slice.
Shown = tuple[np.ndarray, int] | None


def chosen(count: int) -> list[int]:
    """Return the slices that stand for a series, from the first to the last."""
    most = min(count, ACROSS)
    return [round(k * (count - 1) / max(most - 1, 1)) for k in range(most)]


def by_objects(
    slices: Sequence[Remote], form: Form, link: Link, moment: float, window: Any
) -> Iterator[Shown]:
    """Yield what is there of the chosen slices if whole objects come, one after the other."""
    have = link.bytes_within(moment)
    for number in chosen(len(slices)):
        whole = sum(form.sizes[: number + 1]) <= have
        yield (_small(slices[number], 0, window), 0) if whole else None


def by_plan(
    slices: Sequence[Remote], plan: Plan, link: Link, moment: float, window: Any
) -> Iterator[Shown]:
    """Yield what is there of the chosen slices if bytes come as a plan says."""
    have = link.bytes_within(moment)
    best: dict[int, int] = {}
    for step in plan:
        if step.bytes_total <= have:
            best[step.source] = step.reduce
    for number in chosen(len(slices)):
        reduce = best.get(number)
        yield None if reduce is None else (_small(slices[number], reduce, window), reduce)


def _small(one: Remote, reduce: int, window: Any) -> np.ndarray:
    return one.render(window=window, size=(SIDE, SIDE), reduce=reduce)
