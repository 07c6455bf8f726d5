"""The writer of codestreams with too little room: it tells what it needs, and stays inside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from coded import smooth
from test_j2k_encode import MODULES, ORDERS

from radkit._native._j2k_encode import Encoder
from radkit.codecs import jpeg2000
from radkit.codecs._j2k_encoder import open_encoder
from radkit.codecs.options import Coding, Lossy
from radkit.errors import EncodeError

GUARD, FILL = 64, 0xA5
PLACES: list[dict[str, Any]] = [
    {"levels": 2},
    {"levels": 1, "tile": (9, 7), "precincts": ((4, 4), (8, 4)), "block": (4, 8)},
]


def encoder_of(image: np.ndarray, coding: Coding, *, layers: int = 1, **options: Any) -> Encoder:
    """An encoder of an 8-bit image that has run."""
    made = open_encoder(
        image,
        bits=8,
        signed=False,
        mct=image.ndim == 3,
        levels=coding.levels or 0,
        coding=coding,
        span=(0, 255),
        layers=layers,
        **{"rated": layers > 1, **options},
    )
    made.run(0.0)
    if layers > 1:
        made.cut([*(40 * k for k in range(1, layers)), None])
    return made


def check_rooms(made: Encoder) -> None:
    """Try all capacities; the bytes behind them must stay as they are."""
    data = made.write()
    whole = np.full(len(data) + GUARD, FILL, np.uint8)
    for room in range(len(data) + 2):
        whole[:] = FILL
        assert made.write_into(whole[:room]) == len(data)
        assert (whole[room:] == FILL).all(), room
        if room >= len(data):
            assert whole[: len(data)].tobytes() == data
            assert (whole[len(data) :] == FILL).all()


FLAGS = ("split", "tlm", "plt", "sop", "eph")


@pytest.mark.parametrize("place", PLACES, ids=["plain", "parts"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["ht", "mq", "layers"])
def test_every_capacity_of_every_layout(kind: str, order: Any, place: dict[str, Any]) -> None:
    image = smooth(11, 10, 8)
    for chosen in itertools.product((False, True), repeat=len(FLAGS)):
        on = dict(zip(FLAGS, chosen, strict=True))
        coding = Coding(
            progression=order, tile_parts=on["split"], tlm=on["tlm"], plt=on["plt"], **place
        )
        layers = 3 if kind == "layers" else 1
        check_rooms(
            encoder_of(image, coding, ht=kind == "ht", layers=layers, sop=on["sop"], eph=on["eph"])
        )


@pytest.mark.parametrize("ht", [False, True])
def test_every_capacity_of_colour_and_noise(ht: bool) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (13, 9, 3)).astype(np.uint8)
    check_rooms(encoder_of(noise, Coding(levels=3, plt=True), ht=ht))


def test_cuts_take_no_more_than_they_may() -> None:
    """A target too small for anything leaves empty packets, which have a size as well."""
    image = smooth(40, 30, 8)
    made = encoder_of(image, Coding(levels=2), rated=True, ht=False)
    made.cut([0])
    least = len(made.write())
    made.cut([None])
    most = len(made.write())
    for target in range(most + 3):
        made.cut([target])
        data = made.write()
        assert least <= len(data) <= max(target, least)
        if target % 9 == 0:
            assert jpeg2000.decode(data).shape == image.shape


@pytest.mark.parametrize("module", MODULES)
def test_max_bytes_of_any_smallness(module: Any) -> None:
    """Kept or refused, for images whose headers take more than their samples."""
    image = smooth(40, 30, 8)
    lossless = len(module.encode(image, coding=Coding(levels=2)))
    kept = 0
    for most in (*range(1, 150, 16), *range(150, lossless + 40, 40)):
        try:
            data = module.encode(image, lossy=Lossy(max_bytes=most), coding=Coding(levels=2))
        except EncodeError:
            assert most < 0.6 * lossless, most
            continue
        assert len(data) <= most
        assert module.decode(data).shape == image.shape
        kept += 1
    assert kept >= 5
