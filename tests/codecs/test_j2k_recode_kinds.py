"""Recoding where tiles and components differ, with regions, layers, block styles of all kinds.

The sources are those of the fuzzers and of T.803; OpenJPEG is the judge over both sides.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from coded import CONFORMANCE

from radkit.codecs import jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import EncodeError

SEEDS = Path(__file__).parents[2] / "fuzz" / "streams"
SMALL = sorted(path.name for path in SEEDS.iterdir())
FOLDER = CONFORMANCE / "streams"
# Subsampled: p0_05 p0_06 p1_01 p1_07; COC, QCC: p0_05 p0_06 p1_04; tiles of their own: p1_02
# p1_04 p1_06; regions: p0_06 p0_13 p0_15; layers in most; HT of several sets: ds0, ds1.
PUBLIC = [
    "p0_02.j2k", "p0_05.j2k", "p0_06.j2k", "p0_09.j2k", "p0_13.j2k", "p0_15.j2k", "p1_01.j2k",
    "p1_02.j2k", "p1_04.j2k", "p1_06.j2k", "p1_07.j2k", "ds0_ht_05_b11.j2k", "ds0_ht_06_b11.j2k",
    "ds0_hm_06_b11.j2k", "ds1_ht_07_b11.j2k",
]  # fmt: skip
# Of a region only what is reversible and whole becomes HT; these end above bit-plane 0, or lose.
LOSSY_REGION = {"p0_06.j2k", "roi.j2k", "rgn.j2k"}
# OpenJPEG 2.5.4 knows no several HT sets, no mixed blocks; and it reads packed headers wrongly.
UNKNOWN_TO_OPENJPEG = {
    "ppm.j2k", "ppt.j2k", "ppt_tiles.j2k", "ds0_ht_05_b11.j2k", "ds0_ht_06_b11.j2k",
    "ds0_hm_06_b11.j2k",
}  # fmt: skip


@cache
def source(name: str) -> bytes:
    if name in SMALL:
        return (SEEDS / name).read_bytes()
    if not FOLDER.exists():
        pytest.skip("the shared files are not here")
    return (FOLDER / name).read_bytes()


def components(data: bytes, layers: int | None = None) -> list[np.ndarray]:
    count = jpeg2000.info(data).components
    return [jpeg2000.decode(data, components=k, layers=layers) for k in range(count)]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def judge(name: str, before: bytes, after: bytes) -> None:
    if name in UNKNOWN_TO_OPENJPEG:
        return
    openjpeg = pytest.importorskip("openjpeg")
    np.testing.assert_array_equal(openjpeg.decode(after), openjpeg.decode(before))


@pytest.mark.parametrize("name", SMALL + PUBLIC)
def test_ht_blocks_decode_to_the_same_samples(name: str) -> None:
    data = source(name)
    if name in LOSSY_REGION:
        with pytest.raises(EncodeError, match="region of interest"):
            jpeg2000.transcode(data, "htj2k")
        return
    made = jpeg2000.transcode(data, "htj2k")
    info = jpeg2000.info(made)
    assert (info.coding, info.layers, info.progression) == ("htj2k", 1, "RPCL")
    assert_same(components(made), components(data))
    judge(name, data, made)
    back = jpeg2000.transcode(made, "jpeg2000")
    assert_same(components(back), components(data))
    judge(name, data, back)


@pytest.mark.parametrize("name", SMALL + PUBLIC)
@pytest.mark.parametrize("order", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
def test_part_1_blocks_keep_their_layers_in_any_order(name: str, order: str) -> None:
    data = source(name)
    before = jpeg2000.info(data)
    if order not in ("LRCP", "CPRL") and name in PUBLIC:
        pytest.skip("two orders of the large ones are enough")
    coding = Coding(progression=order, plt=order == "LRCP", tile_parts=order != "CPRL")  # type: ignore[arg-type]
    made = jpeg2000.transcode(data, "jpeg2000", coding=coding)
    after = jpeg2000.info(made)
    assert (after.coding, after.progression) == ("jpeg2000", order)
    assert_same(components(made), components(data))
    judge(name, data, made)
    if before.coding == "jpeg2000":
        assert after.layers == before.layers
        for layers in range(1, min(before.layers, 4)):
            assert_same(components(made, layers), components(data, layers))
        old, new = jpeg2000.index(data), jpeg2000.index(made)
        assert new.packets["body"].sum() == old.packets["body"].sum()


def with_region(stream: bytes, shift: int) -> bytes:
    """Say of some bit-planes of a reversible stream that they are the shift of a region."""
    at, end = stream.index(b"\xff\x5c"), stream.index(b"\xff\x90")
    size = int.from_bytes(stream[at + 2 : at + 4], "big")
    exponents = bytes(value - (shift << 3) for value in stream[at + 5 : at + 2 + size])
    head = stream[: at + 5] + exponents + stream[at + 2 + size : end]
    return head + b"\xff\x5e\x00\x05\x00\x00" + bytes([shift]) + stream[end:]


@pytest.mark.parametrize("shift", [1, 3, 6])
def test_region_in_a_reversible_stream_is_shifted_back(shift: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(7)
    image = rng.integers(0, 4096, (90, 80)).astype(np.uint16)
    plain = jpeg2000.encode(image, bits=12, coding=Coding(tlm=False, tile_parts=False))
    region = with_region(plain, shift)
    made = jpeg2000.transcode(region, "htj2k")
    own = jpeg2000.decode(region)
    assert b"\xff\x5e\x00\x05" not in made[:200]
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(made), own)
    np.testing.assert_array_equal(imagecodecs.htj2k_decode(made), own)
    np.testing.assert_array_equal(jpeg2000.decode(made), own)
    kept = jpeg2000.transcode(region, "jpeg2000")
    assert b"\xff\x5e\x00\x05" in kept[:200]
    # OpenJPEG tells region from background by another bound, but the same one in both.
    theirs = imagecodecs.jpeg2k_decode(region)
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(kept), theirs)
