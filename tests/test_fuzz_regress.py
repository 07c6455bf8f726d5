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
    public,
    run,
    seeds,
    worker,
)
from fuzz.worker import Mutator  # noqa: E402

REGRESS = ROOT / "fuzz" / "regress"


def kept(target: str) -> list[Path]:
    folder = REGRESS / target
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


FOUND = [(target, path) for target in public.TARGETS for path in kept(target)]


@pytest.mark.parametrize(("target", "path"), FOUND, ids=[f"{t}-{p.name}" for t, p in FOUND])
def test_finding_of_a_public_target_stays_closed(target, path):
    public.run(target, path.read_bytes())


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("clang")), reason="no C compiler")
@pytest.mark.parametrize("target", run.SOURCES)
def test_native_target_passes_seeds_and_findings(target, tmp_path):
    program = run.build(target, engine=False, folder=tmp_path)
    inputs = kept(target)
    for i, data in enumerate(seeds.for_native(target)):
        inputs.append(tmp_path / f"seed{i}")
        inputs[-1].write_bytes(data)
    done = subprocess.run([program, *inputs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{len(inputs)} inputs\n"


@pytest.mark.parametrize("target", public.TARGETS)
def test_public_target_keeps_its_promises_on_mutants(target):
    mutator = Mutator(seeds.for_public(), seed=20)
    for _ in range(120):
        data = mutator.next()
        public.run(target, data)


def test_mutator_repeats_itself_from_its_seed():
    one, two = (Mutator(seeds.for_public(), seed=3) for _ in range(2))
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
