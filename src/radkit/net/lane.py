"""The way to one receiver: what waits for it, what is tried again, and when."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence

from radkit.errors import RadkitError
from radkit.net.spool import Held

__all__ = ["Lane"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
# Of one batch: what is urgent and comes meanwhile waits for no more than this.
MOST_OBJECTS, MOST_BYTES = 16, 32 << 20
logger = logging.getLogger("radkit")


class Lane:
    """Brings objects to one receiver in a thread of its own, the urgent first.

    Parameters
    ----------
    name : str
        Of the receiver.
    deliver : callable(batch) -> list of Held
        Tries to deliver objects, and returns those that are to be tried again.
    """

    def __init__(self, name: str, deliver: Callable[[Sequence[Held]], list[Held]]) -> None:
        self.name = name
        self._deliver = deliver
        self._changed = threading.Condition()
        self._ready: list[tuple[str, Held]] = []  # by name: urgent first, then as they came
        self._later: list[tuple[float, str, Held]] = []  # by the time when they are due
        self._known: set[str] = set()
        self._tries: dict[str, int] = {}
        self._alone: set[str] = set()  # those that a fault of ours has met: not with others again
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"radkit-lane-{name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more than what is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        """Wait for the end."""
        if self._thread.ident is not None:
            self._thread.join()

    def offer(self, held: Held) -> None:
        """Take an object to be delivered; one that waits already is the same one."""
        with self._changed:
            if held.key in self._known:
                return
            self._known.add(held.key)
            heapq.heappush(self._ready, (held.path.name, held))
            self._changed.notify()

    def tries(self, held: Held) -> int:
        """Tell how often an object was tried, the try under way included."""
        return self._tries.get(held.key, 0)

    def _run(self) -> None:
        while True:
            batch = self._next()
            if not batch:
                return
            for held in batch:
                self._tries[held.key] = self.tries(held) + 1
            try:
                again = self._deliver(batch)
            except Exception as error:  # whatever it is, the others go on, and these later
                text = str(error) if isinstance(error, RadkitError) else ""
                logger.error("%d objects wait: %s %s", len(batch), type(error).__name__, text)
                self._alone.update(held.key for held in batch)
                again = list(batch)
            self._settle(batch, {held.key for held in again})

    def _next(self) -> list[Held]:
        """Wait for objects that are due, and return some; none: it is over."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    _, name, held = heapq.heappop(self._later)
                    heapq.heappush(self._ready, (name, held))
                if self._ready:
                    return self._batch()
                self._changed.wait(self._later[0][0] - now if self._later else None)
        return []

    def _batch(self) -> list[Held]:
        """Take the first objects, as many as go together."""
        batch: list[Held] = []
        size = 0
        while self._ready and len(batch) < MOST_OBJECTS:
            held = self._ready[0][1]
            size += _size(held)
            alone = held.key in self._alone
            if batch and (alone or size > MOST_BYTES or held.urgent != batch[0].urgent):
                break
            heapq.heappop(self._ready)
            batch.append(held)
            if alone:
                break
        return batch

    def _settle(self, batch: Sequence[Held], again: set[str]) -> None:
        """Put what is tried again where it waits, and forget the rest."""
        with self._changed:
            for held in batch:
                if held.key in again:
                    pause = FIRST_PAUSE_S * 2 ** min(self._tries[held.key] - 1, 30)
                    due = time.monotonic() + min(LONGEST_PAUSE_S, pause)
                    heapq.heappush(self._later, (due, held.path.name, held))
                else:
                    self._known.discard(held.key)
                    self._alone.discard(held.key)
                    self._tries.pop(held.key, None)


def _size(held: Held) -> int:
    try:
        return held.path.stat().st_size
    except OSError:  # the delivery will say what is wrong with it
        return 0
