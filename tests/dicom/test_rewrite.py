"""Element rewriting, held against pydicom on generated data sets."""

from __future__ import annotations

import contextlib
import io
import struct

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from radkit import limits
from radkit._native import _scan
from radkit.dicom.encoding import EXPLICIT, IMPLICIT, Encoding, encode, swapped, vr_of
from radkit.dicom.rewrite import Rewriter
from radkit.errors import CorruptFile, LimitExceeded

BIG = Encoding(big=True)


def written(dataset: Dataset, *, implicit: bool, little: bool = True) -> bytes:
    out = DicomBytesIO()
    out.is_implicit_VR = implicit
    out.is_little_endian = little
    write_dataset(out, dataset)
    return out.getvalue()


def sample(undefined: bool = False) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = "A^B"
    ds.PixelRepresentation = 1
    ds.SmallestImagePixelValue = -7
    ds.add_new(0x00281052, "DS", "-1024")
    ds.add_new(0x00091001, "OB", b"\x01\x02")
    inner = Dataset()
    inner.PixelRepresentation = 0
    inner.SmallestImagePixelValue = 9
    inner.ReferencedSOPInstanceUID = "1.2.3"
    nested = Dataset()
    nested.CodeValue = "X"
    inner.PurposeOfReferenceCodeSequence = [nested]
    ds.ReferencedImageSequence = [inner, Dataset()]
    ds.add_new(0x00181316, "DS", "1.5")
    ds.add_new(0x00280009, "AT", 0x00181063)
    ds.add_new(0x00720074, "FD", [1.5, -2.5])
    ds.add_new(0x00186020, "SL", [-5, 5])
    if undefined:
        ds["ReferencedImageSequence"].is_undefined_length = True
        for item in ds.ReferencedImageSequence:
            item.is_undefined_length_sequence_item = True
    return ds


@pytest.mark.parametrize("undefined", [False, True])
def test_implicit_to_explicit_equals_pydicom(undefined: bool) -> None:
    ds = sample(undefined)
    del ds[0x00091001]
    implicit = written(ds, implicit=True)
    assert Rewriter(IMPLICIT, EXPLICIT, signed=True).dataset(implicit) == written(
        ds, implicit=False
    )


@pytest.mark.parametrize("undefined", [False, True])
def test_explicit_to_implicit_equals_pydicom(undefined: bool) -> None:
    ds = sample(undefined)
    explicit = written(ds, implicit=False)
    assert Rewriter(EXPLICIT, IMPLICIT).dataset(explicit) == written(ds, implicit=True)


@pytest.mark.parametrize("undefined", [False, True])
def test_big_endian_to_explicit_equals_pydicom(undefined: bool) -> None:
    ds = sample(undefined)
    big = written(ds, implicit=False, little=False)
    assert Rewriter(BIG, EXPLICIT).dataset(big) == written(ds, implicit=False)


def test_sign_of_nested_data_set_decides_its_own_vr() -> None:
    implicit = written(sample(), implicit=True)
    explicit = Rewriter(IMPLICIT, EXPLICIT, signed=True).dataset(implicit)
    read = pydicom.dcmread(io.BytesIO(explicit), force=True)
    assert read[0x00280106].VR == "SS"
    assert read.ReferencedImageSequence[0][0x00280106].VR == "US"
    assert read.ReferencedImageSequence[0].SmallestImagePixelValue == 9


def test_private_elements_of_implicit_become_un_and_creators_lo() -> None:
    data = struct.pack("<HHI", 9, 0x10, 4) + b"ACME" + struct.pack("<HHI", 9, 0x1001, 2) + b"\1\2"
    out = Rewriter(IMPLICIT, EXPLICIT).dataset(data)
    assert out == encode(0x00090010, "LO", b"ACME") + encode(0x00091001, "UN", b"\1\2")


def test_private_sequence_of_undefined_length_is_carried_as_un() -> None:
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    items += struct.pack("<HHI", 9, 0x1002, 2) + b"ab"
    items += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    data = struct.pack("<HHI", 9, 0x1001, 0xFFFFFFFF) + items
    explicit = Rewriter(IMPLICIT, EXPLICIT).dataset(data)
    assert explicit == struct.pack("<HH2sHI", 9, 0x1001, b"UN", 0, 0xFFFFFFFF) + items
    assert Rewriter(EXPLICIT, IMPLICIT).dataset(explicit) == data


def test_short_vr_with_a_long_value_becomes_un() -> None:
    value = b"1\\" * 40_000
    data = struct.pack("<HHI", 0x0028, 0x1052, len(value)) + value
    out = Rewriter(IMPLICIT, EXPLICIT).dataset(data)
    assert out[4:6] == b"UN"
    assert out[12:] == value


def test_group_lengths_are_dropped() -> None:
    data = encode(0x00080000, "UL", b"\4\0\0\0") + encode(0x00080060, "CS", b"CT")
    assert Rewriter(EXPLICIT, IMPLICIT).dataset(data)[:4] == b"\x08\x00\x60\x00"


def test_un_of_big_endian_is_kept_and_told() -> None:
    data = struct.pack(">HH2sHI", 9, 0x1001, b"UN", 0, 4) + b"\1\2\3\4"
    rewriter = Rewriter(BIG, EXPLICIT)
    assert rewriter.dataset(data)[12:] == b"\1\2\3\4"
    assert [p.code for p in rewriter.problems] == ["unknown-byte-order"]


def test_dictionary_sequence_without_items_is_carried_as_un() -> None:
    data = struct.pack("<HHI", 0x0008, 0x1140, 4) + b"junk"
    rewriter = Rewriter(IMPLICIT, EXPLICIT)
    assert rewriter.dataset(data) == struct.pack("<HH2sHI", 8, 0x1140, b"UN", 0, 4) + b"junk"
    assert [p.code for p in rewriter.problems] == ["not-items"]


