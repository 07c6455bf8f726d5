"""STOW-RS (PS3.18 10.5): objects posted to a DICOMweb service, one in a request."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radkit.dicom.uids import TransferSyntax
from radkit.errors import RadkitError, TransferError
from radkit.net import store
from radkit.net.objects import Outgoing, look, wishes
from radkit.net.service import Answer, Service
from radkit.net.throttle import Throttle

__all__ = ["Courier"]

logger = logging.getLogger("radkit")

# What a service says of an object that it cannot take in this transfer syntax (PS3.18 10.5.3).
_NOT_LIKE_THIS = (0x0122, 0xC122, 0xA900, 0xC000, 0x0110)
_FAILED, _STORED, _WARNING, _REASON = "00081198", "00081199", "00081196", "00081197"
_SYNTAX = (0x0122, 0xC122)  # of these, what holds for all objects of a class


class Courier:
    """Takes objects to a service; what it does not take in one syntax is offered in the next."""

    def __init__(self, service: Service, throttle: Throttle | None = None) -> None:
        self.service, self._throttle = service, throttle
        self._known: dict[tuple[str, str], bool] = {}  # by class and syntax: whether it is taken

    def trips(self, work: Sequence[Outgoing], wish: TransferSyntax | None, trip: Any) -> None:
        """Try to deliver each object."""
        for one in work:
            self._deliver(one, wish, trip)

    def _deliver(self, one: Outgoing, wish: TransferSyntax | None, trip: Any) -> None:
        told: RadkitError = store.Refused("the service takes the object in no transfer syntax")
        for target in [wish] if trip.lossy is not None else wishes(one, wish):
            assert target is not None  # lossy needs one
            if self._known.get((one.sop_class, target.uid), True) is False:
                continue
            try:
                path, made = trip.make(one, target)
            except RadkitError as error:
                told = error
                continue
            try:
                size, instance = path.stat().st_size, look(path, one.number).instance
                status = self._post(path)
            except RadkitError as error:
                trip.fail(one, error)
                return
            finally:
                if made:
                    path.unlink(missing_ok=True)
            if status in _NOT_LIKE_THIS:
                if status in _SYNTAX:  # else it may be this object only
                    self._known.setdefault((one.sop_class, target.uid), False)
                told = store.Refused(f"the service refuses the object: status {status:04X}")
                continue
            self._known[one.sop_class, target.uid] = True
            trip.note(one, status, target=target, made=made, size=size, instance=instance)
            return
        trip.fail(one, told)

    def _post(self, path: Path) -> int | None:
        """Post one object; return its status, None if the service gave none."""
        try:
            with self.service.post("/studies", path, self._throttle) as answer:
                return _status(answer)
        except TransferError as error:
            if not error.retryable:
                raise
            logger.info("STOW-RS: %s", error)
            return None


def _status(answer: Answer) -> int | None:
    """Return what an answer says of the one object that was sent (PS3.18 10.5.3)."""
    if answer.status in (401, 403):
        answer.require()
    if answer.status in (406, 415):
        return 0x0122
    if answer.status == 413:
        return 0xC000
    told = _stated(answer)
    if told is not None:
        return told
    if answer.status in (400, 409):
        return 0xC000
    return 0 if 200 <= answer.status < 300 else None


def _stated(answer: Answer) -> int | None:
    """Return the reason that an answer gives, None if it gives none."""
    try:
        values = answer.json()
        failed, stored = (values.get(tag, {}).get("Value") or () for tag in (_FAILED, _STORED))
        if failed:
            return int(failed[0].get(_REASON, {}).get("Value", [0xC000])[0])
        return int(stored[0].get(_WARNING, {}).get("Value", [0])[0]) if stored else None
    except TransferError as error:
        if error.retryable:
            raise
        return None  # no JSON
    except (AttributeError, TypeError, ValueError, LookupError):
        return None  # not in the form of the standard: the status of HTTP has to do
