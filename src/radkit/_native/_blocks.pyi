from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

def t1_decode(
    segments: Sequence[tuple[bytes, int]],
    *,
    width: int,
    height: int,
    band: int,
    style: int,
    planes: int,
    passes: int,
    bits: int,
    half: bool,
    cpu: int,
    cut: bool = False,
) -> tuple[NDArray[Any], int, int]: ...
def t1_encode(
    values: NDArray[Any],
    *,
    band: int,
    style: int,
    cpu: int,
    floor: int = 0,
    half: bool = False,
    weight: float = 0,
    capacity: int | None = None,
) -> tuple[bytes, list[tuple[int, bool, float]], int, int]: ...
def ht_decode(
    cleanup: bytes,
    refine: bytes,
    *,
    width: int,
    height: int,
    passes: int,
    plane: int,
    planes: int,
    causal: bool,
    bits: int,
    half: bool,
    cpu: int,
) -> tuple[NDArray[Any], int, int]: ...
def ht_encode(
    values: NDArray[Any], *, plane: int, cpu: int, capacity: int | None = None
) -> tuple[bytes, int, int, int]: ...
