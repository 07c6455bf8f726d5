"""Siemens mosaics: the slices of a volume as tiles of one image.

The image is a square of tiles, row by row, the last ones empty. How many there
are and in which direction they step stand in private elements of the maker: in
(0019,xx0A) of "SIEMENS MR HEADER" and in the CSA header, (0029,xx10) of "SIEMENS
CSA HEADER", a list of named values. Image Position (Patient) is that of the
corner of the mosaic as if it were one large slice about the same centre.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radkit.dicom.elements import Elements
from radkit.errors import GeometryError

__all__ = ["Mosaic", "csa_values", "read_mosaic"]

MR_HEADER, MR_IMAGES = "SIEMENS MR HEADER", 0x0A
CSA_HEADER, CSA_IMAGE = "SIEMENS CSA HEADER", 0x10
PARALLEL_WITHIN = 1e-3

_MOST_TAGS, _MOST_ITEMS = 1024, 4096
_TAG = struct.Struct("<64si4siii")
_ITEM = struct.Struct("<4i")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mosaic:
    """The tiles of one image.

    Parameters
    ----------
    count : int
        Tiles that hold a slice.
    side : int
        Tiles beside each other, and below each other.
    rows, cols : int
        Of a tile.
    sense : int
        1 if slices step along the normal of the image, -1 if against it.
    """

    count: int
    side: int
    rows: int
    cols: int
    sense: int

    def box(self, k: int) -> tuple[int, int, int, int]:
        """Return row0, row1, col0, col1 of slice k."""
        row, col = divmod(k, self.side)
        return (
            row * self.rows,
            (row + 1) * self.rows,
            col * self.cols,
            (col + 1) * self.cols,
        )

    def shift(self, spacing: tuple[float, float]) -> tuple[float, float]:
        """Return mm along a row and down a column from the stated corner to that of a tile."""
        parts = (self.side - 1) / 2
        return parts * self.cols * spacing[1], parts * self.rows * spacing[0]


def read_mosaic(
    elements: Elements, rows: int, cols: int, normal: NDArray[np.float64], instance: str
) -> Mosaic:
    """Read how an image is made of tiles.

    Parameters
    ----------
    elements : Elements
        The data set.
    rows, cols : int
        Of the whole image.
    normal : ndarray
        Of the image, unit length.
    instance : str
        SOP Instance UID, for errors.

    Raises
    ------
    GeometryError
        The maker's header is absent or does not fit the image.
    """
    csa = _csa_header(elements)
    count = _count(elements, csa)
    what = f"an image of {rows} x {cols} pixels is a mosaic"
    if count is None:
        raise _refused(f"{what}, but the number of its slices is not in it", instance)
    side = math.isqrt(count - 1) + 1 if count > 0 else 0
    if side == 0 or rows % side or cols % side:
        raise _refused(
            f"{what}, but {count} slices ({side} x {side} tiles) do not divide it", instance
        )
    direction = csa.get("SliceNormalVector", ())
    if len(direction) != 3:
        raise _refused(
            f"{what} of {count} slices, but the CSA header that tells their direction "
            "(SliceNormalVector) is not in it",
            instance,
        )
    along = float(np.array(direction) @ normal)
    if not abs(abs(along) - 1) <= PARALLEL_WITHIN:
        raise _refused(
            f"{what}, but its CSA header has slices step at {along:.4f} of its own normal", instance
        )
    return Mosaic(
        count=count,
        side=side,
        rows=rows // side,
        cols=cols // side,
        sense=1 if along > 0 else -1,
    )


def _refused(text: str, instance: str) -> GeometryError:
    return GeometryError(
        text,
        instances=(instance,),
        hint="Load objects that still have the private elements of the scanner",
    )


def _private(elements: Elements, group: int, creator: str, number: int) -> int | None:
    """Return the tag of a private element, found by its creator (PS3.5 7.8.1)."""
    for block in range(0x10, 0x100):
        tag = group << 16 | block
        if tag in elements and elements.text(tag) == creator:
            return group << 16 | block << 8 | number
    return None


def _count(elements: Elements, csa: dict[str, tuple[float, ...]]) -> int | None:
    tag = _private(elements, 0x0019, MR_HEADER, MR_IMAGES)
    raw = elements.raw(tag) if tag is not None else None
    if raw is not None and raw.nbytes == 2:  # US, whatever VR it was written with
        return int.from_bytes(raw, "big" if elements.big_endian else "little")
    stated = csa.get("NumberOfImagesInMosaic", ())
    return int(stated[0]) if stated and 0 < stated[0] < 1 << 16 else None


def _csa_header(elements: Elements) -> dict[str, tuple[float, ...]]:
    tag = _private(elements, 0x0029, CSA_HEADER, CSA_IMAGE)
    raw = elements.raw(tag) if tag is not None else None
    return csa_values(bytes(raw)) if raw is not None else {}


def csa_values(data: bytes) -> dict[str, tuple[float, ...]]:
    """Return the named values of a CSA header that are finite numbers, by name.

    Both forms: CSA2 begins with "SV10", CSA1 with the number of its tags. What
    is not of this form is nothing: no value is then found.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, values in _csa_tags(data):
        numbers = tuple(number for value in values if (number := _number(value)) is not None)
        if numbers:
            found[name] = numbers
    return found


def _number(text: bytes) -> float | None:
    try:
        value = float(text[:32])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _csa_tags(data: bytes) -> Iterator[tuple[str, list[bytes]]]:
    second = data[:4] == b"SV10"
    pos = 8 if second else 0
    if len(data) < pos + 8:
        return
    count = int.from_bytes(data[pos : pos + 4], "little")
    pos += 8
    first_items = None
    for _ in range(min(count, _MOST_TAGS)):
        if pos + _TAG.size > len(data):
            return
        name, _, _, _, items, _ = _TAG.unpack_from(data, pos)
        pos += _TAG.size
        if not 0 <= items <= _MOST_ITEMS:
            return
        first_items = items if first_items is None else first_items
        values = []
        for _ in range(items):
            if pos + _ITEM.size > len(data):
                return
            lengths = _ITEM.unpack_from(data, pos)
            pos += _ITEM.size
            # CSA1 counts the items of the first tag to the length.
            size = lengths[1] if second else lengths[0] - first_items
            if not 0 <= size <= len(data) - pos:
                return
            if size:
                values.append(data[pos : pos + size].split(b"\0", 1)[0].strip())
            pos += (size + 3) // 4 * 4
        yield name.split(b"\0", 1)[0].decode("latin-1"), values
