"""Connections under bounds: how long a message may be, how slowly it may come, how fast we send.

pynetdicom reads what a PDU (PS3.8 9.3.1) announces, waits for it without end, gathers messages in
memory, and queues a whole object before its first byte has left. What stands here takes the place
of its socket, its queue of outgoing PDUs and its server. Imported where an association is made
only, since it needs pynetdicom.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import queue
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynetdicom.ae import ApplicationEntity
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from radkit.net.pace import Pace

__all__ = ["MAX_PDU_BYTES", "Bounds", "Entity", "Server", "is_listed"]

MAX_PDU_BYTES = 1 << 17  # announced to peers
SLACK_BYTES = 1 << 10  # some peers leave headers out of their count
# 128 presentation contexts with some thirty transfer syntaxes each, and user information.
MAX_ASSOCIATE_BYTES = 1 << 18
MOST_QUEUED_PDUS = 4
PIECE_BYTES = 1 << 16
ASSOCIATE, ACCEPT, DATA = 0x01, 0x02, 0x04
SHORT = (0x03, 0x05, 0x06, 0x07)  # reject, release, abort: four bytes each

logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a connection may do."""

    timeout_s: float
    pace: Pace | None = None

    @staticmethod
    def most(kind: int) -> int:
        """Return the longest body of a kind of PDU; -1: there is no such kind."""
        if kind in SHORT:
            return 4
        if kind == DATA:
            return MAX_PDU_BYTES + SLACK_BYTES
        return MAX_ASSOCIATE_BYTES if kind in (ASSOCIATE, ACCEPT) else -1


class Socket(AssociationSocket):
    """A connection that is cut when a PDU is too long, or takes too long."""

    bounds: Bounds
    sending: bool
    _in_body: bool
    _until: float

    @classmethod
    def around(cls, plain: AssociationSocket, bounds: Bounds) -> Socket:
        """Take over a socket that pynetdicom has made."""
        made = cls.__new__(cls)
        made.__dict__.update(plain.__dict__)
        made.bounds, made._in_body, made._until, made.sending = bounds, False, 0.0, False
        return made

    def recv(self, nr_bytes: int) -> bytearray:
        """Read the header of a PDU, or its body if the header was read last."""
        if self._in_body:
            self._in_body = False
            return self._read(nr_bytes)
        self._until = time.monotonic() + self.bounds.timeout_s
        header = self._read(nr_bytes)
        if len(header) == 6:
            kind, length = struct.unpack(">BxL", header)
            if length > self.bounds.most(kind):
                logger.warning("a connection is cut: a message of %d bytes is announced", length)
                raise ConnectionAbortedError("the message is too long")
            self._in_body = True
        return header

    def _read(self, size: int) -> bytearray:
        """Read so many bytes, or fewer if the connection ends, before the time of the PDU is up."""
        data = bytearray()
        while self.socket is not None and len(data) < size:
            left = self._until - time.monotonic()
            if left <= 0:
                logger.warning("a connection is cut: a message takes too long")
                raise TimeoutError("the message takes too long")
            self.socket.settimeout(left)
            more = self.socket.recv(min(size - len(data), PIECE_BYTES))
            if not more:
                break
            data += more
        return data

    def send(self, bytestream: bytes) -> None:
        """Send a PDU at the pace that is set; a peer that does not read is given up."""
        self.sending = True
        try:
            for piece in self._pieces(bytestream):
                if self.socket is None:
                    return
                self.socket.settimeout(self.bounds.timeout_s)
                self.socket.sendall(piece)
        except OSError as error:
            logger.info("a connection broke while sending: %s", type(error).__name__)
            self.event_queue.put("Evt17")  # pynetdicom's name of a connection that is closed
        finally:
            self.sending = False

    def _pieces(self, data: bytes) -> Iterator[memoryview]:
        view = memoryview(data)
        if self.bounds.pace is None:
            yield view
            return
        while view:
            piece = view[: self.bounds.pace.piece_bytes]
            self.bounds.pace.wait(len(piece))
            yield piece
            view = view[len(piece) :]


