"""The bytes of an HTTP request: how fast they must come, and how many there may be (RFC 9112)."""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Callable
from typing import Any

from radkit.errors import CorruptFile
from radkit.net.door import LEAST_BYTES_S

__all__ = ["Body", "Refusal", "Timed"]

MOST_LINE = 1 << 10  # of a chunk's size


class Refusal(Exception):
    """Ends a request with a status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Timed(io.RawIOBase):
    """What comes over a connection, as long as it comes fast enough.

    A sender has `timeout_s` of credit. Waiting for it uses the credit up, and each byte gives
    a millisecond back: one that is silent, and one that sends a byte now and then, both end
    after about `timeout_s`. Time that we spend on what came costs the sender nothing.

    Parameters
    ----------
    line : socket
        Plain or TLS.
    timeout_s : float
        The credit.
    """

    def __init__(self, line: socket.socket, timeout_s: float) -> None:
        self._line, self._most_s, self._left_s = line, timeout_s, timeout_s

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is.

        Raises
        ------
        TimeoutError
            The sender is too slow.
        """
        self._line.settimeout(self._left_s)
        start = time.monotonic()
        count = self._line.recv_into(buffer)
        spent = time.monotonic() - start
        self._left_s = min(self._most_s, self._left_s - spent + count / LEAST_BYTES_S)
        if self._left_s <= 0:
            raise TimeoutError("the sender is too slow")
        return count


class Body:
    """The body of a request, of a told length or in chunks, never longer than allowed.

    Parameters
    ----------
    file : binary file
        Stands behind the headers.
    headers : mapping
        Of the request.
    most_bytes : int
        Of the body.
    begin : callable
        Is called once, before the first byte is read.

    Raises
    ------
    Refusal
        The length is not told, makes no sense, or is too much.
    """

    def __init__(
        self, file: Any, headers: Any, most_bytes: int, begin: Callable[[], object]
    ) -> None:
        self._file, self._most, self._begin = file, most_bytes, begin
        self._done = self._left = 0  # bytes that were read; of the body or chunk
        self._begun = False
        lengths = headers.get_all("Content-Length", [])
        coding = headers.get("Transfer-Encoding")
        self._chunked = coding is not None
        if coding is None:
            self._left = self._told(lengths)
        elif lengths:
            # Another server on the way may have gone by the other one (RFC 9112 6.3).
            raise Refusal(400, "the body has a length and a transfer coding")
        elif coding.strip().lower() != "chunked":
            raise Refusal(501, "only chunked is known as a transfer coding")

    def _told(self, lengths: list[str]) -> int:
        if not lengths:
            raise Refusal(411, "the length of the body is not told")
        text = lengths[0].strip()
        if len(lengths) > 1 or not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Refusal(400, "the length of the body makes no sense")
        if int(text) > self._most:
            raise Refusal(413, "the body is longer than allowed")
        return int(text)

    def read(self, size: int) -> bytes:
        """Return some bytes; none at the end.

        Raises
        ------
        CorruptFile
            The chunks make no sense.
        Refusal
            They are too many.
        """
        if not self._begun:
            self._begun = True
            self._begin()
        if self._chunked and not self._left:
            self._left = self._next_chunk()
        data: bytes = self._file.read1(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        self._done += len(data)
        if self._chunked and data and not self._left and self._file.readline(3) != b"\r\n":
            raise CorruptFile("a chunk of the body does not end where it should")
        return data

    def _next_chunk(self) -> int:
        line = self._file.readline(MOST_LINE).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", line):
            raise CorruptFile("the size of a chunk makes no sense")
        size = int(line, 16)
        if self._done + size > self._most:
            raise Refusal(413, "the body is longer than allowed")
        if size == 0:
            self._chunked = False
        return size
