from __future__ import annotations

import io
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_dataset
from written import (
    BIG,
    END_ITEM,
    END_SEQUENCE,
    EXPLICIT,
    IMPLICIT,
    SHARED,
    UNDEFINED,
    element,
    item,
    meta,
    text,
    us,
)

from radkit import limits
from radkit.dicom.elements import Elements
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, LimitExceeded, RadkitError

FILES = sorted(SHARED.rglob("*.dcm")) if SHARED.is_dir() else []


def opened(data, syntax=EXPLICIT):
    return open_object(meta(syntax) + element(0x00080016, "UI", b"1.2\0", **FORMS[syntax]) + data)


FORMS = {EXPLICIT: {}, IMPLICIT: {"implicit": True}, BIG: {"big": True}}


def same(mine: Elements, theirs: Dataset, data: bytes) -> None:
    """Compare tags, VRs, raw values and items with what pydicom read raw."""
    stated = [e for e in mine if e.tag not in (0x7FE00008, 0x7FE00009, 0x7FE00010)]
    tags = [
        int(tag) for tag in list(theirs.keys()) if tag not in (0x7FE00008, 0x7FE00009, 0x7FE00010)
    ]
    assert [e.tag for e in stated] == tags
    for e in stated:
        raw = theirs.get_item(e.tag)
        if isinstance(raw, RawDataElement) and raw.VR and not raw.is_implicit_VR:
            assert e.vr == raw.VR
        if raw.VR == "SQ":
            raw = theirs[e.tag]
            items = mine.items(e.tag)
            assert len(items) == len(raw.value)
            for one, other in zip(items, raw.value, strict=True):
                same(one, other, data)
        elif isinstance(raw, RawDataElement):
            assert bytes(mine.raw(e.tag)) == (raw.value or b"")
            assert mine.depth or raw.value_tell == e.value


@pytest.mark.filterwarnings("ignore")  # what pydicom thinks of the values
@pytest.mark.skipif(not FILES, reason="shared/data is absent")
def test_elements_of_every_file_equal_pydicom():
    seen = 0
    for path in FILES:
        if path.stem in ("broken_stray_leading_byte",):
            continue
        data = path.read_bytes()
        theirs = dcmread(path, force=True)
        with open_object(path) as on_disk, open_object(data) as mine:
            if mine.syntax.deflated or path.stem == "broken_j2k_emri_too_short":
                continue  # other offsets; pydicom gives nothing
            assert list(mine.elements) == list(on_disk.elements), path.name
            same(mine.elements, theirs, data)
            for tag in (0x00020010, 0x00020003):
                if tag in getattr(theirs, "file_meta", ()):
                    assert mine.meta.text(tag) == str(theirs.file_meta[tag].value)
            seen += 1
    assert seen > 300


# -- values --


def test_texts_are_trimmed_and_split():
    e = opened(element(0x00080060, "CS", b"CT \\ MR\0")).elements
    assert e.texts(0x00080060) == ("CT", "MR")
    assert e.text(0x00080060) == "CT"
    assert e.text(0x00080070) is None and e.texts(0x00080070) == ()
    assert opened(element(0x00080060, "CS", b"  ")).elements.text(0x00080060) is None


@pytest.mark.parametrize(
    ("charset", "codec", "value"),
    [
        ("ISO_IR 192", "utf-8", "王^小"),
        ("GB18030", "gb18030", "誠\\乗"),
        ("GBK", "gbk", "乗x"),
        ("ISO_IR 100", "latin-1", "Müller"),
        ("ISO_IR 144", "iso8859-5", "Люк"),
        ("\\ISO 2022 IR 149", "euc_kr", "김"),
        ("ISO 2022 IR 100", "latin-1", "é"),
    ],
)
def test_texts_are_decoded_before_they_are_split(charset, codec, value):
    data = value.encode(codec)
    e = opened(
        element(0x00080005, "CS", text(charset)) + element(0x0008103E, "LO", data + b" ")
    ).elements
    assert e.texts(0x0008103E) == tuple(value.split("\\"))


