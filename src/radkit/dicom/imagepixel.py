"""Group 0028 of an object, validated before anything is computed with it.

PS3.3 C.7.6.3 (Image Pixel), PS3.5 8.1 and 8.2. Values are taken as wide as they
stand in the file and checked before they are narrowed: Bits Allocated 2048 is an
error, not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from radkit import limits
from radkit.dicom.elements import Elements
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptFile, Problem

__all__ = ["ImagePixel"]

SAMPLES = 0x00280002
PHOTOMETRIC = 0x00280004
PLANAR = 0x00280006
FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
REPRESENTATION = 0x00280103

_NAMES = {
    SAMPLES: "Samples per Pixel (0028,0002)",
    PLANAR: "Planar Configuration (0028,0006)",
    FRAMES: "Number of Frames (0028,0008)",
    ROWS: "Rows (0028,0010)",
    COLUMNS: "Columns (0028,0011)",
    BITS_ALLOCATED: "Bits Allocated (0028,0100)",
    BITS_STORED: "Bits Stored (0028,0101)",
    HIGH_BIT: "High Bit (0028,0102)",
    REPRESENTATION: "Pixel Representation (0028,0103)",
}
Kind = Literal["int", "float", "double"]
# Samples per Pixel of each Photometric Interpretation (PS3.3 C.7.6.3.1.2, the last three retired).
_SAMPLES_OF = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_PARTIAL_420": 3,
    "YBR_PARTIAL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
    "XYB": 3,
    "HSV": 3,
    "ARGB": 4,
    "CMYK": 4,
}
_CONTAINERS = {1: 1, 8: 1, 16: 2, 24: 4, 32: 4, 40: 8, 48: 8, 56: 8, 64: 8}
_FLOATS: dict[int | None, tuple[Kind, int]] = {
    0x7FE00008: ("float", 32),
    0x7FE00009: ("double", 64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePixel:
    """What the data set says of its pixels; every field is in its range.

    Parameters
    ----------
    rows, cols, samples, frames : int
        Shape; all at least 1, `samples` is 1, 3 or 4.
    bits_allocated, bits_stored, high_bit : int
        1 <= stored <= allocated, high bit < allocated.
    signed : bool
        Pixel Representation is 1.
    photometric : str
        Photometric Interpretation.
    planar : bool
        Planar Configuration is 1.
    kind : {"int", "float", "double"}
        By the pixel data element that is there.
    problems : tuple of Problem
        What was missing and assumed.
    """

    rows: int
    cols: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: bool
    kind: Kind = "int"
    problems: tuple[Problem, ...] = ()

    @classmethod
    def from_object(cls, obj: DicomObject) -> ImagePixel:
        """Read and validate the attributes of an opened object.

        Raises
        ------
        CorruptFile
            An attribute is missing or out of range.
        LimitExceeded
            More pixels or frames than the limits allow.
        """
        return _read(obj.elements, None if obj.pixels is None else obj.pixels.tag)

    @classmethod
    def from_elements(cls, elements: Elements) -> ImagePixel:
        """Read and validate the attributes of one item, as of an icon."""
        return _read(elements, 0x7FE00010)

    @property
    def frame_bytes(self) -> int:
        """Native bytes of a frame; for 1 bit allocated, of a frame that begins at a byte."""
        pixels = self.rows * self.cols
        if self.bits_allocated == 1:
            return (pixels * self.samples + 7) // 8
        cell = self.bits_allocated // 8
        if self.photometric == "YBR_FULL_422" and self.samples == 3:
            return self.rows * ((self.cols + 1) // 2) * 4 * cell
        return pixels * self.samples * cell

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a decoded array."""
        if self.kind != "int":
            return np.dtype(np.float32 if self.kind == "float" else np.float64)
        letter = "i" if self.signed and self.bits_allocated > 1 else "u"
        return np.dtype(f"{letter}{_CONTAINERS[self.bits_allocated]}")

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(rows, cols) or (rows, cols, samples)."""
        shape = (self.rows, self.cols)
        return shape if self.samples == 1 else (*shape, self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, cols) or (frames, rows, cols, samples)."""
        return (self.frames, *self.frame_shape)


def _value(elements: Elements, tag: int) -> int | None:
    """Return the first value as it stands, whatever integer VR it has."""
    values = elements.ints(tag)
    return values[0] if values else None


def _wrong(tag: int, allowed: str, section: str = "PS3.3 C.7.6.3") -> CorruptFile:
    return CorruptFile(f"{_NAMES[tag]} must be {allowed}", section=section)


def _required(elements: Elements, tag: int, low: int, high: int) -> int:
    values = elements.ints(tag)
    if not values:
        raise CorruptFile(f"{_NAMES[tag]} is missing", section="PS3.3 C.7.6.3")
    if len(values) > 1:
        raise _wrong(tag, "a single value", "PS3.6")
    if not low <= values[0] <= high:
        raise _wrong(tag, f"{low} to {high}")
    return values[0]


def _assumed(problems: list[Problem], tag: int, value: object) -> None:
    problems.append(
        Problem(
            code="attribute-missing",
            text=f"{_NAMES.get(tag, 'Photometric Interpretation (0028,0004)')} is missing;"
            f" {value} is assumed",
            tag=tag,
        )
    )


