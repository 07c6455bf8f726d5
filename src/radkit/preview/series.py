"""The objects of a series in the order of their positions."""

from __future__ import annotations

from typing import Any

from radkit.errors import GeometryError, OptionError
from radkit.geometry import orientation

__all__ = ["frames_in_order", "in_order"]


def frames_in_order(series: Any) -> list[tuple[Any, int]]:
    """Return (object, frame) of every frame of a series, by their places."""
    from radkit.pixels.frames import Frames

    found: list[tuple[Any, int]] = []
    for source in in_order(series):
        with Frames(source) as opened:
            found += [(source, number) for number in range(opened.image.frames)]
    return found


def in_order(series: Any) -> list[Any]:
    """Return the objects by their positions along the normal."""
    from radkit.volume.sources import expand

    sources, searched = expand(series)
    placed = [one for one in (_place(source, searched) for source in sources) if one is not None]
    if not placed:
        raise OptionError("series has no object with pixels")
    if all(place is not None for place, _ in placed):
        placed.sort(key=lambda pair: pair[0] or 0.0)
    return [source for _, source in placed]


def _place(source: Any, searched: bool) -> tuple[float | None, Any] | None:
    """Return the place of an object along its normal and the object; None if it is no image."""
    from radkit.volume.records import LeftOut
    from radkit.volume.scan import scan

    try:
        records = scan(source, searched=searched)
    except GeometryError:
        return None, source
    slices = [record for record in records if not isinstance(record, LeftOut)]
    if not slices:
        return None if searched else (None, source)
    if len(slices) > 1:
        return None, source
    normal = orientation(slices[0].cosines)[2]
    return float(normal @ slices[0].position), source