def test_text_of_unknown_charset_never_fails():
    for charset in (b"ISO_IR 192", b"NONSENSE", b"ISO_IR 13 ", b"\xff\xfe", b""):
        e = opened(
            element(0x00080005, "CS", charset) + element(0x0008103E, "LO", b"\xff\xfe\x81 ")
        ).elements
        assert e.text(0x0008103E)


@pytest.mark.parametrize("syntax", list(FORMS))
@pytest.mark.parametrize(
    ("tag", "vr", "code", "values"),
    [
        (0x00280010, "US", "H", (512,)),
        (0x00209157, "UL", "I", (1, 2**32 - 1)),
        (0x00189087, "FD", "d", (1000.5, -1.0)),
        (0x7FE00001, "OV", "Q", (0, 2**63)),
        (0x00280106, "SS", "h", (-5,)),
        (0x00186020, "SL", "i", (-(2**31),)),
        (0x00189219, "SS", "h", (-7,)),
        (0x00186024, "US", "H", (3,)),
    ],
)
def test_binary_numbers(syntax, tag, vr, code, values):
    order = ">" if syntax == BIG else "<"
    value = struct.pack(f"{order}{len(values)}{code}", *values)
    e = opened(element(tag, vr, value, **FORMS[syntax]), syntax).elements
    if vr != "SS" or syntax != IMPLICIT or tag != 0x00280106:
        assert e.floats(tag) == tuple(float(v) for v in values)
    if code == "d":
        with pytest.raises(CorruptFile):
            e.ints(tag)
    elif vr == "SS" and tag == 0x00280106:
        assert e.ints(tag, signed=True) == values
    else:
        assert e.ints(tag) == values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"1.5\\-2 \\ 3e2", (1.5, -2.0, 300.0)),
        (b".5\\5. ", (0.5, 5.0)),
        (b"+1 ", (1.0,)),
        (b"", ()),
        (b"  ", ()),
        (b"7\0", (7.0,)),
    ],
)
def test_decimal_strings(value, expected):
    assert opened(element(0x00281053, "DS", value)).elements.floats(0x00281053) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"1A",
        b"1_0 ",
        b"0,5 ",
        b"nan ",
        b"inf ",
        b"1\\\\2 ",
        b"0x10",
        b"--1 ",
        b"1 2 ",
        b"\xb2 ",
        b"1" * 66,
    ],
)
def test_decimal_strings_that_are_no_numbers_raise(value):
    e = opened(element(0x00281053, "DS", value)).elements
    for read in (e.floats, e.ints):
        with pytest.raises(CorruptFile) as caught:
            read(0x00281053)
        assert value.decode("latin-1").strip() not in str(caught.value).replace("(0028,1053)", "")


def test_integer_strings():
    e = opened(element(0x00200013, "IS", b"12\\-3\\4.0 ")).elements
    assert e.ints(0x00200013) == (12, -3, 4)
    for bad in (b"1.5 ", b"1e400 "):
        with pytest.raises(CorruptFile):
            opened(element(0x00200013, "IS", bad)).elements.ints(0x00200013)


def test_numbers_of_wrong_length_or_vr_raise():
    for vr, value in (("US", b"\1"), ("UL", b"\1\0"), ("SQ", b""), ("PN", b"12")):
        e = opened(element(0x00280010, vr, value)).elements
        if value:
            with pytest.raises(CorruptFile):
                e.ints(0x00280010)
            with pytest.raises(CorruptFile):
                e.floats(0x00280010)
        else:
            assert e.ints(0x00280010) == ()


def test_unknown_vr_un_is_read_by_dictionary():
    e = opened(element(0x00280010, "UN", us(77)) + element(0x00281053, "UN", b"2.5 ")).elements
    assert e.ints(0x00280010) == (77,)
    assert e.floats(0x00281053) == (2.5,)


