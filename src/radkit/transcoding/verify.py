"""Proof of a result: decode what was written, compare every sample, measure what differs.

Frames of source and result come as stored values; digests are over those of the result.
PSNR is over the range of Bits Stored, SSIM as scikit-image computes it (uniform window
of 7, sample covariance), in strips so that memory stays bounded.
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass

import numpy as np

from radkit._native import _pixels
from radkit.errors import VerificationError

__all__ = ["FrameFigures", "Proof", "compare", "ssim"]

_WINDOW = 7
_STRIP_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """How two frames differ."""

    max_error: int
    squares: float
    count: int
    ssim: float | None


def compare(
    before: np.ndarray, after: np.ndarray, *, lossy: bool, bits_stored: int, frame: int
) -> FrameFigures:
    """Compare the stored values of a frame before and after.

    Parameters
    ----------
    before, after : ndarray
        Of integers, of the same shape.
    lossy : bool
        Differences are measured; else they are an error.
    bits_stored : int
        Range for SSIM.
    frame : int
        For the error.

    Raises
    ------
    VerificationError
        The shapes differ, or samples differ and `lossy` is False.
    """
    if before.shape != after.shape:
        raise VerificationError(
            f"the frame reads back as {after.shape}, not {before.shape}; nothing was written",
            frame=frame,
        )
    if _equal(before, after):
        return FrameFigures(0, 0.0, before.size, 1.0 if lossy else None)
    if not lossy:
        differ = int(np.count_nonzero(before != after))
        raise VerificationError(
            f"{differ} of {before.size} samples read back differently; nothing was written",
            frame=frame,
        )
    wide = np.int64 if before.dtype.itemsize > 2 else np.int32
    difference = np.subtract(after, before, dtype=wide, casting="unsafe")
    worst = max(int(difference.max()), -int(difference.min()))
    exact = difference.astype(np.float64).ravel()
    similar = ssim(before, after, float((1 << bits_stored) - 1))
    return FrameFigures(worst, float(exact @ exact), before.size, similar)


def _equal(before: np.ndarray, after: np.ndarray) -> bool:
    plain = all(array.dtype.isnative and array.flags.c_contiguous for array in (before, after))
    if plain and before.dtype == after.dtype and _pixels.same_bytes(before, after):
        return True  # the usual outcome, at the speed of memory
    return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


def ssim(before: np.ndarray, after: np.ndarray, data_range: float) -> float | None:
    """Give the mean structural similarity of two frames; None below 3 x 3 pixels.

    Equal to `skimage.metrics.structural_similarity` with its defaults and `data_range`,
    for any number of strips.
    """
    from skimage.metrics import structural_similarity

    rows, cols = before.shape[:2]
    window = min(_WINDOW, rows, cols)
    window -= 1 - window % 2
    if window < 3:
        return None
    edge = (window - 1) // 2
    samples = before.shape[2] if before.ndim == 3 else 1
    step = max(1, _STRIP_SAMPLES // (cols * samples))
    total, count = 0.0, 0
    for start in range(edge, rows - edge, step):
        stop = min(start + step, rows - edge)
        cut = slice(start - edge, stop + edge)
        _, each = structural_similarity(  # type: ignore[no-untyped-call]  # it has no hints
            before[cut],
            after[cut],
            win_size=window,
            data_range=data_range,
            channel_axis=-1 if before.ndim == 3 else None,
            full=True,
        )
        inside = each[edge : each.shape[0] - edge, edge : cols - edge]
        total += float(inside.sum(dtype=np.float64))
        count += inside.size
    return total / count


class Proof:
    """Collects the figures of all frames, in order."""

    def __init__(self, *, bits_stored: int) -> None:
        self._peak = float((1 << bits_stored) - 1)
        self._digest = hashlib.sha256()
        self._worst = 0
        self._squares = 0.0
        self._count = 0
        self._similar: list[float] = []

    def add(self, after: np.ndarray, figures: FrameFigures) -> None:
        """Take the stored values of the next frame of the result, and how they differ."""
        exact = np.ascontiguousarray(after)
        if sys.byteorder == "big":
            exact = exact.byteswap()
        self._digest.update(exact.data.cast("B") if exact.size else b"")
        self._worst = max(self._worst, figures.max_error)
        self._squares += figures.squares
        self._count += figures.count
        if figures.ssim is not None:
            self._similar.append(figures.ssim)

    @property
    def sha256(self) -> str:
        """Digest of the stored values, hexadecimal."""
        return self._digest.hexdigest()

    @property
    def max_error(self) -> int:
        """Largest difference."""
        return self._worst

    @property
    def psnr(self) -> float | None:
        """Peak signal to noise in dB over all frames; None if nothing differs."""
        if not self._squares:
            return None
        return 10 * math.log10(self._peak**2 * self._count / self._squares)

    @property
    def ssim(self) -> float | None:
        """Mean over the frames."""
        return sum(self._similar) / len(self._similar) if self._similar else None
