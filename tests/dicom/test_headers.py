from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from written import BIG, EXPLICIT, IMPLICIT, SHARED, UNDEFINED, element, image, item, meta, text, us

from radkit.dicom import headers
from radkit.dicom.headers import scan_headers
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, OptionError, RadkitError, TransferError

NUMBERS = {
    0x00180050: 1, 0x00200013: 1, 0x00200032: 3, 0x00200037: 6, 0x00201041: 1, 0x00280008: 1,
    0x00280010: 1, 0x00280011: 1, 0x00280030: 2, 0x00280100: 1, 0x00280101: 1, 0x00280103: 1,
    0x00281050: 1, 0x00281051: 1, 0x00281052: 1, 0x00281053: 1,
}  # fmt: skip
TEXTS = (0x00080016, 0x00080018, 0x00080060, 0x0020000D, 0x0020000E, 0x00280004)
FILES = sorted(SHARED.rglob("*.dcm")) if SHARED.is_dir() else []


def general(source):
    """The same values by the general way."""
    with open_object(source) as obj:
        numbers = {tag: obj.elements.floats(tag)[:n] for tag, n in NUMBERS.items()}
        return numbers, [obj.elements.text(tag) for tag in TEXTS]


@pytest.mark.skipif(not FILES, reason="shared/data is absent")
def test_headers_of_every_file_equal_the_general_way():
    found = scan_headers(FILES, numbers=NUMBERS, texts=TEXTS)
    for i, path in enumerate(FILES):
        try:
            numbers, texts = general(path)
        except RadkitError as error:
            assert type(found.errors[i]) is type(error), path.name
            continue
        assert i not in found.errors, path.name
        assert [found.texts[tag][i] for tag in TEXTS] == texts
        for tag, want in numbers.items():
            row = found.numbers[tag][i]
            assert tuple(row[: len(want)]) == want, (path.name, hex(tag))
            assert np.isnan(row[len(want) :]).all()


def one(data, tmp_path, numbers, texts=()):
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    return scan_headers([path], numbers=numbers, texts=texts)


decimals = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,15}", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{0,8}\.[0-9]{1,7}([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(decimals, min_size=1, max_size=3))
@example(["123456789012345", "0.1", "1e22"])
@example(["9007199254740993", "1e23", "-0"])
@example(["0.000000000000000000000001", "00000000000000000000.5", "1e-400"])
def test_decimal_strings_become_the_doubles_of_float(tmp_path_factory, values):
    data = meta(EXPLICIT) + element(0x00080016, "UI", b"1.2\0")
    data += element(0x00200032, "DS", text("\\".join(values)))
    found = one(data, tmp_path_factory.getbasetemp(), {0x00200032: 3})
    want = [float(v) for v in values] + [math.nan] * (3 - len(values))
    assert np.array_equal(found.numbers[0x00200032][0], want, equal_nan=True)


@pytest.mark.parametrize("value", [b"1A", b"nan ", b"1_0 ", b"0x1 ", b"1\\\\2 ", b"--1 ", b".\0"])
def test_text_that_is_no_number_is_an_error_of_its_row(tmp_path, value):
    data = image(changes={0x00281053: ("DS", value)})
    found = one(data, tmp_path, {0x00281053: 1})
    assert isinstance(found.errors[0], CorruptFile)
    assert np.isnan(found.numbers[0x00281053]).all()


