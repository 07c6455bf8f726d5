"""Index of a codestream against what its own markers say, and against what decoding needs."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from coded import CONFORMANCE

from radkit import limits
from radkit._native import _j2k
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs._j2k_index import BLOCK, CodestreamIndex
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, LimitExceeded, OptionError, RadkitError

PART_2 = "simple_dec_irv53_bhvhb_low_latency.jph"
FOLDER = CONFORMANCE / "streams"
NAMES = sorted(p.name for p in FOLDER.iterdir() if p.name != PART_2) if FOLDER.exists() else []


def image(rows: int = 150, cols: int = 170) -> np.ndarray:
    rng = np.random.default_rng(5)
    steep = np.add.outer(np.arange(rows) * 9, np.arange(cols) * 7)
    made: np.ndarray = (steep + rng.integers(0, 40, (rows, cols))).astype(np.uint16)
    return made


@cache
def streams() -> dict[str, bytes]:
    pixels = image()
    layered = Coding(layers=(20.0, 6.0), precincts=((32, 32), (32, 32)), levels=3)
    return {
        "mq": jpeg2000.encode(pixels, bits=12, coding=Coding(levels=3)),
        "mq-layers": jpeg2000.encode(pixels, bits=12, coding=layered),
        "mq-tiles": jpeg2000.encode(pixels, bits=12, coding=Coding(tile=(64, 48), levels=2)),
        "ht": htj2k.encode(pixels, bits=12, coding=Coding(levels=3)),
        "ht-tiles": htj2k.encode(pixels, bits=12, coding=Coding(levels=2, tile=(64, 64))),
    }


def raw_lengths(data: bytes, index: CodestreamIndex) -> list[int]:
    """Return the packet lengths that PLT segments list (T.800 A.7.3), in order of the stream."""
    lengths: list[int] = []
    for _, sot, header, _ in index.parts:
        at, value = sot + 12, 0
        while at < sot + header - 2:
            marker, size = data[at : at + 2], int.from_bytes(data[at + 2 : at + 4], "big")
            for byte in data[at + 5 : at + 2 + size] if marker == b"\xff\x58" else b"":
                value = value << 7 | byte & 127
                if byte < 128:
                    lengths.append(value)
                    value = 0
            at += 2 + size
    return lengths


@pytest.mark.parametrize("name", NAMES)
def test_packets_fill_the_tile_parts(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    index = jpeg2000.index(data)
    rows = np.sort(index.packets, order=["offset", "tile"])
    sizes = (rows["header"] + rows["body"]).astype(np.int64)
    for number, (_, sot, header, body) in enumerate(index.parts):
        mine = rows["part"] == number
        assert data[sot : sot + 2] == b"\xff\x90"
        assert data[sot + header - 2 : sot + header] == b"\xff\x93"
        assert sizes[mine].sum() == body
        starts = rows["offset"][mine].astype(np.int64)
        if len(starts):
            assert starts[0] == sot + header
            np.testing.assert_array_equal(starts[1:], starts[:-1] + sizes[mine][:-1])
    assert index.ranges()[0][0] == index.header[0]
    assert index.table().sum() == sizes.sum() + rows["packed"].sum()


def test_lengths_are_those_of_plt() -> None:
    found = [jpeg2000.encode(image(), bits=12, coding=Coding(plt=True, levels=3))]
    found += [(FOLDER / name).read_bytes() for name in NAMES]
    for data in found:
        if jpeg2000.info(data).plt:
            index = jpeg2000.index(data)
            rows = np.sort(index.packets, order=["part", "offset"])
            assert (rows["header"] + rows["body"]).tolist() == raw_lengths(data, index)
    assert jpeg2000.info(found[0]).plt


@pytest.mark.parametrize("kind", ["mq", "mq-layers", "mq-tiles", "ht", "ht-tiles"])
def test_decoding_needs_no_body_outside_the_ranges(kind: str) -> None:
    data = streams()[kind]
    index, info = jpeg2000.index(data), jpeg2000.info(data)
    wishes: list[dict[str, object]] = [{"reduce": n} for n in range(info.reductions + 1)]
    wishes += [{"region": (20, 70, 90, 140)}, {"region": (100, 102, 5, 7), "reduce": 1}]
    wishes += [{"layers": n} for n in range(1, info.layers + 1)]
    for wish in wishes:
        ranges = index.ranges(**wish)  # type: ignore[arg-type]
        inside = np.zeros(len(data), bool)
        for offset, size in ranges:
            inside[offset : offset + size] = True
        spoiled = bytearray(data)
        for row in index.packets:
            begin = int(row["offset"]) + int(row["header"])
            if not inside[row["offset"]]:
                end = begin + int(row["body"])
                spoiled[begin:end] = bytes(byte ^ 0x55 for byte in spoiled[begin:end])
        expected = jpeg2000.decode(data, **wish)  # type: ignore[arg-type]
        found = jpeg2000.decode(bytes(spoiled), **wish)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, expected)
        assert index.bytes(**wish) == inside.sum()  # type: ignore[arg-type]
    assert index.bytes(reduce=info.reductions) < index.bytes() < len(data)
    whole = index.bytes()
    assert index.bytes(region=(0, 20, 0, 20)) < whole or "-" not in kind


def test_json_comes_back() -> None:
    for data in streams().values():
        index = jpeg2000.index(data)
        again = CodestreamIndex.from_bytes(index.to_bytes())
        np.testing.assert_array_equal(again.packets, index.packets)
        assert again.to_bytes() == index.to_bytes()
        assert again.ranges(reduce=1) == index.ranges(reduce=1)


def test_other_json_is_refused() -> None:
    good = json.loads(jpeg2000.index(streams()["mq-tiles"]).to_bytes())
    columns = good["packets"]
    changed = [
        {**good, "form": "another"},
        {**good, "parts": [[1, 2]]},
        {**good, "tile": [0, 0]},
        {**good, "steps": []},
        {**good, "packets": {**columns, "part": [999] * len(columns["part"])}},
        {**good, "packets": {**columns, "layer": [7] * len(columns["part"])}},
        {**good, "packets": {**columns, "body": columns["body"][1:]}},
        {**good, "packets": {**columns, "offset": [-1] * len(columns["part"])}},
        {"form": good["form"]},
        [],
    ]
    texts = [json.dumps(each).encode() for each in changed]
    for text in [*texts, b"", b"{", b"[" * 100_000, b"\xff\xfe", streams()["mq"]]:
        with pytest.raises(CorruptPixelData):
            CodestreamIndex.from_bytes(text)


def test_options_out_of_range() -> None:
    index = jpeg2000.index(streams()["mq"])
    for wish in ({"reduce": 4}, {"reduce": -1}, {"layers": 0}, {"region": (0, 151, 0, 10)}):
        with pytest.raises(OptionError):
            index.ranges(**wish)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["mq-layers", "mq-tiles", "ht"])
def test_every_prefix(kind: str) -> None:
    data = streams()[kind]
    whole = jpeg2000.index(data)
    known = {tuple(row) for row in whole.packets.tolist()}
    steps = range(0, len(data) - 2, 1 + len(data) // 700)
    for size in steps:
        cut = data[:size]
        with pytest.raises(RadkitError):
            jpeg2000.index(cut)
        try:
            index = jpeg2000.index(cut, strict=False)
        except RadkitError:
            assert size <= whole.parts[0][1]  # within the main header
            continue
        assert index.sound < 1.0
        assert {tuple(row) for row in index.packets.tolist()} <= known
        ends = index.packets["offset"] + index.packets["header"] + index.packets["body"]
        assert ends.max(initial=0) <= size


def test_blocks_share_out_the_bodies() -> None:
    for data in streams().values():
        stream = _j2k.Stream(
            memoryview(data),
            0,
            len(data),
            pixels=1 << 20,
            tiles=1 << 10,
            blocks=1 << 16,
            packets=1 << 16,
            memory=1 << 24,
            seconds=float("inf"),
            strict=True,
        )
        _, table, fault = stream.packets(True)
        blocks = np.frombuffer(table, BLOCK)
        assert fault is None and len(blocks)
        assert blocks["bytes"].sum() == jpeg2000.index(data).packets["body"].sum()
        assert (blocks["ht"] == jpeg2000.info(data).ht).all()
        assert blocks["passes"].min() >= 1
        # A list does not spoil what comes after it.
        out = np.empty((150, 170), np.uint16)
        stream.decode(out, None, 0, None, 65535, True, 0)
        np.testing.assert_array_equal(out, image())


def test_time_and_memory_are_limited() -> None:
    data = streams()["mq-tiles"]
    for call in (jpeg2000.index, jpeg2000.decode):
        with limits.use(max_seconds=1e-9), pytest.raises(LimitExceeded) as caught:
            call(data)
        assert caught.value.limit == "max_seconds"
    with limits.use(max_memory_bytes=12_000), pytest.raises(LimitExceeded):
        jpeg2000.index(data)


def test_time_of_a_call_is_that_of_the_running_deadline() -> None:
    assert limits.seconds_left() == float("inf")
    with limits.use(max_seconds=50.0):
        assert limits.seconds_left() == 50.0
        with limits.running(limits.Deadline(1e-9)):
            assert limits.seconds_left() == 0.0
            with pytest.raises(LimitExceeded):
                htj2k.decode(streams()["ht"])
        assert htj2k.decode(streams()["ht"]).shape == (150, 170)


def test_threads_and_out_do_not_matter() -> None:
    for data in streams().values():
        for fill in (0, 0xFFFF):
            out = np.full((150, 170), fill, np.uint16)
            assert jpeg2000.decode(data, out=out, threads=3) is out
            np.testing.assert_array_equal(out, image())
    with pytest.raises(OptionError):
        jpeg2000.decode(data, threads=0)


def style_of(data: bytes) -> int:
    """Return the place of the code-block style in COD (T.800 A.6.1)."""
    return data.index(b"\xff\x52") + 12


def test_wrong_segmentation_symbols_are_told() -> None:
    data = bytearray(streams()["mq"])
    assert data[style_of(data)] == 0
    data[style_of(data)] = 0x20  # the decoder now looks for symbols that nobody wrote (D.5)
    with pytest.raises(CorruptPixelData, match="code-block"):
        jpeg2000.decode(data)
    assert jpeg2000.decode(data, strict=False).shape == (150, 170)


@pytest.mark.skipif(not NAMES, reason="the shared files are not here")
def test_right_segmentation_symbols_are_found() -> None:
    found = [(FOLDER / name).read_bytes() for name in NAMES]
    found = [data for data in found if data[style_of(data)] & 0x60 == 0x20]
    assert found
    for data in found:
        assert jpeg2000.decode(data, components=0).size


@pytest.mark.parametrize("tiled", [False, True])
def test_lengths_that_the_stream_lists_are_checked(tiled: bool) -> None:
    layout = {"tile": (64, 64)} if tiled else {}
    coding = Coding(plt=True, levels=2, progression="LRCP", **layout)  # type: ignore[arg-type]
    data = jpeg2000.encode(image(), bits=12, coding=coding)
    index = jpeg2000.index(data)
    assert (index.tlm, index.plt) == (True, True)
    bare = jpeg2000.encode(image(), bits=12, coding=Coding(tlm=False))
    assert (jpeg2000.index(bare).tlm, jpeg2000.index(bare).plt) == (None, None)
    wrong = bytearray(data)
    wrong[data.index(b"\xff\x55") + 10] ^= 1  # in a length of TLM
    assert (jpeg2000.index(bytes(wrong)).tlm, jpeg2000.index(bytes(wrong)).plt) == (False, True)
    wrong = bytearray(data)
    wrong[data.index(b"\xff\x58") + 5] ^= 1
    found = jpeg2000.index(bytes(wrong))
    assert (found.tlm, found.plt) == (True, False)
    again = CodestreamIndex.from_bytes(found.to_bytes())
    assert (again.tlm, again.plt) == (True, False)


@pytest.mark.parametrize("name", NAMES)
def test_lists_of_conformance_streams_are_true(name: str) -> None:
    index = jpeg2000.index((FOLDER / name).read_bytes())
    assert index.tlm is not False and index.plt is not False


@pytest.mark.parametrize("peer", ["openjpeg", "openjph"])
def test_ranges_of_foreign_streams_in_one_part(peer: str) -> None:
    """A server that reads only the JSON can send what decodes to each smaller image."""
    imagecodecs = pytest.importorskip("imagecodecs")
    if peer == "openjpeg":
        data = imagecodecs.jpeg2k_encode(image(), codecformat="j2k", level=0, bitspersample=12)
    else:
        data = imagecodecs.htj2k_encode(image())
    index = jpeg2000.index(data)
    made = json.loads(index.to_bytes())
    assert len(index.parts) == 1 and len(made["by_reduce"]) == index.reductions + 1
    for reduce, ranges in enumerate(made["by_reduce"]):
        sparse = bytearray(len(data))
        for offset, size in ranges:
            sparse[offset : offset + size] = data[offset : offset + size]
        found = jpeg2000.decode(bytes(sparse[: sum(ranges[-1])]), reduce=reduce, strict=False)
        np.testing.assert_array_equal(found, jpeg2000.decode(data, reduce=reduce))
    assert sum(size for _, size in made["by_reduce"][0]) == len(data) - 2  # all but EOC


def test_ranges_of_each_number_of_layers() -> None:
    data = streams()["mq-layers"]
    made = json.loads(jpeg2000.index(data).to_bytes())
    assert len(made["by_layers"]) == 3
    for layers, ranges in enumerate(made["by_layers"], 1):
        kept = b"".join(data[offset : offset + size] for offset, size in ranges)
        assert len(kept) == jpeg2000.index(data).bytes(layers=layers)
