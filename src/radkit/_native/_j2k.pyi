from collections.abc import Sequence
from typing import Any

import numpy as np

from radkit.errors import RadkitError

_Area = tuple[int, int, int, int]

class Stream:
    def __init__(
        self,
        data: memoryview | np.ndarray[Any, np.dtype[np.uint8]],
        start: int,
        stop: int,
        *,
        pixels: int,
        tiles: int,
        blocks: int,
        packets: int,
        memory: int,
        seconds: float,
        strict: bool,
    ) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def reductions(self) -> int: ...
    @property
    def sound(self) -> float: ...
    @property
    def ht(self) -> bool: ...
    @property
    def mct(self) -> bool: ...
    @property
    def reversible(self) -> bool: ...
    @property
    def plain(self) -> bool: ...
    def samples(self, comps: Sequence[int] | None) -> tuple[int, bool, bool, bool, bool]: ...
    def rect(self, comp: int, reduce: int, area: _Area | None) -> _Area: ...
    def parts(self) -> list[tuple[int, int, int, int]]: ...
    def packets(self, blocks: bool) -> tuple[bytes, bytes, RadkitError | None]: ...
    def facts(self) -> dict[str, Any]: ...
    def decode(
        self,
        out: np.ndarray,
        comps: Sequence[int] | None,
        reduce: int,
        area: _Area | None,
        layers: int,
        transform: bool,
        cpu: int,
        threads: int = 1,
    ) -> tuple[int, int, int, int, RadkitError | None]: ...
