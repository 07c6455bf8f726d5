"""jpeg2000.transcode: code-blocks of Part 1 into HT ones and back, coefficients untouched."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from radkit import limits
from radkit._native import cpu
from radkit.codecs import jpeg2000
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    LimitExceeded,
    OptionError,
    RadkitError,
    TruncatedPixelData,
)


def picture(rows: int, cols: int, bits: int, *, signed: bool = False, comps: int = 1) -> np.ndarray:
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[:rows, :cols]
    wave = (
        np.sin(x / 17.0) + np.cos(y / 23.0) + (x * y % 97) / 400 + rng.normal(0, 0.02, (rows, cols))
    )
    values = (wave + 3) / 6 * ((1 << bits) - 1) - ((1 << bits - 1) if signed else 0)
    grey = values.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    if comps == 1:
        return grey
    return np.stack([np.roll(grey, 9 * k, 0) for k in range(comps)], axis=-1)


def check(source: bytes) -> bytes:
    """Compare what source, HT stream, and the way back decode to; return the HT stream."""
    samples = jpeg2000.decode(source)
    ht = jpeg2000.transcode(source, "htj2k")
    back = jpeg2000.transcode(ht, "jpeg2000")
    before, after = jpeg2000.info(source), jpeg2000.info(ht)
    assert (after.coding, after.layers, after.progression) == ("htj2k", 1, "RPCL")
    assert (after.tile, after.block, after.mct) == (before.tile, before.block, before.mct)
    assert after.tlm and not after.problems
    assert np.array_equal(jpeg2000.decode(ht), samples)
    assert np.array_equal(jpeg2000.decode(back), samples)
    # The bytes of HT blocks follow from their coefficients, so these are the same ones.
    assert jpeg2000.transcode(back, "htj2k") == ht
    theirs = imagecodecs.jpeg2k_decode(source)
    assert np.array_equal(imagecodecs.jpeg2k_decode(ht), theirs)
    assert np.array_equal(imagecodecs.jpeg2k_decode(back), theirs)
    return ht


KINDS = [(8, False, 1), (8, False, 3), (12, False, 1), (16, False, 1), (12, True, 1), (16, True, 1)]


@pytest.mark.parametrize(("bits", "signed", "comps"), KINDS)
def test_own_streams_keep_their_samples(bits: int, signed: bool, comps: int) -> None:
    image = picture(150, 117, bits, signed=signed, comps=comps)
    ht = check(jpeg2000.encode(image, bits=bits))
    assert np.array_equal(jpeg2000.decode(ht), image)
    if comps == 1:
        assert np.array_equal(imagecodecs.htj2k_decode(ht), image)
    check(jpeg2000.encode(image, bits=bits, lossy=Lossy(ratio=8)))


@pytest.mark.parametrize(("bits", "signed", "comps"), KINDS)
@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("level", [35, 50, 70])
def test_blocks_that_openjpeg_truncated_keep_their_samples(
    bits: int, signed: bool, comps: int, reversible: bool, level: int
) -> None:
    image = picture(150, 117, bits, signed=signed, comps=comps)
    stream = imagecodecs.jpeg2k_encode(
        image, codecformat="j2k", reversible=reversible, level=level, bitspersample=bits
    )
    check(stream)


@pytest.mark.parametrize(
    "coding",
    [
        Coding(tile=(64, 50)),
        Coding(tile=(64, 50), precincts=((32, 64),), progression="PCRL", block=(16, 32)),
        Coding(layers=(20.0, 8.0, 4.0)),
        Coding(levels=0),
        Coding(levels=6, block=(4, 1024), progression="LRCP"),
        Coding(block=(1024, 4), tile_parts=False, plt=True),
    ],
    ids=str,
)
def test_layouts_are_kept_where_blocks_depend_on_them(coding: Coding) -> None:
    check(jpeg2000.encode(picture(150, 117, 12), bits=12, coding=coding))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (5, 3), (1144, 31)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    check(jpeg2000.encode(picture(*shape, 12), bits=12))


@pytest.mark.parametrize("value", [0, 1, 2048, 4095])
def test_flat_images(value: int) -> None:
    check(jpeg2000.encode(np.full((70, 90), value, np.uint16), bits=12))


def test_c_and_simd_make_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(150, 117, 12)
    for source in (
        jpeg2000.encode(image, bits=12),
        imagecodecs.jpeg2k_encode(image, codecformat="j2k", level=50, bitspersample=12),
    ):
        fast = jpeg2000.transcode(source, "htj2k")
        back = jpeg2000.transcode(fast, "jpeg2000")
        with monkeypatch.context() as m:
            m.setattr(cpu, "USE", 0)
            assert jpeg2000.transcode(source, "htj2k") == fast
            assert jpeg2000.transcode(fast, "jpeg2000") == back


@pytest.mark.parametrize("order", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
@pytest.mark.parametrize("to", ["jpeg2000", "htj2k"])
def test_layout_of_the_result_is_that_asked_for(order: str, to: str) -> None:
    image = picture(150, 117, 8, comps=3)
    source = jpeg2000.encode(image, coding=Coding(precincts=((64, 64),)))
    coding = Coding(progression=order, tlm=False, plt=True, tile_parts=False)  # type: ignore[arg-type]
    made = jpeg2000.transcode(source, to, coding=coding)  # type: ignore[arg-type]
    info = jpeg2000.info(made)
    assert (info.progression, info.tlm, info.plt, info.coding) == (order, False, True, to)
    assert np.array_equal(jpeg2000.decode(made), image)


def test_source_in_a_file_gives_a_raw_stream() -> None:
    image = picture(60, 50, 8)
    made = jpeg2000.transcode(imagecodecs.jpeg2k_encode(image, codecformat="jp2"), "htj2k")
    assert made[:2] == b"\xff\x4f" and np.array_equal(jpeg2000.decode(made), image)


@pytest.mark.parametrize(
    "coding",
    [
        Coding(levels=1),
        Coding(block=(32, 32)),
        Coding(tile=(32, 32)),
        Coding(precincts=((64, 64),)),
        Coding(layers=(4.0,)),
    ],
    ids=str,
)
def test_layouts_that_need_other_blocks_are_refused(coding: Coding) -> None:
    with pytest.raises(OptionError, match="that of the source"):
        jpeg2000.transcode(jpeg2000.encode(picture(90, 80, 8)), "htj2k", coding=coding)


def test_unknown_goal_is_refused() -> None:
    with pytest.raises(OptionError):
        jpeg2000.transcode(jpeg2000.encode(picture(9, 8, 8)), "jpeg")  # type: ignore[arg-type]


def test_limits_hold() -> None:
    stream = jpeg2000.encode(picture(200, 200, 12), bits=12)
    with limits.use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        jpeg2000.transcode(stream, "htj2k")
    with limits.use(max_pixels=100), pytest.raises(LimitExceeded):
        jpeg2000.transcode(stream, "htj2k")


@pytest.mark.parametrize("ht", [False, True])
def test_truncated_streams_are_refused(ht: bool) -> None:
    stream = jpeg2000.encode(picture(90, 80, 12), bits=12)
    if ht:
        stream = jpeg2000.transcode(stream, "htj2k")
    to = "jpeg2000" if ht else "htj2k"
    for size in range(2, len(stream) - 2, 131):
        with pytest.raises((TruncatedPixelData, CorruptPixelData)):
            jpeg2000.transcode(stream[:size], to)  # type: ignore[arg-type]


@pytest.mark.parametrize("ht", [False, True])
@pytest.mark.parametrize("level", [0, 50])
def test_damaged_streams_raise_errors_of_radkit_or_give_their_own_samples(
    ht: bool, level: int
) -> None:
    rng = np.random.default_rng(11)
    image = picture(70, 60, 12)
    stream = imagecodecs.jpeg2k_encode(
        image, codecformat="j2k", level=level, reversible=not level, bitspersample=12
    )
    if ht:
        stream = jpeg2000.transcode(stream, "htj2k")
    made = 0
    for _ in range(400):
        bad = bytearray(stream)
        for at in rng.integers(2, len(bad), rng.integers(1, 4)):
            bad[at] = rng.integers(256)
        try:
            result = jpeg2000.transcode(bytes(bad), "jpeg2000" if ht else "htj2k")
        except RadkitError:
            continue
        made += 1
        assert np.array_equal(jpeg2000.decode(result), jpeg2000.decode(bytes(bad)))
    assert made > 20
