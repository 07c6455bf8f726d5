"""Headers of plain single-frame objects, one read and one native call each.

The first object of a kind is read in full (`scan`). Another file whose head has
the same bytes in all elements that make the kind differs from it only by place,
number, rescale and what may split a series, and these are taken from the head.
Everything else is read in full as well, so that no rule stands here twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from radkit._native import _pick
from radkit.volume.records import SPLIT_SINGLE, LeftOut, Record, text_of
from radkit.volume.scan import INSTANCE, NUMBER, POSITION, check_position, scan

__all__ = ["Heads"]

SYNTAX, SLOPE, INTERCEPT = 0x00020010, 0x00281053, 0x00281052
PIXEL_DATA, EXTENDED_OFFSETS = 0x7FE00010, 0x7FE00001
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

# Elements that decide what becomes of an object, beside those that each slice has its own of.
_KIND = (
    SYNTAX,
    0x00080008,  # Image Type
    0x00080060,  # Modality
    0x00180050,  # Slice Thickness
    0x00180088,  # Spacing Between Slices
    0x00189076,  # MR Diffusion Gradient Direction Sequence
    0x0020000E,  # Series Instance UID
    0x00200037,  # Image Orientation (Patient)
    0x00200052,  # Frame of Reference UID
    0x00209222,  # Dimension Index Sequence
    0x00280002,  # group 0028: what ImagePixel reads
    0x00280004,
    0x00280006,
    0x00280008,
    0x00280010,
    0x00280011,
    0x00280030,
    0x00280100,
    0x00280101,
    0x00280102,
    0x00280103,
    0x00280120,  # Pixel Padding Value
    0x00281054,  # Rescale Type
    0x00283000,  # Modality LUT Sequence
    0x00289110,  # macros that stand at the top level
    0x00289145,
    0x00209113,
    0x00209116,
    0x00540022,  # Detector Information Sequence
    0x00541001,  # Units
    0x3004000C,  # Grid Frame Offset Vector
    0x3004000E,  # Dose Grid Scaling
    0x30040002,  # Dose Units
    0x52009229,  # functional groups
    0x52009230,
    EXTENDED_OFFSETS,
)
_OWN = (INSTANCE, NUMBER, POSITION, SLOPE, INTERCEPT)
_SPLIT = tuple(tag for tag in SPLIT_SINGLE if tag not in _KIND)
_TAGS = sorted({*_KIND, *_OWN, *_SPLIT})
_NATIVE_TAGS = np.array(_TAGS, np.uint32)
_WIDTHS = np.full(len(_TAGS), -1, np.int32)
_NO_NUMBERS = np.empty(0)
_KIND_AT = tuple(_TAGS.index(tag) for tag in _KIND)
_INSTANCE, _NUMBER, _POSITION, _SLOPE, _INTERCEPT = (_TAGS.index(tag) for tag in _OWN)
_SYNTAX, _OFFSETS = _TAGS.index(SYNTAX), _TAGS.index(EXTENDED_OFFSETS)
_SPLIT_AT = {tag: _TAGS.index(tag) for tag in SPLIT_SINGLE}

_HEADS = (1 << 14, 1 << 18)  # bytes read; the larger one where a maker's header is in the way
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_UNKNOWN_SIZE = (1 << 64) - 1

_Values = list[bytes | None]


class Heads:
    """Reads the headers of one call."""

    def __init__(self, *, searched: bool, wanted: Any) -> None:
        self._searched = searched
        self._wanted = wanted
        self._kinds: dict[tuple[Any, ...], Record | None] = {}
        self._numbers: dict[bytes | None, float | None] = {}

    def read(self, source: Any) -> list[Record | LeftOut]:
        """Return the slices of an object, or why it has none; as `scan`."""
        values: _Values = []
        pixels = _picked(source, values)
        if pixels is None:
            return self._scan(source)
        tag, offset, length = pixels
        kind = (tag, length, *[values[i] for i in _KIND_AT], values[_SLOPE] is None,
                values[_INTERCEPT] is None)  # fmt: skip
        like = self._kinds.get(kind)
        made = self._like(like, source, values, offset) if like is not None else None
        if made is not None:
            return [made]
        found = self._scan(source)
        if kind not in self._kinds:
            first = found[0]
            alone = len(found) == 1 and isinstance(first, Record) and first.frame is None
            self._kinds[kind] = None
            if alone and isinstance(first, Record):
                first = _placed(first, source, values, pixels)
                self._kinds[kind] = first
                return [first]
        return found

    def _scan(self, source: Any) -> list[Record | LeftOut]:
        return scan(source, searched=self._searched, wanted=self._wanted)

    def _like(self, like: Record, source: Any, values: _Values, offset: int) -> Record | None:
        """Return the record of an object of a known kind; None where it must be read in full."""
        position = _decimals(values[_POSITION])
        instance, number = _word(values[_INSTANCE]), _word(values[_NUMBER])
        slope, intercept = self._number(values[_SLOPE]), self._number(values[_INTERCEPT])
        if not position or instance is None or number is None:
            return None
        if slope is None or intercept is None or like.modality.lut is not None:
            return None
        check_position(position, instance)
        modality = like.modality
        if values[_SLOPE] is not None and slope != modality.slope:
            modality = replace(modality, slope=slope)
        if values[_INTERCEPT] is not None and intercept != modality.intercept:
            modality = replace(modality, intercept=intercept)
        place = (os.fsencode(source), offset)
        return replace(
            like,
            source=source,
            native=like.native and place,
            coded=like.coded and place,
            instance=instance,
            position=np.array(position),
            modality=modality,
            number=number,
            keys=_Keys(values),
        )

    def _number(self, value: bytes | None) -> float | None:
        """Return one decimal number, 0 for an absent element; None: not as simple as that."""
        if value not in self._numbers:
            parts = (0.0,) if value is None else _decimals(value)
            self._numbers[value] = parts[0] if parts else None
        return self._numbers[value]


def _placed(record: Record, source: Any, values: _Values, pixels: tuple[int, int, int]) -> Record:
    """Say where the pixels of a grey object are, if they can be read without its elements."""
    from radkit.dicom.uids import syntax

    tag, offset, length = pixels
    image, uid = record.image, _word(values[_SYNTAX]) or ""
    if tag != PIXEL_DATA or image.samples != 1 or image.kind != "int":
        return record
    place = (os.fsencode(source), offset)
    if uid == EXPLICIT_LITTLE and image.bits_allocated in (8, 16, 32, 64):
        return replace(record, native=place) if length >= image.frame_bytes else record
    known = syntax(uid)
    plain = known.decode and known.encapsulated and known.coding != "uncompressed-frame"
    return replace(record, coded=place) if plain and length < 0 and not values[_OFFSETS] else record


def _picked(source: Any, values: _Values) -> tuple[int, int, int] | None:
    """Read the values of a plain file and return tag, offset and length of its pixel data."""
    if not isinstance(source, (str, os.PathLike)):
        return None
    try:
        fd = os.open(source, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        for size in _HEADS:
            head = os.pread(fd, size, 0)
            values.clear()
            whole = len(head) if len(head) < size else _UNKNOWN_SIZE
            found = _pick.pick_image(head, whole, _NATIVE_TAGS, _WIDTHS, _NO_NUMBERS, values)
            if found is None or isinstance(found, tuple):
                return found
            if len(head) < size:
                return None
    except OSError:
        return None
    finally:
        os.close(fd)
    return None


def _decimals(value: bytes | None) -> tuple[float, ...]:
    """Return the numbers of a DS or IS; empty where the general way has to look."""
    if value is None or value[:2] not in (b"DS", b"IS"):
        return ()
    return _pick.decimals(value[2:]) or ()


def _word(value: bytes | None) -> str | None:
    """Return the first text of a value, "" if it is absent; None if it is no plain ASCII."""
    if value is None:
        return ""
    if not value.isascii():
        return None
    return value[2:].decode("ascii").split("\\", 1)[0].strip(" \0\r\n\t")


class _Keys(Mapping[int, str]):
    """Texts of the attributes that may split, made when asked: most series need none."""

    __slots__ = ("_values",)

    def __init__(self, values: _Values) -> None:
        self._values = values

    def __getitem__(self, tag: int) -> str:
        value = self._values[_SPLIT_AT[tag]]
        if value is None:
            raise KeyError(tag)
        return text_of(value[:2].decode("latin-1"), value[2:])

    def __iter__(self) -> Any:
        return (tag for tag, at in _SPLIT_AT.items() if self._values[at] is not None)

    def __len__(self) -> int:
        return sum(self._values[at] is not None for at in _SPLIT_AT.values())
