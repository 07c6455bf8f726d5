"""Every codestream of the conformance set, within the tolerance that the set allows (T.803)."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from coded import CONFORMANCE

from radkit.codecs import jpeg2000
from radkit.errors import UnsupportedTransferSyntax

# Part 2: a wavelet and a decomposition of its own.
PART_2 = "simple_dec_irv53_bhvhb_low_latency.jph"


def entries() -> list[dict[str, Any]]:
    path = CONFORMANCE / "manifest.json"
    return json.loads(path.read_text())["entries"] if path.exists() else []


@cache
def stream(name: str) -> bytes:
    return (CONFORMANCE / name).read_bytes()


def name_of(entry: dict[str, Any]) -> str:
    return f"{entry['file'].split('/')[-1]}-{entry['reduce']}"


def reference(part: dict[str, Any]) -> np.ndarray | None:
    """Return what the component must be close to; None: only its hash is known."""
    if str(part["reference"]).endswith("npz"):
        found: np.ndarray = np.load(CONFORMANCE / part["reference"])[part["key"]]
        return found
    if part["peak_tolerance"] and "reference_decode_of" in part:
        return jpeg2000.decode(stream(part["reference_decode_of"]), components=part["component"])
    return None


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the shared files are not here")
def test_all_entries_are_here() -> None:
    assert len(entries()) == 78


@pytest.mark.parametrize("entry", entries(), ids=name_of)
def test_components_are_within_tolerance(entry: dict[str, Any]) -> None:
    data = stream(entry["file"])
    if entry["file"].endswith(PART_2):
        with pytest.raises(UnsupportedTransferSyntax):
            jpeg2000.decode(data, components=0)
        return
    parts = entry["components"]
    if len(parts) > 8:  # 257 alike
        parts = [*parts[:2], parts[128], *parts[-2:]]
    for part in parts:
        found = jpeg2000.decode(data, components=part["component"], reduce=entry["reduce"])
        assert found.shape == (part["height"], part["width"])
        wanted = reference(part)
        if wanted is None:
            assert part["peak_tolerance"] == 0
            assert hashlib.sha256(found.tobytes()).hexdigest() == part["reference_sha256"]
            continue
        error = np.abs(found.astype(np.int64) - wanted)
        assert error.max() <= part["peak_tolerance"]
        assert np.square(error.astype(np.float64)).mean() <= part["mse_tolerance"]


@pytest.mark.parametrize("entry", entries(), ids=name_of)
def test_lower_resolutions_are_those_of_other_decoders(entry: dict[str, Any]) -> None:
    if entry["file"].endswith(PART_2):
        return
    data = stream(entry["file"])
    for lower in entry.get("reduced", []):
        for part in lower.get("components", []):
            found = jpeg2000.decode(data, components=part["component"], reduce=lower["reduce"])
            assert found.shape == (part["height"], part["width"])
            if entry["stream"]["reversible"]:
                assert hashlib.sha256(found.tobytes()).hexdigest() == part["sha256"]
        for index, shape in enumerate(lower.get("shapes", [])):  # decoders differ by rounding
            found = jpeg2000.decode(data, components=index, reduce=lower["reduce"])
            if entry["file"].endswith("p1_01.j2k"):  # they differ here; columns are 2 ... 31
                shape = {1: (50, 30), 2: (25, 15)}[lower["reduce"]]  # by T.800 B.5, B-15
            assert found.shape == tuple(shape)


@pytest.mark.parametrize("entry", entries(), ids=name_of)
def test_regions_are_crops(entry: dict[str, Any]) -> None:
    if entry["file"].endswith(PART_2) or entry["components"][0]["width"] > 600:
        return
    data = stream(entry["file"])
    info = jpeg2000.info(data)
    reduce = min(1, info.reductions)
    (down, across), (rows, cols) = info.subsampling[0], (info.rows, info.cols)
    y0, x0 = (entry["stream"]["offset"][axis] for axis in (1, 0))
    whole = jpeg2000.decode(data, components=0, reduce=reduce)

    def place(n: int, origin: int, step: int) -> int:
        first, at = -(-origin // step), -(-(n + origin) // step)
        return -(-at // (1 << reduce)) - -(-first // (1 << reduce))

    middle = (rows // 3, min(rows // 3 + 9, rows), cols // 2, min(cols // 2 + 21, cols))
    for box in (middle, (0, rows, cols - 1, cols)):
        sides = (
            *(place(n, y0, down) for n in box[:2]),
            *(place(n, x0, across) for n in box[2:]),
        )
        crop = whole[sides[0] : sides[1], sides[2] : sides[3]]
        if not crop.size:
            continue
        found = jpeg2000.decode(data, components=0, reduce=reduce, region=box)
        # Nothing is rounded otherwise in a window, so irreversible ones are equal too.
        np.testing.assert_array_equal(found, crop)
