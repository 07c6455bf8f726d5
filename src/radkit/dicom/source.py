"""Sources of bytes: path, buffer, file object or pydicom data set, behind one reader.

The only place of radkit that opens an object. A reader gives exact ranges, from
any thread, and counts what was asked of it; it never reads ahead, follows no
URL, and knows nothing of DICOM except how to lay out a `pydicom.Dataset`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO

from radkit.errors import CorruptFile, MissingDependency, OptionError, TransferError

__all__ = ["BufferReader", "FileReader", "PartsReader", "PathReader", "Reader"]
__all__ += ["open_reader", "safe_name"]

_BLOCK = 1 << 16  # what a read of a URL fetches at least
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Reader(ABC):
    """A source of bytes of known size; base of the readers.

    Attributes
    ----------
    name : str or None
        What the caller called it; for `.source` of errors, never in a message.
    size : int
        Bytes of the object.
    bytes_read : int
        Bytes that were given out so far. A figure for measurement: threads
        that read at the same moment may be counted once.
    inflated : bool
        The bytes are not deflated, whatever the transfer syntax says.
    """

    name: str | None = None
    size: int = 0
    bytes_read: int = 0
    inflated: bool = False

    def read(self, offset: int, size: int) -> memoryview:
        """Return exactly `size` bytes that stand at `offset`.

        Raises
        ------
        CorruptFile
            The object ends before, or has shrunk.
        TransferError
            The system refused to read, or the reader is closed.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise CorruptFile(
                f"{size} bytes wanted, the object ends at byte {self.size}",
                offset=offset,
                source=self.name,
            )
        self.bytes_read += size
        return self._read(offset, size) if size else memoryview(b"")

    def view(self) -> memoryview | None:
        """Return all bytes if they are in memory in one piece, else None; nothing is counted."""
        return None

    def check_unchanged(self) -> None:  # noqa: B027  # what is in memory does not change
        """Raise `TransferError` if the object is known to have changed since it was opened."""

    @abstractmethod
    def _read(self, offset: int, size: int) -> memoryview:
        """Return exactly these bytes, which are known to lie within the object."""

    def close(self) -> None:  # noqa: B027  # a buffer has nothing to give back
        """Give back what the reader holds; a file object of the caller stays open."""

    def __enter__(self) -> Reader:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _system_error(error: OSError, what: str, name: str | None) -> TransferError:
    """Return a `TransferError` with the errno of the system's error and without its file name."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    retryable = error.errno in (errno.EINTR, errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE)
    wrapped = TransferError(f"{what}: {reason}", source=name, retryable=retryable)
    wrapped.errno = error.errno
    return wrapped


def _shrunk(offset: int, name: str | None) -> CorruptFile:
    return CorruptFile("the file ended while it was read", offset=offset, source=name)


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


class PathReader(Reader):
    """A regular file, opened once and read by position, without a lock."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self._fd = -1
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._fd = os.open(self.name, flags)
            status = os.fstat(self._fd)
        except OSError as error:
            self.close()
            raise _system_error(error, "the file cannot be opened", self.name) from None
        except ValueError:  # a NUL in the path
            raise OptionError("the path holds a NUL character", source=self.name) from None
        if not stat.S_ISREG(status.st_mode):
            self.close()
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            reason = OSError(errno.EISDIR if "dir" in kind else errno.EINVAL, kind)
            raise _system_error(reason, f"the path is {kind}", self.name)
        self.size = status.st_size
        self._state = _state(status)

    def check_unchanged(self) -> None:
        """Compare size and times of the file with those at its opening.

        A file that was replaced by another of its name is still the one that was opened.
        """
        if self._fd < 0:
            raise TransferError("the reader is closed", source=self.name)
        try:
            state = _state(os.fstat(self._fd))
        except OSError as error:
            raise _system_error(error, "the file cannot be looked at", self.name) from None
        if state != self._state:
            raise TransferError(
                "the file was changed while it was read",
                source=self.name,
                retryable=True,
                hint="Try again when nobody writes to it",
            )

    def _read(self, offset: int, size: int) -> memoryview:
        if self._fd < 0:
            raise TransferError("the reader is closed", source=self.name)
        try:
            data = os.pread(self._fd, size, offset)
            if len(data) < size:
                data = self._read_on(data, offset, size)
        except OSError as error:
            raise _system_error(error, "the file cannot be read", self.name) from None
        return memoryview(data)

    def _read_on(self, data: bytes, offset: int, size: int) -> bytes:
        # One call of the system gives at most 2 GiB, and less on some file systems.
        parts = [data]
        have = len(data)
        while have < size:
            part = os.pread(self._fd, size - have, offset + have)
            if not part:
                raise _shrunk(offset + have, self.name)
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # All that was wanted has been read: a fault now takes nothing back.
            with contextlib.suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        """Close the file if nobody did."""
        if getattr(self, "_fd", -1) >= 0:
            self.close()


class BufferReader(Reader):
    """Bytes in memory, given out without a copy."""

    def __init__(self, data: Any, *, name: str | None = None, inflated: bool = False) -> None:
        try:
            self._view = memoryview(data).cast("B").toreadonly()
        except TypeError:
            raise TypeError("a buffer must be contiguous in memory") from None
        self.name = name
        self.inflated = inflated
        self.size = self._view.nbytes

    def _read(self, offset: int, size: int) -> memoryview:
        return self._view[offset : offset + size]

    def view(self) -> memoryview | None:
        """Return all bytes."""
        return self._view


