from typing import Any, overload

import numpy as np

@overload
def recode(
    data: memoryview | np.ndarray[Any, np.dtype[np.uint8]],
    start: int,
    stop: int,
    *,
    ht: bool,
    order: int,
    split: bool,
    tlm: bool,
    plt: bool,
    comment: bytes,
    pixels: int,
    tiles: int,
    blocks: int,
    packets: int,
    memory: int,
    seconds: float,
    cpu: int,
    room: None = None,
) -> tuple[bytes, int]: ...
@overload
def recode(
    data: memoryview | np.ndarray[Any, np.dtype[np.uint8]],
    start: int,
    stop: int,
    *,
    ht: bool,
    order: int,
    split: bool,
    tlm: bool,
    plt: bool,
    comment: bytes,
    pixels: int,
    tiles: int,
    blocks: int,
    packets: int,
    memory: int,
    seconds: float,
    cpu: int,
    room: int,
) -> tuple[bytes | None, int]: ...
