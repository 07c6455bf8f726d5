"""What the campaigns have reached: docs/reliability.json, which adds up over runs.

Faults that a run finds are in its `found`; once understood they are kept by hand under
"findings": date, campaign, what, cause, commit that closed it, test that keeps it closed.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import platform
from typing import Any

from fuzz.figures import commit

from reliability.told import ROOT

__all__ = ["FILE", "add", "commit", "load", "machine"]

FILE = ROOT / "docs" / "reliability.json"
EMPTY: dict[str, Any] = {"campaigns": {}, "findings": []}


def load() -> dict[str, Any]:
    """Return what the file holds."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else json.loads(json.dumps(EMPTY))


def machine() -> str:
    """Name processor, cores, system and Python."""
    import os

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            models = [line.partition(":")[2].strip() for line in file if "model name" in line]
        name = models[0] if models else name
    except OSError:  # not Linux: the platform's word has to do
        pass
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def _added(entry: dict[str, Any], told: dict[str, Any], at: str, seconds: float) -> None:
    counts, most = entry.setdefault("counts", {}), entry.setdefault("most", {})
    here = entry.setdefault("commits", {}).setdefault(at, {"counts": {}, "seconds": 0.0})
    for name, value in told["counts"].items():
        counts[name] = counts.get(name, 0) + value
        here["counts"][name] = here["counts"].get(name, 0) + value
    for name, value in told["most"].items():
        most[name] = max(value, most.get(name, value))
    entry.setdefault("facts", {}).update(told["facts"])
    entry["seconds"] = round(entry.get("seconds", 0.0) + seconds, 1)
    here["seconds"] = round(here["seconds"] + seconds, 1)
    here["found"] = sorted({*here.get("found", []), *told["found"]})
    entry["last"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    entry["machine"] = machine()


def add(campaign: str, told: dict[str, Any], at: str, seconds: float) -> None:
    """Add a run of a campaign at a commit; under a lock, so that runs side by side add up."""
    FILE.parent.mkdir(exist_ok=True)
    with open(FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        kept = json.loads(file.read() or json.dumps(EMPTY))
        _added(kept["campaigns"].setdefault(campaign, {}), told, at, seconds)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(kept, indent=1, sort_keys=True) + "\n")
