"""What the header says after a transcoding: precision, offset tables, encodings, layout."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from objects_made import DATA, assert_carried, ct, encoded, needs_data, raw_elements, read
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from radkit.dicom.encapsulate import offset_tables
from radkit.dicom.objects import open_object
from radkit.pixels.frames import Frames
from radkit.transcoding import recode
from radkit.transcoding.one import transcode


def deep_stream() -> bytes:
    """An object whose codestream has 16 bits where Bits Stored says 12."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 1 << 16, (20, 24)).astype(np.uint16)
    ds = read(transcode(encoded(ct(pixels, bits=16)), None, "jpeg2000-lossless").data)
    ds.BitsStored, ds.HighBit = 12, 11
    return encoded(ds)


@pytest.mark.parametrize("target", ["explicit-le", "rle", "jpegls-lossless", "htj2k-lossless"])
def test_bits_stored_is_what_the_codestream_has(target: str) -> None:
    source = deep_stream()
    result = transcode(source, None, target)
    after = read(result.data)
    assert (after.BitsAllocated, after.BitsStored, after.HighBit) == (16, 16, 15)
    assert any("Bits Stored is 16" in text for text in result.corrections)
    with Frames(source) as a, Frames(result.data) as b:
        assert np.array_equal(a.decode(0).array, b.decode(0).array)
        assert a.decode(0).array.max() > 4095
    assert_carried(source, result.data)


def test_bits_stored_stays_where_the_codestream_has_fewer() -> None:
    pixels = np.arange(480, dtype=np.uint16).reshape(20, 24)
    ds = read(transcode(encoded(ct(pixels, bits=10)), None, "jpeg2000-lossless").data)
    ds.BitsStored, ds.HighBit = 12, 11
    after = read(transcode(encoded(ds), None, "rle").data)
    assert (after.BitsStored, after.HighBit) == (12, 11)


@pytest.mark.parametrize("target", ["htj2k-lossless-rpcl", "rle", "encapsulated"])
def test_extended_table_where_basic_offsets_do_not_reach(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recode, "offset_tables", partial(offset_tables, basic_reach=1000))
    frames = np.random.default_rng(3).integers(0, 4096, (4, 40, 44)).astype(np.uint16)
    result = transcode(encoded(ct(frames)), None, target)
    ds = read(result.data)
    assert parse_basic_offsets(ds.PixelData) == []
    offsets = np.frombuffer(ds.ExtendedOffsetTable, "<u8")
    lengths = np.frombuffer(ds.ExtendedOffsetTableLengths, "<u8")
    coded = list(generate_frames(ds.PixelData, number_of_frames=4))
    items = ds.PixelData[8:]  # behind the empty table
    for offset, length, frame in zip(offsets, lengths, coded, strict=True):
        tag, size = struct.unpack_from("<4sI", items, int(offset))
        assert tag == b"\xfe\xff\x00\xe0" and size - length in (0, 1)
        assert items[offset + 8 : offset + 8 + size] == frame
    with Frames(result.data) as opened:
        assert opened.map.offsets == "extended"
    # Coded anew with offsets that reach, the table is gone again.
    monkeypatch.undo()
    after = read(transcode(result.data, None, "jpegls-lossless").data)
    assert "ExtendedOffsetTable" not in after and "ExtendedOffsetTableLengths" not in after
    assert len(parse_basic_offsets(after.PixelData)) == 4


def markers(data: bytes) -> tuple[dict[int, list[bytes]], list[tuple[int, int, int]]]:
    """Main header segments by marker, and (Psot, TPsot, length left) of the tile-parts."""
    segments: dict[int, list[bytes]] = {}
    parts = []
    at = 2
    while (marker := int.from_bytes(data[at : at + 2], "big")) != 0xFF90:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segments.setdefault(marker, []).append(data[at + 4 : at + 2 + size])
        at += 2 + size
    while data[at : at + 2] == b"\xff\x90":
        _, _, psot, tpsot, _ = struct.unpack_from(">HHIBB", data, at + 2)
        parts.append((psot, tpsot, at))
        at += psot
    assert data[at : at + 2] == b"\xff\xd9" and len(data) - at in (2, 3)
    return segments, parts


@pytest.mark.parametrize(
    ("rows", "cols"), [(20, 24), (64, 65), (130, 64), (512, 300), (129, 2100), (1, 700), (700, 3)]
)
def test_rpcl_syntax_is_what_the_standard_wants(rows: int, cols: int) -> None:
    """PS3.5 10.18.1, and each resolution in a tile-part that TLM lists."""
    pixels = np.random.default_rng(1).integers(0, 4096, (rows, cols)).astype(np.uint16)
    ds = read(transcode(encoded(ct(pixels)), None, "htj2k-lossless-rpcl").data)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    segments, parts = markers(frame)
    (cod,) = segments[0xFF52]
    levels = cod[5]
    assert cod[1] == 2  # RPCL
    assert -(-rows >> levels) <= 64 and -(-cols >> levels) <= 64
    assert cod[8] & 0x40 and cod[9] == 1  # HT blocks, 5/3
    assert int.from_bytes(segments[0xFF50][0][:4], "big") & 1 << 17  # CAP: Part 15
    assert int.from_bytes(segments[0xFF51][0][:2], "big") & 1 << 14  # SIZ says so too
    (tlm,) = segments[0xFF55]
    index, long = (tlm[1] >> 4) & 3, 4 if tlm[1] & 0x40 else 2
    step = index + long
    listed = [tlm[at + index : at + step] for at in range(2, len(tlm), step)]
    assert [int.from_bytes(size, "big") for size in listed] == [psot for psot, _, _ in parts]
    assert [number for _, number, _ in parts] == list(range(levels + 1))


