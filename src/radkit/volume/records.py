"""What is known of a slice from headers alone, and what may tell stacks at one place apart."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from radkit.dicom.elements import Elements
    from radkit.dicom.imagepixel import ImagePixel
    from radkit.pixels.modality import Modality

__all__ = ["SPLIT_TAGS", "LeftOut", "Record", "keys_of", "text_of"]

IMAGE_TYPE = 0x00080008
GRADIENT, GRADIENT_SEQUENCE = 0x00189089, 0x00189076

# What may tell stacks at the same positions apart, in the order of trials. A tuple
# of attributes counts as one.
SPLIT_TAGS: dict[str, tuple[int, ...]] = {
    "StackID": (0x00209056,),
    "TemporalPositionIdentifier": (0x00200100,),
    "TemporalPositionIndex": (0x00209128,),
    "TriggerTime": (0x00181060,),
    "NominalPercentageOfCardiacPhase": (0x00209241,),
    "NominalCardiacTriggerDelayTime": (0x00209153,),
    "FrameReferenceTime": (0x00541300,),
    "EchoNumbers": (0x00180086,),
    "EchoTime": (0x00180081,),
    "EffectiveEchoTime": (0x00189082,),
    "InversionTime": (0x00180082,),
    "ImageType": (IMAGE_TYPE,),
    "FrameType": (0x00089007,),
    "ComplexImageComponent": (0x00089208,),
    "DiffusionBValue": (0x00189087,),
    "DiffusionGradientOrientation": (0x00189087, GRADIENT),
    "AcquisitionNumber": (0x00200012,),
    "ConvolutionKernel": (0x00181210,),
    "AcquisitionTime": (0x00080032,),
    "ContentTime": (0x00080033,),
}
SPLIT_SINGLE: tuple[int, ...] = tuple(sorted({tag for tags in SPLIT_TAGS.values() for tag in tags}))
KEYWORDS: dict[int, str] = {tags[0]: name for name, tags in SPLIT_TAGS.items() if len(tags) == 1}
KEYWORDS[GRADIENT] = "DiffusionGradientOrientation"
# Frames of NM objects are numbered by vectors (PS3.3 C.8.4.8); that of the slice is their place.
SLICE_VECTOR = 0x00540080
VECTORS: dict[int, str] = {
    0x00540010: "EnergyWindowVector",
    0x00540020: "DetectorVector",
    0x00540030: "PhaseVector",
    0x00540060: "RRIntervalVector",
    0x00540070: "TimeSlotVector",
    0x00540100: "TimeSliceVector",
}
KEYWORDS |= VECTORS

_BINARY = {"FD": "d8", "FL": "f4", "US": "H2", "SS": "h2", "UL": "I4", "SL": "i4"}


# Not frozen: that would double the time to make one, and a series has thousands.
@dataclass(slots=True, kw_only=True, eq=False)
class Record:
    """A frame, or a tile of a mosaic, that can be a slice. Never changed once made."""

    source: Any
    frame: int | None  # None: the only frame of its object
    tile: tuple[int, int, int, int] | None = None  # row0, row1, col0, col1 of a mosaic
    native: tuple[bytes, int] | None = None  # path and offset of little endian cells
    coded: tuple[bytes, int] | None = None  # path and offset of the items of one coded frame
    image: ImagePixel
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
    keys: Mapping[int, str] = field(default_factory=dict)
    dimensions: Mapping[int, int] = field(default_factory=dict)  # index by Dimension Index Pointer

    def key(self, tags: tuple[int, ...]) -> tuple[str, ...]:
        """Return the texts of some attributes; empty for those that are absent."""
        return tuple(self.keys.get(tag, "") for tag in tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An object that is no slice, and why."""

    instance: str
    why: str


def text_of(vr: str, data: bytes, *, big_endian: bool = False) -> str:
    """Return a value as a text that is equal for equal values, whatever way they are written."""
    if vr in _BINARY:
        code, width = _BINARY[vr][0], int(_BINARY[vr][1])
        whole = len(data) // width
        order = ">" if big_endian else "<"
        values = struct.unpack(f"{order}{whole}{code}", data[: whole * width])
        return "\\".join(f"{value:g}" if code in "df" else str(value) for value in values)
    parts = [part.strip(" \0\t\r\n") for part in data.decode("latin-1").split("\\")]
    if vr in ("DS", "IS"):
        parts = [_plain_number(part) for part in parts]
    return "\\".join(parts)


def _plain_number(text: str) -> str:
    try:
        return f"{float(text):.10g}" if len(text) <= 32 else text
    except ValueError:
        return text


def keys_of(elements: Elements) -> dict[int, str]:
    """Return the texts of the attributes of `SPLIT_TAGS` that one data set or item has."""
    found: dict[int, str] = {}
    for tag in SPLIT_SINGLE:
        if tag in elements:
            found[tag] = _element_text(elements, tag)
    if diffusion := elements.items(GRADIENT_SEQUENCE):
        found[GRADIENT] = _element_text(diffusion[0], GRADIENT)
    return found


def _element_text(elements: Elements, tag: int) -> str:
    from radkit.dicom._values import implicit_vr

    element, raw = elements.get(tag), elements.raw(tag)
    if element is None or raw is None:
        return ""
    vr = element.vr if element.vr not in ("", "UN") else implicit_vr(tag)
    return text_of(vr, bytes(raw), big_endian=elements.big_endian)
