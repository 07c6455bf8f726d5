"""Rows about the DICOM structure: preamble, meta header, elements, sequences, deflate."""

from __future__ import annotations

import struct
import zlib

from tests.bad import build as b
from tests.bad.table import row


def good() -> bytes:
    return b.made(b.EXPLICIT, b.grey(), b.native(b.picture().tobytes()))


@row("empty.dcm", "no bytes at all", "PS3.10 7.1", "CorruptFile", "empty|0 bytes|short|DICOM")
def empty() -> bytes:
    return b""


@row("one_byte.dcm", "one byte", "PS3.10 7.1", "CorruptFile", "short|DICOM|bytes|ends")
def one_byte() -> bytes:
    return b"D"


@row("cut_in_preamble.dcm", "ends inside the preamble", "PS3.10 7.1", "CorruptFile", ".")
def cut_in_preamble() -> bytes:
    return good()[:100]


@row("cut_in_magic.dcm", "ends inside 'DICM'", "PS3.10 7.1", "CorruptFile", ".")
def cut_in_magic() -> bytes:
    return good()[:130]


@row("meta_only.dcm", "ends behind 'DICM'", "PS3.10 7.1", "CorruptFile", ".")
def meta_only() -> bytes:
    return good()[:132]


@row("not_dicom.png", "a PNG picture", "PS3.10 7.1", "CorruptFile", "DICOM|element|VR")
def not_dicom() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + zlib.compress(bytes(range(256)) * 8)


@row("not_dicom.txt", "a text file", "PS3.10 7.1", "CorruptFile", "DICOM|element|VR")
def text_file() -> bytes:
    return b"This is not an image, whatever its name says.\n" * 40


@row("cut_in_meta_element.dcm", "ends inside the meta header", "PS3.10 7.1", "CorruptFile", ".")
def cut_in_meta() -> bytes:
    return good()[: 132 + 12 + 20]


@row(
    "meta_length_4g.dcm",
    "an element of the meta header says 4 GB",
    "PS3.10 7.1",
    "CorruptFile",
    "length|past|end|meta",
)
def meta_length_4g() -> bytes:
    extra = b.head(0x00020102, "OB", 0xFFFFFFF0) + b"x" * 8
    return b.meta(b.EXPLICIT, extra=extra) + b.data_set(b.grey(), b.native(bytes(512)))


@row(
    "meta_1mib.dcm",
    "a meta header of 1 MiB",
    "PS3.10 7.1",
    "CorruptFile|LimitExceeded",
    "meta|0002|value",
)
def meta_huge() -> bytes:
    extra = b.element(0x00020102, "OB", bytes(1 << 20))
    return b.meta(b.EXPLICIT, extra=extra) + b.data_set(b.grey(), b.native(bytes(512)))


@row("no_transfer_syntax.dcm", "no Transfer Syntax UID", "PS3.10 7.1", "", "syntax")
def no_syntax() -> bytes:
    return b.made(None, b.grey(), b.native(bytes(512)))


@row("syntax_empty.dcm", "an empty Transfer Syntax UID", "PS3.10 7.1", "", "syntax")
def syntax_empty() -> bytes:
    return b.made("", b.grey(), b.native(bytes(512)))


def other_syntax(uid: str) -> bytes:
    return b.made(uid, b.grey(), b.encapsulated([b"\0\0\1\xb3" + bytes(60)]))


for name, uid, wrong, says in (
    ("unknown", "1.2.3.4", "an unknown transfer syntax", "1.2.3.4"),
    ("video_mpeg2", "1.2.840.10008.1.2.4.100", "MPEG-2 video", "video|MPEG"),
    ("video_h264", "1.2.840.10008.1.2.4.102", "H.264 video", "video|H.264|MPEG"),
    ("jpip", "1.2.840.10008.1.2.4.94", "JPIP: the pixels are elsewhere", "elsewhere|JPIP"),
    (
        "arithmetic",
        "1.2.840.10008.1.2.4.52",
        "retired JPEG, arithmetic coding",
        "arithmetic|retired",
    ),
    (
        "hierarchical",
        "1.2.840.10008.1.2.4.60",
        "retired JPEG, hierarchical",
        "hierarchical|retired",
    ),
    ("mime", "1.2.840.10008.1.2.6.1", "retired: MIME encapsulation", "MIME|retired"),
):
    row(f"syntax_{name}.dcm", wrong, "PS3.6 A", "UnsupportedTransferSyntax", says)(
        lambda uid=uid: other_syntax(uid)
    )


@row("cut_in_element_header.dcm", "ends inside tag and length", "PS3.5 7.1", "CorruptFile", ".")
def cut_in_element() -> bytes:
    return b.meta(b.EXPLICIT) + b.data_set(b.grey(), b"")[:-5]


@row("cut_in_value.dcm", "ends inside a value", "PS3.5 7.1", "CorruptFile", ".")
def cut_in_value() -> bytes:
    data = b.meta(b.EXPLICIT) + b.data_set(b.grey(), b"")
    return data[: data.index(b.PATIENT.encode()) + 4]


@row(
    "length_past_end.dcm",
    "an element says more bytes than the file has",
    "PS3.5 7.1",
    "CorruptFile",
    "length|past|end|beyond",
)
def length_past_end() -> bytes:
    lie = b.head(0x00081140, "UN", 0x7FFFFFF0) + bytes(20)
    data = b.data_set(b.grey(), b.native(bytes(512)))
    place = data.index(b.tag_bytes(0x00100010))
    return b.meta(b.EXPLICIT) + data[:place] + lie + data[place:]


