"""DICOM files written byte by byte, so that a test can lie in any of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LONG = ("OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UN", "UT", "UC", "UR", "SV", "UV")
UNDEFINED = 0xFFFFFFFF
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
J2K = "1.2.840.10008.1.2.4.90"
END_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"


def element(
    tag: int,
    vr: str,
    value: bytes,
    *,
    length: int | None = None,
    implicit: bool = False,
    big: bool = False,
) -> bytes:
    order = ">" if big else "<"
    size = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack(f"{order}I", size) + value
    if vr in LONG:
        return head + vr.encode() + struct.pack(f"{order}HI", 0, size) + value
    return head + vr.encode() + struct.pack(f"{order}H", size) + value


def item(value: bytes, *, length: int | None = None) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value) if length is None else length) + value


def text(value: str) -> bytes:
    data = value.encode("ascii")
    return data + b" " * (len(data) & 1)


def us(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}H", *values)


def meta(syntax: str | None, *, extra: bytes = b"", group_length: int | None = None) -> bytes:
    body = extra
    if syntax is not None:
        uid = syntax.encode()
        body += element(0x00020010, "UI", uid + b"\0" * (len(uid) & 1))
    stated = len(body) if group_length is None else group_length
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", stated)) + body


ATTRIBUTES = {
    0x00280002: ("US", us(1)),
    0x00280004: ("CS", text("MONOCHROME2")),
    0x00280010: ("US", us(4)),
    0x00280011: ("US", us(6)),
    0x00280100: ("US", us(8)),
    0x00280101: ("US", us(8)),
    0x00280102: ("US", us(7)),
    0x00280103: ("US", us(0)),
}


def image(
    pixels: bytes = bytes(24),
    *,
    syntax: str = EXPLICIT,
    changes: dict[int, tuple[str, bytes] | None] | None = None,
    tail: bytes = b"",
    vr: str = "OB",
    tag: int = 0x7FE00010,
    length: int | None = None,
) -> bytes:
    """One grey image of 4 x 6 pixels, or what `changes` make of it."""
    fields: dict[int, tuple[str, bytes] | None] = {**ATTRIBUTES, **(changes or {})}
    data = element(0x00080016, "UI", b"1.2.3\0")
    for key in sorted(fields):
        field = fields[key]
        if field is not None:
            data += element(key, *field)
    return meta(syntax) + data + element(tag, vr, pixels, length=length) + tail


def coded(
    fragments: Iterable[bytes],
    *,
    frames: int | None = None,
    table: bytes = b"",
    extended: tuple[Iterable[int], Iterable[int]] | None = None,
    syntax: str = J2K,
    end: bytes = END_SEQUENCE,
    tail: bytes = b"",
) -> bytes:
    """The same image, encapsulated."""
    changes: dict[int, tuple[str, bytes] | None] = {}
    if frames is not None:
        changes[0x00280008] = ("IS", text(str(frames)))
    if extended is not None:
        for key, values in zip((0x7FE00001, 0x7FE00002), extended, strict=True):
            changes[key] = ("OV", b"".join(struct.pack("<Q", v) for v in values))
    pixels = item(table) + b"".join(item(f) for f in fragments) + end
    return image(pixels, syntax=syntax, changes=changes, tail=tail, length=UNDEFINED)


def basic_table(fragments: Iterable[bytes]) -> bytes:
    offsets, pos = [], 0
    for fragment in fragments:
        offsets.append(pos)
        pos += 8 + len(fragment)
    return struct.pack(f"<{len(offsets)}I", *offsets)
