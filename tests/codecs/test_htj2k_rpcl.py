"""The codestream of HTJ2K Lossless RPCL (.202), read marker by marker (PS3.5 10.18.1, T.814 A)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import pytest
from coded import smooth

from radkit.codecs import htj2k
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import OptionError

UID = "1.2.840.10008.1.2.4.202"
SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
SIZ, CAP, COD, QCD, TLM, PLT = 0xFF51, 0xFF50, 0xFF52, 0xFF5C, 0xFF55, 0xFF58
RPCL = 2


@dataclass
class Part:
    """A tile-part: its number, the packets' bytes, the markers of its header."""

    tile: int
    number: int
    of: int
    size: int
    markers: list[int]


@dataclass
class Read:
    """A codestream taken apart."""

    main: dict[int, bytes] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)


def take_apart(data: bytes) -> Read:
    found, at = Read(), 2
    assert struct.unpack_from(">H", data)[0] == SOC
    while (marker := struct.unpack_from(">H", data, at)[0]) != SOT:
        (size,) = struct.unpack_from(">H", data, at + 2)
        assert marker not in found.main or marker == 0xFF64
        found.main[marker] = data[at + 4 : at + 2 + size]
        at += 2 + size
    while struct.unpack_from(">H", data, at)[0] == SOT:
        length, tile, size, number, of = struct.unpack_from(">HHIBB", data, at + 2)
        assert length == 10
        inner, markers = at + 12, []
        while (marker := struct.unpack_from(">H", data, inner)[0]) != SOD:
            markers.append(marker)
            inner += 2 + struct.unpack_from(">H", data, inner + 2)[0]
        found.parts.append(Part(tile, number, of, size, markers))
        at += size
    assert data[at:] == struct.pack(">H", EOC)
    return found


def spec_of(image: np.ndarray, bits: int) -> FrameSpec:
    samples = 1 if image.ndim == 2 else 3
    return FrameSpec(
        rows=image.shape[0],
        cols=image.shape[1],
        samples=samples,
        bits_allocated=8 * image.itemsize,
        bits_stored=bits,
        signed=image.dtype.kind == "i",
        photometric="RGB" if samples == 3 else "MONOCHROME2",
    )


def lengths(tlm: bytes) -> list[tuple[int, int]]:
    """Tile and length of each tile-part, as TLM says (T.800 A.7.1)."""
    style = tlm[1]
    tile_bytes, long = style >> 4 & 3, style >> 6 & 1
    entry, at, found = tile_bytes + (4 if long else 2), 2, []
    assert (len(tlm) - 2) % entry == 0
    while at < len(tlm):
        tile = int.from_bytes(tlm[at : at + tile_bytes], "big") if tile_bytes else len(found)
        found.append((tile, int.from_bytes(tlm[at + tile_bytes : at + entry], "big")))
        at += entry
    return found


SIZES = [
    (512, 512, 3),
    (64, 64, 0),
    (65, 40, 1),
    (1024, 768, 4),
    (1, 1, 0),
    (2100, 300, 6),
    (31, 1144, 5),
]


@pytest.mark.parametrize(("rows", "cols", "least"), SIZES)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_what_the_syntax_asks_for_is_there(rows: int, cols: int, least: int, bits: int) -> None:
    image = smooth(rows, cols, bits)
    made = htj2k.encode_frame(image, spec_of(image, bits), syntax_uid=UID)
    assert not made.lossy
    check(made.data, image, least, bits, mct=False)
    np.testing.assert_array_equal(htj2k.decode(made.data), image)


def test_colour_of_the_syntax() -> None:
    image = np.dstack([smooth(300, 200, 8)] * 3)
    made = htj2k.encode_frame(image, spec_of(image, 8), syntax_uid=UID)
    assert made.photometric == "YBR_RCT"
    check(made.data, image, 3, 8, mct=True)


