"""Good and damaged inputs of all codings in turn: the good ones stay the same, memory too."""

from __future__ import annotations

import gc
import os
from functools import cache

import numpy as np
from fuzz.mutate import Mutator

from radkit.errors import RadkitError
from reliability.inputs import Input, inputs, outcome, quiet, same
from reliability.told import Budget, Told

__all__ = ["resident", "run", "take_turns"]

SETTLED = 0.4  # of the time, until caches and pools are as large as they get
ROUND = 500


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@cache
def wholes() -> dict[str, np.ndarray]:
    """Return what the inputs decode to."""
    return {one.name: one.decode(one.data, True) for one in inputs()}


def take_turns(every: tuple[Input, ...], count: int, budget: Budget, told: Told) -> int:
    """Decode good inputs and bad ones in turn; return the number of decodings."""
    mutator = Mutator([one.data for one in every], budget.dice.getrandbits(32))
    done = 0
    for turn in range(count):
        one = every[turn % len(every)]
        bad = bytes(mutator.step(bytearray(budget.dice.choice(every).data)))
        for strict in (True, False):
            budget.note(f"{one.name} by {turn}: {bad[:200].hex()}")
            found = outcome(one, bad, strict)
            if isinstance(found, str) and found:
                told.fault(f"{one.name}: {found}")
        done += 3
        try:
            sound = same(one.decode(one.data, True), wholes()[one.name])
        except RadkitError:
            sound = False
        if not sound:
            told.fault(f"{one.name}: not the same after a damaged input")
    return done


def run(budget: Budget) -> Told:
    """Take turns while there is time; the growth counts once all has settled."""
    told, every = Told(), inputs()
    with quiet():
        settling = budget.share(SETTLED)
        while not settling.over:
            take_turns(every, ROUND, budget, told)
        before, done = resident(), 0
        while not budget.over or not done:
            done += take_turns(every, ROUND, budget, told)
        grown = resident() - before
    told.counts["decodes"] += done
    told.facts = {"grown_bytes": grown, "of": done}
    if grown > 2 << 20:
        told.fault(f"resident memory grew by {grown} bytes in {done} decodings")
    return told
