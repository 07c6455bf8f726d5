from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from coded import load, named
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit import limits
from radkit._native import cpu
from radkit.codecs import jpeg_lossless
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

VARIANTS = sorted({0, cpu.DETECTED})
FLAT = dict.fromkeys(range(17), 5)
# SSSS 7 takes 12 bits in all, SSSS 15 takes 27: what empties a bit register fastest.
MIXED = dict(zip(range(17), (5,) * 8 + (6, 6, 7, 8, 9, 10, 11, 12, 13), strict=True))


@pytest.fixture(params=VARIANTS, ids=lambda bits: f"cpu{bits}")
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cpu, "USE", request.param)
    return int(request.param)


# ---- a plain encoder of streams that no library writes ---------------------------------


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def sof3(rows: int, cols: int, precision: int, ids: Sequence[int], sampling: int = 0x11) -> bytes:
    parts = b"".join(bytes([i, sampling, 0]) for i in ids)
    return segment(0xC3, struct.pack(">BHHB", precision, rows, cols, len(ids)) + parts)


def dht(lengths: dict[int, int], table: int = 0) -> bytes:
    order = sorted(lengths, key=lambda s: (lengths[s], s))
    counts = bytes(list(lengths.values()).count(n) for n in range(1, 17))
    return segment(0xC4, bytes([table]) + counts + bytes(order))


def codes_of(lengths: dict[int, int]) -> dict[int, str]:
    codes, code, last = {}, 0, 0
    for s in sorted(lengths, key=lambda s: (lengths[s], s)):
        code <<= lengths[s] - last
        last = lengths[s]
        codes[s] = format(code, f"0{last}b")
        code += 1
    return codes


def sos(ids: Sequence[int], tables: Sequence[int], predictor: int, transform: int) -> bytes:
    parts = b"".join(bytes([i, t << 4]) for i, t in zip(ids, tables, strict=True))
    return segment(0xDA, bytes([len(ids)]) + parts + bytes([predictor, 0, transform]))