@pytest.mark.parametrize(
    ("tag", "length", "signed", "vr"),
    [
        (0x7FE00010, 100, False, "OW"),
        (0x60003000, 100, False, "OW"),
        (0x00280106, 2, True, "SS"),
        (0x00280106, 2, False, "US"),
        (0x00283006, 2, False, "US"),
        (0x00283006, 512, False, "OW"),
        (0x00081140, 0xFFFFFFFF, False, "SQ"),
        (0x00091001, 0xFFFFFFFF, False, "UN"),
        (0x00090010, 4, False, "LO"),
        (0x00400000 | 0xDEAD, 4, False, "UN"),
    ],
)
def test_vr_of_an_implicit_element(tag: int, length: int, signed: bool, vr: str) -> None:
    assert vr_of(tag, length, signed=signed) == vr


def test_nesting_beyond_the_limit_is_refused() -> None:
    def nest(depth: int) -> bytes:
        data = b""
        for _ in range(depth):
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data
            data = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, len(item)) + item
        return data

    Rewriter(EXPLICIT, IMPLICIT).dataset(nest(30))
    with pytest.raises(LimitExceeded):
        Rewriter(EXPLICIT, IMPLICIT).dataset(nest(40))
    with limits.use(max_depth=100_000), pytest.raises(LimitExceeded):
        Rewriter(EXPLICIT, IMPLICIT).dataset(nest(3000))


@given(st.binary(max_size=200), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_result_or_a_typed_error(data: bytes, implicit: bool, big: bool) -> None:
    source = Encoding(implicit=implicit, big=big and not implicit)
    for target in (EXPLICIT, IMPLICIT):
        with contextlib.suppress(CorruptFile, LimitExceeded):
            Rewriter(source, target).dataset(data)


VALUES = {
    "US": st.binary(min_size=2, max_size=2),
    "SS": st.binary(min_size=2, max_size=2),
    "FD": st.binary(min_size=8, max_size=8),
    "OB": st.binary(max_size=30).map(lambda b: b + bytes(len(b) & 1)),
    "LO": st.binary(max_size=30).map(lambda b: b + b" " * (len(b) & 1)),
    "UN": st.binary(max_size=30).map(lambda b: b + bytes(len(b) & 1)),
    "UT": st.binary(max_size=30).map(lambda b: b + b" " * (len(b) & 1)),
}
# Tags of the private group 0011: no dictionary has an opinion on them.
LEAF = st.sampled_from(sorted(VALUES)).flatmap(lambda vr: st.tuples(st.just(vr), VALUES[vr]))


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> bytes:
    out = b""
    for tag in sorted(draw(st.sets(st.integers(0x00111000, 0x001110FF), max_size=5))):
        if depth < 3 and draw(st.integers(0, 3)) == 0:
            body = b""
            for item in draw(st.lists(data_sets(depth=depth + 1), max_size=2)):
                if draw(st.booleans()):
                    body += struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
                else:
                    body += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + item
                    body += struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
            head = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"SQ", 0)
            if draw(st.booleans()):
                out += head + struct.pack("<I", len(body)) + body
            else:
                out += head + b"\xff\xff\xff\xff" + body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        else:
            vr, value = draw(LEAF)
            out += encode(tag, vr, value)
    return out


@given(data_sets())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rewriting_to_the_same_encoding_is_the_identity(data: bytes) -> None:
    assert Rewriter(EXPLICIT, EXPLICIT).dataset(data) == data


def test_hook_replaces_values_and_lengths_follow() -> None:
    explicit = written(sample(), implicit=False)

    def hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
        return b"1.2.3.4.5.6\0" if path[-1] == 0x00081155 else None

    out = Rewriter(EXPLICIT, EXPLICIT, hook=hook).dataset(explicit)
    wanted = sample()
    wanted.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.5.6"
    assert out == written(wanted, implicit=False)


def test_swapped_leaves_a_tail_alone() -> None:
    assert swapped(b"\1\2\3\4\5", 2) == b"\2\1\4\3\5"
    assert swapped(b"\1\2\3\4", 1) == b"\1\2\3\4"


@pytest.mark.parametrize("big", [False, True])
def test_headers_are_read_as_the_walk_of_objects_does(big: bool) -> None:
    order = ">" if big else "<"
    future = struct.pack(f"{order}HH2sHI", 0x0011, 0x1001, b"ZZ", 0, 4) + b"\1\2\3\4"
    stray = struct.pack(f"{order}HHI", 0x0028, 0x0010, 2) + struct.pack(f"{order}H", 64)
    text = struct.pack(f"{order}HH2sH", 0x0040, 0xA160, b"QQ", 2) + b"no"
    body = future + stray + text
    source = Encoding(big=big)
    table = _scan.Table(0, len(body), big_endian=big)
    table.feed(body, 0)
    rewriter = Rewriter(source, EXPLICIT)
    at = 0
    for row in range(3):
        raw = rewriter.parse(memoryview(body), at)
        tag, _, offset, value, length, end = table.row(row)
        found = (raw.tag, raw.start, raw.value, raw.length, raw.end)
        assert found == (tag, offset, value, length, end)
        at = raw.end
    # An unknown VR has the long form; an element without a VR gets that of the dictionary.
    out = rewriter.dataset(body)
    assert out.startswith(struct.pack("<HH2sHI", 0x0011, 0x1001, b"ZZ", 0, 4) + b"\1\2\3\4")
    assert struct.pack("<HH2sHH", 0x0028, 0x0010, b"US", 2, 64) in out
    assert out.endswith(b"QQ\0\0\2\0\0\0no")
