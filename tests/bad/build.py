"""Bytes of small DICOM objects and codestreams, right or wrong as asked; no library writes them.

Everything is Explicit VR Little Endian unless a row says otherwise. Codestreams
come from imagecodecs and are then damaged by hand.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence

import numpy as np

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
SV1 = "1.2.840.10008.1.2.4.70"
JPEGLS = "1.2.840.10008.1.2.4.80"
J2K = "1.2.840.10008.1.2.4.90"
J2K_ANY = "1.2.840.10008.1.2.4.91"
HTJ2K = "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
JXL = "1.2.840.10008.1.2.4.110"

CT = "1.2.840.10008.5.1.4.1.1.2"
INSTANCE = "1.2.826.0.1.3680043.8.498.47.11"
PATIENT = "Hidden^Person"  # may appear in no message
PATIENT_ID = "SECRET-4711"

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = (struct.pack("<HH", 0xFFFE, e) for e in (0xE000, 0xE00D, 0xE0DD))

ROWS, COLS, FRAMES = 0x00280010, 0x00280011, 0x00280008
SAMPLES, PHOTOMETRIC, PLANAR = 0x00280002, 0x00280004, 0x00280006
ALLOCATED, STORED, HIGH_BIT, SIGN = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PIXELS = 0x7FE00010

Value = tuple[str, bytes] | None


def tag_bytes(tag: int) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def head(tag: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length of an element, whatever the length says."""
    if vr in LONG:
        return tag_bytes(tag) + vr.encode() + struct.pack("<HI", 0, length)
    return tag_bytes(tag) + vr.encode() + struct.pack("<H", length)


def element(tag: int, vr: str, value: bytes) -> bytes:
    """Return one element, its value padded to even length."""
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return head(tag, vr, len(value)) + value


def us(value: int) -> tuple[str, bytes]:
    return "US", struct.pack("<H", value)


def text(vr: str, value: str) -> tuple[str, bytes]:
    return vr, value.encode()


def meta(syntax: str | None, *, extra: bytes = b"", length: int | None = None) -> bytes:
    """Return preamble, magic and group 0002."""
    body = element(0x00020001, "OB", b"\0\1")
    body += element(0x00020002, "UI", CT.encode()) + element(0x00020003, "UI", INSTANCE.encode())
    if syntax is not None:
        body += element(0x00020010, "UI", syntax.encode())
    body += element(0x00020012, "UI", b"1.2.826.0.1.3680043.8.498.1") + extra
    said = len(body) if length is None else length
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", said)) + body


def grey(rows: int = 16, cols: int = 16, frames: int = 1) -> dict[int, Value]:
    """Return the elements of a 12-in-16-bit grey image."""
    described: dict[int, Value] = {
        SAMPLES: us(1),
        PHOTOMETRIC: text("CS", "MONOCHROME2"),
        ROWS: us(rows),
        COLS: us(cols),
        ALLOCATED: us(16),
        STORED: us(12),
        HIGH_BIT: us(11),
        SIGN: us(0),
    }
    if frames != 1:
        described[FRAMES] = text("IS", str(frames))
    return described


def colour(rows: int = 16, cols: int = 16, photometric: str = "RGB") -> dict[int, Value]:
    """Return the elements of an 8-bit colour image."""
    return grey(rows, cols) | {
        SAMPLES: us(3),
        PHOTOMETRIC: text("CS", photometric),
        PLANAR: us(0),
        ALLOCATED: us(8),
        STORED: us(8),
        HIGH_BIT: us(7),
    }


def byte_grey(rows: int = 16, cols: int = 16, frames: int = 1) -> dict[int, Value]:
    """Return the elements of an 8-bit grey image."""
    return grey(rows, cols, frames) | {ALLOCATED: us(8), STORED: us(8), HIGH_BIT: us(7)}


def data_set(
    image: Mapping[int, Value], pixels: bytes, *, extra: Mapping[int, Value] = {}
) -> bytes:
    """Return a data set: the elements in order of their tags, then `pixels` as it stands."""
    elements: dict[int, Value] = {
        0x00080016: text("UI", CT),
        0x00080018: text("UI", INSTANCE),
        0x00080060: text("CS", "CT"),
        0x00100010: text("PN", PATIENT),
        0x00100020: text("LO", PATIENT_ID),
        0x0020000D: text("UI", INSTANCE + ".1"),
        0x0020000E: text("UI", INSTANCE + ".2"),
        **image,
        **extra,
    }
    given = [(t, v) for t, v in sorted(elements.items()) if v is not None]
    return b"".join(element(t, vr, value) for t, (vr, value) in given) + pixels


def native(samples: bytes, vr: str = "OW") -> bytes:
    return element(PIXELS, vr, samples)


