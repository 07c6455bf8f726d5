"""The objects of a run on a Dask cluster, in batches.

The scheduler gives the batch of a worker that died to another one; the journal of the batch tells
that one what is done, and which object a worker died at: after the third time it is given up.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from radkit.errors import MissingDependency, OptionError, RadkitError, TransferError
from radkit.transcoding.crew import Pending, lost
from radkit.transcoding.worker import Answer, Job, do_batch, give_up

__all__ = ["Cluster"]

MOST_TRIES = 3  # of a batch, each of as many workers as Dask allows to die over it
LOOK_S = 1.0  # how often is asked whether they are there
NO_WORKERS_S = 300.0  # a cluster that grows and shrinks may have none for a while


class Cluster:
    """The Dask client of this process, or a cluster on this machine for one run.

    Parameters
    ----------
    count : int, optional
        Worker processes of an own cluster.
    memory_bytes : int
        Limit of each of them: Dask ends a worker that takes more.

    Raises
    ------
    MissingDependency
        There is no dask.distributed.
    """

    most_jobs = 32
    most_bytes = 64 << 20
    journals = True
    separate = True

    def __init__(self, count: int, *, memory_bytes: int) -> None:
        try:
            import distributed
        except ImportError as error:
            raise MissingDependency(
                'engine="dask" needs dask.distributed: pip install radkit[archive]'
            ) from error
        self._distributed = distributed
        self._count, self._memory = count, memory_bytes
        self._own: Any = None
        self._begun = 0
        self._threads = 0
        self._asked = 0.0
        self._seen = time.monotonic()  # when there were workers
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Find the client, or start a cluster."""
        try:
            self._client = self._distributed.get_client()
        except ValueError:
            self._own = self._stack.enter_context(
                self._distributed.LocalCluster(
                    n_workers=self._count,
                    threads_per_worker=1,
                    memory_limit=self._memory,
                    dashboard_address=None,
                    silence_logs=40,
                )
            )
            self._client = self._stack.enter_context(self._distributed.Client(self._own))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def ahead(self) -> int:
        """Return how many batches may wait or be worked at: two for each thread of the cluster."""
        self._ask()
        return 2 * max(1, self._threads)

    def _ask(self) -> None:
        """Ask the scheduler now and then how many threads there are."""
        now = time.monotonic()
        if now - self._asked < LOOK_S:
            return
        try:
            self._threads = sum(self._client.nthreads().values())
            if self._own is not None and self._threads < self._count:
                self._own.scale(self._count)  # Dask does not replace all workers that die
        except Exception as error:  # of Dask, whose kinds are not told
            raise _gone("the scheduler of the cluster does not answer") from error
        self._asked = time.monotonic()
        if self._threads:
            self._seen = self._asked

    def begin(self, jobs: list[Job], run: str) -> Pending:
        """Give a batch to the scheduler."""
        self._begun += 1
        name = f"{run}-{self._begun:08d}"
        return Pending(jobs, self._submit(jobs, name, run, name), name)

    def _submit(self, jobs: list[Job], journal: str, run: str, key: str) -> Any:
        # What cannot be unpickled would end the worker for good, were it part of Dask's message.
        import cloudpickle

        try:
            packed = cloudpickle.dumps(jobs)
        except Exception as error:  # whatever a caller's object raises
            failed: Future[Any] = Future()
            failed.set_exception(OptionError(_unsent(error), hint="Pass its path or its bytes"))
            return failed
        try:
            return self._client.submit(
                do_packed, packed, journal, run, key=key, pure=False, retries=2
            )
        except Exception as error:  # of Dask, whose kinds are not told
            raise _gone("the scheduler of the cluster was lost") from error

    def answers(self, pending: Pending) -> Sequence[Answer]:
        """Wait for a batch.

        Raises
        ------
        TransferError
            The scheduler is not there any more.
        """
        error: Exception = TransferError("the batch was not begun")
        for again in range(1, MOST_TRIES + 1):
            try:
                found = self._result(pending.future)
                return [_passed_on(*pair) for pair in zip(pending.jobs, found, strict=True)]
            except Exception as failed:
                error = failed
            self.check()
            if isinstance(error, RadkitError):  # of the batch, such as a folder that is not shared
                break
            pending = self._again(pending, again)
        why = error if isinstance(error, RadkitError) else lost(error)
        return [give_up(job, why) for job in pending.jobs]

    def _again(self, pending: Pending, again: int) -> Pending:
        """Submit a batch again: more workers died over it than Dask allows."""
        run, name = pending.name.rpartition("-")[0], pending.name
        return Pending(pending.jobs, self._submit(pending.jobs, name, run, f"{name}-{again}"), name)

    def _result(self, future: Any) -> Sequence[Answer]:
        """Wait, but not for those who are gone."""
        while True:
            try:
                found: Sequence[Answer] = future.result(timeout=LOOK_S)
                return found
            except TimeoutError:
                self.check()

    def cancel(self, pending: Pending) -> None:
        """Let go of a batch, if there is somebody to be told."""
        with contextlib.suppress(Exception):  # the reason why it ends comes first
            pending.future.cancel()

    def check(self) -> None:
        """Raise `TransferError` if the scheduler is gone, or has had no workers for long."""
        if self._client.status != "running":
            raise _gone("the scheduler of the cluster was lost")
        self._ask()
        if time.monotonic() - self._seen > NO_WORKERS_S:
            raise _gone(f"the cluster has had no workers for {NO_WORKERS_S:.0f} s")


def _passed_on(job: Job, answer: Answer) -> Answer:
    """Pass on what workers died at, here, where it is only copied."""
    if not answer.killed or not isinstance(answer.result, RadkitError):
        return answer
    return give_up(job, answer.result)


def _gone(why: str) -> TransferError:
    hint = "Run again: what was done is remembered"
    return TransferError(why, retryable=True, hint=hint)


def do_packed(packed: bytes, journal: str, run: str) -> list[Answer]:
    """Do a batch that was pickled by the client."""
    import pickle

    try:
        jobs = pickle.loads(packed)
    except Exception as error:  # whatever a caller's object raises
        raise OptionError(_unsent(error), hint="Pass its path or its bytes") from None
    return do_batch(jobs, journal, run)


def _unsent(error: BaseException) -> str:
    return f"the source cannot be sent to another process: {type(error).__name__}"
