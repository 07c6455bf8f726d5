"""Cut codestreams: decoded whole they are what decoding a part of the uncut one gives."""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path
from typing import Any

import j2kmade
import numpy as np
import pytest
from coded import CONFORMANCE, load, manifest, smooth

from radkit.codecs import _j2k_header, _j2k_index, _j2k_truncate, htj2k, jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    OptionError,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

SEEDS = Path(__file__).parents[2] / "fuzz" / "streams"
SMALL = sorted(path.name for path in SEEDS.iterdir())
FOLDER = CONFORMANCE / "streams"
PART_2 = "simple_dec_irv53_bhvhb_low_latency.jph"
PUBLIC = sorted(p.name for p in FOLDER.iterdir() if p.name != PART_2) if FOLDER.exists() else []
# Images without a sample after so many halvings.
VANISHING = {"simple_enc_irv97_tall_narrow1.j2c": 4}
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {"levels": 4},
    "tiles": {"levels": 2, "tile": (64, 96)},
    "precincts": {"levels": 3, "precincts": ((64, 64), (32, 64), (32, 32))},
    "one-part": {"levels": 3, "tile_parts": False, "tlm": False, "plt": True},
    "tiles-precincts": {"levels": 2, "tile": (96, 64), "precincts": ((32, 32),), "plt": True},
}


def decoded_by_others(data: bytes, ht: bool) -> list[np.ndarray]:
    imagecodecs = pytest.importorskip("imagecodecs")
    openjpeg = pytest.importorskip("openjpeg")
    found = [imagecodecs.jpeg2k_decode(data), openjpeg.decode(data)]
    if ht:  # OpenJPH gives planes, and values beyond the precision
        planes = imagecodecs.htj2k_decode(data)
        if planes.ndim == 3 and planes.shape != found[0].shape:
            planes = np.moveaxis(planes, 0, -1)
        found.append(planes.clip(0, (1 << jpeg2000.info(data).precisions[0]) - 1))
    return found


def check(data: bytes, wish: dict[str, int], *, others: bool, ht: bool = False) -> bytes:
    """Hold a cut codestream against decoding with the same wish; return it."""
    cut = jpeg2000.truncate(data, **wish)  # type: ignore[arg-type]
    for component in range(jpeg2000.info(data).components):
        expected = jpeg2000.decode(data, components=component, **wish)  # type: ignore[arg-type]
        found = jpeg2000.decode(cut, components=component)
        np.testing.assert_array_equal(found, expected)
    assert not [p for p in jpeg2000.info(cut).problems if not p.code.startswith("jp2")]
    if others:
        own = jpeg2000.decode(cut)
        for peer in decoded_by_others(cut, ht):
            np.testing.assert_array_equal(peer.reshape(own.shape), own)
    return cut


@cache
def streams() -> dict[str, bytes]:
    # OpenJPH wraps 8-bit samples of low resolutions that are beyond the range: none are.
    gray, colour = (
        smooth(150, 202, 12),
        np.stack([smooth(150, 202, 8, k) // 2 for k in (3, 4, 5)], -1),
    )
    made = {}
    for number, (name, options) in enumerate(LAYOUTS.items()):
        for order in ORDERS:
            coding = Coding(progression=order, **options)  # type: ignore[arg-type]
            pixels, bits = (gray, 12) if number % 2 == 0 else (colour.astype(np.uint8) + 60, 8)
            made[f"mq-{name}-{order}"] = jpeg2000.encode(pixels, bits=bits, coding=coding)
            made[f"ht-{name}-{order}"] = htj2k.encode(pixels, bits=bits, coding=coding)
            layered = Coding(progression=order, layers=(20.0, 8.0, 4.0), **options)  # type: ignore[arg-type]
            made[f"mq-{name}-{order}-layers"] = jpeg2000.encode(gray, bits=12, coding=layered)
    return made


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["mq", "mq-layers", "ht"])
def test_resolutions_and_layers(kind: str, layout: str, order: str) -> None:
    coder, *layered = kind.split("-")
    data = streams()["-".join([coder, layout, order, *layered])]
    info, sizes = jpeg2000.info(data), [len(data)]
    for reduce in range(1, info.reductions + 1):
        cut = check(data, {"reduce": reduce}, others=True, ht=coder == "ht")
        sizes.append(len(cut))
        assert jpeg2000.info(cut).tiles == info.tiles
        assert jpeg2000.info(cut).tlm == info.tlm
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] // 2
    for layers in range(1, info.layers):
        cut = check(data, {"layers": layers}, others=True)
        assert jpeg2000.info(cut).layers == layers and len(cut) < len(data)
        check(data, {"layers": layers, "reduce": 1}, others=True)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["mq", "mq-layers", "ht"])
