"""Memory of codecs that write straight into the caller's array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radkit.errors import LimitExceeded, OptionError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["output", "room"]


def room(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array that is not initialised.

    Raises
    ------
    LimitExceeded
        The machine has less memory than the limits allow.
    """
    try:
        return np.empty(shape, dtype)
    except MemoryError:
        asked = int(np.prod(shape, dtype=np.float64)) * np.dtype(dtype).itemsize
        raise LimitExceeded(
            f"the machine does not give {asked} bytes",
            limit="max_memory_bytes",
            asked=asked,
            hint="Set max_memory_bytes to what this process may use",
        ) from None


def output(
    out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[np.ndarray, npt.NDArray[np.uint8]]:
    """Return the result array, the caller's or a new one, and a view of its bytes.

    Raises
    ------
    OptionError
        `out` has another shape or dtype, or cannot be written in C order.
    """
    if out is None:
        out = room(shape, dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    elif out.shape != shape or out.dtype != dtype:
        raise OptionError(f"out must be {dtype} of shape {shape}, not {out.dtype} of {out.shape}")
    elif not (out.flags.c_contiguous and out.flags.writeable):
        raise OptionError("out must be C-contiguous and writable")
    return out, out.reshape(-1).view(np.uint8)
