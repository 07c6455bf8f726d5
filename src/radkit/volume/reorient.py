"""Axes of a volume permuted and flipped towards directions of the patient."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radkit.errors import GeometryError, OptionError

if TYPE_CHECKING:
    from radkit.volume.volume import Volume

__all__ = ["reoriented"]

# Patient axis and sign of a letter; S and I are H and F.
LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1)}
LETTERS |= {"S": (2, 1), "H": (2, 1), "I": (2, -1), "F": (2, -1)}


def reoriented(volume: Volume, to: str) -> Volume:
    """Return the volume with other axes, see `radkit.Volume.reorient`."""
    wanted = _wanted(to)
    source = _nearest(volume.direction, wanted)
    flips = [float(wanted[:, i] @ volume.direction[:, axis]) < 0 for i, axis in enumerate(source)]
    if source == (0, 1, 2) and not any(flips):
        return volume
    if volume.positions is not None and source[0] != 0:
        raise GeometryError(
            "uneven slices must stay the first axis",
            hint="Make them even first: radkit.resample(volume, spacing=...)",
        )
    affine = np.eye(4)
    affine[:3, 3] = volume.affine[:3, 3]
    array = volume.array.transpose(*source, *range(3, volume.array.ndim))
    for i, (axis, flip) in enumerate(zip(source, flips, strict=True)):
        step = volume.affine[:3, axis]
        affine[:3, i] = -step if flip else step
        if flip:
            affine[:3, 3] += (volume.shape[axis] - 1) * step
            array = np.flip(array, i)
    back, kept = flips[0], source[0] == 0
    positions = volume.positions
    if positions is not None and back:
        positions = -positions[::-1]
    count = volume.shape[0]
    missing = tuple(count - 1 - k for k in volume.missing[::-1]) if back else volume.missing
    instances = volume.instances[::-1] if back else volume.instances
    return replace(
        volume,
        array=array,
        affine=affine,
        positions=positions,
        instances=instances if kept else (),
        sources=volume.sources or (() if kept else tuple(dict.fromkeys(filter(None, instances)))),
        missing=missing if kept else (),
    )


def _wanted(to: str) -> NDArray[np.float64]:
    """Return unit vectors of the slice, row and column axes that are asked for, as columns."""
    letters = [LETTERS.get(letter) for letter in to.upper()] if isinstance(to, str) else []
    axes = {found[0] for found in letters if found is not None}
    if len(letters) != 3 or len(axes) != 3:
        raise OptionError(f"to takes one letter each of L/R, P/A and S/I (or H/F), not {to!r}")
    wanted = np.zeros((3, 3))
    for i, found in enumerate(reversed(letters)):
        assert found is not None
        wanted[found[0], i] = found[1]
    return wanted


def _nearest(direction: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[int, int, int]:
    """Return for each new axis the old one, so that together they turn least."""
    along = np.abs(wanted.T @ direction)
    return max(
        permutations(range(3)),
        key=lambda order: sum(along[i, axis] for i, axis in enumerate(order)),
    )  # type: ignore[return-value]  # permutations of three are triples
