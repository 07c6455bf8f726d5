"""Planes of real series against VTK and SimpleITK, on the same grid of pixels.

Both compare in float: SimpleITK cuts off the fraction of integer results.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from radkit.geometry import Plane, Slab
from radkit.mpr import reformat, resample
from radkit.volume import load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")
SERIES = ["ct-head-1mm", "mr-t1-oblique", "mr-sag-decubitus"]
PLANES = {
    "axial": Plane.axial(),
    "coronal": Plane.coronal().shift(3.3),
    "sagittal": Plane.sagittal().shift(-7.1),
    "about one axis": Plane.coronal().rotate(23, "row"),
    "double oblique": Plane.coronal().rotate(23, "row").rotate(-31, "col").shift(2.2),
}
FILL = -5000.0


@lru_cache(maxsize=1)
def series(name):
    return load_volume(SHARED / name)


def cut(name, plane, **options):
    volume = series(name)
    made = reformat(
        volume, PLANES[plane], size=(180, 200), spacing=0.83, dtype="float32", fill=FILL, **options
    )
    return volume, made


def deep(volume, image, margin, thickness=0.0):
    """Pixels whose neighbourhood lies inside of the volume."""
    rows, cols = image.array.shape
    index = np.moveaxis(np.indices((rows, cols)), 0, -1)
    points = index @ image.affine[:3, :2].T + image.affine[:3, 2]
    found = np.ones((rows, cols), bool)
    for offset in (-thickness / 2, 0, thickness / 2):
        moved = points + offset * np.array(image.plane.normal)
        at = (moved - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
        found &= ((at >= margin) & (at <= np.array(volume.shape) - 1 - margin)).all(axis=-1)
    return found


def by_sitk(volume, image, interpolator):
    sitk = pytest.importorskip("SimpleITK")
    source = sitk.GetImageFromArray(volume.array.astype("float32"))
    source.SetOrigin(volume.origin)
    source.SetSpacing([float(side) for side in np.linalg.norm(volume.affine[:3, 2::-1], axis=0)])
    source.SetDirection(volume.direction[:, ::-1].ravel().tolist())
    rows, cols = image.array.shape
    plane = image.plane
    grid = sitk.Image(cols, rows, 1, sitk.sitkFloat32)
    grid.SetSpacing((image.spacing[1], image.spacing[0], 1.0))
    grid.SetOrigin(image.affine[:3, 2].tolist())
    grid.SetDirection(
        np.stack([plane.along_row, plane.along_col, plane.normal], 1).ravel().tolist()
    )
    made = sitk.Resample(source, grid, sitk.Transform(), getattr(sitk, interpolator), FILL)
    return sitk.GetArrayFromImage(made)[0]


def by_vtk(volume, image, mode, slab=None):
    vtk = pytest.importorskip("vtk")
    from vtk.util import numpy_support

    # VTK samples in a frame of its own: millimetres along the axes of the volume.
    sides = np.linalg.norm(volume.affine[:3, 2::-1], axis=0)
    turn = volume.direction[:, ::-1].T
    data = vtk.vtkImageData()
    data.SetDimensions(*volume.shape[2::-1])
    data.SetSpacing(*sides)
    values = numpy_support.numpy_to_vtk(volume.array.astype("float32").ravel(), deep=True)
    data.GetPointData().SetScalars(values)
    reslice = vtk.vtkImageSlabReslice() if slab else vtk.vtkImageReslice()
    reslice.SetInputData(data)
    reslice.SetOutputDimensionality(2)
    getattr(reslice, f"SetInterpolationModeTo{mode}")()
    reslice.SetBackgroundLevel(FILL)
    if slab:
        reslice.SetSlabThickness(slab.mm)
        reslice.SetSlabResolution(slab.step_mm)
        getattr(reslice, f"SetBlendModeTo{slab.project.title()}")()
    matrix = vtk.vtkMatrix4x4()
    origin = turn @ (image.affine[:3, 2] - volume.affine[:3, 3])
    axes = [image.plane.along_row, image.plane.along_col, image.plane.normal]
    for k, column in enumerate([*(turn @ np.array(axis) for axis in axes), origin]):
        for i in range(3):
            matrix.SetElement(i, k, column[i])
    reslice.SetResliceAxes(matrix)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(image.spacing[1], image.spacing[0], 1)
    rows, cols = image.array.shape
    reslice.SetOutputExtent(0, cols - 1, 0, rows - 1, 0, 0)
    reslice.Update()
    found = reslice.GetOutput().GetPointData().GetScalars()
    return numpy_support.vtk_to_numpy(found).reshape(rows, cols)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("plane", PLANES)
def test_linear_equals_both(name, plane):
    volume, image = cut(name, plane)
    span = float(np.ptp(volume.array))
    for other in (by_sitk(volume, image, "sitkLinear"), by_vtk(volume, image, "Linear")):
        assert np.abs(image.array - other)[deep(volume, image, 0.0)].max() < 2e-5 * span
        # In the half voxel of the rim too, but for pixels on its very border.
        assert (np.abs(image.array - other) > 2e-5 * span).mean() < 2e-3
    whole = reformat(volume, PLANES[plane], like=image, fill=0)
    inside = deep(volume, image, 0.0)
    assert np.abs(whole.array.astype(float) - image.array)[inside].max() < 1.001


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("plane", PLANES)
def test_nearest_equals_both_but_at_ties(name, plane):
    volume, image = cut(name, plane, interpolation="nearest")
    inside = deep(volume, image, 0.0)
    others = [
        by_sitk(volume, image, "sitkNearestNeighbor"),
        by_vtk(volume, image, "NearestNeighbor"),
    ]
    apart = [(image.array != other)[inside].mean() for other in others]
    # A plane exactly between two slices is one tie: then each has its own rule.
    at = (np.array(image.plane.centre) - volume.affine[:3, 3]) @ np.linalg.inv(
        volume.affine[:3, :3]
    ).T
    tie = plane == "axial" and np.abs(at % 1 - 0.5).min() < 1e-3
    assert tie or max(apart) < 2e-3


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("plane", PLANES)
def test_cubic_equals_vtk(name, plane):
    volume, image = cut(name, plane, interpolation="cubic")
    span = float(np.ptp(volume.array))
    inside = deep(volume, image, 2.0)
    assert inside.sum() > 500
    assert np.abs(image.array - by_vtk(volume, image, "Cubic"))[inside].max() < 1e-4 * span


@pytest.mark.parametrize("project", ["max", "min", "mean"])
@pytest.mark.parametrize("plane", PLANES)
def test_slab_equals_vtk(plane, project):
    slab = Slab(mm=8.0, project=project, step_mm=0.4)
    volume, image = cut("ct-head-1mm", plane, slab=slab)
    inside = deep(volume, image, 0.0, 8.0)
    assert inside.sum() > 500
    if "oblique" in plane or "about" in plane:
        other = by_vtk(volume, image, "Linear", slab)
    else:
        # VTK's slabs along an axis differ from its own thin planes (by 119 of 1849 units here).
        reduce = {"max": np.max, "min": np.min, "mean": np.mean}[project]
        thin = [by_vtk(volume, cut_at(image.plane.shift(mm)), "Linear") for mm in slab.offsets(1.0)]
        other = reduce(thin, axis=0)
    assert np.abs(image.array - other)[inside].max() < 1e-4 * float(np.ptp(volume.array))


def cut_at(plane):
    return reformat(series("ct-head-1mm"), plane, size=(180, 200), spacing=0.83, dtype="float32")


def test_whole_volume_equals_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    volume = series("mr-t1-oblique")
    made = resample(volume, spacing=1.1, fill=0)
    source = sitk.Cast(volume.to_sitk(), sitk.sitkFloat32)
    other = sitk.Resample(source, made.to_sitk(), sitk.Transform(), sitk.sitkLinear, 0.0)
    apart = np.abs(made.array - sitk.GetArrayFromImage(other))
    # Integers are made by fixed-point arithmetic: within one unit, most within a half.
    assert apart.max() < 1.001 and (apart > 0.502).mean() < 0.05


def test_one_mri_upon_another_equals_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    over = series("mr-sag-decubitus")
    base = over.crop((2, 9, 30, 200, 40, 220))
    made = resample(over, like=base)
    assert np.array_equal(made.array, base.array)
    source = sitk.Cast(over.to_sitk(), sitk.sitkFloat32)
    moved = sitk.Resample(source, base.to_sitk(), sitk.Transform(), sitk.sitkLinear, 0.0)
    assert np.allclose(sitk.GetArrayFromImage(moved), made.array, atol=1e-2)
