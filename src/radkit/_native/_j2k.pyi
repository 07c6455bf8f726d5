from typing import Any

import numpy as np
import numpy.typing as npt

from radkit.errors import RadkitError

class Stream:
    def __init__(
        self,
        data: memoryview | npt.NDArray[np.uint8],
        start: int,
        stop: int,
        *,
        pixels: int,
        tiles: int,
        blocks: int,
        packets: int,
        memory: int,
        strict: bool,
    ) -> None: ...
    def facts(self) -> dict[str, Any]: ...
    def decode(
        self,
        out: npt.NDArray[np.uint8],
        places: list[tuple[int, int, int, int, int, int]],
        *,
        bits: int,
        reduce: int,
        layers: int,
        area: tuple[int, int, int, int],
        transform: bool,
        memory: int,
        cpu: int,
    ) -> tuple[int, int, int, int, RadkitError | None]: ...
