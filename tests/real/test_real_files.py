"""What DCMTK, GDCM and dicom3tools say of the files that radkit writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from programs import needs, run

import radkit
from radkit.testing import sample

IMAGES = ("ct", "mr", "mr_implicit", "mr_big_endian", "us_rgb", "mr_overlay", "palette")
EVERY = (
    "implicit-le", "explicit-le", "deflated", "rle", "jpeg-lossless", "jpegls-lossless",
    "jpeg2000-lossless", "htj2k-lossless", "htj2k-lossless-rpcl",
)  # fmt: skip

# What another transfer syntax changes: file meta, lengths of groups, pixels, filling at the end.
CHANGED = re.compile(r"^\((?:0002,|....,0000|0028,0006|7fe0,|fffe,|fffc,)")


def written(name: str, syntax: str, folder: Path) -> Path:
    path = folder / f"{name}-{syntax}.dcm"
    radkit.transcode(sample(name), path, syntax)
    return path


def elements(path: Path) -> list[str]:
    """Elements at the top of a data set, as dcmdump tells them, without those that change."""
    told = run("dcmdump", "-q", "+L", "+R", "64", path)
    lines = [line for line in told.splitlines() if line.startswith("(")]
    kept = [line for line in lines if not CHANGED.match(line)]
    # Without the VR, which implicit VR does not have, and without the bytes of sequences.
    plain = [re.sub(r"^(\(....,....\)) ..", r"\1", line) for line in kept]
    return [re.sub(r"#=(\d+)\) *# \d+", r"#=\1)", line) for line in plain]


@needs("dcmdump")
@pytest.mark.parametrize("syntax", EVERY)
@pytest.mark.parametrize("name", IMAGES)
def test_dcmtk_reads_the_same_elements(name: str, syntax: str, tmp_path: Path) -> None:
    before = elements(sample(name))
    assert len(before) > 20
    after = elements(written(name, syntax, tmp_path))
    lacking = [line for line in before if line not in after]
    # A colour object may get another Photometric Interpretation, and nothing else.
    assert all("PhotometricInterpretation" in line for line in lacking)
    assert len(after) == len(before)


# Program, transfer syntax of ours that it decodes.
DECODERS = (
    ("dcmdjpeg", "jpeg-lossless"), ("dcmdjpls", "jpegls-lossless"), ("dcmdrle", "rle"),
    ("dcmconv", "implicit-le"), ("dcmconv", "explicit-le"), ("dcmconv", "deflated"),
    ("gdcmconv", "rle"), ("gdcmconv", "jpeg-lossless"), ("gdcmconv", "jpegls-lossless"),
    ("gdcmconv", "jpeg2000-lossless"),
)  # fmt: skip
WORDS = {"dcmconv": ["+te"], "gdcmconv": ["--raw", "--explicit"]}


@pytest.mark.parametrize(
    ("tool", "syntax"), [pytest.param(*pair, marks=needs(pair[0])) for pair in DECODERS]
)
@pytest.mark.parametrize("name", ["ct", "mr", "mr_overlay", "us_rgb"])
def test_decoded_by_another_program_it_is_the_same(
    tool: str, syntax: str, name: str, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.dcm"
    run(tool, *WORDS.get(tool, []), written(name, syntax, tmp_path), plain)
    assert radkit.inspect(plain).syntax.name == "explicit-le"
    assert np.array_equal(radkit.decode(plain), radkit.decode(sample(name)))


# And the other way round: what they write.
ENCODERS = (
    ("gdcmconv", "--j2k"), ("gdcmconv", "--jpegls"), ("gdcmconv", "--jpeg"), ("gdcmconv", "--rle"),
    ("dcmconv", "+ti"), ("dcmconv", "+tb"), ("dcmconv", "+td"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "word"), [pytest.param(*pair, marks=needs(pair[0])) for pair in ENCODERS]
)
@pytest.mark.parametrize("name", ["ct", "mr", "us_rgb"])
def test_what_another_program_wrote_is_read(
    tool: str, word: str, name: str, tmp_path: Path
) -> None:
    coded = tmp_path / "coded.dcm"
    run(tool, word, sample(name), coded)
    assert np.array_equal(radkit.decode(coded), radkit.decode(sample(name)))
    back = tmp_path / "back.dcm"
    radkit.transcode(coded, back, "htj2k-lossless-rpcl")
    assert np.array_equal(radkit.decode(back), radkit.decode(sample(name)))


def complaints(path: Path) -> list[str]:
    """Errors that dciodvfy finds; to it HTJ2K, which is younger, is shown as JPEG 2000."""
    data = path.read_bytes()
    known = re.sub(
        rb"1\.2\.840\.10008\.1\.2\.4\.20[12]\0", b"1.2.840.10008.1.2.4.90\0\0", data, count=1
    )
    if known != data:
        path.with_suffix(".known").write_bytes(known)
        path = path.with_suffix(".known")
    told = run("dciodvfy", "-new", path, accept=(0, 1))
    return [line for line in told.splitlines() if line.startswith("Error")]


@needs("dciodvfy")
@pytest.mark.parametrize("syntax", [name for name in EVERY if name != "deflated"])  # not inflated
@pytest.mark.parametrize("name", ["ct", "mr", "us_rgb", "mr_overlay", "palette"])
def test_dciodvfy_has_no_new_complaints(name: str, syntax: str, tmp_path: Path) -> None:
    before = complaints(sample(name))
    after = complaints(written(name, syntax, tmp_path))
    assert [line for line in after if line not in before] == []


@needs("dciodvfy")
def test_dciodvfy_has_no_new_complaints_of_a_lossy_object(tmp_path: Path) -> None:
    path = tmp_path / "lossy.dcm"
    radkit.transcode(sample("mr"), path, "jpeg2000", lossy=radkit.Lossy(ratio=8))
    assert [line for line in complaints(path) if line not in complaints(sample("mr"))] == []


@needs("dcmdump")
@pytest.mark.parametrize("syntax", ["htj2k-lossless", "htj2k-lossless-rpcl"])
def test_dcmtk_of_2022_walks_through_a_syntax_it_does_not_know(syntax: str, tmp_path: Path) -> None:
    path = written("ct", syntax, tmp_path)
    assert "1.2.840.10008.1.2.4.20" in run("dcmdump", "+P", "0002,0010", "-Un", path)
    # It has no decoder, so it cannot be what a receiver runs: `radkit.net.send` falls back.
    run("dcmconv", "+te", path, tmp_path / "plain.dcm", accept=range(1, 256))
