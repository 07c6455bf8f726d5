"""Receive, keep, transcode, forward: nothing that was acknowledged is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit import limits
from radkit.errors import OptionError, TransferError
from radkit.net.commitment import Commitments
from radkit.net.delivery import Delivery
from radkit.net.listen import Listen, serve
from radkit.net.peer import Peer
from radkit.net.spool import Held, Spool
from radkit.net.web_listen import WebListen, serve_web

__all__ = ["Gateway", "Route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where objects go on to.

    Parameters
    ----------
    to : Peer or str
        As in `send`.
    syntax : str, optional
        Transfer syntax to prefer, as in `send`.
    rate_kbit_s : float, optional
        Send no faster.
    commit : bool
        The receiver must commit itself to keep an object before it is released; its
        answer may also come to where the gateway listens, as a calling title that is let
        in. C-STORE only.

    Raises
    ------
    OptionError
        Commitment is asked of a web service.
    """

    to: Peer | str
    syntax: str | None = None
    rate_kbit_s: float | None = None
    commit: bool = False

    def __post_init__(self) -> None:
        """Check them against each other."""
        if self.commit and str(self.to).startswith(("http://", "https://")):
            raise OptionError("storage commitment is of C-STORE: a web service has none")


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
    web : WebListen, optional
        Where it receives by STOW-RS as well.
    reserve_bytes : int
        Space of the spool's disk that is left free; beyond it senders are told to come
        again (A700).
    limits : Limits
        In force while objects are looked at and transcoded.

    Notes
    -----
    An object is acknowledged when it is on disk, and deleted when every receiver has
    acknowledged it. What cannot be transcoded goes on as it came. Each receiver has its own
    thread and gets up to 16 objects in one association, the urgent first. One that does not
    answer gets them later, after pauses of 1 to 300 s; what it refuses for good, or what
    this machine fails to bring on its way ten times, is put aside in ``refused/`` with the
    reason. After a crash the next start goes on with what
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
        web: WebListen | None = None,
        reserve_bytes: int = 1 << 30,
        limits: limits.Limits = limits.UNTRUSTED,
    ) -> None:
        if not routes:
            raise OptionError("a gateway needs a route")
        if len({str(route.to) for route in routes}) < len(routes):
            raise OptionError("two routes go to the same receiver")
        self.listen, self.routes, self.limits = listen, tuple(routes), limits
        self.spool = Spool(Path(spool), reserve_bytes=reserve_bytes)
        self.web = web
        self._server: Any = None
        self._web_server: Any = None
        self._commitments = Commitments()
        self._deliveries = [
            Delivery(route, limits, self._settle, self._commitments) for route in self.routes
        ]

    def __enter__(self) -> Self:
        """Begin to listen and to deliver."""
        for held in self.spool.held():
            self._arrived(held)
        self._server = serve(self.listen, self.spool, self._arrived, self._commitments)
        if self.web is not None:
            try:
                self._web_server = serve_web(self.web, self.spool, self._arrived)
            except TransferError:
                self._server.shutdown()
                raise
        for delivery in self._deliveries:
            delivery.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        if self._web_server is not None:
            self._web_server.shutdown()
            self._web_server.server_close()
        for delivery in self._deliveries:
            delivery.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def web_port(self) -> int:
        """Where it listens for STOW-RS."""
        return int(self._web_server.server_address[1])

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `until` says so, or the process is told to end."""
        with self:
            while not until():
                time.sleep(0.2)

    def _arrived(self, held: Held) -> None:
        """Give an object to all that have not answered yet."""
        answers = self.spool.answers(held)
        missing = [one for one in self._deliveries if one.name not in answers]
        for delivery in missing:
            delivery.offer(held)
        if not missing:  # killed between the last answer and the release
            self.spool.finish(held, [one.name for one in self._deliveries])

    def _settle(self, held: Held, to: str, answer: dict[str, Any]) -> None:
        """Note an answer; with the last one the object leaves the spool."""
        self.spool.note(held, to, answer)
        self.spool.finish(held, [one.name for one in self._deliveries])
