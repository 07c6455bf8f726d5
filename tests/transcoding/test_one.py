"""transcode: what is carried, what changes, where results go."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from objects_made import DATA, assert_carried, ct, encoded, manifest, needs_data, raw_elements, read
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from radkit.codecs import registry
from radkit.codecs.options import Coding, Lossy
from radkit.dicom import write as write_module
from radkit.dicom.source import safe_name
from radkit.errors import (
    CorruptFile,
    EncodeError,
    OptionError,
    TransferError,
    UnsupportedTransferSyntax,
    VerificationError,
)
from radkit.transcoding import recode
from radkit.transcoding.one import transcode

LOSSLESS = ["rle", "jpeg-lossless", "jpegls-lossless", "jpegls", "jpeg2000-lossless", "jpeg2000"]
LOSSLESS += ["htj2k-lossless", "htj2k-lossless-rpcl", "htj2k", "encapsulated", "deflated-frame"]
NATIVE = ["explicit-le", "implicit-le", "deflated"]


def stored(data: bytes | Path) -> np.ndarray:
    from radkit.pixels.frames import Frames

    with Frames(data) as frames:
        arrays = [frames.decode(i, colour="coded").array for i in range(frames.image.frames)]
    return np.stack(arrays)


@pytest.mark.parametrize("syntax", [*LOSSLESS, *NATIVE])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_carries_every_element_and_sample(syntax: str, signed: bool) -> None:
    source = encoded(ct(signed=signed))
    result = transcode(source, None, syntax)
    assert result.data is not None
    if syntax == "explicit-le":
        assert (result.way, result.data) == ("copied", source)
        return
    assert result.way == "pixels"
    assert result.max_error == 0 and result.psnr is None and result.ssim is None
    assert result.sha256 == hashlib.sha256(stored(source).tobytes()).hexdigest()
    assert np.array_equal(stored(result.data), stored(source))
    if syntax != "implicit-le":
        assert_carried(source, result.data)
    ds = read(result.data)
    assert ds.file_meta.TransferSyntaxUID == result.syntax.uid
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID == "1.2.3.4"
    assert ds.file_meta.ImplementationVersionName == "RADKIT_010"
    assert ds.file_meta.ImplementationClassUID.startswith("2.25.")
    assert ds.file_meta.SourceApplicationEntityTitle == "SOMEWHERE"
    assert "LossyImageCompression" not in ds


@pytest.mark.parametrize(
    "syntax", ["jpeg2000-lossless", "htj2k-lossless", "rle", "jpegls-lossless"]
)
@pytest.mark.parametrize("frames", [1, 3])
def test_colour_and_frames_come_back(syntax: str, frames: int) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (frames, 17, 19, 3), dtype=np.uint8)
    source = encoded(ct(pixels if frames > 1 else pixels[0], bits=8))
    result = transcode(source, None, syntax, threads=2)
    assert np.array_equal(stored(result.data), pixels)
    ds = read(result.data)
    wavelet = syntax in ("jpeg2000-lossless", "htj2k-lossless")
    assert ds.PhotometricInterpretation == ("YBR_RCT" if wavelet else "RGB")
    assert ds.PlanarConfiguration == (1 if syntax == "rle" else 0)
    back = transcode(result.data, None, "explicit-le")
    assert read(back.data).PhotometricInterpretation == "RGB"
    assert read(back.data).PixelData[: pixels.size] == pixels.tobytes()


def test_round_trip_through_a_codec_gives_the_same_file() -> None:
    once = transcode(encoded(ct()), None, "htj2k-lossless").data
    native = transcode(once, None, "explicit-le").data
    again = transcode(transcode(native, None, "jpegls-lossless").data, None, "explicit-le").data
    assert again == native


def test_implicit_and_big_endian_sources_equal_the_explicit_one() -> None:
    wanted = transcode(encoded(ct(signed=True)), None, "jpeg-lossless").data
    big = transcode(
        encoded(ct(signed=True, syntax=ExplicitVRBigEndian)), None, "jpeg-lossless"
    ).data
    assert big == wanted
    implicit = encoded(ct(signed=True, syntax=ImplicitVRLittleEndian))
    result = transcode(implicit, None, "jpeg-lossless").data
    # The private element has lost its VR on the way through implicit VR.
    old, new = raw_elements(wanted), raw_elements(result)
    assert new.pop(0x00111001) == ("UN", b"\1\2\3\4") and old.pop(0x00111001)[0] == "OB"
    assert new == old


def test_big_endian_native_pixels_are_swapped_not_decoded() -> None:
    for bits in (12, 32):
        plain = encoded(ct(bits=bits))
        big = encoded(ct(bits=bits, syntax=ExplicitVRBigEndian))
        assert read(transcode(big, None, "explicit-le").data).PixelData == read(plain).PixelData


def test_deflated_is_raw_deflate_of_the_explicit_data_set() -> None:
    source = encoded(ct())
    data = transcode(source, None, "deflated").data
    ds = read(data)
    start = 144 + ds.file_meta.FileMetaInformationGroupLength
    inflated = zlib.decompressobj(-15).decompress(data[start:])
    assert inflated == source[144 + read(source).file_meta.FileMetaInformationGroupLength :]
    assert len(data) % 2 == 0


def test_explicit_to_implicit_and_back_keeps_values() -> None:
    source = encoded(ct())
    implicit = transcode(source, None, "implicit-le").data
    back = transcode(implicit, None, "explicit-le").data
    old, new = raw_elements(source), raw_elements(back)
    assert {tag: value for tag, (_, value) in old.items()} == {
        tag: value for tag, (_, value) in new.items()
    }


def test_odd_sizes_are_padded_with_one_zero() -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    source = encoded(ct(pixels, bits=8))
    for syntax in LOSSLESS:
        data = transcode(source, None, syntax).data
        assert len(data) % 2 == 0
        back = read(transcode(data, None, "explicit-le").data)
        assert back.PixelData == pixels.tobytes() + b"\0"
        assert back["PixelData"].VR == "OB"


def test_one_bit_frames_are_packed_across_frames() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (3, 5, 7), dtype=np.uint8)
    ds = ct(np.zeros((3, 5, 7), np.uint8), bits=8)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 1, 0
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    ds.PixelData = packed + bytes(len(packed) & 1)
    ds["PixelData"].VR = "OB"
    source = encoded(ds)
    for syntax in ("encapsulated", "deflated-frame"):
        coded = transcode(source, None, syntax)
        assert np.array_equal(stored(coded.data), bits)
        back = read(transcode(coded.data, None, "explicit-le").data)
        assert back.PixelData == ds.PixelData
    with pytest.raises(EncodeError, match="Bits Allocated"):
        transcode(source, None, "jpeg2000-lossless")


def test_unused_bits_are_masked_and_told() -> None:
    clean = np.arange(480, dtype=np.uint16).reshape(20, 24)
    ds = ct(clean | 0xA000)
    result = transcode(encoded(ds), None, "htj2k-lossless")
    assert any("stored bits" in text for text in result.corrections)
    assert np.array_equal(stored(result.data)[0], clean)
    assert transcode(encoded(ct(clean)), None, "htj2k-lossless").corrections == ()


@pytest.mark.parametrize("syntax", ["htj2k-lossless", "rle", "encapsulated"])
def test_embedded_overlay_is_taken_out_before_coding(syntax: str) -> None:
    rng = np.random.default_rng(5)
    clean = rng.integers(0, 4096, (20, 24), dtype=np.uint16)
    marks = rng.integers(0, 2, (20, 24), dtype=np.uint16)
    ds = ct(clean | marks << 13)
    for element, vr, value in (
        (0x0010, "US", 20),
        (0x0011, "US", 24),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 13),
    ):
        ds.add_new(0x60000000 | element, vr, value)
    result = transcode(encoded(ds), None, syntax)
    out = read(result.data)
    assert out[0x60000100].value == 1 and out[0x60000102].value == 0
    assert np.array_equal(out.overlay_array(0x6000), marks)
    assert np.array_equal(stored(result.data)[0], clean)
    assert any("overlay" in text for text in result.corrections)


def test_native_to_native_keeps_embedded_overlay_and_unused_bits() -> None:
    ds = ct(np.arange(480, dtype=np.uint16).reshape(20, 24) | 0xA000)
    assert read(transcode(encoded(ds), None, "implicit-le").data).PixelData == ds.PixelData


def test_group_lengths_and_trailing_padding_are_dropped() -> None:
    ds = ct()
    ds.add_new(0x00080000, "UL", 4)
    ds.add_new(0xFFFCFFFC, "OB", b"\0" * 6)
    for syntax in ("rle", "implicit-le"):
        tags = raw_elements(transcode(encoded(ds), None, syntax).data)
        assert 0x00080000 not in tags and 0xFFFCFFFC not in tags


def test_elements_behind_the_pixels_are_carried() -> None:
    ds = ct()
    ds.add_new(0x7FE10010, "LO", "BEHIND")
    ds.add_new(0x7FE11001, "UN", b"xyz!")
    source = encoded(ds)
    for syntax in ("rle", "htj2k", "deflated"):
        assert_carried(source, transcode(source, None, syntax).data)


def test_signed_objects_are_refused_or_stripped() -> None:
    ds = ct()
    item = pydicom.Dataset()
    item.MACIDNumber = 1
    ds.add_new(0x4FFE0001, "SQ", [item])
    ds.add_new(0xFFFAFFFA, "SQ", [item])
    source = encoded(ds)
    with pytest.raises(EncodeError, match="signed"):
        transcode(source, None, "rle")
    with pytest.raises(EncodeError, match="signed"):
        transcode(source, None, "implicit-le")
    result = transcode(source, None, "rle", signatures="remove")
    tags = raw_elements(result.data)
    assert 0x4FFE0001 not in tags and 0xFFFAFFFA not in tags
    assert "digital signatures left out" in result.corrections
    assert transcode(source, None, "explicit-le").data == source  # untouched, so still valid


def test_no_pixels_means_copied() -> None:
    ds = ct()
    del ds.PixelData
    source = encoded(ds)
    result = transcode(source, None, "htj2k")
    assert (result.way, result.data, result.max_error) == ("copied", source, None)


def test_the_asked_syntax_is_copied_unless_more_is_asked() -> None:
    coded = transcode(encoded(ct()), None, "jpeg2000-lossless").data
    assert transcode(coded, None, "jpeg2000-lossless").way == "copied"
    laid_out = transcode(coded, None, "jpeg2000-lossless", coding=Coding(levels=1))
    assert laid_out.way == "pixels"
    fresh = transcode(coded, None, "jpeg2000-lossless", new_uid="always")
    assert fresh.way == "blocks" and read(fresh.data).SOPInstanceUID != "1.2.3.4"
    again = transcode(coded, None, "jpeg2000-lossless", new_uid="always")
    assert again.data == fresh.data


def test_float_pixels_stay_native() -> None:
    ds = ct()
    values = np.array([[1.5, np.nan], [-np.inf, 0.0]], np.float32)
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.BitsAllocated, ds.Rows, ds.Columns = 32, 2, 2
    ds.FloatPixelData = values.tobytes()
    source = encoded(ds)
    result = transcode(source, None, "implicit-le")
    assert read(result.data).FloatPixelData == values.tobytes() and result.max_error == 0
    with pytest.raises(EncodeError, match="native"):
        transcode(source, None, "htj2k")


# -- options --


@pytest.mark.parametrize(
    ("syntax", "options", "error"),
    [
        ("rle", {"lossy": Lossy(ratio=5)}, OptionError),
        ("htj2k-lossless", {"lossy": Lossy(ratio=5)}, OptionError),
        ("explicit-le", {"lossy": Lossy(ratio=5)}, OptionError),
        ("jpegls", {"lossy": Lossy(ratio=5)}, OptionError),
        ("jpeg2000", {"lossy": Lossy(ratio=5), "new_uid": "never"}, OptionError),
        ("jpeg2000", {"lossy": Lossy(preset="none such")}, OptionError),
        ("jpegls", {"coding": Coding()}, OptionError),
        ("rle", {"verify": "twice"}, OptionError),
        ("rle", {"new_uid": "sometimes"}, OptionError),
        ("rle", {"signatures": "ignore"}, OptionError),
        ("rle", {"threads": 0}, OptionError),
        ("jpeg-baseline", {}, UnsupportedTransferSyntax),
        ("jpegxl", {}, UnsupportedTransferSyntax),
        ("no-such-syntax", {}, UnsupportedTransferSyntax),
    ],
)
def test_options_that_make_no_sense(syntax: str, options: dict, error: type) -> None:
    with pytest.raises(error):
        transcode(encoded(ct()), None, syntax, **options)


@pytest.mark.parametrize("change", [{"BitsStored": 0}, {"Rows": 0}, {"BitsAllocated": 12}])
def test_broken_headers_are_typed_errors(change: dict) -> None:
    with pytest.raises(CorruptFile):
        transcode(encoded(ct(**change)), None, "rle")


# -- destinations --


def test_dest_file_folder_and_file_object(tmp_path: Path) -> None:
    source = encoded(ct())
    data = transcode(source, None, "rle").data
    named = transcode(source, tmp_path / "a.dcm", "rle")
    assert named.path == tmp_path / "a.dcm" and named.path.read_bytes() == data
    assert named.data is None and named.bytes_out == len(data)
    filed = transcode(source, tmp_path, "rle")
    assert filed.path == tmp_path / (safe_name("1.2.3.4") + ".dcm")
    out = io.BytesIO()
    assert transcode(source, out, "rle").bytes_out == len(data)
    assert out.getvalue() == data
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["a.dcm", filed.path.name])


def test_dest_may_be_the_source(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(encoded(ct()))
    wanted = transcode(path, None, "htj2k").data
    transcode(path, path, "htj2k")
    assert path.read_bytes() == wanted


def test_hostile_instance_uid_does_not_steer_the_name(tmp_path: Path) -> None:
    source = encoded(ct(SOPInstanceUID="1.2.3.44.555")).replace(b"1.2.3.44.555", b"../../escape")
    result = transcode(source, tmp_path, "rle")
    assert result.path is not None and result.path.parent == tmp_path
    assert "escape" not in result.path.name


def test_failed_proof_leaves_the_destination_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"what was there")
    honest = registry.encode_frame

    def lying(coding: str, array: np.ndarray, *args: object, **options: object) -> object:
        wrong = array.copy()
        wrong[3, 4] ^= 1
        return honest(coding, wrong, *args, **options)

    monkeypatch.setattr(registry, "encode_frame", lying)
    for syntax in ("rle", "htj2k-lossless", "encapsulated"):
        with pytest.raises(VerificationError, match="1 of 480 samples"):
            transcode(encoded(ct()), path, syntax)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]
    assert transcode(encoded(ct()), None, "rle", verify=False).max_error is None


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_system_failures_leave_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, large: bool
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"what was there")
    source = encoded(ct())
    if large:
        monkeypatch.setattr("radkit.transcoding.dest._IN_MEMORY", 0)
    honest = getattr(os, call)

    def refusing(*args: object, **options: object) -> object:
        mine = any(".part-" in str(a) for a in args) or call in ("write", "fsync")
        if mine:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/name")
        return honest(*args, **options)

    monkeypatch.setattr(write_module.os, call, refusing)
    with pytest.raises(TransferError, match="No space left") as caught:
        transcode(source, path, "rle")
    monkeypatch.undo()
    assert caught.value.errno == errno.ENOSPC and "secret" not in str(caught.value)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = encoded(ct())
    honest = os.write
    monkeypatch.setattr(write_module.os, "write", lambda fd, data: honest(fd, data[:100]))
    result = transcode(source, tmp_path / "a.dcm", "rle")
    monkeypatch.undo()
    assert result.path.read_bytes() == transcode(source, None, "rle").data


def test_large_results_are_proven_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radkit.transcoding.dest._IN_MEMORY", 0)
    monkeypatch.setattr(recode, "_KEPT", 0)
    source = encoded(ct())
    for syntax in ("rle", "deflated", "implicit-le"):
        wanted = transcode(source, None, syntax).data
        assert transcode(source, tmp_path / "a.dcm", syntax).path.read_bytes() == wanted
        out = io.BytesIO()
        transcode(source, out, syntax)
        assert out.getvalue() == wanted


def test_missing_folder_and_directory_source_are_transfer_errors(tmp_path: Path) -> None:
    with pytest.raises(TransferError):
        transcode(encoded(ct()), tmp_path / "none" / "a.dcm", "rle")
    with pytest.raises(TransferError):
        transcode(tmp_path, None, "rle")
    with pytest.raises(TransferError):
        transcode(tmp_path / "none.dcm", None, "rle")
    with pytest.raises(TypeError):
        transcode(encoded(ct()), 5, "rle")


def test_dataset_and_file_object_sources(tmp_path: Path) -> None:
    source = encoded(ct())
    wanted = transcode(source, None, "htj2k").data
    assert transcode(io.BytesIO(source), None, "htj2k").data == wanted
    assert transcode(memoryview(source), None, "htj2k").data == wanted
    assert stored(transcode(read(source), None, "htj2k").data).shape == (1, 20, 24)


@pytest.mark.parametrize("syntax", ["rle", "jpeg-lossless", "jpegls-lossless", "htj2k-lossless"])
def test_independent_proof_agrees(syntax: str) -> None:
    for signed in (False, True):
        result = transcode(encoded(ct(signed=signed)), None, syntax, verify="independent")
        assert result.max_error == 0


@pytest.mark.parametrize(
    "syntax", ["encapsulated", "deflated-frame", "implicit-le", "jpeg2000-lossless"]
)
def test_independent_proof_of_colour(syntax: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    assert transcode(encoded(ct(pixels, bits=8)), None, syntax, verify="independent").data


# -- real files --


@needs_data
def test_jpeg_source_keeps_its_lossy_history() -> None:
    source = DATA / "syntaxes" / "jpeg_baseline_ybr_422.dcm"
    result = transcode(source, None, "htj2k-lossless")
    ds = read(result.data)
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == "ISO_10918_1"
    assert ds.SOPInstanceUID == read(source).SOPInstanceUID
    assert ds.PhotometricInterpretation == "YBR_FULL"
    assert result.max_error == 0 and result.psnr is None
    back = read(transcode(result.data, None, "explicit-le").data)
    assert back.LossyImageCompression == "01"


@needs_data
@pytest.mark.parametrize("name", ["made_high_bit_15", "made_overlay_in_high_bits", "jpegls_emri"])
def test_hash_is_that_of_the_reference_table(name: str) -> None:
    entry = manifest()[f"{name}.dcm"]
    result = transcode(DATA / "syntaxes" / f"{name}.dcm", None, "htj2k-lossless")
    assert result.sha256 == entry["sha256"]
    assert read(result.data).HighBit == read(result.data).BitsStored - 1
