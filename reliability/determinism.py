"""1 to 16 threads, each instruction set of the machine: one hash.

Each set is a process of its own, capped by RADKIT_CPU as users cap it. Objects are those of
tests/pixels/test_pixels_determinism.py; what encoders write is hashed too.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from reliability.told import ROOT, Budget, Told, import_tests

__all__ = ["THREADS", "hashes", "run"]

THREADS = tuple(range(1, 17))
SETS = ("c", "avx2", "avx512", "neon")


def digest(data: Any) -> str:
    """Return the SHA-256 of an array or bytes."""
    made = np.ascontiguousarray(data) if isinstance(data, np.ndarray) else data
    return hashlib.sha256(made).hexdigest()


def hashes(threads: tuple[int, ...] = THREADS) -> dict[str, list[str]]:
    """Return the hashes of this process, by what was done; each list is to be of one value."""
    import_tests("tests/pixels")
    from test_pixels_determinism import grey, objects

    import radkit
    from radkit.codecs import htj2k, jpeg2000
    from radkit.codecs.options import Coding, Lossy

    found: dict[str, list[str]] = {}
    for count in threads:
        for name, data in objects().items():
            decoded = radkit.decode(data, threads=count)
            found.setdefault(f"decode {name}", []).append(digest(decoded))
        for name, module in (("j2k", jpeg2000), ("htj2k", htj2k)):
            for loss in (None, Lossy(ratio=8)):
                coding = Coding(levels=3, tile=(40, 40)) if count % 2 else Coding(levels=3)
                made = module.encode(grey(1), bits=12, lossy=loss, coding=coding, threads=count)
                word = f"encode {name}, {loss}, {'tiles' if count % 2 else 'one tile'}"
                found.setdefault(word, []).append(digest(made))
    return found


def hashes_under(cap: str) -> dict[str, list[str]] | None:
    """Return the hashes of a process with a cap; None if the machine has no such set."""
    from radkit._native import cpu

    if cap != "c" and not getattr(cpu, cap.upper()) & cpu.DETECTED:
        return None
    code = "import json; from reliability import determinism as d; print(json.dumps(d.hashes()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"RADKIT_CPU": cap},
        capture_output=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(budget: Budget) -> Told:
    """Compare the sets of this machine once; time does not matter."""
    told = Told()
    first: dict[str, str] = {}
    sets = []
    for cap in SETS:
        budget.note(cap)
        found = hashes_under(cap)
        if found is None:
            continue
        sets.append(cap)
        for name, several in found.items():
            told.counts["hashes"] += len(several)
            wanted = first.setdefault(name, several[0])
            if {wanted, *several} != {wanted}:
                told.fault(f"{name}: other bytes by {cap}")
    told.facts = {"sets": sets, "threads": len(THREADS)}
    return told
