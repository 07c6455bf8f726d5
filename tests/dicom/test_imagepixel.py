from __future__ import annotations

import struct

import numpy as np
import pytest
from written import image, text, us

from radkit import limits
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, LimitExceeded

SAMPLES, PHOTOMETRIC, PLANAR, FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
ROWS, COLUMNS = 0x00280010, 0x00280011
ALLOCATED, STORED, HIGH, SIGN = 0x00280100, 0x00280101, 0x00280102, 0x00280103


def read(changes=None, **more):
    return ImagePixel.from_object(open_object(image(changes=changes, **more)))


def test_plain_image_is_read_without_problems():
    found = read()
    assert (found.rows, found.cols, found.samples, found.frames) == (4, 6, 1, 1)
    assert (found.bits_allocated, found.bits_stored, found.high_bit) == (8, 8, 7)
    assert (found.signed, found.planar, found.photometric, found.kind) == (
        False,
        False,
        "MONOCHROME2",
        "int",
    )
    assert found.shape == (1, 4, 6) and found.frame_bytes == 24 and found.problems == ()


WRONG = {
    "rows as UL of 2**20": {ROWS: ("UL", struct.pack("<I", 1 << 20))},
    "rows as UL of 65536": {ROWS: ("UL", struct.pack("<I", 1 << 16))},
    "rows as SS of -4": {ROWS: ("SS", struct.pack("<h", -4))},
    "rows 0": {ROWS: ("US", us(0))},
    "rows missing": {ROWS: None},
    "rows empty": {ROWS: ("US", b"")},
    "rows of three bytes": {ROWS: ("OB", b"\1\2\3\4\5")},
    "rows as double": {ROWS: ("FD", struct.pack("<d", 4))},
    "rows as text": {ROWS: ("LO", b"four")},
    "columns missing": {COLUMNS: None},
    "columns 0": {COLUMNS: ("US", us(0))},
    "bits allocated 2048": {ALLOCATED: ("US", us(2048))},
    "bits allocated 264": {ALLOCATED: ("US", us(264))},
    "bits allocated 12": {ALLOCATED: ("US", us(12))},
    "bits allocated 0": {ALLOCATED: ("US", us(0))},
    "bits allocated missing": {ALLOCATED: None},
    "bits stored 0": {STORED: ("US", us(0))},
    "bits stored above": {STORED: ("US", us(9))},
    "high bit above": {HIGH: ("US", us(8))},
    "high bit below": {HIGH: ("US", us(6))},
    "high bit 17 of 16": {ALLOCATED: ("US", us(16)), HIGH: ("US", us(17))},
    "samples 0": {SAMPLES: ("US", us(0))},
    "samples 2": {SAMPLES: ("US", us(2))},
    "samples 5": {SAMPLES: ("US", us(5))},
    "planar 2": {SAMPLES: ("US", us(3)), PLANAR: ("US", us(2))},
    "sign 2": {SIGN: ("US", us(2))},
    "frames 1A": {FRAMES: ("IS", b"1A")},
    "frames negative": {FRAMES: ("IS", b"-1")},
    "frames 1.5": {FRAMES: ("IS", b"1.5 ")},
    "photometric long": {PHOTOMETRIC: ("CS", b"M" * 40)},
    "photometric not ascii": {PHOTOMETRIC: ("CS", b"\xff\xfe")},
}


@pytest.mark.parametrize("name", list(WRONG))
def test_attribute_out_of_range_raises_corrupt_file(name):
    with pytest.raises(CorruptFile):
        read(WRONG[name])