def item(value: bytes, length: int | None = None) -> bytes:
    return ITEM + struct.pack("<I", len(value) if length is None else length) + value


def even(value: bytes) -> bytes:
    return value + bytes(len(value) % 2)


def encapsulated(fragments: Sequence[bytes], *, table: bytes = b"", end: bool = True) -> bytes:
    """Return an encapsulated Pixel Data element; fragments as given, odd ones too."""
    body = item(table) + b"".join(item(f) for f in fragments)
    return head(PIXELS, "OB", UNDEFINED) + body + (SEQUENCE_END + bytes(4) if end else b"")


def made(
    syntax: str | None,
    image: Mapping[int, Value],
    pixels: bytes,
    *,
    extra: Mapping[int, Value] = {},
) -> bytes:
    """Return a whole object."""
    return meta(syntax) + data_set(image, pixels, extra=extra)


def offsets(fragments: Sequence[bytes]) -> list[int]:
    """Return where each fragment's item starts, from the first byte after the table."""
    found, place = [], 0
    for fragment in fragments:
        found.append(place)
        place += 8 + len(fragment)
    return found


def table(entries: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(entries)}I", *entries)


def long_table(entries: Sequence[int]) -> tuple[str, bytes]:
    return "OV", struct.pack(f"<{len(entries)}Q", *entries)


@functools.cache
def picture(rows: int = 16, cols: int = 16, *, seed: int = 0, bits: int = 12) -> np.ndarray:
    """Return a smooth picture with a little noise, so that every coding has work."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols]
    top = (1 << bits) - 1
    image = (
        top / 2 + top / 4 * np.sin(x / 5) * np.cos(y / 7) + rng.normal(0, top / 64, (rows, cols))
    )
    image = np.clip(np.rint(image), 0, top)
    return image.astype(np.uint16 if bits > 8 else np.uint8)


def rle_segment(plane: bytes) -> bytes:
    """Return a segment of literals only: legal, and easy to damage."""
    parts = (plane[i : i + 128] for i in range(0, len(plane), 128))
    return even(b"".join(bytes([len(p) - 1]) + p for p in parts))


def rle_header(count: int, starts: Sequence[int]) -> bytes:
    return struct.pack("<16I", count, *starts, *[0] * (15 - len(starts)))


def rle_frame(array: np.ndarray) -> bytes:
    """Return one RLE frame: segments from the most significant byte down."""
    planes = array.astype("<u2").tobytes() if array.itemsize == 2 else array.tobytes()
    size = array.itemsize
    segments = [rle_segment(planes[size - 1 - k :: size]) for k in range(size)]
    starts = [64 + sum(map(len, segments[:k])) for k in range(size)]
    return rle_header(size, starts) + b"".join(segments)


@functools.cache
def j2k(rows: int = 64, cols: int = 64, *, lossy: bool = False) -> bytes:
    import imagecodecs

    options = {"level": 40, "reversible": False} if lossy else {"level": 0, "reversible": True}
    array = picture(rows, cols)
    data = imagecodecs.jpeg2k_encode(array, codecformat="J2K", bitspersample=12, **options)
    return bytes(data)


@functools.cache
def htj2k(rows: int = 64, cols: int = 64) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(picture(rows, cols), reversible=True))


@functools.cache
def jpeg(rows: int = 64, cols: int = 64) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(picture(rows, cols, bits=8), level=90))


@functools.cache
def sv1(rows: int = 64, cols: int = 64) -> bytes:
    import imagecodecs

    array = picture(rows, cols)
    data = imagecodecs.jpeg8_encode(array, lossless=True, predictor=1, bitspersample=12)
    return bytes(data)


@functools.cache
def jpegls(rows: int = 64, cols: int = 64) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(picture(rows, cols)))


def segments(stream: bytes) -> list[tuple[int, int, int]]:
    """Return (marker, offset, length field) of the header segments, up to SOS, SOD or SOT's end."""
    found, place = [], 2
    while place + 4 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, place)
        if marker == 0xFF93:
            found.append((marker, place, 0))
            break
        found.append((marker, place, length))
        if marker == 0xFFDA:
            break
        place += 2 + length
    return found


def place_of(stream: bytes, marker: int) -> int:
    """Return the offset of the first segment with that marker."""
    return next(p for m, p, _ in segments(stream) if m == marker)


def patched(stream: bytes, place: int, value: bytes) -> bytes:
    """Return `stream` with bytes replaced."""
    return stream[:place] + value + stream[place + len(value) :]


def without(stream: bytes, marker: int) -> bytes:
    """Return `stream` without the first segment of that marker."""
    place, length = next((p, n) for m, p, n in segments(stream) if m == marker)
    return stream[:place] + stream[place + 2 + length :]


def inserted(stream: bytes, place: int, more: bytes) -> bytes:
    return stream[:place] + more + stream[place:]