class PartsReader(Reader):
    """Several buffers that stand one after the other, as if they were one file."""

    def __init__(self, parts: Sequence[Any], *, name: str | None = None) -> None:
        self._parts: list[tuple[int, memoryview]] = []
        self.name = name
        for part in parts:
            view = memoryview(part).cast("B").toreadonly()
            if view.nbytes:
                self._parts.append((self.size, view))
                self.size += view.nbytes

    def _read(self, offset: int, size: int) -> memoryview:
        found = []
        for start, view in self._parts:
            if start + view.nbytes <= offset or start >= offset + size:
                continue
            found.append(view[max(offset - start, 0) : offset + size - start])
        return found[0] if len(found) == 1 else memoryview(b"".join(found))


class FileReader(Reader):
    """A binary file object that can seek; reads are serialised by a lock.

    The object stays the caller's: it is not closed, and its position is put
    back when the reader is closed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        name = getattr(file, "name", None)
        self.name = name if isinstance(name, str) else None
        try:
            self._position = file.tell()
            file.seek(0, os.SEEK_END)
            self.size = file.tell()  # not what seek() gives: some give nothing
        except (OSError, AttributeError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.ESPIPE):
                raise _system_error(error, "the file object cannot be read", self.name) from None
            raise OptionError(
                "the file object cannot seek or is closed",
                source=self.name,
                hint="Read it into bytes first",
            ) from None

    def _read(self, offset: int, size: int) -> memoryview:
        parts: list[bytes] = []
        have = 0
        try:
            with self._lock:
                self._file.seek(offset)
                while have < size:
                    part = self._file.read(size - have)
                    if part is not None and not isinstance(part, (bytes, bytearray, memoryview)):
                        raise TypeError("the file object must be binary, not text")
                    if not part:
                        raise _shrunk(offset + have, self.name)
                    parts.append(part)
                    have += len(part)
        except OSError as error:
            raise _system_error(error, "the file object cannot be read", self.name) from None
        except ValueError as error:
            if isinstance(error, CorruptFile):
                raise
            raise TransferError("the file object is closed", source=self.name) from None
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        """Put the file object back to where it stood."""
        with contextlib.suppress(OSError, ValueError):  # closed by its owner: nothing to put back
            self._file.seek(self._position)


def _is_dataset(source: object) -> bool:
    module = sys.modules.get("pydicom.dataset")
    return module is not None and isinstance(source, module.Dataset)


class UrlReader(FileReader):
    """An object that fsspec opens by its URL; reads fetch the ranges that are needed."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise MissingDependency(
                "a URL needs fsspec: pip install radkit[archive]", source=url
            ) from error
        try:
            file = fsspec.open(url, "rb", cache_type="readahead", block_size=_BLOCK).open()
        except ImportError as error:
            raise MissingDependency(
                "fsspec needs another package for this kind of URL", source=url
            ) from error
        except OSError as error:
            raise _system_error(error, "the URL cannot be opened", url) from None
        except ValueError as error:
            raise OptionError("fsspec does not know this kind of URL", source=url) from error
        super().__init__(file)
        self.name = url

    def close(self) -> None:
        """Close what was opened here."""
        self._file.close()


def open_reader(source: Any) -> Reader:
    """Open an object for reading in ranges.

    Parameters
    ----------
    source : path, URL, bytes-like, binary file object, pydicom.Dataset or Reader
        A path is opened once and read by position. A buffer is not copied. A
        data set is laid out in memory, its pixel data are not copied; it is
        not changed. A reader is returned as it is.

    Returns
    -------
    Reader
        To be closed by the caller, also as a context manager.

    Raises
    ------
    TransferError
        The file is missing, may not be read, or is no regular file; `.errno`
        is the system's.
    CorruptFile
        The object is empty.
    OptionError
        A file object that cannot seek, or a kind of URL that fsspec does not know.
    MissingDependency
        A URL, where fsspec is not installed.
    TypeError
        None of the kinds above, or a text file.
    """
    reader: Reader
    if isinstance(source, Reader):
        reader = source
    elif isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if not isinstance(path, str):
            path = os.fsdecode(path)
        reader = UrlReader(path) if _URL.match(path) else PathReader(path)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        reader = BufferReader(source)
    elif _is_dataset(source):
        from radkit.dicom._dataset import dataset_parts

        reader = PartsReader(dataset_parts(source))
    elif hasattr(source, "read") and hasattr(source, "seek"):
        reader = FileReader(source)
    else:
        try:
            view = memoryview(source)
        except TypeError:
            raise TypeError(
                "a source is a path, bytes, a binary file object or a pydicom.Dataset,"
                f" not {type(source).__name__}"
            ) from None
        reader = BufferReader(view)
    if reader.size == 0:
        name = reader.name
        if reader is not source:
            reader.close()
        raise CorruptFile("the object is empty", offset=0, source=name)
    return reader


def safe_name(uid: str) -> str:
    """Return a file name for an instance that no header value can steer.

    Parameters
    ----------
    uid : str
        Any text, usually a SOP Instance UID. What it holds does not matter:
        the name is made of its hash.

    Returns
    -------
    str
        32 letters and digits, the same for the same UID; without extension.

    Examples
    --------
    >>> safe_name("../../etc/passwd")
    'x3754d6cb3a38e1185e5b382d5f3ef3f'
    """
    if not isinstance(uid, str):
        raise TypeError(f"a UID is a str, not {type(uid).__name__}")
    import hashlib

    return "x" + hashlib.sha256(uid.encode("utf-8", "surrogatepass")).hexdigest()[:31]
