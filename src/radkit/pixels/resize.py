"""Change the size of a picture: averages over areas when smaller, linear in between when larger.

Pixel centres lie at k + 0.5. Sums are exact integers until the last step, so
the result does not depend on the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit.errors import OptionError
from radkit.pixels.selection import check_at_least

__all__ = ["check_size", "fit", "resize", "resize_values"]


def check_size(size: Any) -> tuple[int, int] | None:
    """Return (rows, cols) of the box to fit into, or None.

    Raises
    ------
    OptionError
        Not two positive integers.
    """
    if size is None:
        return None
    try:
        rows, cols = size
    except (TypeError, ValueError):
        raise OptionError("size must be (rows, cols)") from None
    return check_at_least("size", rows, 1, 1 << 16), check_at_least("size", cols, 1, 1 << 16)


def fit(rows: int, cols: int, box: tuple[int, int], aspect: float = 1.0) -> tuple[int, int]:
    """Return the largest (rows, cols) in the box that keeps the proportions in millimetres.

    Parameters
    ----------
    rows, cols : int
        Of the picture.
    box : (rows, cols)
        Room there is.
    aspect : float
        Height of a pixel divided by its width.
    """
    scale = min(box[0] / (rows * aspect), box[1] / cols)
    height = round(rows * aspect * scale)
    width = round(cols * scale)
    return min(max(height, 1), box[0]), min(max(width, 1), box[1])


def resize(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a uint8 picture of (rows, cols[, samples]) in another size, rounded to nearest."""
    return resize_values(picture, shape)


def resize_values(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return (rows, cols[, samples]) in another size, integers rounded to nearest."""
    if values.shape[:2] == shape:
        return values
    trailing = values.shape[2:]
    flat = values.reshape(values.shape[0], -1)
    half = _along_rows(flat, shape[0]).reshape(shape[0], values.shape[1], *trailing)
    turned = np.ascontiguousarray(half.swapaxes(0, 1)).reshape(values.shape[1], -1)
    full = _along_rows(turned, shape[1])
    if values.dtype.kind in "iu":
        span = np.iinfo(values.dtype)
        full = np.floor(np.clip(full, span.min, span.max) + 0.5)
    made = full.astype(values.dtype).reshape(shape[1], shape[0], *trailing)
    return np.ascontiguousarray(made.swapaxes(0, 1))


def _along_rows(values: np.ndarray, n: int) -> np.ndarray:
    if n == values.shape[0]:
        return values.astype(np.float64)
    return _averages(values, n) if n < values.shape[0] else _between(values, n)


def _averages(values: np.ndarray, n: int) -> np.ndarray:
    """Return n means over equal stretches, pixels at the ends counted by their share."""
    rows = values.shape[0]
    edges = np.arange(n + 1) * (rows / n)
    edges[n] = rows
    first, last = np.ceil(edges[:-1]).astype(np.intp), np.floor(edges[1:]).astype(np.intp)
    whole = np.uint32 if values.dtype == np.uint8 else np.float64  # 65535 * 255 fit into 32 bits
    sums = np.empty((n, values.shape[1]), whole)
    # Row by row of the result: several times faster than one add.reduceat or running sums.
    for i in range(n):
        np.add.reduce(values[first[i] : last[i]], axis=0, dtype=whole, out=sums[i])
    means: np.ndarray = sums * (n / rows)
    above, below = first - edges[:-1], edges[1:] - last
    if above.any() or below.any():  # nothing is cut where rows are a multiple of n
        means += (above * (n / rows))[:, None] * values[np.maximum(first - 1, 0)]
        means += (below * (n / rows))[:, None] * values[np.minimum(last, rows - 1)]
    return means


def _between(values: np.ndarray, n: int) -> np.ndarray:
    """Return n values interpolated linearly between the pixel centres."""
    rows = values.shape[0]
    places = np.clip((np.arange(n) + 0.5) * (rows / n) - 0.5, 0, rows - 1)
    low = np.minimum(places.astype(np.intp), max(rows - 2, 0))
    high = np.minimum(low + 1, rows - 1)
    share = (places - low)[:, None]
    return np.asarray(values[low] * (1 - share) + values[high] * share)
