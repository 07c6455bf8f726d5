"""Planes, slabs and points of a volume.

Index space is (slice, row, column). The GIL is free while a kernel runs, and a job
may be used by several threads at once. `cpu` (bits of `radkit._native.cpu`)
changes speed, and a result within its rounding.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

TYPES: tuple[str, ...]
KERNELS: tuple[str, ...]
PROJECTIONS: tuple[str, ...]

def knows(kind: np.dtype[Any]) -> bool:
    """Whether a dtype is one of `TYPES`, in native byte order."""

def to_index(affine: NDArray[np.float64], mm: ArrayLike, *, every: int) -> NDArray[np.float64]:
    """Map (n, 3) vectors in mm through the inverse of an affine (4, 4).

    Numbers 0, every, 2 every ... are points, the others directions.
    """

class Job:
    """A volume and the grid of samples that is wanted of it.

    `array` has (slices, rows, cols) or (slices, rows, cols, samples) elements of one of
    `TYPES`, any strides that are multiples of the element, samples side by side. `position`
    is the even-grid index of each slice, rising. `place` holds origin, down, right and into
    (12 float64, or a tuple): sample k of pixel (r, c) lies at origin + r down + k into + c
    right, in index coordinates, or in mm with `affine` (4, 4), whose inverse they go through;
    `lines` holds origin, right and into of each row instead (9 float64 each). `out` is a
    name of `TYPES` or its dtype: that of the array (the default), float32 or float64.
    Wrong types raise TypeError, wrong values ValueError.
    """

    def __init__(
        self,
        array: NDArray[Any],
        *,
        kernel: Literal["nearest", "linear", "cubic", "lanczos"],
        project: Literal["thin", "max", "min", "mean", "sum"] = "thin",
        out: str | np.dtype[Any] | None = None,
        fill: float = 0,
        padding: float | None = None,
        position: NDArray[np.float64] | None = None,
        size: tuple[int, int] = (1, 1),
        depth: int = 1,
        place: NDArray[np.float64] | tuple[float, ...] | None = None,
        affine: NDArray[np.float64] | None = None,
        lines: NDArray[np.float64] | None = None,
    ) -> None: ...
    def name(self, *, cpu: int = ...) -> str:
        """Name of the kernel that `rows` uses."""

    def rows(
        self,
        first: int,
        count: int,
        out: NDArray[Any],
        outside: NDArray[np.uint8],
        *,
        cpu: int = ...,
    ) -> int:
        """Sample rows first ... first + count - 1 into their places in `out` and `outside`.

        Both arrays are of the whole picture, (rows, cols[, samples]) and (rows, cols), and
        C-contiguous. Returns the number of pixels without data: `fill`, and 1 in `outside`.
        """

    def points(
        self, index: NDArray[np.float64], out: NDArray[np.float64], outside: NDArray[np.uint8]
    ) -> int:
        """Sample (n, 3) index coordinates of the even grid into (n[, samples]) float64.

        NaN and what is far away is outside: 0, and 1 in `outside`. Returns how many are.
        """

    def samples(
        self, first: int, count: int, out: NDArray[np.float64], there: NDArray[np.uint8]
    ) -> None:
        """Write the samples of a slab one by one: (count, cols, samples, depth) float64.

        `there`, (count, cols, depth), says which have data; the others are 0.
        """

class Stack:
    """Parallel planes: those of a job, but for their origins, (planes, 3) float64.

    Each plane has the pixels that it would have alone.
    """

    def __init__(self, job: Job, origins: NDArray[np.float64], planes: int) -> None: ...
    def block(self) -> int:
        """How many planes a call of `planes` should do, so that they can share work."""

    def planes(
        self,
        first: int,
        count: int,
        out: NDArray[Any],
        outside: NDArray[np.uint8],
        *,
        cpu: int = ...,
    ) -> int:
        """Sample planes first ... first + count - 1 into their places; as `Job.rows`.

        Both arrays are of the whole stack, (planes, rows, cols[, samples]) and C-contiguous.
        """

class Turns:
    """Views around the slice axis: projections of a job, but for `place`.

    A job whose rows of pixels do not lie in the slices, or of another kind than the
    maximum, minimum or mean of 8- or 16-bit integers by linear interpolation, is refused.
    """

    def __init__(self, job: Job) -> None: ...
    @property
    def nbytes(self) -> int:
        """Memory of the copy of the volume that `prepare` makes room for."""

    def prepare(self) -> bool:
        """Look at all voxels; False if their range or their padding forbids this way."""

    def fill(self, first: int, count: int, *, cpu: int = ...) -> None:
        """Copy rows first ... first + count - 1 of the volume; all of them before any view."""

    def view(
        self,
        place: NDArray[np.float64],
        first: int,
        count: int,
        out: NDArray[Any],
        outside: NDArray[np.uint8],
        *,
        cpu: int = ...,
    ) -> int:
        """Project columns first ... first + count - 1 of a picture; as `Job.rows`."""
