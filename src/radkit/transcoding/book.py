"""The memory of a destination while a run is at work in it: lock, ledger, journals.

In a folder the ledger is ``.radkit/ledger.sqlite``. In a store it is a copy: taken down when a run
begins, put back when it ends, and between the two a journal in the store holds what is new.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from radkit.dicom.write import OWN_FOLDER, io_errors
from radkit.errors import TransferError
from radkit.transcoding.journal import Journal, journal_path, left_over, remove
from radkit.transcoding.ledger import Ledger
from radkit.transcoding.records import Record, parsed, this_worker
from radkit.transcoding.stores import Store

__all__ = ["LEDGER", "Book", "file_sha256", "source_stamp"]

LEDGER = f"{OWN_FOLDER}/ledger.sqlite"
LOCK = f"{OWN_FOLDER}/lock"
LEASE_S = 60.0  # a run that has not renewed its lock in a store for so long is dead
_CHUNK = 1 << 20


class Book:
    """What earlier runs did, and what this one does.

    Parameters
    ----------
    to : Path or Store
        The destination.
    job : str
        Digest of everything that decides what results look like.
    syntax : str
        Asked for; kept with the run.
    resume : bool
        Believe what earlier runs with the same digest have done.
    by_workers : bool
        Workers keep journals, as they do where they may outlive this process.

    Raises
    ------
    TransferError
        The destination cannot be read or written, or another run is at work in it.
    """

    def __init__(
        self, to: Path | Store, job: str, *, syntax: str, resume: bool, by_workers: bool
    ) -> None:
        self.run = uuid.uuid4().hex
        self.to, self.job = to, job
        self._resume, self._syntax = resume, syntax
        self._stack = contextlib.ExitStack()
        self._results: dict[str, dict[str, Any]] | None = None
        self._lists_md5 = False
        self._journal: Journal | None = None
        if isinstance(to, Store) and not by_workers:
            self._journal = Journal(to, f"{self.run}-client")

    def __enter__(self) -> Self:
        """Lock the destination and open its ledger."""
        with contextlib.ExitStack() as stack:
            self._lock(stack)
            self.ledger = stack.enter_context(Ledger(self._path(stack)))
            self._fold()
            self.ledger.begin(self.run, self.job, self._syntax)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the ledger where the next run finds it."""
        with self._stack:
            if self._journal is not None:
                self._journal.flush()
            if error is None:
                self.ledger.end(self.run)
            if isinstance(error, TransferError) and isinstance(self.to, Store):
                return  # the store is not there: its journals hold what is new
            self._fold()

    def _path(self, stack: contextlib.ExitStack) -> Path:
        if isinstance(self.to, Path):
            return self.to / LEDGER
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="radkit-"))
        path = Path(folder, "ledger.sqlite")
        data = self.to.get(LEDGER)
        if data is not None:
            path.write_bytes(data)
        return path

    def _lock(self, stack: contextlib.ExitStack) -> None:
        if isinstance(self.to, Store):
            stack.enter_context(_Lease(self.to, self.run))
            return
        with io_errors("making the folder of the ledger", str(self.to)):
            (self.to / OWN_FOLDER).mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((self.to / LOCK).open("ab"))
        _flock(file, self.to)

    def _fold(self) -> None:
        """Bring journals into the ledger, then let go of them."""
        paths = []
        for path, lines in left_over(self.to):
            self.ledger.add(parsed(lines))
            paths.append(path)
        if isinstance(self.to, Store):
            if not paths:
                return
            with tempfile.TemporaryDirectory(prefix="radkit-") as folder:
                copy = Path(folder, "ledger.sqlite")
                self.ledger.copy_to(copy)
                self.to.put(LEDGER, copy)
        remove(self.to, paths)

    def finished(self, place: str, stamp: str) -> Record | None:
        """Return the record of a result that still stands, or None.

        Parameters
        ----------
        place : str
            Relative path of the result.
        stamp : str
            Of the source as it is now.
        """
        record = self.ledger.find(place) if self._resume else None
        if record is None or (record.job, record.stamp) != (self.job, stamp):
            return None
        if record.state == "failed":
            return None
        if record.state == "skipped" or self._stands(place, record):
            return record
        return None

    def _stands(self, place: str, record: Record) -> bool:
        if isinstance(self.to, Store):
            return self._stands_in(self.to, place, record)
        path = self.to / place
        try:
            if path.stat().st_size != record.bytes_out:
                return False
        except OSError:
            return False
        return file_sha256(path) == record.sha256

    def _stands_in(self, store: Store, place: str, record: Record) -> bool:
        """Compare what the store lists, sizes at least: else the archive would be read again."""
        if self._results is None:
            self._results = store.find("") if store.exists("") else {}
            self._lists_md5 = any(
                one.md5 and one.md5 == _listed_md5(self._results.get(store.path(one.place)))
                for one in self.ledger.some()
            )
        known = self._results.get(store.path(place))
        if known is None or known.get("size") != record.bytes_out:
            return False
        md5 = _listed_md5(known) if self._lists_md5 else ""
        return not md5 or not record.md5 or md5 == record.md5

    def add(self, records: Iterable[Record], batches: Iterable[str] = ()) -> None:
        """Write down what became of objects, and let go of the journals of their batches.

        Those of a store stay: its ledger is not there before the end.
        """
        kept = list(records)
        self.ledger.add(kept)
        if isinstance(self.to, Path):
            remove(self.to, [str(journal_path(self.to, name)) for name in batches if name])
        if self._journal is not None:
            for record in kept:
                self._journal.add(record)


