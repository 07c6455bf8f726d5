"""Sends no faster than asked for: others share the line."""

from __future__ import annotations

import threading
import time

__all__ = ["Throttle"]


class Throttle:
    """Sleeps so that what is sent keeps a rate.

    Parameters
    ----------
    rate_kbit_s : float
        Thousands of bits per second.
    """

    BURST_S = 0.25  # that a pause may have saved up
    LEAST_PIECE_BYTES = 512

    def __init__(self, rate_kbit_s: float) -> None:
        self._bytes_s = rate_kbit_s * 125
        self._due = time.monotonic()
        self._lock = threading.Lock()

    @property
    def piece_bytes(self) -> int:
        """How much to hand over at once, so that the line is loaded evenly."""
        return max(self.LEAST_PIECE_BYTES, int(self._bytes_s * self.BURST_S / 2))

    def sent(self, count: int) -> None:
        """Wait until so many bytes may have gone."""
        with self._lock:
            self._due = max(self._due, time.monotonic() - self.BURST_S) + count / self._bytes_s
            pause = self._due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
