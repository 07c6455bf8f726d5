"""What a run over many objects has done so far, for progress bars and monitoring."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from radkit.errors import RadkitError
from radkit.transcoding.worker import Answer

__all__ = ["Counts", "Metrics"]

_EVERY_S = 0.1
_WINDOW_S = 30.0  # of the speed now


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The state of a run.

    Parameters
    ----------
    total, done : int
        Objects; done are those that are settled in any way.
    transcoded, copied, failed, skipped : int
        How: skipped files are no DICOM objects.
    resumed : int
        How many of these an earlier run had finished.
    bytes_total : int
        Of all sources whose size is known beforehand.
    bytes_in, bytes_out : int
        Of sources read and results made by this run; of what failed only what was read.
    seconds : float
        Since the beginning.
    mb_per_s : float
        Of sources, over the last half minute, in 10^6 bytes.
    eta_s : float or None
        Seconds to the end at this speed; None before the first object.
    """

    total: int
    done: int
    transcoded: int
    copied: int
    failed: int
    skipped: int
    resumed: int
    bytes_total: int
    bytes_in: int
    bytes_out: int
    seconds: float
    mb_per_s: float
    eta_s: float | None

    @property
    def ratio(self) -> float:
        """Bytes in to bytes out."""
        return self.bytes_in / self.bytes_out if self.bytes_out else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {**asdict(self), "ratio": round(self.ratio, 4)}


class Counts:
    """Counts what comes, and tells a callback at most ten times per second.

    Parameters
    ----------
    call : callable, optional
        As `progress` of `transcode_many`.
    sizes : list of int
        Of the sources, 0 where it is not known.
    """

    def __init__(self, call: Callable[[int, int], None] | None, sizes: list[int]) -> None:
        self._call = call
        self._watch: Callable[[Metrics], None] | None = getattr(call, "watch", None)
        self._total, self._bytes_total = len(sizes), sum(sizes)
        self._began = time.monotonic()
        self._told = 0.0
        self._past: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._settled = 0  # bytes of sources that are behind us
        self._earlier = 0  # those of them that an earlier run had done
        self._counts = dict.fromkeys(
            ("done", "transcoded", "copied", "failed", "skipped", "resumed"), 0
        )
        self._bytes = [0, 0]

    @property
    def resumed(self) -> int:
        """How many an earlier run had done; other files are not counted."""
        return self._counts["resumed"]

    def add(self, answer: Answer, size: int) -> None:
        """Count an object."""
        result = answer.result
        self._counts["done"] += 1
        self._settled += size
        if answer.earlier:
            self._counts["resumed"] += result is not None
            self._earlier += size
        if result is None:
            self._counts["skipped"] += 1
        elif isinstance(result, RadkitError):
            self._counts["failed"] += 1
            self._bytes[0] += size
            self._bytes[1] += size if answer.passed_on else 0
        else:
            self._counts["copied" if result.way == "copied" else "transcoded"] += 1
            if not answer.earlier:
                self._bytes[0] += result.bytes_in
                self._bytes[1] += result.bytes_out

    def tell(self, *, last: bool = False) -> None:
        """Call back, if it is time."""
        now = time.monotonic()
        if self._call is None or (not last and now - self._told < _EVERY_S):
            return
        self._told = now
        self._past.append((now, self._settled - self._earlier))
        while len(self._past) > 2 and now - self._past[0][0] > _WINDOW_S:
            self._past.popleft()
        self._call(self._counts["done"], self._total)
        if self._watch is not None:
            self._watch(self.metrics(now))

    def metrics(self, now: float) -> Metrics:
        """Return the state."""
        (then, before), (_, here) = self._past[0], self._past[-1]
        speed = (here - before) / (now - then) if now > then else 0.0
        left = max(0, self._bytes_total - self._settled)
        return Metrics(
            total=self._total,
            bytes_total=self._bytes_total,
            bytes_in=self._bytes[0],
            bytes_out=self._bytes[1],
            seconds=round(now - self._began, 3),
            mb_per_s=round(speed / 1e6, 3),
            eta_s=round(left / speed, 1) if speed else None,
            **self._counts,
        )
