"""Rows about encapsulation: fragments, offset tables, frames."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.bad import build as b
from tests.bad.table import row

A4 = "PS3.5 A.4"
EOT, EOT_LENGTHS = 0x7FE00001, 0x7FE00002
FRAGMENTS = [b.rle_frame(b.picture(seed=i)) for i in range(3)]
STARTS = b.offsets(FRAGMENTS)
BODY = sum(8 + len(f) for f in FRAGMENTS)


def frames(
    fragments: Sequence[bytes] = FRAGMENTS, *, count: int = 3, table: bytes = b"", **options: bool
) -> bytes:
    pixels = b.encapsulated(fragments, table=table, **options)
    return b.made(b.RLE, b.grey(frames=count), pixels)


@row("fragments_lt_frames.dcm", "3 fragments, 5 frames", A4, "CorruptPixelData", "frames|fragment")
def too_few() -> bytes:
    return frames(count=5)


@row(
    "fragments_gt_frames.dcm",
    "4 RLE fragments, 3 frames",
    "PS3.5 A.4.2",
    "CorruptPixelData",
    "frames|fragment",
)
def too_many() -> bytes:
    return frames([*FRAGMENTS, FRAGMENTS[0]])


@row(
    "no_fragments.dcm",
    "the offset table and nothing else",
    A4,
    "CorruptPixelData",
    "fragment|frame",
)
def none() -> bytes:
    return frames([], count=1)


@row(
    "no_items.dcm",
    "not even the offset table",
    A4,
    "CorruptFile|CorruptPixelData",
    "item|fragment|table|frame",
)
def no_items() -> bytes:
    pixels = b.head(b.PIXELS, "OB", b.UNDEFINED) + b.SEQUENCE_END + bytes(4)
    return b.made(b.RLE, b.grey(), pixels)


@row(
    "fragment_len_0.dcm",
    "a fragment of length 0",
    A4,
    "CorruptPixelData",
    "frame 1|empty|short|0 bytes",
)
def empty_fragment() -> bytes:
    return frames([FRAGMENTS[0], b"", FRAGMENTS[2]])


@row("fragment_len_odd.dcm", "fragments of odd length", A4, "", "odd")
def odd_fragment() -> bytes:
    return frames([f + b"\0" for f in FRAGMENTS])


@row(
    "fragment_past_end.dcm",
    "the last fragment ends behind the file",
    A4,
    "CorruptFile|TruncatedPixelData",
    ".",
)
def past_end() -> bytes:
    data = frames(end=False)
    place = data.rindex(b.ITEM)
    return b.patched(data, place + 4, struct.pack("<I", len(FRAGMENTS[2]) + 5000))


@row(
    "fragment_4g.dcm",
    "a fragment says 4 GB",
    A4,
    "CorruptFile|TruncatedPixelData",
    ".",
    memory_mib=32,
)
def fragment_4g() -> bytes:
    data = frames()
    place = data.rindex(b.ITEM)
    return b.patched(data, place + 4, struct.pack("<I", 0xFFFFFFFE))


@row(
    "fragment_undefined.dcm",
    "a fragment of undefined length",
    A4,
    "CorruptPixelData",
    "undefined|length",
)
def undefined() -> bytes:
    data = frames()
    place = data.rindex(b.ITEM)
    return b.patched(data, place + 4, struct.pack("<I", b.UNDEFINED))


@row(
    "fragment_cut.dcm", "the file ends inside a fragment", A4, "CorruptFile|TruncatedPixelData", "."
)
def cut() -> bytes:
    return frames()[:-60]


@row(
    "element_between_fragments.dcm",
    "a data element among the fragments",
    A4,
    "CorruptPixelData",
    "item|tag|fragment",
)
def element_between() -> bytes:
    data = frames()
    return b.inserted(data, data.rindex(b.ITEM), b.element(0x00080060, "CS", b"CT"))


@row("delimiter_missing.dcm", "no sequence delimiter; all frames are whole", A4, "", "delimit")
def no_delimiter() -> bytes:
    return frames(end=False)


@row(
    "delimiter_cut.dcm",
    "the file ends inside the delimiter",
    A4,
    "TruncatedPixelData|",
    "delimit|ends|end of the object",
)
def delimiter_cut() -> bytes:
    return frames()[:-5]


@row(
    "bot_cut.dcm",
    "the file ends inside the offset table",
    A4,
    "CorruptFile|CorruptPixelData",
    ".",
)
def bot_cut() -> bytes:
    data = frames(table=b.table(STARTS))
    return data[: data.index(b.ITEM) + 12]


for name, entries, what in (
    ("outside", [0, STARTS[1], 1 << 30], "an offset behind the last fragment"),
    ("between", [0, STARTS[1] + 10, STARTS[2]], "an offset inside a fragment"),
    ("wrapped", [0, STARTS[1], 0xFFFFFFF8], "an offset that wraps at 4 GiB"),
    ("falling", [0, STARTS[2], STARTS[1]], "offsets that fall"),
    ("first_not_0", [8, STARTS[1], STARTS[2]], "a first offset that is not 0"),
    ("two_of_three", STARTS[:2], "two offsets for three frames"),
    ("doubled", [0, 0, STARTS[1]], "two frames at one place"),
):
    row(f"bot_{name}.dcm", what, A4, "", "offset")(
        lambda entries=entries: frames(table=b.table(entries))
    )


@row("bot_length_6.dcm", "an offset table of six bytes", A4, "", "offset")
def bot_length() -> bytes:
    return frames(table=b.table(STARTS)[:6])


@row(
    "bot_hides_mismatch.dcm",
    "an offset table for 5 frames, 3 fragments",
    A4,
    "CorruptPixelData",
    "frames|fragment",
)
def bot_hides() -> bytes:
    return frames(count=5, table=b.table([*STARTS, BODY, BODY + 8]))


def extended(entries: Sequence[int], lengths: Sequence[int] | None) -> bytes:
    extra = {EOT: b.long_table(entries)}
    if lengths is not None:
        extra[EOT_LENGTHS] = b.long_table(lengths)
    return b.made(b.RLE, b.grey(frames=3), b.encapsulated(FRAGMENTS), extra=extra)


SIZES = [len(f) for f in FRAGMENTS]
RULE = "PS3.3 C.7.6.3.1.8"
for name, entries, lengths, what in (
    ("outside", [0, STARTS[1], 1 << 40], SIZES, "an extended offset behind the end"),
    ("wrapped", [0, STARTS[1], (1 << 64) - 8], SIZES, "an extended offset near 2^64"),
    ("between", [0, STARTS[1] + 2, STARTS[2]], SIZES, "an extended offset inside a fragment"),
    ("lengths_lie", STARTS, [SIZES[0], 1 << 50, SIZES[2]], "an extended length of 2^50"),
    ("lengths_missing", STARTS, None, "extended offsets without lengths"),
    ("two_of_three", STARTS[:2], SIZES[:2], "extended offsets for two of three frames"),
):
    row(f"eot_{name}.dcm", what, RULE, "", "offset")(
        lambda entries=entries, lengths=lengths: extended(entries, lengths)
    )


def empty_fragments(count: int) -> bytes:
    pixels = b.head(b.PIXELS, "OB", b.UNDEFINED) + (b.ITEM + bytes(4)) * count
    return b.made(b.RLE, b.grey(), pixels + b.SEQUENCE_END + bytes(4))


@row(
    "fragments_million.dcm",
    "1,100,000 fragments of no bytes",
    "limits",
    "LimitExceeded|CorruptPixelData",
    ".",
    seconds=10,
    memory_mib=256,
)
def million() -> bytes:
    return empty_fragments(1_100_000)


@row("fragments_100000.dcm", "100,000 fragments of no bytes", A4, "CorruptPixelData", ".")
def hundred_thousand() -> bytes:
    return empty_fragments(100_000)


def deflated_frame(data: bytes) -> bytes:
    return b.made(b.DEFLATED_FRAME, b.grey(), b.encapsulated([b.even(data)]))


A413 = "PS3.5 A.4.13"


def raw_deflate(data: bytes) -> bytes:
    import zlib

    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return coder.compress(data) + coder.flush()


@row(
    "frame_deflate_bomb.dcm",
    "a frame of 512 bytes that inflates to 64 MiB",
    A413,
    "CorruptPixelData|LimitExceeded",
    "more|long|inflat|bytes",
    memory_mib=32,
)
def frame_bomb() -> bytes:
    return deflated_frame(raw_deflate(bytes(64 << 20)))


@row("frame_deflate_cut.dcm", "a deflated frame that ends early", A413, "TruncatedPixelData", ".")
def frame_cut() -> bytes:
    return deflated_frame(raw_deflate(b.picture().tobytes())[:100])


@row(
    "frame_deflate_short.dcm",
    "a deflated frame of half the samples",
    A413,
    "TruncatedPixelData",
    ".",
)
def frame_short() -> bytes:
    return deflated_frame(raw_deflate(b.picture().tobytes()[:256]))


@row(
    "frame_deflate_garbage.dcm", "a frame that is no deflate stream", A413, "CorruptPixelData", "."
)
def frame_garbage() -> bytes:
    return deflated_frame(b"\xff\xfe" * 100)
