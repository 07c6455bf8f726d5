import numpy as np
import numpy.typing as npt

class Encoder:
    def __init__(
        self,
        data: memoryview | npt.NDArray[np.uint8],
        places: list[tuple[int, int, int]],
        *,
        size: tuple[int, int],
        bits: int,
        sign: bool,
        span: tuple[int, int],
        depth: int,
        signed: bool,
        levels: int,
        block: tuple[int, int],
        tile: tuple[int, int],
        precincts: tuple[tuple[int, int], ...],
        order: int,
        layers: int,
        mct: bool,
        ht: bool,
        split: bool,
        tlm: bool,
        plt: bool,
        sop: bool,
        eph: bool,
        comment: bytes,
        keep: bool,
        rated: bool,
        memory: int,
        cpu: int,
    ) -> None: ...
    def run(self, step: float, most: int = 0) -> int: ...
    def step_for(self, size: int) -> float: ...
    def squares_at(self, step: float) -> float: ...
    def bytes_at(self, step: float) -> float: ...
    def cut(self, targets: list[int | None]) -> float: ...
    def write(self, room: int | None = None) -> bytes: ...
    def write_into(self, room: memoryview | npt.NDArray[np.uint8]) -> int: ...
