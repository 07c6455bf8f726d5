"""Rows about JPEG, JPEG Lossless, JPEG-LS and JPEG XL streams."""

from __future__ import annotations

import struct

from tests.bad import build as b
from tests.bad.table import row

SOF0, SOF3, DHT, SOS, COM, LS_SOF = 0xFFC0, 0xFFC3, 0xFFC4, 0xFFDA, 0xFFFE, 0xFFF7
CORRUPT, CUT = "CorruptPixelData", "TruncatedPixelData"


def jpeg(stream: bytes, rows: int = 64, cols: int = 64) -> bytes:
    return b.made(b.JPEG, b.byte_grey(rows, cols), b.encapsulated([b.even(stream)]))


def sv1(stream: bytes, rows: int = 64, cols: int = 64) -> bytes:
    return b.made(b.SV1, b.grey(rows, cols), b.encapsulated([b.even(stream)]))


def jpegls(stream: bytes, rows: int = 64, cols: int = 64) -> bytes:
    said = b.grey(rows, cols) | {b.STORED: b.us(16), b.HIGH_BIT: b.us(15)}
    return b.made(b.JPEGLS, said, b.encapsulated([b.even(stream)]))


def changed(stream: bytes, marker: int, at: int, value: bytes) -> bytes:
    """Return `stream` with bytes of a segment replaced; `at` counts from behind its length."""
    return b.patched(stream, b.place_of(stream, marker) + 4 + at, value)


@row("jpeg_no_soi.dcm", "noise instead of JPEG", "T.81 B.2.1", CORRUPT, "SOI|JPEG|start|marker")
def no_soi() -> bytes:
    return jpeg(bytes(range(200)) * 3)


@row("jpeg_no_sof.dcm", "no frame header", "T.81 B.2.1", CORRUPT, "SOF|frame header")
def no_sof() -> bytes:
    return jpeg(b.without(b.jpeg(), SOF0))


@row("jpeg_only_soi.dcm", "SOI and nothing else", "T.81 B.2.1", "CorruptPixelData", ".")
def only_soi() -> bytes:
    return jpeg(b"\xff\xd8")


@row("jpeg_cut_in_header.dcm", "ends inside a table", "T.81 B.2.4", CUT, ".")
def cut_header() -> bytes:
    return jpeg(b.jpeg()[: b.place_of(b.jpeg(), DHT) + 10])


@row("jpeg_cut.dcm", "half of the scan is missing", "T.81 B.1.1", CUT, ".")
def cut() -> bytes:
    return jpeg(b.jpeg()[: len(b.jpeg()) * 2 // 3])


@row("jpeg_no_eoi.dcm", "EOI is missing, the scan is whole", "T.81 B.2.1", "", "EOI|end")
def no_eoi() -> bytes:
    return jpeg(b.jpeg()[:-2])


@row("jpeg_vs_rows.dcm", "SOF 64 x 64, Rows 32", "PS3.5 8.2.1", CORRUPT, "SOF|size|Rows|64")
def rows_differ() -> bytes:
    return jpeg(b.jpeg(), 32, 64)


@row(
    "jpeg_65500sq.dcm",
    "SOF 65500 x 65500, Rows 64",
    "PS3.5 8.2.1",
    CORRUPT,
    "SOF|size|Rows|65500",
    memory_mib=32,
)
def huge() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 1, struct.pack(">HH", 65500, 65500)))


@row(
    "jpeg_65500sq_rows_too.dcm",
    "SOF and Rows 65500 x 65500",
    "limits",
    "LimitExceeded",
    "pixels",
    memory_mib=32,
)
def huge_too() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 1, struct.pack(">HH", 65500, 65500)), 65500, 65500)


@row(
    "jpeg_lines_0.dcm",
    "no lines in SOF and no DNL",
    "T.81 B.2.5",
    "CorruptPixelData|UnsupportedTransferSyntax",
    "SOF|size|Rows|lines|DNL",
)
def no_lines() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 1, b"\0\0"))


@row("jpeg_precision_3.dcm", "3 bits per sample", "T.81 B.2.2", CORRUPT, "SOF|precision|bits")
def precision() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 0, b"\3"))