def test_tag_standing_twice_gives_the_last_and_a_problem():
    o = opened(element(0x00280010, "US", us(1)) + element(0x00280010, "US", us(2)))
    assert o.elements.ints(0x00280010) == (2,)
    assert [p.code for p in o.problems] == ["tags-unordered"]
    assert len(o.elements) == 3


def test_tags_out_of_order_are_found():
    o = opened(element(0x00280010, "US", us(1)) + element(0x00080060, "CS", b"CT"))
    assert o.elements.text(0x00080060) == "CT"
    assert 0x00280010 in o.elements and 0x00280011 not in o.elements
    assert -1 not in o.elements and 2**40 not in o.elements and "x" not in o.elements


# -- sequences --


def nested(depth, *, defined):
    data = element(0x00280010, "US", us(depth))
    for _ in range(depth):
        if defined:
            data = element(0x00081140, "SQ", item(data))
        else:
            data = element(
                0x00081140,
                "SQ",
                item(data + END_ITEM, length=UNDEFINED) + END_SEQUENCE,
                length=UNDEFINED,
            )
    return data


@pytest.mark.parametrize("defined", [True, False])
def test_items_are_found_at_every_depth(defined):
    e = opened(nested(20, defined=defined)).elements
    for depth in range(1, 21):
        (e,) = e.items(0x00081140)
        assert e.depth == depth
    assert e.ints(0x00280010) == (20,)
    assert e.items(0x00081140) == ()


def test_depth_is_limited_without_recursion():
    with pytest.raises(LimitExceeded) as caught:
        opened(nested(10000, defined=False))
    assert caught.value.limit == "max_depth"
    with limits.use(max_depth=3):
        e = opened(nested(4, defined=True)).elements
        for _ in range(3):
            (e,) = e.items(0x00081140)
        with pytest.raises(LimitExceeded):
            e.items(0x00081140)
        opened(nested(3, defined=False))
        with pytest.raises(LimitExceeded):
            opened(nested(4, defined=False))


def test_elements_are_limited():
    data = b"".join(element(0x00091000 + i, "US", us(i)) for i in range(100))
    with limits.use(max_elements=101):
        assert len(opened(data).elements) == 101
    with limits.use(max_elements=100), pytest.raises(LimitExceeded) as caught:
        opened(data)
    assert (caught.value.limit, caught.value.allowed) == ("max_elements", 100)
    with limits.use(max_elements=5), pytest.raises(LimitExceeded):
        opened(element(0x00081140, "SQ", item(b"") * 6)).elements.items(0x00081140)


def test_undefined_un_holds_implicit_little_endian():
    inner = element(0x00280010, "", us(9), implicit=True)
    deeper = element(0x00081140, "", item(inner), implicit=True)
    for length in (None, UNDEFINED):
        end = END_SEQUENCE if length else b""
        for syntax in (EXPLICIT, BIG):
            o = opened(
                element(0x00091010, "UN", item(deeper) + end, length=length, **FORMS[syntax]),
                syntax,
            )
            (one,) = o.elements.items(0x00091010)
            assert one.implicit and not one.big_endian
            assert one.items(0x00081140)[0].ints(0x00280010) == (9,)


def test_encapsulated_icon_is_walked_over_whatever_its_bytes():
    fragment = b"\xff\xd8\xfe\xff\xdd\xe0\0\0\0\0"
    icon = element(0x7FE00010, "OB", item(b"") + item(fragment) + END_SEQUENCE, length=UNDEFINED)
    o = opened(
        element(
            0x00880200,
            "SQ",
            item(icon + END_ITEM, length=UNDEFINED) + END_SEQUENCE,
            length=UNDEFINED,
        )
        + element(0x7FE00010, "OW", us(1, 2))
    )
    assert o.pixels.length == 4
    (one,) = o.elements.items(0x00880200)
    assert one.get(0x7FE00010).length == -1
    assert bytes(one.raw(0x7FE00010)).endswith(END_SEQUENCE)


