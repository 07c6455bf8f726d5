"""Objects in whatever thread, process or machine: done, passed on, or told apart."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.dicom.source import open_reader
from radkit.dicom.uids import syntax as find_syntax
from radkit.dicom.write import OWN_FOLDER, io_errors
from radkit.errors import CorruptFile, RadkitError, TransferError
from radkit.transcoding.book import file_sha256, source_stamp
from radkit.transcoding.journal import Journal
from radkit.transcoding.one import Done, copy_object, run
from radkit.transcoding.options import Options
from radkit.transcoding.records import Record, restored, this_worker
from radkit.transcoding.results import Transcoded
from radkit.transcoding.sources import is_dicom_by_magic
from radkit.transcoding.stores import IN_MEMORY, Item, Store, fetched

__all__ = ["Answer", "Job", "OnError", "do", "do_batch", "give_up"]

OnError = Literal["raise", "copy", "skip"]
PAUSES_S = (0.5, 2.0)  # before another try of what may pass by itself
MOST_DEATHS = 3  # then it is the object that kills; Dask's own limit is four for a batch
Uids = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One object, as it travels to a worker, which may be on another machine.

    `name` is what ledgers call the source; `digest` is that of the options.
    """

    source: Any
    name: str
    to: Path | Store
    place: str
    found: bool
    options: Options
    digest: str
    on_error: OnError
    limits: limits.Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it. `result` None: it is no DICOM object."""

    result: Transcoded | RadkitError | None
    record: Record
    passed_on: bool = False  # it failed, and was copied as it is
    earlier: bool = False  # an earlier run has done it
    killed: bool = False  # workers died at it: nobody has touched it again


def do_batch(jobs: list[Job], journal: str | None, run: str) -> list[Answer]:
    """Do objects one after the other, in whatever thread, process or machine.

    Parameters
    ----------
    jobs : list of Job
        All of one destination.
    journal : str, optional
        Name of the journal of this batch. If a worker that died has begun it, what is
        in it is not done again.
    run : str
        Whose work it is; the destination must know of it.
    """
    if journal is None:
        return [do(job) for job in jobs]
    _check_shared(jobs[0].to, run)
    book = Journal(jobs[0].to, journal)
    answers = []
    for job in jobs:
        earlier = _earlier(job, book.earlier.get(job.place))
        if earlier is not None:
            answers.append(earlier)
            continue
        if book.deaths[job.place] >= MOST_DEATHS:
            error = TransferError(f"workers died {MOST_DEATHS} times at this object")
            untouched = give_up(replace(job, on_error="skip"), error)
            # Not in the journal: the deaths must stay there, should the answer be lost.
            answers.append(replace(untouched, killed=True))
            continue
        book.begin(job.place)
        answers.append(do(job))
        book.add(answers[-1].record)
    book.flush()
    return answers


def _check_shared(to: Path | Store, run: str) -> None:
    """Raise unless this machine sees the folder that the client sees."""
    if isinstance(to, Path) and not (to / OWN_FOLDER / f"run-{run}").exists():
        raise TransferError(
            "a worker does not see the destination folder",
            source=str(to),
            hint="Give a folder that all machines of the cluster share, or a URL",
        )


def _earlier(job: Job, record: Record | None) -> Answer | None:
    """Give again what is in the journal of a worker that died."""
    if record is None or record.job != job.digest or record.stamp != _stamp(job.source):
        return None
    if record.state == "failed":
        return None
    path = job.to / job.place if isinstance(job.to, Path) else None
    result = restored(record, path) if record.state == "done" else None
    if record.state == "done" and result is None:
        return None
    return Answer(result=result, record=record)


def do(job: Job) -> Answer:
    """Do one object; whatever happens to it is in the answer."""
    with limits.use(job.limits):
        stamp = ""
        try:
            stamp = _stamp(job.source)
            for pause in PAUSES_S if _remote(job) else ():
                try:
                    return _do(job, stamp)
                except TransferError as error:
                    if not error.retryable:
                        raise
                    time.sleep(pause)
            return _do(job, stamp)
        except RadkitError as error:
            return give_up(job, error, stamp)
        except Exception as error:  # whatever it is, it is the end of one object, not of the run
            fault = RadkitError(f"a fault inside radkit or a library: {type(error).__name__}")
            fault.__cause__ = error
            return give_up(job, fault, stamp)


def _remote(job: Job) -> bool:
    return isinstance(job.source, Item) or isinstance(job.to, Store)


def _stamp(source: Any) -> str:
    if isinstance(source, Item):
        return source.stamp
    return source_stamp(source) if isinstance(source, Path) else "none"


def _do(job: Job, stamp: str) -> Answer:
    with _at_hand(job.source) as source:
        if job.found and not _is_object(source):
            return Answer(result=None, record=_record(job, stamp, None))
        with _target(job, _size(source)) as target:
            done = run(source, target, job.options)
            return _delivered(job, stamp, done, target)


@contextlib.contextmanager
def _at_hand(source: Any) -> Iterator[Any]:
    """Give a source that can be opened here."""
    if not isinstance(source, Item):
        yield source
        return
    with fetched(source) as data:
        yield data


def _size(source: Any) -> int:
    if isinstance(source, Path):
        with io_errors("looking at a source", str(source)):
            return source.stat().st_size
    return len(source) if isinstance(source, (bytes, bytearray, memoryview)) else 0


@contextlib.contextmanager
def _target(job: Job, size: int) -> Iterator[Path | None]:
    """Give the file to write, or None for memory; of a store a temporary one if it is large."""
    if isinstance(job.to, Path):
        yield _safe_join(job.to, job.place)
    elif size <= IN_MEMORY:
        yield None
    else:
        with tempfile.TemporaryDirectory(prefix="radkit-") as folder:
            yield Path(folder, "result.dcm")


def _delivered(job: Job, stamp: str, done: Done, target: Path | None) -> Answer:
    """Put a result into its store, if that is where it goes, and make the answer."""
    made: bytes | Path | None = target if target is not None else done.result.data
    assert made is not None  # without a file the object is returned
    sha256 = file_sha256(made) if isinstance(made, Path) else hashlib.sha256(made).hexdigest()
    result, md5 = done.result, ""
    if isinstance(job.to, Store):
        job.to.put(job.place, made)
        md5 = "" if isinstance(made, Path) else hashlib.md5(made, usedforsecurity=False).hexdigest()
        result = replace(result, data=None, path=None)
    uids = (done.old_uid, done.new_uid)
    return Answer(
        result=result, record=_record(job, stamp, result, uids=uids, sha256=sha256, md5=md5)
    )


def _record(
    job: Job,
    stamp: str,
    result: Transcoded | RadkitError | None,
    uids: Uids = (None, None),
    **more: Any,
) -> Record:
    return Record.of(
        result,
        uids=uids,
        place=job.place,
        source=job.name,
        stamp=stamp,
        job=job.digest,
        worker=this_worker(),
        **more,
    )


def give_up(job: Job, error: RadkitError, stamp: str = "") -> Answer:
    """Report an object that cannot be done and, if so asked, pass it on as it is."""
    if isinstance(job.source, Item) or error.source is None:
        error.source = job.name  # not that of a temporary file
    passed_on = False
    if job.on_error == "copy":
        try:
            _pass_on(job)
            passed_on = True
        except Exception:  # the first error is the one to report
            error.hint = f"{error.hint + '. ' if error.hint else ''}It could not be copied either"
    error = _portable(error)
    return Answer(result=error, record=_record(job, stamp, error), passed_on=passed_on)


def _pass_on(job: Job) -> None:
    with _at_hand(job.source) as source:
        if isinstance(job.to, Store) and isinstance(source, (bytes, Path)):
            job.to.put(job.place, source)
            return
        target = None if isinstance(job.to, Store) else _safe_join(job.to, job.place)
        with open_reader(source) as reader:
            copied = copy_object(reader, target, find_syntax("explicit-le"), None)
        if isinstance(job.to, Store):
            job.to.put(job.place, copied.data or b"")


def _is_object(source: Any) -> bool:
    """Tell whether something met on the way is a DICOM object, a damaged one included."""
    if isinstance(source, Path):
        with io_errors("looking at a source", str(source)):
            linked = source.is_dir()
        if linked:
            return False  # a link to a folder, which is not followed
        if is_dicom_by_magic(source):
            return True
    elif source[128:132] == b"DICM":
        return True
    try:
        with open_object(source):
            return True
    except CorruptFile:
        return False


def _safe_join(folder: Path, place: str) -> Path:
    path = folder / place
    with io_errors("making a folder of the destination", str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(folder):
        raise TransferError("the result would lie outside of the destination", source=str(path))
    return path


def _portable(error: RadkitError) -> RadkitError:
    """Drop the traceback, which holds frames of pixels alive as long as the report."""
    error.__traceback__ = None
    cause = error.__cause__
    if cause is not None:
        cause.__traceback__ = None
    return error
