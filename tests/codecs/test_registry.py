"""The registry: every coding of the shared files gives the listed pixels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from coded import SYNTAXES, digest, load, manifest, stored

from radkit.codecs import registry
from radkit.codecs.frame import FrameSpec
from radkit.errors import (
    CorruptPixelData,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

CODINGS = {
    "4.50": "jpeg", "4.51": "jpeg", "4.53": "jpeg", "4.55": "jpeg",
    "4.80": "jpegls", "4.81": "jpegls",
    "4.90": "jpeg2000", "4.91": "jpeg2000",
    "4.201": "htj2k", "4.202": "htj2k", "4.203": "htj2k",
    "4.110": "jpegxl", "8.1": "deflated-frame", "1.98": "uncompressed-frame",
}  # fmt: skip
LEFT_OUT = {
    # Its hash in the manifest is of the samples before the sign is put right.
    "jpegls_signed15",
    # The frames of these are found by the dicom room, not by pydicom.
    "made_broken_bot_offsets", "made_broken_fewer_frames",
    "made_broken_rows_mismatch", "broken_j2k_embedded_delimiter", "broken_j2k_emri_too_short",
}  # fmt: skip


def _cases() -> list[tuple[str, str]]:
    if not SYNTAXES.exists():
        return []
    cases = []
    for name, entry in sorted(manifest().items()):
        uid = (entry.get("transfer_syntax") or "").replace("1.2.840.10008.1.2.", "")
        if uid in CODINGS and name not in LEFT_OUT:
            cases.append((name, CODINGS[uid]))
    return cases


@pytest.mark.skipif(not SYNTAXES.exists(), reason="the shared files are not here")
def test_all_shared_files_are_listed() -> None:
    assert len(_cases()) > 85


@pytest.mark.parametrize(("name", "coding"), _cases())
def test_decode_shared_file_gives_the_listed_pixels(name: str, coding: str) -> None:
    sample = load(name)
    decoded = [registry.decode_frame(coding, data, sample.spec) for data in sample.frames]
    arrays = [stored(frame, sample.spec) for frame in decoded]
    assert all(frame.sound == 1.0 for frame in decoded)
    if coding in ("jpeg2000", "htj2k") and decoded[0].lossy:
        # The irreversible wavelet leaves rounding to the decoder; the table is OpenJPEG's.
        import openjpeg

        theirs = [openjpeg.decode(data) for data in sample.frames]
        assert digest(theirs, sample.entry["dtype"]) == sample.entry["sha256"]
        for mine, other in zip(arrays, theirs, strict=True):
            assert np.abs(mine.astype(int) - other).max() <= 1
        return
    assert digest(arrays, sample.entry["dtype"]) == sample.entry["sha256"]


def test_decode_signed_jpegls_of_15_bits_gives_signed_values() -> None:
    sample = load("jpegls_signed15")
    frame = registry.decode_frame("jpegls", sample.frames[0], sample.spec)
    assert frame.precision == 15
    assert digest([frame.array], "<u2") == sample.entry["sha256"]
    assert stored(frame, sample.spec).min() < 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("made_broken_rows_mismatch", CorruptPixelData),
        ("broken_j2k_embedded_delimiter", UnsupportedTransferSyntax),  # it says Part 2
    ],
)
def test_decode_broken_frame_raises(name: str, error: type[RadkitError]) -> None:
    sample = load(name)
    with pytest.raises(error):
        registry.decode_frame("jpeg2000", sample.frames[0], sample.spec)


PREFIXES = [
    ("jpeg_baseline_gray", "jpeg", 5),
    ("made_jpeg_420_restart", "jpeg", 61),
    ("made_jpeg_422_progressive", "jpeg", 211),
    ("jpegls_mr", "jpegls", 23),
    ("jpegls_rgb_ilv1", "jpegls", 4001),
    ("j2k_emri", "jpeg2000", 17),
    ("made_j2k_jp2_container", "jpeg2000", 97),
    ("made_htj2k_signed", "htj2k", 37),
    ("htj2k_rpcl_mr3", "htj2k", 2003),
    ("made_jxl_lossless_rgb", "jpegxl", 83),
    ("deflated_image_frame_1bit", "deflated-frame", 3),
    ("made_encapsulated_uncompressed", "uncompressed-frame", 499),
]


@pytest.mark.parametrize(("name", "coding", "step"), PREFIXES)
def test_decode_any_prefix_raises_or_is_whole(name: str, coding: str, step: int) -> None:
    sample = load(name)
    data = sample.frames[0]
    whole = registry.decode_frame(coding, data, sample.spec).array
    raised = 0
    for size in [*range(0, len(data), step), *range(len(data) - 6, len(data))]:
        try:
            frame = registry.decode_frame(coding, data[:size], sample.spec)
        except RadkitError:
            raised += 1
        else:
            # Only a missing end marker, pad bits and pad bytes may be forgiven.
            assert len(data) - size <= 4
            np.testing.assert_array_equal(frame.array, whole)
    assert raised > len(data) // step - 3


@pytest.mark.parametrize("name,coding", [("j2k_emri", "jpeg2000"), ("made_htj2k_signed", "htj2k")])
def test_decode_prefix_not_strict_says_how_much_is_sound(name: str, coding: str) -> None:
    sample = load(name)
    data = sample.frames[0]
    with pytest.raises(TruncatedPixelData) as caught:
        registry.decode_frame(coding, data[: len(data) // 2], sample.spec)
    assert 0.2 < caught.value.decoded < 0.8
    frame = registry.decode_frame(coding, data[: len(data) // 2], sample.spec, strict=False)
    assert frame.sound == caught.value.decoded
    assert "truncated" in {problem.code for problem in frame.problems}


@pytest.mark.parametrize(("name", "coding", "step"), PREFIXES)
def test_decode_with_flipped_bytes_raises_only_radkit_errors(
    name: str, coding: str, step: int
) -> None:
    sample = load(name)
    data = bytearray(sample.frames[0])
    rng = np.random.default_rng(len(data))
    for _ in range(25):
        broken = bytearray(data)
        for place in rng.integers(0, min(len(data), 400), 3):
            broken[place] = rng.integers(0, 256)
        try:
            frame = registry.decode_frame(coding, bytes(broken), sample.spec)
        except RadkitError:
            continue
        assert frame.array.shape[:2] == (sample.spec.rows, sample.spec.cols)


@pytest.mark.parametrize("coding", sorted(set(registry.CODINGS) - {"uncompressed-frame"}))
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xd8", b"\xff\x4f\xff\x51", bytes(64)])
def test_decode_nothing_raises(coding: str, data: bytes) -> None:
    spec = FrameSpec(rows=2, cols=2, samples=1, bits_allocated=8, bits_stored=8)
    with pytest.raises(RadkitError):
        registry.decode_frame(coding, data, spec)


def test_unknown_coding_names_the_known_ones() -> None:
    with pytest.raises(UnsupportedTransferSyntax, match="jpeg2000"):
        registry.frame_info("gif", b"")


@pytest.mark.parametrize(
    ("name", "coding"), [("jpeg_baseline_gray", "jpeg"), ("jpegls_mr", "jpegls")]
)
def test_region_is_a_crop_and_reduce_is_refused(name: str, coding: str) -> None:
    sample = load(name)
    data, spec = sample.frames[0], sample.spec
    whole = registry.decode_frame(coding, data, spec).array
    part = registry.decode_frame(coding, data, spec, region=(3, 40, 5, 9)).array
    np.testing.assert_array_equal(part, whole[3:40, 5:9])
    for wrong in ((0, 0, 0, 1), (0, spec.rows + 1, 0, 1), (-1, 2, 0, 1), (1, 2, 3)):
        with pytest.raises(OptionError):
            registry.decode_frame(coding, data, spec, region=wrong)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedTransferSyntax):
        registry.decode_frame(coding, data, spec, reduce=1)
    with pytest.raises(UnsupportedTransferSyntax):
        registry.decode_frame(coding, data, spec, layers=1)
    with pytest.raises(OptionError):
        registry.decode_frame(coding, data, spec, reduce=-1)


def test_registry_loads_no_codec_before_it_is_asked() -> None:
    code = (
        "import sys; import radkit.codecs.registry;"
        "print([m for m in sys.modules if m.startswith(('imagecodecs', 'openjpeg', 'pydicom'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
