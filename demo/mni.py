"""A real head without a download by hand: the MNI152 T1 average of the nilearn package.

The volume (ICBM 2009a nonlinear symmetric, McConnell Brain Imaging Centre; free to
use and copy with its notice) is an average of 152 healthy heads, so it is nobody's
data. nilearn carries it inside its wheel; the wheel is fetched by pip as a file and
only this member is read. It is written as a DICOM MR series of 189 slices.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

NILEARN = "nilearn==0.14.1"
MEMBER = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
NIFTI_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
MOST_VOXELS = 1 << 28


class Unavailable(Exception):
    """The volume cannot be had: no network, or a wheel without it."""


def nifti_of_nilearn(cache: Path) -> bytes:
    """Return the packed NIfTI file, out of the cache or of a wheel that pip fetches."""
    kept = cache / Path(MEMBER).name
    if kept.is_file():
        return kept.read_bytes()
    cache.mkdir(parents=True, exist_ok=True)
    wheels = sorted(cache.glob("nilearn-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--retries", "1"]
        command += ["--dest", str(cache), NILEARN]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"pip could not be run: {type(error).__name__}") from error
        wheels = sorted(cache.glob("nilearn-*.whl"))
        if done.returncode or not wheels:
            raise Unavailable("pip could not fetch the nilearn wheel")
    try:
        with zipfile.ZipFile(wheels[-1]) as wheel:
            data = wheel.read(MEMBER)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise Unavailable("the nilearn wheel is broken or does not hold the volume") from error
    kept.write_bytes(data)
    return data


def read_nifti(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI-1 file: the array (k, j, i) and the affine (i, j, k, 1) -> RAS mm.

    Only what this demonstration needs: one volume, little-endian, a stated sform.
    """
    try:
        data = gzip.decompress(packed)
    except (OSError, EOFError) as error:
        raise Unavailable("the volume is not packed as expected") from error
    if len(data) < 352 or data[344:348] != b"n+1\0" or data[:4] != b"\x5c\x01\0\0":
        raise Unavailable("the volume is not little-endian NIfTI-1")
    dims = [int(n) for n in np.frombuffer(data, "<i2", 8, 40)]
    sides = dims[1:4]
    kind = NIFTI_TYPES.get(int(np.frombuffer(data, "<i2", 1, 70)[0]))
    offset = int(np.frombuffer(data, "<f4", 1, 108)[0])
    sform = int(np.frombuffer(data, "<i2", 1, 254)[0])
    if kind is None or min(sides) < 1 or sform < 1 or np.prod(sides, dtype=float) > MOST_VOXELS:
        raise Unavailable("the volume has a form this demonstration does not read")
    count = int(np.prod(sides))
    if not 352 <= offset <= len(data) - count * np.dtype(kind).itemsize:
        raise Unavailable("the volume is cut short")
    array = np.frombuffer(data, np.dtype(kind).newbyteorder("<"), count, offset)
    affine = np.eye(4)
    affine[:3] = np.frombuffer(data, "<f4", 12, 280).reshape(3, 4)
    return array.reshape(sides[::-1]), affine


def to_axial_lps(
    array: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Turn a NIfTI array along the patient's axes into axial slices as DICOM has them.

    Columns grow to the left, rows to the back, slices to the head. Returns the
    array (slice, row, column), the LPS point of voxel (0, 0, 0), and the distances
    of slices, rows and columns in mm.
    """
    axes = affine[:3, :3]
    if not np.array_equal(axes, np.diag(np.diag(axes))) or not np.diag(axes).all():
        raise Unavailable("the axes of the volume are not those of the patient, in order")
    origin = np.diag([-1.0, -1.0, 1.0]) @ affine[:3, 3]  # RAS to LPS
    steps = np.array([-1.0, -1.0, 1.0]) * np.diag(axes)
    for axis in range(3):
        if steps[axis] < 0:
            count = array.shape[2 - axis]
            array = np.flip(array, 2 - axis)
            origin[axis] += steps[axis] * (count - 1)
            steps[axis] = -steps[axis]
    return np.ascontiguousarray(array), origin, (steps[2], steps[1], steps[0])


def write_mni(folder: Path, cache: Path, *, slices: slice = slice(None)) -> Path:
    """Write the volume as a DICOM MR series and return its folder."""
    from radkit.testing import write_series

    array, origin, (depth, tall, wide) = to_axial_lps(*read_nifti(nifti_of_nilearn(cache)))
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 4095:
        raise Unavailable("the values of the volume do not fit into 12 bits")
    positions = origin + np.arange(len(array))[:, None] * np.array([0.0, 0.0, depth])
    return write_series(
        folder,
        array[slices].astype(np.uint16),
        positions=positions[slices].tolist(),
        spacing=(tall, wide),
        seed="MNI152 T1 2009a",
        edit=_describe(depth),
    )


def _describe(depth: float) -> Callable[[int, Any], None]:
    def edit(k: int, ds: Any) -> None:
        ds.PatientName = "MNI152^Average"
        ds.PatientID = "MNI152"
        ds.Manufacturer = "McConnell Brain Imaging Centre, Montreal Neurological Institute"
        ds.SeriesDescription = "ICBM 152 nonlinear 2009a symmetric, T1"
        ds.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
        ds.BodyPartExamined = "HEAD"
        ds.BitsStored, ds.HighBit = 12, 11
        ds.WindowCenter, ds.WindowWidth = 128, 256
        ds.SliceThickness = ds.SpacingBetweenSlices = depth

    return edit
