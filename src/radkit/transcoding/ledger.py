"""The ledger of a destination: a SQLite file with a row for each object and each run.

It is written by one process, the one that runs `transcode_many`; anybody may read it meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit.errors import TransferError
from radkit.transcoding.records import Record, this_worker

__all__ = ["Ledger", "read_ledger"]

logger = logging.getLogger("radkit")

_FIELDS = (
    "place",
    "source",
    "stamp",
    "job",
    "state",
    "bytes_in",
    "bytes_out",
    "sha256",
    "md5",
    "seconds",
    "error",
    "message",
    "worker",
    "at",
    "result",
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    place TEXT PRIMARY KEY, source TEXT NOT NULL, stamp TEXT NOT NULL, job TEXT NOT NULL,
    state TEXT NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,
    sha256 TEXT NOT NULL, md5 TEXT NOT NULL, seconds REAL NOT NULL, error TEXT NOT NULL,
    message TEXT NOT NULL, worker TEXT NOT NULL, at REAL NOT NULL, result TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, began REAL NOT NULL, ended REAL, job TEXT NOT NULL,
    syntax TEXT NOT NULL, client TEXT NOT NULL, version TEXT NOT NULL
);
"""
_NAMES = ", ".join(_FIELDS)
_PUT = f"INSERT OR REPLACE INTO objects ({_NAMES}) VALUES ({', '.join('?' * len(_FIELDS))})"


class Ledger:
    """An open ledger.

    Parameters
    ----------
    path : Path
        Made if it is not there. One that is no ledger is put aside, and a new one begun.

    Raises
    ------
    TransferError
        It cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._base = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _failure("opening", path, error) from error
            _put_aside(path)
            with self._failures("opening"):
                self._base = _opened(path)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what was added is on disk."""
        self._base.close()

    def copy_to(self, path: Path) -> None:
        """Write it to a file of its own, with all that was added."""
        with self._failures("copying"), contextlib.closing(sqlite3.connect(path)) as other:
            self._base.backup(other)

    def find(self, place: str) -> Record | None:
        """Return the row of a result."""
        with self._failures("reading"):
            row = self._base.execute(
                f"SELECT {_NAMES} FROM objects WHERE place = ?", (_text(place),)
            ).fetchone()
        return None if row is None else _record(row)

    def some(self) -> list[Record]:
        """Return a few rows of results."""
        with self._failures("reading"):
            rows = self._base.execute(
                f"SELECT {_NAMES} FROM objects WHERE state = 'done' LIMIT 50"
            ).fetchall()
        return [record for row in rows if (record := _record(row)) is not None]

    def add(self, records: Iterable[Record]) -> None:
        """Write rows in one transaction: when this returns they are on disk."""
        rows = [_row(record) for record in records]
        if rows:
            with self._failures("writing"), self._base:
                self._base.executemany(_PUT, rows)

    def begin(self, run: str, job: str, syntax: str) -> None:
        """Write down that a run begins."""
        with self._failures("writing"), self._base:
            self._base.execute(
                "INSERT INTO runs VALUES (?, ?, NULL, ?, ?, ?, ?)",
                (run, time.time(), job, syntax, this_worker(), _version()),
            )

    def end(self, run: str) -> None:
        """Write down that it came to its end."""
        with self._failures("writing"), self._base:
            self._base.execute("UPDATE runs SET ended = ? WHERE run = ?", (time.time(), run))

    @contextlib.contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _failure(what, self.path, error) from error


def read_ledger(path: Path) -> Iterator[Record]:
    """Yield the rows of a ledger in the order of their places, while others may write it.

    Raises
    ------
    TransferError
        There is none, or it cannot be read.
    """
    if not path.is_file():
        raise TransferError("there is no ledger", source=str(path))
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
            for row in base.execute(f"SELECT {_NAMES} FROM objects ORDER BY place"):
                record = _record(row)
                if record is not None:
                    yield record
    except sqlite3.Error as error:
        raise _failure("reading", path, error) from error


def _version() -> str:
    import radkit

    return radkit.__version__


def _opened(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        base.execute("PRAGMA journal_mode = WAL")  # where the file system cannot, another is kept
        base.execute("PRAGMA synchronous = FULL")
        base.executescript(_SCHEMA)
        columns = base.execute("SELECT name FROM pragma_table_info('objects')").fetchall()
        if [name for (name,) in columns] != list(_FIELDS):
            raise sqlite3.DatabaseError("another kind of file")
    except BaseException:
        base.close()
        raise
    return base


def _put_aside(path: Path) -> None:
    """Move what is no ledger out of the way; nothing is deleted."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    logger.error("the ledger cannot be read and is kept as %s; a new one is begun", aside.name)
    try:
        path.replace(aside)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    except OSError as error:
        raise TransferError("a damaged ledger cannot be moved", source=str(path)) from error


def _failure(what: str, path: Path, error: sqlite3.Error) -> TransferError:
    told = TransferError(f"{what} the ledger failed: {error}", source=str(path))
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        told.errno, told.hint = errno.ENOSPC, "Free some space and run again"
    return told


def _text(value: str) -> str:
    """Write a name so that it can be stored: bytes that are no text get a backslash."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _row(record: Record) -> tuple[Any, ...]:
    values = [getattr(record, name) for name in _FIELDS[:-1]]
    texts = [_text(value) if isinstance(value, str) else value for value in values]
    return (*texts, json.dumps(record.result))


def _record(row: tuple[Any, ...]) -> Record | None:
    values = dict(zip(_FIELDS, row, strict=True))
    try:
        values["result"] = json.loads(values["result"])
    except (ValueError, TypeError, RecursionError):
        return None
    return Record(**values) if isinstance(values["result"], dict) else None
