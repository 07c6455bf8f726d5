"""Many objects into another transfer syntax: a tree in, the same tree out.

Each object is done by one worker, alone; results come in the order of the sources. A
finished object is written down in the ledger of `dest`, so a killed run goes on where
it stopped. One bad object never stops the others unless that is asked for.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from radkit import limits
from radkit.codecs.options import Coding, Lossy
from radkit.dicom.objects import open_object
from radkit.dicom.source import safe_name
from radkit.dicom.write import OWN_FOLDER, io_errors, sweep_parts
from radkit.errors import OptionError, RadkitError, TransferError
from radkit.pixels.workers import usable_cores
from radkit.transcoding.book import Book, source_stamp
from radkit.transcoding.cluster import Cluster
from radkit.transcoding.crew import Crew, Engine, Pending, Workers
from radkit.transcoding.metrics import Counts
from radkit.transcoding.options import NewUid, Options, Signatures, Verify
from radkit.transcoding.records import restored
from radkit.transcoding.results import Report, Transcoded
from radkit.transcoding.sources import Task, free_place, refuse_own_sources, tasks
from radkit.transcoding.stores import Item, Store, local_path
from radkit.transcoding.worker import Answer, Job, OnError

__all__ = ["transcode_many"]

_MOST_WAITING = 10_000  # answers that wait for an earlier object
_LOOK_S = 1.0  # how often is asked whether the workers are there
_MOST_OF_A_WORKER = 2 << 30


def transcode_many(
    sources: Any,
    dest: Any,
    syntax: str = "htj2k-lossless-rpcl",
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    verify: Verify = True,
    new_uid: NewUid = "as-needed",
    signatures: Signatures = "refuse",
    engine: Engine | Executor = "threads",
    workers: int | None = None,
    on_error: OnError = "copy",
    resume: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Bring many DICOM objects into another transfer syntax.

    Parameters
    ----------
    sources : folder, glob or iterable of sources
        A folder comes out as the same tree; objects without a path are named after the
        hash of their instance UID. Files that are not DICOM are skipped and listed. Also
        URLs that fsspec knows: ``s3://bucket/study``, ``zip://::archive.zip``.
    dest : folder or URL
        Made if it is not there.
    syntax, lossy, coding, verify, new_uid, signatures
        As in `transcode`.
    engine : {"threads", "processes", "dask"} or Executor
        Who does the work. An executor of the caller's stays open. "dask" takes the
        `distributed.Client` of this process, or else starts a cluster on this machine.
    workers : int, optional
        Objects at a time. Default: the cores this process may use. Each has one thread.
        The client of a Dask cluster knows its workers itself.
    on_error : {"copy", "raise", "skip"}
        What becomes of an object that fails: passed on as it is, the end of the run, or
        left out. In all three the error is in the report.
    resume : bool, default True
        Leave out what an earlier run with the same options has finished: the source is
        unchanged, and the result is there with the checksum of the ledger.
    progress : callable(done, total), optional
        Called in this thread, at most ten times per second, and at the end. If it has a
        method ``watch``, that is called too, with the `Metrics` of the run.

    Returns
    -------
    Report
        In the order of the sources.

    Raises
    ------
    OptionError, UnsupportedTransferSyntax, MissingDependency
        Before anything is done.
    TransferError
        `dest` cannot be written, or another run is at work in it.
    RadkitError
        The first failure, with ``on_error="raise"``.

    Notes
    -----
    `dest` holds ``.radkit/ledger.sqlite``: a row for each object, with checksums, sizes,
    times and errors. A result gets its name only after it was proven and is durable, so
    nothing under a final name is ever half. In a folder a later run compares the checksum
    of a result, in a store what the store lists (size, and MD5 where it has one).

    Objects of stores of more than 32 MiB pass through a temporary file.
    """
    started = time.perf_counter()
    options = Options(
        syntax=syntax,
        lossy=lossy,
        coding=coding,
        verify=verify,
        new_uid=new_uid,
        signatures=signatures,
        threads=1,
    )
    if on_error not in ("raise", "copy", "skip"):
        raise OptionError(f"on_error must be raise, copy or skip, not {on_error!r}")
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise OptionError(f"workers must be at least 1 or None, not {workers!r}")
    crew = _workers(engine, workers if workers is not None else usable_cores())
    to = _destination(dest)
    work = _work(sources, to, dest)
    _refuse_private(engine, work, to)
    digest = options.digest(on_error)
    book = Book(to, digest, syntax=options.target.uid, resume=resume, by_workers=crew.journals)
    with book, _announced(to, book.run), crew:
        if isinstance(to, Path):
            sweep_parts(to)
        batch = _Batch(to, book, options, on_error, Counts(progress, [t.size() for t in work]))
        for failure in batch.run(crew, work):
            if on_error == "raise":
                raise failure
        if isinstance(to, Path) and crew.separate:
            sweep_parts(to)  # of workers that died
    batch.counts.tell(last=True)
    return batch.report(time.perf_counter() - started)


