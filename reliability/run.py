"""Run campaigns and add up what they reach: `python -m reliability.run [--seconds N] [NAME ...]`.

Each campaign is a process of its own, so that one that dies is a finding and not the end.
Counts go to docs/reliability.json, the page docs/reliability.md is made of it, and the table
is printed. With --lines it is only printed, with --page also the page is written; with --dry
nothing is recorded.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reliability import record, table
from reliability.told import ROOT, Budget

__all__ = ["CAMPAIGNS", "main"]

CAMPAIGNS = {
    "kills": "kill -9 at random moments of transcode_many, into folders and stores",
    "gateway-kills": "kill -9 of the gateway while it receives and delivers",
    "io-faults": "the n-th file operation fails",
    "allocations": "the n-th allocation of native code fails",
    "soak": "good and bad inputs in turn, resident memory",
    "prefixes": "all prefixes of small streams and objects",
    "flips": "each bit of small streams and objects",
    "fields": "header fields at the edges of their range",
    "differential": "random images, coded and decoded by three libraries",
    "verification": "objects transcoded, verified, re-read by pydicom",
    "network": "connections that are cut, stall or lose",
    "associations": "associations that are refused, resident memory",
    "kernels": "each variant of each kernel against its reference",
    "bombs": "small inputs that ask for much",
    "determinism": "threads and instruction sets: one hash",
}
GRACE_S = 120.0  # a campaign ends its last round; one that takes longer hangs


def module_of(name: str) -> Any:
    """Import the module of a campaign."""
    return importlib.import_module(f"reliability.{name.replace('-', '_')}")


def environment() -> dict[str, str]:
    """Return an environment in which the package is that of this tree."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


def run_one(name: str, seconds: float, seed: int) -> dict[str, Any]:
    """Run a campaign in a process of its own, and end whatever it has left behind."""
    with tempfile.TemporaryDirectory() as folder:
        note, out, err = (Path(folder) / word for word in ("note", "out", "err"))
        line = [sys.executable, "-m", "reliability.run", "--child", str(note)]
        line += ["--seconds", str(seconds), "--seed", str(seed), name]
        # Files, not pipes: what a campaign leaves behind would hold a pipe open.
        with out.open("wb") as told, err.open("wb") as said:
            child = subprocess.Popen(
                line, cwd=ROOT, env=environment(), stdout=told, stderr=said, start_new_session=True
            )
        try:
            code = child.wait(timeout=seconds + GRACE_S)
            verdict = f"died ({code})" if code else ""
        except subprocess.TimeoutExpired:
            verdict = "hangs"
        with contextlib.suppress(ProcessLookupError):  # nothing is left
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if not verdict:
            return dict(json.loads(out.read_text().splitlines()[-1]))
        at = note.read_bytes().rstrip(b"\0").decode(errors="replace") if note.exists() else ""
        print(err.read_text(errors="replace")[-3000:], file=sys.stderr)
    return {"counts": {}, "most": {}, "facts": {}, "found": [f"{verdict} at: {at}"]}


def child(name: str, seconds: float, seed: int, note: Path) -> None:
    """Be the process of a campaign."""
    told = module_of(name).run(Budget(seconds, seed, note))
    print(told.as_json(), flush=True)


def run_all(names: list[str], seconds: float, seed: int, *, recorded: bool) -> bool:
    """Run campaigns one after the other; True if nothing was found."""
    sound = True
    for name in names:
        at, begun = record.commit(), time.monotonic()
        told = run_one(name, seconds, seed)
        spent = time.monotonic() - begun
        sound = sound and not told["found"]
        print(f"{name:14} {spent:6.1f} s  {json.dumps(told)}", flush=True)
        if recorded:
            record.add(name, told, at, spent)
    return sound


def main(words: list[str] | None = None) -> int:
    """Run the campaigns; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CAMPAIGNS)}")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each campaign")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--dry", action="store_true", help="record nothing")
    parser.add_argument("--lines", action="store_true", help="only print what was reached")
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if unknown := set(options.names) - set(CAMPAIGNS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.child:
        child(options.names[0], options.seconds, options.seed, options.child)
        return 0
    sound = True
    if options.page:
        table.write()
    if not (options.lines or options.page):
        names = options.names or list(CAMPAIGNS)
        print(f"seed {options.seed}, {options.seconds:g} s each", flush=True)
        sound = run_all(names, options.seconds, options.seed, recorded=not options.dry)
        if not options.dry:
            table.write()
    print(table.lines())
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
