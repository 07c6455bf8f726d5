"""Which frames form a stack: series, orientation, duplicates, repeated positions.

Nothing that cannot be undone is decided silently: mixed orientations, frames of
reference, echoes or phases are told apart or refused, never averaged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from radkit.errors import GeometryError, OptionError
from radkit.geometry import Stack, analyse_stack, orientation
from radkit.geometry.stack import SAME_POSITION_MM
from radkit.volume.records import SPLIT_TAGS, Record
from radkit.volume.split import Part, sorted_parts, tell_apart
from radkit.volume.volume import Correction

__all__ = ["Group", "Sorted", "sort_records"]

ORIENTATION_WITHIN = 1e-4
SPACING_WITHIN = 1e-4  # relative

Split = Literal["error", "auto"] | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Slices that belong together, as `GeometryError.groups` lists them."""

    count: int
    text: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sorted:
    """Slices of one volume in order, and what was done to get there."""

    records: list[Record]
    stack: Stack
    corrections: list[Correction]
    labels: dict[str, str]


def sort_records(
    records: list[Record],
    *,
    split: Split,
    tolerance_mm: float | None,
    digest: Callable[[Record], bytes],
) -> list[Sorted]:
    """Sort records into stacks, each with every position once.

    Parameters
    ----------
    records : list of Record
        At least one.
    split : {"error", "auto"} or sequence of str
        What to do with several stacks: refuse them, find out what tells them
        apart, or use the named attributes.
    tolerance_mm : float, optional
        As in `analyse_stack`.
    digest : callable
        Equal for slices of equal samples.
    """
    keys = None
    if not isinstance(split, str):
        keys = tuple(dict.fromkeys(tag for name in split for tag in _tags(name)))
    corrections: list[Correction] = []
    if split == "error":
        records, left = _one_series(records)
        corrections += left
    clusters = [
        cluster for series in _by(records, lambda r: (r.series,)) for cluster in _alike(series)
    ]
    if split == "error" and len(clusters) > 1:
        raise _several(clusters, "unlike slices", "Use split='auto' for a volume of each")
    found = []
    for cluster in clusters:
        parts = [Part(records=cluster, labels={})] if keys is None else sorted_parts(cluster, keys)
        for part in parts:
            unique, dropped = _drop_same_instance(part.records)
            for stack, more in _stacks(unique, split, tolerance_mm, digest):
                order = _stack(stack.records, tolerance_mm)
                found.append(
                    Sorted(
                        records=[stack.records[i] for i in order.order],
                        stack=order,
                        corrections=[*corrections, *dropped, *more],
                        labels=part.labels | stack.labels,
                    )
                )
    return found


def _tags(name: str) -> tuple[int, ...]:
    if name not in SPLIT_TAGS:
        raise OptionError(f"split knows {', '.join(SPLIT_TAGS)}, not {name!r}")
    return SPLIT_TAGS[name]


def _by(records: list[Record], key: Callable[[Record], tuple[object, ...]]) -> list[list[Record]]:
    """Group by a key, in order of first appearance."""
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return list(groups.values())


def _one_series(records: list[Record]) -> tuple[list[Record], list[Correction]]:
    """Keep the series with the most slices; the others are left out and listed."""
    series = sorted(_by(records, lambda r: (r.series,)), key=len, reverse=True)
    if len(series) == 1:
        return series[0], []
    if len(series[0]) == len(series[1]):
        raise _several(series, "several series", "Give the objects of one, or use split='auto'")
    left = [record.instance for other in series[1:] for record in other]
    text = f"{len(left)} slices of {len(series) - 1} other series left out"
    return series[0], [Correction(code="LEFT_OUT", text=text, instances=tuple(left))]


def _alike(records: list[Record]) -> list[list[Record]]:
    """Group by frame of reference, form, pixel spacing and orientation, in order of appearance."""
    found: list[list[Record]] = []
    for same in _by(records, lambda r: (r.form, r.frame_of_reference)):
        found += _of_one_plane(same)
    number = {id(record): k for k, record in enumerate(records)}
    return sorted(found, key=lambda group: number[id(group[0])])


