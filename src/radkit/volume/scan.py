"""Headers of a series: one record for each frame that has a place in the patient.

Single-frame objects have their geometry in the data set (PS3.3 C.7.6.2), enhanced
multi-frame objects in functional groups, of the frame or shared (C.7.6.16). Only
headers are read here, never pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import CorruptFile, GeometryError
from radkit.geometry import orientation

if TYPE_CHECKING:
    from radkit.dicom.elements import Elements
    from radkit.dicom.objects import DicomObject

__all__ = ["SPLIT_TAGS", "LeftOut", "Record", "scan"]

SERIES, INSTANCE, FRAME_OF_REFERENCE = 0x0020000E, 0x00080018, 0x00200052
IMAGE_TYPE, MODALITY = 0x00080008, 0x00080060
POSITION, ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
ROWS, COLUMNS, SAMPLES, FRAMES = 0x00280010, 0x00280011, 0x00280002, 0x00280008
ALLOCATED, STORED, SIGNED = 0x00280100, 0x00280101, 0x00280103
PADDING, SLOPE, INTERCEPT, RESCALE_TYPE = 0x00280120, 0x00281053, 0x00281052, 0x00281054
MODALITY_LUT, UNITS = 0x00283000, 0x00541001
THICKNESS, BETWEEN = 0x00180050, 0x00180088
SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
PLANE_POSITION, PLANE_ORIENTATION = 0x00209113, 0x00209116
PIXEL_MEASURES, VALUE_TRANSFORM = 0x00289110, 0x00289145
FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00008, 0x7FE00009

# What may tell stacks at the same positions apart, in the order of trials. A tuple
# of attributes counts as one.
SPLIT_TAGS: dict[str, tuple[int, ...]] = {
    "StackID": (0x00209056,),
    "TemporalPositionIdentifier": (0x00200100,),
    "TemporalPositionIndex": (0x00209128,),
    "TriggerTime": (0x00181060,),
    "NominalPercentageOfCardiacPhase": (0x00209241,),
    "FrameReferenceTime": (0x00541300,),
    "EchoNumbers": (0x00180086,),
    "EchoTime": (0x00180081,),
    "EffectiveEchoTime": (0x00189082,),
    "ImageType": (IMAGE_TYPE,),
    "FrameType": (0x00089007,),
    "DiffusionBValue": (0x00189087,),
    "DiffusionGradientOrientation": (0x00189087, 0x00189089),
    "AcquisitionNumber": (0x00200012,),
    "ConvolutionKernel": (0x00181210,),
    "AcquisitionTime": (0x00080032,),
    "ContentTime": (0x00080033,),
}
_SPLIT_SINGLE = sorted({tag for tags in SPLIT_TAGS.values() for tag in tags})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """A frame that can be a slice."""

    source: Any
    frame: int | None  # None: the only frame of its object
    instance: str
    series: str
    frame_of_reference: str | None
    form: tuple[int, int, int, str]  # rows, columns, samples, dtype: equal within a volume
    position: NDArray[np.float64]
    cosines: NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float | None
    between: float | None
    slope: float
    intercept: float
    units: str
    padding: int | None
    number: str
    keys: dict[int, str] = field(default_factory=dict)

    def key(self, tags: Sequence[int]) -> tuple[str, ...]:
        """Return the texts of some attributes; empty for those that are absent."""
        return tuple(self.keys.get(tag, "") for tag in tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An object that is no slice, and why."""

    instance: str
    why: str


def scan(source: Any, *, searched: bool, wanted: Any = None) -> list[Record | LeftOut]:
    """Read the header of an object and return its slices, or why it has none.

    Parameters
    ----------
    source : source
        One object.
    searched : bool
        Found in a folder: a file that is no DICOM is left out, not an error.
    wanted : int, slice or sequence of int, optional
        Frames of multi-frame objects.
    """
    from radkit.dicom.objects import open_object

    try:
        with open_object(source) as obj:
            return list(_records(source, obj, wanted))
    except CorruptFile:
        if searched and not _claims_dicom(source):
            return [LeftOut(instance="", why="not a DICOM file")]
        raise


def _claims_dicom(path: Any) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return True


def _records(source: Any, obj: DicomObject, wanted: Any) -> Iterator[Record | LeftOut]:
    elements = obj.elements
    instance = elements.text(INSTANCE) or ""
    if obj.pixels is None:
        yield LeftOut(instance=instance, why="no pixel data")
        return
    kinds = [kind.upper() for kind in elements.texts(IMAGE_TYPE)]
    if "LOCALIZER" in kinds:
        yield LeftOut(instance=instance, why="a localizer")
        return
    if "MOSAIC" in kinds:
        raise GeometryError(
            "a mosaic holds a whole volume in one image; its slices cannot be placed "
            "without the vendor's private header",
            instances=(instance,),
        )
    frame_groups = elements.items(FRAME_GROUPS)
    shared_groups = elements.items(SHARED_GROUPS)
    count = _first_int(elements, FRAMES) or 1
    if count == 1 and not frame_groups:
        yield _record(source, obj, [elements], None, instance)
        return
    if len(frame_groups) != count:
        why = "frames without a position of their own"
        yield LeftOut(instance=instance, why=why)
        return
    from radkit.pixels.selection import choose_frames

    numbers, _ = choose_frames(wanted, count)
    for number in numbers:
        places = [frame_groups[number], *shared_groups[:1]]
        yield _record(source, obj, places, number if count > 1 else None, instance)


