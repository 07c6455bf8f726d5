"""Associations of ours under bounds: what may come back, how fast objects leave, how much waits.

pynetdicom waits for a peer that does not read without end, believes the length that an answer
announces, and queues a whole object before its first byte has left. What stands here takes the
place of its socket and its queue of outgoing PDUs (PS3.8 9.3.1). Imported where an association is
made only, since it needs pynetdicom.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from pynetdicom.ae import ApplicationEntity
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.transport import AssociationSocket

from radkit.net.door import Stream
from radkit.net.throttle import Throttle

__all__ = ["Entity"]

MOST_QUEUED_PDUS = 4
logger = logging.getLogger("radkit")


class Socket(AssociationSocket):
    """A connection that is cut when a PDU is too long, or takes too long."""

    timeout_s: float
    throttle: Throttle | None
    stream: Stream
    sending: bool

    @classmethod
    def around(
        cls, plain: AssociationSocket, timeout_s: float, throttle: Throttle | None
    ) -> Socket:
        """Take over a socket that pynetdicom has made."""
        made = cls.__new__(cls)
        made.__dict__.update(plain.__dict__)
        made.timeout_s, made.throttle, made.sending = timeout_s, throttle, False
        made.stream = Stream(timeout_s)
        return made

    def recv(self, nr_bytes: int) -> bytearray:
        """Read the header of a PDU, or its body, if the header announced no nonsense."""
        if self.socket is not None:
            self.socket.settimeout(self.timeout_s)
        data = super().recv(nr_bytes)
        self.stream.came(data)
        return data

    def send(self, bytestream: bytes) -> None:
        """Send a PDU at the pace that is set; a peer that does not read is given up."""
        self.sending = True
        try:
            for piece in self._pieces(bytestream):
                if self.socket is None:
                    return
                self.socket.settimeout(self.timeout_s)
                self.socket.sendall(piece)
        except OSError as error:
            logger.info("a connection broke while sending: %s", type(error).__name__)
            self.event_queue.put("Evt17")  # pynetdicom's name of a connection that is closed
        finally:
            self.sending = False

    def _shutdown_socket(self) -> None:
        """Close the socket, also one that was never connected, which pynetdicom leaves open."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()

    def _pieces(self, data: bytes) -> Iterator[memoryview]:
        view = memoryview(data)
        if self.throttle is None:
            yield view
            return
        while view:
            piece = view[: self.throttle.piece_bytes]
            self.throttle.sent(len(piece))
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

    timeout_s: float
    throttle: Throttle | None = None

    def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> AssociationSocket:
        plain = super()._create_socket(assoc, address, tls_args)
        assoc.dul.to_provider_queue = _Outgoing(assoc.dul)
        assoc.dimse = _Asking(assoc)
        return Socket.around(plain, self.timeout_s, self.throttle)
