"""Receiving by STOW-RS (PS3.18 10.5): a small HTTP server before the spool of a gateway."""

from __future__ import annotations

import hmac
import http.server
import json
import logging
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile, LimitExceeded, OptionError, RadkitError, TransferError
from radkit.net.arriving import Arriving
from radkit.net.door import is_listed, networks_of
from radkit.net.multipart import parts
from radkit.net.spool import Held, Spool
from radkit.net.store import NO_RESOURCES, NOT_UNDERSTOOD
from radkit.transcoding.sources import is_dicom_by_magic

__all__ = ["WebListen", "serve_web"]

# Failure Reason (0008,1197), PS3.18 Table I.2-2.
MISMATCH = 0xA900  # others are those of C-STORE
SOP_CLASS, SOP_INSTANCE, STUDY_INSTANCE = 0x00080016, 0x00080018, 0x0020000D
PATH = re.compile(r"/studies(?:/([0-9.]{1,64}))?/?")
MOST_LINE = 1 << 10  # of a chunk's size
Fault = tuple[str, str, int]  # class, instance, reason
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebListen:
    """Where a gateway receives by STOW-RS, and from whom.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        Address to listen at.
    port : int, default 8080
        0: any free one.
    token : str, optional
        Senders must show it as ``Authorization: Bearer``. Default: nothing is asked for.
    addresses : tuple of str, optional
        Addresses or networks that are let in. Default: all.
    urgent : bool
        What comes here goes first.
    tls : ssl.SSLContext, optional
        Of a server.
    max_connections : int
        At a time; more are closed at once.
    max_request_bytes, max_object_bytes : int
        Of a request, and of one object in it.
    timeout_s : float
        Longest silence of a sender.

    Raises
    ------
    OptionError
        An address or figure makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    addresses: tuple[str, ...] | None = None
    urgent: bool = False
    tls: ssl.SSLContext | None = None
    max_connections: int = 16
    max_request_bytes: int = 4 << 30
    max_object_bytes: int = 2 << 30
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Check all of it."""
        figures = (self.max_connections, self.max_request_bytes, self.max_object_bytes)
        if min(figures) < 1 or not self.timeout_s > 0:
            raise OptionError("figures of a WebListen must be more than 0")
        if not 0 <= self.port <= 65535:
            raise OptionError(f"port must be 0 to 65535, not {self.port}")
        networks_of(self.addresses)


