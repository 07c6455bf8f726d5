"""Limits on what a stranger's object may cost, checked before anything is spent.

The limits in force live in a context variable: `use` changes them for a block of
code, worker threads get a copy of the caller's context, and nothing is ever
changed for the whole process.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from radkit.errors import LimitExceeded, OptionError

__all__ = [
    "DEFAULT",
    "UNTRUSTED",
    "Deadline",
    "Limits",
    "check",
    "current",
    "deadline",
    "running",
    "seconds_left",
    "use",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call. Every count is inclusive.

    Parameters
    ----------
    max_pixels : int
        Rows times columns of a frame.
    max_frames : int
        Frames of an object.
    max_memory_bytes : int
        Output and work of one call.
    max_inflated_bytes : int
        Size of an inflated (deflated transfer syntax, ZIP member) data set.
    max_elements : int
        Data elements read while scanning.
    max_depth : int
        Nested sequences.
    max_tiles, max_blocks : int
        Tiles and code-blocks of one codestream.
    max_seconds : float, optional
        Wall time of one call, checked between frames, and in JPEG 2000 and HTJ2K frames
        every some thousand code-blocks.
    foreign : {"allow", "process", "refuse"}
        Codecs that are not radkit's own (libjpeg-turbo, CharLS, OpenJPEG, ...):
        run them here, in a child process, or not at all.
    """

    max_pixels: int = 1 << 28
    max_frames: int = 1 << 20
    max_memory_bytes: int = 8 << 30
    max_inflated_bytes: int = 2 << 30
    max_elements: int = 1 << 20
    max_depth: int = 32
    max_tiles: int = 65535
    max_blocks: int = 1 << 24
    max_seconds: float | None = None
    foreign: Literal["allow", "process", "refuse"] = "allow"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "foreign":
                if value not in ("allow", "process", "refuse"):
                    raise OptionError(f"foreign must be allow, process or refuse, not {value!r}")
            elif field.name == "max_seconds":
                if value is not None and not value > 0:
                    raise OptionError(f"max_seconds must be positive or None, not {value!r}")
            elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(f"{field.name} must be an integer of at least 1, not {value!r}")


DEFAULT = Limits()
UNTRUSTED = Limits(
    max_pixels=64 << 20,
    max_frames=4096,
    max_memory_bytes=1 << 30,
    max_inflated_bytes=256 << 20,
    max_seconds=30.0,
    foreign="process",
)

_current: contextvars.ContextVar[Limits] = contextvars.ContextVar("radkit.limits", default=DEFAULT)


def current() -> Limits:
    """Return the limits in force in this context."""
    return _current.get()


@contextlib.contextmanager
def use(limits: Limits | None = None, /, **changes: Any) -> Iterator[Limits]:
    """Put limits in force for a block of code.

    Parameters
    ----------
    limits : Limits, optional
        Where to start from. Default: the limits in force.
    **changes
        Fields of `Limits` to replace.

    Yields
    ------
    Limits
        The limits in force inside the block.

    Raises
    ------
    OptionError
        A field is unknown or out of range.

    Examples
    --------
    >>> from radkit import limits
    >>> with limits.use(limits.UNTRUSTED, max_frames=10) as now:
    ...     now.max_frames, now.max_pixels
    (10, 67108864)
    """
    base = current() if limits is None else limits
    known = {field.name for field in dataclasses.fields(Limits)}
    if unknown := sorted(set(changes) - known):
        raise OptionError(
            f"unknown limit {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    chosen = dataclasses.replace(base, **changes)
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def check(limit: str, asked: int, what: str, **where: Any) -> None:
    """Raise `LimitExceeded` if `asked` is above the limit of that name.

    Parameters
    ----------
    limit : str
        Field of `Limits`, as ``"max_pixels"``.
    asked : int
        What is wanted, computed without overflow.
    what : str
        What wants it, for the message.
    **where
        `frame`, `offset`, `section`, `source` of the error.

    Raises
    ------
    LimitExceeded
        `asked` is too much.
    """
    allowed = getattr(current(), limit)
    if allowed is not None and asked > allowed:
        raise LimitExceeded(
            f"{what}: {asked} asked, {limit} allows {allowed}",
            limit=limit,
            allowed=allowed,
            asked=asked,
            hint=f"Raise it with radkit.limits.use({limit}=...) if the object is trusted",
            **where,
        )


class Deadline:
    """The end of a call's time, set once at its start and checked between frames."""

    __slots__ = ("_end", "_seconds", "_start")

    def __init__(self, seconds: float | None) -> None:
        self._start = time.monotonic()
        self._seconds = seconds
        self._end = None if seconds is None else self._start + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0.0 at least; inf if there is no end."""
        return math.inf if self._end is None else max(self._end - time.monotonic(), 0.0)

    def check(self, **where: Any) -> None:
        """Raise `LimitExceeded` if the time is over."""
        if self._end is not None and time.monotonic() > self._end:
            raise LimitExceeded(
                f"time is over: max_seconds allows {self._seconds}",
                limit="max_seconds",
                allowed=self._seconds or 0,
                asked=time.monotonic() - self._start,
                hint="Raise it with radkit.limits.use(max_seconds=...) if the object is trusted",
                **where,
            )


def deadline() -> Deadline:
    """Start the clock of one call under the limits in force."""
    return Deadline(current().max_seconds)


_running: contextvars.ContextVar[Deadline | None] = contextvars.ContextVar(
    "radkit.limits.running", default=None
)


@contextlib.contextmanager
def running(deadline: Deadline) -> Iterator[None]:
    """Let `seconds_left` tell of this deadline, for codecs that are called in the block."""
    token = _running.set(deadline)
    try:
        yield
    finally:
        _running.reset(token)


def seconds_left() -> float:
    """Return the seconds that the running call has left, inf if nothing limits them.

    Outside `running` that is a whole call's time.
    """
    deadline = _running.get()
    if deadline is not None:
        return deadline.left()
    seconds = _current.get().max_seconds
    return math.inf if seconds is None else seconds