class _Places:
    """Look an attribute up in the groups of the frame, then the shared ones, then the root."""

    def __init__(self, places: Sequence[Elements], root: Elements) -> None:
        self._groups = list(places)
        self._root = root

    def inside(self, sequence: int) -> Elements:
        for group in self._groups:
            if items := group.items(sequence):
                return items[0]
        return self._root

    def every(self) -> Iterator[Elements]:
        """Yield the root, then the items of all groups, the frame's own last."""
        yield self._root
        for group in reversed(self._groups):
            if group is self._root:
                continue
            for element in group:
                if element.vr in ("SQ", "", "UN"):
                    yield from group.items(element.tag)[:1]


def _record(
    source: Any, obj: DicomObject, groups: Sequence[Elements], frame: int | None, instance: str
) -> Record | LeftOut:
    root = obj.elements
    places = _Places(groups, root)
    position = places.inside(PLANE_POSITION).floats(POSITION)
    cosines = places.inside(PLANE_ORIENTATION).floats(ORIENTATION)
    measures = places.inside(PIXEL_MEASURES)
    spacing = measures.floats(PIXEL_SPACING)
    if not position or not cosines or not spacing:
        return LeftOut(instance=instance, why="no position, orientation or pixel spacing")
    if len(position) != 3 or not all(map(math.isfinite, position)):
        raise _broken("Image Position (Patient) is not three finite numbers", instance)
    if len(spacing) != 2 or not all(math.isfinite(side) and side > 0 for side in spacing):
        raise _broken("Pixel Spacing is not two positive numbers", instance)
    try:
        orientation(cosines)
    except GeometryError as error:
        raise GeometryError(error.message, section=error.section, instances=(instance,)) from None
    transform = places.inside(VALUE_TRANSFORM)
    slope, intercept = _first(transform, SLOPE), _first(transform, INTERCEPT)
    form = _form(obj, instance)
    return Record(
        source=source,
        frame=frame,
        instance=instance,
        series=root.text(SERIES) or "",
        frame_of_reference=root.text(FRAME_OF_REFERENCE),
        form=form,
        position=np.array(position),
        cosines=np.array(cosines),
        spacing=(float(spacing[0]), float(spacing[1])),
        thickness=_first(measures, THICKNESS),
        between=_first(measures, BETWEEN),
        slope=1.0 if slope is None or slope == 0 else slope,
        intercept=0.0 if intercept is None else intercept,
        units=_units(root, transform),
        padding=_padding(root, form[3]),
        number=root.text(0x00200013) or "",
        keys=_keys(places),
    )


def _broken(text: str, instance: str) -> GeometryError:
    return GeometryError(text, instances=(instance,), section="PS3.3 C.7.6.2.1.1")


def _keys(places: _Places) -> dict[int, str]:
    found: dict[int, str] = {}
    for elements in places.every():
        for tag in _SPLIT_SINGLE:
            if tag in elements:
                found[tag] = "\\".join(_any_texts(elements, tag))
        if diffusion := elements.items(0x00189076):  # Diffusion Gradient Direction Sequence
            found[0x00189089] = "\\".join(_any_texts(diffusion[0], 0x00189089))
    return found


def _any_texts(elements: Elements, tag: int) -> tuple[str, ...]:
    """Return the value as texts, whatever its VR; binary floats by their bytes."""
    element = elements.get(tag)
    if element is not None and element.vr in ("FD", "FL"):
        return tuple(f"{value:g}" for value in elements.floats(tag))
    if element is not None and element.vr in ("US", "SS", "UL", "SL"):
        return tuple(str(value) for value in elements.ints(tag))
    raw = elements.raw(tag)
    return (bytes(raw).hex(),) if raw is not None else ()


def _form(obj: DicomObject, instance: str) -> tuple[int, int, int, str]:
    elements = obj.elements
    rows, cols = _first_int(elements, ROWS), _first_int(elements, COLUMNS)
    bits = _first_int(elements, ALLOCATED) or 0
    if not rows or not cols:
        raise _broken("Rows or Columns is absent or 0", instance)
    assert obj.pixels is not None
    if obj.pixels.tag == FLOAT_PIXELS:
        kind = "float32"
    elif obj.pixels.tag == DOUBLE_PIXELS:
        kind = "float64"
    else:
        sign = "" if _first_int(elements, SIGNED) == 1 else "u"
        kind = f"{sign}int{8 if bits <= 8 else 16 if bits <= 16 else 32}"
    return rows, cols, _first_int(elements, SAMPLES) or 1, kind


def _first(elements: Elements, tag: int) -> float | None:
    values = elements.floats(tag)
    return float(values[0]) if values and math.isfinite(values[0]) else None


def _first_int(elements: Elements, tag: int) -> int | None:
    values = elements.ints(tag)
    return int(values[0]) if values else None


def _padding(root: Elements, kind: str) -> int | None:
    """Pixel Padding Value in the sign of the pixels, whatever VR it was written with."""
    raw = root.raw(PADDING)
    if raw is None or kind.startswith("float"):
        return None
    values = root.ints(PADDING)
    if not values:
        return None
    info = np.iinfo(kind)
    value = int(values[0])
    if value > info.max and value - (1 << 16) >= info.min:
        value -= 1 << 16
    elif value < 0 and info.min == 0:
        value += 1 << 16
    return value if info.min <= value <= info.max else None


PET_UNITS = {
    "BQML": "Bq/ml",
    "CNTS": "{counts}",
    "CPS": "{counts}/s",
    "GML": "g/ml",
    "CM2ML": "cm2/ml",
    "PCNT": "%",
    "NONE": "1",
}


def _units(root: Elements, transform: Elements) -> str:
    if (pet := root.text(UNITS)) is not None:
        return PET_UNITS.get(pet.strip().upper(), "")
    kind = (transform.text(RESCALE_TYPE) or "").strip().upper()
    if kind == "HU" or (not kind and root.text(MODALITY) == "CT" and SLOPE in transform):
        return "[hnsf'U]"
    return ""
