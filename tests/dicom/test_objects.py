from __future__ import annotations

import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    J2K,
    SHARED,
    coded,
    element,
    image,
    meta,
    text,
    us,
)

from radkit import limits
from radkit.dicom import _inflate
from radkit.dicom.encapsulation import frame_map
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, LimitExceeded, RadkitError

ROWS = 0x00280010
BODY = element(0x00080016, "UI", b"1.2\0") + element(ROWS, "US", us(7))
IMPLICIT_BODY = element(0x00080016, "", b"1.2\0", implicit=True) + element(
    ROWS, "", us(7), implicit=True
)
BIG_BODY = element(0x00080016, "UI", b"1.2\0", big=True) + element(ROWS, "US", b"\0\7", big=True)


def codes(obj):
    return [problem.code for problem in obj.problems]


def deflated(data, wbits=-15):
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()


def test_plain_object_has_no_problems():
    with open_object(image()) as o:
        assert o.syntax.name == "explicit-le" and codes(o) == []
        assert o.pixels.end == o.reader.size == o.pixels_end()
        assert o.elements.ints(ROWS) == (4,)
        assert open_object(o) is o


def test_object_without_pixels_has_none():
    with open_object(meta(EXPLICIT) + BODY) as o:
        assert o.pixels is None and o.pixels_end() is None
        assert [e.tag for e in o.elements] == [0x00080016, ROWS]


def test_elements_behind_pixel_data_are_found_when_asked():
    tail = element(0xFFFCFFFC, "OB", bytes(10))
    for data in (image(tail=tail), coded([b"ab", b"cdef"], tail=tail)):
        with open_object(data) as o:
            assert o.elements.get(0x00080018) is None
            assert bytes(o.elements.raw(0xFFFCFFFC)) == bytes(10)
            assert next(reversed(list(o.elements))).tag == 0xFFFCFFFC
            assert data[o.pixels_end() :] == tail
            assert len(o.elements) == len(list(o.elements))


def test_broken_tail_is_refused_when_asked_for_only():
    data = image(tail=b"junk that is no element")
    with open_object(data) as o:
        assert o.elements.ints(ROWS) == (4,)
        for _ in range(2):
            with pytest.raises(CorruptFile):
                list(o.elements)
            with pytest.raises(CorruptFile):
                o.elements.raw(0xFFFCFFFC)
    with open_object(data, strict=False) as o:
        assert list(o.elements)[-1].tag == 0x7FE00010
        assert {"data-set-cut", "data-set-broken"} & set(codes(o))


def test_zeros_at_the_end_are_a_problem_only():
    for n in (1, 2, 7):
        with open_object(meta(EXPLICIT) + BODY + bytes(n)) as o:
            assert codes(o) == ["stray-bytes"]


