"""Who does the objects of a run: threads, processes, a cluster, or the caller's executor.

A process that dies takes its pool with it, and every object in the pool. A new pool takes
the next ones; the objects that were lost are done again one at a time, each in a process
of its own, so that only the one that kills is given up.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import threading
from collections.abc import Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import dataclass
from pickle import PicklingError
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from radkit.errors import OptionError, RadkitError, TransferError
from radkit.transcoding.worker import Answer, Job, do_batch, give_up

__all__ = ["Crew", "Engine", "Pending", "Workers", "lost"]

Engine = Literal["threads", "processes", "dask"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that somebody is at."""

    jobs: list[Job]
    future: Any  # of concurrent.futures, or alike
    name: str = ""  # of its journal


class Workers(Protocol):
    """What a run wants of those who do its objects."""

    most_jobs: int  # of a batch
    most_bytes: int
    journals: bool  # workers may outlive the client
    separate: bool  # workers are other processes, and may die alone

    def ahead(self) -> int:
        """Return how many batches may wait or be worked at."""

    def begin(self, jobs: list[Job], run: str) -> Pending:
        """Give a batch to a worker."""

    def answers(self, pending: Pending) -> Sequence[Answer]:
        """Wait for a batch; a worker that is lost is the failure of its objects at most."""

    def cancel(self, pending: Pending) -> None:
        """Let go of a batch: it is not begun, if it is not."""

    def check(self) -> None:
        """Raise if those who give out the work are gone."""

    def __enter__(self) -> Workers:
        """Start."""

    def __exit__(self, *error: Any) -> None:
        """End what was started, at once if there was an error."""


class Crew:
    """Workers on this machine. Own ones are shut down at the end, their waiting work cancelled.

    Parameters
    ----------
    engine : {"threads", "processes"} or Executor
        As in `transcode_many`.
    count : int
        Objects at a time.
    """

    most_jobs = 1
    most_bytes = 0
    journals = False

    def __init__(self, engine: Engine | Executor, count: int) -> None:
        self._engine = engine
        self._count = count
        self._own = not isinstance(engine, Executor)
        self.separate = engine != "threads"
        self._executor = engine if isinstance(engine, Executor) else _made(engine, count)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._own:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def ahead(self) -> int:
        """Return how many objects may wait or be worked at."""
        return 2 * self._count

    def begin(self, jobs: list[Job], run: str) -> Pending:
        """Give objects to a worker."""
        try:
            return Pending(jobs, self._executor.submit(do_batch, jobs, None, run))
        except BrokenExecutor as error:
            if self._engine != "processes":
                return _failed(jobs, error)
            self._executor.shutdown(wait=False)
            self._executor = _made("processes", self._count)
            return Pending(jobs, self._executor.submit(do_batch, jobs, None, run))

    def cancel(self, pending: Pending) -> None:
        """Let go of objects that nobody has begun."""
        pending.future.cancel()

    def check(self) -> None:
        """Do nothing: a pool that breaks tells so in each of its futures."""

    def answers(self, pending: Pending) -> Sequence[Answer]:
        """Wait for objects; a worker that is lost is the failure of its object at most."""
        jobs = pending.jobs
        try:
            found: list[Answer] = pending.future.result()
            return found
        except BrokenExecutor as error:
            return [self._alone(job, error) for job in jobs]
        except (TypeError, AttributeError, PicklingError) as error:
            reason = f"the source cannot be sent to another process: {type(error).__name__}"
            return [
                give_up(job, OptionError(reason, hint="Pass its path or its bytes")) for job in jobs
            ]
        except RadkitError as error:
            return [give_up(job, error) for job in jobs]
        except Exception as error:  # of an executor that radkit did not make
            return [give_up(job, lost(error)) for job in jobs]

    def _alone(self, job: Job, error: BaseException) -> Answer:
        if self._engine == "processes":
            with _made("processes", 1) as executor:
                try:
                    return executor.submit(do_batch, [job], None, "").result()[0]
                except BrokenExecutor as second:
                    error = second
        return give_up(job, lost(error))


def _failed(jobs: list[Job], error: BaseException) -> Pending:
    future: Future[Any] = Future()
    future.set_exception(lost(error))
    return Pending(jobs, future)


def lost(error: BaseException) -> TransferError:
    """Say that a worker was lost."""
    told = TransferError(f"the worker was lost: {type(error).__name__}", retryable=True)
    told.__cause__ = error
    return told


def _made(engine: object, count: int) -> Executor:
    if engine == "threads":
        return ThreadPoolExecutor(count, thread_name_prefix="radkit")
    if engine == "processes":
        # Forking a process that has threads can lock up the child.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(count, mp_context=spawn, initializer=_end_with_parent)
    raise OptionError(f"engine must be threads, processes, dask or an Executor, not {engine!r}")


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
