from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Span = tuple[int, int]

def window(want: _Span, all: _Span, reach: int) -> _Span: ...
def fits(bits: int, ll: int, hl: int, lh: int, hh: int) -> bool: ...
def quant_scale(bits: int, gain: int, exponent: int, mantissa: int) -> float: ...
def forward(
    plane: _Array, x0: int, y0: int, *, cpu: int = ...
) -> tuple[_Array, _Array, _Array, _Array]: ...

class Inverse:
    out: _Array
    def __init__(
        self,
        ll: _Array,
        details: Sequence[tuple[_Array, _Array, _Array]],
        x: _Span,
        y: _Span,
        *,
        cols: _Span | None = None,
        rows: _Span | None = None,
        by_lines: bool = False,
        cpu: int = ...,
    ) -> None: ...
    def __call__(self) -> _Array: ...

def component_transform(name: str, a: _Array, b: _Array, c: _Array, *, cpu: int = ...) -> None: ...
def store_samples(
    planes: Sequence[_Array],
    out: npt.NDArray[np.integer[Any]],
    *,
    bits: int,
    signed: bool,
    cpu: int = ...,
) -> None: ...