LOOKS = {
    "no preamble": (meta(EXPLICIT)[128:] + BODY, ["no-preamble"], "explicit-le"),
    "no preamble, no mark": (meta(EXPLICIT)[132:] + BODY, ["no-preamble"], "explicit-le"),
    "no meta, implicit": (
        IMPLICIT_BODY,
        ["no-preamble", "no-meta", "no-transfer-syntax"],
        "implicit-le",
    ),
    "no meta, explicit": (
        BODY,
        ["no-preamble", "no-meta", "no-transfer-syntax"],
        "explicit-le",
    ),
    "no meta, big endian": (
        BIG_BODY,
        ["no-preamble", "no-meta", "no-transfer-syntax"],
        "explicit-be",
    ),
    "preamble, no meta": (
        bytes(128) + b"DICM" + BODY,
        ["no-meta", "no-transfer-syntax"],
        "explicit-le",
    ),
    "meta without syntax": (
        meta(None, extra=element(0x00020002, "UI", b"1.2\0")) + IMPLICIT_BODY,
        ["no-transfer-syntax"],
        "implicit-le",
    ),
    "group length too long": (
        meta(EXPLICIT, group_length=9999) + BODY,
        ["meta-length"],
        "explicit-le",
    ),
    "group length zero": (meta(EXPLICIT, group_length=0) + BODY, ["meta-length"], "explicit-le"),
    "no group length": (
        bytes(128) + b"DICM" + meta(EXPLICIT)[144:] + BODY,
        ["meta-length"],
        "explicit-le",
    ),
    "implicit meta": (
        bytes(128)
        + b"DICM"
        + element(0x00020010, "", EXPLICIT.encode() + b"\0", implicit=True)
        + BODY,
        ["meta-implicit", "meta-length"],
        "explicit-le",
    ),
    "implicit labelled explicit": (
        meta(EXPLICIT) + IMPLICIT_BODY,
        ["encoding-mislabelled"],
        "explicit-le",
    ),
    "explicit labelled implicit": (
        meta(IMPLICIT) + BODY,
        ["encoding-mislabelled"],
        "implicit-le",
    ),
    "big labelled little": (meta(EXPLICIT) + BIG_BODY, ["encoding-mislabelled"], "explicit-le"),
    "little labelled big": (meta(BIG) + BODY, ["encoding-mislabelled"], "explicit-be"),
    "unknown syntax": (
        meta("1.3.46.670589.33.1.4.1") + BODY,
        ["unknown-transfer-syntax"],
        "1.3.46.670589.33.1.4.1",
    ),
    "unknown syntax, implicit": (meta("..") + IMPLICIT_BODY, ["unknown-transfer-syntax"], ".."),
    "deflated, not": (meta(DEFLATED) + BODY, ["not-deflated"], "deflated"),
    "deflated with zlib header": (
        meta(DEFLATED) + deflated(BODY, 15),
        ["zlib-header"],
        "deflated",
    ),
    "deflated": (meta(DEFLATED) + deflated(BODY), [], "deflated"),
    "deflated, padded": (meta(DEFLATED) + deflated(BODY) + b"\0", [], "deflated"),
}


@pytest.mark.parametrize("name", list(LOOKS))
def test_faults_of_the_head_are_found_by_looking(name):
    data, problems, syntax = LOOKS[name]
    with open_object(data) as o:
        assert codes(o) == problems
        assert o.syntax.name == syntax
        assert o.elements.ints(ROWS) == (7,)
        assert o.elements.text(0x00080016) == "1.2"


def test_deflated_object_serves_offsets_of_the_inflated_bytes():
    data = meta(DEFLATED) + deflated(image()[len(meta(EXPLICIT)) :])
    with open_object(data) as o:
        assert o.start == len(meta(DEFLATED))
        assert bytes(o.reader.read(0, o.start)) == data[: o.start]
        assert o.meta.text(0x00020010) == DEFLATED
        assert frame_map(o, ImagePixel.from_object(o)).read(0).nbytes == 24


@pytest.mark.parametrize(
    "data",
    [b"x", b"DICM", bytes(132), bytes(4000), b"\x89PNG\r\n\x1a\n" * 30, b"text " * 50,
     bytes(128) + b"DICM", b" " + IMPLICIT_BODY, bytes(128) + b"DICN" + BODY],
)  # fmt: skip
def test_no_dicom_object_raises_corrupt_file(data):
    with pytest.raises(CorruptFile):
        open_object(data)


def test_meta_header_is_bounded():
    extra = b"".join(element(0x00020100 + i, "OB", bytes(60000)) for i in range(2))
    for strict in (True, False):
        with pytest.raises(CorruptFile, match="larger than"):
            open_object(meta(EXPLICIT, extra=extra) + BODY, strict=strict)


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_deflated_cut_or_broken_raises_corrupt_file(cut):
    data = meta(DEFLATED) + deflated(BODY)[:-cut]
    with pytest.raises(CorruptFile):
        open_object(data)
    with pytest.raises(CorruptFile):
        open_object(meta(DEFLATED) + b"\xff" * 30)
    with pytest.raises(CorruptFile):
        open_object(meta(DEFLATED))


