"""Every prefix of small inputs: strictly an error or the whole picture, leniently what is there."""

from __future__ import annotations

import time

from reliability.inputs import Input, go_through, outcome, same
from reliability.told import Budget, Told

__all__ = ["run", "try_prefixes"]


def try_prefixes(one: Input, told: Told, budget: Budget, *, step: int = 1) -> bool:
    """Decode all prefixes of an input; False if the time was up before."""
    whole = one.decode(one.data, True)
    for size in range(0, len(one.data) + 1, step):
        if budget.over:
            return False
        cut = one.data[:size]
        for strict in (True, False):
            budget.note(f"{one.name}: {size} bytes, strict {strict}")
            begun = time.perf_counter()
            found = outcome(one, cut, strict)
            told.at_least("slowest_ms", round(1e3 * (time.perf_counter() - begun), 1))
            told.counts["decodes"] += 1
            if isinstance(found, str):
                told.counts["refused"] += not found
                if found:
                    told.fault(f"{one.name}, {size} bytes: {found}")
            elif strict and not same(found, whole):
                told.fault(f"{one.name}, {size} bytes: another picture, strictly")
    return True


def run(budget: Budget) -> Told:
    """Cut all inputs."""
    return go_through(try_prefixes, budget)
