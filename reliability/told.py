"""What a campaign tells, and what it is given: a budget of time, a seed, a place for notes."""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Budget", "Told", "import_tests", "silent"]

ROOT = Path(__file__).resolve().parents[1]
MOST_FOUND = 20  # faults that a run lists; of one cause there are soon thousands
_NOTE_BYTES = 512


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep the logs of radkit and pynetdicom away: they are full of what a campaign breaks."""
    own, other = logging.getLogger("radkit"), logging.getLogger("pynetdicom")
    before, own.disabled = own.disabled, True
    level = other.level
    other.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        own.disabled = before
        other.setLevel(level)


@dataclass
class Told:
    """The outcome of a run.

    `counts` add up over runs, of `most` the largest value is kept, `facts` are those of the
    last run. `found` lists what broke a promise.
    """

    counts: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Add a broken promise."""
        if text not in self.found and len(self.found) < MOST_FOUND:
            self.found.append(text)

    def at_least(self, name: str, value: float) -> None:
        """Keep the largest value."""
        self.most[name] = max(value, self.most.get(name, value))

    def as_json(self) -> str:
        """Return one line."""
        return json.dumps(
            {"counts": self.counts, "most": self.most, "facts": self.facts, "found": self.found}
        )

    @staticmethod
    def of_json(line: str) -> Told:
        """Make one of such a line."""
        values = json.loads(line)
        return Told(Counter(values["counts"]), values["most"], values["facts"], values["found"])


class Budget:
    """Time and chance of a run, and a note of what it is at, which outlives its death."""

    def __init__(self, seconds: float, seed: int, note: Path | None = None) -> None:
        self.seconds, self.seed = seconds, seed
        self.dice = random.Random(seed)
        self._end = time.monotonic() + seconds
        self._memory: mmap.mmap | None = None
        if note is not None:
            note.write_bytes(bytes(_NOTE_BYTES))
            with note.open("r+b") as file:
                self._memory = mmap.mmap(file.fileno(), _NOTE_BYTES)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end

    def share(self, part: float) -> Budget:
        """Return a budget of a part of what is left, with the same note."""
        made = Budget(max(0.0, self._end - time.monotonic()) * part, self.dice.getrandbits(32))
        made._memory = self._memory
        return made

    def note(self, text: str) -> None:
        """Write down what comes next, in memory that stays if the process dies."""
        if self._memory is not None:
            self._memory[:] = text.encode()[:_NOTE_BYTES].ljust(_NOTE_BYTES, b"\0")


def import_tests(*folders: str) -> None:
    """Put folders of the tests where modules are looked for: what they make is used here too."""
    for folder in ("", "src", *folders):
        place = str(ROOT / folder)
        if place not in sys.path:
            sys.path.insert(0, place)
