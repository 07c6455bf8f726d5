from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from phantoms import POSES, ball, pose, ramp, ramp_at

from radkit.errors import GeometryError, LimitExceeded, OptionError
from radkit.geometry import apply
from radkit.limits import use
from radkit.mpr import resample
from radkit.volume import Volume, load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
SHAPE = (12, 16, 20)


def voxels(volume):
    return apply(volume.affine, np.moveaxis(np.indices(volume.shape[:3]), 0, -1))


def noise(affine=None, dtype="int16", **more):
    array = np.random.default_rng(5).integers(0, 200, SHAPE).astype(dtype)
    return Volume(array, pose() if affine is None else affine, **more)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"]
)
def test_resample_like_itself_is_itself(dtype):
    volume = noise(pose(angles=(10, 20, 30), shear=0.7), dtype)
    assert np.array_equal(resample(volume, like=volume).array, volume.array)
    assert np.array_equal(
        resample(volume, like=volume.geometry, interpolation="nearest").array, volume.array
    )


def test_resample_to_own_spacing_is_the_same_grid():
    volume = noise(pose(angles=(10, 20, 30)))
    same = resample(volume, spacing=volume.spacing)
    assert np.allclose(same.affine, volume.affine, atol=1e-9)
    assert np.array_equal(same.array, volume.array)
    assert np.array_equal(resample(volume, shape=SHAPE).array, volume.array)


@settings(max_examples=15, deadline=None)
@given(source=POSES, target=POSES)
def test_resample_of_a_ramp_is_the_ramp_where_both_are(source, target):
    volume = ramp(pose(**source))
    like = noise(pose(**target))
    made = resample(volume, like=like, fill=-12345.0)
    assert np.array_equal(made.affine, like.affine)
    index = apply(np.linalg.inv(volume.affine), voxels(made))
    inside = ((index > 1e-6) & (index < np.array(SHAPE) - 1 - 1e-6)).all(axis=-1)
    assert np.allclose(made.array[inside], ramp_at(voxels(made))[inside], atol=1e-6)
    outside = ((index < -0.5 - 1e-6) | (index > np.array(SHAPE) - 0.5 + 1e-6)).any(axis=-1)
    assert (made.array[outside] == -12345).all()
    assert np.isfinite(made.array).all()


def test_resample_shears_a_gantry_tilt_back():
    volume = ramp(pose(shear=0.7))
    assert volume.sheared
    straight = resample(volume, spacing=volume.spacing, fill=-99999)
    assert not straight.sheared and straight.shape[1] > volume.shape[1]
    there = straight.array != -99999
    index = apply(np.linalg.inv(volume.affine), voxels(straight))
    deep = ((index > 0) & (index < np.array(SHAPE) - 1)).all(axis=-1)
    assert deep.sum() > 2000 and there[deep].all()
    assert np.allclose(straight.array[deep], ramp_at(voxels(straight))[deep], atol=1e-8)


def test_resample_makes_uneven_slices_even():
    even = ramp(pose())
    positions = np.array([0.0, 1, 2, 4, 6, 8, 10, 12, 15, 18, 20, 22])
    affine = even.affine.copy()
    array = ramp_at(
        even.affine[:3, 3]
        + positions[:, None, None, None] * even.affine[:3, 0] / 2
        + (voxels(even) - voxels(even)[:, :1, :1])
    )
    volume = Volume(array, affine, positions=positions)
    made = resample(volume, spacing=(1.0, 0.8, 0.6))
    assert made.positions is None
    inner = made.array[1:-1]
    assert np.allclose(inner, ramp_at(voxels(made))[1:-1], atol=1e-8)
    back = resample(made, like=volume)
    assert np.array_equal(back.positions, positions)
    assert np.allclose(back.array[1:-1], array[1:-1], atol=1e-8)


def test_resample_isotropic_finds_the_ball_where_it_was():
    centre, radius = np.array([11.3, -19.1, 31.7]), 3.5
    volume = ball(
        pose(spacing=(1.5, 0.6, 0.6), shape=(16, 40, 40), angles=(15, 0, 5)),
        (16, 40, 40),
        centre,
        radius,
    )
    made = resample(volume, spacing=0.6)
    weight = (made.array.astype(float) + 1000) / 2000
    found = (voxels(made) * weight[..., None]).reshape(-1, 3).sum(axis=0) / weight.sum()
    assert np.abs(found - centre).max() < 0.05  # of slices 1.5 mm apart
    assert weight.sum() * 0.6**3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)


def test_resample_keeps_labels_and_units():
    volume = noise(slope=2.0, intercept=-7.0, units="1", padding=3, frame_of_reference="1.2")
    made = resample(volume, spacing=1.0)
    assert (made.slope, made.intercept, made.units, made.padding) == (2.0, -7.0, "1", 3)
    assert made.frame_of_reference == "1.2" and made.instances == ()


def test_resample_into_out_by_threads():
    volume = noise()
    plain = resample(volume, spacing=0.7, interpolation="cubic")
    out = np.empty(plain.shape, "int16")
    assert resample(volume, spacing=0.7, interpolation="cubic", out=out, threads=2).array is out
    assert np.array_equal(out, plain.array)


def test_resample_refuses_unrelated_coordinates():
    one, other = noise(frame_of_reference="1.2"), noise(frame_of_reference="1.3")
    with pytest.raises(GeometryError, match="frames of reference"):
        resample(one, like=other)
    assert resample(replace(one, frame_of_reference=None), like=other).frame_of_reference == "1.3"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"spacing": 0},
        {"spacing": (1, 2)},
        {"spacing": float("inf")},
        {"spacing": 1e-9},
        {"spacing": "a"},
        {"shape": (1, 2)},
        {"shape": (0, 2, 2)},
        {"shape": 3},
        {"spacing": 1.0, "fill": 0.5},
        {"spacing": 1.0, "interpolation": "magic"},
    ],
)
def test_resample_refuses(wrong):
    with pytest.raises(OptionError):
        resample(noise(), **wrong)


def test_resample_like_excludes_spacing_and_asks_for_memory():
    with pytest.raises(OptionError):
        resample(noise(), like=noise(), spacing=1.0)
    with pytest.raises(TypeError):
        resample(noise(), like="ct")
    with use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        resample(noise(), spacing=0.01)


@pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")
def test_resample_of_a_tilted_series_has_the_rows_that_the_shear_asks_for():
    volume = load_volume(SHARED / "ct-tilt").crop((0, 16, 200, 300, 200, 260))
    straight = resample(volume, spacing=volume.spacing)
    # ceil((n - 1) * shear / row distance) more rows, as dcm2niix writes for this series.
    assert straight.shape == (16, 125, 60)
