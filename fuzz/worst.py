"""Looks for the slowest codestream of up to 100 KiB: `python -m fuzz.worst [--seconds N]`.

Streams are made that ask for much by their form: large, with many components, levels,
layers, code-blocks of few bytes and many passes. The slowest ones are changed a little
and tried again. Each is decoded under `limits.UNTRUSTED` by one thread, strictly and
leniently; counted is the processor's time. `--record` keeps it in docs/fuzzing.json.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

from fuzz import figures  # noqa: E402

LONGEST = 100 << 10
KEPT = 12  # of the slowest, from which others are made
CHOICES: dict[str, list[int]] = {
    "width": [64, 512, 2048, 4096, 8192, 16384, 65536],
    "height": [64, 512, 1024, 4096, 8000, 8192],
    "comps": [1, 1, 1, 2, 3, 4, 8],
    "levels": [0, 0, 1, 2, 3, 5, 6, 32],
    "filled": [1, 1, 2, 3, 4, 6, 7],
    "passes": [1, 3, 10, 22, 28, 40, 58, 100, 164],
    "bytes": [1, 2, 3, 5, 8, 12, 20, 40, 100],
    "value": [0, 0x55, 0x7F, 0xFF, 0x12],
    "style": [0, 0, 8, 2, 32, 0x40],
    "depth": [8, 12, 16, 24, 32],
    "planes": [8, 12, 20, 30, 37],
    "roi": [0, 0, 0, 10, 25],
    "block": [4, 4, 4, 3, 2, 0],
    "irreversible": [0, 1],
    "mct": [0, 0, 1],
    "layers": [1, 1, 2, 30, 1000],
}
Form = dict[str, int]


class Bits:
    """Bits of a packet header, with those stuffed behind FF (T.800 B.10.1)."""

    def __init__(self) -> None:
        self.done, self.now, self.count, self.room = bytearray(), 0, 0, 8

    def put(self, value: int, count: int) -> None:
        """Append `count` bits, the highest first."""
        for k in reversed(range(count)):
            self.now, self.count = self.now << 1 | (value >> k & 1), self.count + 1
            if self.count == self.room:
                self.done.append(self.now)
                self.room, self.now, self.count = 7 if self.now == 0xFF else 8, 0, 0

    def close(self) -> bytes:
        """Return all bytes, the last one filled up."""
        while self.count:
            self.put(0, 1)
        return bytes(self.done) + (b"\0" if self.done[-1:] == b"\xff" else b"")


def put_passes(bits: Bits, passes: int) -> None:
    """Write a number of coding passes (T.800 table B.4)."""
    if passes <= 2:
        bits.put((0, 0b10)[passes - 1], passes)
    elif passes <= 5:
        bits.put(0b1100 + passes - 3, 4)
    elif passes <= 36:
        bits.put(0b111100000 + passes - 6, 9)
    else:
        bits.put(0b111111111 << 7 | passes - 37, 16)


def put_band(bits: Bits, form: Form, cols: int, rows: int, room: int) -> int:
    """Write the code-blocks of a band, all included, none with missing planes; return how many."""
    depth = max(cols - 1, rows - 1, 0).bit_length()
    seen: set[tuple[int, int, int]] = set()
    wide = form["passes"].bit_length() - 1 + 3
    more = max(form["bytes"].bit_length() - wide, 0)
    count = 0
    for y in range(rows):
        for x in range(cols):
            path = {(k, x >> k, y >> k) for k in range(depth + 1)}
            fresh = len(path - seen)
            seen |= path
            if count >= room:  # not included
                bits.put(0, 1 if fresh else 0)
                return count
            bits.put((1 << 2 * fresh) - 1, 2 * fresh)
            put_passes(bits, form["passes"])
            bits.put((1 << more) - 1 << 1, more + 1)
            bits.put(form["bytes"], wide + more)
            count += 1
    return count


def packet(form: Form, r: int, left: int) -> bytes:
    """Return the packet of resolution r of one component, in at most about `left` bytes."""
    side = 4 << form["block"]
    shrink = form["levels"] - r + (r > 0)
    cols, rows = (-(form[name] // -(side << shrink)) for name in ("width", "height"))
    bits, blocks = Bits(), 0
    bits.put(1, 1)
    for _ in range(3 if r else 1):
        room = max(left // (form["bytes"] + 4) - blocks, 0)
        blocks += put_band(bits, form, cols, rows, room)
    return bits.close() + bytes([form["value"]]) * (form["bytes"] * blocks)


def stream(form: Form) -> bytes:
    """Return the codestream of a form: first layer, resolutions from the lowest on."""
    comps, levels = form["comps"], form["levels"]
    size = (form["width"], form["height"])
    siz = struct.pack(">H8IH", 0, *size, 0, 0, *size, 0, 0, comps)
    siz += bytes([form["depth"] - 1, 1, 1]) * comps
    mct = form["mct"] and comps >= 3
    cod = struct.pack(">BBHB", 0, 1, form["layers"], mct)
    cod += bytes((levels, form["block"], form["block"], form["style"], 1 - form["irreversible"]))
    planes = form["planes"]
    guard, exponent = (7, planes - 6) if planes > 6 else (1, planes)
    steps = [exponent << 3] * (3 * levels + 1)
    qcd = bytes([guard << 5, *steps])
    if form["irreversible"]:
        qcd = bytes([guard << 5 | 2]) + struct.pack(f">{len(steps)}H", *(s << 8 for s in steps))
    main = b"\xff\x4f"
    for marker, body in ((0x51, siz), (0x52, cod), (0x5C, qcd)):
        main += struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    if form["roi"]:
        main += b"".join(struct.pack(">HHBBB", 0xFF5E, 5, k, 0, form["roi"]) for k in range(comps))
    body = b""
    for r in range(min(form["filled"], levels + 1)):
        for _ in range(comps):
            if len(body) < LONGEST - 2000:
                body += packet(form, r, LONGEST - 1000 - len(main) - len(body))
        body += bytes(comps * (form["layers"] - 1))
    body = body[: LONGEST - len(main) - 20]
    rest = comps * form["layers"] * max(levels + 1 - form["filled"], 0)
    body += bytes(min(rest, LONGEST - len(main) - 20 - len(body)))
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(body), 0, 1)
    return main + sot + b"\xff\x93" + body + b"\xff\xd9"


def seconds_of(data: bytes, strict: bool) -> tuple[float, str]:
    """Return the processor's time and the outcome."""
    from radkit import limits
    from radkit.codecs import jpeg2000
    from radkit.errors import RadkitError

    begin, outcome = time.process_time(), "a picture"
    try:
        with limits.use(limits.UNTRUSTED, max_seconds=None):
            jpeg2000.decode(data, components=None, strict=strict, threads=1)
    except RadkitError as error:
        outcome = type(error).__name__
    return time.process_time() - begin, outcome


