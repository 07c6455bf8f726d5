"""A decoded frame with what is known of it, as it goes from room to room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radkit.errors import Problem

__all__ = ["OneFrame"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneFrame:
    """A decoded frame and what it is.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, samples).
    photometric : str
        Of `array`.
    bits : int
        Bits that a sample can have.
    lossy : bool
        The coding lost something, as far as the stream tells.
    sound : float
        Share of the frame that was there and intact.
    problems : tuple of Problem
        Faults that were tolerated.
    bytes_read : int
        Coded bytes.
    """

    array: np.ndarray
    photometric: str
    bits: int
    lossy: bool
    sound: float
    problems: tuple[Problem, ...]
    bytes_read: int
