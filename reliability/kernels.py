"""Every variant of every kernel against its reference, on random and extreme input."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from reliability.told import Budget, Told, import_tests

import_tests("tests/kernels")

from kernelbuild import COMPILER, build  # noqa: E402

__all__ = ["run", "take"]


def take(line: str, told: Told, seed: int) -> None:
    """Count a line of the program: a variant that is equal, or one that is not."""
    word, _, rest = line.partition(" ")
    if word == "ok":
        told.counts["variants, each seed"] += 1
        told.facts.setdefault("equal", []).append(rest.strip())
    elif word == "FAIL":
        told.fault(f"seed {seed}: {rest.strip()}")


def compare(program: Path, told: Told, budget: Budget, end: float) -> None:
    """Run all comparisons with a seed, or those that there is time for."""
    seed = budget.dice.getrandbits(31)
    line = [str(program), "--seed", str(seed)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        assert child.stdout is not None  # a pipe was asked for
        for text in child.stdout:
            budget.note(text)
            take(text, told, seed)
            if time.monotonic() > end:
                child.kill()
                return
    if child.returncode and not told.found:
        told.fault(f"seed {seed}: checkkernel ends with {child.returncode}")


def run(budget: Budget) -> Told:
    """Compare with one seed after the other while there is time."""
    told = Told()
    if COMPILER is None:
        return Told(facts={"skipped": "no C compiler"})
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder) / "checkkernel", "-O3")  # as the package is built
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        end = time.monotonic() + budget.seconds  # building takes its own time
        while time.monotonic() < end:
            compare(program, told, budget, end)
    equal = set(told.facts.pop("equal", []))
    told.facts["variants"] = len(listed.stdout.split("\n")) - 1
    told.at_least("variants equal", len(equal))
    return told