def test_binary_numbers_and_more_values_than_asked(tmp_path):
    changes = {
        0x00189087: ("FD", struct.pack("<2d", 0.5, -1)),
        0x00281050: ("DS", b"40\\80\\2 "),
        0x00280106: ("SS", struct.pack("<h", -7)),
        0x00186020: ("SL", struct.pack("<i", -(2**31))),
        0x00209057: ("UL", struct.pack("<I", 2**32 - 1)),
        0x00189219: ("FL", struct.pack("<f", 0.25)),
    }
    found = one(image(changes=changes), tmp_path, dict.fromkeys(changes, 2)).numbers
    assert found[0x00189087].tolist() == [[0.5, -1]]
    assert found[0x00281050].tolist() == [[40, 80]]
    assert [found[tag][0, 0] for tag in (0x00280106, 0x00186020, 0x00209057, 0x00189219)] == [
        -7,
        -(2**31),
        2**32 - 1,
        0.25,
    ]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_encodings_and_mislabelled_ones_give_the_same(tmp_path, syntax):
    for label in (EXPLICIT, IMPLICIT, BIG):
        form = {"implicit": syntax == IMPLICIT, "big": syntax == BIG}
        rows = struct.pack(">H" if syntax == BIG else "<H", 300)
        data = element(0x00080016, "UI", b"1.2\0", **form) + element(0x00280010, "US", rows, **form)
        found = one(meta(label) + data, tmp_path, {0x00280010: 1}, [0x00080016])
        assert found.numbers[0x00280010].tolist() == [[300]]
        assert found.texts[0x00080016] == ("1.2",)


def test_values_behind_the_head_and_in_odd_places_are_found(tmp_path):
    long = element(0x00091010, "OB", bytes(40000))
    nested = element(0x00081140, "SQ", item(element(0x00280010, "US", us(1))), length=None)
    rows = element(0x00280010, "US", us(5))
    start = meta(EXPLICIT) + element(0x00080016, "UI", b"1.2\0")
    for data in (start + nested + long + rows, start + rows + nested, start + rows + long):
        assert one(data, tmp_path, {0x00280010: 1}).numbers[0x00280010].tolist() == [[5]]
    endless = element(0x00081140, "SQ", item(rows, length=UNDEFINED), length=UNDEFINED)
    assert isinstance(one(start + endless, tmp_path, {0x00280010: 1}).errors[0], CorruptFile)


def test_objects_that_cannot_be_read_stop_nothing(tmp_path):
    good = image()
    (tmp_path / "good").write_bytes(good)
    (tmp_path / "empty").touch()
    sources = [tmp_path / "none", tmp_path, tmp_path / "empty", str(tmp_path / "good"), good]
    found = scan_headers(sources, numbers={0x00280010: 1}, texts=[0x00280004])
    assert [type(found.errors.get(i)) for i in range(5)] == [
        TransferError, TransferError, CorruptFile, type(None), type(None),
    ]  # fmt: skip
    assert found.texts[0x00280004] == (None, None, None, "MONOCHROME2", "MONOCHROME2")
    assert np.isnan(found.numbers[0x00280010][:3]).all()


def test_every_prefix_equals_the_general_way(tmp_path):
    data = image(changes={0x00281053: ("DS", b"1.5 ")})
    for n in range(1, len(data)):
        found = one(data[:n], tmp_path, {0x00281053: 1, 0x00280010: 1}, [0x00080016])
        try:
            with open_object(data[:n]) as obj:
                want = obj.elements.floats(0x00281053)
        except RadkitError as error:
            # What is asked for may lie before the place where the object ends.
            if 0 in found.errors:
                assert type(found.errors[0]) is type(error)
            continue
        assert tuple(v for v in found.numbers[0x00281053][0] if v == v) == want


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [({}, []), ({0x00280010: 1}, [0x00280010]), ({0x00280010: 0}, []), ({-1: 1}, []),
     ({1 << 32: 1}, []), ({0x00280010: 10**9}, []), ({n: 1 for n in range(65)}, [])],
)  # fmt: skip
def test_senseless_questions_raise_option_error(numbers, texts):
    with pytest.raises(OptionError):
        scan_headers([], numbers=numbers, texts=texts)


def test_text_that_is_not_ascii_is_decoded(tmp_path):
    changes = {0x0008103E: ("LO", "Schädel".encode("latin-1") + b" ")}
    found = one(image(changes=changes), tmp_path, {0x00280010: 1}, [0x0008103E])
    assert found.texts[0x0008103E] == ("Schädel",)


def test_plain_object_takes_the_short_way_whatever_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "open_object", None)
    found = one(image(bytes(1 << 20)), tmp_path, {0x00280010: 1}, [0x00280004])
    assert found.numbers[0x00280010].tolist() == [[4]]
