"""The door of the gateway: who may connect, and how much may come before anybody looks at it.

pynetdicom reads what a message announces into memory, and looks at the sender afterwards. Here an
address is checked when the connection is accepted, and each protocol data unit when its six bytes
of header have come (PS3.8 9.3).
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import socketserver
import ssl
import struct
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from radkit.errors import OptionError
from radkit.net.store import MOST_PDU_BYTES

if TYPE_CHECKING:
    from radkit.net.listen import Listen
    from radkit.net.spool import Spool

__all__ = ["Stream", "guarded", "is_listed", "networks_of"]

ASSOCIATE, DATA = 0x01, 0x04
# An association request: 128 contexts take some 30 kB, with thirty transfer syntaxes each 120 kB.
MOST_ASSOCIATE = 1 << 18
MOST_OTHER = 1 << 10  # of releases and aborts
MOST_DATA = MOST_PDU_BYTES + 64  # some peers leave headers out of their count
LEAST_BYTES_S = 1000  # a sender that is slower is cut off
WAITING = 32  # connections beyond the associations that may stand open
HEADER = struct.Struct(">BxL")
logger = logging.getLogger("radkit")


class Stream:
    """What comes over one connection, looked at as it comes.

    Parameters
    ----------
    timeout_s : float
        For a unit to come, and the time that its length takes at 1000 bytes a second.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._head = bytearray()
        self._kind = 0
        self._left = 0  # of the unit
        self._end = float("inf")

    def came(self, data: bytes | bytearray) -> None:
        """Look at bytes.

        Raises
        ------
        ConnectionAbortedError
            They are too many, or too slow.
        """
        if time.monotonic() > self._end:
            raise ConnectionAbortedError("a unit comes too slowly")
        at = 0
        while at < len(data):
            if self._left:
                at += self._body(len(data) - at)
                continue
            if not self._head:
                self._end = time.monotonic() + self._timeout_s
            more = data[at : at + HEADER.size - len(self._head)]
            self._head += more
            at += len(more)
            if len(self._head) == HEADER.size:
                self._begin()

    def _begin(self) -> None:
        """Read the header of a unit."""
        self._kind, self._left = HEADER.unpack(self._head)
        self._head.clear()
        most = {ASSOCIATE: MOST_ASSOCIATE, DATA: MOST_DATA}.get(self._kind, MOST_OTHER)
        if self._left > most:
            raise ConnectionAbortedError("a unit announces more than is allowed")
        self._end = time.monotonic() + self._timeout_s + self._left / LEAST_BYTES_S
        if not self._left:
            self._end = float("inf")

    def _body(self, there: int) -> int:
        """Count bytes of a unit; return how many."""
        count = min(self._left, there)
        self._left -= count
        if not self._left:
            self._end = float("inf")
        return count


class _Watched:
    """A socket whose bytes are looked at."""

    stream: Stream | None = None
    ended: Callable[[], object] | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        data: bytes = super().recv(size, flags)  # type: ignore[misc]
        if self.stream is not None:
            try:
                self.stream.came(data)
            except ConnectionAbortedError as error:
                logger.warning("cut off: %s", error)
                raise
        return data

    def close(self) -> None:
        if self.ended is not None:
            self.ended()
        super().close()  # type: ignore[misc]


class _Plain(_Watched, socket.socket):
    pass


class _Tls(_Watched, ssl.SSLSocket):  # type: ignore[misc]  # its defaults differ
    pass


def networks_of(addresses: tuple[str, ...] | None) -> list[Any] | None:
    """Return the networks that are let in; None: all.

    Raises
    ------
    OptionError
        One is neither an address nor a network.
    """
    if addresses is None:
        return None
    try:
        return [ipaddress.ip_network(one, strict=False) for one in addresses]
    except ValueError as error:
        raise OptionError(f"addresses: {error}") from None


def is_listed(networks: list[Any] | None, client_address: Any) -> bool:
    """Tell whether a client is let in."""
    if networks is None:
        return True
    address = ipaddress.ip_address(str(client_address[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)


def guarded(listen: Listen, spool: Spool) -> type[Any]:
    """Return the class of server that pynetdicom is to use."""
    from pynetdicom.transport import ThreadedAssociationServer

    from radkit.net.gathering import handler

    networks = networks_of(listen.addresses)

    class Guarded(ThreadedAssociationServer):
        """Turns strangers away before a byte is read, and never waits for one."""

        daemon_threads = True
        standing = 0  # connections
        counting = threading.Lock()

        def __init__(self, *given: Any, **options: Any) -> None:
            self.by_address: weakref.WeakValueDictionary[tuple[str, int], Any]
            self.by_address = weakref.WeakValueDictionary()
            super().__init__(*given, **{**options, "request_handler": handler(listen, spool)})

        def get_request(self) -> tuple[socket.socket, Any]:
            # Not as in the base: a handshake here would hold up all others.
            assert self.socket is not None  # it is bound
            return self.socket.accept()

        def verify_request(self, request: Any, client_address: Any) -> bool:
            if not is_listed(networks, client_address):
                logger.warning("refused: an address that is not on the list")
                return False
            with self.counting:
                if self.standing >= listen.max_associations + WAITING:
                    logger.warning("refused: too many connections")
                    return False
                self.standing += 1
            return True

        def closed(self, address: tuple[str, int]) -> None:
            """Be told by pynetdicom that a connection is over."""
            made = self.by_address.pop(address, None)
            if made is not None:
                made.close()  # pynetdicom may just drop it

        def ended(self) -> None:
            with self.counting:
                self.standing -= 1

        def shutdown(self) -> None:
            # Not as in the base, which also forgets it among servers that pynetdicom started.
            socketserver.BaseServer.shutdown(self)
            self.server_close()
            for association in self.active_associations:
                association.abort(block=False)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                checked = self._checked(request)
            except (OSError, ValueError) as error:
                logger.warning("no connection: %s", type(error).__name__)
                self.ended()
                self.shutdown_request(request)
                return
            super().process_request_thread(checked, client_address)

        def _checked(self, request: socket.socket) -> socket.socket:
            made: _Plain | _Tls
            if self.ssl_context is None:
                made = _Plain(fileno=request.detach())
                made.settimeout(listen.timeout_s)
            else:
                request.settimeout(listen.timeout_s)
                self.ssl_context.sslsocket_class = _Tls
                made = cast("_Tls", self.ssl_context.wrap_socket(request, server_side=True))
            peer = made.getpeername()[:2]
            made.stream = Stream(listen.timeout_s)
            # Not every end of a connection in pynetdicom closes the socket; some just drop it.
            made.ended = weakref.finalize(made, self.ended)
            self.by_address[peer] = made
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return made

    return Guarded