def pack(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return data.replace(b"\xff", b"\xff\x00")


def bits_of(difference: int, codes: dict[int, str]) -> str:
    d = difference & 0xFFFF
    d = d - 65536 if d > 32768 else d
    if d == 32768:
        return codes[16]
    size = abs(d).bit_length()
    return codes[size] + (format(d if d > 0 else d + (1 << size) - 1, f"0{size}b") if size else "")


def predicted(x: np.ndarray, y: int, i: int, predictor: int, top: int, first: bool) -> int:
    if first:
        return top if i == 0 else int(x[y, i - 1])
    if i == 0:
        return int(x[y - 1, 0])
    a, b, c = int(x[y, i - 1]), int(x[y - 1, i]), int(x[y - 1, i - 1])
    return {
        1: a, 2: b, 3: c, 4: a + b - c, 5: a + ((b - c) >> 1), 6: b + ((a - c) >> 1),
        7: (a + b) >> 1,
    }[predictor]  # fmt: skip


def make(
    image: np.ndarray,
    precision: int,
    *,
    predictor: int = 1,
    transform: int = 0,
    lines: int = 0,
    lengths: Sequence[dict[int, int]] = (FLAT,),
    together: bool = True,
    late_tables: bool = False,
    change: Callable[[int], int] = lambda d: d,
    ids: Sequence[int] = (1, 2, 3, 4),
    eoi: bool = True,
) -> bytes:
    """Encode (rows, cols, components); `lines` per restart interval, a table per component."""
    x = (image >> transform).astype(int)
    rows, cols, components = x.shape
    ids = ids[:components]
    tables = [k % len(lengths) for k in range(components)]
    head = sof3(rows, cols, precision, ids)
    huff = b"".join(dht(part, k) for k, part in enumerate(lengths))
    data = b"\xff\xd8" + (head + huff if late_tables else huff + head)
    if lines:
        data += segment(0xDD, struct.pack(">H", lines * cols))
    top, codes = 1 << (precision - transform - 1), [codes_of(part) for part in lengths]
    scans = [list(range(components))] if together else [[k] for k in range(components)]
    for scan in scans:
        data += sos([ids[k] for k in scan], [tables[k] for k in scan], predictor, transform)
        bits: list[str] = []
        for y in range(rows):
            if lines and y and y % lines == 0:
                data += pack("".join(bits)) + bytes([0xFF, 0xD0 + (y // lines - 1) % 8])
                bits = []
            first = y % lines == 0 if lines else y == 0
            for i in range(cols):
                for k in scan:
                    d = int(x[y, i, k]) - predicted(x[:, :, k], y, i, predictor, top, first)
                    bits.append(bits_of(change(d), codes[tables[k]]))
        data += pack("".join(bits))
    return data + (b"\xff\xd9" if eoi else b"")


def noise(shape: tuple[int, ...], precision: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << precision, shape)


def smooth(shape: tuple[int, ...], precision: int, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).integers(-3, 4, shape)
    return np.cumsum(steps, axis=1) + (1 << (precision - 1)) & ((1 << precision) - 1)


def check(data: bytes, image: np.ndarray) -> None:
    got = jpeg_lossless.decode(data)
    expected = image[:, :, 0] if image.shape[2] == 1 else image
    assert got.shape == expected.shape
    assert (got == expected).all()


def spec_of(image: np.ndarray, bits: int, photometric: str = "MONOCHROME2") -> FrameSpec:
    samples = image.shape[2] if image.ndim == 3 else 1
    return FrameSpec(
        rows=image.shape[0], cols=image.shape[1], samples=samples, bits_stored=bits,
        bits_allocated=8 if bits <= 8 else 16, photometric=photometric,
    )  # fmt: skip


# ---- decoding ---------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("precision", [2, 8, 9, 12, 16])
def test_decode_predictor_and_precision(predictor: int, precision: int, variant: int) -> None:
    for seed, size in enumerate([(1, 1), (1, 7), (7, 1), (9, 2), (6, 3), (5, 40), (3, 200)]):
        for kind in (noise, smooth):
            image = kind((*size, 1), precision, seed)
            check(make(image, precision, predictor=predictor), image)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("lines", [1, 2, 5])
def test_decode_restart_intervals(predictor: int, lines: int, variant: int) -> None:
    for components in (1, 3):
        image = noise((23, 10, components), 12)
        check(make(image, 12, predictor=predictor, lines=lines), image)


@pytest.mark.parametrize("components", [2, 3, 4])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("precision", [8, 12])
def test_decode_components(components: int, together: bool, precision: int, variant: int) -> None:
    for tables in ((FLAT,), (FLAT, MIXED), (MIXED, FLAT, FLAT, MIXED)):
        for cols in (1, 2, 3, 33):
            image = smooth((9, cols, components), precision, cols)
            image[::2] = noise(image[::2].shape, precision)
            check(make(image, precision, lengths=tables, together=together, predictor=4), image)


@pytest.mark.parametrize("transform", [1, 2, 7])
def test_decode_point_transform(transform: int, variant: int) -> None:
    image = noise((9, 21, 1), 8) >> transform << transform
    data = make(image, 8, transform=transform, predictor=5, lines=4)
    check(data, image)
    frame = jpeg_lossless.decode_frame(data, spec_of(image, 8))
    assert frame.lossy and [problem.code for problem in frame.problems] == ["point-transform"]
    assert not jpeg_lossless.info(data).reversible


@pytest.mark.parametrize("precision", [8, 12])
@pytest.mark.parametrize("predictor", [1, 2, 3, 4])
def test_decode_differences_that_wrap(precision: int, predictor: int, variant: int) -> None:
    """Ultrasound encoders write 52 -> 128 as -180: right only modulo 2**P."""
    rng = np.random.default_rng(2)

    def other_way(d: int) -> int:
        return d - (1 << precision) * int(np.sign(d)) if d and rng.random() < 0.5 else d

    image = noise((20, 32, 1), precision)
    check(make(image, precision, predictor=predictor, change=other_way), image)


def test_decode_difference_of_32768_has_no_extra_bits(variant: int) -> None:
    image = np.array([[0, 32768, 0, 32768], [65535, 32767, 65535, 32767]] * 8)[:, :, None]
    for predictor in range(1, 8):
        check(make(image, 16, predictor=predictor), image)


@pytest.mark.parametrize("cols", [1, 2, 3, 64, 700])
def test_decode_long_symbols_among_12_bit_ones(cols: int, variant: int) -> None:
    rng = np.random.default_rng(5)
    rows = 40 if cols < 700 else 12
    for _ in range(6):
        sign = rng.choice([-1, 1], (rows, cols))
        middle, large = rng.integers(64, 128, sign.shape), rng.integers(16384, 32768, sign.shape)
        steps = sign * np.where(rng.random(sign.shape) < 0.7, middle, large)
        steps[rng.random(sign.shape) < 0.02] = 32768
        steps[1:, 0] = np.diff(np.cumsum(steps[:, 0]))
        image = np.empty((rows, cols, 1), int)
        image[:, 0, 0] = (32768 + np.cumsum(steps[:, 0])) & 0xFFFF
        for i in range(1, cols):
            image[:, i, 0] = (image[:, i - 1, 0] + steps[:, i]) & 0xFFFF
        check(make(image, 16, lengths=(MIXED,)), image)


EIGHT = {s: 8 - s for s in range(8)}  # all symbols take eight bits


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("lines", [0, 9])
def test_decode_symbols_all_of_one_length(components: int, lines: int, variant: int) -> None:
    """From a wrong place between them a decoder never comes to a right one."""
    rng = np.random.default_rng(components)
    steps = rng.integers(-127, 128, (18, 500, components))
    steps[:, 0] = 7
    image = (32768 + np.cumsum(steps, axis=1)) & 0xFFFF
    check(make(image, 16, lines=lines, lengths=(EIGHT,)), image)
    check(make(image, 16, lines=lines, lengths=(EIGHT, MIXED)), image)


@pytest.mark.parametrize("loud", [0, 1, 2])
def test_decode_density_that_changes_within_a_line(loud: int, variant: int) -> None:
    """Where the middle of a line lies in the bits cannot be guessed from the line before."""
    image = np.full((6, 3 * 700, 1), 900)
    image[::2, loud * 700 : (loud + 1) * 700] = noise((3, 700, 1), 12, seed=loud)
    check(make(image, 12, lengths=({0: 1} | {s: 3 + s for s in range(1, 13)},)), image)
    check(make(image, 12, lines=1), image)


def test_decode_order_of_markers_fill_bytes_and_tail(variant: int) -> None:
    image = smooth((12, 9, 1), 12)
    data = make(image, 12)
    check(make(image, 12, late_tables=True), image)
    check(data + b"\x00", image)
    check(data + b"\xff" * 9, image)
    check(data[:-2] + b"\xff\xff\xff\xd9\xff", image)
    check(data[:2] + segment(0xFE, b"text \xff\xd9") + segment(0xDB, bytes(65)) + data[2:], image)
    check(data[:2] + dht({0: 1, 1: 2}, 0x10) + data[2:], image)  # an AC table


def test_decode_missing_eoi_is_a_problem(variant: int) -> None:
    image = smooth((12, 9, 1), 12)
    data = make(image, 12, eoi=False)
    check(data, image)
    frame = jpeg_lossless.decode_frame(data, spec_of(image, 12))
    assert [problem.code for problem in frame.problems] == ["eoi-missing"]
    assert frame.sound == 1


def test_decode_table_oddities(variant: int) -> None:
    image = smooth((12, 9, 1), 12)
    check(make(image, 12, lengths=(FLAT | {200: 9, 99: 9},)), image)  # values nobody uses
    # the last code is all ones
    close = np.array([[[100], [101], [99], [99]]])
    top = close + 2048 - 100
    check(make(top, 12, lengths=({0: 1, 1: 2, 2: 3, 3: 3},)), top)


def test_decode_in_many_restart_intervals_of_all_numbers(variant: int) -> None:
    image = smooth((37, 5, 1), 8)
    check(make(image, 8, lines=1), image)


@pytest.mark.parametrize("shape", [(200, 257, 1), (3, 40000, 1), (30, 900, 4)])
def test_decode_streams_longer_than_a_window(shape: tuple[int, ...], variant: int) -> None:
    """Data are unstuffed in pieces; symbols and stuffed bytes lie across their borders."""
    image = noise(shape, 16).astype("u2")
    image = image[:, :, 0] if shape[2] == 1 else image
    data = jpeg_lossless.encode(image, predictor=5)
    assert data.count(b"\xff\x00") > 100 and len(data) > 1 << 16
    assert (jpeg_lossless.decode(data) == image).all()
    with pytest.raises(TruncatedPixelData) as caught:
        jpeg_lossless.decode(data[: len(data) * 3 // 4])
    assert caught.value.decoded == pytest.approx(0.75, abs=0.01)
    assert caught.value.offset == len(data) * 3 // 4


def test_decode_ignores_the_selection_value_of_the_uid() -> None:
    image = noise((6, 6, 1), 8)
    data = make(image, 8, predictor=7)
    frame = jpeg_lossless.decode_frame(data, spec_of(image[:, :, 0], 8))
    assert (frame.array == image[:, :, 0]).all() and frame.precision == 8 and not frame.lossy


# ---- against others ---------------------------------------------------------------------


@pytest.mark.parametrize("name", named("jpeg_lossless"))
def test_decode_real_file_gives_known_samples(name: str, variant: int) -> None:
    frames, spec, entry = load(name)
    digest = hashlib.sha256()
    for coded in frames:
        frame = jpeg_lossless.decode_frame(coded, spec)
        digest.update(frame.array.tobytes())
        assert frame.photometric == entry["photometric_interpretation"] and frame.sound == 1
    assert digest.hexdigest() == entry["sha256"]


@pytest.mark.parametrize("precision", [8, 12, 16])
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_plain_encoder_is_read_by_libjpeg_turbo(precision: int, predictor: int) -> None:
    """The judge of the judge: what the tests write is what others read."""
    imagecodecs = pytest.importorskip("imagecodecs")
    image = smooth((11, 23, 1), precision)
    data = make(image, precision, predictor=predictor, lines=2)
    assert (imagecodecs.jpeg8_decode(data) == image[:, :, 0]).all()


@pytest.mark.parametrize("precision", [2, 5, 8, 10, 12, 16])
@pytest.mark.parametrize("size", [(1, 1), (17, 3), (3, 130), (64, 64)])
def test_encode_is_read_by_libjpeg_turbo(precision: int, size: tuple[int, int]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    for predictor in range(1, 8):
        image = smooth(size, precision, predictor).astype("u1" if precision <= 8 else "u2")
        data = jpeg_lossless.encode(image, predictor=predictor, bits=precision)
        assert (imagecodecs.jpeg8_decode(data) == image).all()


def test_encode_colour_is_read_by_libjpeg_turbo() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    image = noise((31, 18, 3), 8).astype("u1")
    assert (imagecodecs.jpeg8_decode(jpeg_lossless.encode(image)) == image).all()


@pytest.mark.parametrize("seed", range(3))
def test_decode_what_imagecodecs_encodes(seed: int, variant: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    image = smooth((40, 51), 12, seed).astype("u2")
    data = imagecodecs.ljpeg_encode(image, bitspersample=12)
    assert (jpeg_lossless.decode(data) == image).all()
    colour = noise((40, 51, 3), 8, seed).astype("u1")
    data = imagecodecs.jpeg8_encode(colour, lossless=True)
    assert (jpeg_lossless.decode(data) == imagecodecs.jpeg8_decode(data)).all()


# ---- round trips ------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_round_trip_and_variants_agree(data: st.DataObject, seed: int) -> None:
    precision, predictor = data.draw(st.integers(2, 16)), data.draw(st.integers(1, 7))
    shape = (
        data.draw(st.integers(1, 9)),
        data.draw(st.integers(1, 99)),
        data.draw(st.integers(1, 4)),
    )
    kind = data.draw(st.sampled_from([noise, smooth]))
    image = kind(shape, precision, seed).astype("u1" if precision <= 8 else "u2")
    if shape[2] == 1:
        image = image[:, :, 0]
    kept, coded = cpu.USE, []
    try:
        for bits in VARIANTS:
            cpu.USE = bits
            coded.append(jpeg_lossless.encode(image, predictor=predictor, bits=precision))
            assert (jpeg_lossless.decode(coded[0]) == image).all()
    finally:
        cpu.USE = kept
    assert len(set(coded)) == 1


def test_encode_signed_values_as_twos_complement() -> None:
    image = np.arange(-2048, 2048, 16, dtype=np.int16).reshape(16, 16)
    got = jpeg_lossless.decode(jpeg_lossless.encode(image, bits=12))
    assert (got == (image & 0xFFF)).all()
    spec = FrameSpec(rows=16, cols=16, samples=1, bits_allocated=16, bits_stored=12, signed=True)
    coded = jpeg_lossless.encode_frame(image, spec)
    assert jpeg_lossless.info(coded.data).precisions == (12,)
    with pytest.raises(EncodeError):
        jpeg_lossless.encode(image, bits=11)


def test_encode_refuses(variant: int) -> None:
    grey = np.full((4, 4), 300, np.uint16)
    for image in (np.zeros((2, 2), "u4"), np.zeros((2, 2), "f4"), np.zeros((0, 2), "u1"),
                  np.zeros((2, 2, 5), "u1"), np.zeros((1, 65536), "u1")):  # fmt: skip
        with pytest.raises(EncodeError):
            jpeg_lossless.encode(image)
    with pytest.raises(EncodeError):
        jpeg_lossless.encode(grey, bits=8)
    for words in ({"bits": 1}, {"bits": 17}, {"predictor": 0}, {"predictor": 8}):
        with pytest.raises(OptionError):
            jpeg_lossless.encode(grey, **words)
    with pytest.raises(OptionError):
        jpeg_lossless.encode_frame(grey, spec_of(grey, 16), lossy=Lossy(ratio=3))


def test_encode_flat_image_and_one_category(variant: int) -> None:
    for value in (0, 2048, 4095):
        image = np.full((7, 9), value, np.uint16)
        assert (jpeg_lossless.decode(jpeg_lossless.encode(image, bits=12)) == image).all()


# ---- bad input --------------------------------------------------------------------------

IMAGE = smooth((8, 8, 1), 8)
GOOD = make(IMAGE, 8)
HEAD = b"\xff\xd8"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", TruncatedPixelData),
        (b"\xff", TruncatedPixelData),
        (b"\xff\xd9\x00\x00", CorruptPixelData),
        (HEAD, TruncatedPixelData),
        (HEAD + b"\xff\xd9", TruncatedPixelData),
        (HEAD + segment(0xC4, b"\x00" + bytes(15)), CorruptPixelData),
        (HEAD + segment(0xC4, b"\x00" + b"\xff" * 16 + bytes(4080)), CorruptPixelData),
        (HEAD + segment(0xC4, b"\x04" + bytes(16)), CorruptPixelData),
        (HEAD + b"\xff\xc4\x00\x01", CorruptPixelData),
        (HEAD + sof3(8, 8, 1, [1]), CorruptPixelData),
        (HEAD + sof3(8, 8, 17, [1]), CorruptPixelData),
        (HEAD + sof3(8, 0, 8, [1]), CorruptPixelData),
        (HEAD + sof3(8, 8, 8, []), CorruptPixelData),
        (HEAD + sof3(8, 8, 8, [1, 1]), CorruptPixelData),
        (HEAD + sof3(8, 8, 8, [1]) * 2, CorruptPixelData),
        (HEAD + HEAD + sof3(8, 8, 8, [1]), CorruptPixelData),
        (HEAD + sos([1], [0], 1, 0), CorruptPixelData),
        (HEAD + sof3(8, 8, 8, [1]) + sos([1], [0], 1, 0), CorruptPixelData),  # no table
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + sos([2], [0], 1, 0), CorruptPixelData),
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + sos([1], [0], 0, 0), CorruptPixelData),
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + sos([1], [0], 8, 0), CorruptPixelData),
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + sos([1], [0], 1, 8), CorruptPixelData),
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + segment(0xDD, b"\0\x09") + sos([1], [0], 1, 0),
         CorruptPixelData),
        (HEAD + dht(FLAT) + sof3(8, 8, 8, [1]) + sos([1], [0], 1, 0), TruncatedPixelData),
        (HEAD + sof3(0, 8, 8, [1]), UnsupportedTransferSyntax),
        (HEAD + sof3(8, 8, 8, [1], 0x22), UnsupportedTransferSyntax),
        (HEAD + sof3(8, 8, 8, range(5)), UnsupportedTransferSyntax),
        (HEAD + segment(0xC0, bytes(9)), UnsupportedTransferSyntax),
        (HEAD + segment(0xC2, bytes(9)), UnsupportedTransferSyntax),
        (HEAD + segment(0xC7, bytes(9)), UnsupportedTransferSyntax),
        (HEAD + segment(0xCB, bytes(9)), UnsupportedTransferSyntax),
        (HEAD + segment(0xCC, bytes(2)), UnsupportedTransferSyntax),
        (HEAD + segment(0xDE, bytes(9)), UnsupportedTransferSyntax),
        (HEAD + segment(0xF7, bytes(9)), UnsupportedTransferSyntax),
    ],
)  # fmt: skip
def test_decode_broken_stream_raises(data: bytes, error: type[RadkitError], variant: int) -> None:
    with pytest.raises(error) as caught:
        jpeg_lossless.decode(data)
    assert type(caught.value) is error and caught.value.section


def test_decode_code_that_is_not_in_the_table_raises(variant: int) -> None:
    bare = HEAD + dht({0: 2, 1: 2}) + sof3(4, 4, 8, [1]) + sos([1], [0], 1, 0)
    with pytest.raises(CorruptPixelData, match="not in the Huffman table") as caught:
        jpeg_lossless.decode(bare + b"\x00\xf0" + bytes(9))
    assert caught.value.offset == len(bare) + 1
    for value in (17, 255):
        odd = HEAD + dht({0: 2, value: 2}) + sof3(4, 4, 8, [1]) + sos([1], [0], 1, 0)
        with pytest.raises(CorruptPixelData, match="more than 16 bits"):
            jpeg_lossless.decode(odd + b"\x01" + bytes(9))


def test_decode_overfull_tables(variant: int) -> None:
    head = sof3(4, 4, 8, [1]) + sos([1], [0], 1, 0) + bytes(40)
    full = dict.fromkeys(range(5), 2)
    with pytest.raises(CorruptPixelData, match="Huffman table"):
        jpeg_lossless.decode(HEAD + dht(full) + head)
    # the Cornell encoder: one code too many, of 16 bits
    long = {n: n for n in range(1, 17)} | {100: 16, 101: 16}
    assert (jpeg_lossless.decode(HEAD + dht({0: 1} | {k + 17: v for k, v in long.items() if k > 1})
                                 + head) == 128).all()  # fmt: skip


def test_decode_any_prefix_is_truncated(variant: int) -> None:
    for data in (GOOD, make(smooth((8, 8, 3), 8), 8, together=False),
                 make(smooth((8, 8, 1), 12), 12, lines=2)):  # fmt: skip
        body = len(data) - 2
        for size in range(body):
            with pytest.raises(TruncatedPixelData) as caught:
                jpeg_lossless.decode(data[:size])
            assert 0 <= caught.value.decoded < 1
        jpeg_lossless.decode(data[:body])


def test_decode_any_flipped_byte_is_typed_and_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    for good in (make(smooth((8, 9, 1), 12), 12, lines=2, lengths=(MIXED,)),
                 make(noise((6, 5, 3), 8), 8, lengths=(FLAT, MIXED))):  # fmt: skip
        for at in range(len(good)):
            for value in {int(rng.integers(256)), good[at] ^ 1, 0xFF, 0}:
                bad = good[:at] + bytes([value]) + good[at + 1 :]
                results = set()
                for bits in VARIANTS:
                    monkeypatch.setattr(cpu, "USE", bits)
                    for strict in (True, False):
                        with limits.use(max_pixels=1 << 16):
                            try:
                                got = jpeg_lossless.decode(bad, strict=strict).tobytes()
                            except RadkitError as error:
                                got = repr(error).encode()
                        results.add((strict, got))
                assert len(results) == 2


def test_decode_lenient_keeps_what_is_there(variant: int) -> None:
    image = smooth((20, 16, 1), 8)
    data = make(image, 8)
    cut = data[: len(data) - 60]
    frame = jpeg_lossless.decode_frame(cut, spec_of(image, 8), strict=False)
    count = round(frame.sound * image.size)
    assert 100 < count < image.size
    flat = frame.array.reshape(-1)
    assert (flat[:count] == image.reshape(-1)[:count]).all() and not flat[count:].any()
    assert [problem.code for problem in frame.problems] == ["truncated"]
    with pytest.raises(TruncatedPixelData) as caught:
        jpeg_lossless.decode_frame(cut, spec_of(image, 8))
    assert caught.value.decoded == pytest.approx(frame.sound)


def test_decode_lenient_goes_on_at_the_next_restart_marker(variant: int) -> None:
    image = smooth((12, 16, 1), 8)
    data = make(image, 8, lines=3)
    second = data.index(b"\xff\xd0") + 2
    third = data.index(b"\xff\xd1")
    hurt = data[: second + 9] + data[third:]
    frame = jpeg_lossless.decode_frame(hurt, spec_of(image, 8), strict=False)
    assert (frame.array[:3] == image[:3, :, 0]).all()
    assert (frame.array[6:] == image[6:, :, 0]).all()
    assert 9 / 12 < frame.sound < 1 and not frame.array[5].any()
    with pytest.raises(TruncatedPixelData):
        jpeg_lossless.decode(hurt)


def test_decode_restart_marker_out_of_order_raises(variant: int) -> None:
    data = make(smooth((12, 16, 1), 8), 8, lines=3)
    with pytest.raises(CorruptPixelData, match="out of order"):
        jpeg_lossless.decode(data.replace(b"\xff\xd1", b"\xff\xd5"))


def test_decode_component_that_never_comes(variant: int) -> None:
    image = smooth((6, 7, 3), 8)
    data = make(image, 8, together=False)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(TruncatedPixelData, match="components"):
        jpeg_lossless.decode(data[:last] + b"\xff\xd9")
    frame = jpeg_lossless.decode_frame(data[:last], spec_of(image, 8, "RGB"), strict=False)
    assert (frame.array[:, :, :2] == image[:, :, :2]).all() and not frame.array[:, :, 2].any()
    assert frame.sound == pytest.approx(2 / 3)
    first = data.index(b"\xff\xda")
    with pytest.raises(CorruptPixelData):  # the same component again
        jpeg_lossless.decode(data[:last] + data[first:last] + b"\xff\xd9")


def test_decode_many_markers_take_linear_time() -> None:
    comments = segment(0xFE, b"") * 100_000
    restarts = b"\xff\xd0" * 100_000
    check(GOOD[:2] + comments + restarts + b"\xff" * 100_000 + GOOD[2:], IMAGE)


def test_decode_above_limits_takes_no_memory(variant: int) -> None:
    data = HEAD + dht(FLAT) + sof3(65535, 65535, 16, [1, 2, 3, 4]) + sos([1], [0], 1, 0)
    for strict in (True, False):
        with pytest.raises(LimitExceeded) as caught:
            jpeg_lossless.decode(data, strict=strict)
        assert caught.value.limit == "max_pixels"
    claim = HEAD + dht(FLAT) + sof3(16384, 16384, 16, [1]) + sos([1], [0], 1, 0) + bytes(99)
    with pytest.raises(TruncatedPixelData, match="cannot hold"):
        jpeg_lossless.decode(claim)


def test_decode_out_must_fit() -> None:
    out = np.empty((8, 8), np.uint8)
    assert jpeg_lossless.decode(GOOD, out=out) is out and (out == IMAGE[:, :, 0]).all()
    for wrong in (np.empty((8, 9), "u1"), np.empty((8, 8), "u2"), np.empty((8, 16), "u1")[:, ::2]):
        with pytest.raises(OptionError):
            jpeg_lossless.decode(GOOD, out=wrong)
    with pytest.raises(TypeError):
        jpeg_lossless.decode("text")


# ---- as the registry calls it ------------------------------------------------------------


def test_decode_frame_checks_the_data_set() -> None:
    with pytest.raises(CorruptPixelData):
        jpeg_lossless.decode_frame(GOOD, spec_of(IMAGE[:7], 8))
    wide = jpeg_lossless.decode_frame(make(IMAGE, 12), spec_of(IMAGE, 10))
    assert [problem.code for problem in wide.problems] == ["precision-above-bits-stored"]
    assert wide.precision == 12 and wide.array.dtype == np.uint16
    cut = jpeg_lossless.decode_frame(GOOD, spec_of(IMAGE, 8), region=(1, 5, 2, 8)).array
    assert (cut == IMAGE[1:5, 2:8, 0]).all()
    with pytest.raises(UnsupportedTransferSyntax):
        jpeg_lossless.decode_frame(GOOD, spec_of(IMAGE, 8), reduce=1)
    with pytest.raises(UnsupportedTransferSyntax):
        jpeg_lossless.decode_frame(GOOD, spec_of(IMAGE, 8), layers=2)
    with pytest.raises(OptionError):
        jpeg_lossless.decode_frame(GOOD, spec_of(IMAGE, 8), region=(0, 9, 0, 8))


@pytest.mark.parametrize(
    ("label", "ids", "says", "codes"),
    [
        ("RGB", (1, 2, 3), "RGB", []),
        ("YBR_FULL", (1, 2, 3), "YBR_FULL", []),
        ("YBR_FULL", b"RGB", "RGB", ["photometric-against-stream"]),
        ("YBR_FULL_422", (1, 2, 3), "YBR_FULL", ["ybr-422-not-subsampled"]),
        ("YBR_FULL_422", b"RGB", "RGB", ["photometric-against-stream"]),
        ("YBR_RCT", (1, 2, 3), "RGB", ["photometric-against-stream"]),
    ],
)
def test_decode_frame_says_what_colour_it_is(
    label: str, ids: Sequence[int], says: str, codes: list[str]
) -> None:
    image = noise((4, 6, 3), 8)
    frame = jpeg_lossless.decode_frame(make(image, 8, ids=ids), spec_of(image, 8, label))
    assert frame.photometric == says and (frame.array == image).all()
    assert [problem.code for problem in frame.problems] == codes


def test_info_says_what_the_header_says() -> None:
    info = jpeg_lossless.info(make(noise((5, 7, 3), 10), 10))
    assert (info.coding, info.rows, info.cols, info.components) == ("jpeg-lossless", 5, 7, 3)
    assert info.precisions == (10, 10, 10) and info.reversible and not info.signed
    assert jpeg_lossless.frame_info(GOOD) == jpeg_lossless.info(GOOD)


def test_decode_frame_of_another_coding_says_so() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    grey = smooth((16, 16), 8).astype("u1")
    frame = jpeg_lossless.decode_frame(imagecodecs.jpeg8_encode(grey), spec_of(grey, 8))
    assert frame.lossy and frame.problems[-1].code == "other-coding"
