import numpy as np
import numpy.typing as npt

from radkit.errors import RadkitError

SLACK: int

_Bytes = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.uint16]

def info(
    data: memoryview | _Bytes,
) -> tuple[int, int, int, int, int, int, int, tuple[int, ...], int]: ...
def work_size(cols: int, components: int) -> int: ...
def decode(
    data: memoryview | _Bytes,
    out: _Bytes,
    work: _Bytes,
    *,
    rows: int,
    cols: int,
    components: int,
    width: int,
    cpu: int,
    strict: bool,
) -> tuple[int, bool, RadkitError | None]: ...
def encode(
    data: _Bytes,
    diff: _Words,
    lines: _Words,
    *,
    rows: int,
    cols: int,
    components: int,
    width: int,
    precision: int,
    predictor: int,
    cpu: int,
) -> bytes | None: ...
