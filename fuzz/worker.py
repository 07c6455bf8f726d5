"""One process of a public target: mutate, write down, run, until the time is over.

`python -m fuzz.worker TARGET SECONDS SEED FOLDER`. The input about to run stands
in FOLDER/current, so that a death or a hang leaves it behind. What merely raises
is saved once per place it comes from.
"""

from __future__ import annotations

import collections
import hashlib
import json
import sys
import time
import traceback
from pathlib import Path

from fuzz import public, seeds
from fuzz.mutate import Mutator, StreamMutator

CODESTREAMS = ("index", "truncate", "recode", "preview")


def mutator_for(target: str, seed: int) -> Mutator:
    """Return the source of inputs of a public target."""
    kind = StreamMutator if target in CODESTREAMS else Mutator
    return kind(seeds.for_public(target), seed)


def place_of(error: BaseException) -> str:
    """Return class and place of an error, or of what caused it, to tell findings apart."""
    error = error.__cause__ or error
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def main(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Fuzz one target; print one JSON line of figures."""
    mutator = mutator_for(target, seed)
    current = folder / "current"
    counts: collections.Counter[str] = collections.Counter()
    found: dict[str, str] = {}
    slowest = 0.0
    end = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < end:
        # The seeds themselves first, unchanged: a bad file must not need a mutation to be seen.
        data = mutator.corpus[runs] if runs < len(mutator.corpus) else mutator.next()
        runs += 1
        current.write_bytes(data)
        start = time.monotonic()
        try:
            counts[public.run(target, data)] += 1
        except Exception as error:
            place = place_of(error)
            if place not in found:
                name = hashlib.sha256(data).hexdigest()[:16]
                (folder / name).write_bytes(data)
                found[place] = name
        slowest = max(slowest, time.monotonic() - start)
    current.unlink(missing_ok=True)
    figures = {"runs": runs, "outcomes": counts, "found": found, "slowest_s": round(slowest, 3)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
