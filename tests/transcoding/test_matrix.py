"""Every kind of source into every lossless syntax, read back by other libraries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from objects_made import DATA, OWNED, assert_carried, manifest, needs_data, read
from pydicom.dataset import Dataset

from radkit.dicom.objects import open_object
from radkit.errors import EncodeError
from radkit.pixels.frames import Frames
from radkit.transcoding.one import transcode

TARGETS = ["explicit-le", "implicit-le", "deflated", "rle", "jpeg-lossless", "jpegls-lossless"]
TARGETS += ["jpeg2000-lossless", "htj2k-lossless", "htj2k-lossless-rpcl", "htj2k"]
TARGETS += ["encapsulated", "deflated-frame"]
# One or two of each coding, and the odd ones.
FEW = ["native_ct_small", "native_implicit_mr", "native_big_endian_mr", "native_palette_8"]
FEW += ["native_rgb_planar1", "native_ybr_full_422", "native_1bit_3frame", "native_rtdose32"]
FEW += ["deflated_ct", "rle_rgb16_2frame", "jpeg_baseline_ybr_422", "jpeg_lossless_mr_odd"]
FEW += ["jpegls_emri", "j2k_us_rct", "made_j2k_fragmented_bot", "htj2k_rpcl_ct1"]
FEW += ["made_encapsulated_uncompressed", "made_signed12_junk_high_bits", "native_overlay_groups"]
EXPLICIT = {"explicit-le", "deflated", "rle", "jpeg-lossless", "jpegls-lossless", "encapsulated"}
OVERLAYS = frozenset(0x60000000 | e for e in (0x3000, 0x0100, 0x0102, 0x0010, 0x0011, 0x0015))


def sources() -> list[str]:
    if not DATA.is_dir():
        return []
    return [n for n, e in manifest().items() if e["expect"] == "pixels"]


def check(name: str, target: str) -> None:
    path = DATA / "syntaxes" / name
    try:
        result = transcode(path, None, target)
    except EncodeError as error:
        assert error.section or "OpenJPEG" in str(error)
        return
    if result.way == "copied":
        assert result.data == path.read_bytes()
        return
    assert result.max_error == 0
    after = read(result.data)
    assert after.file_meta.TransferSyntaxUID == result.syntax.uid
    with open_object(path) as obj:
        explicit = not (obj.elements.implicit or obj.elements.big_endian)
    if explicit and target != "implicit-le":
        assert_carried(path, result.data, but=OWNED | OVERLAYS | {0x00880200})
    _by_pydicom(result.data, target)


def _by_pydicom(data: bytes, target: str) -> None:
    if target in ("encapsulated", "deflated-frame"):
        return  # not known to pydicom 3.0
    ds = read(data)
    with Frames(data) as frames:
        image = frames.image
        if image.kind != "int" or image.bits_allocated not in (8, 16, 32):
            return
        if image.photometric == "YBR_FULL_422" or image.high_bit != image.bits_stored - 1:
            return
        if image.bits_allocated == 32 and target not in EXPLICIT:
            return
        decoded = [frames.decode(i, colour="coded") for i in range(image.frames)]
    ours = [frame.array for frame in decoded]
    theirs = _raw(ds)
    theirs = theirs.reshape(len(ours), *ours[0].shape)
    mask = (1 << image.bits_stored) - 1
    # Of an irreversible stream, recoded by its blocks, each decoder rounds for itself.
    near = 1 if target == "htj2k" and any(frame.lossy for frame in decoded) else 0
    assert all(
        np.abs((a.astype(np.int64) & mask) - (b.astype(np.int64) & mask)).max() <= near
        for a, b in zip(ours, theirs, strict=True)
    )


def _raw(ds: Dataset) -> np.ndarray:
    from pydicom.pixels import pixel_array

    # Named: GDCM, which pydicom asks first, ends the process on some of these files.
    native = not ds.file_meta.TransferSyntaxUID.is_encapsulated
    rle = ds.file_meta.TransferSyntaxUID.name == "RLE Lossless"
    plugin = "" if native else "pydicom" if rle else "pylibjpeg"
    return pixel_array(ds, raw=True, decoding_plugin=plugin)


@needs_data
@pytest.mark.parametrize("target", ["implicit-le", "rle", "jpegls-lossless", "htj2k-lossless-rpcl"])
@pytest.mark.parametrize("name", FEW)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_source_to_target(name: str, target: str) -> None:
    check(f"{name}.dcm", target)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_source_to_target(target: str) -> None:
    for name in sources():
        check(name, target)


@needs_data
@pytest.mark.parametrize("target", ["explicit-le", "jpeg-lossless", "jpeg2000-lossless", "rle"])
def test_gdcm_reads_the_same_pixels(target: str, tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    source = DATA / "syntaxes" / "htj2k_rpcl_ct1.dcm"
    path = tmp_path / "a.dcm"
    result = transcode(source, path, target)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    pixels = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    with Frames(path) as frames:
        ours = frames.decode(0, colour="coded").array
    mask = (1 << read(path).BitsStored) - 1
    theirs = np.frombuffer(pixels, ours.dtype).reshape(ours.shape)
    assert np.array_equal(theirs.astype(np.int64) & mask, ours.astype(np.int64) & mask)
    assert result.sha256 == hashlib.sha256(ours.tobytes()).hexdigest()
