"""Planes side by side: the stack through a volume, and contact sheets of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from radkit.geometry import Plane
    from radkit.volume import Volume

__all__ = ["Layout", "contact_sheet", "parse_layout", "picture_stack"]

MOST = 100  # pictures along one side of a sheet


@dataclass(frozen=True, slots=True)
class Layout:
    """Pictures of a contact sheet."""

    cols: int
    rows: int


def parse_layout(text: str | None) -> Layout | None:
    """Return the layout of a ``COLSxROWS`` text."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,3})[xX](\d{1,3})", text)
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not all(1 <= side <= MOST for side in sides):
        raise click.UsageError(f"--sheet takes COLSxROWS, as 5x4, not {text!r}")
    return Layout(*sides)


def picture_stack(
    volume: Volume, plane: Plane, *, step: float | None, options: dict[str, Any]
) -> Volume:
    """Return planes through the whole volume, from its near to its far side.

    The default step is the thickness of the slab, else the spacing of the pixels.
    """
    from radkit.mpr import reformat_stack

    slab, spacing = options["slab"], options["spacing"]
    if step is None:
        step = slab.mm if slab is not None else spacing or min(volume.spacing)
    near, far = _reach(volume, plane)
    count = max(1, math.ceil((far - near) / step - 1e-6)) if step > 0 else 1
    first = plane.resolve(volume.centre).shift((near + far) / 2 - (count - 1) / 2 * step)
    return reformat_stack(volume, first, count=count, step_mm=step, **options)


def contact_sheet(
    volume: Volume,
    plane: Plane,
    layout: Layout,
    *,
    step: float | None,
    window: Any,
    options: dict[str, Any],
) -> NDArray[Any]:
    """Return planes about the given one, row by row, as one picture.

    The default step spreads them evenly over the volume.
    """
    import numpy as np

    from radkit.mpr import PlaneImage, reformat

    count = layout.cols * layout.rows
    near, far = _reach(volume, plane)
    middle = plane.resolve(volume.centre)
    if step is None:
        step = (far - near) / count
        middle = middle.shift((near + far) / 2)
    images = [
        reformat(volume, middle.shift((k - (count - 1) / 2) * step), **options)
        for k in range(count)
    ]
    if window == "auto":  # one window for all
        tall = np.concatenate([image.values() for image in images])
        there = [
            np.zeros(i.array.shape[:2], bool) if i.outside is None else i.outside for i in images
        ]
        first = images[0]
        window = PlaneImage(
            tall, first.affine, first.plane, first.spacing, 1.0, 0.0, "", np.concatenate(there)
        ).window("auto")
    pictures = np.stack([image.render(window=window) for image in images])
    rows, cols = pictures.shape[1:3]
    tiles = pictures.reshape(layout.rows, layout.cols, *pictures.shape[1:]).swapaxes(1, 2)
    return tiles.reshape(layout.rows * rows, layout.cols * cols, *pictures.shape[3:])


def _reach(volume: Volume, plane: Plane) -> tuple[float, float]:
    """Return how far the volume reaches before and behind a plane, mm along its normal."""
    import numpy as np

    from radkit.geometry import apply

    middle = plane.resolve(volume.centre)
    ends = np.array(np.meshgrid(*((-0.5, n - 0.5) for n in volume.shape[:3]))).reshape(3, -1).T
    away = (apply(volume.affine, ends) - np.array(middle.centre)) @ np.array(middle.normal)
    return float(away.min()), float(away.max())
