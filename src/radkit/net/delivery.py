"""One receiver of a gateway: its thread, what waits for it, and what it has said."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from radkit import limits
from radkit.errors import CorruptFile, RadkitError, TransferError
from radkit.net.commitment import Commitments
from radkit.net.results import Sent
from radkit.net.sending import send_with
from radkit.net.spool import Held
from radkit.net.store import Refused

__all__ = ["Delivery"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
# Of an association: what is urgent waits for so much at most.
MOST_AT_ONCE, MOST_BYTES_AT_ONCE = 16, 64 << 20
MOST_TRIES = 10  # of an object that this machine cannot bring on its way, over a quarter of an hour
Answer = dict[str, Any]
logger = logging.getLogger("radkit")


class Delivery:
    """Brings objects to one receiver, the urgent first, then in the order of their coming.

    Parameters
    ----------
    route : Route
        Where to.
    known : Limits
        In force while objects are looked at and transcoded.
    settle : callable
        Is given an object and what the receiver said of it.
    commitments : Commitments
        Also told of answers that come to where the gateway listens.
    """

    def __init__(
        self,
        route: Any,
        known: limits.Limits,
        settle: Callable[[Held, str, Answer], None],
        commitments: Commitments,
    ) -> None:
        self._commitments = commitments
        self.name = str(route.to)
        self._route, self._limits, self._settle = route, known, settle
        self._ready: list[tuple[str, Held]] = []  # by names, which say what goes first
        self._later: list[tuple[float, str, Held]] = []  # by the time of the next try
        self._tries: dict[str, int] = {}
        self._keys: set[str] = set()
        self._change = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"radkit-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand."""
        with self._change:
            self._stopped = True
            self._change.notify()
        self._thread.join()

    def offer(self, held: Held) -> None:
        """Take an object; one that is here already is here once."""
        with self._change:
            if held.key in self._keys:
                return
            self._keys.add(held.key)
            heapq.heappush(self._ready, (held.path.name, held))
            self._change.notify()

    def _run(self) -> None:
        while True:
            batch = self._next()
            if not batch:
                return
            try:
                self._deliver(batch)
            except Exception as error:  # whatever it is, it is tried again and stops nothing else
                self._failed(batch, f"{type(error).__name__}: {error}")

    def _next(self) -> list[Held]:
        """Wait for objects that are due; none: it is the end."""
        with self._change:
            while not self._stopped:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    _, name, held = heapq.heappop(self._later)
                    heapq.heappush(self._ready, (name, held))
                if self._ready:
                    return self._batch()
                self._change.wait(self._later[0][0] - now if self._later else None)
        return []

    def _batch(self) -> list[Held]:
        """Take objects for one association; one that failed before goes alone."""
        batch: list[Held] = []
        size = 0
        while self._ready and len(batch) < MOST_AT_ONCE:
            first = self._ready[0][1]
            failed = first.key in self._tries
            size += first.bytes
            if batch and (failed or size > MOST_BYTES_AT_ONCE or batch[0].urgent != first.urgent):
                break
            batch.append(heapq.heappop(self._ready)[1])
            if failed:
                break
        return batch

    def _failed(self, batch: list[Held], why: str) -> None:
        """Try again what failed as a whole; an object that does so alone is given up some day."""
        for held in batch:
            last = len(batch) == 1 and self._tries.get(held.key, 0) + 1 >= MOST_TRIES
            logger.error("%s: %s; it is %s", self.name, why, "put aside" if last else "tried again")
            if last:
                self._done(held, {"refused": why})
            else:
                self._again(held)

    def _done(self, held: Held, answer: Answer) -> None:
        self._settle(held, self.name, answer)
        with self._change:
            self._keys.discard(held.key)
            self._tries.pop(held.key, None)

    def _deliver(self, batch: list[Held]) -> None:
        """Send objects in one association, and note what is said of each."""
        # What came again while it was being released is gone.
        gone = [held for held in batch if not held.path.exists()]
        batch = [held for held in batch if held not in gone]
        with self._change:
            self._keys.difference_update(held.key for held in gone)
        if not batch:
            return
        noted: set[str] = set()

        def taken(number: int, result: Sent | RadkitError) -> None:
            """Note at once what was delivered: a kill must not send it again."""
            if isinstance(result, Sent):
                held = batch[number]
                self._done(held, self._answer(held, result) or {})
                noted.add(held.key)

        with limits.use(self._limits):
            report = send_with(
                [held.path for held in batch],
                self._route.to,
                syntax=self._route.syntax,
                rate_kbit_s=self._route.rate_kbit_s,
                retries=0,
                commitments=self._commitments if self._route.commit else None,
                settled=taken,
            )
        for held, (_, result) in zip(batch, report.entries, strict=True):
            if held.key in noted:
                continue
            answer = self._answer(held, result)
            if answer is None:
                self._again(held)
            else:
                self._done(held, answer)

    def _answer(self, held: Held, result: Sent | RadkitError) -> Answer | None:
        """Return what is to be remembered; None: it is to be tried again."""
        if isinstance(result, Sent):
            said = {"syntax": result.syntax.uid, "status": result.status}
            return {**said, "committed": True} if result.committed else said
        if isinstance(result, Refused | CorruptFile):
            logger.error("%s: %s", self.name, result)
            return {"refused": str(result)}
        if isinstance(result, TransferError):
            logger.warning("%s: %s; it is tried again", self.name, result)
            return None
        # Of this machine, such as its memory or a codec: nothing that a receiver has said.
        told = f"{type(result).__name__}: {result}"
        if self._tries.get(held.key, 0) + 1 >= MOST_TRIES:
            logger.error("%s: %s; it is put aside after %d tries", self.name, told, MOST_TRIES)
            return {"refused": told}
        logger.error("%s: %s; it is tried again", self.name, told)
        return None

    def _again(self, held: Held) -> None:
        tries = self._tries.get(held.key, 0)
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(tries, 20))
        with self._change:
            self._tries[held.key] = tries + 1
            heapq.heappush(self._later, (time.monotonic() + pause, held.path.name, held))