def test_bytes(kind: str, layout: str, order: str) -> None:
    coder, *layered = kind.split("-")
    data = streams()["-".join([coder, layout, order, *layered])]
    whole = jpeg2000.decode(data).astype(int)
    errors, filled = [], []
    for share in (0.3, 0.45, 0.6, 0.8, 0.95):
        room = int(share * len(data))
        cut = jpeg2000.truncate(data, max_bytes=room)
        own = jpeg2000.decode(cut)
        assert own.shape == whole.shape and len(cut) <= room
        for peer in decoded_by_others(cut, coder == "ht"):
            np.testing.assert_array_equal(peer.reshape(own.shape), own)
        errors.append(float(((own - whole) ** 2).mean()))
        filled.append(len(cut) / room)
    assert errors == sorted(errors, reverse=True) and errors[0] > 0
    if layered and "precincts" in layout:
        assert min(filled) > 0.8  # small packets fill nearly all the room
    again = jpeg2000.truncate(data, max_bytes=int(0.8 * len(data)), reduce=1)
    np.testing.assert_array_equal(jpeg2000.decode(again), jpeg2000.decode(data, reduce=1))


def blocks(data: bytes) -> np.ndarray:
    stream = _j2k_header.parse(memoryview(data)).stream
    return np.frombuffer(stream.packets(True)[1], _j2k_index.BLOCK)


@pytest.mark.parametrize("name", ["mq-precincts-RPCL-layers", "mq-plain-LRCP", "ht-tiles-PCRL"])
def test_bytes_are_of_whole_blocks_or_of_their_layers(name: str) -> None:
    """No block has bytes or passes that it had not; the lowest resolution is there."""
    data = streams()[name]
    place = ["tile", "comp", "res", "band", "x", "y"]
    whole = {tuple(row[place]): row for row in blocks(data)}
    ends = {(row["passes"], row["bytes"]) for row in whole.values()}
    single = name == "mq-plain-LRCP"  # blocks of one segment may end between bit-planes
    layers = jpeg2000.info(data).layers
    for keep in range(1, layers):
        ends |= {(r["passes"], r["bytes"]) for r in blocks(jpeg2000.truncate(data, layers=keep))}
    for share in (0.4, 0.7, 0.9):
        room = int(share * len(data))
        cut = jpeg2000.truncate(data, max_bytes=room)
        assert 0.9 * room < len(cut) <= room
        found = blocks(cut)
        assert single or {(row["passes"], row["bytes"]) for row in found} <= ends
        for row in found:
            before = whole[tuple(row[place])]
            assert row["missing"] == before["missing"]
            assert row["passes"] <= before["passes"] and row["bytes"] <= before["bytes"]
            assert single <= (row["passes"] % 3 == 1)
        lowest = {key for key in whole if key[2] == 0}
        assert lowest <= {tuple(row[place]) for row in found}


