"""Receiving by STOW-RS (PS3.18 10.5): a small HTTP server before the spool of a gateway."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import logging
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from radkit.errors import OptionError, TransferError
from radkit.net.door import is_listed, networks_of
from radkit.net.rules import Rule
from radkit.net.spool import Held, Spool
from radkit.net.web_body import Refusal, Timed
from radkit.net.web_desk import Desk, answer

__all__ = ["WebListen", "serve_web"]

LINGER_S = 2.0  # that a sender may go on after its answer
CLOSING_S = 10.0  # for the objects in hand when the gateway ends
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
        Senders must show it as ``Authorization: Bearer``.
    login : tuple of two str, optional
        User and password that senders must show as ``Authorization: Basic``. With `token`
        either will do, with neither nothing is asked for. Without TLS both can be read on
        the way.
    addresses : tuple of str, optional
        Addresses or networks that are let in. Default: all.
    urgent : bool
        What comes here goes first.
    urgent_if : callable or Rule, optional
        As in `Listen`; ``CallingAETitle`` is empty.
    tls : ssl.SSLContext, optional
        Of a server.
    max_connections : int
        At a time; more are closed at once.
    max_request_bytes, max_object_bytes : int
        Of a request, and of one object in it.
    timeout_s : float
        Longest silence of a sender; one that stays below 1000 bytes a second for longer is
        cut off as well.

    Raises
    ------
    OptionError
        An address, figure, token or login makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    addresses: tuple[str, ...] | None = None
    urgent: bool = False
    urgent_if: Callable[[Mapping[str, str]], bool] | Rule | None = None
    tls: ssl.SSLContext | None = None
    max_connections: int = 16
    max_request_bytes: int = 4 << 30
    max_object_bytes: int = 2 << 30
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Check all of it."""
        figures = (self.max_connections, self.max_request_bytes, self.max_object_bytes)
        if min(figures) < 1 or not 0 < self.timeout_s < 86400:
            raise OptionError("figures of a WebListen must be more than 0, timeout_s below a day")
        if not 0 <= self.port <= 65535:
            raise OptionError(f"port must be 0 to 65535, not {self.port}")
        # An empty one would let everybody in who shows nothing.
        if self.token is not None and not re.fullmatch(r"[\x21-\x7e]+", self.token):
            raise OptionError("token: one or more ASCII characters, no blanks")
        if self.login is not None and not (
            len(self.login) == 2 and all(self.login) and ":" not in self.login[0]
        ):
            raise OptionError("login: a user without a colon, and a password")
        networks_of(self.addresses)


def serve_web(listen: WebListen, spool: Spool, arrived: Callable[[Held], None]) -> Any:
    """Start to listen in threads of its own; return the server.

    Raises
    ------
    TransferError
        The address cannot be listened at.
    """
    try:
        server = _Server(listen, Desk(listen, spool, arrived))
    except OSError as error:
        raise TransferError(f"cannot listen at {listen.host}:{listen.port}") from error
    threading.Thread(target=server.serve_forever, name="radkit-web", daemon=True).start()
    return server


