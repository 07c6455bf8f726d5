"""Gantry tilt and uneven slices of real series against a shear written here from the headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest

from radkit.geometry import Plane
from radkit.mpr import reformat
from radkit.volume import load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
TILTED = ("ct-tilt", "ct-ge-tilt-variable")

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")


@dataclass(frozen=True)
class Headers:
    """A series as its headers place it, sorted along the normal."""

    pixels: np.ndarray
    places: np.ndarray  # Image Position (Patient)
    across: np.ndarray  # unit vectors along a row, down a column, along the normal
    down: np.ndarray
    normal: np.ndarray
    spacing: tuple[float, float]


def read(name: str) -> Headers:
    sets = [pydicom.dcmread(path) for path in (SHARED / name).iterdir()]
    cosines = np.array(sets[0].ImageOrientationPatient, float).reshape(2, 3)
    across, down = (one / np.linalg.norm(one) for one in cosines)
    normal = np.cross(across, down)
    sets.sort(key=lambda ds: float(np.array(ds.ImagePositionPatient, float) @ normal))
    return Headers(
        np.stack([ds.pixel_array for ds in sets]).astype(float),
        np.array([ds.ImagePositionPatient for ds in sets], float),
        across,
        down,
        normal,
        tuple(map(float, sets[0].PixelSpacing)),
    )


@pytest.mark.parametrize("name", TILTED)
def test_slices_lie_where_their_headers_say(name):
    volume, headers = load_volume(SHARED / name), read(name)
    middle = volume.shape[2] // 2
    mm = np.arange(-20, 280) * 0.9  # down the columns, from the first slice's first row
    for k in range(len(headers.places)):
        # The shear of slice k: how far its first row is below that of slice 0.
        shift = (headers.places[k] - headers.places[0]) @ headers.down
        rows = (mm - shift) / headers.spacing[0]
        column = headers.pixels[k, :, middle]
        inside = (rows >= 0) & (rows <= len(column) - 1)
        for neighbour in (np.floor(rows), np.ceil(rows)):  # padding is not blended with values
            there = np.clip(neighbour, 0, len(column) - 1).astype(int)
            inside &= column[there] != volume.padding
        assert inside.mean() > 0.5
        expected = np.interp(rows[inside], np.arange(len(column)), column)
        along = (headers.places[k] - headers.places[0]) @ headers.normal
        points = (
            headers.places[0]
            + headers.across * (middle * headers.spacing[1])
            + headers.down * mm[inside, None]
            + headers.normal * along
        )
        found = (volume.at(points) - volume.intercept) / volume.slope
        assert np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize("name", TILTED)
def test_sagittal_of_a_tilted_series_is_straight(name):
    volume, headers = load_volume(SHARED / name), read(name)
    middle = volume.centre[0]
    plane = reformat(volume, Plane.sagittal(middle))
    expected, sure = sagittal(headers, plane.affine, plane.array.shape, volume.padding)
    known = sure if plane.outside is None else sure & ~plane.outside
    assert known.mean() > 0.3
    assert np.abs(plane.array - expected)[known].max() <= 1


def sagittal(
    headers: Headers, affine: np.ndarray, shape: tuple[int, int], padding: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate a plane pixel by pixel: between two slices, in each where the shear puts it."""
    row, col = np.indices(shape)
    points = np.stack([row, col, np.ones(shape)], -1) @ affine[:3].T
    along = (headers.places - headers.places[0]) @ headers.normal
    aside = (headers.places - headers.places[0]) @ headers.down
    offset = points - headers.places[0]
    k = np.interp(offset @ headers.normal, along, np.arange(len(along)), -1, len(along))
    lower = np.clip(np.floor(k).astype(int), 0, len(along) - 2)
    share = k - lower
    shift = aside[lower] + share * (aside[lower + 1] - aside[lower])
    rows = (offset @ headers.down - shift) / headers.spacing[0]
    cols = offset @ headers.across / headers.spacing[1]
    inside = (k >= 0) & (k <= len(along) - 1)
    for where, last in ((rows, headers.pixels.shape[1] - 1), (cols, headers.pixels.shape[2] - 1)):
        inside &= (where >= 0) & (where <= last)
    found, sure = np.zeros(shape), inside.copy()
    for corner in np.ndindex(2, 2, 2):
        at, weight = [], np.ones(shape)
        for step, where, low, last in (
            (corner[0], k, lower, len(along) - 1),
            (corner[1], rows, np.floor(rows).astype(int), headers.pixels.shape[1] - 1),
            (corner[2], cols, np.floor(cols).astype(int), headers.pixels.shape[2] - 1),
        ):
            part = where - low
            weight = weight * (part if step else 1 - part)
            at.append(np.clip(low + step, 0, last))
        values = headers.pixels[tuple(at)]
        found += weight * values
        if padding is not None:
            sure &= values != padding
    return found, sure
