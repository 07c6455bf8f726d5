"""From files to a volume: a series into one array with geometry, the first slice of a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side, ratio_of, single_core
from benchmarks.rows import ROWS

SERIES = data.SHARED / "ct-head-1mm"
SLICES = 1000

pytestmark = pytest.mark.skipif(not SERIES.exists(), reason="shared/data is absent")


def by_radkit(folder):
    import radkit

    return radkit.load_volume(folder, threads=1)


def by_sitk(folder):
    """Read as SimpleITK's own examples do: find the files, sort them, read."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def by_vtk(folder):
    """Read by the reader that VTK has: no orientation, no shear, few transfer syntaxes."""
    from vtkmodules.vtkIOImage import vtkDICOMImageReader

    reader = vtkDICOMImageReader()
    reader.SetDirectoryName(str(folder))
    reader.Update()
    return reader.GetOutput()


def equal_to_sitk(theirs, ours) -> None:
    import SimpleITK as sitk

    image, volume = theirs[0], ours[0]
    values = volume.array * volume.slope + volume.intercept
    assert np.array_equal(sitk.GetArrayViewFromImage(image), values)
    assert np.allclose(image.GetOrigin(), volume.origin)
    assert np.allclose(image.GetSpacing()[::-1], volume.spacing)


def equal_to_vtk(theirs, ours) -> None:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    image, volume = theirs[0], ours[0]
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(volume.shape)
    values = volume.array * volume.slope + volume.intercept
    # Rows run upwards there; and the slices, too, may be turned round.
    assert any(np.array_equal(array[::turn, ::-1], values) for turn in (1, -1))


def thousand() -> str:
    """Write a series of 1000 slices of 512 x 512, copies of one but for place and UID."""
    folder = data.work_dir() / "thousand"
    if folder.exists():
        return str(folder)
    folder.mkdir()
    import io

    import pydicom

    ds = pydicom.dcmread(sorted(SERIES.iterdir())[20])
    ds.ImagePositionPatient = ["-115.5", "-1.85", "1234.5678"]
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.7654321"
    written = io.BytesIO()
    ds.save_as(written)
    one = written.getvalue()
    for k in range(SLICES):
        z, uid = b"%09.4f" % (k * 0.5), b".%07d" % (k + 1_000_000)
        (folder / f"{k:04d}.dcm").write_bytes(
            one.replace(b"1234.5678", z).replace(b".7654321", uid)
        )
    return str(folder)


@pytest.mark.parametrize("row", ["mpr-load", "mpr-load-vtk", "mpr-load-1000"])
def test_load(versus, row):
    folder = thousand() if row == "mpr-load-1000" else str(SERIES)
    peer, check = (by_vtk, equal_to_vtk) if row == "mpr-load-vtk" else (by_sitk, equal_to_sitk)
    name = {by_sitk: ("SimpleITK", "ImageSeriesReader"), by_vtk: ("vtk", "vtkDICOMImageReader")}
    distribution, call = name[peer]
    version = rivals.version(distribution)
    volume = by_radkit(folder)
    frames, size = len(volume.array), volume.array.nbytes
    del volume
    versus(
        row,
        peer=Side(name=f"{distribution} {call}", version=version, call=peer, items=[(folder,)]),
        own=Side(name="radkit", call=by_radkit, items=[(folder,)]),
        frames=frames,
        bytes_in=sum(entry.stat().st_size for entry in os.scandir(folder)),
        bytes_out=size,
        check=check,
    )


LOADED = "import radkit; volume = radkit.load_volume({folder!r}, threads=1)"
SLICED = LOADED + (
    "; plane = radkit.Plane.oblique(volume.centre, (0.8, 0.6, 0), (0, 0, -1))"
    "; image = radkit.reformat(volume, plane, size=(512, 512))"
)
SITK = """
import SimpleITK as sitk
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
reader = sitk.ImageSeriesReader()
reader.SetFileNames(reader.GetGDCMSeriesFileNames({folder!r}))
image = reader.Execute()
size = [n // 2 for n in image.GetSize()]
grid = sitk.Image(512, 512, 1, sitk.sitkInt16)
grid.SetSpacing((0.45, 0.45, 0.45))
grid.SetDirection((0.8, 0, 0.6, 0.6, 0, -0.8, 0, -1, 0))
grid.SetOrigin([c - 115 * d for c, d in zip(
    image.TransformIndexToPhysicalPoint(size), (0.8, 0.6, -1))])
plane = sitk.GetArrayFromImage(sitk.Resample(image, grid))
"""
FIRST = {
    # row: what the peer's process runs, its name
    "mpr-first": (LOADED, "import radkit, load the volume, no slice"),
    "mpr-first-sitk": (SITK, "SimpleITK ImageSeriesReader, Resample"),
}


def seconds_of(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("row", FIRST)
def test_first_slice(benchmark, plan, row):
    code, name = FIRST[row]
    theirs, ours = [], []
    folder = str(SERIES)

    def peer_first():
        theirs.append(seconds_of(code.format(folder=folder)))

    def then_radkit():
        ours.append(seconds_of(SLICED.format(folder=folder)))

    with single_core():
        benchmark.pedantic(then_radkit, setup=peer_first, rounds=plan.rounds + 1)
    if len(ours) > 1:
        del theirs[0], ours[0]
    benchmark.extra_info.update(
        row=row,
        work=ROWS[row].work,
        target=ROWS[row].target,
        peer=name,
        peer_version=rivals.version("SimpleITK") if row == "mpr-first-sitk" else "",
        frames=1,
        bytes_in=0,
        bytes_out=0,
        **ratio_of(theirs, ours, 1, 1).info(),
    )
