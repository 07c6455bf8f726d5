"""Receive, keep, transcode, forward: nothing that was acknowledged is lost."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit import limits
from radkit.errors import (
    CorruptFile,
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    RadkitError,
    UnsupportedTransferSyntax,
    VerificationError,
)
from radkit.net.lane import Lane
from radkit.net.listen import Listen, serve
from radkit.net.peer import Peer
from radkit.net.results import Sent
from radkit.net.sending import send
from radkit.net.spool import Held, Spool
from radkit.net.store import Refused

__all__ = ["Gateway", "Route"]

# What no later try changes.
FINAL = (Refused, CorruptFile)
# What lies in the object, unless this machine or the receiver is changed; all else is of the
# moment, and is tried for ever.
HOPELESS = (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    OptionError,
    UnsupportedTransferSyntax,
    VerificationError,
)
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
    attempts : int, default 10
        Tries of an object that cannot be brought into a transfer syntax the receiver
        takes; then it is put aside. (A receiver that is away is tried for ever.)

    Raises
    ------
    OptionError
        There are fewer than one attempt.
    """

    to: Peer | str
    syntax: str | None = None
    attempts: int = 10

    def __post_init__(self) -> None:
        """Check the attempts."""
        if self.attempts < 1:
            raise OptionError(f"attempts must be at least 1, not {self.attempts}")


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
    not answer gets it later, after pauses of 1 to 300 s, and holds up no other; what it
    refuses for good, or what cannot be made into anything it takes, is put aside in
    ``refused/`` with the reason. Up to 16 objects go in one association. After a crash
    the next start goes on with what is in the folders; an object whose record was not
    written yet is sent a second time.

    Use as a context manager, or `run` it.

    Raises
    ------
    OptionError
        There is no route, or there are two to one receiver.
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
        self.listen, self.routes, self.limits = listen, tuple(routes), limits
        names = [str(route.to) for route in routes]
        if not names or len(set(names)) < len(names):
            raise OptionError("a gateway needs a route, and one only to each receiver")
        self.spool = Spool(Path(spool), reserve_bytes=reserve_bytes)
        self._lanes = [
            Lane(str(route.to), functools.partial(self._deliver, number))
            for number, route in enumerate(self.routes)
        ]
        self._server: Any = None

    def __enter__(self) -> Self:
        """Begin to listen and to deliver."""
        for held in self.spool.held():
            self._offer(held)
        self._server = serve(self.listen, self.spool, self._offer)
        for lane in self._lanes:
            lane.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        for lane in self._lanes:
            lane.stop()
        for lane in self._lanes:
            lane.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `until` says so, or the process is told to end."""
        with self:
            while not until():
                time.sleep(0.2)

    def _offer(self, held: Held) -> None:
        """Put an object on its ways, those that it has not gone yet."""
        answers = self.spool.answers(held)
        if self._finish(held, answers):
            return
        for lane in self._lanes:
            if lane.name not in answers:
                lane.offer(held)

    def _finish(self, held: Held, answers: dict[str, Any]) -> bool:
        """Let an object go if all receivers have answered."""
        if any(lane.name not in answers for lane in self._lanes):
            return False
        refused = any("refused" in answer for answer in answers.values())
        (self.spool.put_aside if refused else self.spool.release)(held)
        return True

    def _deliver(self, number: int, batch: Sequence[Held]) -> list[Held]:
        """Send objects by a route; return those that are to be tried again."""
        route, lane = self.routes[number], self._lanes[number]
        with limits.use(self.limits):
            report = send([held.path for held in batch], route.to, syntax=route.syntax, retries=0)
        again = []
        for held, (_, result) in zip(batch, report.entries, strict=True):
            answer = self._answer(route, result, lane.tries(held))
            if answer is None:
                again.append(held)
            else:
                self._finish(held, self.spool.note(held, lane.name, answer))
        return again

    def _answer(
        self, route: Route, result: Sent | RadkitError, tries: int
    ) -> dict[str, Any] | None:
        """Return what is written down of a result, None if the object is to be tried again."""
        if isinstance(result, Sent):
            return {"syntax": result.syntax.uid, "status": result.status}
        final = isinstance(result, FINAL)
        hopeless = isinstance(result, HOPELESS) and tries >= route.attempts
        logger.log(
            logging.ERROR if final or hopeless else logging.WARNING,
            "%s: %s: %s; %s", route.to, type(result).__name__, result,
            "it is put aside" if final or hopeless else "it is tried again",
        )  # fmt: skip
        return {"refused": str(result)} if final or hopeless else None
