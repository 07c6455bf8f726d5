"""Colours of pictures: samples to 8 bits, palettes, and palettes beside grey levels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from radkit._native import _pixels
from radkit._native import cpu as _cpu
from radkit.errors import CorrectionWarning, CorruptFile
from radkit.pixels.display import Padding
from radkit.pixels.frames import Frames
from radkit.pixels.places import Groups
from radkit.pixels.tables import PALETTE_DESCRIPTORS, Palette, read_palette

__all__ = ["Supplement", "read_supplement", "through_palette", "to_eight_bits"]

PIXEL_PRESENTATION = 0x00089205
# Frame types of CT, MR, PET and X-ray 3D: they say which frames of a MIXED object have colour.
FRAME_TYPES = (0x00189329, 0x00189226, 0x00189751, 0x00189504)


@dataclass(frozen=True, slots=True, eq=False)
class Supplement:
    """A Supplemental Palette: stored values from its first entry on have colours of their own.

    Parameters
    ----------
    palette : Palette
        Its `first` is the least stored value that has a colour.
    padding : (low, high), optional
        Stored values that stay background.
    """

    palette: Palette
    padding: Padding | None

    def coloured(self, stored: np.ndarray) -> np.ndarray:
        """Return where stored values have a colour."""
        found = stored >= self.palette.first
        if self.padding is not None:
            found &= (stored < self.padding[0]) | (stored > self.padding[1])
        return np.asarray(found)

    def colour(self, stored: np.ndarray, levels: np.ndarray, *, invert: bool) -> np.ndarray:
        """Return RGB: grey `levels`, with the colours put where stored values have them."""
        rgb = np.repeat(levels[..., None], 3, axis=2)
        there = self.coloured(stored)
        found = through_palette(stored[there][None], self.palette)[0]
        rgb[there] = 255 - found if invert else found
        return rgb


def read_supplement(
    opened: Frames, groups: Groups, frames: list[int], padding: Padding | None
) -> dict[int, Supplement | None]:
    """Return the supplement of each of these frames, {} if the object is grey throughout.

    PS3.3 C.7.6.19 and C.8.16.2.1.5. Pixel Presentation COLOR holds for all frames;
    with MIXED each frame says of itself what it is. It only says how frames are best
    shown: objects that were stripped of their palette stay grey.

    Raises
    ------
    CorruptFile
        The palette makes no sense. Without `strict` the picture
        stays grey, with a `CorrectionWarning`.
    """
    elements = opened.obj.elements
    stated = elements.text(PIXEL_PRESENTATION)
    if opened.image.photometric != "MONOCHROME2" or stated not in ("COLOR", "MIXED"):
        return {}
    if opened.image.kind != "int" or elements.get(PALETTE_DESCRIPTORS[0]) is None:
        return {}
    try:
        signed = opened.image.signed
        palette = read_palette(elements, signed=signed, big_endian=elements.big_endian)
    except CorruptFile as error:
        if opened.strict:
            raise
        warnings.warn(
            f"the supplemental palette is left out: {error.message}",
            CorrectionWarning,
            stacklevel=5,
        )
        return {}
    found = Supplement(palette, padding)
    return {
        frame: found if stated == "COLOR" or _presented(groups, frame) == "COLOR" else None
        for frame in frames
    }


def _presented(groups: Groups, frame: int) -> str | None:
    for tag in FRAME_TYPES:
        item = groups.macro(frame, tag, gaps=True)
        if item is not None and (stated := item.text(PIXEL_PRESENTATION)) is not None:
            return stated
    return None


def through_palette(indexes: np.ndarray, palette: Palette) -> np.ndarray:
    """Return the colours of palette indexes, 8 bits each; 16-bit entries are scaled, rounded."""
    tables = (palette.red, palette.green, palette.blue)
    red, green, blue = (to_eight_bits(table, 8 * table.dtype.itemsize) for table in tables)
    if indexes.dtype.itemsize > 2:
        near = np.minimum(indexes, np.iinfo(np.int32).max).astype(np.int64)
        places = np.clip(near - palette.first, 0, len(red) - 1)
        return np.stack((red[places], green[places], blue[places]), axis=-1)
    out = np.empty((*indexes.shape, 3), np.uint8)
    _pixels.palette_rgb(
        np.ascontiguousarray(indexes), red, green, blue, palette.first, out, cpu=_cpu.USE
    )
    return out


def to_eight_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    """Return samples of 0 ... 2**bits - 1 scaled to 0 ... 255, rounded to nearest."""
    if samples.dtype == np.uint8 and bits == 8:
        return samples
    scaled = np.clip(samples.astype(np.float64), 0, None) * (255.0 / ((1 << bits) - 1))
    return np.minimum(np.floor(scaled + 0.5), 255).astype(np.uint8)
