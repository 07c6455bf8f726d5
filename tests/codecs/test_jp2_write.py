"""JP2 and JPH files of the own encoder: what jpylyzer, glymur and OpenJPEG find in them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import glymur
import imagecodecs
import numpy as np
import pytest
from coded import smooth
from jpylyzer.jpylyzer import checkOneFile
from test_j2k_encode import layout, picture

from radkit.codecs import htj2k, jpeg2000
from radkit.codecs._jp2_write import wrap
from radkit.codecs.options import Coding, Lossy
from radkit.errors import OptionError

MODULES = [(jpeg2000, "jp2"), (htj2k, "jph")]
RAW = {"jp2": "j2c", "jph": "jhc"}


def faults(path: Path, data: bytes, kind: str) -> list[str]:
    """The tests of jpylyzer that a file fails."""
    path.write_bytes(data)
    found = checkOneFile(str(path), kind)
    failed = [test.tag for test in found.find("tests").iter() if test.text == "False"]
    assert (found.find("isValid").text == "True") == (not failed)
    return failed


@pytest.mark.parametrize(("module", "kind"), MODULES)
@pytest.mark.parametrize("seed", range(40))
def test_files_of_any_layout_are_valid(tmp_path: Path, module: Any, kind: Any, seed: int) -> None:
    rng = np.random.default_rng([17, seed])
    samples = (1, 3, 4, 2)[seed % 4]
    shape: tuple[int, ...] = (int(rng.integers(1, 120)), int(rng.integers(1, 120)))
    shape += (samples,) if samples > 1 else ()
    bits, signed = seed % 16 + 1, bool(rng.integers(2))
    image = picture(rng, shape, bits, signed)
    data = module.encode(image, bits=bits, coding=layout(rng), container=kind)
    assert faults(tmp_path / f"made.{kind}", data, kind) == []
    np.testing.assert_array_equal(module.decode(data), image)
    raw = module.encode(image, bits=bits, coding=layout(rng))
    assert faults(tmp_path / "made.j2c", raw, RAW[kind]) == []


@pytest.mark.parametrize(("module", "kind"), MODULES)
@pytest.mark.parametrize(
    "lossy", [Lossy(ratio=12), Lossy(psnr=40), Lossy(max_error=3)], ids=["ratio", "psnr", "error"]
)
def test_lossy_files_are_valid(tmp_path: Path, module: Any, kind: Any, lossy: Lossy) -> None:
    for image in (smooth(130, 150, 12), np.dstack([smooth(90, 80, 8)] * 3)):
        data = module.encode(image, lossy=lossy, container=kind)
        assert faults(tmp_path / f"made.{kind}", data, kind) == []
        assert module.decode(data).shape == image.shape


@pytest.mark.parametrize("order", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
def test_files_with_layers_are_valid(tmp_path: Path, order: Any) -> None:
    coding = Coding(layers=(20, 8, 4), progression=order, tile=(100, 90), precincts=((32, 64),))
    data = jpeg2000.encode(smooth(170, 150, 12), coding=coding, container="jp2")
    assert faults(tmp_path / "made.jp2", data, "jp2") == []
    assert jpeg2000.info(data).layers == 4


def test_what_is_cut_or_coded_anew_is_valid(tmp_path: Path) -> None:
    image = smooth(300, 280, 12)
    coding = Coding(layers=(20, 8), plt=True)
    whole = jpeg2000.encode(image, coding=coding, container="jp2")
    for options in ({"reduce": 1}, {"layers": 1}, {"max_bytes": len(whole) // 2}):
        data = jpeg2000.truncate(whole, **options)
        assert faults(tmp_path / "cut.jp2", data, "jp2") == [], options
    assert faults(tmp_path / "made.jhc", jpeg2000.transcode(whole, "htj2k"), "jhc") == []


def test_the_judge_sees_faults(tmp_path: Path) -> None:
    data = jpeg2000.encode(smooth(60, 60, 8), container="jp2")
    size = data.index(b"ihdr") + 4
    for broken in (
        data[:-2],
        data[:size] + struct.pack(">I", 61) + data[size + 4 :],
        data.replace(b"colr\x01", b"colr\x07"),
    ):
        assert faults(tmp_path / "broken.jp2", broken, "jp2")


@pytest.mark.parametrize("samples", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 12])
def test_others_read_samples_and_meaning(tmp_path: Path, samples: int, bits: int) -> None:
    plane = smooth(70, 60, bits)
    image = plane if samples == 1 else np.dstack([plane, plane[::-1], plane[:, ::-1], plane])
    image = np.ascontiguousarray(image[..., :samples]) if samples > 1 else image
    data = jpeg2000.encode(image, bits=bits, container="jp2")
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(data), image)
    path = tmp_path / "made.jp2"
    path.write_bytes(data)
    read = glymur.Jp2k(path)
    np.testing.assert_array_equal(read[:], image)
    header = {box.box_id: box for box in next(b for b in read.box if b.box_id == "jp2h").box}
    assert header["colr"].colorspace == (17 if samples == 1 else 16)
    assert header["ihdr"].bits_per_component == bits
    assert header["ihdr"].num_components == samples
    assert header["ihdr"].colorspace_unknown == 0
    assert ("cdef" in header) == (samples == 4)


def test_without_colour_the_file_says_so() -> None:
    image = np.dstack([smooth(30, 40, 8)] * 3)
    data = jpeg2000.encode(image, colour="none", container="jp2")
    at = data.index(b"colr") + 4
    assert data[at : at + 7] == bytes((1, 0, 0, 0, 0, 0, 17))
    assert data[data.index(b"ihdr") + 16] == 1  # the colour space is unknown
    np.testing.assert_array_equal(jpeg2000.decode(data), image)


def test_brands() -> None:
    image = smooth(20, 30, 8)
    for module, kind in MODULES:
        data = module.encode(image, container=kind)
        brand = kind.encode() + b" "
        assert data[:12] == b"\0\0\0\x0cjP  \r\n\x87\n"
        assert data[12:32] == b"\0\0\0\x14ftyp" + brand + bytes(4) + brand
        start = data.index(b"jp2c") + 4
        assert data[start:] == module.encode(image)
        assert module.info(data).jp2


def test_depths_that_differ_are_listed(tmp_path: Path) -> None:
    """No stream of the own encoder has them; `wrap` reads them from SIZ."""
    image = np.dstack([smooth(40, 40, 8)] * 3)
    data = bytearray(jpeg2000.encode(image, colour="none"))
    data[42:51:3] = bytes((7, 0x80 | 11, 15))
    made = wrap(bytes(data), "jp2", coloured=False)
    ihdr, bpcc = made.index(b"ihdr") + 4, made.index(b"bpcc") + 4
    assert made[ihdr + 10] == 255
    assert made[bpcc : bpcc + 3] == bytes((7, 0x80 | 11, 15))


@pytest.mark.parametrize(("module", "other"), [(jpeg2000, "jph"), (htj2k, "jp2")])
def test_the_wrong_file_is_refused(module: Any, other: Any) -> None:
    for container in (other, "j2k", "", True):
        with pytest.raises(OptionError, match="container"):
            module.encode(np.zeros((4, 4), np.uint8), container=container)
