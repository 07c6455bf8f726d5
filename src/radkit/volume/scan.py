"""Headers of a series: one record for each frame that has a place in the patient.

Single-frame objects have their geometry in the data set (PS3.3 C.7.6.2), enhanced
multi-frame objects in functional groups, of the frame or shared (C.7.6.16), the
tiles of a mosaic in a maker's header. Only headers are read here, never pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from radkit.errors import CorruptFile, GeometryError
from radkit.geometry import orientation
from radkit.volume.records import IMAGE_TYPE, SLICE_VECTOR, VECTORS, LeftOut, Record, keys_of

if TYPE_CHECKING:
    from radkit.dicom.elements import Elements
    from radkit.dicom.imagepixel import ImagePixel
    from radkit.dicom.objects import DicomObject

__all__ = ["check_position", "scan"]

SERIES, INSTANCE, FRAME_OF_REFERENCE = 0x0020000E, 0x00080018, 0x00200052
NUMBER = 0x00200013
POSITION, ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
PADDING = 0x00280120
THICKNESS, BETWEEN = 0x00180050, 0x00180088
SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
PLANE_POSITION, PLANE_ORIENTATION = 0x00209113, 0x00209116
PIXEL_MEASURES, FRAME_CONTENT = 0x00289110, 0x00209111
DIMENSIONS, POINTER, DIMENSION_VALUES = 0x00209222, 0x00209165, 0x00209157
GRID_OFFSETS, DETECTORS = 0x3004000C, 0x00540022
LARGEST_MM = 1e6  # a place farther away is no place in a patient


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
    image = ImagePixel.from_object(obj)
    one = _Reading(source, obj, image, instance)
    if "MOSAIC" in kinds and image.frames == 1:
        yield from one.tiles()
        return
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
    Reconstructed NM slices are spaced evenly, with a sign (C.8.4.15), and numbered by
    the Slice Vector where there are several of each, as in gated studies (C.8.4.8).
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
    if not {"RECON TOMO", "RECON GATED TOMO"}.isdisjoint(kinds) and between:
        vector = elements.ints(SLICE_VECTOR)
        if len(vector) == frames:
            return [(number - 1) * between for number in vector]
        if not any(len(set(elements.ints(tag))) > 1 for tag in VECTORS):
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
        self._root_keys = keys_of(obj.elements)
        self._shared_keys: dict[int, dict[int, str]] = {}
        self._pointers = _pointers(obj.elements)
        vectors = {tag: obj.elements.ints(tag) for tag in VECTORS if tag in obj.elements}
        self._vectors = {
            tag: vector for tag, vector in vectors.items() if len(vector) == image.frames > 1
        }
        self._normals: dict[tuple[float, ...], NDArray[np.float64]] = {}

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
        place = np.array(position) + offset * normal
        check_position(place.tolist(), self._instance)
        measures = places.inside(PIXEL_MEASURES)
        return Record(
            source=self._source,
            frame=frame,
            image=self._image,
            instance=self._instance,
            series=root.text(SERIES) or "",
            frame_of_reference=root.text(FRAME_OF_REFERENCE),
            form=self._form,
            position=place,
            cosines=np.array(cosines),
            spacing=(float(spacing[0]), float(spacing[1])),
            thickness=_first(measures, THICKNESS),
            between=_first(measures, BETWEEN),
            modality=frame_modality(self._obj, self._image, self._groups, frame or 0),
            padding=_padding(root, self._form[3]),
            number=root.text(NUMBER) or "",
            keys=self._keys(groups),
            dimensions=self._dimensions(places, frame),
        )

    def tiles(self) -> Iterator[Record | LeftOut]:
        """Yield the slices of a mosaic."""
        from radkit.volume.mosaic import read_mosaic

        root = self._obj.elements
        whole = self.record([root], None)
        if isinstance(whole, LeftOut):
            yield whole
            return
        x, y, normal = orientation(whole.cosines)
        mosaic = read_mosaic(root, self._image.rows, self._image.cols, normal, self._instance)
        between = whole.between
        if between is None or not 0 < between < LARGEST_MM:
            raise _broken(
                f"a mosaic of {mosaic.count} slices without Spacing Between Slices", self._instance
            )
        right, down = mosaic.shift(whole.spacing)
        corner = whole.position + right * x + down * y
        for k in range(mosaic.count):
            yield replace(
                whole,
                tile=mosaic.box(k),
                form=(mosaic.rows, mosaic.cols, *whole.form[2:]),
                position=corner + (k * between * mosaic.sense) * normal,
            )

    def _check(
        self, position: Sequence[float], cosines: tuple[float, ...], spacing: Sequence[float]
    ) -> NDArray[np.float64]:
        check_position(position, self._instance)
        if len(spacing) != 2 or not all(0 < side < LARGEST_MM for side in spacing):
            raise _broken("Pixel Spacing is not two positive numbers", self._instance)
        known = self._normals.get(cosines)
        if known is not None:
            return known
        try:
            return self._normals.setdefault(cosines, orientation(cosines)[2])
        except GeometryError as error:
            raise _broken(error.message, self._instance) from None

    def _keys(self, groups: Sequence[Elements]) -> dict[int, str]:
        """Return what may split, the frame's own texts before shared ones and the root's."""
        found = dict(self._root_keys)
        for group in reversed(groups):
            if group is self._obj.elements:
                continue
            own = self._shared_keys.get(id(group))
            if own is None:
                own = {}
                for element in group:
                    if element.vr in ("SQ", "", "UN"):
                        for item in group.items(element.tag)[:1]:
                            own |= keys_of(item)
                if group is groups[-1]:  # the shared groups, as all frames have them
                    self._shared_keys[id(group)] = own
            found |= own
        return found

    def _dimensions(self, places: _Places, frame: int | None) -> dict[int, int]:
        if self._vectors and frame is not None:
            return {tag: vector[frame] for tag, vector in self._vectors.items()}
        if not self._pointers:
            return {}
        content = places.inside(FRAME_CONTENT)
        values = content.ints(DIMENSION_VALUES) if DIMENSION_VALUES in content else ()
        if len(values) != len(self._pointers):
            return {}
        return dict(zip(self._pointers, values, strict=True))


def check_position(position: Sequence[float], instance: str) -> None:
    """Refuse an Image Position (Patient) that is no place."""
    if len(position) != 3 or not all(abs(mm) < LARGEST_MM for mm in position):
        raise _broken(
            "Image Position (Patient) is not three finite numbers of less than a kilometre",
            instance,
        )


def _broken(text: str, instance: str) -> GeometryError:
    return GeometryError(text, instances=(instance,), section="PS3.3 C.7.6.2.1.1")


def _pointers(root: Elements) -> tuple[int, ...]:
    """Return the attributes by which the frames are indexed (PS3.3 C.7.6.17)."""
    found = []
    for item in root.items(DIMENSIONS):
        raw = item.raw(POINTER)
        if raw is None or raw.nbytes != 4:
            return ()
        order: Literal["big", "little"] = "big" if item.big_endian else "little"
        group, element = (int.from_bytes(raw[i : i + 2], order) for i in (0, 2))
        found.append(group << 16 | element)
    return tuple(found)


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
