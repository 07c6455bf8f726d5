"""Rows about group 0028: what the image says of itself."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from tests.bad import build as b
from tests.bad.table import row

PIXELS = b.native(b.picture().tobytes())


def image(changes: Mapping[int, b.Value], pixels: bytes = PIXELS) -> bytes:
    return b.made(b.EXPLICIT, b.grey() | dict(changes), pixels)


def wrong(name: str, what: str, rule: str, says: str, changes: Mapping[int, b.Value]) -> None:
    row(name, what, rule, "CorruptFile", says)(lambda: image(changes))


CELL = "PS3.5 8.1.1"
MACRO = "PS3.3 C.7.6.3"

wrong("rows_missing.dcm", "no Rows", MACRO, "Rows|0028,?0010", {b.ROWS: None})
wrong("columns_missing.dcm", "no Columns", MACRO, "Columns|0028,?0011", {b.COLS: None})
wrong("rows_zero.dcm", "Rows 0", MACRO, "Rows|0028,?0010", {b.ROWS: b.us(0)})
wrong("rows_empty.dcm", "Rows without a value", MACRO, "Rows|0028,?0010", {b.ROWS: ("US", b"")})
wrong(
    "rows_ul.dcm",
    "Rows with VR UL, value 2^20",
    "PS3.6",
    "Rows|0028,?0010",
    {b.ROWS: ("UL", struct.pack("<I", 1 << 20))},
)
wrong(
    "rows_two_values.dcm",
    "two values of Rows",
    "PS3.6",
    "Rows|0028,?0010",
    {b.ROWS: ("US", struct.pack("<HH", 16, 16))},
)
wrong("bits_allocated_missing.dcm", "no Bits Allocated", CELL, "Allocated", {b.ALLOCATED: None})
wrong("bits_allocated_0.dcm", "Bits Allocated 0", CELL, "Allocated", {b.ALLOCATED: b.us(0)})
wrong("bits_allocated_12.dcm", "Bits Allocated 12", CELL, "Allocated", {b.ALLOCATED: b.us(12)})
wrong(
    "bits_allocated_2048.dcm", "Bits Allocated 2048", CELL, "Allocated", {b.ALLOCATED: b.us(2048)}
)
wrong("bits_stored_0.dcm", "Bits Stored 0", CELL, "Stored", {b.STORED: b.us(0)})
wrong("bits_stored_20_of_16.dcm", "Bits Stored 20 of 16", CELL, "Stored", {b.STORED: b.us(20)})
wrong("highbit_17_of_16.dcm", "High Bit 17 of 16", CELL, "High Bit", {b.HIGH_BIT: b.us(17)})
wrong("highbit_5_of_12.dcm", "High Bit 5, Bits Stored 12", CELL, "High Bit", {b.HIGH_BIT: b.us(5)})
wrong(
    "pixel_representation_7.dcm",
    "Pixel Representation 7",
    MACRO,
    "Representation",
    {b.SIGN: b.us(7)},
)
wrong("samples_0.dcm", "Samples per Pixel 0", MACRO, "Samples", {b.SAMPLES: b.us(0)})
wrong("samples_2.dcm", "Samples per Pixel 2", MACRO, "Samples", {b.SAMPLES: b.us(2)})
wrong("samples_5.dcm", "Samples per Pixel 5", MACRO, "Samples", {b.SAMPLES: b.us(5)})
wrong(
    "frames_1a.dcm",
    "Number of Frames '1A'",
    "PS3.5 6.2",
    "Frames|0028,0008",
    {b.FRAMES: ("IS", b"1A")},
)
wrong(
    "frames_negative.dcm",
    "Number of Frames -3",
    "PS3.3 C.7.6.6",
    "Frames",
    {b.FRAMES: ("IS", b"-3")},
)


@row("photometric_missing.dcm", "no Photometric Interpretation", MACRO, "", "Photometric")
def photometric_missing() -> bytes:
    return image({b.PHOTOMETRIC: None})


@row("photometric_unknown.dcm", "Photometric MONOCHROM3", MACRO, "", "Photometric")
def photometric_unknown() -> bytes:
    return image({b.PHOTOMETRIC: ("CS", b"MONOCHROM3")})


@row("rgb_with_one_sample.dcm", "RGB, Samples per Pixel 1", MACRO, "", "Photometric|Samples")
def rgb_one_sample() -> bytes:
    return image({b.PHOTOMETRIC: ("CS", b"RGB")})


@row("frames_10_12.dcm", "Number of Frames 10^12", "limits", "LimitExceeded|CorruptFile", "frames")
def frames_huge() -> bytes:
    return image({b.FRAMES: ("IS", b"1000000000000")})


@row(
    "frames_500000.dcm",
    "500,000 frames claimed, one there",
    "PS3.5 8.2",
    "TruncatedPixelData|LimitExceeded",
    ".",
)
def frames_many() -> bytes:
    return image({b.FRAMES: ("IS", b"500000")})


@row("frames_3_of_1.dcm", "three frames claimed, one there", "PS3.5 8.2", "TruncatedPixelData", ".")
def frames_three() -> bytes:
    return image({b.FRAMES: ("IS", b"3")})


@row(
    "claims_60000x60000.dcm",
    "60,000 x 60,000 claimed in 1 kB",
    "limits",
    "LimitExceeded",
    "max_pixels|pixels",
    memory_mib=32,
)
def claims() -> bytes:
    return image({b.ROWS: b.us(60000), b.COLS: b.us(60000)})


@row(
    "claims_16000x16000.dcm",
    "16,000 x 16,000 claimed in 1 kB, within the limits",
    "PS3.5 8.2",
    "TruncatedPixelData",
    ".",
    memory_mib=32,
)
def claims_less() -> bytes:
    return image({b.ROWS: b.us(16000), b.COLS: b.us(16000)})


@row(
    "claims_16000x16000_rle.dcm",
    "the same in RLE",
    "PS3.5 G",
    "CorruptPixelData",
    ".",
    memory_mib=32,
)
def claims_rle() -> bytes:
    said = b.grey(16000, 16000)
    return b.made(b.RLE, said, b.encapsulated([b.rle_frame(b.picture())]))


@row(
    "claims_16000x16000_sv1.dcm",
    "the same in JPEG Lossless",
    "T.81 H.2",
    "TruncatedPixelData",
    ".",
    memory_mib=32,
)
def claims_sv1() -> bytes:
    stream = b.sv1()
    place = b.place_of(stream, 0xFFC3) + 5
    large = b.patched(stream, place, struct.pack(">HH", 16000, 16000))
    return b.made(b.SV1, b.grey(16000, 16000), b.encapsulated([b.even(large)]))


@row("native_half.dcm", "half of the samples are missing", "PS3.5 8.2", "TruncatedPixelData", ".")
def native_half() -> bytes:
    return image({}, b.native(b.picture().tobytes()[:256]))


@row(
    "native_cut.dcm",
    "the file ends inside Pixel Data",
    "PS3.5 7.1",
    "TruncatedPixelData|CorruptFile",
    ".",
)
def native_cut() -> bytes:
    return image({})[:-100]


@row(
    "native_length_4g.dcm",
    "Pixel Data says 4 GB",
    "PS3.5 7.1",
    "",
    "ends|length",
    memory_mib=32,
)
def native_length_4g() -> bytes:
    return image({}, b.head(b.PIXELS, "OW", 0xFFFFFFFE) + bytes(512))


@row(
    "native_too_long.dcm",
    "twice the samples that the image says",
    "PS3.5 8.1.1",
    "",
    "long|padding|excess|more|trailing|bytes",
)
def native_long() -> bytes:
    return image({}, b.native(b.picture().tobytes() + bytes(100)))


@row(
    "two_pixel_elements.dcm",
    "Pixel Data and Float Pixel Data",
    "PS3.5 8.2",
    "CorruptFile",
    "pixel",
)
def two_pixels() -> bytes:
    return image({0x7FE00008: ("OF", bytes(1024))})


@row(
    "float_16_bits.dcm",
    "Float Pixel Data with 16 bits",
    "PS3.3 C.7.6.24",
    "CorruptFile",
    "float|Allocated",
)
def float_16() -> bytes:
    return image({}, b.element(0x7FE00008, "OF", bytes(1024)))


@row(
    "float_in_jpeg2000.dcm",
    "Float Pixel Data in an encapsulated syntax",
    "PS3.5 8.2",
    "CorruptFile|CorruptPixelData|UnsupportedTransferSyntax",
    ".",
)
def float_j2k() -> bytes:
    said = b.grey() | {b.ALLOCATED: b.us(32), b.STORED: None, b.HIGH_BIT: None, b.SIGN: None}
    return b.made(b.J2K, said, b.element(0x7FE00008, "OF", bytes(1024)))


@row("planar_7.dcm", "Planar Configuration 7", "PS3.3 C.7.6.3.1.3", "CorruptFile", "Planar")
def planar() -> bytes:
    return b.made(b.EXPLICIT, b.colour() | {b.PLANAR: b.us(7)}, b.native(bytes(768), "OB"))


@row(
    "ybr_422_odd_columns.dcm",
    "native YBR_FULL_422 with odd columns",
    "PS3.3 C.7.6.3.1.2",
    "CorruptFile|CorruptPixelData|TruncatedPixelData",
    "422|odd|Columns|bytes",
)
def odd_422() -> bytes:
    return b.made(b.EXPLICIT, b.colour(16, 15, "YBR_FULL_422"), b.native(bytes(480), "OB"))


@row(
    "encapsulated_under_native.dcm",
    "fragments under a native transfer syntax",
    "PS3.5 A.2",
    "CorruptPixelData",
    "undefined|encapsulat|native",
)
def encapsulated_native() -> bytes:
    return b.made(b.EXPLICIT, b.grey(), b.encapsulated([b.rle_frame(b.picture())]))


@row(
    "native_under_encapsulated.dcm",
    "native samples under an encapsulated transfer syntax",
    "PS3.5 A.4",
    "CorruptFile|CorruptPixelData",
    "defined|encapsulat|native|fragment",
)
def native_encapsulated() -> bytes:
    return b.made(b.RLE, b.grey(), PIXELS)


def palette(descriptor: tuple[int, int, int], data: bytes | None, **changes: bytes) -> bytes:
    said = b.byte_grey() | {b.PHOTOMETRIC: ("CS", b"PALETTE COLOR")}
    for i in range(3):
        said[0x00281101 + i] = ("US", struct.pack("<3H", *descriptor))
        if data is not None:
            said[0x00281201 + i] = ("OW", data)
    return b.made(b.EXPLICIT, said, b.native(bytes(range(256)), "OB"))


LUT = "PS3.3 C.7.6.3.1.6"


@row(
    "palette_no_data.dcm",
    "a palette without its tables",
    "PS3.3 C.7.9",
    "CorruptFile",
    "table|palette",
    do="render",
)
def palette_no_data() -> bytes:
    return palette((256, 0, 16), None)


@row(
    "palette_lying_descriptor.dcm",
    "65,536 palette entries promised, six bytes there",
    LUT,
    "CorruptFile",
    "palette|LUT|entries|descriptor",
    do="render",
)
def palette_lying() -> bytes:
    return palette((0, 0, 16), bytes(6))


@row(
    "palette_bits_40.dcm",
    "palette entries of 40 bits",
    LUT,
    "CorruptFile",
    "palette|look-up|bits",
    do="render",
)
def palette_bits() -> bytes:
    return palette((256, 0, 40), bytes(512))


@row(
    "window_width_0.dcm",
    "Window Width 0",
    "PS3.3 C.11.2.1.2",
    "CorruptFile",
    "window|width",
    do="render",
)
def window_zero() -> bytes:
    return image({0x00281050: ("DS", b"40"), 0x00281051: ("DS", b"0")})


@row(
    "window_not_a_number.dcm",
    "Window Center 'left'",
    "PS3.5 6.2",
    "CorruptFile",
    "window|number|DS|0028,?1050",
    do="render",
)
def window_text() -> bytes:
    return image({0x00281050: ("DS", b"left"), 0x00281051: ("DS", b"400 ")})


@row(
    "slope_not_a_number.dcm",
    "Rescale Slope 'one'",
    "PS3.5 6.2",
    "CorruptFile",
    "slope|number|DS|0028,?1053",
    do="render",
)
def slope_text() -> bytes:
    return image({0x00281052: ("DS", b"0 "), 0x00281053: ("DS", b"one ")})
