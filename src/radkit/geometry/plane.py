"""Planes in the patient, and slabs around them.

A plane knows the directions in which the columns and the rows of its picture
grow. The normal is ``along_row x along_col`` and points away from the viewer.
The standard planes are the radiological ones: axial seen from the feet, coronal
from the front, sagittal from the patient's left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import GeometryError, OptionError
from radkit.geometry.affine import Triple, along, cross, dot, orthonormal, vector

__all__ = ["Plane", "Slab"]

Projection = Literal["max", "min", "mean", "sum"] | Callable[[NDArray[np.float64]], float]
Array = NDArray[np.float64]

ORTHOGONAL_WITHIN = 1e-4
PROJECTIONS = ("max", "min", "mean", "sum")


def _triple(values: Array | Triple) -> Triple:
    # Adding 0.0 turns -0.0 into 0.0, so that equal planes compare and print alike.
    x, y, z = values
    return (float(x) + 0.0, float(y) + 0.0, float(z) + 0.0)


@dataclass(frozen=True, slots=True)
class Plane:
    """An infinite plane with a sense of rows and columns, in LPS millimetres.

    Parameters
    ----------
    centre : (x, y, z) or None
        Point of the plane, and centre of a picture of given size. None: the
        centre of the volume on which the plane is used, moved as `at` and
        `offset` say.
    along_row : (x, y, z)
        Direction of growing column index.
    along_col : (x, y, z)
        Direction of growing row index, orthogonal to `along_row` within 1e-4.
    at : float, optional
        Only without `centre`: where the plane cuts the axis along its normal,
        in mm (``point @ normal == at`` for each of its points).
    offset : (x, y, z)
        Only without `centre`: mm from the centre of the volume.

    Raises
    ------
    OptionError
        The directions are not finite, null, or not orthogonal; `at` or `offset`
        is given beside `centre`.
    """

    centre: Triple | None
    along_row: Triple
    along_col: Triple
    at: float | None = None
    offset: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Check the vectors and make the directions exactly orthonormal."""
        row = _as_triple(self.along_row, "along_row")
        col = _as_triple(self.along_col, "along_col")
        centre = None if self.centre is None else _as_triple(self.centre, "centre")
        offset = _as_triple(self.offset, "offset")
        lengths = _length(row), _length(col)
        if min(lengths) < 1e-9:
            raise OptionError("the directions of a plane must not be null")
        cosine = dot(row, col) / (lengths[0] * lengths[1])
        if abs(cosine) > ORTHOGONAL_WITHIN:
            raise OptionError(
                f"along_row and along_col must be orthogonal within {ORTHOGONAL_WITHIN}; "
                f"the cosine between them is {cosine:.6f}"
            )
        if self.at is not None and not math.isfinite(self.at):
            raise OptionError("at must be a finite number of millimetres")
        if centre is not None and (self.at is not None or any(offset)):
            raise OptionError("at and offset are for planes without centre")
        if self.at is not None and any(offset):
            raise OptionError("give either at or offset")
        row, col, _ = orthonormal(row, col)
        object.__setattr__(self, "along_row", _triple(row))
        object.__setattr__(self, "along_col", _triple(col))
        object.__setattr__(self, "centre", centre)
        object.__setattr__(self, "offset", offset)

    @property
    def normal(self) -> Triple:
        """Unit normal, ``along_row x along_col``: away from the viewer."""
        return _triple(cross(self.along_row, self.along_col))

    @classmethod
    def axial(cls, at: float | None = None) -> Plane:
        """Make the axial plane seen from the feet: columns grow to L, rows to P.

        Parameters
        ----------
        at : float, optional
            mm along the normal, which is +z. Default: the centre of the volume.
        """
        return cls(None, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), at)

    @classmethod
    def coronal(cls, at: float | None = None) -> Plane:
        """Make the coronal plane seen from the front: columns grow to L, rows to F.

        Parameters
        ----------
        at : float, optional
            mm along the normal, which is +y. Default: the centre of the volume.
        """
        return cls(None, (1.0, 0.0, 0.0), (0.0, 0.0, -1.0), at)

    @classmethod
    def sagittal(cls, at: float | None = None) -> Plane:
        """Make the sagittal plane seen from the patient's left: columns grow to P, rows to F.

        Parameters
        ----------
        at : float, optional
            mm along the normal, which is -x: ``at=20`` lies 20 mm to the right of
            the origin (x = -20). Default: the centre of the volume.
        """
        return cls(None, (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), at)

    @classmethod
    def oblique(cls, centre: ArrayLike, along_row: ArrayLike, along_col: ArrayLike) -> Plane:
        """Make a plane from a point and its two directions.

        Parameters
        ----------
        centre : point, LPS mm
        along_row, along_col : vectors
            Of any length; refused if not orthogonal within 1e-4.

        Raises
        ------
        OptionError
            As the constructor.
        """
        return cls(
            _as_triple(centre, "centre"),
            _as_triple(along_row, "along_row"),
            _as_triple(along_col, "along_col"),
        )

    @classmethod
    def from_normal(
        cls, centre: ArrayLike, normal: ArrayLike, *, up: ArrayLike | None = None
    ) -> Plane:
        """Make a plane from a point, the direction of view and what is up in the picture.

        Parameters
        ----------
        centre : point, LPS mm
        normal : vector
            Into the screen, of any length.
        up : vector, optional
            What should point up. Default: anterior for axial-like planes (the
            normal's largest component is z), else the head.

        Raises
        ------
        OptionError
            A vector is null, or `up` is parallel to the normal.
        """
        into = _unit(normal, "normal")
        if up is None:
            axial_like = abs(into[2]) > max(abs(into[0]), abs(into[1]))
            upward = (0.0, -1.0, 0.0) if axial_like else (0.0, 0.0, 1.0)
        else:
            upward = _unit(up, "up")
        if _length(cross(upward, into)) < 1e-3:
            raise OptionError("up must not be parallel to the normal")
        down = _scaled(along(upward, into, -dot(upward, into)), -1.0)
        down = _scaled(down, 1 / _length(down))
        return cls(_as_triple(centre, "centre"), cross(down, into), down)

    @classmethod
    def from_points(
        cls, a: ArrayLike, b: ArrayLike, c: ArrayLike, *, centre: ArrayLike | None = None
    ) -> Plane:
        """Make the plane through three points.

        Parameters
        ----------
        a, b, c : points, LPS mm
            ``a -> b`` is the direction along a row; rows grow to the side of `c`.
        centre : point, optional
            Default: `a`.

        Raises
        ------
        OptionError
            The points lie on one line, or `centre` is not finite.
        """
        first = _as_triple(a, "a")
        ahead = along(_as_triple(b, "b"), first, -1.0)
        aside = along(_as_triple(c, "c"), first, -1.0)
        if _length(ahead) < 1e-9 or _length(aside) < 1e-9:
            raise OptionError("the three points of a plane must be distinct")
        ahead = _scaled(ahead, 1 / _length(ahead))
        into = cross(ahead, aside)
        if _length(into) < 1e-6 * _length(aside):
            raise OptionError("the three points of a plane must not lie on one line")
        into = _scaled(into, 1 / _length(into))
        middle = first if centre is None else _as_triple(centre, "centre")
        return cls(middle, ahead, cross(into, ahead))

    @classmethod
    def from_image(cls, source: Any, frame: int = 0) -> Plane:
        """Make the plane of a DICOM image, with the middle of the picture as centre.

        Parameters
        ----------
        source : path, bytes, binary file or pydicom.Dataset
            The object; only its header is read.
        frame : int
            From 0.

        Raises
        ------
        GeometryError
            The frame has no position or orientation in the patient.
        OptionError
            There is no such frame.
        CorruptFile
            The object cannot be read.
        """
        from radkit.geometry.imageplane import image_plane

        return cls.oblique(*image_plane(source, frame))

    def shift(self, mm: float) -> Plane:
        """Return the plane moved along its normal, away from the viewer if positive."""
        if not math.isfinite(mm):
            raise OptionError("shift takes a finite number of millimetres")
        if self.centre is not None:
            return replace(self, centre=along(self.centre, self.normal, mm))
        if self.at is not None:
            return replace(self, at=self.at + mm)
        return replace(self, offset=along(self.offset, self.normal, mm))

    def rotate(self, degrees: float, about: Literal["row", "col", "normal"] | ArrayLike) -> Plane:
        """Return the plane turned about an axis through its centre.

        Parameters
        ----------
        degrees : float
            Right-handed angle about the axis.
        about : {"row", "col", "normal"} or vector
            The axis: a direction of the plane itself, or of the patient (LPS).

        Raises
        ------
        OptionError
            The angle or the axis makes no sense, or the plane is given by `at`
            and would lose the axis on which it is measured.
        """
        if not math.isfinite(degrees):
            raise OptionError("rotate takes a finite number of degrees")
        if isinstance(about, str):
            named = {"row": self.along_row, "col": self.along_col, "normal": self.normal}
            if about not in named:
                raise OptionError(f"about must be row, col, normal or a vector, not {about!r}")
            axis = named[about]
        else:
            axis = _unit(about, "about")
        row, col = (_rodrigues(v, axis, degrees) for v in (self.along_row, self.along_col))
        if self.at is not None and abs(abs(dot(axis, self.normal)) - 1) > 1e-9:
            raise OptionError("a plane given by at turns about its normal only: give it a centre")
        return replace(self, along_row=row, along_col=col)

    def flip(self, *, rows: bool = False, cols: bool = False) -> Plane:
        """Return the plane with the order of its rows or columns reversed.

        Flipping one of the two looks at the plane from behind, so the normal turns round.
        """
        row = _scaled(self.along_row, -1.0 if cols else 1.0)
        col = _scaled(self.along_col, -1.0 if rows else 1.0)
        at = -self.at if self.at is not None and rows != cols else self.at
        return replace(self, along_row=row, along_col=col, at=at)

    def resolve(self, centre_of_volume: ArrayLike) -> Plane:
        """Return the plane with its `centre` set, for a volume with that centre."""
        if self.centre is not None:
            return self
        middle = _as_triple(centre_of_volume, "centre of the volume")
        if self.at is not None:
            into = self.normal
            middle = along(middle, into, self.at - dot(middle, into))
        return Plane(along(middle, self.offset, 1.0), self.along_row, self.along_col)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slab:
    """A thick plane: samples along the normal, reduced to one value.

    Parameters
    ----------
    mm : float
        Full thickness, > 0, centred on the plane.
    project : {"max", "min", "mean", "sum"} or callable, default "max"
        How the samples inside the volume become one value. A callable takes a
        float64 array of them and gives a number; Numba compiles it.
    step_mm : float, optional
        Distance of the samples. Default: half the smallest voxel side.

    Raises
    ------
    OptionError
        A field is out of range.
    """

    mm: float
    project: Projection = "max"
    step_mm: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (math.isfinite(self.mm) and self.mm > 0):
            raise OptionError(f"mm must be positive, not {self.mm!r}")
        if not callable(self.project) and self.project not in PROJECTIONS:
            raise OptionError(f"project must be one of {', '.join(PROJECTIONS)}, or callable")
        if self.step_mm is not None and not (math.isfinite(self.step_mm) and self.step_mm > 0):
            raise OptionError(f"step_mm must be positive, not {self.step_mm!r}")

    def offsets(self, smallest_side: float) -> Array:
        """Return the sample positions along the normal, mm, an odd number of them.

        ``2 * floor(mm / (2 * step)) + 1`` samples, `step` apart, the middle one on
        the plane: what VTK's slab of the same thickness and resolution takes.
        """
        step = smallest_side / 2 if self.step_mm is None else self.step_mm
        # The small term keeps 10 mm / (2 * 0.05) from losing a sample to rounding.
        ratio = self.mm / (2 * step) + 1e-9
        if not ratio < 1 << 20:
            raise OptionError(f"step_mm is too small for a slab of {self.mm} mm")
        half = math.floor(ratio)
        return np.arange(-half, half + 1, dtype=np.float64) * step


def _as_triple(values: ArrayLike, what: str) -> Triple:
    if isinstance(values, tuple) and len(values) == 3 and {*map(type, values)} == {float}:
        found: Triple = _triple(values)  # a tenth of the time, and most planes come of planes
        if math.isfinite(found[0] + found[1] + found[2]):
            return found
    try:
        return _triple(vector(values, what))
    except GeometryError as error:
        raise OptionError(error.message) from None


def _length(v: Triple) -> float:
    return math.sqrt(dot(v, v))


def _scaled(v: Triple, by: float) -> Triple:
    return (v[0] * by, v[1] * by, v[2] * by)


def _unit(values: ArrayLike, what: str) -> Triple:
    found = _as_triple(values, what)
    length = _length(found)
    if length < 1e-9:
        raise OptionError(f"{what} must not be null")
    return (found[0] / length, found[1] / length, found[2] / length)


def _rodrigues(v: Triple, axis: Triple, degrees: float) -> Triple:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = along(_scaled(v, cosine), cross(axis, v), sine)
    return along(turned, axis, dot(axis, v) * (1 - cosine))
