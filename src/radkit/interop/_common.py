"""What the conversions share: absent packages, and geometry that a target cannot hold."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import GeometryError, MissingDependency
from radkit.volume.volume import Volume

__all__ = ["check_even", "check_square", "optional", "values_of", "xyz_affine"]

SQUARE_WITHIN = 1e-4  # cosine between axes, as other libraries tolerate


def optional(module: str, package: str) -> Any:
    """Import an optional package.

    Raises
    ------
    MissingDependency
        It is absent.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependency(f"this needs {package}: pip install {package}") from error


def check_even(volume: Volume, target: str) -> None:
    """Raise `GeometryError` if the slices are uneven."""
    if volume.positions is not None:
        raise GeometryError(
            f"{target} cannot hold slices at uneven distances",
            hint="Make them even first: radkit.resample(volume, spacing=...)",
        )


def check_square(volume: Volume, target: str) -> None:
    """Raise `GeometryError` if the axes are not at right angles (gantry tilt)."""
    axes = volume.direction
    cosines = np.abs(axes.T @ axes - np.eye(3)).max()
    if cosines > SQUARE_WITHIN:
        raise GeometryError(
            f"{target} cannot hold a gantry tilt: the axes are not at right angles "
            f"(cosine {cosines:.4f})",
            hint="Shear it back first: radkit.resample(volume, spacing=volume.spacing)",
        )


def xyz_affine(volume: Volume) -> NDArray[np.float64]:
    """Return the affine for (column, row, slice) indices, still in LPS."""
    return volume.affine[:, [2, 1, 0, 3]]


def values_of(volume: Volume) -> NDArray[Any]:
    """Return the values in the smallest type that holds them: stored ones are not copied.

    Integers stay integers where slope and intercept are (Hounsfield units, as a rule);
    else the values are float32.
    """
    array, slope, intercept = volume.array, volume.slope, volume.intercept
    if slope == 1 and intercept == 0:
        return array
    if array.dtype.kind not in "iu" or slope != int(slope) or intercept != int(intercept):
        return volume.values("float32")
    ends = [int(v) * int(slope) + int(intercept) for v in (array.min(), array.max())]
    kind = next(
        (
            kind
            for kind in (np.int16, np.uint16, np.int32)
            if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max
        ),
        None,
    )
    if kind is None:
        return volume.values("float64")
    found: NDArray[Any] = array.astype(np.int64) * int(slope) + int(intercept)
    return found.astype(kind)
