"""What becomes of a sorted stack: checked, refused or corrected, before any pixel is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from radkit.errors import GeometryError
from radkit.geometry import Stack
from radkit.geometry.stack import ON_LINE_MM
from radkit.volume.records import LeftOut, Record
from radkit.volume.regular import slice_places
from radkit.volume.scan import LARGEST_MM
from radkit.volume.sort import Sorted
from radkit.volume.volume import Correction

__all__ = ["Plan", "make_plan", "one_step", "single_step"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """All that is known before the first pixel is read."""

    records: list[Record]
    stack: Stack
    even: bool
    fill: tuple[tuple[int, int], ...]  # (after slice, how many)
    corrections: list[Correction]
    labels: dict[str, str]


def make_plan(
    found: Sorted, left: list[LeftOut], uneven: str, missing: str, *, strict: bool
) -> Plan:
    """Decide about gaps, tilt, slopes and what was left out; refuse what may not be."""
    stack, records = found.stack, found.records
    notes = [*_left_out(left), *found.corrections]
    _check_line(stack, records)
    fill: tuple[tuple[int, int], ...] = ()
    even = stack.even
    if not even and stack.holes and missing != "keep":
        if missing == "error":
            raise _hole(stack, records)
        fill = stack.holes
        number = sum(n for _, n in fill)
        text = f"{number} slices filled into {len(fill)} gaps of more than {stack.usual:.4g} mm"
        notes.append(Correction(code="MISSING", text=text))
        even = _even_once_filled(stack, fill)
    if not even:
        notes.append(_uneven(stack, records, uneven))
    elif stack.jitter > 1e-3 and not fill:
        text = (
            f"distances differ from {stack.usual:.4g} mm by up to {stack.jitter:.4g} mm: averaged"
        )
        notes.append(Correction(code="JITTER", text=text))
    if len(records) == 1:
        mm, told = single_step(records[0])
        notes.append(
            Correction(code="SINGLE_SLICE", text=f"one slice: {mm:.4g} mm, {told}, is its step")
        )
    elif np.linalg.norm(stack.shear) > 1e-3 * np.linalg.norm(stack.step):
        text = (
            f"slices are tilted by {stack.tilt_degrees:.3f} degrees against their stacking "
            "direction: kept as shear in the affine"
        )
        notes.append(Correction(code="TILT", text=text))
    if not one_step(records):
        notes.append(Correction(code="SLOPES", text=_slopes(records)))
    if strict and (refused := [note for note in notes if note.code not in ("UNEVEN", "SPLIT")]):
        raise GeometryError(
            "strict=True refuses: " + "; ".join(note.text for note in refused),
            instances=tuple(uid for note in refused for uid in note.instances),
            hint="Load with strict=False to have it put right and listed",
        )
    return Plan(
        records=records,
        stack=stack,
        even=even,
        fill=fill,
        corrections=notes,
        labels=found.labels,
    )


def one_step(records: list[Record]) -> bool:
    """Whether one slope and intercept lead from stored to real values in all slices."""
    return all(record.modality.same(records[0].modality) for record in records)


def single_step(record: Record) -> tuple[float, str]:
    """Return mm from a single slice to the next that is not there, and where it is stated."""
    for mm, told in (
        (record.between, "its Spacing Between Slices"),
        (record.thickness, "its Slice Thickness"),
    ):
        if mm is not None and 0 < mm < LARGEST_MM:
            return mm, told
    return 1.0, "as nothing is stated"


def _slopes(records: list[Record]) -> str:
    if any(record.modality.lut is not None for record in records):
        return "values come from a table: the array holds them, float32"
    told = []
    for name in ("slope", "intercept"):
        numbers = [getattr(record.modality, name) for record in records]
        if min(numbers) < max(numbers):
            told.append(f"{name} from {min(numbers):.6g} to {max(numbers):.6g}")
    # Equal numbers in unlike units do not mean the same either.
    what = " and ".join(told) or "units"
    return f"slices differ in their rescale ({what}): the array holds values, float32"


def _left_out(left: list[LeftOut]) -> Iterator[Correction]:
    whys = Counter(one.why for one in left)
    for why, number in whys.most_common():
        yield Correction(
            code="LEFT_OUT",
            text=f"{number} left out: {why}",
            instances=tuple(one.instance for one in left if one.why == why and one.instance),
        )


def _check_line(stack: Stack, records: list[Record]) -> None:
    allowed = max(ON_LINE_MM, 0.1 * min(records[0].spacing))
    if stack.off_line > allowed:
        raise GeometryError(
            f"slices do not lie on one line: one is {stack.off_line:.3f} mm aside, "
            f"{allowed:.3f} mm are allowed",
            instances=tuple(record.instance for record in records),
            hint="The table or the field of view was moved: load the parts one by one",
        )


def _hole(stack: Stack, records: list[Record]) -> GeometryError:
    k, number = stack.holes[0]
    more = f"; {len(stack.holes) - 1} more such gaps" if len(stack.holes) > 1 else ""
    return GeometryError(
        f"{number} slice{'s are' if number > 1 else ' is'} missing between slice {k} "
        f"(at {stack.distances[k]:.2f} mm along the normal) and slice {k + 1} "
        f"(at {stack.distances[k + 1]:.2f} mm): {stack.gaps[k]:.3f} mm apart, "
        f"{stack.usual:.3f} mm is usual{more}",
        instances=(records[k].instance, records[k + 1].instance),
        hint="Use missing='fill' to put padding there, or 'keep' to treat it as uneven",
    )


def _even_once_filled(stack: Stack, fill: tuple[tuple[int, int], ...]) -> bool:
    """Whether all slices lie on one even grid that has places for those in the gaps."""
    places = np.array(slice_places(len(stack.distances), fill), dtype=np.float64)
    along = stack.distances - stack.distances[0]
    grid = np.abs(along - places * (along[-1] / places[-1])).max()
    steps = stack.gaps / np.diff(places)
    tolerance = stack.tolerance
    return bool(
        np.abs(steps - stack.usual).max() <= tolerance and grid <= max(ON_LINE_MM, tolerance)
    )


def _uneven(stack: Stack, records: list[Record], uneven: str) -> Correction:
    k = int(np.argmax(np.abs(stack.gaps - stack.usual)))
    text = (
        f"distances of slices are uneven: {stack.gaps.min():.3f} to {stack.gaps.max():.3f} mm, "
        f"usually {stack.usual:.3f} mm; worst between slices {k} and {k + 1}"
    )
    pair = (records[k].instance, records[k + 1].instance)
    if uneven == "error":
        raise GeometryError(
            text, instances=pair, hint="Use uneven='keep' to keep true positions, or 'resample'"
        )
    done = "resampled linearly to a regular grid" if uneven == "resample" else "kept as they are"
    return Correction(code="UNEVEN", text=f"{text}; {done}", instances=pair)
