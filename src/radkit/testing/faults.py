"""Disks that fail on demand: the n-th file operation below a folder goes wrong.

For tests of whoever keeps objects: what was acknowledged must be there, what was not must
leave nothing, and the error must be a typed one. Only calls that Python code makes are
seen (`os`, `open`, `pathlib`), which is all that radkit uses for files.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from radkit.errors import OptionError

__all__ = ["OPERATIONS", "Faults", "failing", "parts_below"]

Operation = Literal[
    "open", "read", "write", "fsync", "close", "rename", "remove", "mkdir", "list", "stat"
]
OPERATIONS: tuple[Operation, ...] = (
    "open",
    "read",
    "write",
    "fsync",
    "close",
    "rename",
    "remove",
    "mkdir",
    "list",
    "stat",
)
# Calls that take a path, and calls that take a descriptor, by what they are counted as.
_BY_PATH: dict[str, Operation] = {
    "replace": "rename",
    "rename": "rename",
    "unlink": "remove",
    "remove": "remove",
    "mkdir": "mkdir",
    "listdir": "list",
    "scandir": "list",
    "stat": "stat",
}
_BY_DESCRIPTOR: dict[str, Operation] = {
    "read": "read",
    "pread": "read",
    "write": "write",
    "fsync": "fsync",
    "fdatasync": "fsync",
}


class Faults:
    """Counts the file operations below a folder, and lets some of them fail.

    Parameters
    ----------
    below : path
        Operations on anything else are neither counted nor touched.
    operations : sequence of str
        Of `OPERATIONS`: those that are counted.
    at : int
        The first one that fails, counted from 1; 0 for none.
    error : int or "short"
        The system's number for the failure, as ``errno.ENOSPC``. "short": reads and writes
        give half of what was asked, which is no failure.
    persistent : bool
        All from `at` on fail, as on a disk that is full or gone. Else only that one.

    Attributes
    ----------
    count : int
        Operations so far.
    fired : int
        Those that went wrong.
    """

    def __init__(
        self,
        below: str | os.PathLike[str],
        *,
        operations: tuple[str, ...] = OPERATIONS,
        at: int = 0,
        error: int | Literal["short"] = errno.EIO,
        persistent: bool = False,
    ) -> None:
        if unknown := set(operations) - set(OPERATIONS):
            raise OptionError(f"unknown operations: {', '.join(sorted(unknown))}")
        self.count = 0
        self.fired = 0
        self._below = os.path.realpath(below)
        self._operations = frozenset(operations)
        self._at = at
        self._error = error
        self._persistent = persistent
        self._lock = threading.Lock()
        self._descriptors: set[int] = set()

    def concerns(self, path: Any) -> bool:
        """Tell whether a path lies below the folder."""
        try:
            name = os.path.abspath(os.fsdecode(os.fspath(path)))
        except TypeError:
            return False
        return name == self._below or name.startswith(self._below + os.sep)

    def meets(self, operation: Operation) -> bool:
        """Count an operation; True if it is to give half only. Raises `OSError` if it fails."""
        if operation not in self._operations:
            return False
        if self._error == "short" and operation not in ("read", "write"):
            return False
        with self._lock:
            self.count += 1
            hit = self._at and (
                self.count == self._at or (self._persistent and self.count > self._at)
            )
            self.fired += bool(hit)
        if hit and self._error != "short":
            raise OSError(self._error, os.strerror(self._error))
        return bool(hit)

    def opened(self, descriptor: int) -> None:
        """Take note of a descriptor below the folder."""
        self._descriptors.add(descriptor)

    def closed(self, descriptor: int) -> bool:
        """Forget a descriptor; True if it was one below the folder."""
        known = descriptor in self._descriptors
        self._descriptors.discard(descriptor)
        return known

    def holds(self, descriptor: Any) -> bool:
        """Tell whether a descriptor is one below the folder."""
        return isinstance(descriptor, int) and descriptor in self._descriptors


class _File:
    """A file object whose operations are counted."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        for line in self._file:
            self._faults.meets("read")
            yield line

    def read(self, *size: int) -> Any:
        self._faults.meets("read")
        return self._file.read(*size)

    def write(self, data: Any) -> Any:
        self._faults.meets("write")
        return self._file.write(data)

    def close(self) -> None:
        if not self._file.closed:
            self._faults.closed(self._file.fileno())
        self._file.close()


def _half(asked: int) -> int:
    return max(1, asked // 2)


def _path_call(name: str, operation: Operation, faults: Faults) -> Callable[..., Any]:
    real = getattr(os, name)

    def call(path: Any = ".", *more: Any, **named: Any) -> Any:
        if faults.holds(path) or faults.concerns(path) or (more and faults.concerns(more[0])):
            faults.meets(operation)
        return real(path, *more, **named)

    return call


def _descriptor_call(name: str, operation: Operation, faults: Faults) -> Callable[..., Any]:
    real = getattr(os, name)

    def call(descriptor: Any, *more: Any) -> Any:
        if faults.holds(descriptor) and faults.meets(operation):
            what, *rest = more
            short = _half(what) if operation == "read" else memoryview(what)[: _half(len(what))]
            return real(descriptor, short, *rest)
        return real(descriptor, *more)

    return call


def _os_open(faults: Faults) -> Callable[..., int]:
    real = os.open

    def call(path: Any, *more: Any, **named: Any) -> int:
        concerned = faults.concerns(path)
        if concerned:
            faults.meets("open")
        descriptor = real(path, *more, **named)
        if concerned:
            faults.opened(descriptor)
        return descriptor

    return call


def _os_close(faults: Faults) -> Callable[[int], None]:
    real = os.close

    def call(descriptor: int) -> None:
        known = faults.closed(descriptor)
        real(descriptor)  # Linux gives the descriptor back even where closing fails
        if known:
            faults.meets("close")

    return call


def _io_open(faults: Faults) -> Callable[..., Any]:
    real = io.open

    def call(file: Any, *more: Any, **named: Any) -> Any:
        if faults.holds(file):
            return _File(real(file, *more, **named), faults)
        if not faults.concerns(file):
            return real(file, *more, **named)
        faults.meets("open")
        made = real(file, *more, **named)
        faults.opened(made.fileno())
        return _File(made, faults)

    return call


@contextlib.contextmanager
def failing(below: str | os.PathLike[str], **options: Any) -> Iterator[Faults]:
    """Let file operations below a folder fail, in this process, for a block of code.

    Parameters
    ----------
    below : path
        The folder.
    **options
        As those of `Faults`.

    Yields
    ------
    Faults
        With the counts.

    Examples
    --------
    >>> import errno, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> with failing(folder, operations=("write",), at=1, error=errno.ENOSPC):
    ...     (folder / "name").write_bytes(b"x")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device
    """
    faults = Faults(below, **options)
    changes: list[tuple[Any, str, Callable[..., Any]]] = [
        (os, "open", _os_open(faults)),
        (os, "close", _os_close(faults)),
        (io, "open", _io_open(faults)),
        (builtins, "open", _io_open(faults)),
    ]
    changes += [(os, name, _path_call(name, word, faults)) for name, word in _BY_PATH.items()]
    changes += [
        (os, name, _descriptor_call(name, word, faults)) for name, word in _BY_DESCRIPTOR.items()
    ]
    with contextlib.ExitStack() as stack:
        for module, name, call in changes:
            stack.enter_context(mock.patch.object(module, name, call))
        yield faults


def parts_below(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the temporary files that are left below a folder."""
    return [path for path in sorted(Path(folder).rglob("*.part*")) if path.is_file()]