def _workers(engine: Engine | Executor, count: int) -> Workers:
    if engine == "dask":
        return Cluster(count, memory_bytes=_MOST_OF_A_WORKER)
    return Crew(engine, count)


def _destination(dest: Any) -> Path | Store:
    """Open the destination of a path or URL; a folder is made."""
    path = local_path(dest)
    if path is None:
        if not isinstance(dest, str):
            raise TypeError(f"dest must be a folder or URL, not {type(dest).__name__}")
        store = Store.of(dest)
        if store.read_only:
            raise OptionError("nothing can be written to a store of this kind", source=dest)
        return store
    with io_errors("making the destination folder", str(dest)):
        path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _work(sources: Any, to: Path | Store, dest: Any) -> list[Task]:
    """List what is to be done; refuse what would destroy its own sources."""
    folder = to if isinstance(to, Path) else None
    if folder is not None and isinstance(sources, (str, os.PathLike)):
        path = local_path(sources)
        if path is not None and path.resolve() == folder:
            raise OptionError("dest is the folder of the sources: choose another one")
    work = tasks(sources, leave_out=folder, urls=True)
    refuse_own_sources(work, to)
    return [replace(task, bytes=task.size()) for task in work]


def _refuse_private(engine: Engine | Executor, work: list[Task], to: Path | Store) -> None:
    """Raise if other processes would not see a store."""
    stores = [to, *(task.source.store for task in work if isinstance(task.source, Item))]
    if engine in ("processes", "dask") and any(
        isinstance(one, Store) and one.of_this_process for one in stores
    ):
        raise OptionError('memory:// is of this process only: choose engine="threads"')


@contextlib.contextmanager
def _announced(to: Path | Store, run: str) -> Iterator[None]:
    """Leave a file by which workers of other machines know that they see the same folder."""
    if isinstance(to, Store):
        yield
        return
    path = to / OWN_FOLDER / f"run-{run}"
    with io_errors("announcing the run", str(path)):
        for old in path.parent.glob("run-*"):  # of runs that were killed
            old.unlink(missing_ok=True)
        path.touch()
    try:
        yield
    finally:
        with io_errors("ending the run", str(path)):
            path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Slot:
    """Tasks in the order of the sources, who is at them, and what came."""

    tasks: list[Task]
    pending: Pending | None = None
    answers: Sequence[Answer] | None = None


