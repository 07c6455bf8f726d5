"""Storage commitment (PS3.4 Annex J): a receiver says that it will keep what it has taken.

It is asked for over the association that brought the objects. The answer comes over the same
association, or over one that the receiver opens to us, which only a gateway listens for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PUSH_MODEL", "WELL_KNOWN", "Commitments"]

PUSH_MODEL, WELL_KNOWN = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
SUCCESS, NO_SUCH_INSTANCE, PROCESSING = 0x0000, 0x0112, 0x0110
logger = logging.getLogger("radkit")


@dataclass(slots=True)
class _Request:
    wanted: frozenset[str]
    answers: dict[str, int] = field(default_factory=dict)
    come: threading.Event = field(default_factory=threading.Event)


class Commitments:
    """Requests that wait for their answers, over whatever association they come."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Request] = {}
        self._lock = threading.Lock()

    def ask(self, objects: Iterable[tuple[str, str]]) -> tuple[str, Any]:
        """Return a transaction UID, and the data set that asks for objects.

        Parameters
        ----------
        objects : iterable of (str, str)
            SOP Class and SOP Instance UIDs.
        """
        from pydicom import Dataset
        from pydicom.uid import generate_uid

        asked, items = Dataset(), []
        asked.TransactionUID = generate_uid(prefix=None)
        for sop_class, instance in objects:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
            items.append(item)
        asked.ReferencedSOPSequence = items
        wanted = frozenset(str(item.ReferencedSOPInstanceUID) for item in items)
        with self._lock:
            self._waiting[str(asked.TransactionUID)] = _Request(wanted)
        return str(asked.TransactionUID), asked

    def told(self, event: Any) -> tuple[int, None]:
        """Take an N-EVENT-REPORT; return the status of our answer."""
        try:
            said = event.event_information
            transaction = str(said.TransactionUID)
            answers = {
                str(item.ReferencedSOPInstanceUID): SUCCESS
                for item in said.get("ReferencedSOPSequence") or ()
            }
            for item in said.get("FailedSOPSequence") or ():
                answers[str(item.ReferencedSOPInstanceUID)] = int(item.FailureReason)
        except Exception as error:  # whatever a peer can put into a data set
            logger.warning("an answer about storage makes no sense: %s", type(error).__name__)
            return PROCESSING, None
        with self._lock:
            request = self._waiting.get(transaction)
            if request is None:
                logger.warning("an answer about storage that nobody waits for")
                return NO_SUCH_INSTANCE, None
            request.answers |= {k: v for k, v in answers.items() if k in request.wanted}
        request.come.set()
        return SUCCESS, None

    def wait(self, transaction: str, seconds: float) -> dict[str, int]:
        """Return the answers by instance, 0 for what is kept; none if none came in time."""
        request = self._waiting[transaction]
        request.come.wait(seconds)
        with self._lock:
            del self._waiting[transaction]
            return dict(request.answers)
