"""Rows about RLE frames (PS3.5 annex G)."""

from __future__ import annotations

import struct

from tests.bad import build as b
from tests.bad.table import row

FRAME = b.rle_frame(b.picture())
STARTS = struct.unpack_from("<2I", FRAME, 4)
G5, G3 = "PS3.5 G.5", "PS3.5 G.3"


def rle(frame: bytes) -> bytes:
    return b.made(b.RLE, b.grey(), b.encapsulated([b.even(frame)]))


def bad(name: str, what: str, rule: str, error: str, says: str, frame: bytes) -> None:
    row(name, what, rule, error, says)(lambda: rle(frame))


def counted(count: int) -> bytes:
    return struct.pack("<I", count) + FRAME[4:]


CORRUPT, CUT = "CorruptPixelData", "TruncatedPixelData"
bad("rle_header_16_segments.dcm", "16 segments", G5, CORRUPT, "segment", counted(16))
bad("rle_header_2_32.dcm", "2^32 - 1 segments", G5, CORRUPT, "segment", counted(0xFFFFFFFF))
bad("rle_no_segments.dcm", "no segments", G5, CORRUPT, "segment", counted(0))
bad("rle_one_segment.dcm", "one segment for 16 bits", "PS3.5 G.2", CORRUPT, "segment", counted(1))
bad("rle_header_cut.dcm", "ends inside the header", G5, CUT, ".", FRAME[:40])
bad("rle_header_only.dcm", "ends behind the header", G5, CUT, ".", FRAME[:64])
bad("rle_cut.dcm", "ends in the second segment", G3, CUT, ".", FRAME[: STARTS[1] + 40])
bad(
    "rle_offset_past_end.dcm",
    "a segment starts behind the frame",
    G5,
    "CorruptPixelData",
    "segment|offset",
    b.patched(FRAME, 8, struct.pack("<I", 1 << 30)),
)
bad(
    "rle_offset_in_header.dcm",
    "the first segment starts inside the header",
    G5,
    CORRUPT,
    "segment|offset",
    b.patched(FRAME, 4, struct.pack("<I", 8)),
)
bad(
    "rle_offsets_fall.dcm",
    "the second segment starts before the first",
    G5,
    CORRUPT,
    "segment|offset",
    b.patched(FRAME, 4, struct.pack("<2I", STARTS[1], STARTS[0])),
)
bad(
    "rle_run_past_end.dcm",
    "the last run has no byte to repeat",
    G3,
    CUT,
    ".",
    FRAME[: STARTS[1]] + b.rle_segment(bytes(128)) + b"\x00\x01\x82",
)
bad(
    "rle_literal_past_end.dcm",
    "the last literal says 128 bytes and has 3",
    G3,
    CUT,
    ".",
    FRAME[: STARTS[1]] + b.rle_segment(bytes(128)) + b"\x7f\1\2\3",
)
bad(
    "rle_only_nops.dcm",
    "a segment of -128 bytes, which mean nothing",
    G3,
    CUT,
    ".",
    FRAME[: STARTS[1]] + b"\x80" * 4000,
)
bad(
    "rle_first_segment_short.dcm",
    "the first plane is half as long as it must be",
    G3,
    CUT,
    ".",
    b.rle_header(2, [64, 64 + 66 * 2])
    + b.rle_segment(bytes(64))
    + bytes([0x80] * 66)
    + b.rle_segment(bytes(256)),
)