class _Batch:
    """The run over a list of tasks: what is asked for, what came, in order."""

    def __init__(
        self, to: Path | Store, book: Book, options: Options, on_error: OnError, counts: Counts
    ) -> None:
        self.counts = counts
        self._to = to
        self._book = book
        self._options = options
        self._on_error = on_error
        self._entries: list[tuple[Any, Transcoded | RadkitError]] = []
        self._skipped: list[Any] = []
        self._uid_map: dict[str, str] = {}
        self._instances: dict[str, list[Any]] = {}
        self._taken: set[str] = set()
        self._limits = limits.current()
        self._arrived: SimpleQueue[_Slot] = SimpleQueue()
        self._busy = 0

    def run(self, crew: Workers, work: list[Task]) -> Iterator[RadkitError]:
        """Do the tasks, as many at a time as the workers want; yield what failed, in order.

        What has come is in the ledger at once, also if it waits here for a longer one.
        """
        self._taken = {task.place for task in work if task.place is not None}
        slots: deque[_Slot] = deque()
        coming = self._slots(crew, work)
        more = True
        try:
            while more or slots:
                while more and self._busy < crew.ahead() and len(slots) < _MOST_WAITING:
                    slot = next(coming, None)
                    if slot is None:
                        more = False
                    else:
                        slots.append(slot)
                        self._begin(crew, slot)
                if self._busy:
                    self._collect(crew)
                while slots and slots[0].answers is not None:
                    yield from self._settle(slots.popleft())
        finally:
            for slot in slots:
                if slot.pending is not None:
                    crew.cancel(slot.pending)

    def _slots(self, crew: Workers, work: list[Task]) -> Iterator[_Slot]:
        """Yield tasks for one worker each, and between them what earlier runs have done."""
        batch: list[Task] = []
        size = 0
        for number, task in enumerate(work):
            named = task if task.place is not None else self._named(task, number)
            earlier = self._earlier(named)
            if batch and (
                earlier is not None or len(batch) >= crew.most_jobs or size >= crew.most_bytes
            ):
                yield _Slot(batch)
                batch, size = [], 0
            if earlier is not None:
                yield _Slot([task], answers=[earlier])
                continue
            batch.append(named)
            size += task.size()
        if batch:
            yield _Slot(batch)

    def _named(self, task: Task, number: int) -> Task:
        """Name the result of a source without a path after its instance, apart from others."""
        uid = None
        # Whatever is wrong with the source: its worker meets it too, and reports it.
        with contextlib.suppress(Exception), open_object(task.source) as obj:
            uid = obj.elements.text(0x00080018)
        name = safe_name(uid) if uid else f"object-{number:06d}"
        return replace(task, place=free_place(name + ".dcm", self._taken))

    def _earlier(self, task: Task) -> Answer | None:
        """Give the result of an earlier run, if it still stands."""
        if task.place is None:
            return None
        if isinstance(task.source, Item):
            stamp = task.source.stamp
        elif task.path is not None:
            try:
                stamp = source_stamp(task.path)
            except TransferError:
                return None  # the worker meets the same error, and reports it
        else:
            return None
        record = self._book.finished(task.place, stamp)
        if record is None:
            return None
        path = self._to / task.place if isinstance(self._to, Path) else None
        result = restored(record, path) if record.state == "done" else None
        if result is None and record.state == "done":
            return None
        return Answer(result=result, record=record, earlier=True)

    def _begin(self, crew: Workers, slot: _Slot) -> None:
        if slot.answers is not None:
            self._count(slot)
            return
        slot.pending = crew.begin([self._job(task) for task in slot.tasks], self._book.run)
        self._busy += 1
        slot.pending.future.add_done_callback(lambda _: self._arrived.put(slot))

    def _job(self, task: Task) -> Job:
        assert task.place is not None  # `_slots` has named it
        return Job(
            source=task.source if task.path is None else task.path,
            name=_text(task.name) or task.place,
            to=self._to,
            place=task.place,
            found=task.found,
            options=self._options,
            digest=self._book.job,
            on_error=self._on_error,
            limits=self._limits,
        )

    def _collect(self, crew: Workers) -> None:
        """Wait for what comes next, but not for ever, and write down all that has come."""
        came: list[_Slot] = []
        with contextlib.suppress(Empty):
            came.append(self._arrived.get(timeout=_LOOK_S))
            while True:
                came.append(self._arrived.get_nowait())
        if not came:
            crew.check()
            self.counts.tell()
            return
        records, batches = [], []
        for slot in came:
            assert slot.pending is not None
            batches.append(slot.pending.name)
            self._busy -= 1
            slot.answers = crew.answers(slot.pending)
            slot.pending = None
            records += [answer.record for answer in slot.answers]
        self._book.add(records, batches)
        for slot in came:
            self._count(slot)

    def _count(self, slot: _Slot) -> None:
        for task, answer in zip(slot.tasks, slot.answers or (), strict=True):
            self.counts.add(answer, task.size())
        self.counts.tell()

    def _settle(self, slot: _Slot) -> Iterator[RadkitError]:
        for task, answer in zip(slot.tasks, slot.answers or (), strict=True):
            if answer.result is None:
                self._skipped.append(task.name)
                continue
            self._entries.append((task.name, answer.result))
            if isinstance(answer.result, RadkitError):
                yield answer.result
                continue
            old, new = answer.record.uids
            if old:
                self._instances.setdefault(old, []).append(task.name)
            if old and new and old != new:
                self._uid_map[old] = new

    def report(self, seconds: float) -> Report:
        """Sum up."""
        return Report(
            entries=tuple(self._entries),
            uid_map=self._uid_map,
            skipped=tuple(self._skipped),
            duplicates=tuple(tuple(one) for one in self._instances.values() if len(one) > 1),
            resumed=self.counts.resumed,
            seconds=seconds,
        )


def _text(name: Any) -> str:
    return os.fspath(name) if isinstance(name, (str, os.PathLike)) else ""
