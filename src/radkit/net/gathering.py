"""Messages that strangers send: each object goes to disk as it comes, the rest is kept short.

Takes the place of pynetdicom's gatherer of messages (PS3.7 6.3, PS3.8 Annex E), which keeps them
in memory, however long they are.
"""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.filewriter import write_file_meta_info
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dsutils import create_file_meta
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import RequestHandler

from radkit.net.arriving import Arriving
from radkit.net.spool import Spool

__all__ = ["Provider", "handler"]

MAX_COMMAND_BYTES = 1 << 16
MAX_OTHER_BYTES = 1 << 20  # a data set that is no object to be stored
MOST_WAITING = 8  # messages that came before the first was answered
SLOWEST_BYTES_S = 1 << 10  # below it a sender only holds a place

if TYPE_CHECKING:
    from radkit.net.listen import Listen

logger = logging.getLogger("radkit")


class Misuse(Exception):
    """A peer does what no peer does in good faith; its association ends."""


class Provider(DIMSEServiceProvider):
    """Gathers the messages of one association under bounds."""

    def __init__(self, assoc: Any, *, spool: Spool, most: int, timeout_s: float) -> None:
        super().__init__(assoc)
        self._spool, self._most, self._timeout_s = spool, most, timeout_s
        self._command = self._data = 0
        self._begun = 0.0
        self._over = False

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take fragments; end the association if they make no sense."""
        if self._over:
            return
        try:
            for context, data in primitive.presentation_data_value_list:
                self._take(context, data)
        except Exception as error:  # of the peer's bytes, whatever pynetdicom makes of them
            # Only our own words: those of others may quote what the peer has sent.
            why = error if isinstance(error, Misuse) else type(error).__name__
            logger.warning("a connection is cut: %s", why)
            self._over = True
            self.discard()
            # Not an abort: pynetdicom trips over an answer that is on its way meanwhile.
            if self.dul.socket is not None:
                self.dul.socket.close()

    def _take(self, context: int, data: bytes) -> None:
        if self.message is None:
            self._command = self._data = 0
            self._begun = time.monotonic()
        if not data:
            raise Misuse("a fragment without its header")
        self._count(data[0] & 1 == 1, len(data))
        if data[0] & 1 == 0:
            self._make_place(context)
        single = P_DATA()
        single.presentation_data_value_list = [[context, data]]  # type: ignore[list-item]
        super().receive_primitive(single)
        if self.msg_queue.qsize() > MOST_WAITING:
            raise Misuse("requests come without waiting for answers")

    def _count(self, command: bool, size: int) -> None:
        """Bound what is kept in memory of a message, and how long it takes."""
        if command:
            self._command += size
        else:
            self._data += size
        if self._command > MAX_COMMAND_BYTES:
            raise Misuse("a command is too long")
        allowed = self._timeout_s + (self._command + self._data) / SLOWEST_BYTES_S
        if time.monotonic() - self._begun > allowed:
            raise Misuse("a message comes too slowly")

    def _make_place(self, context: int) -> None:
        """See that a fragment of a data set goes to disk, or is short."""
        message = self.message
        if message is None or message.context_id is None:
            raise Misuse("a data set comes before its command")
        if not isinstance(message, C_STORE_RQ):
            if self._data > MAX_OTHER_BYTES:
                raise Misuse("a data set is too long")
            return
        if message._data_set_file is not None:
            return
        arriving = Arriving(self._spool, self._most)
        arriving.start(self._meta(message, context))
        message._data_set_file = arriving  # type: ignore[assignment]
        message._data_set_path = Path(arriving.name)

    def _meta(self, message: C_STORE_RQ, context: int) -> bytes:
        """Return the meta header of an object (PS3.10 7.1)."""
        found = [one for one in self.assoc.accepted_contexts if one.context_id == context]
        if not found:
            raise Misuse("a presentation context that was not agreed on")
        meta = create_file_meta(
            sop_class_uid=message.command_set.AffectedSOPClassUID,
            sop_instance_uid=message.command_set.AffectedSOPInstanceUID,
            transfer_syntax=found[0].transfer_syntax[0],
        )
        head = io.BytesIO()
        write_file_meta_info(head, meta)  # type: ignore[arg-type]
        return head.getvalue()

    def discard(self) -> None:
        """Throw away what has not come whole, and what nobody will answer any more."""
        message, self.message = self.message, None
        files: list[Any] = [] if message is None else [message._data_set_file]
        while not self.msg_queue.empty():
            with contextlib.suppress(queue.Empty):  # the association took it just now
                files.append(getattr(self.msg_queue.get_nowait()[1], "_dataset_file", None))
        for file in files:
            if file is not None:
                file.close()


def handler(listen: Listen, spool: Spool) -> type[RequestHandler]:
    """Return what makes associations whose objects go to a spool."""

    class Handler(RequestHandler):
        def _create_association(self) -> Any:
            made = super()._create_association()
            made.dimse = Provider(
                made, spool=spool, most=listen.max_object_bytes, timeout_s=listen.timeout_s
            )
            return made

    return Handler
