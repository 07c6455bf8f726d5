"""Plain objects: native code lays out what the general way does, byte for byte, or nothing."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import written as w
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit import limits
from radkit._native import _splice
from radkit.dicom import plain
from radkit.dicom.objects import open_object
from radkit.dicom.source import open_reader
from radkit.dicom.splice import Edit
from radkit.dicom.uids import syntax
from radkit.errors import CorruptFile, EncodeError, LimitExceeded, RadkitError

TARGET = syntax("htj2k-lossless")
FRAMES = [b"abc", b"defg"]
PROT_NONE = 0
EDITS: dict[int, Edit | None] = {
    0x00080005: Edit("CS", b"ISO_IR 192"),
    0x00100010: None,
    0x00280004: Edit("CS", b"YBR_RCT"),
    0x7FE20010: Edit("LO", b"behind"),
}
NATIVE = w.image(changes={0x00280000: ("UL", bytes(4)), 0x00081199: None})
SEQUENCE = w.element(0x00081140, "SQ", w.item(w.element(0x00081155, "UI", b"1.2\0")))
OPEN = w.element(
    0x00081140,
    "SQ",
    w.item(w.element(0x00081155, "UI", b"1.2\0") + w.END_ITEM, length=w.UNDEFINED) + w.END_SEQUENCE,
    length=w.UNDEFINED,
)
TAIL = w.element(0x7FE20010, "LO", b"old ") + w.element(0xFFFCFFFC, "OB", bytes(6))


def general(source: object, edits: dict[int, Edit | None], uid: str | None = None) -> bytes:
    sink = plain._Pieces()
    with open_object(source) as obj:
        plain._general(obj, TARGET, FRAMES, edits, uid, sink)
    return b"".join(sink.pieces)


def native(source: object, edits: dict[int, Edit | None], uid: str | None = None) -> bytes | None:
    with open_reader(source) as reader:
        return plain._joined(reader, TARGET, FRAMES, edits, uid)


def with_sequence(sequence: bytes) -> bytes:
    data = w.image(tail=TAIL)
    at = data.index(b"\x28\x00\x02\x00US")
    return data[:at] + sequence + data[at:]


PLAIN = {
    "native": NATIVE,
    "tail": w.image(tail=TAIL),
    "sequence": with_sequence(SEQUENCE),
    "open": with_sequence(OPEN),
    "coded": w.coded([b"1234", b"56"], frames=2, table=w.basic_table([b"1234", b"56"]), tail=TAIL),
    "extended": w.coded([b"1234"], extended=([0], [4])),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("uid", [None, "1.2.840.99"])
@pytest.mark.parametrize("edits", [{}, EDITS], ids=["as it is", "changed"])
def test_both_ways_give_the_same_bytes(name: str, uid: str | None, edits: dict) -> None:
    made = native(PLAIN[name], edits, uid)
    assert made is not None
    assert (
        made
        == general(PLAIN[name], edits, uid)
        == plain.spliced(PLAIN[name], TARGET, FRAMES, edits, instance_uid=uid)
    )


def test_both_ways_give_the_same_bytes_over_all_of_the_data() -> None:
    if not w.SHARED.is_dir():
        pytest.skip("shared/data is not there")
    seen: Counter[str] = Counter()
    for path in sorted(p for p in w.SHARED.rglob("*") if p.is_file()):
        for edits in ({}, EDITS):
            made = {native(path, edits), native(path.read_bytes(), edits)}
            if made == {None}:
                seen["general"] += 1
                continue
            assert made == {general(path, edits)}, path
            seen["native"] += 1
    assert seen["native"] > 500 and seen["general"] > 100


@pytest.mark.parametrize(
    "data",
    [
        w.image(syntax=w.BIG),
        w.image()[128:],
        w.image(changes={0x00080060: ("CS", b"CT\0")}),
        w.image(tail=w.END_SEQUENCE),
        w.image(tail=bytes(2)),
        w.image(tail=w.element(0x00080060, "CS", b"CT")),
        w.image(length=100),
        w.coded([b"1234"], end=b""),
        w.coded([b"123"]),
        w.meta(w.EXPLICIT, group_length=4) + w.image()[len(w.meta(w.EXPLICIT)) :],
        w.meta("1.2.3.4") + w.image()[len(w.meta(w.EXPLICIT)) :],
    ],
)
def test_what_is_odd_goes_the_general_way(data: bytes) -> None:
    made = native(data, {})
    if made is not None:  # fragments may be odd: they are not carried
        assert made == general(data, {})
        assert data == w.coded([b"123"])


def outcome(data: bytes, edits: dict[int, Edit | None]) -> bytes | type[RadkitError]:
    try:
        return general(data, edits)
    except RadkitError as error:
        return type(error)


class Fenced:
    """Memory between two pages that must not be touched."""

    def __init__(self, room: int) -> None:
        page = mmap.PAGESIZE
        self.room = -(-room // page) * page
        self.first = page
        self.map = mmap.mmap(-1, self.room + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None, use_errno=True)
        for at in (start, start + page + self.room):
            done = libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(page), PROT_NONE)
            assert done == 0, os.strerror(ctypes.get_errno())

    def places(self, data: bytes) -> Iterator[memoryview]:
        """Give the bytes at the end and at the beginning of the room."""
        for at in (self.first + self.room - len(data), self.first):
            view = memoryview(self.map)[at : at + len(data)]
            view[:] = data
            yield view.toreadonly()


@pytest.mark.skipif(os.name != "posix", reason="mprotect is of POSIX")
@pytest.mark.parametrize("name", PLAIN)
def test_no_prefix_is_read_beyond_its_end(name: str) -> None:
    data = PLAIN[name]
    fenced, full = Fenced(len(data)), native(data, EDITS)
    for size in range(1, len(data) + 1):
        for view in fenced.places(data[:size]):
            made = native(view, EDITS)
            assert made is None or made == outcome(data[:size], EDITS), size
            # Less of the head: the same layout, or the wish for more.
            laid = plain.lay(TARGET, {**plain._TABLES, **EDITS})
            assert laid is not None
            if laid.head(view, len(data)) == _splice.HEAD:
                value, end = laid.pixels[1], laid.pixels[3]
                base = value if end < 0 else end
                assert laid.tail(data[base:], base) == _splice.LAID
                assert laid.join(view, data[base:], base, FRAMES) == full


@pytest.mark.skipif(os.name != "posix", reason="mprotect is of POSIX")
@pytest.mark.parametrize("name", PLAIN)
def test_every_bit_flipped_gives_the_same_as_the_general_way(name: str) -> None:
    data = PLAIN[name]
    fenced = Fenced(len(data))
    for at in range(128, len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            for view in fenced.places(bytes(flipped)):
                made = native(view, EDITS)
                assert made is None or made == outcome(bytes(flipped), EDITS), (at, bit)


tags = st.integers(0x0009, 0x7FFF).map(lambda group: group << 16 | 0x0010)
values = st.binary(max_size=12).map(lambda b: b + bytes(len(b) & 1))
fields = st.dictionaries(tags, st.tuples(st.sampled_from(["OB", "UN", "LO", "US"]), values))
changes = st.dictionaries(tags, st.none() | st.builds(Edit, st.just("LO"), values), max_size=12)


@given(fields, changes, st.binary(max_size=9))
@settings(max_examples=200, deadline=None)
def test_any_elements_and_edits_come_out_alike(
    elements: dict[int, tuple[str, bytes]], edits: dict[int, Edit | None], pixels: bytes
) -> None:
    edits = {tag: edit for tag, edit in edits.items() if tag != 0x7FE00010}
    parts = {tag: w.element(tag, *value) for tag, value in elements.items()}
    parts[0x00080060] = w.element(0x00080060, "CS", b"CT")
    parts[0x7FE00010] = w.element(0x7FE00010, "OB", pixels + bytes(len(pixels) & 1))
    data = w.meta(w.EXPLICIT) + b"".join(parts[tag] for tag in sorted(parts))
    made = native(data, edits)
    assert made is not None and made == general(data, edits)


def test_an_object_without_pixel_data_gets_some() -> None:
    data = w.meta(w.EXPLICIT) + w.element(0x00080060, "CS", b"CT")
    made = native(data, EDITS)
    assert made is not None and made == general(data, EDITS)


def test_limits_hold_for_both_ways() -> None:
    deep = b""
    for _ in range(6):
        inner = w.item(deep + w.END_ITEM, length=w.UNDEFINED) + w.END_SEQUENCE
        deep = w.element(0x00081140, "SQ", inner, length=w.UNDEFINED)
    with limits.use(max_depth=4):
        assert native(with_sequence(deep), {}) is None
        with pytest.raises(LimitExceeded):
            plain.spliced(with_sequence(deep), TARGET, FRAMES)
    with limits.use(max_elements=5):
        assert native(NATIVE, {}) is None
        with pytest.raises(LimitExceeded):
            plain.spliced(NATIVE, TARGET, FRAMES)


def test_only_the_head_of_a_file_is_read(tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(w.image(bytes(1 << 20), tail=TAIL))
    with open_reader(str(source)) as reader:
        assert plain._joined(reader, TARGET, FRAMES, {}, None) == general(source, {})
        assert reader.bytes_read < 20_000


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(NATIVE)
    plain.splice_file(source, source, TARGET, FRAMES)
    assert source.read_bytes() == general(NATIVE, {})
    source.write_bytes(NATIVE[:200])
    with pytest.raises(CorruptFile):
        plain.splice_file(source, source, TARGET, FRAMES)
    assert source.read_bytes() == NATIVE[:200] and os.listdir(tmp_path) == ["a.dcm"]


def test_frames_go_into_encapsulated_syntaxes_only() -> None:
    with pytest.raises(EncodeError):
        plain.spliced(NATIVE, syntax("explicit-le"), FRAMES)


def test_a_layout_is_used_in_order() -> None:
    laid = plain.lay(TARGET, {})
    assert laid is not None
    with pytest.raises(RadkitError):
        laid.tail(NATIVE, 0)
    with pytest.raises(RadkitError):
        laid.join(NATIVE, NATIVE, 0, FRAMES)
    assert laid.head(NATIVE, len(NATIVE)) == _splice.HEAD
    with pytest.raises(RadkitError):
        laid.head(NATIVE, len(NATIVE))
    assert laid.tail(NATIVE, 0) == _splice.LAID
    with pytest.raises(RadkitError):  # other bytes than were laid out
        laid.join(NATIVE[:100], NATIVE, 0, FRAMES)
