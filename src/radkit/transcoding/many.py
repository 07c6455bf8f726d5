"""Many objects into another transfer syntax: a tree in, the same tree out.

Each object is done by one worker, alone; results come in the order of the sources. A
finished object is written down in the manifest of `dest`, so a killed run goes on where
it stopped. One bad object never stops the others unless that is asked for.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from radkit import limits
from radkit.codecs.options import Coding, Lossy
from radkit.dicom.objects import open_object
from radkit.dicom.source import safe_name
from radkit.dicom.uids import syntax as find_syntax
from radkit.dicom.write import io_errors, sweep_parts
from radkit.errors import OptionError, RadkitError, TransferError
from radkit.pixels.workers import usable_cores
from radkit.transcoding.crew import Crew, Engine, Pending
from radkit.transcoding.manifest import Manifest, source_stamp
from radkit.transcoding.options import NewUid, Options, Signatures, Verify
from radkit.transcoding.results import Report, Transcoded, transcoded_dict
from radkit.transcoding.sources import Task, free_place, refuse_own_sources, tasks
from radkit.transcoding.stores import has_url, transcode_stores
from radkit.transcoding.worker import Answer, Job, OnError

__all__ = ["transcode_many"]

_PROGRESS_S = 0.1


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
        Who does the work. An executor of the caller's stays open.
    workers : int, optional
        Objects at a time. Default: the cores this process may use. Each has one thread.
    on_error : {"copy", "raise", "skip"}
        What becomes of an object that fails: passed on as it is, the end of the run, or
        left out. In all three the error is in the report.
    resume : bool, default True
        Leave out what an earlier run with the same options has finished: the source is
        unchanged, and the result is there with the checksum of the manifest.
    progress : callable(done, total), optional
        Called in this thread, at most ten times per second, and at the end.

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
    `dest` holds ``.radkit-manifest.jsonl``. A result gets its name only after it was
    proven and fsynced, so nothing under a final name is ever half.

    With a URL on either side each result is one put, and ``.radkit/`` beside the results
    holds a record of each; a later run believes a record if the source's stamp (size, and
    ETag or time) and the size of the result are as they were. Objects pass through memory.
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
    count = workers if workers is not None else usable_cores()
    if has_url(sources) or has_url(dest):
        if engine != "threads":
            raise OptionError('URLs are done with engine="threads"')
        report = transcode_stores(
            sources,
            dest,
            options,
            workers=count,
            on_error=on_error,
            resume=resume,
            tell=progress or (lambda done, total: None),
        )
        return replace(report, seconds=time.perf_counter() - started)
    folder = _folder(dest)
    if isinstance(sources, (str, Path)) and Path(sources).resolve() == folder:
        raise OptionError("dest is the folder of the sources: choose another one")
    work = tasks(sources, leave_out=folder)
    refuse_own_sources(work, folder)
    tell = _Progress(progress, len(work))
    with (
        Manifest(folder, options.digest(on_error), resume=resume) as manifest,
        Crew(engine, count) as crew,
    ):
        sweep_parts(folder)
        batch = _Batch(folder, manifest, options, on_error)
        for outcome in batch.run(crew, work, ahead=2 * count):
            tell(batch.done)
            if outcome is not None and on_error == "raise":
                raise outcome
    tell(batch.done, last=True)
    return batch.report(time.perf_counter() - started)


def _folder(dest: Any) -> Path:
    try:
        folder = Path(dest)
    except TypeError:
        raise TypeError(f"dest must be a folder, not {type(dest).__name__}") from None
    with io_errors("making the destination folder", str(dest)):
        folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


class _Progress:
    """Calls back at most ten times per second."""

    def __init__(self, call: Callable[[int, int], None] | None, total: int) -> None:
        self._call = call
        self._total = total
        self._last = 0.0

    def __call__(self, done: int, *, last: bool = False) -> None:
        now = time.monotonic()
        if self._call is not None and (last or now - self._last >= _PROGRESS_S):
            self._last = now
            self._call(done, self._total)


class _Batch:
    """The run over a list of tasks: what is asked for, what came, in order."""

    def __init__(
        self, folder: Path, manifest: Manifest, options: Options, on_error: OnError
    ) -> None:
        self.done = 0
        self._folder = folder
        self._manifest = manifest
        self._options = options
        self._on_error = on_error
        self._entries: list[tuple[Any, Transcoded | RadkitError]] = []
        self._skipped: list[Any] = []
        self._uid_map: dict[str, str] = {}
        self._resumed = 0
        self._taken: set[str] = set()

    def run(self, crew: Crew, work: list[Task], *, ahead: int) -> Iterator[RadkitError | None]:
        """Do the tasks, `ahead` of them at most at a time; yield what failed, in order."""
        self._taken = {task.place for task in work if task.place is not None}
        waiting: deque[tuple[Task, Pending | Answer]] = deque()
        numbered = iter(enumerate(work))
        now = limits.current()
        try:
            while True:
                while len(waiting) < ahead and (item := next(numbered, None)) is not None:
                    number, task = item
                    waiting.append((task, self._begin(crew, number, task, now)))
                if not waiting:
                    return
                task, coming = waiting.popleft()
                answer = coming if isinstance(coming, Answer) else crew.answer(coming)
                self.done += 1
                yield self._take(task, answer)
        finally:
            for _, coming in waiting:
                if isinstance(coming, Pending):
                    coming.future.cancel()

    def _begin(self, crew: Crew, number: int, task: Task, now: limits.Limits) -> Pending | Answer:
        earlier = self._earlier(task)
        if earlier is not None:
            return earlier
        job = Job(
            source=task.source if task.path is None else task.path,
            folder=self._folder,
            place=self._place(task, number),
            found=task.found,
            options=self._options,
            on_error=self._on_error,
            limits=now,
        )
        return crew.begin(job)

    def _place(self, task: Task, number: int) -> str:
        """Name the result of a source without a path after its instance, apart from others."""
        if task.place is not None:
            return task.place
        uid = None
        # Whatever is wrong with the source: its worker meets it too, and reports it.
        with contextlib.suppress(Exception), open_object(task.source) as obj:
            uid = obj.elements.text(0x00080018)
        name = safe_name(uid) if uid else f"object-{number:06d}"
        return free_place(name + ".dcm", self._taken)

    def _earlier(self, task: Task) -> Answer | None:
        """Give the result of an earlier run, if it still stands."""
        if task.place is None or task.path is None:
            return None
        try:
            stamp = source_stamp(task.path)
        except TransferError:
            return None  # the worker meets the same error, and reports it
        entry = self._manifest.finished(task.place, stamp)
        if entry is None:
            return None
        result = _restored(entry["result"], self._folder / task.place)
        if result is None:
            return None
        self._resumed += 1
        uids = entry["result"]
        return Answer(
            result=result,
            place=None,
            stamp=stamp,
            old_uid=uids.get("old_uid"),
            new_uid=uids.get("new_uid"),
        )

    def _take(self, task: Task, answer: Answer) -> RadkitError | None:
        if answer.result is None:
            self._skipped.append(task.source)
            return None
        self._entries.append((task.source, answer.result))
        if isinstance(answer.result, RadkitError):
            return answer.result
        if answer.old_uid and answer.new_uid and answer.old_uid != answer.new_uid:
            self._uid_map[answer.old_uid] = answer.new_uid
        if answer.place is not None:
            remembered = transcoded_dict(answer.result)
            remembered |= {"old_uid": answer.old_uid, "new_uid": answer.new_uid}
            remembered.pop("path")
            self._manifest.add(
                answer.place, answer.stamp, answer.result.bytes_out, answer.sha256, remembered
            )
        return None

    def report(self, seconds: float) -> Report:
        """Sum up."""
        return Report(
            entries=tuple(self._entries),
            uid_map=self._uid_map,
            skipped=tuple(self._skipped),
            resumed=self._resumed,
            seconds=seconds,
        )


def _restored(values: dict[str, Any], path: Path) -> Transcoded | None:
    """Make a result of a line of the manifest; None if the line is not of this version."""
    known = set(Transcoded.__dataclass_fields__) - {"data", "path", "syntax"}
    kept = {name: values[name] for name in known if name in values}
    try:
        kept["corrections"] = tuple(kept.get("corrections", ()))
        return Transcoded(path=path, syntax=find_syntax(values["syntax"]), **kept)
    except (TypeError, KeyError, RadkitError):
        return None
