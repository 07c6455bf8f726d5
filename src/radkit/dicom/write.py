"""Files that appear whole or not at all.

Bytes go to `name.part-<random>` in the folder of the final name; `commit` flushes,
fsyncs, renames and fsyncs the folder. Without `commit` nothing is left behind. A
source that is also the destination is therefore read in full before it is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from radkit.errors import TransferError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OWN_FOLDER", "AtomicFile", "Sink", "io_errors", "is_own", "is_part", "sweep_parts"]
__all__ += ["sync_folder", "write_file"]

# Where a run over many objects keeps what it remembers, in its destination.
OWN_FOLDER = ".radkit"
_PART = re.compile(r"\.part-[0-9a-f]{16}$")
_MOST_NAME_BYTES = 255
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_CREATE |= getattr(os, "O_CLOEXEC", 0)
_RETRYABLE = frozenset({errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT})


class Sink(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take all of the bytes, or raise."""
        ...


@contextlib.contextmanager
def io_errors(what: str, name: str | None = None) -> Iterator[None]:
    """Turn `OSError` into `TransferError`; the path is an attribute, not text.

    Parameters
    ----------
    what : str
        What was being done, as ``"writing the object"``.
    name : str, optional
        Path concerned, kept in `.source`.
    """
    try:
        yield
    except TransferError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raised = TransferError(
            f"{what} failed: {reason}",
            retryable=error.errno in _RETRYABLE,
            source=name,
            hint=_hint(error.errno),
        )
        raised.errno = error.errno
        raise raised from error


def _hint(code: int | None) -> str | None:
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space and run again; nothing was replaced"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Check the permissions of the folder"
    return None


class AtomicFile:
    """A file under a temporary name until `commit`.

    Parameters
    ----------
    dest : Path
        Final name. Its folder must exist.

    Notes
    -----
    Use as a context manager; leaving it without `commit` removes the part.
    """

    def __init__(self, dest: Path) -> None:
        self.dest = dest
        self.size = 0
        self._fd = -1
        self._final = os.fspath(dest)
        self._folder, name = os.path.split(self._final)
        # A long name is cut in the part only: the final name is the caller's.
        tail = f".part-{os.urandom(8).hex()}"
        stem = os.fsdecode(os.fsencode(name)[: _MOST_NAME_BYTES - len(tail)])
        self._part = os.path.join(self._folder, stem + tail)
        self._there = True  # under the temporary name, from here on until `commit`
        try:
            with io_errors("opening a file to write", self._final):
                self._fd = os.open(self._part, _CREATE, 0o666)
        except BaseException:  # an interrupt may come right after the file was made
            self.discard()
            raise

    @property
    def part(self) -> Path:
        """The temporary name."""
        return type(self.dest)(self._part)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """Write all of `data`, however many calls that takes."""
        view = memoryview(data).cast("B")
        with io_errors("writing the object", self._final):
            while view:
                done = os.write(self._fd, view)
                self.size += done
                view = view[done:]

    def commit(self) -> None:
        """Make the file durable and give it its final name."""
        with io_errors("completing the object", self._final):
            os.fsync(self._fd)
            fd, self._fd = self._fd, -1
            os.close(fd)
            os.replace(self._part, self._final)
            self._there = False
            sync_folder(self._folder or os.curdir)

    def discard(self) -> None:
        """Close and remove the part; harmless after `commit`."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):  # the reason why it is discarded comes first
                os.close(fd)
        if self._there:
            with contextlib.suppress(OSError):
                os.unlink(self._part)
            self._there = False


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems have no fsync of folders; the file itself is safe.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(fd)


def write_file(dest: Path, data: bytes | bytearray | memoryview) -> None:
    """Write a whole file, atomically.

    Parameters
    ----------
    dest : Path
        Final name. Its folder must exist.
    data : bytes-like
        Contents.

    Raises
    ------
    TransferError
        The system refused; nothing is left under either name.
    """
    with AtomicFile(dest) as file:
        file.write(data)
        file.commit()


def is_part(path: str | os.PathLike[str]) -> bool:
    """Tell whether a name is one that an interrupted `AtomicFile` leaves."""
    return _PART.search(os.fspath(path)) is not None


def is_own(name: str) -> bool:
    """Tell whether a file or folder of that name is radkit's own, beside results: no object."""
    return name == OWN_FOLDER or is_part(name)


def sweep_parts(folder: Path) -> int:
    """Remove what interrupted runs left below a folder, and count it.

    Only to be called by the one writer of that folder.
    """
    removed = 0
    with io_errors("looking for interrupted files", str(folder)):
        for root, _, names in os.walk(folder):
            for name in names:
                if is_part(name):
                    os.unlink(os.path.join(root, name))
                    removed += 1
    return removed
