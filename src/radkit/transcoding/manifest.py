"""The memory of a run: one JSON line in `dest` for every finished, verified object.

Lines are only ever appended, each with one write and an fsync, so a killed process
leaves at most one torn line, which is ignored. A line is believed only if the source
is unchanged and the result is there with the same size and SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit.dicom.write import MANIFEST, io_errors
from radkit.errors import TransferError

__all__ = ["MANIFEST", "Manifest", "file_sha256"]

_VERSION = 1
_CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with io_errors("reading a result back", str(path)), path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


class Manifest:
    """The manifest of one destination folder, held by one run at a time.

    Parameters
    ----------
    folder : Path
        The destination.
    job : str
        Digest of everything that decides what results look like; lines of other jobs
        are kept and not used.
    resume : bool
        Use the lines that are there. Else they are ignored, and the results are made
        again.
    """

    def __init__(self, folder: Path, job: str, *, resume: bool) -> None:
        self._folder = folder
        self._job = job
        self._done: dict[str, dict[str, Any]] = {}
        path = folder / MANIFEST
        with io_errors("opening the manifest", str(path)):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._lock(path)
            if resume:
                self._load(path)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def _lock(self, path: Path) -> None:
        """Two runs into one folder would replace each other's work; the lock dies with us."""
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TransferError(
                    "another run is writing into this folder", retryable=True, source=str(path)
                ) from None
            except OSError:
                return  # a file system without locks

    def _load(self, path: Path) -> None:
        with io_errors("reading the manifest", str(path)), path.open("rb") as file:
            for line in file:
                entry = _parsed(line)
                if entry is not None and entry["job"] == self._job:
                    self._done[entry["place"]] = entry

    def finished(self, place: str, stamp: str) -> dict[str, Any] | None:
        """Give the line of a result that still stands, or None.

        Parameters
        ----------
        place : str
            Relative path of the result.
        stamp : str
            Of the source as it is now.
        """
        entry = self._done.get(place)
        if entry is None or entry["stamp"] != stamp:
            return None
        path = self._folder / place
        try:
            if path.stat().st_size != entry["bytes"]:
                return None
        except OSError:
            return None
        return entry if file_sha256(path) == entry["sha256"] else None

    def add(self, place: str, stamp: str, size: int, sha256: str, result: dict[str, Any]) -> None:
        """Append the line of a finished result."""
        entry = {
            "v": _VERSION,
            "job": self._job,
            "place": place,
            "stamp": stamp,
            "bytes": size,
            "sha256": sha256,
            "result": result,
        }
        # The newline in front ends a line that an earlier, killed run has torn.
        line = b"\n" + json.dumps(entry, ensure_ascii=True).encode("ascii") + b"\n"
        with io_errors("writing the manifest", str(self._folder / MANIFEST)):
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.get("v") != _VERSION:
        return None
    strings = ("job", "place", "stamp", "sha256")
    if any(not isinstance(entry.get(name), str) for name in strings):
        return None
    if not isinstance(entry.get("bytes"), int) or not isinstance(entry.get("result"), dict):
        return None
    return entry


def source_stamp(path: Path | None, data: Iterator[bytes] | None = None) -> str:
    """Say which state of a source a result was made from.

    A file's size and time of change; of other sources a digest of the bytes.
    """
    if path is not None:
        with io_errors("looking at a source", str(path)):
            status = path.stat()
        return f"{status.st_size}:{status.st_mtime_ns}"
    digest = hashlib.sha256()
    for piece in data or ():
        digest.update(piece)
    return "sha256:" + digest.hexdigest()
