"""The parts of a multipart body (RFC 2046 5.1), piece by piece, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from radkit.errors import CorruptFile, LimitExceeded

__all__ = ["parts"]

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_MOST_HEADERS = 8192
_MOST_PREAMBLE = 65536
_PIECE = 65536


class Sink(Protocol):
    """What the contents of a part go to."""

    def write(self, data: bytes, /) -> object:
        """Take a piece."""
        ...


S = TypeVar("S", bound=Sink)


def parts(
    read: Callable[[int], bytes], boundary: bytes, *, most_bytes: int, begin: Callable[[], S]
) -> Iterator[S]:
    """Yield what each part was written to, when all of it has come.

    Parameters
    ----------
    read : callable
        Returns up to so many bytes of the body; none at its end.
    boundary : bytes
        Of the media type.
    most_bytes : int
        Of one part.
    begin : callable
        Makes what the next part is written to.

    Raises
    ------
    CorruptFile
        That is no multipart body, or it ends too early.
    LimitExceeded
        A part is longer than allowed.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise CorruptFile("the boundary of a multipart body makes no sense")
    source = _Source(read, b"\r\n--" + boundary)
    source.until_delimiter(_MOST_PREAMBLE, None)
    while not source.is_last():
        source.skip_headers()
        sink = begin()
        source.until_delimiter(most_bytes, sink)
        yield sink


class _Source:
    """A body, read up to its next delimiter."""

    def __init__(self, read: Callable[[int], bytes], delimiter: bytes) -> None:
        self._read, self._delimiter = read, delimiter
        self._ahead = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning

    def _more(self) -> None:
        data = self._read(_PIECE)
        if not data:
            raise CorruptFile("a multipart body ends too early")
        self._ahead += data

    def until_delimiter(self, most: int, sink: Sink | None) -> None:
        """Write what stands before the next delimiter, and go behind it."""
        size, keep = 0, len(self._delimiter) - 1
        while (at := self._ahead.find(self._delimiter)) < 0:
            size += self._take(max(0, len(self._ahead) - keep), size, most, sink)
            self._more()
        self._take(at, size, most, sink)
        del self._ahead[: len(self._delimiter)]

    def _take(self, count: int, size: int, most: int, sink: Sink | None) -> int:
        if size + count > most:
            raise LimitExceeded(
                "a part of a multipart body is longer than allowed",
                limit="max_object_bytes",
                allowed=most,
                asked=size + count,
            )
        if count:
            if sink is not None:
                sink.write(bytes(self._ahead[:count]))
            del self._ahead[:count]
        return count

    def is_last(self) -> bool:
        """Tell whether the delimiter was the closing one; else go behind its line."""
        while len(self._ahead) < 2:
            self._more()
        if self._ahead[:2] == b"--":
            return True
        while (end := self._ahead.find(b"\r\n")) < 0:
            if len(self._ahead) > _MOST_HEADERS:
                raise CorruptFile("a delimiter of a multipart body has no end")
            self._more()
        if bytes(self._ahead[:end]).strip(b" \t"):
            raise CorruptFile("something stands behind a delimiter of a multipart body")
        del self._ahead[:end]  # the line break may end an empty list of headers
        return False

    def skip_headers(self) -> None:
        """Go behind the headers of a part."""
        while (end := self._ahead.find(b"\r\n\r\n")) < 0:
            if len(self._ahead) > _MOST_HEADERS:
                raise CorruptFile("the headers of a part are too long")
            self._more()
        if end > _MOST_HEADERS:
            raise CorruptFile("the headers of a part are too long")
        del self._ahead[: end + 4]
