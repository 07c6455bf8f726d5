"""The shape of a pixel: how high it is for its width (PS3.3 10.7.1.3, C.7.6.3.1.7)."""

from __future__ import annotations

import math

from radkit.dicom.elements import Elements
from radkit.dicom.functional import PIXEL_MEASURES
from radkit.pixels.places import Groups, places

__all__ = ["pixel_aspect"]

SPACINGS = (0x00280030, 0x00181164, 0x00182010)  # Pixel, Imager Pixel, Nominal Scanned Pixel
ASPECT_RATIO = 0x00280034


def pixel_aspect(groups: Groups, frame: int) -> float:
    """Return height / width of a pixel in millimetres; 1.0 where nothing sensible is said."""
    for place in places(groups, frame, PIXEL_MEASURES):
        for tag in SPACINGS:
            ratio = _ratio(place, tag)
            if ratio is not None:
                return ratio
    return _ratio(groups.top, ASPECT_RATIO) or 1.0


def _ratio(place: Elements, tag: int) -> float | None:
    """Return first / second value, vertical before horizontal, if it is a plausible ratio."""
    pair = place.floats(tag) if place.get(tag) is not None else ()
    if len(pair) < 2 or not all(math.isfinite(side) and side > 0 for side in pair[:2]):
        return None
    ratio = pair[0] / pair[1]
    return ratio if 1 / 64 <= ratio <= 64 else None
