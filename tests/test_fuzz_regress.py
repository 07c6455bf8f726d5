"""Every finding of the fuzzers, for ever, and the seeds; without a fuzzing engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fuzz import (  # noqa: E402
    figures,
    programs,
    public,
    seeds,
    worker,
)

REGRESS = ROOT / "fuzz" / "regress"


def kept(target: str) -> list[Path]:
    folder = REGRESS / target
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


FOUND = [(target, path) for target in public.TARGETS for path in kept(target)]


@pytest.mark.parametrize(("target", "path"), FOUND, ids=[f"{t}-{p.name}" for t, p in FOUND])
def test_finding_of_a_public_target_stays_closed(target, path):
    public.run(target, path.read_bytes())


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("clang")), reason="no C compiler")
@pytest.mark.parametrize("target", programs.PROGRAMS)
def test_native_target_passes_seeds_and_findings(target, tmp_path):
    program = programs.build(target, "replay")
    inputs = kept(target)
    for i, data in enumerate(seeds.for_native(target)):
        inputs.append(tmp_path / f"{target}-seed{i}")
        inputs[-1].write_bytes(data)
    done = subprocess.run([program, *inputs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{len(inputs)} inputs\n"


def test_seed_streams_are_small_and_sound():
    from radkit.codecs import jpeg2000

    paths = sorted(seeds.STREAMS.glob("*.j2k"))
    assert sum(path.stat().st_size for path in paths) < 100_000
    for path in paths:
        assert jpeg2000.decode(path.read_bytes(), components=0).size, path.name


def test_every_native_target_has_seeds():
    assert set(seeds.NATIVE) == set(programs.PROGRAMS)
    assert all(seeds.for_native(target) for target in programs.PROGRAMS)


def test_page_of_figures_is_that_of_its_file():
    kept = json.loads(figures.FILE.read_text())
    assert figures.PAGE.read_text() == figures.page(kept)
    for finding in kept["findings"]:
        assert finding["kept"] == "–" or (ROOT / finding["kept"]).is_file(), finding


def test_figures_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FILE", tmp_path / "docs" / "fuzzing.json")
    figures.add("scan", {"runs": 5, "cpu_s": 1.5, "edges": 7, "corpus": 2, "found": []}, "abc")
    figures.add("scan", {"runs": 6, "cpu_s": 0.5, "edges": 9, "corpus": 3, "found": ["x"]}, "abc")
    figures.add("scan", {"runs": 2, "cpu_s": 0.5, "edges": 9, "corpus": 3, "found": []}, "def")
    entry = json.loads(figures.FILE.read_text())["targets"]["scan"]
    assert (entry["executions"], entry["cpu_s"], entry["edges"]) == (13, 2.5, 9)
    assert entry["commits"]["abc"]["executions"] == 11
    assert entry["commits"]["abc"]["executions_since_finding"] == 0
    assert entry["commits"]["def"]["executions_since_finding"] == 2


@pytest.mark.parametrize("target", public.TARGETS)
def test_public_target_keeps_its_promises_on_mutants(target):
    mutator = worker.mutator_for(target, seed=20)
    for _ in range(120):
        data = mutator.next()
        public.run(target, data)


def test_mutator_repeats_itself_from_its_seed():
    for target in ("inspect", "truncate"):
        one, two = (worker.mutator_for(target, seed=3) for _ in range(2))
        assert [one.next() for _ in range(50)] == [two.next() for _ in range(50)]


def test_worker_keeps_what_breaks_a_promise(tmp_path, monkeypatch, capsys):
    def broken(body, options):
        if body:
            raise KeyError("escaped")

    monkeypatch.setitem(public.TARGETS, "inspect", broken)
    worker.main("inspect", 0.2, 1, tmp_path)
    told = json.loads(capsys.readouterr().out)
    (place,) = told["found"]
    assert place.startswith("KeyError at test_fuzz_regress.py")
    with pytest.raises(KeyError):
        public.run("inspect", (tmp_path / told["found"][place]).read_bytes())
    assert not (tmp_path / "current").exists()