def test_deflate_bomb_raises_before_memory_is_taken(monkeypatch):
    monkeypatch.setattr(_inflate, "_KEPT", 4 << 20)
    zeros = element(0x00091010, "OB", b"", length=60 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(BODY + zeros)
    chunk = bytes(1 << 20)
    packed += b"".join(packer.compress(chunk) for _ in range(60)) + packer.flush()
    tracemalloc.start()
    try:
        with limits.use(max_inflated_bytes=40 << 20), pytest.raises(LimitExceeded) as caught:
            open_object(meta(DEFLATED) + packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.limit == "max_inflated_bytes"
    assert peak < 20 << 20
    with limits.use(max_inflated_bytes=1000), pytest.raises(LimitExceeded):
        open_object(meta(DEFLATED) + packed)


def test_deflated_beyond_the_kept_part_is_whole(monkeypatch):
    monkeypatch.setattr(_inflate, "_KEPT", 1000)
    monkeypatch.setattr(_inflate, "_CHUNK", 100)
    body = (
        BODY + element(0x00091010, "OB", bytes(range(256)) * 40) + element(0x7FE00010, "OB", b"ab")
    )
    with open_object(meta(DEFLATED) + deflated(body)) as o:
        assert bytes(o.reader.read(o.start, len(body))) == body
        assert o.reader.size == o.start + len(body)


def test_native_pixel_data_are_not_read(tmp_path):
    path = tmp_path / "big.dcm"
    head = image(b"", length=0xFFFFFFF0, changes={0x00280008: ("IS", text("1000"))})
    path.write_bytes(head)
    with open(path, "r+b") as file:
        file.truncate(len(head) + 0xFFFFFFF0)
    with open_object(path) as o:
        assert o.pixels.length == 0xFFFFFFF0
        assert o.reader.bytes_read <= 1 << 16


def test_error_carries_the_name_of_the_source_apart_from_its_text(tmp_path):
    path = tmp_path / "Doe^John.dcm"
    path.write_bytes(meta(EXPLICIT) + BODY[:-1])
    with pytest.raises(CorruptFile) as caught:
        open_object(path)
    assert caught.value.source == str(path)
    assert "Doe" not in str(caught.value)


def everything(data, strict):
    with open_object(data, strict=strict) as o:
        for e in o.elements:
            if e.vr in ("SQ", "UN", ""):
                o.elements.items(e.tag)
        image = ImagePixel.from_object(o)
        found = frame_map(o, image, strict=strict)
        for i in range(image.frames):
            found.read(i)


PREFIXED = {
    "explicit": image(bytes(48), changes={0x00280008: ("IS", text("2"))}),
    "implicit": meta(IMPLICIT) + IMPLICIT_BODY,
    "coded": coded([b"abcd", b"efgh"], frames=2, tail=element(0xFFFCFFFC, "OB", bytes(2))),
    "deflated": meta(DEFLATED) + deflated(image()[len(meta(EXPLICIT)) :]),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", list(PREFIXED))
def test_every_prefix_raises_radkit_errors_only(name, strict):
    data = PREFIXED[name]
    for n in range(len(data)):
        with suppress(RadkitError):
            everything(data[:n], strict)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(list(PREFIXED)), st.booleans())
def test_damaged_objects_raise_radkit_errors_only(data, name, strict):
    damaged = bytearray(PREFIXED[name])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(128, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with limits.use(max_memory_bytes=1 << 24, max_frames=10000), suppress(RadkitError):
        everything(bytes(damaged), strict)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is absent")
@pytest.mark.parametrize(
    ("name", "problems"),
    [("broken_native_truncated", []), ("made_no_meta_implicit",
      ["no-preamble", "no-meta", "no-transfer-syntax"]),
     ("jpeg_baseline_rgb_is_ybr", ["encoding-mislabelled"]), ("made_jpip_referenced", [])],
)  # fmt: skip
def test_odd_files_open(name, problems):
    with open_object(SHARED / "syntaxes" / f"{name}.dcm") as o:
        assert codes(o) == problems


def test_transfer_syntax_that_is_refused_opens():
    with open_object(meta("1.2.840.10008.1.2.4.102") + BODY) as o:
        assert not o.syntax.decode and o.elements.ints(ROWS) == (7,)
    with open_object(coded([b"ab"], syntax=J2K)) as o:
        assert o.syntax.reduce
