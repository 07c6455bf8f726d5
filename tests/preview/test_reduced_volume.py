"""Planes of a volume of small resolutions lie where those of the whole one do."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import phantom

import radkit
from radkit.testing import write_series


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    array = np.zeros((24, 128, 128), np.uint16)
    z, y, x = np.mgrid[:24, :128, :128]
    for centre, radius in (((8, 40, 50), 14), ((15, 90, 70), 20)):
        apart = ((z - centre[0]) * 2.0) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        array[apart < radius**2] = 1500
    array += phantom(128, 128) // 40
    for path in sorted(write_series(None, array, slices=24).iterdir()):
        radkit.transcode(path, folder / path.name, "htj2k-lossless-rpcl")
    return radkit.load_volume(folder), radkit.load_volume(folder, reduce=2)


def centroid(image):
    """mm of the bright sphere of a plane, in the patient, weighted by what is above the ground."""
    weight = np.clip(image.array.astype(float) - 300, 0, None)
    rows, cols = np.indices(weight.shape)
    points = np.stack([rows, cols, np.ones_like(rows)]).reshape(3, -1)
    return (image.affine @ points)[:3] @ weight.ravel() / weight.sum()


@pytest.mark.parametrize(
    "plane",
    [
        radkit.Plane.coronal(),
        radkit.Plane.sagittal(),
        radkit.Plane.axial(),
        radkit.Plane.coronal().rotate(25, (0, 0, 1)),
    ],
    ids=["coronal", "sagittal", "axial", "oblique"],
)
def test_same_place(volumes, plane):
    whole, small = volumes
    assert small.shape == (24, 32, 32)
    placed = plane.resolve((whole.affine @ [15, 90, 70, 1])[:3])
    right = radkit.reformat(whole, placed)
    found = radkit.reformat(small, placed, like=right)
    assert np.allclose(found.affine, right.affine)
    apart = np.abs(centroid(found) - centroid(right)).max()
    assert apart < 0.5  # mm; a voxel of the small volume is 3 x 2 x 2
