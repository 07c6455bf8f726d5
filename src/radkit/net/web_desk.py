"""What becomes of a STOW-RS request (PS3.18 10.5): who may, what is in it, where it is kept."""

from __future__ import annotations

import base64
import hmac
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, LimitExceeded, RadkitError, TransferError
from radkit.net.arriving import Arriving
from radkit.net.multipart import parts
from radkit.net.rules import is_urgent
from radkit.net.spool import Held, Incoming, Spool
from radkit.net.store import NO_RESOURCES, NOT_UNDERSTOOD
from radkit.net.web_body import Body, Refusal
from radkit.transcoding.sources import is_dicom_by_magic

if TYPE_CHECKING:
    from radkit.net.web_listen import WebListen

__all__ = ["Desk", "Outcome", "answer"]

# Failure Reason (0008,1197), PS3.18 Table I.2-2.
STORED, PROCESSING = 0x0000, 0x0110
MISMATCH = 0xA900  # others are those of C-STORE
SOP_CLASS, SOP_INSTANCE, STUDY_INSTANCE = 0x00080016, 0x00080018, 0x0020000D
PATH = re.compile(r"/studies(?:/([0-9.]{1,64}))?/?")
UID = re.compile(r"[\x21-\x7e]{1,64}")  # wider than PS3.5 9.1: what is wrong there is not lost here
MOST_OBJECTS = 1 << 16  # of a request: each has a place in the answer, however small it is
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object."""

    sop_class: str = ""
    instance: str = ""
    reason: int = STORED


class Desk:
    """Takes requests for a spool.

    Parameters
    ----------
    listen : WebListen
        What is allowed.
    spool : Spool
        Where objects are kept.
    arrived : callable
        Is told of each that was.
    """

    def __init__(self, listen: WebListen, spool: Spool, arrived: Callable[[Held], None]) -> None:
        self.listen, self.spool, self.arrived = listen, spool, arrived
        self._wanted: dict[str, bytes] = {}
        if listen.token is not None:
            self._wanted["bearer"] = listen.token.encode()
        if listen.login is not None:
            self._wanted["basic"] = base64.b64encode(":".join(listen.login).encode())

    @property
    def challenges(self) -> list[str]:
        """What a sender may show (RFC 9110 11.6.1)."""
        return [f'{kind.capitalize()} realm="radkit"' for kind in self._wanted]

    def study(self, path: str) -> str | None:
        """Return the study that a path names, if it names one.

        Raises
        ------
        Refusal
            Nothing is stored there.
        """
        found = PATH.fullmatch(path.partition("?")[0])
        if found is None:
            raise Refusal(404, "objects are stored at /studies")
        return found[1]

    def take(
        self, path: str, headers: Any, file: Any, begin: Callable[[], object]
    ) -> list[Outcome]:
        """Return what became of each object of a request.

        Raises
        ------
        Refusal
            Nothing of it is taken, or no more.
        """
        study = self.study(path)
        if self._wanted and not self._may(headers.get("Authorization", "")):
            logger.warning("refused: a request without the right credentials")
            raise Refusal(401, "credentials are wanted")
        boundary = _boundary(headers)
        body = Body(file, headers, self.listen.max_request_bytes, begin)
        if not self._has_room():
            raise Refusal(503, "the spool is full")
        return self._store(body, boundary, study)

    def _may(self, shown: str) -> bool:
        kind, _, proof = shown.partition(" ")
        wanted = self._wanted.get(kind.lower())
        return wanted is not None and hmac.compare_digest(proof.strip().encode(), wanted)

    def _has_room(self) -> bool:
        try:
            return self.spool.has_room()
        except OSError as error:
            logger.error("the disk of the spool does not answer: %s", type(error).__name__)
            return False

    def _store(self, body: Body, boundary: bytes, study: str | None) -> list[Outcome]:
        found: list[Outcome] = []
        most = self.listen.max_object_bytes
        under_way: list[Arriving] = []

        def begin() -> Arriving:
            under_way[:] = [Arriving(self.spool, most)]
            return under_way[0]

        try:
            for part in parts(body.read, boundary, most_bytes=most, begin=begin):
                if len(found) == MOST_OBJECTS:
                    raise Refusal(413, f"a request may hold {MOST_OBJECTS} objects")
                found.append(self._keep(part, study))
                part.close()
        except LimitExceeded:
            raise Refusal(413, "an object is longer than allowed") from None
        except CorruptFile as error:
            if not found:
                raise Refusal(400, str(error)) from None
            found.append(Outcome(reason=NOT_UNDERSTOOD))  # the rest of a body that was cut
        finally:
            for left in under_way:
                left.close()
        failed = sum(one.reason != STORED for one in found)
        if failed:
            logger.warning("%d of %d objects of a request were not stored", failed, len(found))
        return found

    def _keep(self, part: Arriving, study: str | None) -> Outcome:
        """Keep one object; if it is stored, it is safe on disk when this returns."""
        if part.incoming is None or part.status:
            return Outcome(reason=part.status)
        path = part.incoming.path
        try:
            if not is_dicom_by_magic(path):  # PS3.10 7.1
                return Outcome(reason=NOT_UNDERSTOOD)
            with limits.use(limits.UNTRUSTED), open_object(path) as obj:
                texts = [obj.elements.text(tag) for tag in (SOP_CLASS, SOP_INSTANCE)]
                its_study = obj.elements.text(STUDY_INSTANCE)
        except RadkitError as error:
            logger.debug("an object that cannot be read: %s", type(error).__name__)
            return Outcome(reason=NOT_UNDERSTOOD)
        sop_class, instance = (one if one and UID.fullmatch(one) else "" for one in texts)
        if not sop_class or not instance:  # nobody could send it on
            return Outcome(sop_class, instance, NOT_UNDERSTOOD)
        if study is not None and its_study != study:
            return Outcome(sop_class, instance, MISMATCH)
        return Outcome(sop_class, instance, self._spooled(instance, part.incoming))

    def _spooled(self, instance: str, incoming: Incoming) -> int:
        urgent = self.listen.urgent or is_urgent(self.listen.urgent_if, incoming.path, "")
        try:
            held = self.spool.keep(incoming, instance, urgent=urgent)
        except TransferError as error:
            logger.error("not received: %s", error)
            return NO_RESOURCES
        try:
            self.arrived(held)
        except TransferError as error:  # it is on disk, and goes on after the next start
            logger.error("received, but not offered: %s", error)
            return PROCESSING
        return STORED


def _boundary(headers: Any) -> bytes:
    media = Message()
    media["Content-Type"] = headers.get("Content-Type", "")
    kind, boundary = media.get_param("type"), media.get_param("boundary")
    if (
        media.get_content_type() != "multipart/related"
        or not isinstance(kind, str)
        or kind.lower() != "application/dicom"
    ):
        raise Refusal(415, 'the body must be multipart/related; type="application/dicom"')
    try:
        return str(boundary or "").encode("ascii")
    except UnicodeEncodeError:
        raise Refusal(400, "the boundary makes no sense") from None


def answer(outcomes: list[Outcome]) -> tuple[int, dict[str, Any]]:
    """Return the status and the data set of the answer (PS3.18 10.5.3)."""
    stored = [one for one in outcomes if one.reason == STORED]
    failed = [one for one in outcomes if one.reason != STORED]
    told: dict[str, Any] = {}
    if failed:
        told["00081198"] = {"vr": "SQ", "Value": [_item(one) for one in failed]}
    if stored:
        told["00081199"] = {"vr": "SQ", "Value": [_item(one) for one in stored]}
    if not outcomes:
        return 400, told
    if stored:
        return (202 if failed else 200), told
    full = any(one.reason == NO_RESOURCES for one in failed)
    return (503 if full else 409), told


def _item(one: Outcome) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if one.sop_class:
        values["00081150"] = {"vr": "UI", "Value": [one.sop_class]}
    if one.instance:
        values["00081155"] = {"vr": "UI", "Value": [one.instance]}
    if one.reason != STORED:
        values["00081197"] = {"vr": "US", "Value": [one.reason]}
    return values