def with_unknown_vr(syntax: str) -> bytes:
    """Private elements that no dictionary knows, nested, of a VR that does not exist yet."""
    ds = ct(syntax=syntax)
    inner = Dataset()
    inner.add_new(0x00110010, "LO", "ACME")
    inner.add_new(0x00111002, "UN", b"\x07\x01\x02\x03")
    inner.add_new(0x00111003, "UL", 0x01020304)
    middle = Dataset()
    middle.add_new(0x00110010, "LO", "ACME")
    middle.add_new(0x00111001, "SQ", [inner])
    ds.add_new(0x00111005, "SQ", [middle])
    ds.add_new(0x00111006, "OW", struct.pack(">2H" if "2.2" in syntax else "<2H", 258, 772))
    return encoded(ds)


def test_big_endian_and_implicit_private_sequences_come_out_explicit() -> None:
    for syntax in (ExplicitVRBigEndian, ImplicitVRLittleEndian):
        source = with_unknown_vr(syntax)
        data = transcode(source, None, "htj2k-lossless-rpcl").data
        after = read(data)
        if syntax == ExplicitVRBigEndian:
            innermost = after[0x00111005].value[0][0x00111001].value[0]
            assert innermost[0x00111003].value == 0x01020304
            assert innermost[0x00111002].value == b"\x07\x01\x02\x03"
            assert np.frombuffer(after[0x00111006].value, "<u2").tolist() == [258, 772]
        else:  # what was implicit and private has no VR to be had
            assert raw_elements(data)[0x00111005][0] == "UN"
        assert raw_elements(data)[0x00100010][1].rstrip() == "誠^張三".encode("gb18030")


def test_deflated_data_set_is_passed_on_deflated() -> None:
    source = transcode(encoded(ct()), None, "deflated").data
    ds = read(source)
    for changed in (False, True):
        if changed:
            ds.PatientID = "changed"
        result = transcode(ds, None, "deflated")
        assert result.way == "copied"
        assert read(result.data) == ds and len(result.data) % 2 == 0


def test_mislabelled_object_is_written_anew_in_the_syntax_it_claims() -> None:
    explicit, implicit = encoded(ct()), encoded(ct(syntax=ImplicitVRLittleEndian))
    with open_object(explicit) as a, open_object(implicit) as b:
        wrong = explicit[: a.start] + implicit[b.start :]
    result = transcode(wrong, None, "explicit-le")
    assert result.way == "pixels" and result.max_error == 0
    with open_object(result.data) as obj:
        assert not obj.problems and not obj.elements.implicit


def test_data_set_that_was_changed_is_written_as_it_is_now() -> None:
    ds = read(encoded(ct(signed=True)))
    ds.PatientName = "新^名"
    ds.ImageComments = "added"
    ds.pixel_array[0, 0] = 0  # of no consequence: the element holds the pixels
    del ds.ReferencedImageSequence
    after = read(transcode(ds, None, "htj2k-lossless-rpcl").data)
    assert after.PatientName == "新^名" and after.ImageComments == "added"
    assert "ReferencedImageSequence" not in after
    assert after[0x00111001].value == b"\x01\x02\x03\x04"
    bare = Dataset()
    bare.update(ds)  # as made in memory: without a meta header
    assert not hasattr(bare, "file_meta")
    assert read(transcode(bare, None, "rle").data).PatientName == "新^名"


def test_raw_element_of_a_vr_of_the_future_is_carried() -> None:
    ds = ct()
    ds[0x00111002] = RawDataElement(Tag(0x00111002), "UN", 4, b"\1\2\3\4", 0, False, True, True)
    source = encoded(ds).replace(b"\x11\x00\x02\x10UN\0\0", b"\x11\x00\x02\x10ZZ\0\0")
    result = transcode(source, None, "rle")
    assert b"\x11\x00\x02\x10ZZ\0\0\x04\0\0\0\1\2\3\4" in result.data


@needs_data
@pytest.mark.parametrize("name", ["native_ct_small", "j2k_us_rct", "jpeg_baseline_us_30frames"])
def test_meta_header_agrees_with_the_data_set(name: str) -> None:
    path: Path = DATA / "syntaxes" / f"{name}.dcm"
    after = read(transcode(path, None, "htj2k-lossless-rpcl").data)
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPClassUID == after.SOPClassUID
    assert after.file_meta.ImplementationVersionName.startswith("RADKIT")


def test_what_is_odd_about_the_pixels_of_a_source_is_told() -> None:
    twice = ct()
    twice.PixelData += twice.PixelData
    result = transcode(encoded(twice), None, "rle")
    assert any("pixel data hold 2 frames" in text for text in result.corrections)
    empty = ct(NumberOfFrames="")
    result = transcode(encoded(empty), None, "rle")
    assert any("1 is assumed" in text for text in result.corrections)


@pytest.mark.parametrize("target", ["implicit-le", "rle"])
def test_cut_pixels_are_filled_where_that_is_asked(target: str) -> None:
    cut = encoded(ct())[:-100]
    result = transcode(cut, None, target, strict=False)
    with Frames(cut, strict=False) as a, Frames(result.data) as b:
        assert np.array_equal(a.decode(0).array, b.decode(0).array)
    assert any("ends inside pixel data" in text for text in result.corrections)