@pytest.mark.parametrize("name", ["mq-plain-RPCL", "ht-plain-RPCL", "ht-precincts-RPCL"])
def test_bytes_give_a_better_picture_than_whole_packets(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = streams()[name]
    image = jpeg2000.decode(data).astype(int)

    def whole_packets_only(*_: object) -> bytes:
        raise EncodeError("as for blocks of both codings")

    def psnr(cut: bytes) -> float:
        return float(-10 * np.log10(((jpeg2000.decode(cut) - image) ** 2).mean()))

    gains = []
    for share in (0.35, 0.5, 0.65, 0.8, 0.95):
        room = int(share * len(data))
        best = psnr(jpeg2000.truncate(data, max_bytes=room))
        with monkeypatch.context() as m:
            m.setattr(_j2k_truncate, "_best", whole_packets_only)
            plain = jpeg2000.truncate(data, max_bytes=room)
        assert len(plain) <= room
        gains.append(best - psnr(plain))
    assert min(gains) > -0.1 and sum(gains) / len(gains) > 2


def test_passes_of_a_cut_segment_have_their_bytes() -> None:
    """Guessed ends are seldom too early: the errors are those of cut planes, not of wrong ones."""
    data = streams()["mq-plain-RPCL"]
    image = jpeg2000.decode(data).astype(int)
    for share in (0.5, 0.7, 0.9):
        room = int(share * len(data))
        layered = Coding(levels=4, layers=(image.size * 2 / room,))
        best = jpeg2000.encode(image.astype(np.uint16), bits=12, coding=layered)
        ideal = ((jpeg2000.decode(best, layers=1) - image) ** 2).mean()
        made = ((jpeg2000.decode(jpeg2000.truncate(data, max_bytes=room)) - image) ** 2).mean()
        assert made < 10 * max(ideal, 0.1)


@pytest.mark.parametrize("name", SMALL)
def test_small_streams_of_every_kind(name: str) -> None:
    """SOP, EPH, PPM, PPT, POC, COC, RGN, offsets, subsampling, tile-parts."""
    data = (SEEDS / name).read_bytes()
    info = jpeg2000.info(data)
    wishes = [{"reduce": n} for n in range(1, info.reductions + 1)]
    wishes += [{"layers": n} for n in range(1, info.layers)]
    done = refused = 0
    for wish in wishes:
        try:
            cut = check(data, wish, others=False)
        except OptionError:
            refused += 1
            continue
        done += 1
        assert not any(marker in cut for marker in (b"\xff\x60\0", b"\xff\x61\0", b"\xff\x58\0"))
    assert done or not wishes or info.tiles > 1 or name == "dot.j2k"
    assert refused == 0 or info.tiles > 1 or name == "dot.j2k"
    for room in range(len(data), 60, -17):
        try:
            cut = jpeg2000.truncate(data, max_bytes=room)
        except OptionError as error:
            needed = int(str(error).split("at least ")[1].split()[0])
            assert needed > room
            if needed < len(data):
                assert len(jpeg2000.truncate(data, max_bytes=needed)) <= needed
            break
        assert len(cut) <= room
        jpeg2000.index(cut)
        for component in range(info.components):
            jpeg2000.decode(cut, components=component)


@pytest.mark.parametrize("name", PUBLIC)
def test_conformance_streams(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    info = jpeg2000.info(data)
    if any(problem.code == "jp2-mapping" for problem in info.problems):
        with pytest.raises(UnsupportedTransferSyntax):
            jpeg2000.truncate(data, reduce=1)
        return
    wishes = [{"reduce": n} for n in range(1, info.reductions + 1)]
    wishes += [{"layers": n} for n in range(1, min(info.layers, 4))]
    for wish in wishes:
        times = wish.get("reduce", 0)
        odd = info.tiles > 1 and any(side % (1 << times) for side in info.tile)
        if odd or (name in VANISHING and times >= VANISHING[name]):
            with pytest.raises(OptionError):
                jpeg2000.truncate(data, **wish)  # type: ignore[arg-type]
        else:
            check(data, wish, others=False)
    least = len(data) - 1
    try:
        cut = jpeg2000.truncate(data, max_bytes=least)
    except OptionError as error:  # nothing but the lowest resolution of one layer
        assert f"at least {len(data)} " in str(error)
        return
    assert len(cut) <= least
    jpeg2000.index(cut)


@pytest.mark.parametrize("quarter", range(4))
def test_shared_files(quarter: int) -> None:
    names = (
        [n for n in manifest() if "j2k" in n and "broken" not in n] if CONFORMANCE.exists() else []
    )
    if not names:
        pytest.skip("the shared files are not here")
    done = 0
    for found in names[quarter::4]:
        frame = load(found).frames[0]
        try:
            info = jpeg2000.info(frame)
        except UnsupportedTransferSyntax:  # Part 2
            continue
        for reduce in range(1, info.reductions + 1):
            check(frame, {"reduce": reduce}, others=False)
            done += 1
    assert done


def test_packets_with_sop_are_counted_anew() -> None:
    data = (SEEDS / "sop_eph.j2k").read_bytes()
    cut = jpeg2000.truncate(data, reduce=1)
    at = [int(offset) for offset in np.sort(jpeg2000.index(cut).packets["offset"])]
    marks = [struct.unpack_from(">HHH", cut, offset) for offset in at]
    assert marks == [(0xFF91, 4, number) for number in range(len(at))] and len(at) > 1


def test_packed_headers_move_to_their_packets() -> None:
    for name in ("ppm", "ppm_tiles", "ppt", "ppt_tiles"):
        data = (SEEDS / f"{name}.j2k").read_bytes()
        assert jpeg2000.index(data).packets["packed"].any()
        cut = jpeg2000.truncate(data, max_bytes=len(data) - 1)
        assert not jpeg2000.index(cut).packets["packed"].any()
        cut = jpeg2000.truncate(data, layers=1)
        np.testing.assert_array_equal(jpeg2000.decode(cut), jpeg2000.decode(data, layers=1))


def test_parts_and_tlm_agree() -> None:
    data = streams()["ht-tiles-RPCL"]
    cut = jpeg2000.truncate(data, reduce=1)
    parts = jpeg2000.index(cut).parts
    tlm = j2kmade.parse(cut).body(j2kmade.TLM)
    entries = list(struct.iter_unpack(">HI", tlm[2:]))
    assert entries == [(tile, header + body) for tile, _, header, body in parts]
    counts = [tile for tile, *_ in parts]
    assert len(parts) < len(jpeg2000.index(data).parts)
    for _, sot, _, _ in parts:
        tile, number, of = cut[sot + 5], cut[sot + 10], cut[sot + 11]
        assert of == counts.count(tile) and number < of


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def test_a_file_stays_a_file() -> None:
    stream = streams()["mq-plain-LRCP"]
    size = box(b"ihdr", struct.pack(">IIHBBBB", 150, 202, 1, 11, 7, 0, 0))
    colour, dots = box(b"colr", b"\1\0\0\0\0\0\x11"), box(b"res ", box(b"resc", bytes(10)))
    begin = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    data = (
        begin + box(b"jp2h", size + colour + dots) + box(b"jp2c", stream) + box(b"uuid", b"1" * 16)
    )
    cut = jpeg2000.truncate(data, reduce=2)
    size = box(b"ihdr", struct.pack(">IIHBBBB", 38, 51, 1, 11, 7, 0, 0))
    inner = jpeg2000.truncate(stream, reduce=2)
    assert cut == begin + box(b"jp2h", size + colour) + box(b"jp2c", inner) + box(
        b"uuid", b"1" * 16
    )
    room = len(data) * 2 // 3
    cut = jpeg2000.truncate(data, max_bytes=room)
    assert len(cut) <= room and dots in cut
    endless = begin + box(b"jp2h", size) + struct.pack(">I4s", 0, b"jp2c") + stream
    assert jpeg2000.truncate(endless, reduce=2).endswith(box(b"jp2c", inner))


def test_nothing_to_do() -> None:
    data = streams()["mq-plain-RPCL-layers"]
    for wish in ({}, {"reduce": 0}, {"layers": 9}, {"max_bytes": len(data)}):
        assert jpeg2000.truncate(data, **wish) == data  # type: ignore[arg-type]
    assert htj2k.truncate is jpeg2000.truncate


def test_refusals() -> None:
    data = streams()["mq-plain-RPCL"]
    for wish in ({"reduce": -1}, {"reduce": 5}, {"layers": 0}, {"max_bytes": 0}):
        with pytest.raises(OptionError, match=next(iter(wish))):
            jpeg2000.truncate(data, **wish)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="max_bytes must be at least"):
        jpeg2000.truncate(data, max_bytes=200)
    with pytest.raises(OptionError, match="tiles of 48 samples"):
        tiled = jpeg2000.encode(smooth(99, 99, 8), bits=8, coding=Coding(tile=(48, 48), levels=5))
        jpeg2000.truncate(tiled, reduce=5)
    with pytest.raises(TruncatedPixelData):
        jpeg2000.truncate(data[: len(data) // 2], reduce=1)


@pytest.mark.parametrize("name", ["plain", "ht_tiles", "ppt", "sop_eph", "poc"])
def test_every_prefix_and_damage(name: str) -> None:
    """Cut or damaged streams give a sound codestream or one of radkit's errors."""
    data, rng = (SEEDS / f"{name}.j2k").read_bytes(), random.Random(7)
    hostile = [data[:end] for end in range(0, len(data), 1 if len(data) < 1500 else 7)]
    for at in range(min(len(data), 400)):
        hostile.append(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        hostile.append(data[:at] + bytes([rng.choice((0, 1, 127, 255))]) + data[at + 1 :])
    outcomes = {True: 0, False: 0}
    for broken in hostile:
        for wish in ({"reduce": 1}, {"layers": 1}, {"max_bytes": len(data) * 2 // 3}):
            try:
                cut = jpeg2000.truncate(broken, **wish)  # type: ignore[arg-type]
            except RadkitError:
                outcomes[False] += 1
                continue
            outcomes[True] += 1
            jpeg2000.index(cut)
            assert len(cut) <= wish.get("max_bytes", len(cut))
    assert min(outcomes.values()) > 0


def test_packets_that_are_not_there() -> None:
    stream = j2kmade.parse(streams()["mq-one-part-LRCP"])
    tile, number, of, header, packets = stream.parts[0]
    broken = bytes(j2kmade.Stream(stream.main, ((tile, number, of, header, packets[:99]),)))
    with pytest.raises((CorruptPixelData, TruncatedPixelData)):
        jpeg2000.truncate(broken, reduce=1)
