"""What each marker segment may hold, how long it may be and where it may stand, in one table.

Rows 8, 10 and 15 of docs/reliability-rows.md.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from coded import measures, smooth
from j2kmade import (
    CAP,
    COC,
    COD,
    COM,
    CRG,
    EOC,
    PLM,
    PLT,
    POC,
    PPM,
    PPT,
    QCC,
    QCD,
    RGN,
    SIZ,
    SOT,
    TLM,
    Stream,
    parse,
    single,
)

from radkit import limits
from radkit._native import cpu
from radkit.codecs import jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import CorruptPixelData, RadkitError, UnsupportedTransferSyntax

IMAGE = np.dstack([smooth(40, 52, 8, seed) for seed in (1, 2, 3)])
MAIN, TILE = "main", "tile"


@cache
def base() -> Stream:
    """Three components, two layers, two levels, no colour transform."""
    coding = Coding(levels=2, layers=(8,), tile_parts=False, tlm=False, progression="LRCP")
    made = parse(jpeg2000.encode(IMAGE, bits=8, coding=coding, colour="none"))
    return Stream(tuple(one for one in made.main if one[0] != COM), made.parts)


def coc(index: int = 1) -> bytes:
    body = base().body(COD)
    return bytes((index, body[0] & 1)) + body[5:]


def qcc(index: int = 1) -> bytes:
    return bytes((index,)) + base().body(QCD)


def poc(*values: int) -> bytes:
    return struct.pack(">BBHBBB", *(values or (0, 0, 2, 3, 3, 0)))


@dataclass(frozen=True)
class Rule:
    """A segment: a sound body, the headers it may stand in, and what its bytes may be.

    `lengths` are those that are right, of bodies made longer by zeros or cut; `values`
    are the right ones of single bytes, by their place in the body. `alone` is what
    differs in a tile, where a segment is held against the others when its tile is decoded.
    """

    body: bytes
    places: tuple[str, ...]
    lengths: frozenset[int]
    values: dict[int, frozenset[int]] = field(default_factory=dict)
    once: bool = False
    alone: dict[int, frozenset[int]] = field(default_factory=dict)
    alone_lengths: frozenset[int] | None = None

    def lengths_in(self, place: str) -> frozenset[int]:
        """Return the right lengths in a header."""
        return self.alone_lengths if place == TILE and self.alone_lengths else self.lengths

    def values_in(self, place: str) -> dict[int, frozenset[int]]:
        """Return the right values in a header."""
        return self.values | self.alone if place == TILE else self.values


def some(*values: int) -> frozenset[int]:
    return frozenset(values)


def exact(body: bytes) -> frozenset[int]:
    return some(len(body))


ANY = frozenset(range(256))


def rules() -> dict[int, Rule]:
    siz, cod, qcd = (base().body(marker) for marker in (SIZ, COD, QCD))
    both, levels = (MAIN, TILE), cod[5]
    style = {  # of SPcod, from its second byte
        1: some(*range(9 - cod[7])),
        2: some(*range(9 - cod[6])),
        3: some(*range(128)) | some(*range(192, 256)),  # MIXED needs HT (T.814 A.4)
        4: some(1),  # 9-7 does not go with QCD, others do not exist in Part 1
    }
    in_cod = {5 + at: allowed for at, allowed in style.items()}
    in_coc = {2 + at: allowed for at, allowed in style.items()}
    steps = {at: ANY for at in range(1, len(qcd))}
    guards = frozenset(range(0, 256, 32))  # no quantisation
    deep = some(*range(33))
    crg = bytes(4 * 3)
    return {
        SIZ: Rule(siz, (MAIN,), exact(siz), {
            0: some(*range(128)), 34: some(0), 35: some(3), **{36 + 3 * k: some(
                *range(38), *range(128, 166)) for k in range(3)},
            **{at + 3 * k: ANY - {0} for at in (37, 38) for k in range(3)}}, once=True),
        COD: Rule(cod, both, exact(cod), {
            1: some(*range(5)), 4: some(0, 1), 5: some(levels), **in_cod}, once=True,
            alone={5: deep, 9: some(0, 1)}),
        COC: Rule(coc(), both, exact(coc()), {
            0: some(0, 1, 2), 2: some(*range(levels + 1)), **in_coc},
            alone={2: deep, 6: some(0, 1)}),
        QCD: Rule(qcd, both, exact(qcd), {0: guards, **steps}, once=True,
            alone_lengths=frozenset(range(2, 99))),
        QCC: Rule(qcc(), both, exact(qcc()), {0: some(0, 1, 2), 1: guards},
            alone_lengths=frozenset(range(3, 100))),
        RGN: Rule(b"\x01\x00\x05", both, some(3), {0: some(0, 1, 2), 1: some(0), 2: ANY}),
        POC: Rule(poc(), both, some(7, 14), {4: ANY - {0}, 6: some(*range(5))}),
        TLM: Rule(b"\x00\x50\x00\x00\x00\x00\x00", (MAIN,), some(2, 7, 12), {
            0: ANY, 1: frozenset(v for v in range(256) if v >> 4 & 3 != 3
                                 and 5 % ((v >> 4 & 3) + (4 if v & 0x40 else 2)) == 0)}),
        PLT: Rule(b"\x00\x05\x06", (TILE,), frozenset(range(1, 9)), {0: ANY, 1: ANY}),
        PLM: Rule(b"\x00\x01\x06", (MAIN,), frozenset(range(9)), {0: ANY}),
        CRG: Rule(crg, (MAIN,), exact(crg), {at: ANY for at in range(12)}),
        COM: Rule(b"\x00\x01text", both, frozenset(range(2, 12)), {0: ANY, 3: ANY}),
        CAP: Rule(b"\x00\x02\x00\x00\x00\x00", (MAIN,), some(6)),
    }  # fmt: skip


RULES = rules()
NAMES = {marker: name for name, marker in vars(sys.modules["j2kmade"]).items()
         if isinstance(marker, int)}  # fmt: skip
MARKERS = [pytest.param(marker, id=NAMES[marker]) for marker in RULES]


def standing(marker: int, body: bytes, place: str) -> bytes:
    """Return the base with a segment in one of its headers, instead of that of the main header."""
    made = base()
    if place == TILE:
        return bytes(made.with_tile((marker, body)))
    if marker in (SIZ, COD, QCD):
        return bytes(made.with_body(marker, body))
    return bytes(made.with_main((marker, body)))


def is_refused(data: bytes) -> bool:
    """Whether the headers are refused, by a typed error that tells where."""
    try:
        jpeg2000.info(data)
    except (CorruptPixelData, UnsupportedTransferSyntax) as error:
        assert error.offset is not None
        return True
    return False


@pytest.mark.parametrize("marker", MARKERS)
def test_row_15_length_of_a_segment_is_that_of_its_content(marker: int) -> None:
    rule = RULES[marker]
    for place in rule.places:
        for size in range(len(rule.body) + 6):
            body = (rule.body + bytes(6))[:size]
            if marker == POC and size == 14:
                body = rule.body * 2
            data = standing(marker, body, place)
            assert is_refused(data) == (size not in rule.lengths_in(place)), (place, size)


@pytest.mark.parametrize("marker", MARKERS)
def test_row_15_fields_of_a_segment_are_in_their_range(marker: int) -> None:
    rule = RULES[marker]
    for place in rule.places:
        for (at, allowed), value in itertools.product(rule.values_in(place).items(), range(256)):
            body = rule.body[:at] + bytes((value,)) + rule.body[at + 1 :]
            refused = is_refused(standing(marker, body, place))
            assert refused == (value not in allowed), (place, at, value)


@pytest.mark.parametrize("marker", MARKERS)
def test_row_15_segments_stand_where_they_may(marker: int) -> None:
    rule = RULES[marker]
    for place in (MAIN, TILE):
        data = standing(marker, rule.body, place)
        assert is_refused(data) == (place not in rule.places), place


@pytest.mark.parametrize("marker", [m for m, rule in RULES.items() if rule.once], ids=NAMES.get)
def test_row_15_segments_that_may_stand_once_do(marker: int) -> None:
    again = (marker, RULES[marker].body)
    assert is_refused(bytes(base().with_main(again)))
    if TILE in RULES[marker].places:
        assert not is_refused(bytes(base().with_tile(again)))
        with pytest.raises(CorruptPixelData):
            jpeg2000.decode(bytes(base().with_tile(again, again)))


@pytest.mark.parametrize("marker", [COD, QCD, SIZ], ids=NAMES.get)
def test_row_15_segments_that_must_stand_do(marker: int) -> None:
    main = tuple(one for one in base().main if one[0] != marker)
    assert is_refused(bytes(Stream(main, base().parts)))


def test_row_15_nothing_stands_before_siz() -> None:
    for marker, rule in RULES.items():
        if marker != SIZ:
            assert is_refused(bytes(base().with_main((marker, rule.body), before=SIZ)))


@pytest.mark.parametrize("marker", [EOC, 0xFF93, 0xFF91, 0xFF92, 0xFF4F, 0xFF00, 0xFFFF, 0x1234])
def test_row_15_markers_of_elsewhere_are_refused(marker: int) -> None:
    assert is_refused(bytes(base().with_main((marker, b"\0\0"))))


def test_row_15_tile_parts_say_what_they_are() -> None:
    data = bytes(base())
    at = data.index(struct.pack(">H", SOT))
    for size in (0, 2, 9, 11, 12):
        assert is_refused(data[: at + 2] + struct.pack(">H", size) + data[at + 4 :])
    for tile in (1, 255, 65535):
        assert is_refused(data[: at + 4] + struct.pack(">H", tile) + data[at + 6 :])
    for psot in (1, 11, 13):
        assert is_refused(data[: at + 6] + struct.pack(">I", psot) + data[at + 10 :])
    for number in (1, 2, 255):
        assert is_refused(data[: at + 10] + bytes((number,)) + data[at + 11 :])


@pytest.mark.parametrize("where", [PPM, PPT], ids=NAMES.get)
def test_row_15_packed_headers_have_an_index_each_and_one_place(where: int) -> None:
    put = base().with_main if where == PPM else base().with_tile
    whole = (where, b"\x00\x00\x00\x00\x00")
    for wrong in ((where, b""),), (whole, whole):
        with pytest.raises(CorruptPixelData):
            jpeg2000.decode(bytes(put(*wrong)))
    both = base().with_main((PPM, whole[1])).with_tile((PPT, b"\x00\x00"))
    assert is_refused(bytes(both))


# Shift counts come from fields of few bits; all of them, and no variant differs


def answers(data: bytes) -> tuple[str, bytes]:
    try:
        return "", jpeg2000.decode(data, strict=False).tobytes()
    except RadkitError as error:
        assert "internal" not in str(error)
        return type(error).__name__, b""


def test_row_08_every_shift_count_that_a_header_can_state() -> None:
    body = bytes(range(256)) * 4
    from j2kmade import block_header

    use = cpu.USE
    decoded = 0
    for guard, exponent, roi, depth in itertools.product(
        (0, 1, 7), (0, 1, 9, 30, 31), (0, 1, 31, 37, 64, 255), (0, 7, 31, 37, 0x87)
    ):
        for style in (0, 0x40):
            passes = 1 if style else 40
            packet = block_header(passes, [(len(body), passes)]) + body
            made = single(
                64, style, [packet], guard=guard, exponent=exponent,
                more={RGN: bytes((0, 0, roi))},
            )  # fmt: skip
            data = bytes(made.changed(SIZ, 36, bytes((depth,))))
            found = answers(data)
            try:
                cpu.USE = 0
                assert answers(data) == found, (guard, exponent, roi, depth, style)
            finally:
                cpu.USE = use
            decoded += found[0] == ""
    assert decoded > 100


# Small streams that ask for much

CHILD = """
import json, re, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from test_j2k_damage import BOMBS, bomb
from radkit import limits
from radkit.codecs import jpeg2000
from radkit.errors import CorruptPixelData, LimitExceeded
def status(word):
    return int(re.search(word + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
def once(data, strict):
    with limits.use(limits.UNTRUSTED, foreign="refuse"):
        try:
            return jpeg2000.decode(data, components=0, strict=strict).nbytes
        except (CorruptPixelData, LimitExceeded):
            return 0
once(bomb(size=(64, 64), tile=(64, 64)), False)
for name, changes in BOMBS.items():
    for strict in (True, False):
        data = bomb(**changes)
        Path("/proc/self/clear_refs").write_text("5")
        before, begin = status("VmRSS"), time.process_time()
        size = once(data, strict)
        spent = time.process_time() - begin
        print(json.dumps([name, strict, spent, status("VmHWM") - before, size]))
"""


@measures
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
def test_row_10_bombs_are_refused_or_done_in_little_time_and_memory() -> None:
    """100 ms, and 10 ns for each byte of a picture that is given; 64 MiB beside the picture."""
    code = CHILD.format(here=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) >= 20
    slack = float(os.environ.get("RADKIT_TEST_SLACK", "2"))  # a machine that is shared
    for name, strict, spent, memory, size in rows:
        assert spent < slack * (0.1 + 1e-8 * size), (name, strict, spent, size)
        assert memory < size + (64 << 20), (name, strict, memory, size)


def test_row_10_refusals_come_before_anything_is_taken() -> None:
    with limits.use(max_memory_bytes=1 << 20), pytest.raises(RadkitError):
        jpeg2000.decode(bytes(base().changed(SIZ, 2, struct.pack(">2I", 8000, 8000))))
