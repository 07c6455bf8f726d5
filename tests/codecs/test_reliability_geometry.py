"""Faults of other decoders about places and sizes, and that radkit has none of them.

Rows 1, 2, 3 and 14 of docs/reliability-rows.md.
"""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import j2kmade
import numpy as np
import pytest
from coded import smooth
from j2kmade import COC, COD, POC, QCC, QCD, SIZ, Stream, parse, shifted

from radkit import limits
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, OptionError, RadkitError

OPJ = shutil.which("opj_compress")
needs_opj = pytest.mark.skipif(OPJ is None, reason="opj_compress is absent")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offsets")


MADE: dict[Any, tuple[np.ndarray, Stream]] = {}


def at_offset(
    folder: Path, x0: int, y0: int, x1: int, y1: int, *options: str
) -> tuple[np.ndarray, Stream]:
    """Return a random 8-bit plane and its stream, placed at (x0, y0) of the reference grid."""
    key = (x0, y0, x1, y1, *options)
    if key not in MADE:
        rows, cols = y1 - y0, x1 - x0
        plane = smooth(rows, cols, 8, seed=x1 + 31 * y1)
        (folder / "in.raw").write_bytes(plane.tobytes())
        line = [str(OPJ), "-i", str(folder / "in.raw"), "-o", str(folder / "out.j2k")]
        line += ["-F", f"{cols},{rows},1,8,u", "-d", f"{x0},{y0}", *(options or ("-n", "3"))]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        MADE[key] = plane, parse((folder / "out.j2k").read_bytes())
    return MADE[key]


def put_together(
    streams: list[Stream], steps: list[tuple[int, int]], box: tuple[int, int, int, int]
) -> Stream:
    """Return one stream of several grey ones, component after component (CPRL)."""
    x0, y0, x1, y1 = box
    siz = struct.pack(">H8IH", 0, x1, y1, x0, y0, x1, y1, 0, 0, len(streams))
    siz += b"".join(bytes((7, dx, dy)) for dx, dy in steps)
    cod = streams[0].body(COD)
    main = [(SIZ, siz), (COD, cod[:1] + b"\x04" + cod[2:]), (QCD, streams[0].body(QCD))]
    packets = b"".join(one.parts[0][4] for one in streams)
    return Stream(tuple(main), ((0, 0, 1, (), packets),))