def _of_one_plane(records: list[Record]) -> list[list[Record]]:
    """Group by pixel spacing and orientation, those of the first of a group counting."""
    groups: list[list[Record]] = []
    firsts = np.empty((len(records), 8))
    for record in records:
        last = groups[-1] if groups else []
        if last and record.cosines is last[0].cosines and record.spacing is last[0].spacing:
            last.append(record)  # read by its head, as most are
            continue
        # Against all groups at once: as many orientations as slices must not take for ever.
        known = firsts[: len(groups)]
        spacing = np.array(record.spacing)
        near = np.abs(known[:, :6] - record.cosines).max(axis=1, initial=0) <= ORIENTATION_WITHIN
        allowed = SPACING_WITHIN * np.maximum(known[:, 6:], spacing)
        near &= (np.abs(known[:, 6:] - spacing) <= allowed).all(axis=1)
        which = np.flatnonzero(near)
        if len(which):
            groups[int(which[0])].append(record)
        else:
            firsts[len(groups)] = [*record.cosines, *record.spacing]
            groups.append([record])
    return groups


def _several(groups: Sequence[list[Record]], what: str, hint: str) -> GeometryError:
    texts = _descriptions([group[0] for group in groups])
    listed = tuple(
        Group(
            count=len(group),
            text=text,
            instances=tuple(dict.fromkeys(record.instance for record in group)),
        )
        for group, text in zip(groups, texts, strict=True)
    )
    told = "; ".join(f"{group.count} with {group.text}" for group in listed[:6])
    more = f" and {len(listed) - 6} groups more" if len(listed) > 6 else ""
    return GeometryError(f"{what} are not one volume: {told}{more}", groups=listed, hint=hint)


def _descriptions(firsts: Sequence[Record]) -> list[str]:
    """Say what is particular to each group: only what differs between the groups."""
    forms = len({first.form for first in firsts}) > 1
    cosines = np.array([first.cosines for first in firsts])
    turned = bool((np.ptp(cosines, axis=0) > ORIENTATION_WITHIN).any())
    spaced = len({first.spacing for first in firsts}) > 1
    frames = sorted({first.frame_of_reference or "" for first in firsts})
    number = {uid: k for k, uid in enumerate(frames, 1)}
    found = []
    for first in firsts:
        parts = []
        if forms:
            parts.append("{} x {} x {} {}".format(*first.form))
        if turned:
            normal = orientation(first.cosines)[2] + 0.0
            parts.append("normal ({:.3f}, {:.3f}, {:.3f})".format(*normal))
        if spaced:
            parts.append("pixels of {:.4f} x {:.4f} mm".format(*first.spacing))
        if len(frames) > 1:
            parts.append(f"frame of reference {number[first.frame_of_reference or '']}")
        found.append(", ".join(parts) or "a series of their own")
    return found


def _stack(records: list[Record], tolerance_mm: float | None) -> Stack:
    normal = orientation(records[0].cosines)[2]
    return analyse_stack([r.position for r in records], normal, tolerance_mm=tolerance_mm)


def _drop_same_instance(records: list[Record]) -> tuple[list[Record], list[Correction]]:
    seen: set[tuple[object, ...]] = set()
    kept, dropped = [], []
    for record in records:
        name = (record.instance, record.frame, record.tile)
        if record.instance and name in seen:
            dropped.append(record.instance)
        else:
            seen.add(name)
            kept.append(record)
    return kept, _dropped(dropped)


def _dropped(instances: list[str]) -> list[Correction]:
    if not instances:
        return []
    text = f"{len(instances)} identical duplicates dropped"
    return [Correction(code="DUPLICATE", text=text, instances=tuple(instances))]


def _stacks(
    records: list[Record],
    split: Split,
    tolerance_mm: float | None,
    digest: Callable[[Record], bytes],
) -> list[tuple[Part, list[Correction]]]:
    """Return stacks in which no position repeats."""
    groups = _positions(records)
    if len(groups) == len(records):
        return [(Part(records=records, labels={}), [])]
    named = _told_apart(groups)
    dropped: list[Correction] = []
    if named is None:
        unique, dropped = _drop_same_pixels(groups, digest)
        groups = _positions(unique)
        if len(groups) == len(unique):
            return [(Part(records=unique, labels={}), dropped)]
        named = _told_apart(groups)
    if named is None:
        return _by_rank(groups, split, dropped)
    name, parts = named
    if split != "auto":
        raise GeometryError(
            f"{len(parts)} stacks lie at the same positions, told apart by {name}: "
            + ", ".join(f"{len(part.records)} slices" for part in parts[:6]),
            groups=_groups(parts),
            hint=f"Use split='auto' or split={name.split(' and ')!r} for a volume of each",
        )
    text = f"one of {len(parts)} stacks at the same positions, told apart by {name}"
    parts, left = _complete(parts, len(groups), name)
    notes = [*dropped, Correction(code="SPLIT", text=text), *left]
    return [(part, notes) for part in parts]