ASSUMED = {
    "samples": ({SAMPLES: None}, "samples", 1, ["attribute-missing"]),
    "photometric": ({PHOTOMETRIC: None}, "photometric", "MONOCHROME2", ["attribute-missing"]),
    "photometric of colour": (
        {PHOTOMETRIC: None, SAMPLES: ("US", us(3)), PLANAR: ("US", us(0))},
        "photometric",
        "RGB",
        ["attribute-missing"],
    ),
    "photometric in small letters": (
        {PHOTOMETRIC: ("CS", b"monochrome1 ")},
        "photometric",
        "MONOCHROME1",
        [],
    ),
    "planar": (
        {SAMPLES: ("US", us(3)), PHOTOMETRIC: ("CS", text("RGB"))},
        "planar",
        False,
        ["attribute-missing"],
    ),
    "photometric of other samples": (
        {SAMPLES: ("US", us(3)), PLANAR: ("US", us(0))},
        "photometric",
        "MONOCHROME2",
        ["photometric-samples"],
    ),
    "planar of grey": ({PLANAR: ("US", us(1))}, "planar", False, []),
    "stored": ({STORED: None}, "bits_stored", 8, ["attribute-missing"]),
    "high": ({HIGH: None}, "high_bit", 7, ["attribute-missing"]),
    "sign": ({SIGN: None}, "signed", False, ["attribute-missing"]),
    "frames 0": ({FRAMES: ("IS", b"0 ")}, "frames", 1, ["frames-empty"]),
    "frames empty": ({FRAMES: ("IS", b"")}, "frames", 1, ["frames-empty"]),
    "frames 3": ({FRAMES: ("IS", b"3 ")}, "frames", 3, []),
    "frames as US": ({FRAMES: ("US", us(3))}, "frames", 3, []),
    "high bit 15": (
        {ALLOCATED: ("US", us(16)), STORED: ("US", us(12)), HIGH: ("US", us(15))},
        "high_bit",
        15,
        ["high-bit"],
    ),
    "rows as IS": ({ROWS: ("IS", b"12")}, "rows", 12, []),
    "rows as UN": ({ROWS: ("UN", us(12))}, "rows", 12, []),
}


@pytest.mark.parametrize("name", list(ASSUMED))
def test_attribute_missing_is_assumed_with_a_problem(name):
    changes, field, value, codes = ASSUMED[name]
    found = read(changes)
    assert getattr(found, field) == value
    assert [problem.code for problem in found.problems] == codes


@pytest.mark.parametrize(
    ("allocated", "signed", "dtype", "size"),
    [(1, 0, "u1", 3), (8, 1, "i1", 24), (16, 0, "u2", 48), (24, 1, "i4", 72), (32, 1, "i4", 96),
     (40, 0, "u8", 120), (64, 1, "i8", 192)],
)  # fmt: skip
def test_dtype_and_bytes_of_a_frame(allocated, signed, dtype, size):
    found = read(
        {
            ALLOCATED: ("US", us(allocated)),
            STORED: ("US", us(allocated)),
            HIGH: ("US", us(allocated - 1)),
            SIGN: ("US", us(signed)),
        }
    )
    assert (found.dtype, found.frame_bytes) == (np.dtype(dtype), size)


def test_bytes_of_subsampled_and_colour_frames():
    colour = {SAMPLES: ("US", us(3)), PLANAR: ("US", us(0))}
    assert read({**colour, PHOTOMETRIC: ("CS", text("RGB"))}).frame_bytes == 72
    assert read({**colour, PHOTOMETRIC: ("CS", text("YBR_FULL_422"))}).frame_bytes == 48
    assert read({**colour, PHOTOMETRIC: ("CS", text("RGB"))}).shape == (1, 4, 6, 3)


@pytest.mark.parametrize(
    ("tag", "vr", "kind", "bits"),
    [(0x7FE00008, "OF", "float", 32), (0x7FE00009, "OD", "double", 64)],
)
def test_float_pixel_data_need_no_bits_stored(tag, vr, kind, bits):
    none = {STORED: None, HIGH: None, SIGN: None}
    found = read({**none, ALLOCATED: ("US", us(bits))}, tag=tag, vr=vr)
    assert (found.kind, found.dtype) == (kind, np.dtype(f"f{bits // 8}"))
    assert found.problems == ()
    assert read({**none, ALLOCATED: None}, tag=tag, vr=vr).bits_allocated == bits
    with pytest.raises(CorruptFile):
        read({**none, ALLOCATED: ("US", us(16))}, tag=tag, vr=vr)


def test_limits_are_checked_in_wide_arithmetic():
    side = ("US", us(60000))
    with pytest.raises(LimitExceeded) as caught:
        read({ROWS: side, COLUMNS: side})
    assert caught.value.limit == "max_pixels" and caught.value.asked == 3_600_000_000
    with pytest.raises(LimitExceeded) as caught:
        read({FRAMES: ("IS", b"99999999999 ")})
    assert caught.value.limit == "max_frames"
    with limits.use(max_pixels=24, max_frames=2):
        read({FRAMES: ("IS", b"2 ")})
    with limits.use(max_pixels=23), pytest.raises(LimitExceeded):
        read()
