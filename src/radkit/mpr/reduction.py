"""Reductions of a slab that the caller writes: compiled by Numba, called for each pixel.

The function gets the samples of one pixel that lie inside the volume, in the order
of the normal, as a float64 array of one axis, and gives a number.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import MissingDependency, OptionError

__all__ = ["reduce_samples"]

Floats = NDArray[np.float64]


def reduce_samples(
    function: Callable[[Floats], float], values: Floats, there: NDArray[np.bool_]
) -> Floats:
    """Reduce the samples of each pixel to one value.

    Parameters
    ----------
    function : callable
        One that Numba compiles, or has compiled.
    values, there : ndarray
        (pixels, samples), and which of them lie inside the volume.

    Returns
    -------
    ndarray
        (pixels,); 0 where no sample lies inside.

    Raises
    ------
    OptionError
        Numba cannot compile the function, or the function fails.
    MissingDependency
        Numba is absent.
    """
    out = np.zeros(len(values))
    try:
        walk = _compiled(function)
        walk(np.ascontiguousarray(values), np.ascontiguousarray(there), out)
    except MissingDependency:
        raise
    except Exception as error:  # of the caller's function, so of any kind
        raise _refusal(error) from error
    return out


def _refusal(error: Exception) -> OptionError:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return OptionError(f"project: the function cannot be used on samples: {text}")


@lru_cache(maxsize=16)
def _compiled(function: Callable[[Floats], float]) -> Callable[..., None]:
    try:
        import numba
    except ImportError as error:
        raise MissingDependency("Slab(project=callable) needs numba: pip install numba") from error
    # What is no plain function (np.median, len, something compiled) Numba knows by itself.
    ready: Any = numba.njit(function) if inspect.isfunction(function) else function

    def walk(values: Any, there: Any, out: Any) -> None:
        kept = np.empty(values.shape[1])
        for i in range(values.shape[0]):
            count = 0
            for k in range(values.shape[1]):
                if there[i, k]:
                    kept[count] = values[i, k]
                    count += 1
            if count:
                out[i] = ready(kept[:count])

    made: Callable[..., None] = numba.njit(nogil=True)(walk)
    return made
