"""Each bit of small inputs: a picture or a typed error, and no silence where headers disagree."""

from __future__ import annotations

import numpy as np

import radkit
from reliability.inputs import Input, go_through, outcome
from reliability.told import Budget, Told

__all__ = ["LARGEST", "run", "try_flips"]

LARGEST = 4096


def _is_told(data: bytes) -> bool:
    """Tell whether anything is said about an object that decodes."""
    return bool(radkit.inspect(data).problems or radkit.read(data, threads=1).corrections)


def try_flips(one: Input, told: Told, budget: Budget, *, step: int = 1) -> bool:
    """Decode an input with each of its bits changed; False if the time was up before."""
    whole = one.decode(one.data, True)
    changed = bytearray(one.data)
    for at in range(0, len(changed), step):
        if budget.over:
            return False
        for bit in range(8):
            changed[at] ^= 1 << bit
            budget.note(f"{one.name}: bit {bit} of byte {at}")
            data = bytes(changed)
            found = outcome(one, data, True)
            told.counts["decodes"] += 1
            if isinstance(found, str):
                told.counts["refused"] += not found
                if found:
                    told.fault(f"{one.name}, bit {bit} of byte {at}: {found}")
            elif at in one.repeated and not np.array_equal(found, whole):
                told.counts["told"] += 1
                if not _is_told(data):
                    told.fault(f"{one.name}, bit {bit} of byte {at}: another picture, silently")
            changed[at] ^= 1 << bit
    return True


def run(budget: Budget) -> Told:
    """Flip the bits of all small inputs."""
    return go_through(try_flips, budget, largest=LARGEST)
