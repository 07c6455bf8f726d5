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
    from radkit.dicom.imagepixel import ImagePixel
    from radkit.dicom.objects import DicomObject
    from radkit.pixels.modality import Modality

__all__ = ["SPLIT_TAGS", "LeftOut", "Record", "scan"]

SERIES, INSTANCE, FRAME_OF_REFERENCE = 0x0020000E, 0x00080018, 0x00200052
IMAGE_TYPE, NUMBER = 0x00080008, 0x00200013
POSITION, ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
PADDING = 0x00280120
THICKNESS, BETWEEN = 0x00180050, 0x00180088
SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
PLANE_POSITION, PLANE_ORIENTATION = 0x00209113, 0x00209116
PIXEL_MEASURES = 0x00289110
GRID_OFFSETS, DETECTORS = 0x3004000C, 0x00540022

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
    modality: Modality
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
    from radkit.dicom.imagepixel import ImagePixel
    from radkit.pixels.selection import choose_frames

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
    image = ImagePixel.from_object(obj)
    one = _Reading(source, obj, image, instance)
    if image.frames == 1 and FRAME_GROUPS not in elements:
        yield one.record([elements], None)
        return
    groups, shared = elements.items(FRAME_GROUPS), elements.items(SHARED_GROUPS)
    numbers, _ = choose_frames(wanted, image.frames)
    if len(groups) == image.frames:
        for number in numbers:
            frame = number if image.frames > 1 else None
            yield one.record([groups[number], *shared[:1]], frame)
        return
    offsets = _offsets(elements, image.frames, kinds)
    if offsets is None:
        yield LeftOut(instance=instance, why="frames without a position of their own")
        return
    for number in numbers:
        yield one.record([*elements.items(DETECTORS)[:1]], number, offsets[number])


def _offsets(elements: Elements, frames: int, kinds: Sequence[str]) -> Sequence[float] | None:
    """Return mm along the normal for each frame, from the position of the first.

    RT Dose lists them, relative or as z of an axial grid (PS3.3 C.8.8.3.2).
    Reconstructed NM slices are spaced evenly, with a sign (C.8.4.15).
    """
    listed = elements.floats(GRID_OFFSETS)
    if len(listed) == frames:
        if listed[0] == 0:
            return listed
        position = elements.floats(POSITION)
        axial = elements.floats(ORIENTATION) == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        if axial and len(position) == 3:
            return [z - position[2] for z in listed]
        return None
    between = _first(elements, BETWEEN)
    if "RECON TOMO" in kinds and between:
        return [k * between for k in range(frames)]
    return None


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

    def value(self, sequence: int, tag: int) -> tuple[float, ...]:
        """Return the numbers of an attribute, from where they stand first."""
        for place in (self.inside(sequence), *self._groups, self._root):
            if values := place.floats(tag):
                return values
        return ()

    def every(self) -> Iterator[Elements]:
        """Yield the root, then the items of all groups, the frame's own last."""
        yield self._root
        for group in reversed(self._groups):
            if group is self._root:
                continue
            for element in group:
                if element.vr in ("SQ", "", "UN"):
                    yield from group.items(element.tag)[:1]


class _Reading:
    """Makes the records of one object."""

    def __init__(self, source: Any, obj: DicomObject, image: ImagePixel, instance: str) -> None:
        from radkit.dicom.functional import FunctionalGroups

        self._source = source
        self._obj = obj
        self._image = image
        self._instance = instance
        self._groups = FunctionalGroups(obj, image.frames)
        form = image.frame_shape
        samples = form[2] if len(form) > 2 else 1
        self._form = (form[0], form[1], samples, str(image.dtype))

    def record(
        self, groups: Sequence[Elements], frame: int | None, offset: float = 0.0
    ) -> Record | LeftOut:
        """Return the record of a frame, `offset` mm along the normal from its stated place."""
        from radkit.pixels.modality import frame_modality

        root = self._obj.elements
        places = _Places(groups, root)
        position = places.value(PLANE_POSITION, POSITION)
        cosines = places.value(PLANE_ORIENTATION, ORIENTATION)
        spacing = places.value(PIXEL_MEASURES, PIXEL_SPACING)
        if not position or not cosines or not spacing:
            return LeftOut(instance=self._instance, why="no position, orientation or pixel spacing")
        normal = self._check(position, cosines, spacing)
        measures = places.inside(PIXEL_MEASURES)
        return Record(
            source=self._source,
            frame=frame,
            instance=self._instance,
            series=root.text(SERIES) or "",
            frame_of_reference=root.text(FRAME_OF_REFERENCE),
            form=self._form,
            position=np.array(position) + offset * normal,
            cosines=np.array(cosines),
            spacing=(float(spacing[0]), float(spacing[1])),
            thickness=_first(measures, THICKNESS),
            between=_first(measures, BETWEEN),
            modality=frame_modality(self._obj, self._image, self._groups, frame or 0),
            padding=_padding(root, self._form[3]),
            number=root.text(NUMBER) or "",
            keys=_keys(places),
        )

    def _check(
        self, position: Sequence[float], cosines: Sequence[float], spacing: Sequence[float]
    ) -> NDArray[np.float64]:
        if len(position) != 3 or not all(map(math.isfinite, position)):
            raise _broken("Image Position (Patient) is not three finite numbers", self._instance)
        if len(spacing) != 2 or not all(math.isfinite(side) and side > 0 for side in spacing):
            raise _broken("Pixel Spacing is not two positive numbers", self._instance)
        try:
            return orientation(cosines)[2]
        except GeometryError as error:
            raise _broken(error.message, self._instance) from None


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


def _first(elements: Elements, tag: int) -> float | None:
    values = elements.floats(tag)
    return float(values[0]) if values and math.isfinite(values[0]) else None


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
