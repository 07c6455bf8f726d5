"""The benchmark harness: its arithmetic, its order of rounds, its table; no figure is judged."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks import data, harness, run, table  # noqa: E402
from benchmarks.rows import ROWS  # noqa: E402


def test_ratio_is_the_median_of_single_rounds():
    # medians of both sides would give 2.0; of the rounds it is 3.0
    measured = harness.ratio_of([1.0, 3.0, 8.0], [1.0, 1.0, 2.0], 1, 1)
    assert measured.ratios == (1.0, 3.0, 4.0)
    assert measured.ratio == 3.0
    assert measured.restless


def test_ratio_counts_frames_of_each_side():
    measured = harness.ratio_of([4.0], [1.0], 4, 2)
    assert measured.peer_ms == (1000.0,)
    assert measured.radkit_ms == (500.0,)
    assert measured.info()["ratio"] == 2.0


def test_rounds_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="pair"):
        harness.ratio_of([1.0, 2.0], [1.0], 1, 1)


def test_round_is_filled_by_repeats():
    assert harness.repeats_for(0.003, 0.02) == 7
    assert harness.repeats_for(0.5, 0.02) == 1
    assert harness.repeats_for(0.0, 0.02) == 1000


def test_sides_alternate_and_the_first_pair_is_dropped():
    order = []
    collecting = []

    def side(name):
        def work():
            order.append(name)
            collecting.append(gc.isenabled())
            # Longer than a round, so that one pass is one round.
            end = harness.time.perf_counter() + 0.0015
            while harness.time.perf_counter() < end:
                pass

        return harness.Side(name=name, version="1", call=work, items=[()])

    plan = harness.Plan(rounds=3, least_s=0.001)
    was = gc.isenabled()
    measured = harness.alternate(side("peer"), side("own"), frames=1, plan=plan)
    assert order[:4] == ["peer", "own", "peer", "own"]  # first calls, and their lengths
    assert order[4:] == ["peer", "own"] * 4
    assert len(measured.ratios) == 3
    assert not any(collecting)
    assert gc.isenabled() == was


@pytest.mark.parametrize(
    ("peer", "own"),
    [
        ([np.zeros(3, np.uint8)], [np.zeros(3, np.uint16)]),
        ([np.zeros(3, np.uint8)], [np.zeros(4, np.uint8)]),
        ([np.zeros(3, np.uint8)], [np.array([0, 0, 1], np.uint8)]),
        ([np.zeros(3, np.uint8)], []),
    ],
)
def test_different_results_are_not_timed(peer, own):
    with pytest.raises(AssertionError):
        harness.same_arrays(peer, own)


def test_plan_without_rounds_is_refused():
    with pytest.raises(ValueError, match="plan"):
        harness.Plan(rounds=0)


def entry(row, **changes):
    info = {
        "row": row,
        "work": "w",
        "target": 2.0,
        "peer": "peer call",
        "peer_version": "1.2",
        "peer_ms": 4.0,
        "radkit_ms": 2.5,
        "ratio": 1.6,
        "ratio_min": 1.5,
        "ratio_max": 1.7,
        "restless": False,
    }
    return {"name": f"test[{row}]", "stats": {}, "extra_info": info | changes}


def results(*entries):
    now = {
        "commit": "0" * 40,
        "date": "2026-01-02T03:04:05+00:00",
        "cpu": "CPU",
        "cores": 2,
        "python": "3.11",
        "instructions": "AVX2",
        "versions": {"numpy": "2"},
    }
    return {"radkit": now, "benchmarks": list(entries)}


def test_table_says_which_target_is_missed_and_what_stands_in():
    made = table.markdown(results(entry("window-ct"), entry("rle-decode-ct@stand-in", ratio=9.0)))
    lines = made.splitlines()
    rows = [line for line in lines if line.startswith(("| rle", "| window"))]
    assert rows[0].startswith("| rle-decode-ct@stand-in | peer call 1.2 | 9.00x | 1.50-1.70 | 2x |")
    assert "| 2x missed |" in rows[1]
    assert "stand-in`: synthetic" in made


def test_table_file_is_made_from_the_json(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(results(entry("window-ct"))))
    table.main(path)
    assert "window-ct" in (tmp_path / "table.md").read_text()


def test_committed_table_is_that_of_the_committed_results():
    if not table.RESULTS.exists():
        pytest.skip("no results are committed")
    told = table.RESULTS.with_name("table.md").read_text()
    assert told == table.markdown(json.loads(table.RESULTS.read_text()))


def test_rows_replace_their_namesakes():
    old = [entry("window-ct"), entry("ybr-rgb")]
    new = [entry("ybr-rgb", ratio=7.0)]
    merged = run.replaced(old, new)
    assert [e["extra_info"]["ratio"] for e in merged] == [1.6, 7.0]


def test_every_benchmark_row_is_described():
    import re

    for path in (ROOT / "benchmarks").glob("test_*.py"):
        for name in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)*-(?:ct|rgb|mg|us))"', path.read_text()):
            assert name in ROWS, f"{path.name}: {name}"


def test_stand_ins_are_named(monkeypatch):
    assert data.label("rle-decode-ct", "ct").split("@")[0] == "rle-decode-ct"
    monkeypatch.setattr(data, "SHARED", Path("/nowhere"))
    assert data.label("rle-decode-ct", "ct") == "rle-decode-ct@stand-in"
    assert data.label("ybr-rgb", "us") == "ybr-rgb"  # real: it comes with pydicom


def test_large_file_is_one_that_others_read(tmp_path):
    import pydicom

    path = tmp_path / "many.dcm"
    count = data.large_multiframe(path, gibibytes=0.004)
    array = pydicom.dcmread(path).pixel_array
    assert array.shape == (count, 512, 512)
    assert np.array_equal(array[1], np.roll(data.frames("ct")[1], 1, axis=0))