def search(seconds: float, seed: int) -> dict[str, Any]:
    """Return the slowest form that was found, its time and how many were tried."""
    chance = random.Random(seed)
    best: list[tuple[float, str, bool, Form]] = []
    tried, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        form = {name: chance.choice(values) for name, values in CHOICES.items()}
        if best and chance.random() < 0.7:
            form = dict(chance.choice(best)[3])
            for name in chance.sample(sorted(CHOICES), chance.choice((1, 1, 2, 3))):
                form[name] = chance.choice(CHOICES[name])
        data = stream(form)
        if len(data) > LONGEST:
            continue
        for strict in (True, False):
            spent, outcome = seconds_of(data, strict)
            tried += 1
            best.append((spent, outcome, strict, form))
        best.sort(key=lambda one: -one[0])
        del best[KEPT:]
    spent, outcome, strict, form = best[0]
    return {
        "seconds": round(spent, 2),
        "outcome": outcome,
        "strict": strict,
        "bytes": len(stream(form)),
        "form": form,
        "tried": tried,
    }


def main() -> None:
    """Search, and keep the result if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    found = search(options.seconds, options.seed)
    print(json.dumps(found))
    if options.record:
        found["commit"] = figures.commit()
        figures.update(lambda kept: kept.update(slowest=found))


if __name__ == "__main__":
    main()
