"""A DICOMweb service as its client sees it: requests and answers, all of them under bounds.

What is sent comes from disk, what comes back is read piece by piece; neither a service that says
nothing, nor one that says too much, holds a caller for ever or fills its memory. Needs requests.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import IO, Any, TypeVar

from radkit.errors import (
    CorruptFile,
    LimitExceeded,
    MissingDependency,
    OptionError,
    TransferError,
)
from radkit.net.multipart import Sink, parts
from radkit.net.throttle import Throttle

__all__ = ["Answer", "Service", "uid_path"]

JSON = "application/dicom+json"
MOST_JSON_BYTES = 64 << 20
PIECE_BYTES = 1 << 16
LEAST_BYTES_S = 1000  # a service that is slower is given up
_UID = re.compile(r"[0-9.]{1,64}")
S = TypeVar("S", bound=Sink)


class Service:
    """A session with a service.

    Parameters
    ----------
    base_url : str
        Of the service, with or without ``/studies``.
    auth : (str, str), str or object, optional
        Name and password, a bearer token, or an authentication of ``requests``.
    timeout_s : float
        Longest wait for a connection and for an answer.
    """

    def __init__(self, base_url: str, *, auth: Any = None, timeout_s: float = 60.0) -> None:
        try:
            import requests
        except ImportError as error:
            raise MissingDependency("DICOMweb needs requests: pip install radkit[net]") from error
        if not re.fullmatch(r"https?://[^/\s?#][^\s?#]*", base_url):
            raise OptionError("a DICOMweb service is http://... or https://...")
        if not 0 < timeout_s < 86400:
            raise OptionError(f"timeout_s must be above 0, not {timeout_s!r}")
        self.base_url = base_url.rstrip("/").removesuffix("/studies")
        self.timeout_s = timeout_s
        self._session = requests.Session()
        # A compressed answer may be a thousand times as large as what comes.
        self._session.headers["Accept-Encoding"] = "identity"
        if isinstance(auth, str):
            self._session.headers["Authorization"] = f"Bearer {auth}"
            self._session.trust_env = False  # else a .netrc would replace the token
        elif auth is not None:
            self._session.auth = auth

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def get(self, path: str, accept: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Ask for something; use the answer as a context manager."""
        return self._ask("GET", path, params=query, headers={"Accept": accept})

    def post(self, path: str, file: Path, throttle: Throttle | None = None) -> Answer:
        """Send an object; use the answer as a context manager."""
        boundary = os.urandom(16).hex()
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        with file.open("rb") as opened:
            body = _Body(opened, head, tail, throttle)
            headers = {"Content-Type": kind, "Accept": JSON}
            return self._ask("POST", path, data=body, headers=headers, allow_redirects=False)

    def _ask(self, method: str, path: str, **words: Any) -> Answer:
        import requests

        url = self.base_url + path
        try:
            got = self._session.request(method, url, stream=True, timeout=self.timeout_s, **words)
        except (requests.RequestException, OSError) as error:
            # Of the error only its class: its text holds the URL, and so UIDs.
            raise TransferError(
                f"no answer from the service: {type(error).__name__}", retryable=True
            ) from error
        return Answer(got, self.timeout_s)


class Answer:
    """What a service says; it is read as far as the caller wants.

    Attributes
    ----------
    status : int
        Of HTTP.
    """

    def __init__(self, got: Any, timeout_s: float) -> None:
        self._got, self._timeout_s = got, timeout_s
        self.status = int(got.status_code)
        self._begin = time.monotonic()
        self._read = 0

    def __enter__(self) -> Answer:
        """Give itself."""
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Read no more."""
        self._got.close()

    def require(self) -> None:
        """Raise `TransferError` if the service did not do what was asked."""
        if self.status in (401, 403):
            raise TransferError(f"the service does not let us in: HTTP {self.status}")
        if self.status == 404:
            raise TransferError("the service has no such thing: HTTP 404")
        if not 200 <= self.status < 300:
            again = self.status in (408, 429) or self.status >= 500
            raise TransferError(f"the service refuses: HTTP {self.status}", retryable=again)

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """Return the next bytes; none at the end."""
        import requests
        import urllib3

        if self._got.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise TransferError("the answer is compressed, which was not asked for")
        try:
            data: bytes = self._got.raw.read(size, decode_content=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransferError(
                f"the answer breaks off: {type(error).__name__}", retryable=True
            ) from error
        self._read += len(data)
        if time.monotonic() - self._begin > self._timeout_s + self._read / LEAST_BYTES_S:
            raise TransferError("the answer comes too slowly", retryable=True)
        return data

    def json(self) -> Any:
        """Return what it says in JSON; None if it says nothing.

        Raises
        ------
        TransferError
            That is no JSON.
        LimitExceeded
            It is too long.
        """
        text = bytearray()
        while more := self.read():
            text += more
            if len(text) > MOST_JSON_BYTES:
                raise LimitExceeded("the answer is too long", allowed=MOST_JSON_BYTES)
        try:
            return json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            raise TransferError("the answer of the service is no JSON") from None

    def parts(self, most_bytes: int, begin: Callable[[], S]) -> Iterator[S]:
        """Yield the parts of a multipart answer, or the one that is none; see `multipart.parts`."""
        media = Message()
        media["Content-Type"] = self._got.headers.get("Content-Type", "")
        if media.get_content_type() == "multipart/related":
            boundary = str(media.get_param("boundary") or "").encode("ascii", "replace")
            try:
                yield from parts(self.read, boundary, most_bytes=most_bytes, begin=begin)
            except CorruptFile as error:
                raise TransferError(f"the answer of the service: {error}") from None
            return
        sink, size = begin(), 0
        while more := self.read():
            size += len(more)
            if size > most_bytes:
                raise LimitExceeded("the answer is too long", allowed=most_bytes, asked=size)
            sink.write(more)
        yield sink


class _Body:
    """A file with something before and behind it, read as it leaves."""

    def __init__(
        self, file: IO[bytes], head: bytes, tail: bytes, throttle: Throttle | None
    ) -> None:
        self._size = os.fstat(file.fileno()).st_size
        self._throttle = throttle
        self._pieces = self._all(file, head, tail)
        self._length = len(head) + self._size + len(tail)

    def _all(self, file: IO[bytes], head: bytes, tail: bytes) -> Iterator[bytes]:
        yield head
        size = PIECE_BYTES if self._throttle is None else self._throttle.piece_bytes
        while data := file.read(size):
            yield data
        yield tail

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(), b"")

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, of whatever size; none at the end."""
        piece = next(self._pieces, b"")
        if self._throttle is not None and piece:
            self._throttle.sent(len(piece))
        return piece


def uid_path(**uids: str | None) -> str:
    """Return ``/studies/1.2/series/3.4`` of UIDs, down to the first that is None.

    Raises
    ------
    OptionError
        One is no UID: it would be another path.
    """
    made, ended = "", False
    for name, uid in uids.items():
        if uid is None:
            ended = True
            continue
        if ended:
            raise OptionError(f"{name} needs the UIDs above it")
        if not _UID.fullmatch(uid) or not re.search("[0-9]", uid):
            raise OptionError(f"{name}: that is no UID")
        made += f"/{name}/{uid}"
    return made
