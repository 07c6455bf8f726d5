"""An object that somebody sends: it goes to disk as it comes, or is dropped as it comes."""

from __future__ import annotations

import logging

from radkit.errors import TransferError
from radkit.net.spool import Incoming, Spool
from radkit.net.store import NO_RESOURCES, NOT_UNDERSTOOD

__all__ = ["Arriving"]

PREAMBLE = bytes(128) + b"DICM"
logger = logging.getLogger("radkit")


class Arriving:
    """An object on its way into a spool; pynetdicom takes it for the file that it writes to.

    What cannot be kept is counted and dropped, so that the sender gets an answer.

    Parameters
    ----------
    spool : Spool
        Where it goes.
    most : int
        Bytes that it may have.

    Attributes
    ----------
    status : int
        0, or the answer to an object that cannot be kept.
    """

    def __init__(self, spool: Spool, most: int) -> None:
        self.status = 0
        self._most = most
        self._data = 0
        self.incoming: Incoming | None = None
        try:
            self.incoming = Incoming(spool)
        except TransferError as error:
            self._refuse(NO_RESOURCES, error)

    def start(self, meta: bytes) -> None:
        """Write the head of the file; only what follows counts as the object."""
        self.write(PREAMBLE + meta)
        self._data = 0

    def write(self, data: bytes) -> None:
        """Take a fragment."""
        self._data += len(data)
        if self._data > self._most and not self.status:
            self._refuse(NOT_UNDERSTOOD, f"it has more than {self._most} bytes")
        if self.incoming is None or self.status:
            return
        try:
            self.incoming.write(data)
        except TransferError as error:
            self._refuse(NO_RESOURCES, error)

    def _refuse(self, status: int, why: object) -> None:
        self.status = status
        logger.warning("an object is not received: %s", why)
        self.close()

    # What pynetdicom asks of a file.
    @property
    def file(self) -> Arriving:
        """Itself."""
        return self

    @property
    def name(self) -> str:
        """Where it lies."""
        return "" if self.incoming is None else str(self.incoming.path)

    def flush(self) -> None:
        """Do nothing: it is flushed once, when it is kept."""

    def close(self) -> None:
        """Throw it away, unless it was kept."""
        if self.incoming is not None:
            self.incoming.discard()
