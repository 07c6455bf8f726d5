"""One process of a public target: mutate, write down, run, until the time is over.

`python -m fuzz.worker TARGET SECONDS SEED FOLDER`. The input about to run stands
in FOLDER/current, so that a death or a hang leaves it behind. What merely raises
is saved once per place it comes from.
"""

from __future__ import annotations

import collections
import hashlib
import json
import random
import struct
import sys
import time
import traceback
from pathlib import Path

from fuzz import public, seeds

WORDS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000]
WORDS += [0xFFFFFFFF, 0xFFFFFFFE, 64, 16, 8, 12, 65535 * 65535 & 0xFFFFFFFF]
TOKENS = [
    b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xfe\xff\x0d\xe0", b"\xff\xff\xff\xff",
    b"\xff\xd8\xff", b"\xff\xd9", b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\x93", b"\xff\xc3",
    b"\xe0\x7f\x10\x00", b"\x28\x00\x10\x00", b"SQ\0\0\xff\xff\xff\xff", b"UN\0\0", b"OW", b"OB",
]  # fmt: skip


class Mutator:
    """Inputs made of seeds, by a random generator of its own."""

    def __init__(self, corpus: list[bytes], seed: int) -> None:
        self.random = random.Random(seed)
        self.corpus = corpus

    def word(self) -> bytes:
        """Return an interesting number in some width and byte order."""
        form = self.random.choice(["<B", "<H", ">H", "<I", ">I", "<Q"])
        size = struct.calcsize(form)
        return struct.pack(form, self.random.choice(WORDS) & ((1 << 8 * size) - 1))

    def step(self, data: bytearray) -> bytearray:
        """Return `data` with one change."""
        r = self.random
        place = r.randrange(len(data) + 1)
        # Headers are small and pixels are many: half of the changes go to the front.
        if r.random() < 0.5:
            place = r.randrange(min(len(data), 2000) + 1)
        kind = r.randrange(8)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << r.randrange(8)
        elif kind == 1:
            new = self.word()
            data[place : place + len(new)] = new
        elif kind == 2:
            del data[place : place + r.choice([1, 2, 4, 8, 16, 100, 1000])]
        elif kind == 3:
            del data[place:]
            data += bytes(r.randrange(256) for _ in range(2))
        elif kind == 4:
            size = r.choice([1, 2, 4, 8, 64])
            data[place:place] = data[place : place + size] * r.choice([1, 2, 50])
        elif kind == 5:
            data[place:place] = r.choice(TOKENS)
        elif kind == 6:
            other = r.choice(self.corpus)
            data[place:] = other[r.randrange(len(other) + 1) :]
        else:
            data[-2:] = bytes(r.randrange(256) for _ in range(2))
        return data

    def next(self) -> bytes:
        """Return the next input."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(1 + int(self.random.expovariate(0.7))):
            data = self.step(data)
        return bytes(data[: 1 << 20])


def place_of(error: BaseException) -> str:
    """Return class and place of an error, or of what caused it, to tell findings apart."""
    error = error.__cause__ or error
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def main(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Fuzz one target; print one JSON line of figures."""
    mutator = Mutator(seeds.for_public(), seed)
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