@row("jpeg_components_0.dcm", "no components", "T.81 B.2.2", CORRUPT, "SOF|component|frame header")
def components() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 5, b"\0"))


@row(
    "jpeg_sampling_0.dcm", "sampling factors of 0", "T.81 B.2.2", CORRUPT, "SOF|sampling|component"
)
def sampling() -> bytes:
    return jpeg(changed(b.jpeg(), SOF0, 7, b"\0"))


@row(
    "jpeg_sof9.dcm",
    "arithmetic coding under …4.50",
    "T.81 B.1.1.3",
    "CorruptPixelData|UnsupportedTransferSyntax",
    "SOF|arithmetic|process",
)
def arithmetic() -> bytes:
    stream = b.jpeg()
    return jpeg(b.patched(stream, b.place_of(stream, SOF0), b"\xff\xc9"))


@row(
    "jpeg_segment_length_1.dcm",
    "a segment of length 1",
    "T.81 B.1.1.4",
    CORRUPT,
    "length|segment|marker",
)
def segment_one() -> bytes:
    stream = b.jpeg()
    return jpeg(b.patched(stream, b.place_of(stream, DHT) + 2, b"\0\1"))


@row(
    "jpeg_tem_markers.dcm",
    "100,000 markers FF01 without a length",
    "T.81 B.1.1.3",
    "CorruptPixelData|",
    ".",
    seconds=5,
)
def tem() -> bytes:
    return jpeg(b.inserted(b.jpeg(), 2, b"\xff\x01" * 100_000))


@row(
    "jpeg_fill_bytes.dcm",
    "1 MB of fill bytes before a marker",
    "T.81 B.1.1.2",
    "CorruptPixelData|",
    ".",
    seconds=5,
)
def fill() -> bytes:
    return jpeg(b.inserted(b.jpeg(), 2, b"\xff" * 1_000_000))


@row(
    "jpeg_100000_comments.dcm",
    "100,000 comment segments",
    "T.81 B.2.4.5",
    "CorruptPixelData|",
    ".",
    seconds=5,
)
def comments() -> bytes:
    return jpeg(b.inserted(b.jpeg(), 2, struct.pack(">HH", COM, 3) * 100_000))


@row(
    "jpeg_dht_overfull.dcm",
    "more codes than a prefix code can have",
    "T.81 C.2",
    CORRUPT,
    "DHT|Huffman|code|table",
)
def overfull() -> bytes:
    return jpeg(changed(b.jpeg(), DHT, 1, b"\x05"))


