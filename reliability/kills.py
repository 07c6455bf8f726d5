"""kill -9 at random moments of `transcode_many` and of the command, then again until all is done.

What stands under its final name is whole and right at every moment; the run that is left
alone completes the rest, each object once, and leaves no part; the sources are untouched.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import radkit
from reliability.objects import study, tree
from reliability.processes import Victim, spent
from reliability.told import Budget, Told

__all__ = ["WAYS", "Way", "run", "try_way"]

OBJECTS = 8
SYNTAX = "rle"
LONGEST_S = 120.0
KILLS_OF_A_ROUND = 20
LATER, SOONER = 1.04, 0.9  # a run that goes on has less to do: most kills are to meet one at work


@dataclass(frozen=True)
class Way:
    """A way to transcode a folder: what is called, and how it is killed."""

    engine: str = ""
    url: str = ""
    group: bool = True


WAYS: dict[str, Way] = {
    "threads": Way(engine="threads"),
    "command": Way(),
    "processes": Way(engine="processes"),
    "processes, parent only": Way(engine="processes", group=False),
    "file URLs": Way(engine="threads", url="file://"),
}


def transcode(way: Way, source: str, dest: str) -> None:
    """Be the process that is killed."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if not way.engine:
        from radkit.cli import main

        sys.exit(main(["transcode", source, "-o", dest, "-s", SYNTAX]))
    radkit.transcode_many(way.url + source, way.url + dest, SYNTAX, engine=way.engine, workers=2)  # type: ignore[call-overload]  # an engine by its name


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return time of change and bytes of all files."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def whole(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with final names."""
    return {place: data for place, data in files.items() if ".part-" not in place}


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Trial:
    """A study, what comes of it, and a folder in which that is tried again and again."""

    def __init__(self, way: Way, folder: Path) -> None:
        self.way = way
        self.source = study(folder / "in", OBJECTS)
        self.out = folder / "out"
        self._groups: list[int] = []
        self.before = stamps(self.source)
        wanted = folder / "wanted"
        self.begin(wanted).wait(LONGEST_S)  # the first one also starts the server
        self.seconds = spent(lambda: self.begin(folder / "timed").wait(LONGEST_S))
        self.wanted = tree(wanted)

    def begin_round(self, out: Path) -> None:
        """Turn to a folder that is not there yet."""
        self.out = out
        self._groups.clear()

    def begin(self, dest: Path) -> Victim:
        """Start a run."""
        made = Victim(transcode, self.way, str(self.source), str(dest))
        self._groups.append(made.pid)
        return made

    def check(self) -> str:
        """Return what is wrong after a kill."""
        if not self.out.exists():
            return ""
        wrong = [p for p, data in whole(tree(self.out)).items() if self.wanted.get(p) != data]
        return f"{wrong[0]} is half or wrong" if wrong else ""

    def left_behind(self) -> str:
        """Tell whether workers have outlived the runs that they belonged to."""
        for _ in range(100):
            alive = [group for group in self._groups if _is_alive(group)]
            if not alive:
                return ""
            time.sleep(0.05)
        for group in alive:
            os.killpg(group, signal.SIGKILL)
        return "workers outlive their parent"

    def finish(self) -> str:
        """Let a run come to its end; return what is wrong then."""
        code = self.begin(self.out).wait(LONGEST_S)
        if code != 0:
            return f"the last run ends with {code}"
        files = tree(self.out)
        if files.keys() != whole(files).keys():
            return "a part is left"
        if whole(files) != self.wanted:
            return f"{sorted(set(whole(files)) ^ set(self.wanted))} is missing or too many"
        if stamps(self.source) != self.before:
            return "a source was touched"
        return ""


def try_way(name: str, told: Told, budget: Budget, folder: Path, *, kills: int) -> None:
    """Kill runs of one way, some times into one folder, then let it finish, and again."""
    trial = Trial(WAYS[name], folder)
    rounds = 0
    while kills > 0 and not budget.over:
        rounds += 1
        trial.begin_round(folder / f"out{rounds}")
        for turn in range(min(kills, budget.dice.randint(1, KILLS_OF_A_ROUND))):
            after = budget.dice.uniform(0.0, trial.seconds)
            budget.note(f"{name}: killed after {after:.3f} s, {turn} in this round")
            at_work = trial.begin(trial.out).kill_after(after, group=trial.way.group)
            trial.seconds *= LATER if at_work else SOONER
            told.counts["kills"] += at_work
            told.counts[f"kills: {name}"] += at_work
            kills -= 1
            if wrong := trial.check():
                told.fault(f"{name}: {wrong}")
        if wrong := trial.finish() or trial.left_behind():
            told.fault(f"{name}: {wrong}")
        told.counts["runs finished"] += 1


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder on a disk: what is flushed takes its time there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def run(budget: Budget) -> Told:
    """Kill while there is time, each way for a part of it."""
    told = Told()
    shares: dict[str, Any] = {"threads": 0.4, "command": 0.3, "file URLs": 0.5}
    for name in WAYS:
        with workplace() as folder:
            try_way(name, told, budget.share(shares.get(name, 0.5)), folder, kills=1 << 30)
    return told
