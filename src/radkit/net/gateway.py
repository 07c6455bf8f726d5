"""Receive, keep, transcode, forward: nothing that was acknowledged is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit import limits
from radkit.errors import CorruptFile, OptionError, RadkitError, TransferError
from radkit.net.listen import Listen, serve
from radkit.net.peer import Peer
from radkit.net.results import Sent
from radkit.net.sending import send
from radkit.net.spool import Held, Spool
from radkit.net.store import Refused

__all__ = ["Gateway", "Route"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where objects go on to.

    Parameters
    ----------
    to : Peer or str
        As in `send`.
    syntax : str, optional
        Transfer syntax to prefer, as in `send`.
    """

    to: Peer | str
    syntax: str | None = None


class Gateway:
    """A service between senders and receivers.

    Parameters
    ----------
    listen : Listen
        Where it listens, and to whom.
    routes : sequence of Route
        Each object goes to all of them.
    spool : path
        A folder that this gateway owns alone.
    reserve_bytes : int
        Space of the spool's disk that is left free; beyond it senders are told to come
        again (A700).
    limits : Limits
        In force while objects are looked at and transcoded.

    Notes
    -----
    An object is acknowledged when it is on disk, and deleted when every receiver has
    acknowledged it. What cannot be transcoded goes on as it came. A receiver that does
    not answer gets it later, after pauses of 1 to 300 s; what it refuses for good is put
    aside in ``refused/`` with the reason. After a crash the next start goes on with what
    is in the folders; an object whose record was not written yet is sent a second time.

    Use as a context manager, or `run` it.

    Raises
    ------
    OptionError
        There is no route.
    TransferError
        The spool cannot be opened, or the address not listened at.
    """

    def __init__(
        self,
        listen: Listen,
        routes: Sequence[Route],
        *,
        spool: str | Path,
        reserve_bytes: int = 1 << 30,
        limits: limits.Limits = limits.UNTRUSTED,
    ) -> None:
        if not routes:
            raise OptionError("a gateway needs a route")
        self.listen, self.routes, self.limits = listen, tuple(routes), limits
        self.spool = Spool(Path(spool), reserve_bytes=reserve_bytes)
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._later: dict[tuple[str, str], tuple[float, int]] = {}  # when to try again, tries
        self._server: Any = None
        self._worker = threading.Thread(target=self._deliver, name="radkit-gateway", daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen and to deliver."""
        self._server = serve(self.listen, self.spool, self._wake.set)
        self._worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._stopped.set()
        self._wake.set()
        self._worker.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `until` says so, or the process is told to end."""
        with self:
            while not until():
                time.sleep(0.2)

    def _deliver(self) -> None:
        """Bring objects on their way, one after the other, until stopped."""
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                wait = self._round()
            except RadkitError as error:  # the spool's disk: nothing is lost, it is tried again
                logger.error("delivery: %s", error)
                wait = FIRST_PAUSE_S
            self._wake.wait(wait)

    def _round(self) -> float:
        """Deliver all that is due; return the seconds until more is."""
        for held in self.spool.held():
            if self._stopped.is_set():
                break
            if not held.urgent and self._wake.is_set():
                return 0.0  # something has come, which may be urgent
            try:
                self._one(held)
            except Exception as error:  # whatever it is, the others go on, and this one later
                logger.error("an object waits: %s: %s", type(error).__name__, error)
                self._later[held.key, ""] = (time.monotonic() + LONGEST_PAUSE_S, 0)
        now = time.monotonic()
        return min((max(0.05, due - now) for due, _ in self._later.values()), default=60.0)

    def _one(self, held: Held) -> None:
        """Bring an object to all that have not answered yet."""
        if time.monotonic() < self._later.get((held.key, ""), (0.0, 0))[0]:
            return
        self._later.pop((held.key, ""), None)
        answers = self.spool.answers(held)
        for route in self.routes:
            name = str(route.to)
            due, tries = self._later.get((held.key, name), (0.0, 0))
            if name in answers or time.monotonic() < due:
                continue
            answer = self._answer(held, route)
            if answer is None:
                pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**tries)
                self._later[held.key, name] = (time.monotonic() + pause, tries + 1)
                continue
            self._later.pop((held.key, name), None)
            self.spool.note(held, name, answer)
            answers[name] = answer
        if all(str(route.to) in answers for route in self.routes):
            refused = any("refused" in answer for answer in answers.values())
            (self.spool.put_aside if refused else self.spool.release)(held)

    def _answer(self, held: Held, route: Route) -> dict[str, Any] | None:
        """Send an object; return what the receiver said, None if it is to be tried again."""
        with limits.use(self.limits):
            report = send([held.path], route.to, syntax=route.syntax, retries=0)
        result = report.entries[0][1]
        if isinstance(result, Sent):
            return {"syntax": result.syntax.uid, "status": result.status}
        if isinstance(result, TransferError) and not isinstance(result, Refused):
            logger.warning("%s: %s; it is tried again", route.to, result)
            return None
        if not isinstance(result, Refused | CorruptFile):
            # Of this machine, such as its memory: nothing that a receiver has said.
            logger.error("%s: %s: %s; it is tried again", route.to, type(result).__name__, result)
            return None
        logger.error("%s: %s", route.to, result)
        return {"refused": str(result)}
