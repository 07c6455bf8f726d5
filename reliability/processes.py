"""Processes that are made to be killed: forked of a server that has loaded everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.context import ForkServerContext
from typing import Any

__all__ = ["Victim", "context"]


@cache
def context() -> ForkServerContext:
    """Return the context whose processes begin warm."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["reliability.warm"])
    return made


def _begin(call: Callable[..., Any], words: tuple[Any, ...]) -> None:
    os.setsid()  # a group of its own, so that its children can be killed with it
    call(*words)


class Victim:
    """A process that does something until it is killed, or is done."""

    def __init__(self, call: Callable[..., Any], *words: Any) -> None:
        self._process = context().Process(target=_begin, args=(call, words))
        self._process.start()

    def kill_after(self, seconds: float, *, group: bool = True) -> bool:
        """Send SIGKILL to it, with its children or alone; True if it was still at work."""
        self._process.join(seconds)
        alive = self._process.exitcode is None
        try:
            (os.killpg if group else os.kill)(int(self._process.pid or 0), signal.SIGKILL)
        except ProcessLookupError:  # done, or too young to lead a group
            self._process.kill()
        self._process.join()
        return alive

    def wait(self, seconds: float) -> int | None:
        """Return its exit code; None if it is still at work."""
        self._process.join(seconds)
        return self._process.exitcode

    @property
    def pid(self) -> int:
        """Its number."""
        return int(self._process.pid or 0)


def spent(call: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
