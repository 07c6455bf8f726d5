"""Planes, slabs, stacks, whole volumes and rotating projections, against VTK and SimpleITK."""

from __future__ import annotations

import functools
import time

import numpy as np
import pytest

from benchmarks import data, rivals, volumes
from benchmarks.harness import Side

SIZE = (volumes.SIDE, volumes.SIDE)


def faster(cuts, items):
    """Return the peer that takes less time for these planes."""
    seconds = {}
    for name, call in cuts.items():
        call(items[0])  # first call
        start = time.perf_counter()
        for item in items[:3]:
            call(item)
        seconds[name] = time.perf_counter() - start
    name = min(seconds, key=seconds.get)
    distribution = {"VTK": "vtk", "SimpleITK": "SimpleITK"}[name]
    return Side(
        name=name,
        version=rivals.version(distribution),
        call=cuts[name],
        items=[(item,) for item in items],
    )


def own_cut(**options):
    import radkit

    volume = volumes.volume()

    def cut(plane):
        return radkit.reformat(
            volume, plane, spacing=volumes.PIXEL, size=SIZE, fill=volumes.FILL, **options
        ).array

    return cut


# row: kind of plane, interpolation, how many planes a pass has
PLANES = {
    "mpr-linear-parallel": ("parallel", "linear", 40),
    "mpr-linear-radial": ("radial", "linear", 20),
    "mpr-linear-oblique": ("oblique", "linear", 20),
    "mpr-linear-sagittal": ("near", "linear", 20),
    "mpr-nearest-parallel": ("parallel", "nearest", 40),
    "mpr-nearest-oblique": ("oblique", "nearest", 20),
    "mpr-nearest-sagittal": ("near", "nearest", 20),
    "mpr-cubic-parallel": ("parallel", "cubic", 16),
    "mpr-cubic-oblique": ("oblique", "cubic", 12),
    "mpr-cubic-sagittal": ("near", "cubic", 12),
    "mpr-coronal": ("coronal", "linear", 30),
    "mpr-sagittal": ("sagittal", "linear", 30),
}


# In the half voxel at the border VTK's cubic does not stay at the outermost voxels.
STRAY = {"cubic": 1e-3}


@pytest.mark.parametrize("row", PLANES)
def test_plane(versus, row):
    kind, interpolation, count = PLANES[row]
    # Coronal and sagittal planes lie on voxels, as those that radkit makes without `size`.
    step = 7.3 if kind not in ("coronal", "sagittal") else 7.0
    planes = volumes.planes(kind, count, step)
    if kind in ("coronal", "sagittal"):
        planes = [plane.shift(0.35) for plane in planes]
    cuts = {"VTK": volumes.vtk_cut(interpolation)}
    if interpolation != "cubic":
        cuts["SimpleITK"] = volumes.sitk_cut(interpolation)
    versus(
        row,
        name=data.label(row, "ct"),
        peer=faster(cuts, planes),
        own=Side(
            name="radkit",
            call=own_cut(interpolation=interpolation),
            items=[(plane,) for plane in planes],
        ),
        frames=len(planes),
        bytes_in=volumes.volume().array.nbytes,
        bytes_out=2 * volumes.SIDE**2,
        # In the half voxel at the border VTK's cubic goes on with the outermost voxels.
        check=functools.partial(
            volumes.within_one, stray=1e-3 if interpolation == "cubic" else 1e-4
        ),
    )


# row: kind of plane, projection
SLABS = {
    "mpr-slab-parallel-max": ("parallel", "max"),
    "mpr-slab-parallel-mean": ("parallel", "mean"),
    "mpr-slab-oblique-max": ("oblique", "max"),
    "mpr-slab-oblique-mean": ("oblique", "mean"),
}


@pytest.mark.parametrize("row", SLABS)
def test_slab(versus, row):
    import radkit

    kind, project = SLABS[row]
    planes = volumes.planes(kind, 3, 17.3)
    slab = radkit.Slab(mm=10, project=project, step_mm=0.5)
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="VTK slab reslice",
            version=rivals.version("vtk"),
            call=volumes.vtk_cut("linear", (10.0, 0.5, project.capitalize())),
            items=[(plane,) for plane in planes],
        ),
        own=Side(name="radkit", call=own_cut(slab=slab), items=[(plane,) for plane in planes]),
        frames=len(planes),
        bytes_in=volumes.volume().array.nbytes,
        bytes_out=2 * volumes.SIDE**2,
        check=volumes.within_one,
    )


