"""Real series against the affines, labels and values of the shared geometry vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radkit.geometry import apply, orientation
from radkit.volume import load_volume
from radkit.volume.mosaic import Mosaic

SHARED = Path(__file__).parents[3] / "shared"
VECTORS = SHARED / "spec" / "vectors-geometry.json"
CASES = json.loads(VECTORS.read_text())["cases"] if VECTORS.exists() else []

pytestmark = pytest.mark.skipif(not CASES, reason="shared/spec is absent")


def cases(*kinds):
    return [pytest.param(one, id=one["name"]) for one in CASES if one["kind"] in kinds]


def ours(by_column_row_slice) -> np.ndarray:
    """Return a matrix for (column, row, slice) as one for (slice, row, column)."""
    return np.array(by_column_row_slice)[:, [2, 1, 0, 3]]


@pytest.mark.parametrize(
    "case",
    [one for one in cases("stack", "enhanced") if one.values[0]["name"].startswith("real-")],
)
def test_affine_of_a_real_series(case):
    path = SHARED / "data" / case["name"].removeprefix("real-")
    volume = load_volume(path)
    assert np.allclose(volume.affine, ours(case["expect"]["affine_ijk_to_lps"]), atol=1e-5)
    assert volume.spacing[0] == pytest.approx(case["expect"]["spacing_along_normal_mm"], abs=1e-5)


@pytest.mark.parametrize("case", cases("stack-4d"))
def test_stacks_of_a_real_4d_series(case):
    path = SHARED / "data" / case["name"].removeprefix("real-")
    volumes = load_volume(path, split="auto")
    expected = case["expect"]["volumes"]
    assert [float(volume.labels["DiffusionBValue"]) for volume in volumes] == [
        one["b"] for one in expected
    ]
    for volume, one in zip(volumes, expected, strict=True):
        label = volume.labels["DiffusionGradientOrientation"].split("\\")
        assert np.allclose([float(part) for part in label], one["gradient"], atol=1e-4)
        assert len(volume.array) == case["expect"]["positions"]
        assert np.allclose(volume.affine, ours(case["expect"]["affine_ijk_to_lps"]), atol=1e-5)


@pytest.mark.parametrize("case", cases("mosaic"))
def test_corner_of_a_mosaics_tile(case):
    given = case["input"]
    x, y, normal = orientation(given["iop"])
    rows, cols = given["tile_rows_columns"]
    side = given["mosaic_rows_columns"][0] // rows
    mosaic = Mosaic(count=side * side, side=side, rows=rows, cols=cols, sense=1)
    right, down = mosaic.shift(tuple(given["pixel_spacing"]))
    corner = np.array(given["ipp"]) + right * x + down * y
    assert np.allclose(corner, case["expect"]["first_tile_ipp"], atol=1e-5)
    volume = load_volume(SHARED / "data" / "mr-fmri-mosaic", split="auto")[0]
    assert np.allclose(volume.origin, case["expect"]["first_tile_ipp"], atol=1e-5)
    assert np.allclose(volume.normal, normal)


@pytest.mark.parametrize("case", cases("deshear"))
def test_shear_in_rows_of_a_real_series(case):
    volume = load_volume(SHARED / "data" / "ct-tilt")
    step, down = volume.affine[:3, 0], volume.direction[:, 1]
    rows = (step @ down) / volume.spacing[1]
    assert rows == pytest.approx(case["expect"]["row_shift_per_slice"], abs=1e-6)
    pad = np.ceil((len(volume.array) - 1) * abs(rows))
    assert pad == case["expect"]["pad_rows"]


@pytest.mark.parametrize("case", cases("mpr-values"))
def test_values_in_a_plane_of_a_real_series(case):
    given, expected = case["input"], case["expect"]
    volume = load_volume(SHARED / "data" / given["series"])
    columns, rows = np.array(expected["pixels"]).T[:, :, None]
    points = np.array(given["origin_mm"]) + given["pixel_mm"] * (
        columns * np.array(given["U"]) + rows * np.array(given["V"])
    )
    assert np.allclose(volume.at(points), expected["values"], atol=2e-3)
    column, row = np.meshgrid(np.arange(given["width"]), np.arange(given["height"]))
    plane = np.array(given["origin_mm"]) + given["pixel_mm"] * (
        column[..., None] * np.array(given["U"]) + row[..., None] * np.array(given["V"])
    )
    index = apply(np.linalg.inv(volume.affine), plane.reshape(-1, 3))
    last = np.array(volume.shape) - 1
    inside = ((index >= 0) & (index <= last)).all(axis=1)
    assert inside.sum() == expected["inside_pixels"]
    assert not np.isnan(volume.at(plane.reshape(-1, 3)[inside])).any()
