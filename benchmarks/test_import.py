"""What `import radkit` adds to `import numpy`, in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import rivals
from benchmarks.harness import ratio_of, single_core
from benchmarks.rows import ROWS

CHILD = """
import time
import numpy
start = time.perf_counter()
import {name}
print(time.perf_counter() - start)
"""


def seconds_to_import(name: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(name=name)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.parametrize("row", ["import"])
def test_import(benchmark, plan, row):
    theirs, ours = [], []

    def peer_first():
        theirs.append(seconds_to_import("pydicom"))

    def then_radkit():
        ours.append(seconds_to_import("radkit"))

    with single_core():
        benchmark.pedantic(then_radkit, setup=peer_first, rounds=plan.rounds + 1)
    if len(ours) > 1:
        del theirs[0], ours[0]
    measured = ratio_of(theirs, ours, 1, 1)
    benchmark.extra_info.update(
        row=row,
        work=ROWS[row].work,
        target=ROWS[row].target,
        peer="import pydicom",
        peer_version=rivals.version("pydicom"),
        frames=1,
        bytes_in=0,
        bytes_out=0,
        **measured.info(),
    )
