"""Volumes whose values are known everywhere: made in millimetres, in any pose."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from radkit.geometry import apply
from radkit.volume import Volume

SLOPE = np.array([3.0, -2.0, 5.0])


def rotation(angles):
    """Return a rotation matrix of three angles in degrees."""
    a, b, c = np.radians(angles)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


def pose(
    spacing=(2.0, 0.8, 0.6), angles=(0, 0, 0), centre=(10, -20, 30), shape=(12, 16, 20), shear=0
):
    """Return the affine of a volume with this centre; `shear` is mm of rows per slice."""
    axes = rotation(angles)[:, ::-1] * np.array(spacing)
    axes[:, 0] += axes[:, 1] / spacing[1] * shear
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = np.array(centre) - axes @ ((np.array(shape) - 1) / 2)
    return affine


def places(affine, shape):
    """Return the LPS mm of all voxel centres, (slices, rows, cols, 3)."""
    return apply(affine, np.moveaxis(np.indices(shape), 0, -1))


def ramp(affine, shape=(12, 16, 20), dtype="float64", offset=100.0):
    """Return a volume that grows linearly in millimetres: linear interpolation is exact."""
    values = places(affine, shape) @ SLOPE + offset
    if np.dtype(dtype).kind in "iu":
        values = np.rint(values)
    return Volume(values.astype(dtype), affine)


def ramp_at(points, offset=100.0):
    """Return what the ramp is at points."""
    return np.asarray(points) @ SLOPE + offset


def ball(affine, shape, centre, radius, inside=1000, outside=-1000):
    """Return a volume of a ball with a border that is soft over a voxel."""
    away = np.linalg.norm(places(affine, shape) - centre, axis=-1)
    side = float(np.linalg.norm(affine[:3, :3], axis=0).min())
    share = np.clip((radius - away) / side + 0.5, 0, 1)
    return Volume(np.rint(outside + share * (inside - outside)).astype("int16"), affine)


POSES = st.fixed_dictionaries(
    {
        "spacing": st.tuples(*[st.floats(0.4, 3.0)] * 3),
        "angles": st.tuples(*[st.floats(-180, 180)] * 3),
        "shear": st.sampled_from([0.0, 0.0, 0.7, -1.3]),
    }
)