class _Server(http.server.ThreadingHTTPServer):
    """Turns strangers away before a byte is read, and never waits for one."""

    daemon_threads = True

    def __init__(self, listen: WebListen, desk: Desk) -> None:
        self.listen, self.desk = listen, desk
        self.networks = networks_of(listen.addresses)
        self.slots = threading.BoundedSemaphore(listen.max_connections)
        self.lines: set[socket.socket] = set()
        self.closing = False
        self.lock = threading.Lock()
        if ":" in listen.host:
            self.address_family = socket.AF_INET6
        super().__init__((listen.host, listen.port), _Handler)

    def server_bind(self) -> None:
        # Not as in the base, which asks a name server for our own name.
        self.server_name, self.server_port = self.listen.host, self.listen.port
        socketserver.TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if not is_listed(self.networks, client_address):
            logger.warning("refused: an address that is not on the list")
            return False
        if not self.slots.acquire(blocking=False):
            logger.warning("refused: too many connections")
            return False
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started for it
            self.slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(self.listen.timeout_s)
            if self.listen.tls is not None:
                request = self.listen.tls.wrap_socket(request, server_side=True)
            with self.lock:
                self.lines.add(request)
                if self.closing:
                    raise ConnectionAbortedError
            super().process_request_thread(request, client_address)
        except (OSError, ValueError) as error:  # ValueError: it was gone before the handshake
            logger.warning("no connection: %s", type(error).__name__)
            self.shutdown_request(request)
        finally:
            with self.lock:
                self.lines.discard(request)
            self.slots.release()

    def server_close(self) -> None:
        """Close; objects in hand are kept and answered, what has not come is no longer read."""
        super().server_close()
        with self.lock:
            self.closing = True
            for line in self.lines:
                with contextlib.suppress(OSError):  # it has gone by itself
                    socket.socket.shutdown(line, socket.SHUT_RD)  # TLS would stop answers too
        end = time.monotonic() + CLOSING_S
        for _ in range(self.listen.max_connections):
            if not self.slots.acquire(timeout=max(0.0, end - time.monotonic())):
                logger.warning("requests are left in the middle")
                return

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            logger.warning("a connection broke: %s", type(error).__name__)
        elif error is not None:
            logger.error("a connection failed: %s", _place(error))


class _Handler(http.server.BaseHTTPRequestHandler):
    """Speaks HTTP; one request in a connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "radkit", ""
    answered = expects = False

    def setup(self) -> None:
        self.site = cast("_Server", self.server)
        self.wait_s = self.site.listen.timeout_s
        super().setup()
        self.rfile.close()  # the socket stays open
        self.rfile = io.BufferedReader(Timed(self.connection, self.wait_s), 1 << 16)

    def finish(self) -> None:
        super().finish()
        if not self.answered:
            return
        # Closed with bytes unread, the connection would be reset, and the answer lost with it.
        end = time.monotonic() + LINGER_S
        with contextlib.suppress(OSError):  # the sender has closed, or is silent
            self.connection.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(1 << 16):
                    return

    def handle_expect_100(self) -> bool:
        self.expects = True  # told to go on when it is clear that the body is wanted
        return True

    def _go_on(self) -> None:
        if self.expects:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def do_POST(self) -> None:
        """Store objects."""
        try:
            outcomes = self.site.desk.take(self.path, self.headers, self.rfile, self._go_on)
        except Refusal as refusal:
            self._say(refusal.status, {"error": str(refusal)})
        except OSError as error:  # nobody is there to be told
            logger.warning("a request broke off: %s", type(error).__name__)
            self.close_connection = True
        except Exception as error:  # ours; the sender is not left without an answer
            logger.error("a request failed: %s", _place(error))
            self._say(500, {"error": "the request failed"})
        else:
            self._say(*answer(outcomes), kind="application/dicom+json")

    def _other(self) -> None:
        """Answer a method that is not for storing."""
        try:
            self.site.desk.study(self.path)
        except Refusal as refusal:
            self._say(refusal.status, {"error": str(refusal)})
        else:
            self._say(405, {"error": "objects are stored by POST"})

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _other

    def _say(self, status: int, values: dict[str, Any], kind: str = "application/json") -> None:
        body = json.dumps(values).encode()
        self.close_connection = True  # of a refused request the body may be unread
        self.connection.settimeout(self.wait_s)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        if status == 401:
            for challenge in self.site.desk.challenges:
                self.send_header("WWW-Authenticate", challenge)
        if status == 405:
            self.send_header("Allow", "POST")
        if status == 503:
            self.send_header("Retry-After", "60")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.answered = True
        super().send_response(code, message)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        logger.debug("http: status %s", int(code) if code != "-" else code)

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing: what the base would say holds paths, and they hold UIDs."""


def _place(error: BaseException) -> str:
    """Return what an error is and where it was, without its text, which may hold values."""
    trace = traceback.extract_tb(error.__traceback__)
    where = f" at {trace[-1].name}:{trace[-1].lineno}" if trace else ""
    return type(error).__name__ + where
