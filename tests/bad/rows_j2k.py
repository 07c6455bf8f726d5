"""Rows about JPEG 2000 and HTJ2K codestreams (T.800, T.814)."""

from __future__ import annotations

import struct

from tests.bad import build as b
from tests.bad.table import row

SIZ, COD, QCD, SOT, SOD, COM = 0xFF51, 0xFF52, 0xFF5C, 0xFF90, 0xFF93, 0xFF64
SIZE, CORRUPT, CUT = "T.800 A.5.1", "CorruptPixelData", "TruncatedPixelData"


def j2k(stream: bytes, rows: int = 64, cols: int = 64, syntax: str = b.J2K) -> bytes:
    return b.made(syntax, b.grey(rows, cols), b.encapsulated([b.even(stream)]))


def changed(marker: int, at: int, value: bytes) -> bytes:
    """Return the stream with bytes of a segment replaced; `at` counts from behind its length."""
    stream = b.j2k()
    return b.patched(stream, b.place_of(stream, marker) + 4 + at, value)


def long(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@row("j2k_empty.dcm", "a fragment of two zero bytes", "T.800 A.4.1", CORRUPT, ".")
def empty() -> bytes:
    return j2k(b"\0\0")


@row("j2k_no_soc.dcm", "no SOC, only noise", "T.800 A.4.1", CORRUPT, "SOC|codestream|start")
def no_soc() -> bytes:
    return j2k(bytes(range(256)) * 4)


@row("j2k_cut_in_siz.dcm", "ends inside SIZ", SIZE, CUT, ".")
def cut_siz() -> bytes:
    return j2k(b.j2k()[:30])


@row("j2k_cut_in_main_header.dcm", "ends inside QCD", "T.800 A.3", CUT, ".")
def cut_main() -> bytes:
    stream = b.j2k()
    return j2k(stream[: b.place_of(stream, QCD) + 6])


@row("j2k_cut_in_tile_header.dcm", "ends inside SOT", "T.800 A.4.2", CUT, ".")
def cut_tile() -> bytes:
    stream = b.j2k()
    return j2k(stream[: b.place_of(stream, SOT) + 6])


@row("j2k_cut_in_packets.dcm", "half of the packets are missing", "T.800 B.10", CUT, ".")
def cut_packets() -> bytes:
    return j2k(b.j2k()[: len(b.j2k()) // 2])


@row("j2k_cut_by_100.dcm", "the last 100 bytes are missing", "T.800 B.10", CUT, ".")
def cut_end() -> bytes:
    return j2k(b.j2k()[:-100])


@row("j2k_no_eoc.dcm", "EOC is missing", "T.800 A.4.4", "", "EOC|end")
def no_eoc() -> bytes:
    return j2k(b.j2k()[:-2])


@row("siz_zero_width.dcm", "Xsiz = XOsiz", SIZE, CORRUPT, "area is empty|SIZ|width")
def zero_width() -> bytes:
    return j2k(changed(SIZ, 2, long(0)))


@row(
    "siz_65535sq.dcm",
    "SIZ 65535 x 65535, Rows 64",
    "PS3.5 8.2.4",
    "CorruptPixelData|LimitExceeded",
    ".",
    memory_mib=32,
)
def huge() -> bytes:
    return j2k(changed(SIZ, 2, long(65535, 65535, 0, 0, 65535, 65535)))


@row(
    "siz_65535sq_rows_too.dcm",
    "SIZ and Rows 65535 x 65535",
    "limits",
    "LimitExceeded",
    "max_pixels|pixels",
    memory_mib=32,
)
def huge_too() -> bytes:
    return j2k(changed(SIZ, 2, long(65535, 65535, 0, 0, 65535, 65535)), 65535, 65535)


@row(
    "siz_4000sq_rows_too.dcm",
    "SIZ and Rows 4000 x 4000, packets for 64 x 64",
    "T.800 B.10",
    "CorruptPixelData|",
    "",
    memory_mib=512,
)
def large_too() -> bytes:
    return j2k(changed(SIZ, 2, long(4000, 4000, 0, 0, 4000, 4000)), 4000, 4000)


@row("siz_2_32.dcm", "SIZ near 2^32", SIZE, "CorruptPixelData|LimitExceeded", ".", memory_mib=32)
def near_limit() -> bytes:
    return j2k(changed(SIZ, 2, long(0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)))


@row("siz_vs_rows.dcm", "SIZ 64 x 64, Rows 32", "PS3.5 8.2.4", CORRUPT, "SIZ|size|Rows|64")
def rows_differ() -> bytes:
    return j2k(b.j2k(), 32, 64)


@row(
    "siz_offset_outside.dcm",
    "the image offset is outside the grid",
    SIZE,
    CORRUPT,
    "area is empty|SIZ|offset",
)
def offset_outside() -> bytes:
    return j2k(changed(SIZ, 10, long(5000, 5000)))


@row("siz_tile_0.dcm", "tiles of width 0", SIZE, CORRUPT, "SIZ|tile")
def tile_zero() -> bytes:
    return j2k(changed(SIZ, 18, long(0)))


@row(
    "siz_tiles_1x1.dcm",
    "one tile for each of 262,144 pixels",
    SIZE,
    "CorruptPixelData|LimitExceeded",
    "tile",
    memory_mib=64,
)
def tiles_small() -> bytes:
    stream = b.j2k(512, 512)
    return j2k(b.patched(stream, b.place_of(stream, SIZ) + 4 + 18, long(1, 1)), 512, 512)


@row(
    "siz_components_16384.dcm", "16,384 components announced", SIZE, CORRUPT, "SIZ|component|length"
)
def components() -> bytes:
    return j2k(changed(SIZ, 34, struct.pack(">H", 16384)))


@row(
    "siz_components_3.dcm",
    "three components, Samples per Pixel 1",
    "PS3.5 8.2.4",
    CORRUPT,
    "component|sample",
)
def three_components() -> bytes:
    import imagecodecs

    array = b.picture(64, 192, bits=8).reshape(64, 64, 3)
    stream = imagecodecs.jpeg2k_encode(array, level=0, codecformat="J2K", reversible=True)
    return j2k(bytes(stream))


@row("siz_precision_127.dcm", "127 bits per sample", SIZE, CORRUPT, "SIZ|precision|bits")
def precision() -> bytes:
    return j2k(changed(SIZ, 36, b"\x7e"))


@row("siz_subsampling_0.dcm", "XRsiz 0", SIZE, CORRUPT, "SIZ|sampling|XRsiz|component")
def sampling() -> bytes:
    return j2k(changed(SIZ, 37, b"\0"))


@row("siz_length_lies.dcm", "SIZ longer than its content", SIZE, CORRUPT, "SIZ|length|marker")
def siz_length() -> bytes:
    stream = b.j2k()
    return j2k(b.patched(stream, b.place_of(stream, SIZ) + 2, struct.pack(">H", 60)))


@row(
    "segment_length_0.dcm",
    "a marker segment of length 0",
    "T.800 A.1.3",
    CORRUPT,
    "length|marker|segment",
)
def segment_zero() -> bytes:
    stream = b.j2k()
    return j2k(b.patched(stream, b.place_of(stream, COD) + 2, b"\0\0"))


@row("cod_levels_33.dcm", "33 decompositions", "T.800 A.6.1", CORRUPT, "COD|levels|decomposition")
def levels() -> bytes:
    return j2k(changed(COD, 5, b"\x21"))


@row("cod_block_2048.dcm", "code-blocks of 2^11 by 2^11", "T.800 A.6.1", CORRUPT, "COD|block")
def blocks() -> bytes:
    return j2k(changed(COD, 6, b"\x09\x09"))


@row("cod_no_layers.dcm", "no quality layers", "T.800 A.6.1", CORRUPT, "COD|layer")
def layers() -> bytes:
    return j2k(changed(COD, 2, b"\0\0"))


@row(
    "cod_transform_9.dcm",
    "wavelet number 9",
    "T.800 A.6.1",
    "CorruptPixelData|UnsupportedTransferSyntax",
    "COD|transform|wavelet|filter",
)
def transform() -> bytes:
    return j2k(changed(COD, 9, b"\x09"))


@row("cod_missing.dcm", "no COD", "T.800 A.6.1", CORRUPT, "COD")
def cod_missing() -> bytes:
    return j2k(b.without(b.j2k(), COD))


@row("qcd_missing.dcm", "no QCD", "T.800 A.6.4", CORRUPT, "QCD")
def qcd_missing() -> bytes:
    return j2k(b.without(b.j2k(), QCD))


@row("qcd_too_long.dcm", "60 steps more than subbands", "T.800 A.6.4", CORRUPT, "QCD|step")
def qcd_long() -> bytes:
    stream = b.j2k()
    place = b.place_of(stream, QCD)
    (length,) = struct.unpack_from(">H", stream, place + 2)
    more = b.inserted(stream, place + 2 + length, bytes([0x40]) * 60)
    return j2k(b.patched(more, place + 2, struct.pack(">H", length + 60)))


@row("qcd_too_short.dcm", "fewer steps than subbands", "T.800 A.6.4", CORRUPT, "QCD|step")
def qcd_short() -> bytes:
    stream = b.j2k()
    place = b.place_of(stream, QCD)
    (length,) = struct.unpack_from(">H", stream, place + 2)
    less = stream[: place + 2] + struct.pack(">H", 4) + stream[place + 4 : place + 6]
    return j2k(less + stream[place + 2 + length :])


@row(
    "sot_psot_short.dcm",
    "Psot smaller than its own header",
    "T.800 A.4.2",
    CORRUPT,
    "SOT|Psot|tile",
)
def psot_short() -> bytes:
    return j2k(changed(SOT, 2, long(7)))


@row("sot_psot_past_end.dcm", "Psot behind the end", "T.800 A.4.2", CUT, ".")
def psot_long() -> bytes:
    return j2k(changed(SOT, 2, long(0x7FFFFFFF)))


@row("sot_tile_999.dcm", "tile 999 of one", "T.800 A.4.2", CORRUPT, "SOT|tile")
def tile_index() -> bytes:
    return j2k(changed(SOT, 0, struct.pack(">H", 999)))


@row("j2k_100000_comments.dcm", "100,000 COM markers", "T.800 A.9.2", "", "", seconds=5)
def comments() -> bytes:
    stream = b.j2k()
    comment = struct.pack(">HHH", COM, 5, 1) + b"x"
    return j2k(b.inserted(stream, b.place_of(stream, COD), comment * 100_000))


@row(
    "lossy_says_lossless.dcm",
    "an irreversible stream in …4.90",
    "PS3.5 A.4.4",
    "",
    "lossy|irreversible|reversible",
)
def lossy() -> bytes:
    return j2k(b.j2k(lossy=True))


def jp2(stream: bytes, length: int | None = None) -> bytes:
    signature = struct.pack(">I4sI", 12, b"jP  ", 0x0D0A870A)
    kind = struct.pack(">I4s4sI4s", 20, b"ftyp", b"jp2 ", 0, b"jp2 ")
    said = len(stream) + 8 if length is None else length
    return signature + kind + struct.pack(">I4s", said, b"jp2c") + stream


@row("jp2_wrapper.dcm", "a JP2 file instead of a codestream", "PS3.5 8.2.4", "", "JP2|box|wrapper")
def wrapped() -> bytes:
    return j2k(jp2(b.j2k()))


@row("jp2_no_codestream.dcm", "a JP2 file without jp2c", "T.800 I.5", CORRUPT, ".")
def no_codestream() -> bytes:
    return j2k(jp2(b"")[:-8])


@row("jp2_box_0_forever.dcm", "boxes of length 1 and no extended length", "T.800 I.4", CORRUPT, ".")
def box_lies() -> bytes:
    return j2k(jp2(b"")[:-8] + struct.pack(">I4sQ", 1, b"uuid", 3) * 50)


@row("htj2k_cut.dcm", "HTJ2K, half of it missing", "T.814", CUT, ".")
def ht_cut() -> bytes:
    return j2k(b.htj2k()[: len(b.htj2k()) // 2], syntax=b.HTJ2K)


@row("htj2k_in_j2k.dcm", "HTJ2K blocks under …4.90", "PS3.5 A.4.4", "", "HT|syntax|Part 15|block")
def ht_in_j2k() -> bytes:
    return j2k(b.htj2k())


@row("jpeg_in_j2k.dcm", "a JPEG stream under …4.90", "PS3.5 A.4.4", CORRUPT, ".")
def jpeg_in_j2k() -> bytes:
    return b.made(b.J2K, b.byte_grey(64, 64), b.encapsulated([b.even(b.jpeg())]))


@row(
    "j2k_noise_in_packets.dcm",
    "noise in the packet headers",
    "T.800 B.10",
    "CorruptPixelData|",
    ".",
)
def noise() -> bytes:
    stream = bytearray(b.j2k())
    place = b.place_of(bytes(stream), SOD) + 2
    stream[place : place + 64] = bytes((i * 73 + 41) & 0x7F for i in range(64))
    return j2k(bytes(stream))