# row: kind of plane, planes, their distance
STACKS = {
    "mpr-stack-parallel": ("parallel", 48, 1.0),
    "mpr-stack-oblique": ("oblique", 48, 1.0),
    "mpr-stack-sagittal": ("near", 48, 1.0),
    "mpr-coronals": ("coronal", 512, 0.7),
    "mpr-sagittals": ("sagittal", 512, 0.7),
}


@pytest.mark.parametrize("row", STACKS)
def test_stack(versus, row):
    import radkit

    kind, count, step = STACKS[row]
    planes = volumes.planes(kind, count, step)
    cuts = {"VTK": volumes.vtk_cut(), "SimpleITK": volumes.sitk_cut()}
    one = faster(cuts, planes[:: count // 4])

    # Of so many planes no array is warm of itself: both sides write into one of the caller.
    theirs, ours = np.zeros((2, count, *SIZE), np.int16)

    def all_of_peer():
        for plane, place in zip(planes, theirs, strict=True):
            place[...] = one.call(plane)
        return theirs

    def all_of_own():
        return radkit.reformat_stack(
            volumes.volume(),
            planes[0],
            count=count,
            step_mm=step,
            spacing=volumes.PIXEL,
            size=SIZE,
            fill=volumes.FILL,
            out=ours,
        ).array

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name=one.name, version=one.version, call=all_of_peer, items=[()]),
        own=Side(name="radkit", call=all_of_own, items=[()]),
        frames=count,
        bytes_in=volumes.volume().array.nbytes,
        bytes_out=2 * count * volumes.SIDE**2,
        check=volumes.within_one,
    )


@pytest.mark.parametrize("row", ["mpr-resample-iso"])
def test_resample(versus, row):
    import radkit

    wanted = radkit.resample(volumes.volume(), spacing=1.0, fill=volumes.FILL)
    reslice = volumes.vtk_reslice("linear", None)
    reslice.SetOutputDimensionality(3)
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.SetOutputOrigin(*wanted.origin)
    reslice.SetOutputExtent(*(v for n in wanted.shape[::-1] for v in (0, n - 1)))

    own_memory = np.empty_like(wanted.array)  # VTK writes where it wrote before, too

    def by_vtk():
        from vtkmodules.util import numpy_support

        reslice.Modified()
        reslice.Update()
        found = reslice.GetOutput().GetPointData().GetScalars()
        return numpy_support.vtk_to_numpy(found).reshape(wanted.shape)

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name="VTK image reslice", version=rivals.version("vtk"), call=by_vtk, items=[()]),
        own=Side(
            name="radkit",
            call=lambda: (
                radkit.resample(
                    volumes.volume(), spacing=1.0, fill=volumes.FILL, out=own_memory
                ).array
            ),
            items=[()],
        ),
        frames=1,
        bytes_in=volumes.volume().array.nbytes,
        bytes_out=wanted.array.nbytes,
        check=volumes.within_one,
    )


# row: views of a pass of radkit, axis. VTK makes one view: it takes some seconds.
VIEWS = {"mpr-rotating-mip": (36, "head-foot"), "mpr-rotating-mip-any": (1, (0.3, 0.5, 1.0))}


@pytest.mark.parametrize("row", VIEWS)
def test_rotating(versus, row):
    import radkit

    count, axis = VIEWS[row]
    angles = [10.0 * k + 25 for k in range(count)]
    size, pixel = (256, 256), 2.0

    def by_radkit():
        return radkit.project(
            volumes.volume(), angles_deg=angles, axis=axis, size=size, spacing=pixel
        )

    first = by_radkit()[0]
    thick = radkit.Slab(mm=thickness()).offsets(min(volumes.SPACING))
    cut = volumes.vtk_cut("linear", (thickness(), thick[1] - thick[0], "Max"), size, pixel)
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="VTK slab reslice",
            version=rivals.version("vtk"),
            call=cut,
            items=[(first.plane,)],
        ),
        own=Side(name="radkit", call=lambda: by_radkit().array[0], items=[()]),
        frames=1,
        own_frames=count,
        bytes_in=volumes.volume().array.nbytes,
        bytes_out=2 * size[0] * size[1],
        check=volumes.within_one,
        samples=len(thick),
    )


def thickness():
    """Return the slab that holds the volume from each side, as `radkit.project` has it."""
    return float(np.linalg.norm(np.multiply(volumes.SHAPE, volumes.SPACING)))