def _complete(parts: list[Part], positions: int, name: str) -> tuple[list[Part], list[Correction]]:
    """Leave stacks out that lack slices at the ends that all complete ones have.

    Holes inside are the business of `missing`; stacks at other positions (stations
    that overlap) are no parts of each other.
    """
    whole = [part for part in parts if len(part.records) == positions]
    short = [part for part in parts if len(part.records) < positions]
    if not whole or not short:
        return parts, []
    text = (
        f"{len(short)} of {len(parts)} stacks left out, with "
        + ", ".join(str(len(part.records)) for part in short[:6])
        + f" of {positions} slices: told apart by {name}, incomplete"
    )
    instances = tuple(record.instance for part in short for record in part.records)
    return whole, [Correction(code="LEFT_OUT", text=text, instances=instances)]


def _groups(parts: list[Part]) -> tuple[Group, ...]:
    return tuple(
        Group(
            count=len(part.records),
            text=", ".join(f"{name} {text}" for name, text in part.labels.items()),
            instances=tuple(dict.fromkeys(record.instance for record in part.records)),
        )
        for part in parts
    )


def _positions(records: list[Record]) -> list[list[Record]]:
    """Group by position along the normal."""
    along = np.array([record.position for record in records]) @ orientation(records[0].cosines)[2]
    groups: list[list[Record]] = []
    start = -np.inf
    for index in np.argsort(along, kind="stable").tolist():
        if along[index] - start < SAME_POSITION_MM:
            groups[-1].append(records[index])
        else:
            groups.append([records[index]])
            start = along[index]
    return groups


def _told_apart(groups: list[list[Record]]) -> tuple[str, list[Part]] | None:
    places = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return tell_apart([record for group in groups for record in group], places)


def _drop_same_pixels(
    groups: list[list[Record]], digest: Callable[[Record], bytes]
) -> tuple[list[Record], list[Correction]]:
    kept: list[Record] = []
    dropped: list[str] = []
    for group in groups:
        unique: dict[bytes, Record] = {}
        for record in group:
            known = unique.setdefault(digest(record) if len(group) > 1 else b"", record)
            if known is not record:
                dropped.append(record.instance)
        kept += unique.values()
    return kept, _dropped(dropped)


def _by_rank(
    groups: list[list[Record]], split: Split, notes: list[Correction]
) -> list[tuple[Part, list[Correction]]]:
    """Last resort: the rank of Instance Number at each position."""
    times = {len(group) for group in groups}
    if split != "auto" or len(times) > 1:
        double = [group for group in groups if len(group) > 1]
        raise GeometryError(
            f"{len(double)} of {len(groups)} positions have several unlike slices, and no "
            "attribute tells stacks apart",
            instances=tuple(record.instance for group in double for record in group),
            groups=tuple(
                Group(
                    count=len(group),
                    text="at ({:.2f}, {:.2f}, {:.2f}) mm".format(*group[0].position),
                    instances=tuple(record.instance for record in group),
                )
                for group in double
            ),
            hint="Give the objects of one stack only",
        )
    ranked = [sorted(group, key=_instance_number) for group in groups]
    text = f"one of {min(times)} stacks, told apart only by the rank of Instance Number"
    found = []
    for rank in range(min(times)):
        part = Part(
            records=[group[rank] for group in ranked], labels={"InstanceRank": str(rank + 1)}
        )
        found.append((part, [*notes, Correction(code="SPLIT", text=text)]))
    return found


def _instance_number(record: Record) -> tuple[int, int]:
    text = record.number.strip()
    number = int(text) if text.lstrip("+-").isdecimal() and len(text) < 13 else 0
    return number, record.frame or 0
