import numpy as np
import numpy.typing as npt

MAX_SEGMENTS: int

def decode(
    data: bytes | memoryview | npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8],
    scratch: npt.NDArray[np.uint8],
    *,
    samples: int,
    width: int,
    cpu: int,
    strict: bool,
) -> float: ...
def bound(rows: int, cols: int, planes: int) -> int: ...
def encode(
    data: npt.NDArray[np.uint8],
    dst: npt.NDArray[np.uint8],
    plane: npt.NDArray[np.uint8],
    *,
    rows: int,
    cols: int,
    samples: int,
    width: int,
    cpu: int,
) -> int: ...
