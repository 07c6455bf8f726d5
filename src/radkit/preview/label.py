"""A preview says that it is one: words in the comment of a file or codestream.

JPEG has COM (T.81 B.2.4.5), PNG tEXt (PNG 11.3.3.3), HTJ2K COM (T.800 A.9.2). WebP, AVIF and
JPEG XL files carry no words here: they would need a container around the picture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container

__all__ = ["LABEL", "labelled_file", "labelled_stream", "level_label", "stream_label_size"]

LABEL = "radkit preview, not for diagnosis"
_LATIN = 1  # Rcom


def level_label(reduce: int, share: float) -> str:
    """Return the words for a resolution made of some share of the frame's bytes, 0 to 1."""
    return f"{LABEL}: 1/{1 << reduce} of each side, {100 * share:.3g} % of the bytes"


def labelled_file(data: bytes, format: str, label: str) -> bytes:
    """Put words into a JPEG or PNG file; other files are returned as they are."""
    words = label.encode("latin-1")
    if format == "jpeg":
        comment = struct.pack(">HH", 0xFFFE, len(words) + 2) + words
        place = _behind(data, range(0xFFE0, 0xFFF0))  # JFIF wants APP0 to be the first
        return data[:place] + comment + data[place:]
    if format == "png":
        chunk = b"tEXtComment\0" + words
        sized = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        head = 8 + 12 + 13  # the signature and IHDR, which is the first chunk
        return data[:head] + sized + data[head:]
    return data


def stream_label_size(label: str) -> int:
    """Return by how many bytes `labelled_stream` makes a codestream longer."""
    return 6 + len(label.encode("latin-1"))


def labelled_stream(data: bytes, label: str) -> bytes:
    """Put words into the main header of a codestream, behind SIZ and what must follow it."""
    words = label.encode("latin-1")
    comment = struct.pack(">HHH", 0xFF64, len(words) + 4, _LATIN) + words
    place = _behind(data, (0xFF51, 0xFF50))  # SIZ, and CAP of T.814 A.3
    return data[:place] + comment + data[place:]


def _behind(data: bytes, markers: Container[int]) -> int:
    """Return where the segments of some kinds end that follow the first marker."""
    place = 2
    while True:
        marker, size = struct.unpack_from(">HH", data, place)
        if marker not in markers:
            return place
        place += 2 + size