def ceil(a: int, b: int) -> int:
    return -(-a // b)


SUBSAMPLINGS = [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (4, 2), (3, 3)]


def spread(plane: np.ndarray, box: tuple[int, int, int, int], step: tuple[int, int]) -> np.ndarray:
    """Return the sample of each pixel, one pixel after the other."""
    x0, y0, x1, y1 = box
    dx, dy = step
    out = np.empty((y1 - y0, x1 - x0), plane.dtype)
    for y, x in itertools.product(range(y0, y1), range(x0, x1)):
        j = min(max(y // dy - ceil(y0, dy), 0), plane.shape[0] - 1)
        i = min(max(x // dx - ceil(x0, dx), 0), plane.shape[1] - 1)
        out[y - y0, x - x0] = plane[j, i]
    return out


@needs_opj
@pytest.mark.parametrize("step", SUBSAMPLINGS)
def test_row_01_all_parities_of_place_and_size_at_all_subsamplings(
    folder: Path, step: tuple[int, int]
) -> None:
    dx, dy = step
    for x0, y0, odd_w, odd_h in itertools.product(range(dx + 1), range(dy + 1), (0, 1), (0, 1)):
        box = (x0, y0, x0 + 24 + odd_w, y0 + 20 + odd_h)
        own = at_offset(folder, *box)
        small = at_offset(folder, *(ceil(v, d) for v, d in zip(box, (dx, dy) * 2, strict=True)))
        made = put_together([own[1], small[1], small[1]], [(1, 1), step, step], box)
        data = bytes(made)
        for index, plane in enumerate((own[0], small[0], small[0])):
            np.testing.assert_array_equal(jpeg2000.decode(data, components=index), plane)
        rows, cols = own[0].shape
        spec = FrameSpec(
            rows=rows, cols=cols, samples=3, bits_allocated=8, bits_stored=8,
            photometric="YBR_FULL",
        )  # fmt: skip
        found = jpeg2000.decode_frame(data, spec).array
        np.testing.assert_array_equal(found[..., 0], own[0])
        np.testing.assert_array_equal(found[..., 1], spread(small[0], box, step))
        np.testing.assert_array_equal(found[..., 2], found[..., 1])


@needs_opj
@pytest.mark.parametrize("step", [(2, 2), (4, 4), (3, 2)])
def test_row_01_a_component_without_samples_is_refused(folder: Path, step: tuple[int, int]) -> None:
    dx, dy = step
    for x0, y0 in itertools.product(range(1, dx), range(1, dy)):
        box = (x0, y0, x0 + 1, y0 + 1)  # one pixel
        if ceil(x0 + 1, dx) > ceil(x0, dx):
            continue
        own = at_offset(folder, *box, "-n", "1")
        data = bytes(put_together([own[1], own[1], own[1]], [(1, 1), step, step], box))
        spec = FrameSpec(
            rows=1, cols=1, samples=3, bits_allocated=8, bits_stored=8, photometric="YBR_FULL"
        )
        for strict in (True, False):
            with pytest.raises((OptionError, CorruptPixelData)):
                jpeg2000.decode(data, components=1, strict=strict)
            with pytest.raises(RadkitError):
                jpeg2000.decode_frame(data, spec, strict=strict)


IMAGE = smooth(40, 52, 12)


@pytest.mark.parametrize(
    ("module", "coding"),
    [
        (jpeg2000, Coding(levels=3)),
        (jpeg2000, Coding(levels=2, block=(16, 4))),
        (htj2k, Coding(levels=3)),
    ],
)
def test_row_02_images_beyond_int_max_decode_alike(module: Any, coding: Coding) -> None:
    made = parse(module.encode(IMAGE, bits=12, coding=coding))
    step = 1 << 20
    for x, y in itertools.product((0, 2**31 - step, 2**31, 2**32 - step), repeat=2):
        data = bytes(shifted(made, x, y))
        np.testing.assert_array_equal(module.decode(data), IMAGE)
        np.testing.assert_array_equal(
            module.decode(data, region=(7, 31, 9, 44), reduce=0), IMAGE[7:31, 9:44]
        )
        np.testing.assert_array_equal(
            module.decode(data, reduce=2), module.decode(bytes(made), reduce=2)
        )


@needs_opj
@pytest.mark.parametrize("tile", ["400,400", "17,21"])
def test_row_02_images_across_int_max_decode_alike(folder: Path, tile: str) -> None:
    edge = 1 << 20
    place = (edge - 21, edge - 13, edge + 31, edge + 27)
    options = ("-n", "3", "-T", f"{edge - 30},{edge - 30}", "-t", tile)
    plane, made = at_offset(folder, *place, *options)
    for step in (0, 2**31 - edge, 2**31, 2**32 - 2 * edge):
        data = bytes(shifted(made, step, step))
        np.testing.assert_array_equal(jpeg2000.decode(data), plane)
        np.testing.assert_array_equal(
            jpeg2000.decode(data, region=(3, 30, 5, 41)), plane[3:30, 5:41]
        )


EDGES = (0, 1, 2, 17, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1)


@pytest.mark.parametrize("strict", [True, False])
def test_row_02_sizes_at_the_edges_of_32_bits_are_typed(strict: bool) -> None:
    made = parse(jpeg2000.encode(IMAGE, bits=12, coding=Coding(levels=3)))
    honest = struct.unpack_from(">8I", made.body(SIZ), 2)
    rng = np.random.default_rng(2)
    answers = {"decoded": 0, "refused": 0}
    with limits.use(max_pixels=1 << 20, max_memory_bytes=1 << 28):
        for _ in range(1500):
            values = [int(rng.choice(EDGES)) if rng.random() < 0.4 else value for value in honest]
            bad = made.changed(SIZ, 2, struct.pack(">8I", *values))
            bad = bad.changed(SIZ, 37, bytes(rng.choice((1, 1, 2, 255), 2).astype(np.uint8)))
            try:
                found = jpeg2000.decode(bytes(bad), strict=strict)
            except RadkitError as error:
                assert "internal" not in str(error)
                answers["refused"] += 1
            else:
                assert found.size <= 1 << 20
                answers["decoded"] += 1
    assert min(answers.values()) > 0


# Progressions


@cache
def layered(order: str) -> bytes:
    coding = Coding(
        levels=3, layers=(20, 8), progression=order, precincts=((32, 32), (64, 64)),
        block=(16, 16), tile_parts=False, tlm=False,
    )  # fmt: skip
    return jpeg2000.encode(IMAGE, bits=12, coding=coding)


ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def order(res0: int, comp0: int, layers: int, res1: int, comp1: int, kind: int) -> bytes:
    return struct.pack(">BBHBBB", res0, comp0, layers, res1, comp1, kind)


# Ways to say by POC what the stream has anyway: by ORDERS, as lists of progressions.
SAME: dict[str, list[list[bytes]]] = {
    "LRCP": [
        [order(0, 0, 3, 4, 1, 0)],
        [order(0, 0, layer, 33, 255, 0) for layer in (1, 2, 3)],
        [order(0, 0, 1, res, 1, 0) for res in (1, 2, 3, 4)] + [order(0, 0, 65535, 33, 0, 0)],
    ],
    "RLCP": [[order(0, 0, 3, res, 0, 1) for res in (1, 2, 3, 33)]],
    "RPCL": [[order(res, 0, 3, res + 1, 1, 2) for res in range(4)], [order(0, 0, 9, 9, 9, 2)] * 7],
    "PCRL": [[order(0, 0, 3, 4, 1, 3)] * 2],
    "CPRL": [[order(0, 0, 3, 4, 1, 4), order(2, 0, 2, 3, 1, 0)]],
}


@pytest.mark.parametrize("place", ["main", "tile", "both"])
@pytest.mark.parametrize("kind", ORDERS)
def test_row_03_progressions_of_poc_visit_each_packet_once(kind: str, place: str) -> None:
    made = parse(layered(kind))
    expected = jpeg2000.decode(bytes(made))
    np.testing.assert_array_equal(expected, IMAGE)
    other = order(0, 0, 1, 1, 1, (ORDERS.index(kind) + 1) % 5)
    for orders in SAME[kind]:
        body = (POC, b"".join(orders))
        if place == "main":
            said = made.with_main(body)
        elif place == "tile":
            said = made.with_tile(body)
        else:  # that of the tile counts
            said = made.with_main((POC, other)).with_tile(body)
        np.testing.assert_array_equal(jpeg2000.decode(bytes(said)), expected)


@pytest.mark.parametrize("strict", [True, False])
def test_row_03_any_byte_of_progressions_gives_a_picture_or_a_typed_error(strict: bool) -> None:
    made = parse(layered("LRCP"))
    orders = SAME["LRCP"][2]
    honest = b"".join(orders)
    outcomes = set()
    for at in range(len(honest)):
        for value in (0, 1, 2, 3, 4, 5, 32, 33, 34, 127, 128, 254, 255):
            bad = honest[:at] + bytes((value,)) + honest[at + 1 :]
            for said in (made.with_main((POC, bad)), made.with_tile((POC, bad))):
                said = said.changed(COD, 1, bytes((value % 5,)))
                try:
                    found = jpeg2000.decode(bytes(said), strict=strict)
                except RadkitError as error:
                    outcomes.add(type(error).__name__)
                    assert "internal" not in str(error)
                else:
                    outcomes.add("decoded")
                    assert found.shape == IMAGE.shape
    assert {"decoded", "CorruptPixelData"} <= outcomes


def test_row_03_components_beyond_the_stream_are_no_index() -> None:
    made = parse(layered("CPRL"))
    for comp0, comp1 in ((0, 255), (200, 255), (254, 0), (1, 2)):
        said = bytes(made.with_main((POC, order(0, comp0, 3, 33, comp1, 4))))
        if comp0 == 0:
            np.testing.assert_array_equal(jpeg2000.decode(said), IMAGE)
            continue
        with pytest.raises(RadkitError):  # its packets never come
            jpeg2000.decode(said)
        assert jpeg2000.decode(said, strict=False).shape == IMAGE.shape


# Codings of single components, smaller and larger than those of the main header

BLOCKS = [(4, 4), (64, 64), (4, 256), (32, 8)]


@cache
def plane(seed: int, rows: int = 64, cols: int = 128) -> np.ndarray:
    return smooth(rows, cols, 8, seed)


@cache
def coded(seed: int, block: tuple[int, int], levels: int, ht: bool) -> Stream:
    """Return a plane in blocks of a size, or in HT blocks, which are of 64 x 64."""
    block = (64, 64) if ht else block
    coding = Coding(
        levels=levels, block=block, progression="LRCP" if not ht else "RPCL", tile_parts=False,
        tlm=False,
    )  # fmt: skip
    return parse((htj2k if ht else jpeg2000).encode(plane(seed), bits=8, coding=coding))


def coc(index: int, one: Stream) -> tuple[int, bytes]:
    body = one.body(COD)
    return COC, bytes((index, body[0] & 1)) + body[5:]


def qcc(index: int, one: Stream) -> tuple[int, bytes]:
    return QCC, bytes((index,)) + one.body(QCD)


def three(block: tuple[int, int], ht: int) -> list[Stream]:
    """Return three components, each of other blocks; that of number `ht` is HT."""
    blocks = [block, *(b for b in BLOCKS if b != block)]
    levels = (2, 3, 1)
    return [coded(5 + k, blocks[k], levels[k], k == ht) for k in range(3)]


def said_in(place: str, whole: Stream, streams: list[Stream]) -> Stream:
    """Tell how components 1 and 2 are coded, in a place where COC and QCC may stand."""
    right = [f(k, streams[k]) for k in (1, 2) for f in (coc, qcc)]
    wrong = [f(k, streams[3 - k]) for k in (1, 2) for f in (coc, qcc)]
    if place == "main, before COD":
        return whole.with_main(*right, before=COD)
    if place == "main, after QCD":
        return whole.with_main(*right)
    if place == "tile":
        return whole.with_tile(*right)
    if place == "tile, over others of the main header":
        return whole.with_main(*wrong).with_tile(*right)
    if place == "tile, behind a COD of the tile":
        cod, qcd = (COD, whole.body(COD)), (QCD, whole.body(QCD))
        return whole.with_main(*wrong).with_tile(*right[:2], cod, *right[2:], qcd)
    assert place == "tile, over a COD of the main header that says other blocks"
    first = streams[0]
    other = streams[1].body(COD)
    return (
        whole.with_body(COD, other[:1] + b"\x04" + other[2:])
        .with_body(QCD, streams[1].body(QCD))
        .with_tile(coc(0, first), qcc(0, first), *right)
    )


PLACES = (
    "main, before COD",
    "main, after QCD",
    "tile",
    "tile, over others of the main header",
    "tile, behind a COD of the tile",
    "tile, over a COD of the main header that says other blocks",
)


@pytest.mark.parametrize("ht", [-1, 0, 1])
@pytest.mark.parametrize("block", BLOCKS[:2])
@pytest.mark.parametrize("place", PLACES)
def test_row_14_codings_of_components_in_every_place(
    place: str, block: tuple[int, int], ht: int
) -> None:
    streams = three(block, ht)
    whole = put_together(streams, [(1, 1)] * 3, (0, 0, 128, 64))
    data = bytes(said_in(place, whole, streams))
    for index, seed in enumerate((5, 6, 7)):
        np.testing.assert_array_equal(jpeg2000.decode(data, components=index), plane(seed))
        np.testing.assert_array_equal(
            jpeg2000.decode(data, components=index, region=(9, 50, 30, 101)),
            plane(seed)[9:50, 30:101],
        )
    np.testing.assert_array_equal(
        jpeg2000.decode(data), np.dstack([plane(seed) for seed in (5, 6, 7)])
    )


@pytest.mark.parametrize("ht", [False, True])  # the second tile
@pytest.mark.parametrize("blocks", [((4, 4), (64, 64)), ((64, 64), (4, 4))])
def test_row_14_codings_of_tiles_smaller_and_larger_than_the_main_one(
    blocks: tuple[tuple[int, int], tuple[int, int]], ht: bool
) -> None:
    """Two tiles side by side, each of whose headers has a COD and a QCD of its own."""
    streams = [coded(5, blocks[0], 1, False), coded(6, blocks[1], 1, ht)]
    main = streams[0]
    siz = main.changed(SIZ, 2, struct.pack(">2I", 256, 64)).body(SIZ)
    parts = tuple(
        (k, 0, 1, ((COD, one.body(COD)), (QCD, one.body(QCD))), one.parts[0][4])
        for k, one in enumerate(streams)
    )
    for said in streams:  # the main header has the small ones, the large ones
        whole = Stream(said.with_body(SIZ, siz).main, parts)
        expected = np.hstack([plane(5), plane(6)])
        np.testing.assert_array_equal(jpeg2000.decode(bytes(whole)), expected)


@pytest.mark.parametrize("strict", [True, False])
def test_row_14_wrong_codings_of_components_stay_typed(strict: bool) -> None:
    streams = three((64, 64), -1)
    whole = put_together(streams, [(1, 1)] * 3, (0, 0, 128, 64))
    for place in PLACES:
        data = said_in(place, whole, [streams[0], streams[2], streams[1]])
        try:
            found = jpeg2000.decode(bytes(data), strict=strict)
        except RadkitError as error:
            assert "internal" not in str(error)
        else:
            assert found.shape == (64, 128, 3)


def test_the_writer_of_these_streams_is_exact() -> None:
    for ht in (False, True):
        one = coded(5, (64, 64), 2, ht)
        assert parse(bytes(one)) == one
        np.testing.assert_array_equal(jpeg2000.decode(bytes(one)), plane(5))
    assert bytes(j2kmade.Bits().add(0x1FF, 9)) == b"\xff\x40"
