"""Lossy steps and their history: the rows of the bookkeeping table, one by one."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from objects_made import (
    DATA,
    OWNED,
    assert_carried,
    ct,
    encoded,
    needs_data,
    raw_elements,
    read,
)
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag

from radkit.codecs import registry
from radkit.codecs.options import Lossy
from radkit.errors import EncodeError, OptionError, VerificationError
from radkit.pixels.frames import Frames
from radkit.transcoding.one import transcode
from radkit.transcoding.presets import lossy_presets, resolve
from radkit.transcoding.verify import compare, ssim

HISTORY = frozenset(
    {0x00080008, 0x00080018, 0x00282110, 0x00282112, 0x00282114}
    | {0x00082111, 0x00082112, 0x00089215, 0x0018A001, 0x00280106, 0x00280107}
)


def smooth(frames: int = 1, *, colour: bool = False, bits: int = 12) -> np.ndarray:
    rng = np.random.default_rng(11)
    rows, cols = np.mgrid[0:64, 0:72]
    wave = np.sin(rows / 7.0) * np.cos(cols / 9.0) * 0.4 + 0.5
    top = (1 << bits) - 1
    noise = rng.normal(0, 0.01, (frames, 64, 72, 3 if colour else 1))
    values = np.clip((wave[None, ..., None] + noise) * top, 0, top)
    out = values.astype(np.uint8 if bits <= 8 else np.uint16)
    out = out if colour else out[..., 0]
    return out if frames > 1 else out[0]


def stored(data: bytes) -> np.ndarray:
    with Frames(data) as frames:
        return np.stack(
            [frames.decode(i, colour="coded").array for i in range(frames.image.frames)]
        )


@pytest.mark.parametrize(
    ("syntax", "lossy", "method"),
    [
        ("jpeg2000", Lossy(ratio=10), "ISO_15444_1"),
        ("htj2k", Lossy(ratio=10), "ISO_15444_15"),
        ("jpegls", Lossy(max_error=3), "ISO_14495_1"),
    ],
)
def test_lossy_step_is_told_in_full(syntax: str, lossy: Lossy, method: str) -> None:
    source = encoded(
        ct(smooth(), SmallestImagePixelValue=0, LargestImagePixelValue=9, PixelPaddingValue=0)
    )
    result = transcode(source, None, syntax, lossy=lossy)
    ds = read(result.data)
    assert_carried(source, result.data, but=OWNED | HISTORY)
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
    assert ds.SOPInstanceUID.startswith("2.25.") and ds.SOPInstanceUID.is_valid
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == method
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(result.ratio, abs=1e-3)
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    code = ds.DerivationCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113040", "DCM")
    origin = ds.SourceImageSequence[0]
    assert origin.ReferencedSOPInstanceUID == "1.2.3.4"
    assert origin.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    equipment = ds.ContributingEquipmentSequence[0]
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"
    assert f"{result.ratio:.3f}".rstrip("0").rstrip(".") in ds.DerivationDescription
    assert "SmallestImagePixelValue" not in ds and "LargestImagePixelValue" not in ds
    assert any("Padding" in text for text in result.corrections)
    assert result.total_ratio == result.ratio
    assert result.ratio_stored == pytest.approx(result.ratio * 12 / 16)


def test_figures_are_those_of_the_samples() -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    pixels = smooth(3)
    result = transcode(encoded(ct(pixels)), None, "jpeg2000", lossy=Lossy(ratio=12), threads=2)
    after = stored(result.data)
    assert result.max_error == np.abs(after.astype(int) - pixels).max() > 0
    assert result.psnr == pytest.approx(peak_signal_noise_ratio(pixels, after, data_range=4095))
    each = [
        structural_similarity(a, b, data_range=4095) for a, b in zip(pixels, after, strict=True)
    ]
    assert result.ssim == pytest.approx(np.mean(each), abs=1e-12)


def test_ssim_in_strips_equals_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    for shape in ((40, 33), (40, 33, 3), (7, 7), (5, 9)):
        a = rng.integers(0, 256, shape, dtype=np.uint8)
        b = np.clip(a + rng.integers(-9, 9, shape), 0, 255).astype(np.uint8)
        window = min(7, *shape[:2])
        channel = -1 if len(shape) == 3 else None
        whole = structural_similarity(a, b, data_range=255, win_size=window, channel_axis=channel)
        for samples in (1, 300, 1 << 20):
            monkeypatch.setattr("radkit.transcoding.verify._STRIP_SAMPLES", samples)
            assert ssim(a, b, 255) == pytest.approx(whole, abs=1e-12)
    assert ssim(a[:2], b[:2], 255) is None


def test_compare_tells_shape_from_value() -> None:
    a = np.zeros((3, 4), np.uint32)
    b = a.copy()
    b[0, 0] = 0xFFFFFFFF
    figures = compare(a, b, lossy=True, bits_stored=32, frame=0)
    assert figures.max_error == 0xFFFFFFFF and figures.squares == float(0xFFFFFFFF) ** 2
    with pytest.raises(VerificationError):
        compare(a, b, lossy=False, bits_stored=32, frame=0)
    with pytest.raises(VerificationError):
        compare(a, b[:2], lossy=True, bits_stored=32, frame=0)


def test_second_lossy_step_appends() -> None:
    source = encoded(
        ct(
            smooth(),
            LossyImageCompression="01",
            LossyImageCompressionRatio=["5"],
            LossyImageCompressionMethod=["ISO_10918_1"],
            DerivationDescription="earlier",
        )
    )
    result = transcode(source, None, "htj2k", lossy=Lossy(ratio=10))
    ds = read(result.data)
    assert list(ds.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_15"]
    assert ds.LossyImageCompressionRatio[0] == 5
    assert ds.DerivationDescription.startswith("earlier; Lossy compressed")
    assert result.total_ratio == pytest.approx(5 * result.ratio)


def test_earlier_loss_without_a_ratio_gives_no_total() -> None:
    source = encoded(ct(smooth(), LossyImageCompression="01"))
    assert transcode(source, None, "htj2k", lossy=Lossy(ratio=10)).total_ratio is None


def test_lossy_never_becomes_lossless() -> None:
    lossy = transcode(encoded(ct(smooth())), None, "jpeg2000", lossy=Lossy(ratio=10))
    for syntax in ("explicit-le", "htj2k-lossless", "jpeg2000-lossless", "rle"):
        result = transcode(lossy.data, None, syntax)
        before, after = read(lossy.data), read(result.data)
        assert after.LossyImageCompression == "01"
        assert after.LossyImageCompressionRatio == before.LossyImageCompressionRatio
        assert after.LossyImageCompressionMethod == before.LossyImageCompressionMethod
        assert after.SOPInstanceUID == before.SOPInstanceUID
        assert after.ImageType == before.ImageType
        assert result.max_error == 0


def test_unsaid_loss_of_a_source_is_remembered_without_a_ratio() -> None:
    lossy = read(transcode(encoded(ct(smooth())), None, "jpeg2000", lossy=Lossy(ratio=10)).data)
    for name in ("", "Ratio", "Method"):
        delattr(lossy, f"LossyImageCompression{name}")
    lossy.LossyImageCompression = "00"
    result = read(transcode(encoded(lossy), None, "rle").data)
    assert result.LossyImageCompression == "01"
    assert result.LossyImageCompressionMethod == "ISO_15444_1"
    assert "LossyImageCompressionRatio" not in result


def test_ybr_ict_becomes_rgb_when_native() -> None:
    pixels = smooth(colour=True, bits=8)
    coded = transcode(encoded(ct(pixels, bits=8)), None, "jpeg2000", lossy=Lossy(ratio=12)).data
    assert read(coded).PhotometricInterpretation == "YBR_ICT"
    native = transcode(coded, None, "explicit-le").data
    assert read(native).PhotometricInterpretation == "RGB"
    assert np.array_equal(stored(native), stored(coded))


def test_existing_sequences_get_one_more_item() -> None:
    ds = ct(smooth())
    first = Dataset()
    first.Manufacturer = "ACME"
    ds.ContributingEquipmentSequence = [first]
    ds["ContributingEquipmentSequence"].is_undefined_length = True
    out = read(transcode(encoded(ds), None, "htj2k", lossy=Lossy(ratio=10)).data)
    assert [item.Manufacturer for item in out.ContributingEquipmentSequence] == ["ACME", "radkit"]


def test_frame_type_in_functional_groups_follows() -> None:
    ds = ct(smooth(2))
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    group = Dataset()
    group.CTImageFrameTypeSequence = [kind]
    ds.SharedFunctionalGroupsSequence = [group]
    out = read(transcode(encoded(ds), None, "htj2k", lossy=Lossy(ratio=10)).data)
    changed = out.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence[0]
    assert list(changed.FrameType) == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    kept = read(transcode(encoded(ds), None, "htj2k-lossless").data)
    kept = kept.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence[0]
    assert kept.FrameType[0] == "ORIGINAL"


def test_derivation_description_that_is_full_is_left() -> None:
    full = "x" * 1024
    result = transcode(
        encoded(ct(smooth(), DerivationDescription=full)), None, "htj2k", lossy=Lossy(ratio=10)
    )
    assert read(result.data).DerivationDescription == full
    assert any("Derivation Description" in text for text in result.corrections)


def test_lossy_that_loses_nothing_keeps_the_instance() -> None:
    flat = np.full((64, 64), 7, np.uint16)
    result = transcode(encoded(ct(flat)), None, "jpeg2000", lossy=Lossy(ratio=1.5))
    ds = read(result.data)
    if result.max_error == 0 and "LossyImageCompression" not in ds:
        assert ds.SOPInstanceUID == "1.2.3.4"
    else:
        assert ds.LossyImageCompression == "01"


def test_same_source_gives_the_same_bytes() -> None:
    source = encoded(ct(smooth(3)))
    a = transcode(source, None, "htj2k", lossy=Lossy(ratio=9), threads=1)
    b = transcode(source, None, "htj2k", lossy=Lossy(ratio=9), threads=2)
    other = transcode(source, None, "htj2k", lossy=Lossy(ratio=12))
    assert a.data == b.data
    assert read(a.data).SOPInstanceUID != read(other.data).SOPInstanceUID


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"}, "RT dose"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "segmentation"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}, "PET"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE"),
    ],
)
def test_what_is_no_picture_is_never_lossy(change: dict, what: str) -> None:
    with pytest.raises(EncodeError, match=what):
        transcode(encoded(ct(smooth(), **change)), None, "htj2k", lossy=Lossy(ratio=5))


def test_largest_error_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = registry.encode_frame

    def careless(*args: object, lossy: Lossy | None = None, **options: object) -> object:
        return honest(*args, lossy=Lossy(max_error=9), **options)

    assert transcode(encoded(ct(smooth())), None, "jpegls", lossy=Lossy(max_error=2)).max_error <= 2
    monkeypatch.setattr(registry, "encode_frame", careless)
    with pytest.raises(VerificationError, match="largest error"):
        transcode(encoded(ct(smooth())), None, "jpegls", lossy=Lossy(max_error=2))


def test_max_bytes_is_kept() -> None:
    result = transcode(encoded(ct(smooth(2))), None, "jpeg2000", lossy=Lossy(max_bytes=1500))
    with Frames(result.data) as frames:
        assert all(sum(size for _, size in frames.map.ranges(i)) <= 1500 for i in range(2))


def test_presets_cite_their_source_and_resolve() -> None:
    presets = lossy_presets()
    assert all(p.source and p.modality and p.ratio > 1 for p in presets.values())
    assert all(name == p.name for name, p in presets.items())
    assert resolve(Lossy(preset="drg-ct-body")) == Lossy(ratio=8)
    assert resolve(None) is None
    with pytest.raises(OptionError, match="drg-ct-body"):
        resolve(Lossy(preset="made-up"))
    with pytest.raises(TypeError):
        presets["x"] = None  # type: ignore[index]


@needs_data
def test_real_slice_by_preset() -> None:
    source = DATA / "ct-head-1mm" / "010.dcm"
    result = transcode(source, None, "jpeg2000", lossy=Lossy(preset="drg-ct-neuro"))
    assert 4.8 < result.ratio < 8
    ds = pydicom.dcmread(source)
    assert_carried(source, result.data, but=OWNED | HISTORY)
    assert ds.SOPInstanceUID == read(result.data).SourceImageSequence[-1].ReferencedSOPInstanceUID


def test_method_of_a_lossless_source_is_not_invented() -> None:
    said = encoded(ct(smooth(), LossyImageCompression="01"))
    kept = transcode(said, None, "jpeg2000-lossless").data
    again = read(transcode(kept, None, "htj2k-lossless").data)
    assert again.LossyImageCompression == "01"
    assert "LossyImageCompressionMethod" not in again
    lossy = read(transcode(kept, None, "htj2k", lossy=Lossy(ratio=10)).data)
    assert lossy.LossyImageCompressionMethod == "ISO_15444_15"


def test_history_that_is_no_latin_text_is_carried() -> None:
    ds = ct(smooth(), LossyImageCompression="01")
    ds[0x00282114] = RawDataElement(
        Tag(0x00282114), "CS", 4, "誠張".encode("gb18030"), 0, False, True, True
    )
    result = transcode(encoded(ds), None, "htj2k", lossy=Lossy(ratio=10))
    _, value = raw_elements(result.data)[0x00282114]
    # The second byte of the first character is a backslash: CS has no such letters.
    assert value.rstrip() == "誠張".encode("gb18030") + b"\\ISO_15444_15"


@pytest.mark.parametrize("target", ["explicit-le", "rle"])
def test_loss_of_a_later_frame_is_seen(target: str) -> None:
    frames = smooth(3)
    whole = transcode(encoded(ct(frames)), None, "jpeg2000")
    with Frames(whole.data) as opened:
        coded = [bytes(opened.map.read(i)) for i in range(3)]
    spec = Frames(whole.data).spec
    coded[2] = registry.encode_frame(
        "jpeg2000", frames[2], spec, lossy=Lossy(ratio=10), syntax_uid="1.2.840.10008.1.2.4.91"
    ).data
    ds = read(whole.data)
    ds.PixelData = encapsulate(coded)
    assert "LossyImageCompression" not in ds
    result = read(transcode(encoded(ds), None, target).data)
    assert result.LossyImageCompression == "01"
    assert result.LossyImageCompressionMethod == "ISO_15444_1"
