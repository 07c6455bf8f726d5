"""The volume of the MPR rows, its planes, and the peers' calls on the same grids.

v1  512 x 512 x 400 int16, 0.7 x 0.7 x 1.25 mm: the 40 slices of data/ct-head-1mm in HU, stretched
    to 400 by linear interpolation, plus noise of sigma 12 (seed 1), clipped to -1024 ... 3071, so
    that no slice is like another. Where the series is absent, phantoms take its place.

Each pass of a row walks through planes 7.3 mm apart, so that none is warm. VTK and SimpleITK have
one thread; VTK reads the array as it is, and its objects are made once, before timing.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

from benchmarks import data

__all__ = ["FILL", "SIDE", "directions", "planes", "sitk_cut", "volume", "vtk_cut", "within_one"]

Array = np.ndarray[Any, Any]

SHAPE, SPACING = (400, 512, 512), (1.25, 0.7, 0.7)  # slices, rows, columns
SIDE, PIXEL, FILL = 512, 0.7, -1024
SEED = 1


def made() -> Array:
    """Make v1."""
    frames = data.ct_frames()
    if data.real("ct"):
        import pydicom

        files = sorted((data.SHARED / "ct-head-1mm").glob("*.dcm"))
        read = sorted((pydicom.dcmread(f) for f in files), key=lambda d: d.ImagePositionPatient[2])
        frames = tuple(d.pixel_array * d.RescaleSlope + d.RescaleIntercept for d in read)
    else:
        frames = tuple(frame.astype(float) - 1024 for frame in frames)
    rng = np.random.default_rng(SEED)
    array = np.empty(SHAPE, np.int16)
    for k, at in enumerate(np.linspace(0, len(frames) - 1, SHAPE[0])):
        low = min(int(at), len(frames) - 2)
        slab = frames[low] + (frames[low + 1] - frames[low]) * (at - low)
        noisy = slab + 12 * rng.standard_normal(SHAPE[1:], np.float32)
        array[k] = np.clip(np.rint(noisy), -1024, 3071)
    return array


@functools.cache
def volume() -> Any:
    """Return v1 as a `Volume`; its array is kept between runs."""
    from radkit.volume import Volume

    kept = data.CACHE / f"v1-{'real' if data.real('ct') else 'stand-in'}.npy"
    if not kept.exists():
        data.CACHE.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(part, made())
        part.replace(kept)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *SPACING, 1
    return Volume.from_array(np.load(kept), affine)


def turned(axis: str, degrees: float) -> Array:
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    return np.array(
        {
            "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }[axis]
    )


def directions(kind: str) -> Array:
    """Return unit vectors along rows, along columns and into the plane, as columns."""
    coronal = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)
    sagittal = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)
    return {
        "parallel": turned("x", 20),
        "oblique": turned("y", 25) @ turned("x", 35),
        "near": turned("z", 10) @ turned("y", 12) @ sagittal,
        "radial": turned("z", 30) @ coronal,
        "coronal": coronal,
        "sagittal": sagittal,
    }[kind]


def planes(kind: str, count: int, step: float = 7.3) -> list[Any]:
    """Return `count` planes of a kind around the centre, `step` mm apart."""
    from radkit.geometry import Plane

    along = directions(kind)
    first = np.array(volume().centre) - along[:, 2] * step * (count - 1) / 2
    return [
        Plane.oblique(tuple(first + along[:, 2] * step * k), tuple(along[:, 0]), tuple(along[:, 1]))
        for k in range(count)
    ]


def corner(plane: Any, size: tuple[int, int], pixel: float) -> Array:
    """Return the centre of pixel (0, 0) of a plane with that many rows and columns."""
    right, down = np.array(plane.along_row), np.array(plane.along_col)
    return np.array(plane.centre) - pixel * (right * (size[1] - 1) + down * (size[0] - 1)) / 2


@functools.cache
def vtk_image() -> Any:
    from vtkmodules.util import numpy_support
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(*SHAPE[::-1])
    image.SetSpacing(*SPACING[::-1])
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(volume().array.reshape(-1)))
    return image


def vtk_reslice(interpolation: str, slab: tuple[float, float, str] | None) -> Any:
    """Return the filter; `slab`: thickness, distance of samples, blend mode."""
    from vtkmodules.vtkImagingCore import vtkImageReslice
    from vtkmodules.vtkImagingGeneral import vtkImageSlabReslice

    reslice = vtkImageReslice() if slab is None else vtkImageSlabReslice()
    reslice.SetInputData(vtk_image())
    reslice.SetOutputDimensionality(2)
    words = {"linear": "Linear", "nearest": "NearestNeighbor", "cubic": "Cubic"}
    getattr(reslice, f"SetInterpolationModeTo{words[interpolation]}")()
    reslice.SetNumberOfThreads(1)
    reslice.SetEnableSMP(False)
    reslice.SetBackgroundLevel(FILL)
    if slab is not None:
        reslice.SetSlabThickness(slab[0])
        reslice.SetSlabResolution(slab[1])
        getattr(reslice, f"SetBlendModeTo{slab[2]}")()
    return reslice


def vtk_cut(
    interpolation: str = "linear",
    slab: tuple[float, float, str] | None = None,
    size: tuple[int, int] = (SIDE, SIDE),
    pixel: float = PIXEL,
) -> Any:
    """Return a function of a plane."""
    from vtkmodules.util import numpy_support
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    reslice = vtk_reslice(interpolation, slab)
    reslice.SetOutputSpacing(pixel, pixel, 1)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputExtent(0, size[1] - 1, 0, size[0] - 1, 0, 0)

    def cut(plane: Any) -> Array:
        axes = vtkMatrix4x4()
        place = (plane.along_row, plane.along_col, plane.normal, corner(plane, size, pixel))
        for col, vector in enumerate(place):
            for row in range(3):
                axes.SetElement(row, col, vector[row])
        reslice.SetResliceAxes(axes)
        reslice.Update()
        found = reslice.GetOutput().GetPointData().GetScalars()
        return numpy_support.vtk_to_numpy(found).reshape(size)

    return cut


@functools.cache
def sitk_image() -> Any:
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    image = SimpleITK.GetImageFromArray(volume().array)
    image.SetSpacing(SPACING[::-1])
    return image


def sitk_cut(interpolation: str = "linear", size: tuple[int, int] = (SIDE, SIDE)) -> Any:
    """Return a function of a plane; results are not rounded but cut off."""
    import SimpleITK

    kinds = {"linear": SimpleITK.sitkLinear, "nearest": SimpleITK.sitkNearestNeighbor}
    sampler = SimpleITK.ResampleImageFilter()
    sampler.SetNumberOfThreads(1)
    sampler.SetInterpolator(kinds[interpolation])
    sampler.SetDefaultPixelValue(FILL)
    sampler.SetSize((size[1], size[0], 1))
    sampler.SetOutputSpacing((PIXEL, PIXEL, 1.0))

    def cut(plane: Any) -> Array:
        axes = np.stack([plane.along_row, plane.along_col, plane.normal], axis=1)
        sampler.SetOutputDirection(tuple(axes.ravel()))
        sampler.SetOutputOrigin(tuple(corner(plane, size, PIXEL)))
        return SimpleITK.GetArrayViewFromImage(sampler.Execute(sitk_image()))[0].copy()

    return cut


def within_one(peer: list[Any], own: list[Any], *, most: int = 1, stray: float = 1e-4) -> None:
    """Raise unless results agree to `most` units, but for a share of `stray` of the pixels.

    Pixels on the border of the volume, or half-way between two voxels, may be decided
    otherwise by the other side; there are few of them.
    """
    if len(peer) != len(own) or not own:
        raise AssertionError(f"{len(peer)} results of the peer, {len(own)} of radkit")
    for i, (a, b) in enumerate(zip(peer, own, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise AssertionError(f"result {i}: {a.dtype} {a.shape} and {b.dtype} {b.shape}")
        apart = np.abs(a.astype(np.int32) - b)
        wrong = np.count_nonzero(apart > most)
        if wrong > stray * a.size or not (b != FILL).any():
            raise AssertionError(f"result {i}: {wrong} of {a.size} differ, by up to {apart.max()}")
