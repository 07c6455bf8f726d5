"""Who does the objects of a run: threads, processes, a cluster, or the caller's executor.

A process that dies takes its pool with it, and every object in the pool. A new pool takes
the next ones; the objects that were lost are done again one at a time, each in a process
of its own, so that only the one that kills is given up.
"""

from __future__ import annotations

import multiprocessing
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
from typing import Literal, Self

from radkit.errors import MissingDependency, OptionError, RadkitError, TransferError
from radkit.transcoding.worker import Answer, Job, do, give_up

__all__ = ["Crew", "Engine", "Pending"]

Engine = Literal["threads", "processes", "dask"]


@dataclass(frozen=True, slots=True)
class Pending:
    """An object that somebody is at."""

    job: Job
    future: Future[Answer]


class Crew:
    """Workers for one run. Own ones are shut down at its end, their waiting work cancelled.

    Parameters
    ----------
    engine : {"threads", "processes", "dask"} or Executor
        As in `transcode_many`.
    count : int
        Objects at a time.
    """

    def __init__(self, engine: Engine | Executor, count: int) -> None:
        self._engine = engine
        self._count = count
        self._own = not isinstance(engine, Executor)
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
        if self._own and self._engine == "dask":
            # Dask's executor either waits or cancels; a run that ended in order has none waiting.
            self._executor.shutdown(wait=error is None)
        elif self._own:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def begin(self, job: Job) -> Pending | Answer:
        """Give an object to a worker."""
        try:
            return Pending(job, self._executor.submit(do, job))
        except BrokenExecutor as error:
            if self._engine != "processes":
                return give_up(job, _lost(error))
            self._executor.shutdown(wait=False)
            self._executor = _made("processes", self._count)
            return Pending(job, self._executor.submit(do, job))

    def answer(self, pending: Pending) -> Answer:
        """Wait for an object; a worker that is lost is the failure of its object at most."""
        try:
            return pending.future.result()
        except BrokenExecutor as error:
            return self._alone(pending.job, error)
        except (TypeError, AttributeError, PicklingError) as error:
            reason = f"the source cannot be sent to another process: {type(error).__name__}"
            return give_up(pending.job, OptionError(reason, hint="Pass its path or its bytes"))
        except RadkitError as error:
            return give_up(pending.job, error)
        except Exception as error:  # of an executor that radkit did not make
            return give_up(pending.job, _lost(error))

    def _alone(self, job: Job, error: BaseException) -> Answer:
        if self._engine == "processes":
            with _made("processes", 1) as executor:
                try:
                    return executor.submit(do, job).result()
                except BrokenExecutor as second:
                    error = second
        return give_up(job, _lost(error))


def _lost(error: BaseException) -> TransferError:
    lost = TransferError(f"the worker was lost: {type(error).__name__}", retryable=True)
    lost.__cause__ = error
    return lost


def _made(engine: object, count: int) -> Executor:
    if engine == "threads":
        return ThreadPoolExecutor(count, thread_name_prefix="radkit")
    if engine == "processes":
        # Forking a process that has threads can lock up the child.
        return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    if engine == "dask":
        return _dask()
    raise OptionError(f"engine must be threads, processes, dask or an Executor, not {engine!r}")


def _dask() -> Executor:
    try:
        from distributed import get_client
    except ImportError as error:
        raise MissingDependency(
            'engine="dask" needs dask.distributed: pip install radkit[archive]'
        ) from error
    try:
        executor: Executor = get_client().get_executor()
    except ValueError as error:
        raise OptionError(
            'engine="dask" needs a running distributed.Client in this process'
        ) from error
    return executor
