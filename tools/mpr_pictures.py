"""Makes the pictures of docs/mpr.md out of a series of a head phantom.

Usage: python tools/mpr_pictures.py SERIES (shared/data/ct-head-1mm)
"""

from __future__ import annotations

import sys
from pathlib import Path

import imagecodecs
import numpy as np

import radkit
from radkit.geometry import apply

OUT = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Make all pictures."""
    ct = radkit.load_volume(sys.argv[1])
    slab = radkit.reformat(ct, radkit.Plane.coronal(), slab=radkit.Slab(mm=40), spacing=0.6)
    save("mip-slab.png", slab.render(window="bone"))

    base = radkit.reformat(ct, radkit.Plane.axial(), spacing=0.6)
    pet = radkit.resample(spots(ct), like=ct)
    over = radkit.reformat(pet, base.plane, like=base)
    save("fusion.png", radkit.overlay(base, over, limits=(1, 8), alpha=0.6, window=(300, 2600)))

    curved = radkit.curved_reformat(
        ct,
        skull(ct),
        width_mm=40,
        angle_deg=90,
        slab=radkit.Slab(mm=4, project="mean"),
        step_mm=0.6,
    )
    save("curved.png", np.rot90(curved.render(window=(500, 3000))))


def spots(ct: radkit.Volume) -> radkit.Volume:
    """Two warm spots on a coarse grid, as PET has them; values like SUV."""
    middle = np.array(ct.centre)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])[:, [2, 1, 0, 3]]
    affine[:3, 3] = middle - [124, 124, 28]
    points = apply(affine, np.moveaxis(np.indices((15, 63, 63)), 0, -1))
    value = sum(
        height * np.exp(-(((points - middle - place) / size) ** 2).sum(axis=-1) / 2)
        for height, place, size in ((8.0, (-25, -5, 0), 9.0), (5.0, (22, 28, 2), 14.0))
    )
    return radkit.Volume((value * 1000).astype("int16"), affine, slope=0.001, units="{SUVbw}g/ml")


def skull(ct: radkit.Volume) -> np.ndarray:
    """Points of the bone around the head, from one ear around the back to the other."""
    middle = np.array(ct.centre) + np.array([0, 8, 0])
    found = []
    for angle in np.radians(np.arange(-20, 201, 10)):
        direction = np.array([np.cos(angle), np.sin(angle), 0])
        along = np.arange(40, 105, 0.25)
        values = ct.at(middle + along[:, None] * direction)
        bone = along[values > 700]
        if len(bone):
            found.append(middle + bone.mean() * direction)
    return np.array(found)


def save(name: str, picture: np.ndarray) -> None:
    """Write a picture and tell its size."""
    (OUT / name).write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=9))
    print(name, picture.shape, (OUT / name).stat().st_size)


if __name__ == "__main__":
    main()
