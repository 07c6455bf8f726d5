"""Retired overlays in the unused bits of the pixel words (PS3.3 C.9.2 until 2004).

Before any coding they are taken out into Overlay Data (60xx,3000): codings keep only the
stored bits, and foreign bits in them would ruin the compression.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from radkit._native import _pixels
from radkit.codecs import registry
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.dicom.rules import Edits
from radkit.dicom.splice import Edit
from radkit.pixels import native, samples
from radkit.pixels.frames import Frames, OneFrame

__all__ = ["EmbeddedOverlay", "embedded_overlays", "extract", "has_unused_bits"]


@dataclass(frozen=True, slots=True)
class EmbeddedOverlay:
    """An overlay group whose data are one bit of every pixel word."""

    group: int
    bit: int


def embedded_overlays(obj: DicomObject, image: ImagePixel) -> list[EmbeddedOverlay]:
    """Find the overlays that lie in bits of the words that are not stored bits."""
    found: list[EmbeddedOverlay] = []
    if image.kind != "int" or image.samples != 1:
        return found
    low = image.high_bit - image.bits_stored + 1
    for group in range(0x6000, 0x6020, 2):  # sixteen at most (PS3.5 7.6)
        base = group << 16
        if base | 0x0010 not in obj.elements or base | 0x3000 in obj.elements:
            continue
        bits = obj.elements.ints(base | 0x0102)
        if len(bits) != 1 or not 0 <= bits[0] < image.bits_allocated:
            continue
        if not low <= bits[0] <= image.high_bit:
            found.append(EmbeddedOverlay(group, bits[0]))
    return found


def words(frames: Frames, index: int) -> np.ndarray | None:
    """Give the words of a frame with all their bits; None if the coding has none."""
    image = frames.image
    if frames.coding == "native":
        cells, _, _ = native.read_frame(
            frames.obj, image, frames.layout, index, (0, image.rows), strict=frames.strict
        )
        return cells
    data = frames.map.read(index)
    if frames.coding == "uncompressed-frame":
        return samples.native_cells(data, image, image.rows, big_endian=False)
    if frames.coding == "rle":
        return registry.decode_frame("rle", data, frames.spec, raw=True, strict=frames.strict).array
    return None


def has_unused_bits(frames: Frames, first: OneFrame) -> bool:
    """Tell whether words of the first frame hold more than its stored bits."""
    image = frames.image
    if image.kind != "int" or image.bits_allocated > 32:
        return False
    if not 1 < image.bits_stored < image.bits_allocated:
        return False
    found = words(frames, 0)
    if found is None or found.shape != first.array.shape:
        return False
    if image.high_bit != image.bits_stored - 1:
        return True
    if found.dtype.itemsize != first.array.dtype.itemsize:
        return False
    if not image.signed:
        return _pixels.any_outside(
            np.ascontiguousarray(found), bits_stored=image.bits_stored, high_bit=image.high_bit
        )
    return not np.array_equal(found, first.array.view(found.dtype))


def extract(frames: Frames) -> tuple[Edits, list[str]]:
    """Give the elements that hold the overlays from now on.

    Parameters
    ----------
    frames : Frames
        The source; every frame is read, if it has embedded overlays.

    Returns
    -------
    edits : dict
        (60xx,3000), (60xx,0100), (60xx,0102) and, where they differ, rows, columns, frames.
    corrections : list of str
        What was done.
    """
    image = frames.image
    overlays = embedded_overlays(frames.obj, image)
    if not overlays:
        return {}, []
    planes: dict[int, list[np.ndarray]] = {overlay.group: [] for overlay in overlays}
    for index in range(image.frames):
        cells = words(frames, index)
        if cells is None:
            return {}, ["embedded overlays cannot be taken out of compressed words"]
        for overlay in overlays:
            bits = (cells >> cells.dtype.type(overlay.bit)) & cells.dtype.type(1)
            planes[overlay.group].append(bits.astype(np.uint8).ravel())
    edits: Edits = {}
    for overlay in overlays:
        base = overlay.group << 16
        packed = np.packbits(np.concatenate(planes[overlay.group]), bitorder="little").tobytes()
        edits[base | 0x3000] = Edit("OW", packed + bytes(len(packed) & 1))
        edits[base | 0x0100] = Edit("US", struct.pack("<H", 1))
        edits[base | 0x0102] = Edit("US", struct.pack("<H", 0))
        for tag, value in ((0x0010, image.rows), (0x0011, image.cols)):
            if frames.obj.elements.ints(base | tag) != (value,):
                edits[base | tag] = Edit("US", struct.pack("<H", value))
        if image.frames > 1:
            edits[base | 0x0015] = Edit("IS", str(image.frames).encode("ascii"))
            edits[base | 0x0051] = Edit("US", struct.pack("<H", 1))
    groups = ", ".join(f"{overlay.group:04X}" for overlay in overlays)
    return edits, [f"overlay embedded in unused bits moved to Overlay Data of group {groups}"]
