"""kill -9 of a gateway while it receives, delivers and starts: nothing acknowledged is lost.

Senders send all the time, a timer kills, the next gateway goes on in the same spool. In the
end every acknowledged object has arrived, whole; that one arrives twice is allowed (its
record was not written yet) and counted.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reliability.objects import native_object
from reliability.processes import Victim, context
from reliability.told import Budget, Told, import_tests, silent

import_tests("tests/net")

__all__ = ["run", "try_round"]

KILLS_OF_A_ROUND = 6
LONGEST_LIFE_S = 0.7  # an association and some objects
LONGEST_S = 60.0
TITLE = "GATE"


def serve(folder: str, to: str, port_file: str, seconds: float) -> None:
    """Be the gateway that is killed."""
    from radkit import net

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    listen = net.Listen(aet=TITLE, port=0, timeout_s=20)
    gate = net.Gateway(listen, [net.Route(to=to)], spool=folder, reserve_bytes=0)
    with gate:
        part = f"{port_file}.new"
        Path(part).write_text(str(gate.port))
        os.replace(part, port_file)
        time.sleep(seconds)


def port_of(path: Path, victim: Victim) -> int | None:
    """Wait for a gateway to listen; None if it ended before."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        if path.exists():
            return int(path.read_text())
        if victim.wait(0.005) is not None:
            return None
    return None


class Round:
    """A spool, a receiver, and what senders were told."""

    def __init__(self, folder: Path, to: Any, budget: Budget) -> None:
        self.folder, self.to, self.budget = folder, to, budget
        self.acknowledged: set[str] = set()
        self.twice = 0
        self._number = 0

    def start(self) -> tuple[Victim, int | None]:
        """Start a gateway."""
        self._number += 1
        port_file = self.folder / f"port{self._number}"
        spool = str(self.folder / "spool")
        victim = Victim(serve, spool, self.to.address, str(port_file), 600.0)
        return victim, port_of(port_file, victim)

    def kill_once(self) -> bool:
        """Send until the gateway is killed; True if it was at work."""
        victim, port = self.start()
        if port is None:
            victim.kill_after(0)
            return False
        seconds = self.budget.dice.uniform(0.0, LONGEST_LIFE_S)
        timer = threading.Thread(target=victim.kill_after, args=(seconds,))
        timer.start()
        while timer.is_alive():
            self.send(port)
        timer.join()
        return True

    def send(self, port: int) -> None:
        """Send one object; take note if it was acknowledged."""
        from radkit import net

        number = self.budget.dice.getrandbits(60)
        peer = net.Peer(aet=TITLE, host="127.0.0.1", port=port, timeout_s=5)
        report = net.send([native_object(number)], peer, retries=0)
        self.acknowledged |= {sent.instance for sent in report.sent}

    def finish(self) -> str:
        """Let a gateway deliver the rest; return what is wrong."""
        victim, port = self.start()
        if port is None:
            return "the last gateway does not start"
        received, end = self.folder / "spool" / "received", time.monotonic() + LONGEST_S
        while any(received.iterdir()) and time.monotonic() < end:
            time.sleep(0.02)
        victim.kill_after(0)
        if left := len(list(received.iterdir())):
            return f"{left} objects wait for ever"
        return self._arrived()

    def _arrived(self) -> str:
        import radkit
        from radkit.dicom.objects import open_object

        arrived: Counter[str] = Counter()
        for data in self.to.objects:
            with open_object(data) as obj:
                uid = obj.elements.text(0x00080018) or ""
            arrived[uid] += 1
            wanted = radkit.decode(native_object(int(uid.rpartition(".")[2])))
            if not (radkit.decode(data) == wanted).all():
                return f"{uid} arrived with other samples"
        self.twice = sum(count - 1 for count in arrived.values())
        lost = self.acknowledged - set(arrived)
        return f"{len(lost)} acknowledged objects are lost" if lost else ""


def try_round(told: Told, budget: Budget, folder: Path, *, kills: int) -> None:
    """Kill a gateway some times, then let it finish."""
    from receivers import EXPLICIT, RPCL, receiver

    with receiver([RPCL, EXPLICIT]) as to:
        turn = Round(folder, to, budget)
        for number in range(kills):
            budget.note(f"kill {number}, {len(turn.acknowledged)} acknowledged")
            told.counts["kills"] += turn.kill_once()
        if wrong := turn.finish():
            told.fault(wrong)
        told.counts["acknowledged"] += len(turn.acknowledged)
        told.counts["delivered twice"] += turn.twice


def run(budget: Budget) -> Told:
    """Kill while there is time."""
    context().set_forkserver_preload(["reliability.warm_net"])
    told = Told()
    sys.setswitchinterval(0.001)  # senders and receiver share this process
    with silent():
        while not budget.over:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                try_round(told, budget, Path(folder), kills=KILLS_OF_A_ROUND)
    return told
