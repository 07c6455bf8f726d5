from typing import Any

import numpy as np

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
    room: int | None = None,
) -> tuple[bytes | None, int]: ...
