"""The page of reliability is what the tool makes; runs add up; a dead campaign is a finding."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability import record, run, table  # noqa: E402


def test_page_is_what_the_tool_makes() -> None:
    assert table.PAGE.read_text() == table.page(), "run `python -m reliability.run --page`"


def test_every_campaign_is_explained_and_can_be_loaded() -> None:
    page = table.TEMPLATE.read_text()
    for name in run.CAMPAIGNS:
        assert f"| `{name}` |" in page
        assert callable(run.module_of(name).run)


def test_runs_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "FILE", tmp_path / "reliability.json")
    told = {"counts": {"kills": 3}, "most": {"whole": 2}, "facts": {"of": 1}, "found": []}
    record.add("kills", told, "abc", 1.5)
    record.add("kills", told | {"most": {"whole": 1}, "found": ["a part is left"]}, "abc", 2.0)
    entry = json.loads(record.FILE.read_text())["campaigns"]["kills"]
    assert entry["counts"] == {"kills": 6} and entry["most"] == {"whole": 2}
    assert entry["commits"]["abc"]["found"] == ["a part is left"]
    assert entry["seconds"] == 3.5


def test_what_was_not_measured_is_a_dash() -> None:
    none = table.Kept({}, {"targets": {}, "findings": []}, "")
    unmeasured = {"fuzz targets", "kills", "network", "bombs", "leaks", "conformance", "coverage"}
    for row in table.ROWS:
        if row.figure in unmeasured:
            assert row.reached(none) == table.NONE, row.figure


def test_campaign_that_dies_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "environment", lambda: {"PATH": "/nowhere"})
    monkeypatch.setattr(run.sys, "executable", "/bin/false")
    told = run.run_one("kills", 1, 1)
    assert told["found"] == ["died (1) at: "]