@row("vr_unknown.dcm", "a VR of two zero bytes", "PS3.5 7.1", "CorruptFile", "VR|element|length")
def vr_unknown() -> bytes:
    data = bytearray(good())
    place = data.index(b.tag_bytes(b.ROWS))
    data[place + 4 : place + 6] = b"\1\2"
    return bytes(data)


def with_sequence(body: bytes) -> bytes:
    data = b.data_set(b.grey(), b.native(b.picture().tobytes()))
    place = data.index(b.tag_bytes(0x00100010))
    return b.meta(b.EXPLICIT) + data[:place] + body + data[place:]


@row(
    "sequence_never_closed.dcm",
    "a sequence of undefined length without its end",
    "PS3.5 7.5",
    "CorruptFile",
    ".",
)
def never_closed() -> bytes:
    body = b.head(0x00081140, "SQ", b.UNDEFINED) + b.ITEM + struct.pack("<I", b.UNDEFINED)
    return with_sequence(body)


@row(
    "item_past_end.dcm",
    "an item reaches behind the file",
    "PS3.5 7.5",
    "CorruptFile",
    "item|sequence|length|past",
)
def item_past() -> bytes:
    value = b.element(0x00081150, "UI", b.CT.encode())
    body = b.head(0x00081140, "SQ", b.UNDEFINED) + b.item(value, length=len(value) + 9000)
    return with_sequence(body)


@row(
    "cut_in_item.dcm",
    "ends inside an item of a sequence",
    "PS3.5 7.5",
    "CorruptFile",
    ".",
)
def cut_in_item() -> bytes:
    value = b.element(0x00081150, "UI", b.CT.encode())
    whole = with_sequence(b.head(0x00081140, "SQ", 8 + len(value)) + b.item(value))
    return whole[: whole.index(b.ITEM) + 20]


@row(
    "sq_depth_10000.dcm",
    "10,000 nested sequences",
    "limits",
    "LimitExceeded",
    "max_depth|depth|nested",
)
def depth() -> bytes:
    step = b.head(0x00081140, "SQ", b.UNDEFINED) + b.ITEM + struct.pack("<I", b.UNDEFINED)
    close = b.ITEM_END + bytes(4) + b.SEQUENCE_END + bytes(4)
    return with_sequence(step * 10_000 + close * 10_000)


@row(
    "sq_depth_in_un.dcm",
    "5,000 nested sequences hidden in UN of undefined length",
    "limits",
    "LimitExceeded",
    "max_depth|depth|nested",
)
def depth_in_un() -> bytes:
    implicit = struct.pack("<HHI", 0x0008, 0x1140, b.UNDEFINED)
    step = b.ITEM + struct.pack("<I", b.UNDEFINED) + implicit
    close = b.SEQUENCE_END + bytes(4) + b.ITEM_END + bytes(4)
    body = b.head(0x00091010, "UN", b.UNDEFINED) + step * 5_000 + close * 5_000
    return with_sequence(body + b.SEQUENCE_END + bytes(4))


@row(
    "elements_too_many.dcm",
    "more elements than the limit allows",
    "limits",
    "LimitExceeded",
    "max_elements",
    limits={"max_elements": 1000},
)
def elements_too_many() -> bytes:
    return with_sequence(b"".join(b.element(0x00090010 + i, "LO", b"") for i in range(3000)))


def deflated(payload: bytes) -> bytes:
    return b.meta(b.DEFLATED) + payload


def deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b.even(coder.compress(data) + coder.flush())


@row(
    "deflate_bomb.dcm",
    "64 kB that inflate to 64 MiB",
    "limits",
    "LimitExceeded",
    "max_inflated_bytes|inflated",
    limits={"max_inflated_bytes": 16 << 20},
)
def deflate_bomb() -> bytes:
    return deflated(deflate(b.data_set(b.grey(), b.native(bytes(64 << 20)))))


@row(
    "deflate_cut.dcm",
    "the deflated data set ends early",
    "PS3.5 A.5",
    "CorruptFile",
    "deflate|inflate|ends",
)
def deflate_cut() -> bytes:
    whole = deflate(b.data_set(b.grey(), b.native(b.picture().tobytes())))
    return deflated(whole[: len(whole) // 2])


@row("deflate_garbage.dcm", "not a deflate stream", "PS3.5 A.5", "CorruptFile", "deflate|inflate")
def deflate_garbage() -> bytes:
    return deflated(b"\xff\xfe" * 500)


@row(
    "deflate_empty.dcm",
    "nothing behind the meta header",
    "PS3.5 A.5",
    "CorruptFile",
    ".",
)
def deflate_empty() -> bytes:
    return deflated(b"")


@row(
    "rows_twice.dcm",
    "Rows stands twice, with two values",
    "PS3.5 7.1",
    "CorruptFile|TruncatedPixelData",
    ".",
)
def rows_twice() -> bytes:
    data = good()
    place = data.index(b.tag_bytes(b.COLS))
    return b.inserted(data, place, b.element(b.ROWS, *b.us(4096)))


@row(
    "no_pixels.dcm",
    "an image without Pixel Data",
    "PS3.3 C.7.6.3",
    "CorruptFile|CorruptPixelData",
    "pixel",
)
def no_pixels() -> bytes:
    return b.made(b.EXPLICIT, b.grey(), b"")


@row(
    "signed.dcm",
    "a digital signature would be broken",
    "PS3.15 C",
    "EncodeError",
    "signature",
    do="transcode",
)
def signed() -> bytes:
    value = b.element(0x04000100, "UI", b.INSTANCE.encode())
    item = b.item(value)
    sequence = b.head(0xFFFAFFFA, "SQ", len(item)) + item
    return good() + sequence