def _frames(elements: Elements, problems: list[Problem]) -> int:
    if FRAMES not in elements:
        return 1
    value = _value(elements, FRAMES)
    if value is not None and value < 0:
        raise _wrong(FRAMES, "positive", "PS3.3 C.7.6.6")
    if not value:
        problems.append(
            Problem(
                code="frames-empty",
                text="Number of Frames (0028,0008) is empty or 0; 1 is assumed",
                tag=FRAMES,
            )
        )
        return 1
    limits.check("max_frames", value, "Number of Frames (0028,0008)")
    return value


def _read(elements: Elements, pixel_tag: int | None) -> ImagePixel:
    problems: list[Problem] = []
    rows = _required(elements, ROWS, 1, 65535)
    cols = _required(elements, COLUMNS, 1, 65535)
    limits.check("max_pixels", rows * cols, "Rows x Columns")
    samples = _value(elements, SAMPLES)
    if samples is None:
        samples = 1
        _assumed(problems, SAMPLES, 1)
    if samples not in (1, 3, 4):
        raise _wrong(SAMPLES, "1, 3 or 4")
    frames = _frames(elements, problems)
    photometric = _photometric(elements, samples, problems)
    planar = _planar(elements, samples, problems)
    kind: Kind = "int"
    allocated = 0
    if pixel_tag in _FLOATS:
        kind, allocated = _FLOATS[pixel_tag]
    if kind == "int":
        allocated, stored, high, signed = _bits(elements, problems)
    else:
        stated = _value(elements, BITS_ALLOCATED)
        if stated not in (None, allocated):
            raise _wrong(BITS_ALLOCATED, f"{allocated} for this pixel data element", "PS3.5 8.2")
        stored, high, signed = allocated, allocated - 1, True
    return ImagePixel(
        rows=rows,
        cols=cols,
        samples=samples,
        frames=frames,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=signed,
        photometric=photometric,
        planar=planar,
        kind=kind,
        problems=tuple(problems),
    )


def _photometric(elements: Elements, samples: int, problems: list[Problem]) -> str:
    text = elements.text(PHOTOMETRIC)
    if text is None:
        text = "MONOCHROME2" if samples == 1 else "RGB"
        _assumed(problems, PHOTOMETRIC, text)
    if len(text) > 16 or not text.isascii():
        raise CorruptFile(
            "Photometric Interpretation (0028,0004) is no code string", section="PS3.5 6.2"
        )
    text = text.upper()
    # Stored values do not depend on it, so it is told and not refused (PS3.3 C.7.6.3.1.2).
    if text not in _SAMPLES_OF:
        problems.append(
            Problem(
                code="photometric-unknown",
                text="Photometric Interpretation (0028,0004) is none that the standard knows",
                tag=PHOTOMETRIC,
            )
        )
    elif samples != _SAMPLES_OF[text]:
        problems.append(
            Problem(
                code="photometric-samples",
                text=f"Photometric Interpretation (0028,0004) asks for {_SAMPLES_OF[text]} samples"
                f" per pixel, Samples per Pixel (0028,0002) is {samples}",
                tag=PHOTOMETRIC,
            )
        )
    return text


def _planar(elements: Elements, samples: int, problems: list[Problem]) -> bool:
    value = _value(elements, PLANAR)
    if samples == 1:
        return False  # without a meaning there, whatever it says
    if value is None:
        _assumed(problems, PLANAR, 0)
        return False
    if value not in (0, 1):
        raise _wrong(PLANAR, "0 or 1")
    return value == 1


def _bits(elements: Elements, problems: list[Problem]) -> tuple[int, int, int, bool]:
    allocated = _value(elements, BITS_ALLOCATED)
    if allocated is None:
        raise CorruptFile(f"{_NAMES[BITS_ALLOCATED]} is missing", section="PS3.3 C.7.6.3")
    if allocated not in _CONTAINERS:
        raise _wrong(BITS_ALLOCATED, "1 or a multiple of 8 up to 64", "PS3.5 8.1.1")
    stored = _value(elements, BITS_STORED)
    if stored is None:
        stored = allocated
        _assumed(problems, BITS_STORED, allocated)
    if not 1 <= stored <= allocated:
        raise _wrong(BITS_STORED, f"1 to Bits Allocated ({allocated})", "PS3.5 8.1.1")
    high = _value(elements, HIGH_BIT)
    if high is None:
        high = stored - 1
        _assumed(problems, HIGH_BIT, high)
    if not stored - 1 <= high < allocated:
        raise _wrong(
            HIGH_BIT,
            f"at least Bits Stored - 1 and below Bits Allocated ({allocated})",
            "PS3.5 8.1.1",
        )
    if high != stored - 1:
        problems.append(
            Problem(
                code="high-bit",
                text="High Bit (0028,0102) is not Bits Stored - 1; values are shifted",
                tag=HIGH_BIT,
            )
        )
    representation = _value(elements, REPRESENTATION)
    if representation is None:
        representation = 0
        _assumed(problems, REPRESENTATION, 0)
    if representation not in (0, 1):
        raise _wrong(REPRESENTATION, "0 or 1")
    return allocated, stored, high, representation == 1