class _Refusal(Exception):
    """Ends a request with a status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Body:
    """The body of a request, of a told length or in chunks, never longer than allowed."""

    def __init__(self, file: Any, headers: Any, most: int) -> None:
        self._file, self._most, self._done = file, most, 0
        self._chunked = headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
        self._left = 0
        if not self._chunked:
            self._left = self._told(headers.get("Content-Length"))

    def _told(self, text: str | None) -> int:
        if text is None:
            raise _Refusal(411, "the length of the body is not told")
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise _Refusal(400, "the length of the body makes no sense")
        if int(text) > self._most:
            raise _Refusal(413, "the body is longer than allowed")
        return int(text)

    def read(self, size: int) -> bytes:
        """Return some bytes; none at the end."""
        if not self._left and self._chunked:
            self._left = self._next_chunk()
        data: bytes = self._file.read1(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        self._done += len(data)
        if self._chunked and data and not self._left:
            self._file.readline(MOST_LINE)  # the line break behind a chunk
        return data

    def _next_chunk(self) -> int:
        line = self._file.readline(MOST_LINE).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", line):
            raise _Refusal(400, "the size of a chunk makes no sense")
        size = int(line, 16)
        if self._done + size > self._most:
            raise _Refusal(413, "the body is longer than allowed")
        if size == 0:
            self._chunked = False
        return size


def serve_web(listen: WebListen, spool: Spool, arrived: Callable[[Held], None]) -> Any:
    """Start to listen in threads of its own; return the server.

    Raises
    ------
    TransferError
        The address cannot be listened at.
    """
    networks = networks_of(listen.addresses)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        slots = threading.BoundedSemaphore(listen.max_connections)

        def verify_request(self, request: Any, client_address: Any) -> bool:
            if not is_listed(networks, client_address):
                logger.warning("refused: an address that is not on the list")
                return False
            if not self.slots.acquire(blocking=False):
                logger.warning("refused: too many connections")
                return False
            return True

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                request.settimeout(listen.timeout_s)
                if listen.tls is not None:
                    request = listen.tls.wrap_socket(request, server_side=True)
                super().process_request_thread(request, client_address)
            except OSError as error:
                logger.warning("no connection: %s", type(error).__name__)
                self.shutdown_request(request)
            finally:
                self.slots.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            logger.exception("a request failed")

    class Handler(_Handler):
        timeout = listen.timeout_s
        desk = _Desk(listen, spool, arrived)

    try:
        server = Server((listen.host, listen.port), Handler)
    except OSError as error:
        raise TransferError(f"cannot listen at {listen.host}:{listen.port}") from error
    threading.Thread(target=server.serve_forever, name="radkit-web", daemon=True).start()
    return server


class _Desk:
    """Takes requests: who may, what is in them, what becomes of it."""

    def __init__(self, listen: WebListen, spool: Spool, arrived: Callable[[Held], None]) -> None:
        self.listen, self.spool, self.arrived = listen, spool, arrived

    def take(self, path: str, headers: Any, file: Any) -> tuple[list[Fault], list[Fault]]:
        """Return what was stored, and what was not, with the reason.

        Raises
        ------
        _Refusal
            Nothing of it is taken, or no more.
        """
        found = PATH.fullmatch(path.partition("?")[0])
        if found is None:
            raise _Refusal(404, "objects are stored at /studies")
        if self.listen.token is not None and not self._shows_token(headers):
            raise _Refusal(401, "a token is wanted")
        boundary = _boundary(headers)
        if not self.spool.has_room():
            raise _Refusal(503, "the spool is full")
        body = _Body(file, headers, self.listen.max_request_bytes)
        return self._store(body, boundary, found[1])

    def _shows_token(self, headers: Any) -> bool:
        kind, _, shown = headers.get("Authorization", "").partition(" ")
        wanted = (self.listen.token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), wanted)

    def _store(
        self, body: _Body, boundary: bytes, study: str | None
    ) -> tuple[list[Fault], list[Fault]]:
        stored: list[Fault] = []
        failed: list[Fault] = []
        most = self.listen.max_object_bytes
        under_way: list[Arriving] = []

        def begin() -> Arriving:
            under_way[:] = [Arriving(self.spool, most)]
            return under_way[0]

        try:
            for part in parts(body.read, boundary, most_bytes=most, begin=begin):
                one = self._keep(part, study)
                (failed if one[2] else stored).append(one)
                part.close()
        except LimitExceeded:
            raise _Refusal(413, "an object is longer than allowed") from None
        except CorruptFile as error:
            if not stored and not failed:
                raise _Refusal(400, str(error)) from None
            failed.append(("", "", NOT_UNDERSTOOD))  # the rest of a body that was cut
        finally:
            for left in under_way:
                left.close()
        return stored, failed

    def _keep(self, part: Arriving, study: str | None) -> Fault:
        """Keep one object; it is on disk when this returns."""
        if part.incoming is None or part.status:
            return "", "", part.status
        sop_class = instance = ""
        try:
            with limits.use(limits.UNTRUSTED), open_object(part.incoming.path) as obj:
                sop_class = obj.elements.text(SOP_CLASS) or ""
                instance = obj.elements.text(SOP_INSTANCE) or ""
                its_study = obj.elements.text(STUDY_INSTANCE)
        except RadkitError as error:
            logger.warning("an object that is none was refused: %s", type(error).__name__)
            return sop_class, instance, NOT_UNDERSTOOD
        if not is_dicom_by_magic(part.incoming.path) or not instance:
            return sop_class, instance, NOT_UNDERSTOOD
        if study is not None and its_study != study:
            return sop_class, instance, MISMATCH
        try:
            held = self.spool.keep(part.incoming, instance, urgent=self.listen.urgent)
        except TransferError as error:
            logger.error("not received: %s", error)
            return sop_class, instance, NO_RESOURCES
        self.arrived(held)
        return sop_class, instance, 0


class _Handler(http.server.BaseHTTPRequestHandler):
    """Speaks HTTP."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "radkit", ""
    desk: _Desk

    def do_POST(self) -> None:
        """Store objects."""
        try:
            stored, failed = self.desk.take(self.path, self.headers, self.rfile)
        except _Refusal as refusal:
            self._say(refusal.status, {"error": str(refusal)})
            return
        except (TimeoutError, ConnectionError):
            self.close_connection = True  # nobody is there to be told
            return
        full = any(reason == NO_RESOURCES for _, _, reason in failed)
        none = 503 if full else 409
        status = (202 if stored else none) if failed else (200 if stored else 400)
        self._say(status, _told(stored, failed), kind="application/dicom+json")

    def _say(self, status: int, values: dict[str, Any], kind: str = "application/json") -> None:
        body = json.dumps(values).encode()
        self.close_connection = True  # of a refused request the body may be unread
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if status == 503:
            self.send_header("Retry-After", "60")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        """Leave the lines of requests to radkit's own log: paths may hold UIDs."""
        logger.debug("http: status %s", values[1] if len(values) > 1 else "")


def _boundary(headers: Any) -> bytes:
    media = Message()
    media["Content-Type"] = headers.get("Content-Type", "")
    kind, boundary = media.get_param("type"), media.get_param("boundary")
    if media.get_content_type() != "multipart/related" or kind != "application/dicom":
        raise _Refusal(415, 'the body must be multipart/related; type="application/dicom"')
    try:
        return str(boundary or "").encode("ascii")
    except UnicodeEncodeError:
        raise _Refusal(400, "the boundary makes no sense") from None


def _told(stored: list[Fault], failed: list[Fault]) -> dict[str, Any]:
    """Return the data set of the answer (PS3.18 10.5.3.1)."""

    def item(one: Fault) -> dict[str, Any]:
        sop_class, instance, reason = one
        values: dict[str, Any] = {}
        if sop_class:
            values["00081150"] = {"vr": "UI", "Value": [sop_class]}
        if instance:
            values["00081155"] = {"vr": "UI", "Value": [instance]}
        if reason:
            values["00081197"] = {"vr": "US", "Value": [reason]}
        return values

    answer: dict[str, Any] = {}
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": [item(one) for one in failed]}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": [item(one) for one in stored]}
    return answer
