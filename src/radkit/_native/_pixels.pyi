"""Pixel kernels of the product: bits, cells, colour, windows, palettes.

Every array argument is any C-contiguous buffer in native byte order (ndarray,
bytes, memoryview ...); inputs may be read-only. Shapes do not count, only the
number of elements, and empty input is fine. `out` must not overlap an input
unless the function says so. Wrong types raise TypeError, wrong lengths and
values ValueError (OverflowError: beyond 64 bits), before anything is written.
The GIL is free while a kernel runs. `cpu` (bits of `radkit._native.cpu`)
changes speed, never a result.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
_Kind: TypeAlias = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

def unpack_bits(
    data: _Buffer, start_bit: int, count: int, out: NDArray[np.uint8], *, cpu: int = ...
) -> None:
    """Write bits start_bit ... start_bit + count - 1 of `data`, least significant first, as 0/1.

    Frame i of 1-bit pixel data starts at bit i * rows * cols (PS3.5 8.1.1); `out`
    has `count` elements.
    """

def pack_bits(values: _Buffer, out: _Buffer, *, start_bit: int = 0, cpu: int = ...) -> None:
    """Write one bit per uint8 value (0, or anything else as 1) into `out` from `start_bit` on.

    Bits before `start_bit` are kept, bits after the last one in its byte are
    cleared: frames are packed one after the other into the same buffer.
    """

def finish(
    src: _Buffer,
    out: NDArray[Any],
    *,
    bits_stored: int,
    high_bit: int,
    signed: bool,
    swap: bool = False,
    cpu: int = ...,
) -> None:
    """Turn stored cells into values: swap bytes, shift, mask to `bits_stored`, sign-extend.

    `src` is integer of 8, 16, 32 or 64 bits (the cells; its own sign is
    ignored), `out` integer of the same size; they may be the same memory.
    bits_stored - 1 <= high_bit < 8 * itemsize.
    """

def convert(src: _Buffer, out: NDArray[Any], *, bits: int, signed: bool, cpu: int = ...) -> None:
    """Put the lowest `bits` of every 8, 16 or 32 bit integer into integers of another size.

    The value is sign-extended if `signed`, else zero-extended, and cut to the
    width of `out`. 1 <= bits <= 8 * itemsize of `src`.
    """

def widen_cells(
    data: _Buffer, out: NDArray[Any], *, cell_bytes: int, big_endian: bool = False
) -> None:
    """Put cells of 1 to 8 bytes (Bits Allocated 24, 40 ...) into uint32 or uint64, one per cell."""

def any_outside(
    src: _Buffer, *, bits_stored: int, high_bit: int, swap: bool = False, cpu: int = ...
) -> bool:
    """Say whether a bit outside the stored ones is set in any 8, 16, 32 or 64 bit cell."""

def same_bytes(one: _Buffer, other: _Buffer) -> bool:
    """Say whether two contiguous arrays hold the same bytes."""

def minmax(src: _Buffer, *, cpu: int = ...) -> tuple[int, int] | None:
    """Return the smallest and largest of 8, 16 or 32 bit integers, or None of an empty array."""

def interleave(src: _Buffer, out: NDArray[Any], *, samples: int, cpu: int = ...) -> None:
    """Turn planes (samples, n) into pixels (n, samples); 8, 16 or 32 bit, 1 <= samples <= 255."""

def ybr_full_to_rgb(
    src: _Buffer,
    out: NDArray[Any],
    *,
    bits: int | None = None,
    planar: bool = False,
    cpu: int = ...,
) -> None:
    """Turn YBR_FULL into interleaved RGB (PS3.3 C.7.6.3.1.2).

    `src` is uint8 or uint16, (n, 3) or, if `planar`, (3, n); `out` (n, 3) of the
    same type. `bits` is Bits Stored, by default 8 or 16. Results are rounded
    exactly; `pydicom.pixels.convert_color_space` agrees for all colours of 8
    bits but at Cb = 78, Cr = 178, an exact half of G, where its own result
    depends on the shape of the array. `out` may be `src` itself unless `planar`.
    """

def ybr_422_to_ybr_full(
    src: _Buffer, out: NDArray[Any], rows: int, cols: int, *, cpu: int = ...
) -> None:
    """Turn native YBR_FULL_422 (Y1 Y2 Cb Cr) into YBR_FULL (n, 3), each chroma sample twice.

    uint8 or uint16; `src` has rows * cols * 2 elements, `out` rows * cols * 3;
    `cols` is even.
    """

def ybr_422_to_rgb(
    src: _Buffer,
    out: NDArray[Any],
    rows: int,
    cols: int,
    *,
    bits: int | None = None,
    cpu: int = ...,
) -> None:
    """Turn native YBR_FULL_422 into RGB (n, 3): `ybr_422_to_ybr_full`, then `ybr_full_to_rgb`."""

class WindowPlan:
    """A VOI function over all stored values, ready for any number of frames.

    Immutable, and safe to share between threads. Made by `window_plan`.
    """

    @property
    def bits(self) -> int:
        """Bits of a stored value: 1 to 16."""
    @property
    def signed(self) -> bool:
        """Stored values are signed."""
    @property
    def path(self) -> Literal["integer", "float", "table"]:
        """Kernel that `apply_window` uses on 16 bit input; every one gives the table's values."""
    @property
    def table(self) -> bytes:
        """Output of every stored value, from the lowest one on: 2**bits bytes."""