def check(data: bytes, image: np.ndarray, least: int, bits: int, *, mct: bool) -> None:
    read = take_apart(data)
    # SIZ: Part 15, one tile, the depth and sign of the data set.
    rsiz, x1, y1, x0, y0, tw, th, tx, ty, count = struct.unpack_from(">H8IH", read.main[SIZ])
    assert rsiz & 0x4000
    assert (x1, y1, x0, y0) == (image.shape[1], image.shape[0], 0, 0)
    assert (tw, th, tx, ty) == (x1, y1, 0, 0)
    assert count == (3 if mct else 1)
    for k in range(count):
        assert tuple(read.main[SIZ][36 + 3 * k : 39 + 3 * k]) == (bits - 1, 1, 1)
    # CAP: Pcap15 alone, and HT code-blocks only, one set, no region, all blocks of the same kind,
    # reversible (bit 5 clear); B, in bits 0 to 4, holds all bit-planes (T.814 A.3).
    pcap, ccap = struct.unpack(">IH", read.main[CAP])
    assert pcap == 1 << 17
    assert ccap >> 5 == 0
    # COD: RPCL, one layer, HT code-blocks of 64 x 64, reversible 5/3.
    style, order, layers, transform, levels, xcb, ycb, blocks, wavelet = struct.unpack_from(
        ">BBHBBBBBB", read.main[COD]
    )
    assert (style, order, layers, transform) == (0, RPCL, 1, int(mct))
    assert levels >= least
    assert -(-max(image.shape[:2]) // (1 << levels)) <= 64
    assert (xcb, ycb, blocks, wavelet) == (4, 4, 0x40, 1)
    # QCD: no quantisation; guard bits and exponents make Mb, which CAP's B tells of.
    sqcd, *exponents = read.main[QCD]
    assert sqcd & 31 == 0
    assert len(exponents) == 3 * levels + 1
    most = max((e >> 3) + (sqcd >> 5) - 1 for e in exponents)
    told = ccap & 31
    assert most <= (8 if told == 0 else told + 8 if told < 20 else 4 * (told - 19) + 27)
    # One tile-part for each resolution, and TLM that says where each ends.
    assert [part.number for part in read.parts] == list(range(levels + 1))
    assert {(part.tile, part.of) for part in read.parts} == {(0, levels + 1)}
    assert lengths(read.main[TLM]) == [(0, part.size) for part in read.parts]
    assert all(not part.markers for part in read.parts)


def test_resolutions_end_where_tlm_says() -> None:
    """The bytes up to the end of a tile-part are all of that resolution."""
    image = smooth(400, 300, 12)
    data = htj2k.encode_frame(image, spec_of(image, 12), syntax_uid=UID).data
    read = take_apart(data)
    sizes = [part.size for part in read.parts]
    start = len(data) - 2 - sum(sizes)
    levels = len(sizes) - 1
    for reduce in range(levels + 1):
        cut = data[: start + sum(sizes[: levels + 1 - reduce])]
        found = htj2k.decode(cut, reduce=reduce, strict=False)
        np.testing.assert_array_equal(found, htj2k.decode(data, reduce=reduce))


def test_packet_lengths_on_request() -> None:
    image = smooth(300, 200, 12)
    coding = Coding(plt=True, precincts=((64, 64),))
    data = htj2k.encode_frame(image, spec_of(image, 12), coding=coding, syntax_uid=UID).data
    read = take_apart(data)
    assert all(part.markers == [PLT] for part in read.parts)
    assert lengths(read.main[TLM]) == [(0, part.size) for part in read.parts]


@pytest.mark.parametrize(
    "coding",
    [
        Coding(progression="LRCP"),
        Coding(progression="PCRL"),
        Coding(tlm=False),
        Coding(levels=2),
        Coding(levels=0),
    ],
)
def test_what_the_syntax_forbids_is_refused(coding: Coding) -> None:
    image = smooth(512, 512, 12)
    with pytest.raises(OptionError):
        htj2k.encode_frame(image, spec_of(image, 12), coding=coding, syntax_uid=UID)


def test_lossy_is_refused() -> None:
    image = smooth(100, 100, 12)
    with pytest.raises(OptionError):
        htj2k.encode_frame(image, spec_of(image, 12), lossy=Lossy(ratio=9), syntax_uid=UID)
