"""What can be seen of a series at a moment: its middle slice, slices side by side, a coronal plane.

Every frame is held at full size, as a viewer shows it: a resolution that is whole enlarged by the
wavelet's own synthesis, a frame that has not come black.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from radkit import limits
from radkit.errors import GeometryError, OptionError
from radkit.pixels.resize import fit, resize
from radkit.preview.link import Showing
from radkit.preview.remote import open_local

if TYPE_CHECKING:
    from radkit.volume.volume import Volume

__all__ = ["Seen", "SeriesPictures"]

ON_A_SHEET = 12
CELL = 120
CORONAL = 360


class Seen(NamedTuple):
    """Pictures of a moment; None where nothing has come, or where the series is no volume.

    `frames` counts the frames of which something is there, `whole` the originals.
    """

    middle: np.ndarray | None
    sheet: np.ndarray | None
    coronal: np.ndarray | None
    frames: int
    whole: int


class SeriesPictures:
    """Frames of a series as windowed pictures, as far as they have come.

    Parameters
    ----------
    coded : sequence of bytes
        The objects in the order of their positions.
    window : window
        As in `radkit.render`.

    Raises
    ------
    OptionError
        The frames differ in size or colour.
    LimitExceeded
        The pictures need more memory than ``max_memory_bytes``.
    """

    def __init__(self, coded: Sequence[bytes], window: Any) -> None:
        self._window = window
        self._remotes = [open_local(data) for data in coded]
        self._places = [
            (remote, number) for remote in self._remotes for number in range(remote.frames)
        ]
        first = self._draw(0, 0, None)
        limits.check("max_memory_bytes", 2 * len(self._places) * first.nbytes, "pictures")
        rest = [self._draw(number, 0, None) for number in range(1, len(self._places))]
        if any(picture.shape != first.shape for picture in rest):
            raise OptionError("the frames of the series differ in size or colour")
        self.originals = np.stack([first, *rest])
        self._volume = _volume_of(coded, self.originals)

    @property
    def shapes(self) -> tuple[tuple[int, int] | None, ...]:
        """(rows, cols) of the three pictures of `Seen`; None for a plane there is not."""
        full = (self.originals, _sheet(self.originals)[None])
        coronal = self._coronal(self.originals)
        rows_cols = [(each.shape[1], each.shape[2]) for each in full]
        return (*rows_cols, None if coronal is None else (coronal.shape[0], coronal.shape[1]))

    def seen(self, showings: Sequence[Showing], seconds: float) -> Seen:
        """Return what is there after some seconds."""
        best: dict[int, Showing] = {}
        for one in showings:
            if one.seconds <= seconds:
                best[one.frame] = one
        if not best:
            return Seen(None, None, None, 0, 0)
        there = np.zeros_like(self.originals)
        for number, one in best.items():
            there[number] = (
                self.originals[number]
                if _is_whole(one)
                else self._draw(number, one.reduce, one.layers)
            )
        middle = len(there) // 2
        return Seen(
            middle=there[middle] if middle in best else None,
            sheet=_sheet(there),
            coronal=self._coronal(there),
            frames=len(best),
            whole=sum(_is_whole(one) for one in best.values()),
        )

    def _draw(self, number: int, reduce: int, layers: int | None) -> np.ndarray:
        remote, frame = self._places[number]
        size = remote.index.cut(frame, reduce=reduce, layers=layers).size
        return remote.render(frame, window=self._window, max_bytes=size)

    def _coronal(self, there: np.ndarray) -> np.ndarray | None:
        """Cut the coronal plane of the middle out of the pictures, where the slices really lie."""
        if self._volume is None:
            return None
        from radkit.geometry import Plane
        from radkit.mpr import reformat

        plane = reformat(replace(self._volume, array=there), Plane.coronal(), fill=0)
        rows, cols = plane.array.shape[:2]
        made: np.ndarray = resize(plane.array, fit(rows, cols, (CORONAL, CORONAL)))
        return made


def _is_whole(one: Showing) -> bool:
    return one.reduce == 0 and one.layers is None


def _volume_of(coded: Sequence[bytes], pictures: np.ndarray) -> Volume | None:
    """Return the volume whose slices the pictures are; None if the series is none."""
    from radkit.volume.load import load_volume

    try:
        volume = load_volume(list(coded), missing="keep")
    except GeometryError:
        return None
    if volume.array.shape != pictures.shape or pictures.ndim != 3 or len(pictures) < 2:
        return None
    return replace(volume, array=pictures, slope=1.0, intercept=0.0, padding=None)


def _sheet(pictures: np.ndarray) -> np.ndarray:
    """Put up to 12 frames side by side, from the first to the last."""
    count = min(len(pictures), ON_A_SHEET)
    chosen = [round(k * (len(pictures) - 1) / max(count - 1, 1)) for k in range(count)]
    across = math.ceil(math.sqrt(count))
    rows, cols = fit(pictures.shape[1], pictures.shape[2], (CELL, CELL))
    down = -(-count // across)
    sheet = np.zeros((down * rows, across * cols, *pictures.shape[3:]), np.uint8)
    for k, number in enumerate(chosen):
        top, left = k // across * rows, k % across * cols
        sheet[top : top + rows, left : left + cols] = resize(pictures[number], (rows, cols))
    return sheet
