"""Threads of one call: how many, how they run, how they stop.

A pool lives as long as the call that made it. Every worker runs in a copy of
the caller's context, so that the limits in force are the caller's. Work is
taken in order, so the error that is raised is that of the first item that
fails, whatever the number of threads.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from radkit.limits import Deadline, running
from radkit.pixels.selection import check_at_least

if TYPE_CHECKING:  # concurrent.futures takes 5 ms to load, and one frame needs no pool
    from concurrent.futures import Future

__all__ = ["run_all", "stream", "thread_count", "usable_cores"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def usable_cores() -> int:
    """Return the cores that this process may use: affinity, then the quota of its cgroup."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    if quota is not None:
        cores = min(cores, max(1, math.ceil(quota)))
    with contextlib.suppress(ValueError):
        cores = min(cores, max(1, int(os.environ.get("RADKIT_THREADS", ""))))
    return max(1, cores)


def _cgroup_quota(root: str | os.PathLike[str] = "/sys/fs/cgroup") -> float | None:
    """Return the cores' worth of CPU time that the cgroup grants, None if it does not say."""
    with contextlib.suppress(OSError, ValueError):
        limit, period = _text(root, "cpu.max").split()[:2]
        return None if limit == "max" else int(limit) / int(period)
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        limit = _text(root, "cpu/cpu.cfs_quota_us")
        period = _text(root, "cpu/cpu.cfs_period_us")
        return None if int(limit) < 0 else int(limit) / int(period)
    return None


def _text(folder: str | os.PathLike[str], name: str) -> str:
    with open(os.path.join(folder, name), encoding="ascii") as file:
        return file.read()


def thread_count(threads: int | None, items: int) -> int:
    """Return the threads to use: as asked, else 1 for one item and the usable cores for more."""
    if threads is not None:
        return max(1, min(check_at_least("threads", threads, 1), items))
    return 1 if items <= 1 else min(usable_cores(), items)


def run_all(
    work: Callable[[int], _Result], items: int, *, threads: int, deadline: Deadline
) -> list[_Result]:
    """Return [work(0), ..., work(items - 1)], the calls spread over threads.

    The deadline is checked before every call, and by codecs that can within it. After
    an error no further item is begun; what runs is waited for, and the error of the
    lowest item is raised.
    """
    with running(deadline):
        return _run_all(work, items, threads, deadline)


def _run_all(
    work: Callable[[int], _Result], items: int, threads: int, deadline: Deadline
) -> list[_Result]:
    if threads <= 1:
        return [_timed(work, item, deadline) for item in range(items)]
    from concurrent.futures import ThreadPoolExecutor, wait

    results: list[_Result | None] = [None] * items
    failures: list[tuple[int, BaseException]] = []
    numbers = iter(range(items))
    lock = threading.Lock()
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            with lock:
                item = next(numbers, None)
            if item is None:
                return
            try:
                results[item] = _timed(work, item, deadline)
            except BaseException as error:
                failures.append((item, error))
                stop.set()

    with ThreadPoolExecutor(threads, thread_name_prefix="radkit") as pool:
        try:
            wait([pool.submit(contextvars.copy_context().run, loop) for _ in range(threads)])
        finally:
            stop.set()
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]
    return results  # type: ignore[return-value]  # every place is filled once nothing failed


def _timed(work: Callable[[int], _Result], item: int, deadline: Deadline) -> _Result:
    deadline.check(frame=item)
    return work(item)


def stream(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    threads: int,
    ahead: int,
    ordered: bool = True,
) -> Iterator[_Result]:
    """Yield work(item) for every item, with at most `ahead` results made in advance.

    `items` is consumed as results are taken, never further ahead. With
    `ordered=False` results come as they are ready. When the iterator is closed
    or fails, nothing more is begun and no thread is left running.
    """
    if threads <= 1 and ahead < 1:
        for item in items:
            yield work(item)
        return
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    source = iter(items)
    pending: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="radkit")
    try:
        while True:
            while len(pending) < max(1, ahead):
                try:
                    item = next(source)
                except StopIteration:
                    break
                pending.append(pool.submit(contextvars.copy_context().run, work, item))
            if not pending:
                return
            if not ordered:
                ready = next(iter(wait(pending, return_when=FIRST_COMPLETED).done))
                pending.remove(ready)
            else:
                ready = pending.popleft()
            yield ready.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
