"""Siemens mosaics with the private elements that tell of them, written by pydicom."""

from __future__ import annotations

import struct

import numpy as np

from radkit.testing import write_series

MR, CSA = "SIEMENS MR HEADER", "SIEMENS CSA HEADER"


def csa(second: bool = True, **values: tuple[str, ...]) -> bytes:
    """Write a CSA header, of the second or the first form."""
    data = (b"SV10\4\3\2\1" if second else b"") + struct.pack("<II", len(values), 77)
    first = len(next(iter(values.values()))) if values else 0
    for name, texts in values.items():
        data += struct.pack("<64si4siii", name.encode(), len(texts), b"FD", 3, len(texts), 77)
        for text in texts:
            value = text.encode() + b"\0"
            size = len(value)
            data += struct.pack("<4i", *((0, size, 77, 0) if second else (size + first, 0, 0, 0)))
            data += value + b"\0" * (-size % 4)
    return data


def normal_text(sense: int) -> tuple[str, ...]:
    return ("0.00000000", "0.00000000", f"{sense}.00000000")


def write_mosaic(folder, count=7, *, images=True, header: bytes | None = b"", sense=1, **more):
    """Write a mosaic of 3 x 3 tiles of 4 x 5 pixels, and return the slices in it."""
    slices = np.arange(9 * 20, dtype=np.int16).reshape(9, 4, 5) + 1
    slices[count:] = 0
    whole = slices.reshape(3, 3, 4, 5).swapaxes(1, 2).reshape(1, 12, 15)

    def edit(_, ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]
        ds.SpacingBetweenSlices = 2.5
        if images:
            ds.private_block(0x19, MR, create=True).add_new(0x0A, "US", count)
        if header is not None:
            data = header or csa(SliceNormalVector=normal_text(sense))
            ds.private_block(0x29, CSA, create=True).add_new(0x10, "OB", data)
        for name, value in more.items():
            setattr(ds, name, value)

    write_series(folder, whole, positions=[(-10, -20, 30)], edit=edit)
    return slices[:count]
