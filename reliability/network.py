"""A line is cut, stalls or ends within a PDU, at each PDU of a dialogue; then lines by chance.

Whatever happens to the line: `send` comes back in time, tells each object as sent or failed
by a typed error, and what it tells as sent is at the receiver, or in the gateway's spool.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import radkit
from radkit import net
from radkit.errors import RadkitError
from reliability.lines import Line, Plan, line
from reliability.objects import coded_object, native_object
from reliability.told import Budget, Told, import_tests, silent

import_tests("tests/net")

__all__ = ["DIALOGUES", "run", "try_break", "try_lossy"]

TIMEOUT_S = 1.0
LONGEST_S = 10 * TIMEOUT_S
FATES = ("cut", "half", "stall")
LOSS = 0.2
OBJECTS_OF_LOSS = 10
RETRIES = 12  # pauses double: a thousandth of a second becomes four


@dataclass(frozen=True)
class Dialogue:
    """What is sent to whom."""

    objects: tuple[bytes, ...]
    gateway: bool = False


def dialogues() -> dict[str, Dialogue]:
    """Return the dialogues."""
    three = tuple(native_object(number) for number in range(3))
    return {
        "one object": Dialogue(three[:1]),
        "three objects": Dialogue((*three[:2], coded_object())),
        "into a gateway": Dialogue(three[:2], gateway=True),
    }


DIALOGUES = tuple(dialogues())


class Place:
    """Where objects arrive: a port, and what is there of them."""

    def __init__(self, port: int, held: Callable[[], list[bytes]]) -> None:
        self.port, self.held = port, held

    def has(self, uid: str) -> bool:
        """Tell whether an object is there, whole."""
        for data in self.held():
            with contextlib.suppress(RadkitError):  # a torn one is none
                ds = radkit.inspect(data)
                if uid.encode() in data and ds.shape and radkit.decode(data).size:
                    return True
        return False


@contextlib.contextmanager
def place(dialogue: Dialogue) -> Iterator[Place]:
    """Listen as a receiver, or as a gateway whose own receiver is away."""
    from receivers import EXPLICIT, J2K, RPCL, receiver

    if not dialogue.gateway:
        with receiver([RPCL, J2K, EXPLICIT], seconds=TIMEOUT_S) as to:
            yield Place(to.port, lambda: list(to.objects))
        return
    with tempfile.TemporaryDirectory() as folder:
        listen = net.Listen(aet="STORE", port=0, timeout_s=TIMEOUT_S)
        routes = [net.Route(to="AWAY@127.0.0.1:1")]
        received = Path(folder) / "received"
        with net.Gateway(listen, routes, spool=folder, reserve_bytes=0) as gate:
            yield Place(gate.port, lambda: [path.read_bytes() for path in received.iterdir()])


def _send(objects: tuple[bytes, ...], port: int, retries: int) -> Any:
    peer = net.Peer(aet="STORE", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S)
    return net.send(list(objects), peer, retries=retries)


def _judge(report: Any, at: Place, count: int) -> str:
    """Return what is wrong with a report."""
    if len(report.sent) + len(report.failed) != count:
        return "an object is in no list"
    for _, error in report.failed:
        if not isinstance(error, RadkitError) or not str(error):
            return f"an unclear failure: {error!r}"
    lost = [sent.instance for sent in report.sent if not at.has(sent.instance)]
    return f"{len(lost)} objects told as sent are not there" if lost else ""


def try_break(name: str, told: Told, budget: Budget, plan: Plan, word: str) -> Line:
    """Send over a line that breaks as planned, without a second try."""
    dialogue = dialogues()[name]
    budget.note(f"{name}: {word}")
    with place(dialogue) as at, line(at.port, plan) as seen:
        begun = time.monotonic()
        try:
            report = _send(dialogue.objects, seen.port, 0)
        except Exception as error:
            told.fault(f"{name}, {word}: {type(error).__name__} escapes: {error}")
            return seen
        wrong = _judge(report, at, len(dialogue.objects))
        if time.monotonic() - begun > LONGEST_S * len(dialogue.objects):
            wrong = wrong or "it takes too long"
        if wrong:
            told.fault(f"{name}, {word}: {wrong}")
    return seen


def each_break(name: str, told: Told, budget: Budget) -> bool:
    """Break the line at each PDU of a dialogue in each way; False if the time was up before."""
    whole = try_break(name, told, budget, lambda direction, number: "pass", "whole line")
    for fate in FATES:
        for direction, count in whole.pdus.items():
            for number in range(count):
                if budget.over:
                    return False

                def plan(word: str, n: int, at: Any = (direction, number), do: Any = fate) -> Any:
                    return do if (word, n) == at else "pass"

                say = f"{fate} at PDU {number} {direction} the receiver"
                seen = try_break(name, told, budget, plan, say)
                told.counts[{"half": "halves"}.get(fate, f"{fate}s")] += seen.broken
    return True


def try_lossy(told: Told, budget: Budget) -> None:
    """Send over lines of which one PDU in five breaks the connection, with many tries."""
    objects = tuple(native_object(number) for number in range(OBJECTS_OF_LOSS))
    whole = Dialogue(objects)

    def plan(word: str, number: int) -> Any:
        return budget.dice.choice(("cut", "half")) if budget.dice.random() < LOSS else "pass"

    budget.note(f"a lossy line, after {told.counts['lines that broke']} that broke")
    with place(whole) as at, line(at.port, plan) as seen:
        report = _send(objects, seen.port, RETRIES)
        if wrong := _judge(report, at, len(objects)):
            told.fault(f"a lossy line: {wrong}")
    told.counts["objects over lossy lines"] += len(report.sent)
    told.counts["objects given up"] += len(report.failed)
    told.counts["lines that broke"] += seen.broken


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep logs away, and pauses short."""
    with silent(), mock.patch("radkit.net.sending.FIRST_PAUSE_S", 0.001):
        yield


def run(budget: Budget) -> Told:
    """Break each dialogue at each place once, then lines by chance while there is time."""
    told = Told()
    with quiet():
        whole = sum(each_break(name, told, budget) for name in DIALOGUES)
        told.at_least("dialogues whole", whole)
        while not budget.over:
            try_lossy(told, budget)
    return told
