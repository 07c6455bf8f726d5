"""The plane in which a frame of a DICOM object lies (PS3.3 C.7.6.2, C.7.6.16.2.3 and .4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit.dicom.functional import (
    PIXEL_MEASURES,
    PLANE_ORIENTATION,
    PLANE_POSITION,
    FunctionalGroups,
)
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import open_object
from radkit.errors import GeometryError, OptionError
from radkit.geometry.affine import orientation

__all__ = ["image_plane"]

Floats = NDArray[np.float64]
POSITION, ORIENTATION, SPACING = 0x00200032, 0x00200037, 0x00280030


def image_plane(source: Any, frame: int) -> tuple[Floats, Floats, Floats]:
    """Return the centre of a frame and its directions along rows and columns, LPS.

    Raises
    ------
    GeometryError
        The frame has no position or orientation in the patient.
    OptionError
        There is no such frame.
    CorruptFile
        The object cannot be read.
    """
    with open_object(source, strict=False) as obj:
        image = ImagePixel.from_object(obj)
        if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < image.frames:
            raise OptionError(f"frame must be from 0 to {image.frames - 1}, not {frame!r}")
        groups = FunctionalGroups(obj, image.frames)
        cosines = _numbers(groups, frame, PLANE_ORIENTATION, ORIENTATION, 6)
        position = _numbers(groups, frame, PLANE_POSITION, POSITION, 3)
        if cosines is None or position is None:
            raise GeometryError(
                "the image has no position and orientation in the patient",
                section="PS3.3 C.7.6.2",
            )
        spacing = _numbers(groups, frame, PIXEL_MEASURES, SPACING, 2)
        if image.frames > 1 and not groups.present:
            raise GeometryError(
                "the frames have no place of their own: the object has no functional groups",
                section="PS3.3 C.7.6.16",
            )
        x, y, _ = orientation(cosines)
        if spacing is None:  # without millimetres the plane is known, its middle is not
            return position, x, y
        down, right = spacing
        middle = position + y * down * (image.rows - 1) / 2 + x * right * (image.cols - 1) / 2
        return middle, x, y


def _numbers(
    groups: FunctionalGroups, frame: int, macro: int, tag: int, count: int
) -> Floats | None:
    found = groups.find(frame, macro, tag)
    values = found.floats(tag) if found is not None else ()
    if len(values) < count or not np.isfinite(values[:count]).all():
        return None
    return np.array(values[:count], dtype=np.float64)
