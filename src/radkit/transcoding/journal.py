"""What workers write down themselves, beside the results, until the ledger has it.

A worker may die, and so may the client that waits for its answers: what was finished is then
known from these files. In a folder a journal grows by a line for each object, fsynced; in a store
it is put again as a whole, at most once a second. Each journal has one writer at a time.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from radkit.dicom.write import OWN_FOLDER, io_errors, sync_folder
from radkit.transcoding.records import Record, parsed
from radkit.transcoding.stores import Store

__all__ = ["JOURNALS", "Journal", "journal_path", "left_over", "remove"]

JOURNALS = f"{OWN_FOLDER}/journals"
_STORE_PAUSE_S = 1.0


class Journal:
    """The journal of one batch.

    Parameters
    ----------
    to : Path or Store
        The destination.
    name : str
        Of the batch, different from all others.

    Attributes
    ----------
    earlier : dict of str to Record
        What a worker that died over this batch had finished, by place.
    deaths : Counter of str
        How often a worker died at an object.
    """

    def __init__(self, to: Path | Store, name: str) -> None:
        self._to = to
        self._place = f"{JOURNALS}/{name}.jsonl"
        self._lines = self._read()
        self._saved = time.monotonic()
        self._again = bool(self._lines)
        self.earlier = {record.place: record for record in parsed(self._lines)}
        self.deaths = Counter(_begun(self._lines))
        if not self._again and isinstance(to, Store):
            self._lines = b"\n"  # the next worker sees that there was one
            self.flush()

    def _read(self) -> bytes:
        if isinstance(self._to, Store):
            return self._to.get(self._place) or b""
        with io_errors("reading a journal", str(self._to)):
            try:
                return (self._to / self._place).read_bytes()
            except FileNotFoundError:
                return b""

    def begin(self, place: str) -> None:
        """Note that an object is begun: if nothing follows, it is where the worker died."""
        line = json.dumps({"begun": place}).encode() + b"\n"
        if not isinstance(self._to, Store):
            _append(self._to / self._place, line, durable=False)
            return
        self._lines += line
        if self._again:  # in a batch over which a worker died every note counts
            self.flush()

    def add(self, record: Record) -> None:
        """Write down what became of an object."""
        line = record.line()
        if not isinstance(self._to, Store):
            _append(self._to / self._place, line, durable=True)
            return
        self._lines += line
        if time.monotonic() - self._saved >= _STORE_PAUSE_S:
            self.flush()

    def flush(self) -> None:
        """Make durable what was added."""
        if isinstance(self._to, Store):
            self._to.put(self._place, self._lines)
            self._saved = time.monotonic()


def journal_path(folder: Path, name: str) -> Path:
    """Return where the journal of a batch lies."""
    return folder / JOURNALS / f"{name}.jsonl"


def _begun(lines: bytes) -> Iterator[str]:
    """Yield the places of objects that were begun and not finished, as often as that happened."""
    open_ones: list[str] = []
    for line in lines.split(b"\n"):
        try:
            entry = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        begun, done = entry.get("begun"), entry.get("place")
        if isinstance(begun, str):
            open_ones.append(begun)
        elif isinstance(done, str):
            open_ones = [place for place in open_ones if place != done]
    yield from open_ones


def _append(path: Path, line: bytes, *, durable: bool) -> None:
    with io_errors("writing a journal", str(path)):
        new = not path.exists()
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            # The newline in front ends a line that a killed writer has torn.
            view = memoryview(b"\n" + line)
            while view:
                view = view[os.write(fd, view) :]
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            sync_folder(path.parent)


def left_over(to: Path | Store) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the lines of each journal of a destination."""
    if isinstance(to, Store):
        if not to.exists(JOURNALS):
            return
        for path in sorted(to.find(JOURNALS)):
            yield path, to.get(to.place(path)) or b""
        return
    folder = to / JOURNALS
    with io_errors("reading journals", str(folder)):
        files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    for file in files:
        with io_errors("reading a journal", str(file)):
            lines = file.read_bytes()
        yield str(file), lines


def remove(to: Path | Store, paths: Iterable[str]) -> None:
    """Delete journals whose records are in the ledger."""
    if isinstance(to, Store):
        to.remove(list(paths))
        return
    for path in paths:
        with io_errors("deleting a journal", path):
            Path(path).unlink(missing_ok=True)