class _Outgoing(queue.Queue[Any]):
    """PDUs that wait to be sent: few, so that an object is read as it leaves."""

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__(MOST_QUEUED_PDUS)
        self._thread = thread

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Wait for room as long as somebody empties it."""
        while True:
            try:
                super().put(item, timeout=0.2)
                return
            except queue.Full:
                if not self._thread.is_alive():
                    raise RuntimeError("the association has ended") from None


class _Asking(DIMSEServiceProvider):
    """Messages of an association of ours: the wait for an answer begins when all has been sent."""

    def get_msg(self, block: bool = False) -> Any:
        """Return the next message, or (None, None)."""
        connection = self.dul.socket
        while block and self.dul.is_alive() and isinstance(connection, Socket):
            if not connection.sending and self.dul.to_provider_queue.empty():
                break
            if not self.msg_queue.empty():  # told before all was sent, or broken off
                break
            time.sleep(0.001)
        return super().get_msg(block)


class Entity(ApplicationEntity):
    """An application whose associations are under bounds."""

    bounds: Bounds

    def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> AssociationSocket:
        plain = super()._create_socket(assoc, address, tls_args)
        assoc.dul.to_provider_queue = _Outgoing(assoc.dul)
        assoc.dimse = _Asking(assoc)
        return Socket.around(plain, self.bounds)


class Handler(RequestHandler):
    """Makes associations whose sockets are under bounds."""

    server: Server

    def _create_association(self) -> Any:
        made = super()._create_association()
        plain = made.dul.socket
        assert plain is not None  # pynetdicom has just set it
        made.dul.socket = Socket.around(plain, self.server.bounds)
        made.dimse = self.server.provider(made)
        return made


def is_listed(address: str, networks: list[Any] | None) -> bool:
    """Tell whether an address is let in; None: all are."""
    if networks is None:
        return True
    found = ipaddress.ip_address(address.partition("%")[0])
    # A listener of IPv6 sees IPv4 senders under mapped addresses.
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


class Server(ThreadedAssociationServer):
    """Accepts connections of those who are on the list, and of no more than it can bear.

    Parameters
    ----------
    *args, **words
        Of pynetdicom's server.
    bounds : Bounds
        Of each connection.
    networks : list or None
        Who may connect.
    most : int
        Connections at a time; those above are closed at once.
    provider : callable
        Makes what gathers the messages of an association.
    """

    request_queue_size = 64
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        *args: Any,
        bounds: Bounds,
        networks: list[Any] | None,
        most: int,
        provider: Any,
        **words: Any,
    ) -> None:
        self.bounds, self.networks, self.most, self.provider = bounds, networks, most, provider
        self._greeting = 0  # connections whose association has not begun
        self._counting = threading.Lock()
        super().__init__(*args, **{**words, "request_handler": Handler})

    def get_request(self) -> Any:
        """Accept a connection; TLS comes later, in a thread of its own."""
        assert self.socket is not None  # it is made with the server
        accepted, address = self.socket.accept()
        accepted.settimeout(self.bounds.timeout_s)
        return accepted, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn away who is not on the list, before anything is read."""
        if not is_listed(str(client_address[0]), self.networks):
            logger.warning("refused: an address that is not on the list")
            return False
        with self._counting:
            if self._greeting + len(self.active_associations) >= self.most:
                logger.warning("refused: there are %d connections already", self.most)
                return False
            self._greeting += 1
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Begin an association."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._counting:
                self._greeting -= 1

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS if that is asked for, then DICOM."""
        if self.ssl_context is not None:
            request = self.ssl_context.wrap_socket(request, server_side=True)
        Handler(request, client_address, self)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, whatever state it is in."""
        with contextlib.suppress(OSError):  # it is closed already
            request.shutdown(socket.SHUT_RDWR)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what became of a connection that no association came of."""
        logger.warning("a connection came to nothing: %s", type(sys.exc_info()[1]).__name__)

    def shutdown(self) -> None:
        """Stop to accept, and end what is going on."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()
        for association in self.active_associations:
            association.abort(block=False)
