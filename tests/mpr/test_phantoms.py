"""Planes and slabs of volumes that are known everywhere, in any pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import POSES, ball, places, pose, ramp, ramp_at

from radkit.geometry import Plane, Slab, apply
from radkit.mpr import reformat
from radkit.volume import Volume

SHAPE = (12, 16, 20)
NORMALS = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1)


def pixels(image):
    """LPS mm of all pixel centres."""
    index = np.moveaxis(np.indices(image.array.shape[:2]), 0, -1)
    return index @ image.affine[:3, :2].T + image.affine[:3, 2]


def index_of(volume, points):
    return apply(np.linalg.inv(volume.affine), points)


def plane_of(normal, centre=(10.0, -20.0, 30.0)):
    up = (0.31, 0.47, 0.83) if abs(normal[0]) < 0.9 * np.linalg.norm(normal) else (0, 0.6, 0.8)
    if np.linalg.norm(np.cross(up, normal)) < 1e-2 * np.linalg.norm(normal):
        up = (1, 0, 0)
    return Plane.from_normal(centre, normal, up=up)


@settings(max_examples=25, deadline=None)
@given(source=POSES, normal=NORMALS, cubic=st.booleans())
def test_ramp_is_exact_in_any_pose(source, normal, cubic):
    volume = ramp(pose(**source))
    image = reformat(
        volume,
        plane_of(normal),
        size=(20, 22),
        spacing=0.9,
        fill=-1e6,
        interpolation="cubic" if cubic else "linear",
    )
    at = index_of(volume, pixels(image))
    margin = 1.0 if cubic else 0.0  # at the ends of an axis cubic weights repeat the last voxel
    inside = ((at > margin + 1e-6) & (at < np.array(SHAPE) - 1 - margin - 1e-6)).all(axis=-1)
    assert np.allclose(image.array[inside], ramp_at(pixels(image))[inside], atol=1e-6)
    outside = ((at < -0.5 - 1e-6) | (at > np.array(SHAPE) - 0.5 + 1e-6)).any(axis=-1)
    assert (image.array[outside] == -1e6).all()
    rim = ((at > -0.5 + 1e-6) & (at < np.array(SHAPE) - 0.5 - 1e-6)).all(axis=-1)
    assert (image.array[rim] > -1e6).all() and np.isfinite(image.array).all()


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float32"]
)
@pytest.mark.parametrize("angles", [(0, 0, 0), (20, 0, 0), (20, -30, 40)])
@pytest.mark.parametrize("shear", [0.0, 0.9])
def test_ramp_in_all_types_is_within_its_rounding(dtype, angles, shear):
    offset = 0 if dtype == "int8" else 128
    affine = pose(centre=(0, 0, 0), angles=angles, shear=shear, spacing=(2.0, 0.8, 0.6))
    volume = Volume(
        ramp(affine, offset=offset)
        .array.round()
        .clip(-120 if dtype == "int8" else 0, 120 if dtype == "int8" else 250)
        .astype(dtype),
        affine,
    )
    truth = Volume(volume.array.astype("float64"), affine)
    plane = plane_of((0.3, 0.5, 0.8), (0, 0, 0))
    made = reformat(volume, plane, size=(20, 22), spacing=0.7)
    exact = reformat(truth, plane, size=(20, 22), spacing=0.7, fill=float(volume.array.min()))
    assert made.array.dtype == dtype
    assert np.abs(made.array.astype(float) - exact.array).max() < (
        1e-4 if dtype == "float32" else 1.001
    )


@settings(max_examples=10, deadline=None)
@given(source=POSES, normal=NORMALS)
def test_ball_is_where_it_was_put(source, normal):
    side = max(source["spacing"])
    shape = (24, 24, 24)
    centre = np.array([10.0, -20.0, 30.0]) + 0.4 * side
    radius = 4.2 * side
    affine = pose(**{**source, "spacing": (side, side, side)}, shape=shape)
    volume = ball(affine, shape, centre, radius)
    image = reformat(volume, plane_of(normal, centre), size=(60, 60), spacing=side / 4)
    weight = (image.array.astype(float) + 1000).clip(0) / 2000
    found = (pixels(image) * weight[..., None]).reshape(-1, 3).sum(axis=0) / weight.sum()
    assert np.linalg.norm(found - centre) < 0.06 * side
    area = weight.sum() * (side / 4) ** 2
    assert area == pytest.approx(np.pi * radius**2, rel=0.04)


def test_rods_are_crossed_where_they_are():
    # Three rods along x at known y and z, through a volume with flat voxels.
    shape, rods = (20, 60, 30), [(-26.0, 22.0), (-15.3, 30.4), (-12.0, 38.0)]
    affine = pose(spacing=(1.2, 0.5, 1.0), shape=shape)
    where = places(affine, shape)
    away = np.min([np.hypot(where[..., 1] - y, where[..., 2] - z) for y, z in rods], axis=0)
    volume = Volume((np.clip(1.5 - away, 0, 1) * 1000).astype("int16"), affine)
    image = reformat(volume, Plane.sagittal(at=-10), spacing=0.2)
    for y, z in rods:
        near = np.hypot(pixels(image)[..., 1] - y, pixels(image)[..., 2] - z) < 2.5
        weight = np.where(near, image.array, 0).astype(float)
        found = (pixels(image) * weight[..., None]).reshape(-1, 3).sum(axis=0) / weight.sum()
        assert found[1:] == pytest.approx([y, z], abs=0.1)


@pytest.mark.parametrize("mm", [1.0, 4.0, 5.0, 10.0, 12.5])
@pytest.mark.parametrize("tilt", [0, 20, 45])
def test_slab_takes_what_lies_within_its_thickness(mm, tilt):
    # A staircase along the normal: a maximum tells how far the slab reached in front, a
    # minimum how far behind. The volume is fine, so that a step is found to a voxel.
    shape = (120, 40, 40)
    affine = pose(spacing=(0.25, 0.5, 0.5), angles=(tilt, 0, 0), centre=(0, 0, 0), shape=shape)
    plane = Plane.oblique((0, 0, 0), affine[:3, 2], affine[:3, 1])
    depth = places(affine, shape) @ np.array(plane.normal)
    volume = Volume(depth.astype("float32"), affine)
    reach = {}
    for project in ("max", "min", "mean"):
        image = reformat(volume, plane, slab=Slab(mm=mm, project=project), size=(5, 5), spacing=1)
        reach[project] = float(image.array.mean())
    step = 0.125  # half the smallest voxel side
    half = np.floor(mm / (2 * step) + 1e-9) * step
    assert reach["max"] == pytest.approx(half, abs=1e-3)
    assert reach["min"] == pytest.approx(-half, abs=1e-3)
    assert (
        reach["max"] - reach["min"] <= mm + 1e-3 and mm - (reach["max"] - reach["min"]) < 2 * step
    )
    assert reach["mean"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("project", ["max", "min", "mean", "sum"])
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "lanczos"])
def test_planes_that_miss_the_volume_give_fill(project, interpolation):
    volume = Volume(np.full(SHAPE, 5, "int16"), pose())
    for plane in (Plane.axial(at=500), plane_of((1, 2, 3), (900, 0, 0)), Plane.coronal(at=-1e8)):
        for slab in (None, Slab(mm=3, project=project)):
            image = reformat(
                volume, plane, slab=slab, size=(4, 5), fill=-7, interpolation=interpolation
            )
            assert (image.array == -7).all() and image.outside is not None and image.outside.all()


def test_no_value_of_the_rim_leaves_the_range_of_the_volume():
    rng = np.random.default_rng(0)
    volume = Volume(rng.integers(0, 255, SHAPE).astype("uint8"), pose(angles=(11, 22, 33)))
    for normal in rng.normal(size=(20, 3)):
        image = reformat(volume, plane_of(tuple(normal)), spacing=0.31, dtype="float32")
        assert np.isfinite(image.array).all()
        assert image.array.min() >= 0 and image.array.max() <= 254.001
