from typing_extensions import Buffer

import numpy as np
import numpy.typing as npt

from radkit.errors import RadkitError

DONE: int
MORE: int
PIXELS: int
OTHER: int
BAD: int

class Table:
    def __init__(
        self,
        pos: int,
        end: int,
        *,
        implicit: bool = False,
        big_endian: bool = False,
        stop_group: int = -1,
        stop_at_pixels: bool = False,
        items: bool = False,
        fragments: bool = False,
        max_depth: int = 32,
        max_elements: int = 1 << 20,
    ) -> None: ...
    def feed(self, window: Buffer, base: int) -> int: ...
    def error(self) -> RadkitError: ...
    def resume(self, pos: int) -> None: ...
    @property
    def pos(self) -> int: ...
    @property
    def need(self) -> int: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def unordered(self) -> bool: ...
    @property
    def stray(self) -> bool: ...
    @property
    def odd(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def __len__(self) -> int: ...
    def find(self, tag: int) -> int: ...
    def row(self, i: int) -> tuple[int, str, int, int, int, int]: ...
    def place(self, i: int) -> tuple[str, int, int, int]: ...
    def spans(self, values: npt.NDArray[np.uint64], sizes: npt.NDArray[np.uint64]) -> None: ...

def pick(
    head: Buffer,
    size: int,
    tags: npt.NDArray[np.uint32],
    widths: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.float64],
    texts: list[bytes | None],
) -> bool: ...
