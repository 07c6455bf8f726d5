"""Puts a codestream into a JP2 or JPH file (T.800 annex I, T.814 annex D).

The boxes are the signature, the file type, the header with size, depths and colour, and
the codestream. Resolution, palettes and metadata are not written.
"""

from __future__ import annotations

import struct
from typing import Literal

from radkit.codecs._jp2 import make_box

__all__ = ["Brand", "wrap"]

Brand = Literal["jp2", "jph"]

SIGNATURE = b"\r\n\x87\n"
BRANDS = {"jp2": b"jp2 ", "jph": b"jph "}
GREY, SRGB = 17, 16  # enumerated colour spaces, table I.10
JPEG_2000 = 7  # the only type of compression
DEPTHS_DIFFER = 255
UNSPECIFIED = 65535  # type and association of a channel that is no colour, tables I.16 and I.17
SIZ = 2  # behind SOC


def wrap(codestream: bytes, brand: Brand, *, coloured: bool) -> bytes:
    """Return a file around a sound codestream.

    `coloured` says that the first three of its components are red, green and blue.
    Otherwise the first one is grey. The meaning of further components is left open.
    """
    kind = BRANDS[brand]
    header = _image_header(codestream, coloured)
    return b"".join(
        (
            make_box(b"jP  ", SIGNATURE),
            make_box(b"ftyp", kind + struct.pack(">I", 0) + kind),
            make_box(b"jp2h", header),
            make_box(b"jp2c", codestream),
        )
    )


def _image_header(codestream: bytes, coloured: bool) -> bytes:
    """Return the boxes of jp2h, as SIZ has it (I.5.3)."""
    x1, y1, x0, y0 = struct.unpack_from(">4I", codestream, SIZ + 6)
    (count,) = struct.unpack_from(">H", codestream, SIZ + 38)
    # Ssiz and BPC say depth and sign in the same way: the depth less one, the sign in bit 7.
    depths = codestream[SIZ + 40 : SIZ + 40 + 3 * count : 3]
    same = depths == depths[:1] * count
    colours = 3 if coloured else 1
    known = coloured or count == 1
    depth = depths[0] if same else DEPTHS_DIFFER
    size = struct.pack(">IIHBBBB", y1 - y0, x1 - x0, count, depth, JPEG_2000, 0 if known else 1, 0)
    made = [make_box(b"ihdr", size)]
    if not same:
        made.append(make_box(b"bpcc", depths))
    made.append(make_box(b"colr", struct.pack(">BBBI", 1, 0, 0, SRGB if coloured else GREY)))
    if count > colours:
        made.append(make_box(b"cdef", _channels(count, colours)))
    return b"".join(made)


def _channels(count: int, colours: int) -> bytes:
    """Return which components are colours, in their order (I.5.3.6)."""
    entries = [
        (index, 0, index + 1) if index < colours else (index, UNSPECIFIED, UNSPECIFIED)
        for index in range(count)
    ]
    return struct.pack(">H", count) + b"".join(struct.pack(">3H", *entry) for entry in entries)
