"""A short piece of each campaign; `make reliability` runs them for as long as is asked."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability import (  # noqa: E402
    allocations,
    bombs,
    determinism,
    differential,
    fields,
    flips,
    inputs,
    kills,
    prefixes,
    soak,
    verification,
)
from reliability.told import Budget, Told  # noqa: E402

BY_NAME = {one.name: one for one in inputs.inputs()}
SOME = ("dot", "ht_16_bits", "jpeg lossless colour", "rle 16 bits", "object j2k", "object rle")


def budget(seconds: float = 60.0) -> Budget:
    return Budget(seconds, 1)


@pytest.mark.parametrize("name", SOME)
def test_prefixes(name: str) -> None:
    told = Told()
    with inputs.quiet():
        assert prefixes.try_prefixes(BY_NAME[name], told, budget(), step=7)
    assert not told.found and told.counts["refused"] > 5


@pytest.mark.parametrize("name", SOME)
def test_flips(name: str) -> None:
    told = Told()
    with inputs.quiet():
        assert flips.try_flips(BY_NAME[name], told, budget(), step=11)
    assert not told.found and told.counts["decodes"] > 80


def test_flip_that_is_silent_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips, "_is_told", lambda data: False)
    one = BY_NAME["object j2k"]
    at = next(iter(sorted(one.repeated)))
    fixed = np.zeros((24, 20), np.uint16)
    lying = inputs.Input("lying", one.data, lambda data, strict: fixed + data[at], one.repeated)
    told = Told()
    flips.try_flips(lying, told, budget())
    assert any("silently" in text for text in told.found)


@pytest.mark.parametrize("name", ["all_styles", "ht_tiles", "object htj2k", "object native"])
def test_fields(name: str) -> None:
    told = Told()
    with inputs.quiet():
        assert fields.try_fields(BY_NAME[name], told, budget())
        fields.try_pairs(BY_NAME[name], told, budget(), 200)
    assert not told.found and told.counts["markers"] + told.counts["group 0028"] > 30


def test_fields_are_found_where_they_are() -> None:
    stream = BY_NAME["plain"].data
    found = {field.name: field for field in fields.marker_fields(stream)}
    assert found["FF51 field 1"].at == 8 and found["FF51 field 1"].width == 4  # Xsiz
    assert {"FF52 field 3", "FF5C field 0", "FF90 field 1", "FF51 length"} <= set(found)
    image = {field.name for field in fields.element_fields(BY_NAME["object native"].data)}
    assert {"00280010", "00280011", "00280100", "00280103"} <= image


def test_differential() -> None:
    told, chance = Told(), budget()
    for _ in range(150):
        differential.try_case(differential.make_case(chance.dice), told)
    assert not told.found and told.counts["equal: radkit"] == 150
    assert min(told.counts["equal: openjpeg"], told.counts["equal: openjph"]) > 40


def test_verification() -> None:
    told, chance = Told(), budget()
    for _ in range(10):
        verification.try_object(verification.make_object(chance.dice), told, chance)
    assert not told.found and told.counts["objects"] == 60
    elements = verification.raw(verification.read(verification.make_object(chance.dice)))
    other = verification.make_object(chance.dice)
    assert verification.differences(other, elements)


def test_soak() -> None:
    told = Told()
    with inputs.quiet():
        assert soak.take_turns(inputs.inputs(), 300, budget(), told) == 900
    assert not told.found


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGKILL and process groups")
@pytest.mark.parametrize("name", ["threads", "command", "file URLs"])
def test_kills(name: str, tmp_path: Path) -> None:
    told = Told()
    kills.try_way(name, told, budget(), tmp_path, kills=6)
    assert not told.found, told.found
    assert told.counts["runs finished"] >= 1


@pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("gcc") or shutil.which("clang")),
    reason="needs a C compiler and LD_PRELOAD",
)
def test_allocations() -> None:
    told = allocations.run(budget(2.0))
    assert not told.found and told.counts["injections"] > 50, told


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_bombs_are_enough_and_small() -> None:
    every = bombs.cases()
    assert len(every) >= 15
    with inputs.quiet():
        for call in list(every.values())[-8:]:
            assert bombs.try_bomb(call)[2] < 1 << 20


def test_one_hash() -> None:
    found = determinism.hashes((1, 3))
    assert len(found) >= 13
    assert all(len(set(several)) == 1 for several in found.values())