def _listed_md5(known: dict[str, Any] | None) -> str:
    """Return what may be the MD5 of an object, in hexadecimal digits.

    An ETag is one for simple uploads to S3 without encryption by keys of KMS, else something else.
    """
    tag = str((known or {}).get("ETag", "")).strip('"')
    if len(tag) == 32 and all(digit in "0123456789abcdef" for digit in tag):
        return tag
    try:
        return base64.b64decode(str((known or {}).get("md5Hash", "")), validate=True).hex()
    except ValueError:
        return ""


def _flock(file: IO[bytes], folder: Path) -> None:
    """Two runs into one folder would replace each other's work; the lock dies with us."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TransferError(
            "another run is writing into this folder", retryable=True, source=str(folder)
        ) from None
    except OSError:
        return  # a file system without locks


class _Lease:
    """A lock in a store: an object that its holder renews, and that others respect until it is old.

    Stores have no locks that die with their holder. Two runs that begin in the same moment may
    both hold it: results are whole all the same, only work may be done twice.
    """

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="radkit-lease", daemon=True)

    def __enter__(self) -> None:
        """Take it."""
        held = _lease(self._store.get(LOCK))
        if held is not None and held["run"] != self._run and not _dead(held):
            raise TransferError(
                "another run is writing to this place",
                retryable=True,
                source=self._store.name,
                hint=f"A run that was killed is forgotten after {LEASE_S:.0f} s",
            )
        self._put()
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        """Give it back."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(TransferError):  # else it grows old
            self._store.remove([self._store.path(LOCK)])

    def _put(self) -> None:
        lease = {"run": self._run, "holder": this_worker(), "at": time.time()}
        self._store.put(LOCK, json.dumps(lease).encode())

    def _renew(self) -> None:
        while not self._stop.wait(LEASE_S / 4):
            with contextlib.suppress(TransferError):  # it is tried again
                self._put()


def _lease(data: bytes | None) -> dict[str, Any] | None:
    try:
        lease = json.loads(data) if data else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(lease, dict) or not isinstance(lease.get("at"), (int, float)):
        return None
    return lease if isinstance(lease.get("run"), str) else None


def _dead(lease: dict[str, Any]) -> bool:
    """Tell whether the holder is gone: its time is over, or it ran here and does not any more."""
    if abs(time.time() - lease["at"]) > LEASE_S:
        return True
    host, _, process = str(lease.get("holder")).rpartition(":")
    if host != this_worker().rpartition(":")[0] or not process.isdigit():
        return False
    return not Path("/proc", process).exists() and Path("/proc/self").exists()


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with io_errors("reading a result back", str(path)), path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def source_stamp(path: Path) -> str:
    """Say which state of a file a result was made from: its size and time of change."""
    with io_errors("looking at a source", str(path)):
        status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"
