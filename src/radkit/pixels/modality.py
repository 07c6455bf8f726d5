"""The modality step: from stored values to values in a unit (PS3.3 C.11.1, C.7.6.16.2.9).

A frame's own functional groups count first, then the shared ones, then the top
level of the data set. Rescale and Modality LUT exclude each other; a table, where
there is one, wins. Dose Grid Scaling of RT Dose is the slope of those objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from radkit.dicom.elements import Elements
from radkit.dicom.functional import PIXEL_VALUE_TRANSFORMATION
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptFile
from radkit.pixels.places import Groups, places
from radkit.pixels.tables import Lut, read_lut

__all__ = ["Modality", "frame_modality"]

INTERCEPT, SLOPE, RESCALE_TYPE = 0x00281052, 0x00281053, 0x00281054
MODALITY_LUT_SEQUENCE, MODALITY_LUT_TYPE = 0x00283000, 0x00283004
MODALITY, PET_UNITS = 0x00080060, 0x00541001
DOSE_GRID_SCALING, DOSE_UNITS = 0x3004000E, 0x30040002

# PS3.3 C.11.1.1.2; OD is in thousandths.
RESCALE_UNITS = {
    "HU": "[hnsf'U]",
    "HU_MOD": "[hnsf'U]",
    "OD": "10*-3",
    "PCT": "%",
    "MGML": "mg/ml",
    "Z_EFF": "1",
    "ED": "10*23/ml",
    "EDW": "1",
}
# PS3.3 C.8.9.1.1.3
PET_UNIT_CODES = {
    "BQML": "Bq/ml",
    "CNTS": "{counts}",
    "CPS": "{counts}/s",
    "PROPCNTS": "{propcounts}",
    "PROPCPS": "{propcounts}/s",
    "GML": "g/ml",
    "CM2": "cm2",
    "CM2ML": "cm2/ml",
    "PCNT": "%",
    "MGMINML": "mg/min/ml",
    "UMOLMINML": "umol/min/ml",
    "MLMING": "ml/min/g",
    "MLMINML": "ml/min/ml",
    "MLG": "ml/g",
    "1CM": "/cm",
    "UMOLML": "umol/ml",
    "STDDEV": "{stddev}",
    "NONE": "1",
}
DOSE_UNIT_CODES = {"GY": "Gy", "RELATIVE": "1"}


@dataclass(frozen=True, slots=True, eq=False)
class Modality:
    """One frame's step: slope * stored + intercept, or a table."""

    slope: float = 1.0
    intercept: float = 0.0
    lut: Lut | None = None
    units: str = ""

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Return the values of stored values, in float64."""
        if self.lut is not None:
            return self.lut.apply(stored)
        values = stored.astype(np.float64)
        if self.slope != 1.0:
            values *= self.slope
        if self.intercept != 0.0:
            values += self.intercept
        return values

    def same(self, other: Modality) -> bool:
        """Say whether both are one linear step in one unit."""
        mine = (self.slope, self.intercept, self.units)
        return self.lut is None is other.lut and mine == (
            other.slope,
            other.intercept,
            other.units,
        )

    def span(self, low: float, high: float) -> tuple[float, float]:
        """Return the least and largest value that stored values of low ... high can give."""
        if self.lut is not None:
            return 0.0, float((1 << self.lut.bits) - 1)
        ends = (self.slope * low + self.intercept, self.slope * high + self.intercept)
        return min(ends), max(ends)


def frame_modality(obj: DicomObject, image: ImagePixel, groups: Groups, frame: int) -> Modality:
    """Read the modality step of one frame.

    Raises
    ------
    CorruptFile
        Slope or intercept is no number, or a table is senseless.
    """
    for place in places(groups, frame, PIXEL_VALUE_TRANSFORMATION):
        luts = place.items(MODALITY_LUT_SEQUENCE)
        if luts:
            lut = read_lut(luts[0], signed=image.signed, big_endian=luts[0].big_endian)
            kind = luts[0].text(MODALITY_LUT_TYPE) or ""
            return Modality(lut=lut, units=_units(obj, kind, rescaled=True))
        if place.get(SLOPE) is not None or place.get(INTERCEPT) is not None:
            slope = _number(place, SLOPE, 1.0)
            intercept = _number(place, INTERCEPT, 0.0)
            kind = place.text(RESCALE_TYPE) or ""
            return Modality(slope, intercept, units=_units(obj, kind, rescaled=True))
    scaling = obj.elements.get(DOSE_GRID_SCALING)
    if scaling is not None:
        dose = obj.elements.text(DOSE_UNITS) or ""
        slope = _number(obj.elements, DOSE_GRID_SCALING, 1.0)
        return Modality(slope, units=DOSE_UNIT_CODES.get(dose, ""))
    return Modality(units=_units(obj, "", rescaled=False))


def _number(place: Elements, tag: int, default: float) -> float:
    values = place.floats(tag)
    if not values:
        return default
    if not math.isfinite(values[0]):
        raise CorruptFile(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is not a finite number",
            section="PS3.3 C.11.1.1.2",
        )
    return values[0]


def _units(obj: DicomObject, kind: str, *, rescaled: bool) -> str:
    modality = obj.elements.text(MODALITY) or ""
    if modality == "PT":
        return PET_UNIT_CODES.get(obj.elements.text(PET_UNITS) or "", "")
    if kind:
        return RESCALE_UNITS.get(kind, "")
    # Rescale Type may be left out of a CT image exactly when it is HU (PS3.3 C.8.2.1).
    return RESCALE_UNITS["HU"] if modality == "CT" and rescaled else ""
