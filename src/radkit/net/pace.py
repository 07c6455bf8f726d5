"""Sends no faster than was asked for."""

from __future__ import annotations

import threading
import time

__all__ = ["Pace"]

STEP_S = 0.1  # of the pace, so that a line is loaded evenly
SMALLEST_PIECE_BYTES = 512


class Pace:
    """A rate that all connections of a call share.

    Parameters
    ----------
    kbit_s : float
        Thousands of bits in a second.
    """

    def __init__(self, kbit_s: float) -> None:
        self.bytes_s = kbit_s * 125
        self._free = time.monotonic()
        self._lock = threading.Lock()

    @property
    def piece_bytes(self) -> int:
        """How much to hand over at once."""
        return max(SMALLEST_PIECE_BYTES, int(self.bytes_s * STEP_S))

    def wait(self, size: int) -> None:
        """Wait until so many bytes may leave."""
        with self._lock:
            begin = max(self._free, time.monotonic())
            self._free = begin + size / self.bytes_s
        time.sleep(max(0.0, begin - time.monotonic()))
