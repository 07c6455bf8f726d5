"""The volume: stored values, and where they lie in the patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from radkit import limits
from radkit.errors import GeometryError, OptionError
from radkit.geometry import apply
from radkit.geometry.affine import cross, dot
from radkit.volume.convert import Conversions
from radkit.volume.sample import Interpolation, check_interpolation, mm_to_index, sample_at

__all__ = ["Correction", "Geometry", "Volume"]

SHEARED_ABOVE = 1e-3  # sideways part of the step between slices, per mm of step


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was put right, chosen or left out when a volume was made.

    Parameters
    ----------
    code : str
        ``"DUPLICATE"``, ``"JITTER"``, ``"LEFT_OUT"``, ``"MISSING"``, ``"SINGLE_SLICE"``,
        ``"SLOPES"``, ``"SPLIT"``, ``"TILT"`` or ``"UNEVEN"``.
    text : str
        One sentence with the figures, without patient values.
    instances : tuple of str
        SOP Instance UIDs concerned.
    """

    code: str
    text: str
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """Shape and place of a volume, without voxels."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    positions: NDArray[np.float64] | None
    frame_of_reference: str | None

    def matches(self, other: Geometry, *, tolerance_mm: float = 1e-3) -> bool:
        """Whether both have the same grid: every voxel centre within the tolerance."""
        if self.shape != other.shape or self.frame_of_reference != other.frame_of_reference:
            return False
        ends = np.array([n - 1 for n in self.shape])
        corners = np.array(np.meshgrid(*([0, end] for end in ends))).reshape(3, -1).T
        apart = np.abs(apply(self.affine, corners) - apply(other.affine, corners)).max()
        if self.positions is None and other.positions is None:
            return bool(apart <= tolerance_mm)
        slices = [_slice_positions(one) for one in (self, other)]
        return bool(max(apart, np.abs(slices[0] - slices[1]).max()) <= tolerance_mm)


def _slice_positions(geometry: Geometry) -> NDArray[np.float64]:
    if geometry.positions is not None:
        return geometry.positions
    normal = _normal(geometry.affine)
    found: NDArray[np.float64] = geometry.affine[:3, 3] @ normal + np.arange(geometry.shape[0]) * (
        geometry.affine[:3, 0] @ normal
    )
    return found


def _normal(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit normal of the slices, on the side to which the slice index grows."""
    right, down = affine[:3, 2].tolist(), affine[:3, 1].tolist()
    across = cross(right, down)  # plain arithmetic takes a tenth of the time
    normal = np.array(across) / math.sqrt(dot(across, across))
    side = float(normal @ affine[:3, 0])
    found: NDArray[np.float64] = -normal if side < 0 else normal
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Volume(Conversions):
    """Stored values on a grid in the patient.

    Parameters
    ----------
    array : ndarray
        (slices, rows, cols) or (slices, rows, cols, 3), stored values.
    affine : ndarray
        (4, 4) float64: (slice, row, column, 1) -> LPS mm, voxel centres. May hold
        a shear (gantry tilt): the slice step need not be parallel to the normal.
    slope, intercept : float
        value = slope * array + intercept.
    units : str
        UCUM code of the values; empty if unknown.
    padding : int or None
        Stored value that means "nothing here".
    frame_of_reference : str or None
        UID; volumes may share coordinates only if it is equal.
    instances : tuple of str
        SOP Instance UID of each slice; empty for a slice that was filled in.
    positions : ndarray or None
        mm along the normal of each slice, rising, only if they are uneven. The
        affine then holds the first and the last slice.
    missing : tuple of int
        Slices that were filled in.
    corrections : tuple of Correction
        What was put right, chosen or left out on the way.
    labels : dict of str to str
        What tells this volume from others of its series: values by keyword, as
        ``{"EchoTime": "30"}``; empty if it is the only one.
    sources : tuple of str
        SOP Instance UIDs of the images that a resampled volume was made of: its own
        slices have no `instances`.

    Raises
    ------
    GeometryError
        The affine cannot be inverted, or the parts do not fit each other.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    units: str = ""
    padding: int | None = None
    frame_of_reference: str | None = None
    instances: tuple[str, ...] = ()
    positions: NDArray[np.float64] | None = None
    missing: tuple[int, ...] = ()
    corrections: tuple[Correction, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        if self.array.ndim not in (3, 4) or 0 in self.array.shape:
            raise GeometryError(
                "a volume needs an array of (slices, rows, cols) or (slices, rows, cols, samples)"
            )
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("the affine of a volume must be 4 x 4 and finite")
        sides = np.linalg.norm(affine[:3, :3], axis=0)
        if not (sides > 0).all() or abs(np.linalg.det(affine[:3, :3] / sides)) < 1e-6:
            raise GeometryError("the affine of a volume must have three independent axes")
        object.__setattr__(self, "affine", affine)
        if self.positions is None:
            return
        positions = np.array(self.positions, dtype=np.float64)
        if positions.shape != self.array.shape[:1] or not (np.diff(positions) > 0).all():
            raise GeometryError("positions must be one rising number for each slice")
        object.__setattr__(self, "positions", positions)

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        affine: ArrayLike,
        *,
        slope: float = 1.0,
        intercept: float = 0.0,
        units: str = "",
        padding: int | None = None,
        frame_of_reference: str | None = None,
    ) -> Volume:
        """Make a volume of an array and its affine, (slice, row, column, 1) -> LPS mm.

        The array is not copied if it is one already.
        """
        return cls(
            np.asarray(array),
            np.asarray(affine, dtype=np.float64),
            slope,
            intercept,
            units,
            padding,
            frame_of_reference,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape

    @property
    def normal(self) -> tuple[float, float, float]:
        """Unit normal of the slices, towards growing slice index, LPS."""
        x, y, z = (float(part) for part in _normal(self.affine))
        return (x, y, z)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances of slices (along their normal; the mean, if uneven), rows and columns, mm."""
        rows, cols = (math.sqrt(dot(v, v)) for v in self.affine[:3, 1:3].T.tolist())
        return (float(self.affine[:3, 0] @ _normal(self.affine)), rows, cols)

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of voxel (0, 0, 0), LPS mm."""
        x, y, z = (float(part) for part in self.affine[:3, 3])
        return (x, y, z)

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vectors of the slice, row and column axes, as columns of a 3 x 3 matrix."""
        axes: NDArray[np.float64] = self.affine[:3, :3]
        unit: NDArray[np.float64] = axes / np.linalg.norm(axes, axis=0)
        return unit

    @property
    def handedness(self) -> Literal["right", "left"]:
        """Sense of (column, row, slice) axes; sorted series are right-handed."""
        return "right" if np.linalg.det(self.affine[:3, 2::-1]) > 0 else "left"

    @property
    def extent(self) -> tuple[float, float, float]:
        """Size of the field of view along slices' normal, rows and columns, mm."""
        slices, rows, cols = self.shape[:3]
        thick, tall, wide = self.spacing
        depth = slices * thick
        if self.positions is not None and slices > 1:
            ends = np.diff(self.positions)[[0, -1]]
            depth = float(self.positions[-1] - self.positions[0] + ends.sum() / 2)
        return (depth, rows * tall, cols * wide)

    @property
    def sheared(self) -> bool:
        """Whether the slices step sideways (gantry tilt)."""
        step = self.affine[:3, 0]
        normal = _normal(self.affine)
        aside = float(np.linalg.norm(step - (step @ normal) * normal))
        return aside > SHEARED_ABOVE * float(np.linalg.norm(step))

    @property
    def centre(self) -> tuple[float, float, float]:
        """Centre of the volume, LPS mm."""
        middle = [(n - 1) / 2 for n in self.shape[:3]]
        x, y, z = (float(part) for part in apply(self.affine, middle))
        return (x, y, z)

    @property
    def geometry(self) -> Geometry:
        """Shape and place without voxels, to compare volumes by."""
        slices, rows, cols = self.shape[:3]
        return Geometry(
            shape=(slices, rows, cols),
            affine=self.affine,
            positions=self.positions,
            frame_of_reference=self.frame_of_reference,
        )

    def values(
        self, dtype: DTypeLike = "float32", *, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return ``slope * array + intercept`` as float.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            Computed and returned in this type.
        out : ndarray, optional
            Of the volume's shape and this dtype, C-contiguous, writable.

        Raises
        ------
        OptionError
            `dtype` is not a float type of 32 or 64 bits, or `out` does not fit.
        LimitExceeded
            The result needs more than ``max_memory_bytes``.
        """
        from radkit.pixels.selection import check_out

        kind = np.dtype(dtype)
        if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise OptionError(f"dtype must be float32 or float64, not {kind}")
        check_out(out, self.shape, kind)
        if out is None:
            limits.check("max_memory_bytes", self.array.size * kind.itemsize, "values of a volume")
            out = np.empty(self.shape, kind)
        np.multiply(self.array, np.array(self.slope, kind), out=out, casting="unsafe", dtype=kind)
        out += np.array(self.intercept, kind)
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the stored values."""
        if dtype is None or np.dtype(dtype) == self.array.dtype:
            return self.array.copy() if copy else self.array
        if copy is False:
            raise ValueError("another dtype cannot be had without a copy")
        return self.array.astype(dtype)

    def __dlpack__(self, **options: Any) -> Any:
        """Hand out the stored values by the DLPack protocol."""
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return where the stored values are: the CPU."""
        kind, number = self.array.__dlpack_device__()
        return int(kind), int(number)

    def at(
        self,
        points: ArrayLike,
        *,
        interpolation: Interpolation = "linear",
        fill: float | None = None,
    ) -> NDArray[np.float64]:
        """Return the values (slope and intercept applied) at points of the patient.

        Parameters
        ----------
        points : array_like
            (..., 3) LPS mm.
        interpolation : {"linear", "nearest", "cubic", "lanczos"}
            Between voxel centres, in index space.
        fill : float, optional
            Result for points without data: outside, or nearest to padding.
            Default: NaN.

        Returns
        -------
        ndarray
            float64 of shape (...), or (..., samples) for colour.

        Raises
        ------
        OptionError
            `points` does not have three numbers per point, or the
            interpolation is unknown.
        """
        check_interpolation(interpolation)
        try:
            where = np.asarray(points, dtype=np.float64)
        except (TypeError, ValueError):
            where = np.empty(0)
        if where.ndim < 1 or where.shape[-1] != 3:
            raise OptionError("points must have three numbers each, (..., 3)")
        found, there = sample_at(
            self.array,
            mm_to_index(self.affine, where.reshape(-1, 3)),
            interpolation=interpolation,
            padding=self.padding,
            positions=self.positions,
        )
        found = found * self.slope + self.intercept
        found[~there] = np.nan if fill is None else fill
        return found.reshape((*where.shape[:-1], *self.shape[3:]))

    def crop(self, box: tuple[int, int, int, int, int, int]) -> Volume:
        """Return the part inside a half-open box of indices; the array is a view.

        Parameters
        ----------
        box : (slice0, slice1, row0, row1, col0, col1)

        Raises
        ------
        OptionError
            The box is empty or not inside of the volume.
        """
        if len(box) != 6:
            raise OptionError("box must be (slice0, slice1, row0, row1, col0, col1)")
        lows, highs = box[::2], box[1::2]
        if not all(
            0 <= low < high <= n for low, high, n in zip(lows, highs, self.shape, strict=False)
        ):
            raise OptionError(f"box {tuple(box)} is empty or outside of {self.shape[:3]}")
        k0, k1 = lows[0], highs[0]
        part = tuple(slice(low, high) for low, high in zip(lows, highs, strict=True))
        affine, positions = self._slices_from(k0, k1)
        affine[:3, 3] += affine[:3, 1] * lows[1] + affine[:3, 2] * lows[2]
        return replace(
            self,
            array=self.array[part],
            affine=affine,
            positions=positions,
            instances=self.instances[k0:k1],
            missing=tuple(k - k0 for k in self.missing if k0 <= k < k1),
        )

    def _slices_from(
        self, k0: int, k1: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return affine and positions of the slices k0 to k1 - 1."""
        affine = self.affine.copy()
        if self.positions is None:
            affine[:3, 3] += affine[:3, 0] * k0
            return affine, None
        per_mm = affine[:3, 0] / (affine[:3, 0] @ _normal(affine))
        positions = self.positions[k0:k1]
        affine[:3, 3] += per_mm * (positions[0] - self.positions[0])
        count = len(positions)
        if count > 1:
            affine[:3, 0] = per_mm * ((positions[-1] - positions[0]) / (count - 1))
        return affine, positions