BROKEN = {
    "value beyond end": (element(0x00280010, "US", us(1), length=60), CorruptFile),
    "long value beyond end": (element(0x00280010, "OB", b"", length=0xFFFFFFFE), CorruptFile),
    "header cut": (b"\x28\0\x10\0US", CorruptFile),
    "long header cut": (b"\x28\0\x10\0OB\0\0\1", CorruptFile),
    "undefined length of a text": (element(0x00091010, "UT", b"", length=UNDEFINED), CorruptFile),
    "sequence without end": (element(0x00081140, "SQ", item(b""), length=UNDEFINED), CorruptFile),
    "item beyond end": (
        element(0x00081140, "SQ", item(b"", length=99), length=UNDEFINED),
        CorruptFile,
    ),
    "element between items": (
        element(0x00081140, "SQ", element(0x00280010, "US", us(1)), length=UNDEFINED),
        CorruptFile,
    ),
    "item outside": (item(b""), CorruptFile),
    "sequence end in item": (
        element(0x00081140, "SQ", item(END_SEQUENCE, length=UNDEFINED), length=UNDEFINED),
        CorruptFile,
    ),
    "item cut": (element(0x00081140, "SQ", b"\xfe\xff", length=UNDEFINED), CorruptFile),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_structure_raises_with_its_offset(name):
    data, kind = BROKEN[name]
    start = len(meta(EXPLICIT)) + 12
    with pytest.raises(kind) as caught:
        opened(data)
    assert start <= caught.value.offset < start + len(data)
    lenient = open_object(meta(EXPLICIT) + element(0x00080016, "UI", b"1.2\0") + data, strict=False)
    assert lenient.elements.text(0x00080016) == "1.2"
    assert lenient.problems[-1].code in ("data-set-cut", "data-set-broken")


@pytest.mark.parametrize(
    "value",
    [
        b"\0",
        b"junkjunk",
        item(b"", length=50),
        item(b"ab") + b"\xfe\xff",
        element(0x00280010, "US", us(1)),
    ],
)
def test_broken_items_raise(value):
    e = opened(element(0x00081140, "SQ", value)).elements
    if value == b"\0":  # a pad byte is no item
        assert e.items(0x00081140) == ()
        return
    with pytest.raises(CorruptFile):
        for one in e.items(0x00081140):
            list(one)


def test_items_of_no_sequence_raise():
    with pytest.raises(CorruptFile):
        opened(element(0x00280010, "US", us(1))).elements.items(0x00280010)


def test_item_with_broken_inside_raises_when_asked():
    e = opened(element(0x00081140, "SQ", item(b"\x28\0\x10\0US\x40\0ab"))).elements
    (one,) = e.items(0x00081140)
    with pytest.raises(CorruptFile):
        one.ints(0x00280010)


def test_stray_delimiters_and_zeros_are_passed_over():
    o = opened(END_ITEM + element(0x00280010, "US", us(5)) + END_SEQUENCE + b"\0\0")
    assert o.elements.ints(0x00280010) == (5,)
    assert [p.code for p in o.problems] == ["stray-bytes"]


def test_vr_of_the_future_has_a_long_length():
    o = opened(
        b"\x28\0\x09\0ZZ\0\0\x04\0\0\0abcd"
        + b"\x28\0\x0a\0QQ\x02\0xy"
        + element(0x00280010, "US", us(5))
    )
    assert bytes(o.elements.raw(0x00280009)) == b"abcd"
    assert bytes(o.elements.raw(0x0028000A)) == b"xy"
    assert o.elements.ints(0x00280010) == (5,)


def test_large_value_is_jumped_over_and_read_when_asked(tmp_path):
    path = tmp_path / "x"
    big = bytes(range(256)) * 40000
    path.write_bytes(
        meta(EXPLICIT)
        + element(0x00080016, "UI", b"1.2\0")
        + element(0x00091010, "OB", big)
        + element(0x00280010, "US", us(5))
        + element(0x7FE00010, "OW", bytes(100000))
    )
    with open_object(path) as o:
        assert o.elements.ints(0x00280010) == (5,)
        assert o.reader.bytes_read < 1 << 18
        assert o.elements.raw(0x00091010) == big


# -- against pydicom's writer --


texts = st.text("ABC ^=", max_size=9)
leaf = st.one_of(
    st.tuples(st.just("US"), st.lists(st.integers(0, 65535), max_size=3)),
    st.tuples(st.just("SS"), st.integers(-32768, 32767)),
    st.tuples(st.just("FD"), st.floats(allow_nan=False)),
    st.tuples(st.just("LO"), texts),
    st.tuples(st.just("UT"), texts),
    st.tuples(st.just("OB"), st.binary(max_size=20).map(lambda b: b + b"\0" * (len(b) & 1))),
    st.tuples(st.just("UN"), st.binary(max_size=20).map(lambda b: b + b"\0" * (len(b) & 1))),
)
datasets = st.recursive(
    st.dictionaries(st.integers(0x00091001, 0x000910FF), leaf, max_size=5),
    lambda inner: st.dictionaries(
        st.integers(0x00091001, 0x000910FF),
        st.one_of(
            leaf,
            st.tuples(
                st.just("SQ"), st.lists(st.tuples(inner, st.booleans()), max_size=3), st.booleans()
            ),
        ),
        max_size=5,
    ),
    max_leaves=12,
)


def built(fields):
    out = Dataset()
    for tag in sorted(fields):
        vr, value, *undefined = fields[tag]
        if vr == "SQ":
            items = []
            for inner, open_end in value:
                one = built(inner)
                one.is_undefined_length_sequence_item = open_end
                items.append(one)
            out.add_new(tag, "SQ", items)
            out[tag].is_undefined_length = undefined[0]
        else:
            out.add_new(tag, vr, value)
    return out


def compare(mine, theirs):
    assert [e.tag for e in mine] == [int(tag) for tag in sorted(theirs.keys())]
    for e in theirs:
        if e.VR == "SQ":
            items = mine.items(int(e.tag))
            assert len(items) == len(e.value)
            for one, other in zip(items, e.value, strict=True):
                compare(one, other)
        elif e.VR in ("OB", "UN"):
            assert bytes(mine.raw(int(e.tag))) == (e.value or b"")
        elif e.VR == "LO":
            assert mine.text(int(e.tag)) == (str(e.value).strip() or None)


@settings(max_examples=60, deadline=None)
@given(datasets, st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_nested_data_sets_written_by_pydicom_scan_equal(fields, syntax):
    dataset = built({0x00080016: ("UI", "1.2"), **fields})
    out = DicomBytesIO()
    out.is_implicit_VR = syntax == IMPLICIT
    out.is_little_endian = syntax != BIG
    write_dataset(out, dataset)
    data = meta(syntax) + out.getvalue()
    compare(open_object(data).elements, dataset)
    compare(open_object(io.BytesIO(data)).elements, dataset)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_any_bytes_raise_radkit_errors_only(data, syntax):
    try:
        o = open_object(meta(syntax) + data)
        for e in o.elements:
            for read in (
                o.elements.raw,
                o.elements.texts,
                o.elements.ints,
                o.elements.floats,
                o.elements.items,
            ):
                with suppress(RadkitError):
                    read(e.tag)
    except RadkitError:
        pass


@settings(max_examples=150, deadline=None)
@given(datasets, st.data())
def test_damaged_data_sets_raise_radkit_errors_only(fields, data):
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = False, True
    write_dataset(out, built({0x00080016: ("UI", "1.2"), **fields}))
    damaged = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))

    def walk(elements):
        for e in elements:
            with suppress(RadkitError):
                for one in elements.items(e.tag):
                    walk(one)
                elements.ints(e.tag)

    with suppress(RadkitError):
        walk(open_object(meta(EXPLICIT) + bytes(damaged)).elements)
