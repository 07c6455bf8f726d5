"""The parts of a multipart body (RFC 2046 5.1), one at a time, in bounded memory."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

from radkit.errors import CorruptFile, LimitExceeded

__all__ = ["parts"]

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_MOST_HEADERS = 8192
_MOST_PREAMBLE = 65536
_PIECE = 65536


def parts(
    read: Callable[[int], bytes], boundary: bytes, *, most_bytes: int, took: Callable[[int], None]
) -> Iterator[bytes]:
    """Yield the contents of each part.

    Parameters
    ----------
    read : callable
        Returns up to so many bytes of the body; none at its end.
    boundary : bytes
        Of the media type.
    most_bytes : int
        Of one part.
    took : callable
        Is told how many more bytes are in memory, before they are; negative: fewer.

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
    source.until_delimiter(_MOST_PREAMBLE, lambda count: None)
    while not source.is_last():
        source.skip_headers()
        part = source.until_delimiter(most_bytes, took)
        size = len(part)
        yield part
        del part  # before the next one comes
        took(-size)


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

    def until_delimiter(self, most: int, took: Callable[[int], None]) -> bytes:
        """Return what stands before the next delimiter, and go behind it."""
        found = io.BytesIO()  # gives its memory away at the end, where a join would double it
        size, keep = 0, len(self._delimiter) - 1
        while (at := self._ahead.find(self._delimiter)) < 0:
            ready = max(0, len(self._ahead) - keep)
            size += self._take(found, ready, size, most, took)
            self._more()
        self._take(found, at, size, most, took)
        del self._ahead[: len(self._delimiter)]
        return found.getvalue()

    def _take(
        self, found: io.BytesIO, count: int, size: int, most: int, took: Callable[[int], None]
    ) -> int:
        if size + count > most:
            raise LimitExceeded(
                "a part of a multipart body is longer than allowed",
                limit="max_object_bytes",
                allowed=most,
                asked=size + count,
            )
        if count:
            took(count)
            found.write(self._ahead[:count])
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
