"""STOW-RS (PS3.18 10.5): objects posted to a DICOMweb service, one in a request."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

from radkit.dicom.uids import TransferSyntax
from radkit.errors import MissingDependency, RadkitError, TransferError
from radkit.net import store
from radkit.net.objects import Outgoing, wishes
from radkit.net.throttle import Throttle

__all__ = ["Courier"]

logger = logging.getLogger("radkit")

# What a service says of an object that it cannot take in this transfer syntax (PS3.18 10.5.3).
_NOT_LIKE_THIS = (0x0122, 0xC122, 0xA900, 0xC000, 0x0110)
_SYNTAX = (0x0122, 0xC122)  # of these, what holds for all objects of a class


class Courier:
    """Takes objects to a service; what it does not take in one syntax is offered in the next."""

    def __init__(self, url: str, throttle: Throttle | None = None) -> None:
        self._throttle = throttle
        try:
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise MissingDependency(
                "STOW-RS needs dicomweb-client: pip install radkit[net]"
            ) from error
        self.client = DICOMwebClient(url.rstrip("/").removesuffix("/studies"))
        self.client.set_http_retry_params(retry=False)  # trips are tried again as a whole
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
            data = path.read_bytes()
            if made:
                path.unlink(missing_ok=True)
            if self._throttle is not None:
                self._throttle.sent(len(data))
            try:
                status = self._post(data)
            except TransferError as error:
                trip.fail(one, error)
                return
            if status in _NOT_LIKE_THIS:
                if status in _SYNTAX:  # else it may be this object only
                    self._known.setdefault((one.sop_class, target.uid), False)
                told = store.Refused(f"the service refuses the object: status {status:04X}")
                continue
            self._known[one.sop_class, target.uid] = True
            trip.note(
                one, status, target=target, made=made, size=len(data), instance=_instance(data)
            )
            return
        trip.fail(one, told)

    def _post(self, data: bytes) -> int | None:
        """Post one object; return its status, None if the service gave none."""
        import requests
        from pydicom import dcmread

        dataset = dcmread(io.BytesIO(data), force=True)
        try:
            answer = self.client.store_instances([dataset])
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 500
            if code in (401, 403):
                raise TransferError(f"the service does not let us in: HTTP {code}") from None
            if code in (406, 415):
                return 0x0122
            return 0xC000 if code in (400, 409, 413) else None
        except (requests.RequestException, OSError) as error:
            logger.info("STOW-RS: %s", type(error).__name__)
            return None
        failed = answer.get("FailedSOPSequence") or []
        if failed:
            return int(failed[0].get("FailureReason", 0xC000))
        stored = answer.get("ReferencedSOPSequence") or []
        return int(stored[0].get("WarningReason", 0)) if stored else 0


def _instance(data: bytes) -> str:
    from radkit.net.objects import look

    return look(data, 0).instance
