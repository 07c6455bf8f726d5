"""The pictures of the demonstration: thumbnails, and three planes out of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radkit.errors import RadkitError
from radkit.geometry import Plane, letters
from radkit.mpr import reformat
from radkit.preview import encode_picture, thumbnail
from radkit.volume import Volume, load_volume

PLANES = {"axial": Plane.axial, "coronal": Plane.coronal, "sagittal": Plane.sagittal}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A PNG with its words."""

    name: str
    caption: str
    png: bytes
    rows: int
    cols: int
    sides: tuple[str, str, str, str] = ("", "", "", "")  # left, right, top, bottom


def thumbnails(files: Sequence[Path], size: int = 180) -> list[Picture]:
    """Return a thumbnail of each file that has one, by the header's window if it has one."""
    import pydicom

    found = []
    for path in files:
        stated = "WindowCenter" in pydicom.dcmread(path, stop_before_pixels=True, force=True)
        try:
            picture = thumbnail(path, size=size, window="header" if stated else "auto")
        except RadkitError:
            continue
        found.append(_picture(path.stem, path.name, picture))
    return found


def _picture(name: str, caption: str, array: np.ndarray) -> Picture:
    rows, cols = array.shape[:2]
    png = encode_picture(array, "png")
    return Picture(name=name, caption=caption, png=png, rows=rows, cols=cols)


def window_of(path: Path) -> Any:
    """Return the first window of a header, in values; "auto" if there is none."""
    import pydicom

    ds = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    try:
        centre, width = (np.ravel(ds[key].value)[0] for key in ("WindowCenter", "WindowWidth"))
        return (float(centre), float(width)) if float(width) > 1 else "auto"
    except (KeyError, TypeError, ValueError, IndexError):
        return "auto"


def largest_volume(files: Sequence[Path]) -> Volume | None:
    """Return the volume with the most slices among files; None if there is none of three."""
    try:
        volumes = load_volume(files, split="auto", missing="keep")
    except RadkitError:
        return None
    best = max(volumes, key=lambda volume: volume.shape[0])
    return best if best.shape[0] >= 3 else None


def planes(volume: Volume, window: Any, size: int = 420) -> list[Picture]:
    """Return the three standard planes through the centre of a volume."""
    found = []
    for name, make in PLANES.items():
        image = reformat(volume, make())
        array = image.render(window=window, size=(size, size))
        rows, cols = array.shape[:2]
        right, down = image.plane.along_row, image.plane.along_col
        sides = (
            letters(np.negative(right)),
            letters(right),
            letters(np.negative(down)),
            letters(down),
        )
        caption = f"{name}, {image.array.shape[0]} x {image.array.shape[1]} pixels of "
        caption += f"{image.spacing[0]:.3g} mm"
        png = encode_picture(array, "png")
        found.append(
            Picture(name=name, caption=caption, png=png, rows=rows, cols=cols, sides=sides)
        )
    return found
