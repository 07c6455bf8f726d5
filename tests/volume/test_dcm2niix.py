"""Geometry and values against dcm2niix, which neuroscience converts its series with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from radkit.geometry import apply
from radkit.volume import Volume, load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
PROGRAM = shutil.which("dcm2niix", path=str(Path(sys.executable).parent))

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not SHARED.exists(), reason="dcm2niix or shared/data is absent"
)


@dataclass(frozen=True)
class Nifti:
    """One NIfTI-1 file: values by (column, row, slice, time), and the sform in LPS."""

    values: np.ndarray
    affine: np.ndarray


def read_nifti(path: Path) -> Nifti:
    """Read an uncompressed little-endian NIfTI-1 file of 16 bits."""
    head = path.read_bytes()
    assert int.from_bytes(head[:4], "little") == 348
    dim = np.frombuffer(head, "<i2", 8, 40)
    kind = {4: "<i2", 512: "<u2", 16: "<f4"}[int(np.frombuffer(head, "<i2", 1, 70)[0])]
    offset, slope, intercept = np.frombuffer(head, "<f4", 3, 108).astype(float)
    affine = np.eye(4)
    affine[:3] = np.frombuffer(head, "<f4", 12, 280).reshape(3, 4)
    shape = [max(1, int(n)) for n in dim[1:5]]
    stored = np.frombuffer(head, kind, int(np.prod(shape)), int(offset))
    values = stored.reshape(shape, order="F").astype(float) * (slope or 1.0) + intercept
    return Nifti(values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def convert(name: str, tmp_path: Path, ending: str = "") -> Nifti:
    subprocess.run(
        [str(PROGRAM), "-z", "n", "-p", "n", "-f", "out", "-o", str(tmp_path), str(SHARED / name)],
        check=True,
        capture_output=True,
    )
    return read_nifti(tmp_path / f"out{ending}.nii")


# All slices, and a part of rows and columns: enough to see any shift or flip.
THIN = (slice(None), slice(None, None, 5), slice(None, None, 7))


def same_points(volume: Volume, nifti: Nifti, time: int = 0) -> np.ndarray:
    """Return dcm2niix's values at radkit's voxel centres, which must be voxel centres there."""
    index = np.indices(volume.shape)[(slice(None), *THIN)]
    inverse = np.linalg.inv(nifti.affine)
    where = apply(inverse, apply(volume.affine, index.reshape(3, -1).T))
    assert np.abs(where - np.rint(where)).max() < 1e-2  # the sform is float32
    i, j, k = np.rint(where).astype(int).T
    return nifti.values[i, j, k, time].reshape(index.shape[1:])


def thin_values(volume: Volume) -> np.ndarray:
    return volume.values("float64")[THIN]


@pytest.mark.parametrize("name", ["ct-head-1mm", "mr-t1-oblique", "mr-sag-decubitus"])
def test_plain_series_have_the_same_values_at_the_same_points(name, tmp_path):
    volume = load_volume(SHARED / name)
    theirs = same_points(volume, convert(name, tmp_path))
    assert np.abs(theirs - thin_values(volume)).max() < 1e-3


@pytest.mark.parametrize("name", ["mr-fmri-mosaic", "mr-enhanced-4d"])
def test_time_points_have_the_same_values_at_the_same_points(name, tmp_path):
    volumes = load_volume(SHARED / name, split="auto")
    nifti = convert(name, tmp_path)
    assert nifti.values.shape[3] == len(volumes) == 2
    for time, volume in enumerate(volumes):
        theirs = same_points(volume, nifti, time)
        # The words of mr-enhanced-4d that have bits beyond Bits Stored are left as they are there.
        ours = thin_values(volume)
        assert np.mean(np.abs(theirs - ours) > 1e-3) < 1e-4


def test_directions_of_diffusion_are_told_apart_as_there(tmp_path):
    volumes = load_volume(SHARED / "mr-dwi-4d", split="auto")
    nifti = convert("mr-dwi-4d", tmp_path)
    assert nifti.values.shape[3] == len(volumes) == 3
    theirs = [same_points(volumes[0], nifti, time) for time in range(3)]
    pairs = [
        [bool(np.allclose(one, thin_values(volume), atol=0.1)) for one in theirs]
        for volume in volumes
    ]
    assert np.array_equal(np.sum(pairs, axis=0), [1, 1, 1])
    assert np.array_equal(np.sum(pairs, axis=1), [1, 1, 1])
    table = (tmp_path / "out.bval").read_text().split()
    by_time = [table[row.index(True)] for row in pairs]
    assert by_time == [volume.labels["DiffusionBValue"] for volume in volumes]


def test_tilted_stack_equals_the_sheared_copy(tmp_path):
    volume = load_volume(SHARED / "ct-tilt")
    nifti = convert("ct-tilt", tmp_path, "_Tilt_1")
    assert nifti.values.shape[1] == 512 + 25  # rows are added for the shear
    difference = differences(volume, nifti)
    assert difference.size > 500_000
    assert difference.max() <= 0.52  # whole numbers there, and a sform of float32


def differences(volume: Volume, nifti: Nifti) -> np.ndarray:
    """Return how far dcm2niix's voxels are from linear interpolation at their centres.

    Only between the outermost voxel centres: there dcm2niix pads, radkit goes on for half a voxel.
    """
    index = np.indices(nifti.values.shape[:3])[:, ::7].reshape(3, -1).T
    points = apply(nifti.affine, index)
    where = apply(np.linalg.inv(volume.affine), points)
    last = np.array(volume.shape) - 1
    hull = ((where > -1e-3) & (where < last + 1e-3)).all(axis=1)
    hull &= (where[:, 1] >= 0) & (where[:, 1] <= last[1])
    found = volume.at(points[hull])
    return np.abs(found - nifti.values[::7, ..., 0].reshape(-1)[hull])
