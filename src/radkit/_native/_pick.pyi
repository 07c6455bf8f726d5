import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

def decimals(text: Buffer) -> tuple[float, ...] | None: ...
def pick(
    head: Buffer,
    size: int,
    tags: npt.NDArray[np.uint32],
    widths: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.float64],
    texts: list[bytes | None],
) -> bool: ...
def pick_image(
    head: Buffer,
    size: int,
    tags: npt.NDArray[np.uint32],
    widths: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.float64],
    texts: list[bytes | None],
) -> tuple[int, int, int] | bool | None: ...
def fill_slots(
    paths: list[bytes],
    offsets: list[int],
    places: list[int],
    slots: npt.NDArray[np.uint8],
    *,
    itemsize: int,
    bits_stored: int,
    high_bit: int,
    signed: bool,
    cpu: int,
) -> int: ...