@row("sv1_cut.dcm", "JPEG Lossless, half of it missing", "T.81 H", CUT, ".")
def sv1_cut() -> bytes:
    return sv1(b.sv1()[: len(b.sv1()) // 2])


@row("sv1_cut_by_20.dcm", "JPEG Lossless, the last 20 bytes missing", "T.81 H", CUT, ".")
def sv1_end() -> bytes:
    return sv1(b.sv1()[:-20])


@row(
    "sv1_no_dht.dcm",
    "JPEG Lossless without a Huffman table",
    "T.81 B.2.4.2",
    CORRUPT,
    "DHT|Huffman|table",
)
def sv1_no_table() -> bytes:
    return sv1(b.without(b.sv1(), DHT))


@row(
    "sv1_dht_overfull.dcm",
    "JPEG Lossless with a table of too many codes",
    "T.81 C.2",
    CORRUPT,
    "DHT|Huffman|code|table|length",
)
def sv1_overfull() -> bytes:
    return sv1(changed(b.sv1(), DHT, 1, b"\x05"))


@row(
    "sv1_dht_class_40.dcm",
    "JPEG Lossless with a category of 40",
    "T.81 H.1.2.2",
    CORRUPT,
    "DHT|Huffman|categor|table|symbol",
)
def sv1_category() -> bytes:
    return sv1(changed(b.sv1(), DHT, 17, bytes([40]) * 3))


@row("sv1_predictor_9.dcm", "predictor 9", "T.81 H.1.2.1", CORRUPT, "predictor|SOS|Ss")
def sv1_predictor() -> bytes:
    return sv1(changed(b.sv1(), SOS, 3, b"\x09"))


@row(
    "sv1_predictor_0.dcm",
    "predictor 0, for hierarchical streams only",
    "T.81 H.1.2.1",
    CORRUPT,
    "predictor|SOS|Ss",
)
def sv1_predictor_none() -> bytes:
    return sv1(changed(b.sv1(), SOS, 3, b"\x00"))


@row(
    "sv1_point_transform_15.dcm",
    "point transform 15 of 12 bits",
    "T.81 H.1.2.1",
    CORRUPT,
    "point|SOS|Al|transform",
)
def sv1_point() -> bytes:
    return sv1(changed(b.sv1(), SOS, 5, b"\x0f"))


@row(
    "sv1_component_unknown.dcm",
    "the scan names an absent component",
    "T.81 B.2.3",
    CORRUPT,
    "component|SOS|scan",
)
def sv1_component() -> bytes:
    return sv1(changed(b.sv1(), SOS, 1, b"\x77"))


@row(
    "sv1_restart_missing.dcm",
    "a restart interval and no restart markers",
    "T.81 F.2.2.4",
    "CorruptPixelData|TruncatedPixelData",
    "restart|RST|marker|end",
)
def sv1_restart() -> bytes:
    return sv1(b.inserted(b.sv1(), 2, struct.pack(">HHH", 0xFFDD, 4, 64)))


@row("sv1_vs_rows.dcm", "SOF3 64 x 64, Rows 128", "PS3.5 8.2.2", CORRUPT, "SOF|size|Rows|64")
def sv1_rows() -> bytes:
    return sv1(b.sv1(), 128, 64)


@row("sv1_17_bits.dcm", "17 bits per sample", "T.81 B.2.2", CORRUPT, "SOF|precision|bits")
def sv1_bits() -> bytes:
    return sv1(changed(b.sv1(), SOF3, 0, b"\x11"))


@row("jpegls_cut.dcm", "JPEG-LS, half of it missing", "T.87 A", CUT, ".")
def ls_cut() -> bytes:
    return jpegls(b.jpegls()[: len(b.jpegls()) // 2])


@row("jpegls_vs_rows.dcm", "SOF55 64 x 64, Rows 32", "PS3.5 8.2.3", CORRUPT, "SOF|size|Rows|64")
def ls_rows() -> bytes:
    return jpegls(b.jpegls(), 32, 64)


@row(
    "jpegls_65500sq.dcm",
    "SOF55 65500 x 65500, Rows 64",
    "PS3.5 8.2.3",
    CORRUPT,
    "SOF|size|Rows|65500",
    memory_mib=32,
)
def ls_huge() -> bytes:
    return jpegls(changed(b.jpegls(), LS_SOF, 1, struct.pack(">HH", 65500, 65500)))


@row(
    "jpegls_near_255.dcm",
    "NEAR 255 under the lossless syntax",
    "PS3.5 A.4.3",
    "CorruptPixelData|",
    "NEAR|lossless|lossy|JPEG-LS",
)
def ls_near() -> bytes:
    return jpegls(changed(b.jpegls(), SOS, 3, b"\xff"))


@row(
    "jpegls_no_sof.dcm", "JPEG-LS without a frame header", "T.87 C.2.2", CORRUPT, "SOF|frame header"
)
def ls_no_sof() -> bytes:
    return jpegls(b.without(b.jpegls(), LS_SOF))


@row("jpeg_in_jpegls.dcm", "a JPEG stream under …4.80", "PS3.5 A.4.3", "", "JPEG")
def jpeg_in_ls() -> bytes:
    return b.made(b.JPEGLS, b.byte_grey(64, 64), b.encapsulated([b.even(b.jpeg())]))


@row("jxl_garbage.dcm", "a JPEG XL signature and noise", "ISO 18181-1", CORRUPT, ".")
def jxl() -> bytes:
    stream = b"\xff\x0a" + bytes(range(250))
    return b.made(b.JXL, b.grey(), b.encapsulated([stream]))
