"""How near a picture comes to another: PSNR, SSIM, largest difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Quality", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of a picture against the one it stands for.

    Parameters
    ----------
    psnr : float
        dB over `peak`; infinite if both are equal.
    ssim : float
        Structural similarity of windows of 7 x 7 pixels, up to 1; NaN for pictures
        smaller than that.
    max_error : float
        Largest absolute difference.
    peak : float
        What the PSNR counts from.
    """

    psnr: float
    ssim: float
    max_error: float
    peak: float


def compare(found: np.ndarray, right: np.ndarray, *, peak: float = 255.0) -> Quality:
    """Compare two pictures of one shape, (rows, cols) or (rows, cols, 3).

    Parameters
    ----------
    found, right : ndarray
        The picture, and the one it stands for.
    peak : float, default 255
        Range of the values.
    """
    difference = found.astype(np.float64) - right.astype(np.float64)
    error = float(np.mean(difference * difference))
    return Quality(
        psnr=math.inf if error == 0 else 10 * math.log10(peak * peak / error),
        ssim=_ssim(found, right, peak),
        max_error=float(np.abs(difference).max()),
        peak=peak,
    )


def _ssim(found: np.ndarray, right: np.ndarray, peak: float) -> float:
    if min(right.shape[:2]) < 7:
        return math.nan
    from skimage import metrics

    axis = None if right.ndim == 2 else -1
    values = [array.astype(np.float64) for array in (found, right)]
    similarity: Any = metrics.structural_similarity
    return float(similarity(*values, data_range=peak, channel_axis=axis))
