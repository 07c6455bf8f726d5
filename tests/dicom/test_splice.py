"""Splicing: order, replacement, ranges, the meta header; the rules of what is held."""

from __future__ import annotations

import io
import struct

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit.dicom.encoding import encode
from radkit.dicom.objects import open_object
from radkit.dicom.rules import Outcome, check_holds, ratio_text
from radkit.dicom.splice import Edit, Span, plan, write
from radkit.dicom.uids import syntax
from radkit.errors import EncodeError

EXPLICIT = syntax("explicit-le")


def meta(uid: str = EXPLICIT.uid) -> bytes:
    body = encode(0x00020010, "UI", uid.encode())
    return bytes(128) + b"DICM" + encode(0x00020000, "UL", struct.pack("<I", len(body))) + body


class Sink:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.data += bytes(data)


def spliced(body: bytes, edits: dict[int, Edit | None], target: str = "explicit-le") -> bytes:
    with open_object(meta() + body) as obj:
        out = Sink()
        laid = plan(obj, syntax(target), edits, keep_pixels=True)
        write(laid, obj.reader, (), out)
    return out.data


def body_of(data: bytes) -> bytes:
    return data[144 + int.from_bytes(data[140:144], "little") :]


ELEMENTS = [
    encode(0x00080060, "CS", b"CT"),
    encode(0x00100020, "LO", b"1234"),
    encode(0x00111001, "UN", b"\1\2"),
    encode(0x00280010, "US", b"\2\0"),
    encode(0x7FE00010, "OW", b"12345678"),
    encode(0x7FE10010, "LO", b"AFTER "),
]


def test_edits_replace_insert_and_leave_out_in_order() -> None:
    edits = {
        0x00080005: Edit("CS", b"GBK"),
        0x00100020: Edit("LO", b"9"),
        0x00111001: None,
        0x00280011: Edit("US", b"\4\0"),
        0x7FE00001: Edit("OV", bytes(8)),
        0x7FE20010: Edit("LO", b"LAST"),
    }
    wanted = [
        encode(0x00080005, "CS", b"GBK"),
        ELEMENTS[0],
        encode(0x00100020, "LO", b"9"),
        ELEMENTS[3],
        encode(0x00280011, "US", b"\4\0"),
        encode(0x7FE00001, "OV", bytes(8)),
        *ELEMENTS[4:],
        encode(0x7FE20010, "LO", b"LAST"),
    ]
    assert body_of(spliced(b"".join(ELEMENTS), edits)) == b"".join(wanted)


def test_untouched_neighbours_are_one_range() -> None:
    with open_object(meta() + b"".join(ELEMENTS)) as obj:
        laid = plan(obj, EXPLICIT, {}, keep_pixels=True)
    assert len(laid.before) == len(laid.after) == 1


def test_long_neighbours_stay_in_the_source() -> None:
    comment = encode(0x00204000, "UT", bytes(3 << 20))
    with open_object(meta() + b"".join(sorted([*ELEMENTS, comment]))) as obj:
        laid = plan(obj, EXPLICIT, {}, keep_pixels=True)
    assert any(isinstance(piece, Span) for piece in laid.before)


def test_meta_header_is_renewed_and_the_rest_of_it_kept() -> None:
    body = encode(0x00020010, "UI", EXPLICIT.uid.encode())
    body += encode(0x00020016, "AE", b"ME") + encode(0x00020102, "OB", b"xy")
    head = bytes(range(128)) + b"DICM"
    head += encode(0x00020000, "UL", struct.pack("<I", len(body))) + body
    data = head + encode(0x00080016, "UI", b"1.2.3") + encode(0x00080018, "UI", b"1.2.4")
    with open_object(data) as obj:
        out = Sink()
        write(plan(obj, syntax("deflated"), {}, instance_uid="1.2.99"), obj.reader, (), out)
    assert out.data[:128] == bytes(128)
    read = pydicom.dcmread(io.BytesIO(out.data)).file_meta
    assert read.SourceApplicationEntityTitle == "ME"
    assert read[0x00020102].value == b"xy"
    assert read.MediaStorageSOPClassUID == "1.2.3"
    assert read.MediaStorageSOPInstanceUID == "1.2.99"
    assert read.TransferSyntaxUID == syntax("deflated").uid


tags = st.integers(0x0009, 0x5FFF).map(lambda group: (group | 1) << 16 | 0x1000)
values = st.binary(max_size=20).map(lambda b: b + bytes(len(b) & 1))


@given(st.dictionaries(tags, st.tuples(st.sampled_from(["OB", "UN", "LO", "SH"]), values)))
@settings(max_examples=80, deadline=None)
def test_splice_of_parse_is_the_identity(elements: dict[int, tuple[str, bytes]]) -> None:
    parts = [encode(tag, *elements[tag]) for tag in sorted(elements)]
    data = ELEMENTS[0] + b"".join(parts) + ELEMENTS[4]
    assert body_of(spliced(data, {})) == data


def outcome(**changes: object) -> Outcome:
    values: dict[str, object] = {
        "photometric": "MONOCHROME2",
        "samples": 1,
        "bits_allocated": 16,
        "bits_stored": 12,
        "high_bit": 11,
        "signed": False,
        "planar": False,
    }
    return Outcome(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "changes", "kind", "holds"),
    [
        ("rle", {}, "int", True),
        ("rle", {"bits_allocated": 32, "bits_stored": 32}, "int", True),
        ("rle", {"bits_allocated": 1, "bits_stored": 1}, "int", False),
        ("jpeg-lossless", {"signed": True}, "int", True),
        ("jpeg-lossless", {"bits_allocated": 32, "bits_stored": 20}, "int", False),
        ("jpeg-lossless", {"bits_stored": 1}, "int", False),
        ("jpegls", {"photometric": "PALETTE COLOR"}, "int", False),
        ("jpegls-lossless", {"photometric": "PALETTE COLOR"}, "int", True),
        ("jpeg2000", {"photometric": "PALETTE COLOR"}, "int", False),
        ("htj2k-lossless", {"photometric": "PALETTE COLOR"}, "int", True),
        ("htj2k", {"bits_allocated": 64, "bits_stored": 64}, "int", False),
        ("htj2k", {"samples": 4}, "int", False),
        ("jpeg2000", {"samples": 3, "signed": True}, "int", False),
        ("encapsulated", {}, "float", False),
        ("explicit-le", {"bits_allocated": 64, "bits_stored": 64}, "int", True),
        ("implicit-le", {}, "double", True),
    ],
)
def test_what_a_syntax_holds(name: str, changes: dict, kind: str, holds: bool) -> None:
    if holds:
        check_holds(syntax(name), outcome(**changes), kind)
    else:
        with pytest.raises(EncodeError) as caught:
            check_holds(syntax(name), outcome(**changes), kind)
        assert caught.value.section and caught.value.section.startswith("PS3.5 8")


def test_ratio_text_is_a_short_decimal() -> None:
    assert [ratio_text(r) for r in (8.0, 7.12345, 10.5, 200.0)] == ["8", "7.123", "10.5", "200"]
