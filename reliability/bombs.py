"""Small inputs that ask for much: refused, or done in 100 ms and 64 MiB beside the picture.

Codestreams of tests/codecs/test_j2k_damage.py, and rows of the bad-input table.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import radkit
from radkit import limits
from radkit.codecs import jpeg2000
from radkit.errors import RadkitError
from reliability.inputs import quiet
from reliability.told import Budget, Told, import_tests

import_tests("tests/codecs")

from test_j2k_damage import BOMBS, bomb  # noqa: E402
from tests.bad.make import ROWS, Row  # noqa: E402

__all__ = ["ROWS_THAT_ASK", "run", "try_bomb"]

# Rows of the table that announce more than they hold.
ROWS_THAT_ASK = re.compile(
    r"bomb|65535|depth|million|4g|huge|frames_1e|max_|tiles_1|too_many|limit"
)
MOST_MS, MOST_MIB = 100.0, 64.0
PER_BYTE_MS = 1e-5  # of a picture that is given
SLACK = float(os.environ.get("RADKIT_TEST_SLACK", "2"))  # a machine that is shared
LARGEST = 1 << 20
TURNS = 3


def status(word: str) -> int:
    """Return a size of this process, in bytes."""
    found = re.search(word + r":\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def cases() -> dict[str, Callable[[], int]]:
    """Return what is tried: each gives the bytes of its picture, or raises a typed error."""
    made: dict[str, Callable[[], int]] = {}
    for name, changes in BOMBS.items():
        data = bomb(**changes)
        for strict in (True, False):
            made[f"j2k {name}, {'strict' if strict else 'lenient'}"] = (
                lambda data=data, strict=strict: (
                    jpeg2000.decode(data, components=0, strict=strict).nbytes
                )
            )
    for name, row in ROWS.items():
        if ROWS_THAT_ASK.search(name) and len(data := row.make()) <= LARGEST:
            made[name] = lambda data=data, row=row: _decoded(data, row)
    return made


def _decoded(data: bytes, row: Row) -> int:
    with limits.use(**row.limits):
        return radkit.decode(data, threads=1).nbytes


def try_bomb(call: Callable[[], int]) -> tuple[float, float, int]:
    """Return milliseconds, MiB beside the picture, and bytes of the picture."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before, begun = status("VmRSS"), time.process_time()
    try:
        with limits.use(limits.UNTRUSTED, foreign="refuse"):
            size = call()
    except RadkitError:
        size = 0
    spent = 1e3 * (time.process_time() - begun)
    return spent, max(0, status("VmHWM") - before - size) / (1 << 20), size


def run(budget: Budget) -> Told:
    """Try each some times; the quickest counts, for others use the machine too."""
    told = Told()
    every = cases()
    with quiet():
        for name, call in every.items():
            budget.note(name)
            tries = [try_bomb(call) for _ in range(TURNS)]
            spent, memory, size = (min(one[k] for one in tries) for k in range(3))
            over = spent - PER_BYTE_MS * size
            told.at_least("worst_ms", round(over, 1))
            told.at_least("worst_mib", round(memory, 1))
            told.counts["tries"] += TURNS
            if over > SLACK * MOST_MS or memory > MOST_MIB:
                told.fault(f"{name}: {spent:.0f} ms, {memory:.0f} MiB beside {size} bytes")
    told.facts = {"inputs": len(every)}
    return told
