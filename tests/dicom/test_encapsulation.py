from __future__ import annotations

import os
import struct

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames
from written import (
    EXPLICIT,
    J2K,
    RLE,
    SHARED,
    UNDEFINED,
    basic_table,
    coded,
    element,
    image,
    item,
    text,
    us,
)

from radkit import limits
from radkit.dicom.encapsulation import frame_map, walk_fragments
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import open_object
from radkit.errors import (
    CorruptFile,
    CorruptPixelData,
    LimitExceeded,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

FILES = sorted(SHARED.rglob("*.dcm")) if SHARED.is_dir() else []
SOC = b"\xff\x4f\xff\x51"
EOC = b"\xff\xd9"


def mapped(data, frames=None, strict=True):
    obj = open_object(data)
    return frame_map(obj, ImagePixel.from_object(obj), frames=frames, strict=strict)


def all_frames(found):
    return [bytes(found.read(i)) for i in range(found.frames)]


def codes(found):
    return [problem.code for problem in found.problems]


@pytest.fixture(params=["bytes", "path", "few"])
def by(request, tmp_path):
    """Map the frames of some bytes: in memory, from a file, from a file with few frames asked."""

    def run(data, strict=True, asked=None):
        if request.param == "bytes":
            return mapped(data, asked, strict)
        path = tmp_path / "x.dcm"
        path.write_bytes(data)
        if request.param == "few" and asked is None:
            asked = []
        return mapped(path, asked, strict)

    return run


# -- every file at hand --


@pytest.mark.filterwarnings("ignore")  # what pydicom thinks of the files
@pytest.mark.skipif(not FILES, reason="shared/data is absent")
def test_frames_of_every_file_equal_pydicom():
    seen = 0
    for path in FILES:
        if path.stem.startswith("broken_"):
            continue
        obj = open_object(path)
        if not obj.syntax.decode or path.stem.startswith("made_broken"):
            continue
        image_pixel = ImagePixel.from_object(obj)
        frames = all_frames(frame_map(obj, image_pixel))
        last = image_pixel.frames - 1
        few = frame_map(open_object(path), image_pixel, frames=[last])
        assert bytes(few.read(last)) == frames[last]
        dataset = dcmread(path, force=True)
        theirs = dataset[obj.pixels.tag].value
        if obj.syntax.encapsulated:
            stored = list(generate_frames(theirs, number_of_frames=image_pixel.frames))
            assert [s.removesuffix(b"\0") for s in stored] == [
                f.removesuffix(b"\0") for f in frames
            ], path.name
        elif image_pixel.bits_allocated > 1:
            assert theirs.startswith(b"".join(frames)), path.name
            assert 0 <= len(theirs) - sum(map(len, frames)) <= 1 or "padding" in path.name
        seen += 1
    assert seen > 300


@pytest.mark.skipif(not FILES, reason="shared/data is absent")
@pytest.mark.parametrize(
    ("name", "kind", "frame"),
    [("made_broken_fewer_frames", CorruptPixelData, 3),
     ("broken_native_truncated", TruncatedPixelData, 0),
     ("made_h264_video", UnsupportedTransferSyntax, None),
     ("made_mpeg2_video", UnsupportedTransferSyntax, None),
     ("made_jpip_referenced", UnsupportedTransferSyntax, None)],
)  # fmt: skip
def test_broken_files_raise(name, kind, frame):
    with pytest.raises(kind) as caught:
        mapped(SHARED / "syntaxes" / f"{name}.dcm")
    assert caught.value.frame == frame


@pytest.mark.skipif(not FILES, reason="shared/data is absent")
def test_missing_sequence_delimiter_loses_no_frame():
    whole = mapped(SHARED / "syntaxes" / "j2k_emri.dcm")
    short = mapped(SHARED / "syntaxes" / "broken_j2k_emri_too_short.dcm")
    assert all_frames(whole) == all_frames(short) and codes(short) == ["no-sequence-delimiter"]


# -- tables --


FRAGMENTS = [b"a" * 10, b"b" * 2, b"c" * 300]


@pytest.mark.parametrize("frames", [None, 3])
def test_one_fragment_a_frame_needs_no_table(by, frames):
    found = by(coded(FRAGMENTS if frames else FRAGMENTS[:1], frames=frames))
    assert all_frames(found) == (FRAGMENTS if frames else FRAGMENTS[:1])
    assert found.offsets == "none" and codes(found) == []


def test_basic_table_joins_fragments(by):
    table = struct.pack("<2I", 0, 18)
    found = by(coded(FRAGMENTS, frames=2, table=table))
    assert all_frames(found) == [FRAGMENTS[0], FRAGMENTS[1] + FRAGMENTS[2]]
    assert found.offsets == "basic" and codes(found) == []
    assert [len(found.ranges(i)) for i in range(2)] == [1, 2]


WRONG_TABLES = {
    "off an item": struct.pack("<3I", 0, 20, 28),
    "wrong base": struct.pack("<3I", 8, 26, 36),
    "does not ascend": struct.pack("<3I", 0, 28, 18),
    "twice the same": struct.pack("<3I", 0, 18, 18),
    "outside": struct.pack("<3I", 0, 18, 0xFFFFFFF0),
    "too short": struct.pack("<2I", 0, 18),
    "too long": struct.pack("<4I", 0, 18, 28, 100),
    "zeros": bytes(12),
    "odd size": b"\0\0",
}


@pytest.mark.parametrize("name", list(WRONG_TABLES))
def test_wrong_basic_table_is_discarded_with_a_problem(by, name):
    found = by(coded(FRAGMENTS, frames=3, table=WRONG_TABLES[name]))
    assert all_frames(found) == FRAGMENTS
    assert found.offsets == "none" and codes(found) == ["offset-table-wrong"]


def test_wrong_table_and_frames_that_cannot_be_told_raise(by):
    data = coded(FRAGMENTS, frames=2, table=struct.pack("<2I", 0, 20))
    with pytest.raises(CorruptPixelData, match="2 frames are stated, 0"):
        by(data, asked=[0, 1])


def test_entry_that_is_right_serves_although_another_is_wrong(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(coded(FRAGMENTS, frames=3, table=struct.pack("<3I", 0, 18, 30)))
    found = mapped(path, [0])
    assert bytes(found.read(0)) == FRAGMENTS[0] and found.offsets == "basic"
    assert bytes(found.read(1)) == FRAGMENTS[1]  # its end is wrong: everything is walked
    assert found.offsets == "none" and codes(found) == ["offset-table-wrong"]


def test_extended_table_with_padded_and_unpadded_lengths(by):
    fragments = [b"a" * 10, b"b" * 4]
    for lengths in ((10, 4), (9, 3), (9, 4)):
        found = by(coded(fragments, frames=2, extended=((0, 18), lengths)))
        assert [len(f) for f in all_frames(found)] == list(lengths)
        assert found.offsets == "extended" and codes(found) == []


@pytest.mark.parametrize(
    "extended",
    [((0, 18), (10, 99)), ((0, 18), (10, 2**64 - 1)), ((0, 18), (8, 4)), ((0, 17), (10, 4)),
     ((0, 2**64 - 8), (10, 4)), ((0,), (10,)), ((0, 18), (10,)), ((1, 18), (10, 4))],
)  # fmt: skip
def test_wrong_extended_table_is_discarded(by, extended):
    found = by(coded([b"a" * 10, b"b" * 4], frames=2, extended=extended))
    assert all_frames(found) == [b"a" * 10, b"b" * 4]
    assert found.offsets == "none" and codes(found) == ["offset-table-wrong"]


def test_extended_table_beside_a_basic_one_is_not_used():
    found = mapped(
        coded(FRAGMENTS[:2], frames=2, table=struct.pack("<2I", 0, 18), extended=((0, 1), (1, 1)))
    )
    assert found.offsets == "basic" and codes(found) == ["two-offset-tables"]


# -- counts and starts --


def test_one_frame_joins_all_fragments(by):
    assert all_frames(by(coded(FRAGMENTS))) == [b"".join(FRAGMENTS)]


STARTS = {
    J2K: SOC,
    "1.2.840.10008.1.2.4.201": SOC,
    "1.2.840.10008.1.2.4.50": b"\xff\xd8\xff\xe0",
    "1.2.840.10008.1.2.4.70": b"\xff\xd8\xff\xc4",
    "1.2.840.10008.1.2.4.80": b"\xff\xd8\xff\xf7",
    "1.2.840.10008.1.2.4.110": b"\xff\x0a",
    RLE: struct.pack("<2I", 1, 64),
}


@pytest.mark.parametrize("syntax", list(STARTS))
def test_start_markers_tell_frames_without_a_table(by, syntax):
    start = STARTS[syntax]
    fragments = [start + b"aa", b"bbbb", start + b"cc", b"dd", b"ee"]
    found = by(coded(fragments, frames=2, syntax=syntax))
    assert all_frames(found) == [b"".join(fragments[:2]), b"".join(fragments[2:])]
    assert found.offsets == "none"


def test_start_inside_a_frame_is_told_by_the_end_before_it():
    fragments = [SOC + b"aa", SOC + b"bb" + EOC, SOC + b"cc", b"dd" + EOC + b"\0\0"[:0]]
    found = mapped(coded(fragments, frames=2))
    assert all_frames(found) == [b"".join(fragments[:2]), b"".join(fragments[2:])]


@pytest.mark.parametrize(
    "fragments",
    [[b"aa", SOC, b"bb"], [SOC, SOC, SOC], [SOC, b"bb", b"cc"], [b"aa", b"bb", b"cc"]],
)
def test_ambiguous_starts_raise_with_both_numbers(fragments):
    with pytest.raises(CorruptPixelData, match="2 frames are stated") as caught:
        mapped(coded(fragments, frames=2))
    assert caught.value.frame == 0


def test_deflated_frames_never_span_fragments():
    with pytest.raises(CorruptPixelData):
        mapped(coded(FRAGMENTS, frames=2, syntax="1.2.840.10008.1.2.8.1"))


def test_fewer_fragments_than_frames_raise_at_the_first_missing(by):
    fragments = [SOC + b"1", SOC + b"22", SOC + b"3"]
    fragments = [f + b"\0" * (len(f) & 1) for f in fragments]
    data = coded(fragments, frames=5)
    with pytest.raises(CorruptPixelData, match="5 frames are stated, fragments for 3") as caught:
        by(data, asked=range(5))
    assert caught.value.frame == 3
    found = by(data, asked=[0, 2])
    assert bytes(found.read(2)) == fragments[2]
    found = by(data, strict=False)
    assert [found.sound(i) for i in range(5)] in ([1, 1, 1, 0, 0], [1, 1, 1, 1, 1])
    with pytest.raises(CorruptPixelData):
        found.read(4)


# -- fragments --


def test_fragment_of_odd_length_is_a_problem():
    found = mapped(coded([b"abc", b"de"], frames=2))
    assert all_frames(found) == [b"abc", b"de"] and codes(found) == ["odd-fragment"]


def test_fragment_of_no_length_fails_its_frame_only(by):
    data = coded([b"ab", b"", b"cd"], frames=3)
    with pytest.raises(CorruptPixelData) as caught:
        by(data, asked=[0, 1, 2])
    assert caught.value.frame == 1
    found = by(data, asked=[0, 2])
    assert bytes(found.read(0)) + bytes(found.read(2)) == b"abcd"
    found = by(data, strict=False)
    with pytest.raises(CorruptPixelData):
        found.read(1)


def test_fragment_past_the_end_is_a_lie_or_a_cut(by):
    data = coded([b"ab", b"cdefgh"], frames=2)
    at = data.rindex(b"cdefgh") - 4
    lied = data[:at] + struct.pack("<I", 0x7FFFFFF0) + data[at + 4 :]
    with pytest.raises(CorruptFile) as caught:
        by(lied, asked=[0, 1])
    assert (caught.value.frame, caught.value.offset) == (1, at - 4)
    cut = data[: at + 4 + 3]
    with pytest.raises(TruncatedPixelData) as caught:
        by(cut, asked=[0, 1])
    assert caught.value.frame == 1 and caught.value.decoded == 0.5
    assert bytes(by(cut, asked=[0]).read(0)) == b"ab"
    found = by(cut, strict=False)
    assert bytes(found.read(1)) == b"cde"
    assert found.sound(0) == 1.0 and found.sound(1) == 0.5


def test_delimiter_that_is_cut_is_a_problem_only():
    data = coded([b"ab", b"cdef"], frames=2)
    for n in range(1, 9):
        found = mapped(data[:-n])
        assert all_frames(found) == [b"ab", b"cdef"]
        assert codes(found) == ["no-sequence-delimiter"]


def test_delimiter_that_is_cut_is_noticed_behind_a_table(tmp_path):
    data = coded(FRAGMENTS, frames=3, table=basic_table(FRAGMENTS))
    for n in (1, 8):
        path = tmp_path / f"{n}"
        path.write_bytes(data[:-n])
        found = mapped(path, [2])
        assert bytes(found.read(2)) == FRAGMENTS[2]
        assert found.offsets == "basic"
        assert codes(found) == (["no-sequence-delimiter"] if n < 8 else [])


def test_fragment_of_undefined_length_raises():
    pixels = item(b"") + item(b"abcd", length=UNDEFINED)
    with pytest.raises(CorruptPixelData, match="undefined length"):
        mapped(image(pixels, syntax=J2K, length=UNDEFINED))


def test_other_elements_between_fragments_raise():
    pixels = item(b"") + item(b"ab") + element(0x00280010, "US", us(1))
    with pytest.raises(CorruptPixelData, match="item"):
        mapped(image(pixels, syntax=J2K, length=UNDEFINED))


@pytest.mark.parametrize("pixels", [b"", item(b""), b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff"])
def test_no_fragments_at_all_raise(pixels):
    with pytest.raises(CorruptPixelData):
        mapped(image(pixels, syntax=J2K, length=UNDEFINED))


def test_delimiter_bytes_inside_a_fragment_mean_nothing(by):
    fragment = b"ab\xfe\xff\xdd\xe0\0\0\0\0cd"
    assert all_frames(by(coded([fragment, fragment], frames=2))) == [fragment] * 2


def test_encapsulated_pixels_with_a_stated_length_are_read():
    pixels = item(b"") + item(b"abcd")
    found = mapped(image(pixels, syntax=J2K, tail=element(0xFFFCFFFC, "OB", b"xx")))
    assert all_frames(found) == [b"abcd"]


def test_native_in_a_coded_syntax_and_the_reverse_raise():
    with pytest.raises(CorruptPixelData, match="native"):
        mapped(image(bytes(24), syntax=J2K))
    with pytest.raises(CorruptPixelData, match="empty"):
        mapped(image(b"", syntax=J2K))
    with pytest.raises(CorruptPixelData, match="encapsulated"):
        mapped(coded([b"ab"], syntax=EXPLICIT))


def test_object_without_pixels_raises():
    data = image()
    obj = open_object(data[: data.index(b"\xe0\x7f\x10\0")])
    with pytest.raises(CorruptPixelData, match="no pixel data"):
        frame_map(obj, ImagePixel.from_object(obj))
    with pytest.raises(CorruptPixelData):
        walk_fragments(obj)


def test_number_of_fragments_is_bounded_by_memory():
    data = coded([b""] * 1000, frames=1)
    with limits.use(max_memory_bytes=64 * 500), pytest.raises(LimitExceeded) as caught:
        mapped(data)
    assert caught.value.limit == "max_memory_bytes"


def test_frame_that_is_not_there_raises():
    for data in (image(), coded([b"ab"])):
        found = mapped(data)
        for index in (-1, 1, 2**40):
            with pytest.raises(CorruptPixelData):
                found.read(index)
            with pytest.raises(CorruptPixelData):
                found.sound(index)


# -- native --


def frames_of(n):
    return {0x00280008: ("IS", text(str(n)))}


def test_native_frames_are_exact_ranges(by):
    data = bytes(range(72))
    found = by(image(data, changes=frames_of(3)))
    assert all_frames(found) == [data[:24], data[24:48], data[48:]]
    assert found.offsets == "native" and found.frame_bytes == 24


@pytest.mark.parametrize("missing", [1, 20, 24, 60, 72])
def test_native_short_raises_at_the_asked_frame(by, missing):
    data = image(bytes(range(1, 73))[: 72 - missing], changes=frames_of(3))
    have = 72 - missing
    with pytest.raises(TruncatedPixelData) as caught:
        by(data, asked=[0, 1, 2])
    assert caught.value.decoded == have / 72
    if missing < 48:
        assert by(data, asked=[0]).read(0).nbytes == 24
    found = by(data, strict=False)
    assert b"".join(all_frames(found)) == bytes(range(1, 73))[:have] + bytes(missing)
    assert sum(found.sound(i) for i in range(3)) == pytest.approx(have / 24)
    assert codes(found) == ["pixel-data-short"]


def test_native_cut_by_the_end_of_the_object(by):
    data = image(bytes(24))[:-4]
    with pytest.raises(TruncatedPixelData):
        by(data, asked=[0])
    found = by(data, strict=False)
    assert codes(found) == ["pixel-data-cut"] and found.read(0).nbytes == 24


def test_native_claim_of_gigabytes_raises_before_memory_is_taken():
    side = ("US", us(16000))
    data = image(bytes(24), changes={0x00280010: side, 0x00280011: side, **frames_of(1000)})
    with pytest.raises(TruncatedPixelData, match="256000000000 are needed"):
        mapped(data)
    with limits.use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        mapped(data, strict=False).read(0)


@pytest.mark.parametrize(
    ("extra", "code"), [(0, []), (1, []), (4, ["pixel-data-long"]), (24, ["frames-disagree"])]
)
def test_native_with_more_bytes_is_a_problem(extra, code):
    found = mapped(image(bytes(48 + extra), changes=frames_of(2)))
    assert codes(found) == code


def test_one_bit_frames_are_not_aligned_to_bytes():
    bit = {k: ("US", us(v)) for k, v in ((0x00280100, 1), (0x00280101, 1), (0x00280102, 0))}
    bit[0x00280011] = ("US", us(5))  # 4 x 5 = 20 bits
    found = mapped(image(bytes(range(8)), changes={**bit, **frames_of(3)}))
    assert [found.start_bit(i) for i in range(3)] == [0, 4, 0]
    assert all_frames(found) == [b"\0\1\2", b"\2\3\4", b"\5\6\7"]
    assert found.frame_bytes == 3 and codes(found) == []
    with pytest.raises(TruncatedPixelData):
        mapped(image(bytes(7), changes={**bit, **frames_of(3)}))


def test_ybr_422_is_subsampled_or_not_by_its_length():
    colour = {
        0x00280002: ("US", us(3)),
        0x00280006: ("US", us(0)),
        0x00280004: ("CS", text("YBR_FULL_422")),
    }
    found = mapped(image(bytes(96), changes={**colour, **frames_of(2)}))
    assert found.frame_bytes == 48 and codes(found) == []
    found = mapped(image(bytes(144), changes={**colour, **frames_of(2)}))
    assert found.frame_bytes == 72 and codes(found) == ["ybr-422-full"]
    with pytest.raises(TruncatedPixelData):
        mapped(image(bytes(90), changes={**colour, **frames_of(2)}))


# -- what it costs --


def sparse(path, head, size, tail=b""):
    path.write_bytes(head)
    os.truncate(path, size)
    with open(path, "ab") as file:
        file.write(tail)


def test_one_native_frame_of_a_gigabyte_costs_that_frame(tmp_path):
    path = tmp_path / "big.dcm"
    side = ("US", us(1024))
    changes = {0x00280010: side, 0x00280011: side, **frames_of(1024)}
    head = image(b"", changes=changes, length=1 << 30)
    sparse(path, head, len(head) + (1 << 30))
    with open_object(path) as obj:
        found = frame_map(obj, ImagePixel.from_object(obj), frames=[700])
        assert found.read(700).nbytes == 1 << 20
        assert obj.reader.bytes_read <= (1 << 20) + (1 << 15)


@pytest.mark.parametrize("table", [True, False])
def test_one_coded_frame_of_a_gigabyte_costs_that_frame(tmp_path, table):
    path = tmp_path / "big.dcm"
    count, size = 1024, (1 << 20) - 8
    entries = struct.pack(f"<{count}I", *(i << 20 for i in range(count))) if table else b""
    pixels = item(entries) + item(b"", length=size)
    head = image(pixels, syntax=J2K, changes=frames_of(count), length=UNDEFINED)
    start = len(head) - 8
    sparse(path, head, start + (1 << 30), b"\xfe\xff\xdd\xe0\0\0\0\0")
    with open(path, "r+b") as file:
        for i in range(count):
            file.seek(start + (i << 20))
            file.write(b"\xfe\xff\0\xe0" + struct.pack("<I", size))
    with open_object(path) as obj:
        found = frame_map(obj, ImagePixel.from_object(obj), frames=[700])
        assert found.offsets == ("basic" if table else "none")
        assert found.read(700).nbytes == size
        most = (1 << 15) if table else (1 << 18)
        assert obj.reader.bytes_read <= size + most
        everything = frame_map(obj, ImagePixel.from_object(obj))
        assert everything.ranges(700) == found.ranges(700)


def test_every_prefix_of_a_coded_object_raises_radkit_errors_only(by):
    data = coded([SOC + b"ab", b"cdef", SOC + b"gh"], frames=2,
                 table=basic_table([b"", b"12345678"]))  # fmt: skip
    for n in range(300, len(data) + 1):
        for strict in (True, False):
            try:
                found = by(data[:n], strict=strict)
                for i in range(2):
                    try:
                        found.read(i)
                        assert 0 < found.sound(i) <= 1
                    except RadkitError:
                        pass
            except RadkitError:
                pass