def window_plan(
    kind: _Kind,
    centre: float,
    width: float,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    bits: int,
    signed: bool,
    invert: bool = False,
    ymin: int = 0,
    ymax: int = 255,
    cpu: int = ...,
) -> WindowPlan:
    """Plan a window (PS3.3 C.11.2.1.2, .3) on slope * stored value + intercept, for `apply_window`.

    Outputs are floor(y + 0.5) of the float64 formula, 0 <= ymin <= ymax <= 255;
    `invert` turns y into ymin + ymax - y at the end. LINEAR asks for
    width >= 1, the others for width > 0; all numbers are finite, or ValueError.
    A fast kernel is planned only if it gives the formula's value for every
    input of that type.
    """

def table_plan(
    table: _Buffer, *, bits: int, signed: bool, first: int = 0, cpu: int = ...
) -> WindowPlan:
    """Plan any uint8 table, as of a VOI LUT, for `apply_window`.

    `first` is the stored value of the table's first entry; values below and
    above get the first and last entry (PS3.3 C.11.1.1).
    """

def window_table(
    kind: _Kind,
    centre: float,
    width: float,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    bits: int,
    signed: bool,
    invert: bool = False,
    ymin: int = 0,
    ymax: int = 255,
    cpu: int = ...,
) -> NDArray[np.uint8]:
    """Return the outputs of all 2**bits stored values, lowest first, as in `window_plan`."""

def apply_window(src: _Buffer, out: NDArray[np.uint8], plan: WindowPlan, *, cpu: int = ...) -> None:
    """Map 8 or 16 bit stored values of the plan's sign through `plan`.

    Values outside of the plan's `bits` are mapped as the nearest one inside.
    """

def apply_table(
    src: _Buffer, table: _Buffer, out: NDArray[np.uint8], *, first: int = 0, cpu: int = ...
) -> None:
    """Map 8, 16 or 32 bit integers through a uint8 table whose first entry belongs to `first`.

    Below the first and above the last entry, these are taken.
    """

def window_float(
    src: _Buffer,
    out: NDArray[np.uint8],
    kind: _Kind,
    centre: float,
    width: float,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    invert: bool = False,
    ymin: int = 0,
    ymax: int = 255,
    cpu: int = ...,
) -> None:
    """Compute the window formula itself in float64, on float32, float64 or 32 bit integers.

    The rules are those of `window_plan`. NaN is treated as below the window.
    """

def palette_rgb(
    src: _Buffer,
    red: _Buffer,
    green: _Buffer,
    blue: _Buffer,
    first: int,
    out: NDArray[Any],
    *,
    cpu: int = ...,
) -> None:
    """Map 8 or 16 bit stored values through three tables into interleaved RGB (n, 3).

    Tables are all uint8 or all uint16, of equal length, 1 to 65536 entries;
    `first` is the stored value of their first entry; values beyond the ends get
    the end entries. `out` is uint8 or uint16; uint16 entries become uint8 by
    their high byte, uint8 entries become uint16 as they are.
    """
