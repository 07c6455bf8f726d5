from __future__ import annotations

import gzip
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from radkit.testing import sample, write_series

ROOT = Path(__file__).parents[2]


def demo_module(name):
    spec = importlib.util.spec_from_file_location(f"radkit_demo_{name}", ROOT / f"demo/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nifti(array, affine, kind=2):
    """Pack a NIfTI-1 file: array (k, j, i)."""
    head = bytearray(352)
    head[0:4] = (348).to_bytes(4, "little")
    head[40:56] = np.array([3, *array.shape[::-1], 1, 1, 1, 1], "<i2").tobytes()
    head[70:74] = np.array([kind, 8 * array.dtype.itemsize], "<i2").tobytes()
    head[108:112] = np.array([352], "<f4").tobytes()
    head[252:256] = np.array([0, 2], "<i2").tobytes()
    head[280:328] = np.asarray(affine[:3], "<f4").tobytes()
    head[344:348] = b"n+1\0"
    return gzip.compress(bytes(head) + array.tobytes())


def test_ras_becomes_lps_with_every_voxel_in_its_place():
    mni = demo_module("mni")
    array = np.arange(3 * 4 * 5, dtype="u1").reshape(3, 4, 5)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-98, -134, -72)
    read, stated = mni.read_nifti(nifti(array, affine))
    turned, origin, steps = mni.to_axial_lps(read, stated)
    assert np.array_equal(read, array)
    for k, j, i in np.ndindex(array.shape):
        ras = affine @ [i, j, k, 1]
        lps = ras[:3] * (-1, -1, 1)
        index = (lps - origin) / steps[::-1]
        x, y, z = np.rint(index).astype(int)
        assert np.allclose(index, (x, y, z))
        assert turned[z, y, x] == array[k, j, i]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        gzip.compress(b"short"),
        gzip.compress(bytes(400)),
        nifti(np.zeros((2, 2, 2), "u1"), np.eye(4), kind=128),
        nifti(np.zeros((2, 2, 2), "u1"), np.eye(4))[:-20],
        nifti(np.zeros((2, 2, 2), "u1"), np.eye(4), kind=16),
    ],
)
def test_volume_of_another_form_is_unavailable(data):
    mni = demo_module("mni")
    with pytest.raises(mni.Unavailable):
        mni.read_nifti(data)


def test_pip_that_fails_is_unavailable(tmp_path, monkeypatch):
    mni = demo_module("mni")
    monkeypatch.setattr(mni, "NILEARN", "nilearn==0.0.0.invalid.version")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(mni.Unavailable):
        mni.nifti_of_nilearn(tmp_path / "cache")


def run(source, out):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py"), str(source), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )


def test_own_folder_is_transcoded_proven_and_shown(tmp_path):
    rng = np.random.default_rng(5)
    array = (rng.integers(0, 60, (5, 70, 80)) + np.arange(80) * 20).astype("uint16")
    folder = write_series(tmp_path / "in" / "series", array)
    shutil.copy(sample("us_rgb"), tmp_path / "in")
    shutil.copy(sample("report"), tmp_path / "in")
    bad = tmp_path / "in" / "bad.dcm"
    bad.write_bytes((folder / "0000.dcm").read_bytes()[:-1000])
    before = {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.dcm")}
    done = run(tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    values = 5 * 70 * 80 + 240 * 320 * 3
    assert f"{values:,} values of 6 objects compared, 0 different" in done.stdout
    assert "1 images cannot be transcoded" in done.stdout
    digests = re.findall(r"SHA-256 \w+ +([0-9a-f]{64})", done.stdout)
    assert len(digests) == 2
    assert len(set(digests)) == 1
    assert {path: path.read_bytes() for path in before} == before
    assert len(list((tmp_path / "out" / "planes").glob("*.png"))) == 3
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Nothing was lost." in page
    assert page.count("data:image/png;base64,") >= 8
    assert not re.search(r"(src|href)=.?https?:", page)


def test_folder_without_images_fails_cleanly(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(sample("report"), tmp_path / "in")
    done = run(tmp_path / "in", tmp_path / "out")
    assert done.returncode == 1
    assert "no DICOM image" in done.stdout
    assert run(tmp_path / "absent", tmp_path / "out").returncode == 2
    for out in (tmp_path, tmp_path / "in", tmp_path / "in" / "out"):
        assert run(tmp_path / "in", out).returncode == 2
