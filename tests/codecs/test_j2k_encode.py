"""Codestreams of the own encoder, given to the own decoder and to foreign ones."""

from __future__ import annotations

import math
from typing import Any

import imagecodecs
import numpy as np
import peer_openjpeg_encode
import pytest
from coded import smooth

from radkit import limits
from radkit._native import cpu
from radkit.codecs import _j2k_encode, htj2k, jpeg2000
from radkit.codecs._j2k_encoder import open_encoder
from radkit.codecs.options import Coding, Lossy, Progression
from radkit.errors import EncodeError, LimitExceeded

ORDERS: tuple[Progression, ...] = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
MODULES = [jpeg2000, htj2k]


def judges(data: bytes, ht: bool, like: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """What OpenJPEG, and OpenJPH of HT streams, make of it."""
    import openjpeg

    found = [("OpenJPEG", openjpeg.decode(data))]
    name, decode = ("OpenJPH", imagecodecs.htj2k_decode)
    if not ht:
        name, decode = ("OpenJPEG of imagecodecs", imagecodecs.jpeg2k_decode)
    array = decode(data)
    if like.ndim == 3 and array.shape != like.shape:  # OpenJPH: planes
        array = np.moveaxis(array, 0, -1)
    found.append((name, array))
    return found


def picture(rng: np.random.Generator, shape: tuple[int, ...], bits: int, signed: bool) -> Any:
    """A smooth picture, or noise, with both ends of the range in it if there is room."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if rng.integers(4) == 0:
        array = rng.integers(low, high, shape, endpoint=True)
    else:
        planes = [smooth(*shape[:2], bits, int(rng.integers(1 << 20))).astype(np.int64)]
        planes = planes * (shape[2] if len(shape) > 2 else 1)
        array = np.dstack(planes) if len(shape) > 2 else planes[0]
        array = np.clip(array + low + rng.integers(0, 3, shape), low, high)
    array.flat[0], array.flat[-1] = low, high
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    return array.astype(f"{'i' if signed else 'u'}{size}")


def layout(rng: np.random.Generator) -> Coding:
    """Any layout; tiles and precincts in a part of them."""

    def sides(low: int, high: int) -> tuple[int, int]:
        return 1 << int(rng.integers(low, high)), 1 << int(rng.integers(low, high))

    precincts: tuple[tuple[int, int], ...] = ()
    levels = int(rng.integers(0, 7))
    if rng.integers(2):
        precincts = tuple(sides(1, 8) for _ in range(min(int(rng.integers(1, 4)), levels + 1)))
    tile = None
    if rng.integers(3) == 0:
        tile = int(rng.integers(20, 150)), int(rng.integers(20, 150))
    return Coding(
        levels=levels,
        progression=ORDERS[rng.integers(5)],
        block=sides(2, 7),
        precincts=precincts,
        tile=tile,
        tile_parts=bool(rng.integers(2)),
        tlm=bool(rng.integers(2)),
        plt=bool(rng.integers(2)),
    )


def check_lossless(data: bytes, image: np.ndarray, ht: bool) -> None:
    assert not jpeg2000.info(data).problems
    np.testing.assert_array_equal(jpeg2000.decode(data), image)
    for name, found in judges(data, ht, image):
        np.testing.assert_array_equal(found.astype(np.int64), image, err_msg=name)


@pytest.mark.parametrize("ht", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_any_layout_of_any_image_is_lossless(seed: int, ht: bool) -> None:
    rng = np.random.default_rng([seed, ht])
    shape: tuple[int, ...] = (int(rng.integers(1, 150)), int(rng.integers(1, 150)))
    if rng.integers(3) == 0:
        shape += (int(rng.choice([3, 4])),)
    bits, signed = int(rng.integers(1, 17)), bool(rng.integers(2))
    image, coding = picture(rng, shape, bits, signed), layout(rng)
    encoder = open_encoder(
        image,
        bits=bits,
        signed=signed,
        mct=shape[2:] == (3,) and bool(rng.integers(2)),
        levels=coding.levels or 0,
        coding=coding,
        ht=ht,
        span=(int(image.min()), int(image.max())),
        sop=bool(rng.integers(2)),
        eph=bool(rng.integers(2)),
    )
    encoder.run(0.0)
    data = encoder.write()
    check_lossless(data, image, ht)
    # However little room there is at first, the bytes are the same.
    assert encoder.write(room=int(rng.integers(0, len(data)))) == data
    assert encoder.write(room=len(data)) == data


@pytest.mark.parametrize("ht", [False, True])
@pytest.mark.parametrize("low", [0, 31000, 61440])
def test_narrow_ranges_of_deep_images(ht: bool, low: int) -> None:
    """Their middle is taken off where 16 bits would not do; an odd tile has no low-pass for it."""
    image = (smooth(83, 91, 12) + low).astype(np.uint16)
    module: Any = htj2k if ht else jpeg2000
    for coding in (Coding(), Coding(tile=(41, 45), levels=6), Coding(levels=0)):
        check_lossless(module.encode(image, coding=coding), image, ht)


@pytest.mark.parametrize("module", MODULES)
def test_portable_code_writes_the_same_bytes(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [smooth(100, 90, 12), smooth(100, 90, 16), np.dstack([smooth(60, 70, 8)] * 3)]
    lossies = [None, Lossy(ratio=9), Lossy(psnr=45)]
    fast = [module.encode(image, lossy=lossy) for image in images for lossy in lossies]
    monkeypatch.setattr(cpu, "USE", 0)
    slow = [module.encode(image, lossy=lossy) for image in images for lossy in lossies]
    assert fast == slow


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("psnr", [35, 50])
def test_lossy_streams_mean_the_same_to_everybody(module: Any, samples: int, psnr: float) -> None:
    image = smooth(150, 170, 8)
    if samples == 3:
        image = np.dstack([image, image[::-1], 255 - image])
    for coding in (Coding(), Coding(tile=(64, 100), levels=3, progression="CPRL")):
        data = module.encode(image, lossy=Lossy(psnr=psnr), coding=coding)
        assert not module.info(data).reversible
        own = module.decode(data).astype(int)
        error = float(np.mean((own - image) ** 2))
        assert abs(10 * math.log10(255**2 / error) - psnr) < 0.3
        for name, found in judges(data, module is htj2k, image):
            apart = found.astype(int) - own
            if name == "OpenJPH":  # it wraps around where others clamp
                apart[(own == 0) | (own == 255)] = 0
            assert np.abs(apart).max() <= 1, name


def tall(seed: int) -> np.ndarray:
    """Noise over smooth shapes, as a scanner makes it."""
    rng = np.random.default_rng(seed)
    return (smooth(400, 300, 12, seed) // 2 + rng.normal(900, 12, (400, 300))).astype(np.uint16)


@pytest.mark.parametrize("seed", [1, 2])
def test_lossless_streams_are_not_larger_than_those_of_others(seed: int) -> None:
    image, plain = tall(seed), Coding(levels=5, tlm=False, tile_parts=False)
    peer = imagecodecs.htj2k_encode(image, reversible=True, resolutions=5)
    assert len(htj2k.encode(image, coding=plain)) < 1.005 * len(peer)
    options = {"bits": 12, "signed": False, "mct": False, "levels": 5, "coding": plain}
    peer = peer_openjpeg_encode.encode(image, **options)
    assert len(jpeg2000.encode(image, bits=12, coding=plain)) < 1.005 * len(peer)


def noise_ratio(image: np.ndarray, data: bytes) -> float:
    error = float(np.mean((jpeg2000.decode(data).astype(float) - image) ** 2))
    return 10 * math.log10(4095**2 / error)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("ratio", [10, 20, 40])
def test_truncation_is_as_good_as_that_of_openjpeg(seed: int, ratio: int) -> None:
    image, plain = tall(seed), Coding(levels=5, tlm=False, tile_parts=False)
    own = jpeg2000.encode(image, bits=12, lossy=Lossy(ratio=ratio), coding=plain)
    assert abs(image.nbytes / len(own) / ratio - 1) < 0.02
    peer = peer_openjpeg_encode.encode(
        image,
        bits=12,
        signed=False,
        mct=False,
        levels=5,
        coding=plain,
        irreversible=True,
        rates=[image.size * 12 / 8 / len(own)],
    )
    assert noise_ratio(image, own) > noise_ratio(image, peer) - 0.1


def test_large_frames_of_noise_are_coded_as_a_part_of_them_is_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.random.default_rng(7).normal(2000, 40, (400, 420)).astype(np.uint16)
    better = []
    for ratio in (8, 10, 14, 20):
        found = []
        for large in (image.size + 1, image.size):
            monkeypatch.setattr(_j2k_encode, "LARGE", large)
            data = jpeg2000.encode(image, bits=12, lossy=Lossy(ratio=ratio))
            assert abs(image.nbytes / len(data) / ratio - 1) < 0.02
            found.append(noise_ratio(image, data))
        better.append(found[1] - found[0])
    assert min(better) > -0.05
    assert max(better) > 0.2


def test_layers_have_the_sizes_asked_for_and_end_lossless() -> None:
    image = tall(3)
    for order in ("LRCP", "RPCL"):
        coding = Coding(layers=(40, 10, 5), progression=order, tlm=False, tile_parts=False)
        data = jpeg2000.encode(image, bits=12, coding=coding)
        assert jpeg2000.info(data).layers == 4
        check_lossless(data, image, False)
        shown = [jpeg2000.decode(data, layers=n).astype(float) for n in (1, 2, 3, 4)]
        errors = [float(np.mean((array - image) ** 2)) for array in shown]
        assert errors[0] > errors[1] > errors[2] > errors[3] == 0
        for layers, ratio in ((1, 40), (2, 10), (3, 5)):
            alone = jpeg2000.encode(
                image, bits=12, lossy=Lossy(ratio=ratio), coding=Coding(levels=5)
            )
            # A layer of 5/3 is some decibels behind a stream of 9/7 of its own.
            own = 10 * math.log10(4095**2 / errors[layers - 1])
            assert own > noise_ratio(image, alone) - 4


def test_layers_cost_little() -> None:
    image = tall(4)
    one = len(jpeg2000.encode(image, bits=12))
    assert len(jpeg2000.encode(image, bits=12, coding=Coding(layers=(40, 10)))) < 1.02 * one


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("most", [400, 3000])
def test_max_bytes_is_never_exceeded(module: Any, most: int) -> None:
    data = module.encode(tall(5), bits=12, lossy=Lossy(max_bytes=most))
    assert 0.9 * most < len(data) <= most


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("most", [1, 2, 5, 16])
def test_largest_error_is_kept_by_everybody(module: Any, most: int) -> None:
    image = tall(6)
    data = module.encode(image, bits=12, lossy=Lossy(max_error=most))
    assert np.abs(module.decode(data).astype(int) - image).max() <= most
    for name, found in judges(data, module is htj2k, image):
        assert np.abs(found.astype(int) - image).max() <= most + 1, name


@pytest.mark.parametrize("ht", [False, True])
@pytest.mark.parametrize("memory", [1, 100_000, 400_000])
def test_memory_is_bounded(ht: bool, memory: int) -> None:
    image = smooth(600, 600, 12)
    with limits.use(max_memory_bytes=memory), pytest.raises(LimitExceeded):
        encoder = open_encoder(
            image,
            bits=12,
            signed=False,
            mct=False,
            levels=1,
            coding=Coding(block=(4, 4)),
            ht=ht,
            span=(0, 4095),
        )
        encoder.run(0.0)


def test_too_many_tiles_are_refused() -> None:
    with pytest.raises(EncodeError, match="tiles"):
        htj2k.encode(np.zeros((300, 300), np.uint8), coding=Coding(tile=(1, 1), levels=0))


@pytest.mark.parametrize("order", [">", "<"])
def test_arrays_of_any_form(order: str) -> None:
    image = smooth(50, 60, 12).astype(f"{order}u2")
    plain = htj2k.encode(image.astype(np.uint16))
    assert htj2k.encode(image) == plain
    assert htj2k.encode(np.asfortranarray(image)) == plain
    assert htj2k.encode(np.pad(image, 3)[3:-3, 3:-3]) == plain
    assert htj2k.encode(image.astype(np.int64), bits=16, signed=False) == plain
