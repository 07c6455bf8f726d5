"""Run rows through radkit and say what came of it; as a program, under a limit of address space.

`python -m tests.bad.run [NAME ...]` prints one JSON line per row. It is the
child in which a row that takes too much memory fails alone.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bad import build
from tests.bad.make import ROWS, Row

__all__ = ["Outcome", "attempt", "every_way"]

# The sweep over all entry points is about classes and leftovers; sizes have rows of their own.
SWEEP = {
    "max_memory_bytes": 256 << 20,
    "max_frames": 4096,
    "max_elements": 1 << 17,
    "max_seconds": 5.0,
}
SECRETS = (build.PATIENT, build.PATIENT_ID)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did: the class of its error ("" if none), what was said, the seconds."""

    error: str
    said: str
    seconds: float
    classes: tuple[str, ...] = ()


@contextlib.contextmanager
def quiet() -> Any:
    """Let corrections be: the rows ask for them by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def call(row: Row, data: bytes) -> str:
    """Do what the row asks, strictly; return the problems that were told."""
    import radkit

    if row.do == "transcode":
        radkit.transcode(data, None, "rle")
    elif row.do == "render":
        radkit.render(data, threads=1)
    else:
        done = radkit.read(data, threads=1)
        problems = radkit.inspect(data).problems
        known = {p.text for p in problems}
        told = [f"{p.code}: {p.text}" for p in problems]
        return "; ".join([*told, *(c for c in done.corrections if c not in known)])
    return "; ".join(f"{p.code}: {p.text}" for p in radkit.inspect(data).problems)


def attempt(row: Row, data: bytes | None = None) -> Outcome:
    """Run one row as its table line says."""
    from radkit import limits
    from radkit.errors import RadkitError

    data = row.make() if data is None else data
    start = time.perf_counter()
    try:
        with quiet(), limits.use(**row.limits):
            said = call(row, data)
    except RadkitError as error:
        lineage = tuple(c.__name__ for c in type(error).__mro__)
        return Outcome(type(error).__name__, str(error), time.perf_counter() - start, lineage)
    return Outcome("", said, time.perf_counter() - start)


def every_way(row: Row, data: bytes, folder: Path) -> list[str]:
    """Send the file through every entry point; return what broke a promise."""
    import radkit
    from radkit import limits
    from radkit.errors import RadkitError

    dest = folder / "out.dcm"
    ways = {
        "inspect": lambda: radkit.inspect(data),
        "inspect deep": lambda: radkit.inspect(data, deep=True),
        "decode lenient": lambda: radkit.decode(data, strict=False, threads=1),
        "decode raw": lambda: radkit.decode(data, raw=True, threads=1),
        "first frame": lambda: radkit.decode(data, frames=0, threads=1),
        "values": lambda: radkit.values(data, strict=False, threads=1),
        "render": lambda: radkit.render(data, strict=False, threads=1),
        "transcode": lambda: radkit.transcode(data, dest, "rle", threads=1),
    }
    broken = []
    for name, way in ways.items():
        start = time.perf_counter()
        try:
            with quiet(), limits.use(**{**SWEEP, **row.limits}):
                way()
        except RadkitError as error:
            if any(secret in str(error) for secret in SECRETS):
                broken.append(f"{name}: the message tells a patient's value")
            if name == "transcode" and list(folder.iterdir()):
                broken.append(f"{name}: failed and left {[p.name for p in folder.iterdir()]}")
        except Exception as error:
            broken.append(f"{name}: {type(error).__name__}: {error}")
        if time.perf_counter() - start > row.seconds:
            broken.append(f"{name}: took {time.perf_counter() - start:.1f} s")
        for left in folder.iterdir():
            left.unlink()
    return broken


def address_space() -> int:
    """Return the bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * 4096


def within(row: Row, data: bytes) -> Outcome:
    """Run one row with `memory_mib` more address space than the process has now."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = address_space() + (row.memory_mib << 20)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    try:
        return attempt(row, data)
    except Exception as error:
        return Outcome(f"escaped: {type(error).__name__}", str(error), 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main(names: list[str]) -> None:
    """Run rows under their limits of memory, one JSON line each."""
    import radkit

    good = build.made(build.EXPLICIT, build.grey(), build.native(build.picture().tobytes()))
    with tempfile.TemporaryDirectory() as folder:  # what loads at the first use counts for no row
        for syntax in ("rle", "jpeg2000-lossless", "jpegls-lossless", "htj2k-lossless"):
            with contextlib.suppress(radkit.RadkitError):
                radkit.decode(radkit.transcode(good, Path(folder) / "x.dcm", syntax).path)
    for name in names or list(ROWS):
        row = ROWS[name]
        done = within(row, row.make())
        line = {"name": name, "error": done.error, "said": done.said, "classes": done.classes}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
