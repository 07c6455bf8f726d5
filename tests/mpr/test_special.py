"""Kernels for planes with an axis of the volume in them, against the samples of the reference."""

from __future__ import annotations

import numpy as np
import pytest

from radkit._native import _mpr
from radkit._native.cpu import DETECTED

SPECIAL = {"copied", "along", "radial", "turned"}
TYPES = ["int16", "int16", "uint16", "uint8", "int8", "float32"]


def voxels(rng, kind, shape):
    """Values of a narrow range, of a wide one, or of a narrow one with some far away."""
    if kind == "float32":
        return rng.normal(0, 500, shape).astype("float32")
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    if rng.random() < 0.3 or high < 1000:
        return rng.integers(low, high, shape, dtype=kind, endpoint=True)
    array = rng.integers(max(low, -1024), 3000, shape, dtype=kind)
    if rng.random() < 0.5:
        array[rng.random(shape) < 0.002] = 30000
    return array


def uneven(rng, slices):
    steps = np.cumsum(0.2 + rng.random(slices - 1))
    return np.concatenate([[0.0], steps * ((slices - 1) / steps[-1])])


def options(rng, array):
    """What a job may have: padding, uneven slices, a fill value."""
    more = {"fill": 7.0}
    if rng.random() < 0.4:
        more["padding"] = -5 if array.dtype.kind == "f" else float(array[0, 0, 0])
        array[:, :, : array.shape[2] // 3] = more["padding"]
    if rng.random() < 0.3 and len(array) > 1:
        more["position"] = uneven(rng, len(array))
    return more


def direction(rng, axis):
    """A step along one axis of (slice, row, column), or (axis None) across the columns."""
    step = np.zeros(3)
    if axis is not None:
        step[axis] = rng.choice([1, 1, 0.7, -1, -0.3, 1.9, 2.6])
    else:
        angle = rng.uniform(0, 6)
        step[:2] = 0.9 * np.cos(angle), 0.7 * np.sin(angle)
    return step


def place_of(rng, shape):
    """Origin, down, right and into of a plane that a special kernel does."""
    origin = rng.uniform(-1, 1, 3) + [rng.integers(0, n) for n in shape]
    if rng.random() < 0.4:
        origin = np.floor(np.maximum(origin, 0))
    right, down = direction(rng, 2), direction(rng, None)
    if rng.random() < 0.3:  # rows in the slices, columns along their axis
        angle = rng.uniform(0, 6)
        right = np.array([0, np.cos(angle), np.sin(angle)])
        down = direction(rng, 0)
    if rng.random() < 0.3:
        right, down = down, right
    return np.array([origin, down, right, direction(rng, None) * 0.4])


def expected(job, project, size, depth):
    """Reduce the samples of the reference."""
    values, there = np.empty((*size, 1, depth)), np.empty((*size, depth), np.uint8)
    job.samples(0, size[0], values, there)
    values, inside = values[:, :, 0], there.view(bool)
    count = inside.sum(axis=-1)
    if project in ("max", "min"):
        idle = -np.inf if project == "max" else np.inf
        held = np.where(inside, values, idle)
        found = held.max(axis=-1) if project == "max" else held.min(axis=-1)
    else:
        found = np.where(inside, values, 0).sum(axis=-1)
        if project == "mean":
            found = found / np.maximum(count, 1)
    return np.where(count > 0, found, 7.0), count == 0


def sampled(job, size, kind, cpu, cut):
    """All rows, in two parts."""
    out, outside = np.zeros(size, kind), np.full(size, 9, np.uint8)
    empty = job.rows(0, cut, out, outside, cpu=cpu)
    empty += job.rows(cut, size[0] - cut, out, outside, cpu=cpu)
    assert empty == outside.sum()
    return out, outside


@pytest.mark.parametrize("seed", range(120))
def test_plane_is_within_a_unit_of_the_reference(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 30, 3))
    array = voxels(rng, rng.choice(TYPES), shape)
    kernel = str(rng.choice(["linear", "linear", "linear", "cubic", "lanczos", "nearest"]))
    slab = kernel != "nearest" and rng.random() < 0.5
    depth = int(rng.integers(2, 20)) if slab else 1
    project = str(rng.choice(["max", "min", "mean", "sum"])) if slab else "thin"
    kind = "float32" if project == "sum" or rng.random() < 0.2 else array.dtype.name
    size = (int(rng.integers(1, 30)), int(rng.integers(1, 40)))
    more = options(rng, array)
    place = place_of(rng, shape)
    job = _mpr.Job(
        array, kernel=kernel, project=project, out=kind, size=size, depth=depth,
        place=place.ravel(), **more,
    )  # fmt: skip
    cut = int(rng.integers(0, size[0] + 1))
    plain, outside = sampled(job, size, kind, 0, cut)
    for cpu in {0, DETECTED}:
        again = sampled(job, size, kind, cpu, size[0] - cut)
        if job.name(cpu=cpu) in SPECIAL:
            assert np.array_equal(again[0], plain) and np.array_equal(again[1], outside)
    values, lacking = expected(job, project, size, depth)
    assert np.array_equal(outside.view(bool), lacking)
    if kind == "float32":
        assert np.allclose(plain, values, atol=2e-2 * depth, rtol=1e-5)
    else:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        assert np.abs(plain.astype(float) - np.clip(values, low, high)).max() <= 1
    if kernel == "linear" and not slab and shape[2] > 1:
        assert job.name(cpu=0) in SPECIAL


@pytest.mark.parametrize("axes", [(1, 2), (0, 2), (0, 1), (2, 1), (2, 0)])
@pytest.mark.parametrize("kind", ["int16", "uint16", "uint8", "float32"])
def test_plane_on_the_grid_has_the_stored_values(axes, kind):
    rng = np.random.default_rng(3)
    array = rng.integers(0, 200, (9, 20, 40)).astype(kind)
    array[4, 10, 20] = 251  # one far from the others
    down, right = np.eye(3)[axes[0]], np.eye(3)[axes[1]]
    size = (array.shape[axes[0]], array.shape[axes[1]])
    (third,) = {0, 1, 2} - set(axes)
    origin = 2.0 * np.eye(3)[third]
    wanted = np.moveaxis(array, (*axes, third), (0, 1, 2))[..., 2]
    for kernel in ("nearest", "linear", "cubic"):
        place = np.array([origin, down, right, np.zeros(3)])
        job = _mpr.Job(array, kernel=kernel, size=size, place=place.ravel())
        out, outside = sampled(job, size, kind, DETECTED, 0)
        assert not outside.any() and np.array_equal(out, wanted), job.name()


@pytest.mark.parametrize("seed", range(40))
def test_stack_has_the_bits_of_its_planes(seed):
    rng = np.random.default_rng(1000 + seed)
    shape = tuple(int(n) for n in rng.integers(2, 40, 3))
    array = voxels(rng, rng.choice(TYPES), shape)
    more = options(rng, array) if seed % 3 == 0 else {"fill": 7.0}
    size, planes = (int(rng.integers(1, 30)), int(rng.integers(1, 40))), int(rng.integers(1, 45))
    down, right, into = [(1, 2, 0), (0, 1, 2), (0, 2, 1), (1, None, 0)][seed % 4]
    place = np.array([np.zeros(3), direction(rng, down), direction(rng, right), np.zeros(3)])
    if right == 1 and rng.random() < 0.7:
        place[2] = 0, 1, 0
    step = direction(rng, into) if rng.random() < 0.5 else np.eye(3)[into]
    first = np.floor(rng.uniform(0, 1, 3) * shape / 2)
    origins = first + np.arange(planes)[:, None] * step

    def job(origin):
        where = np.concatenate([origin, place[1:].ravel()])
        return _mpr.Job(array, kernel="linear", size=size, place=where, **more)

    stack = _mpr.Stack(job(origins[0]), origins.ravel(), planes)
    assert stack.block() >= 1
    out = np.zeros((planes, *size), array.dtype)
    outside = np.full((planes, *size), 9, np.uint8)
    cut = int(rng.integers(0, planes + 1))
    for cpu in {0, DETECTED}:
        empty = stack.planes(0, cut, out, outside, cpu=cpu)
        empty += stack.planes(cut, planes - cut, out, outside, cpu=cpu)
        assert empty == outside.sum()
        for k in range(planes):
            alone = sampled(job(origins[k]), size, array.dtype, cpu, 0)
            assert np.array_equal(out[k], alone[0]) and np.array_equal(outside[k], alone[1])


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("project", ["max", "min", "mean"])
def test_turned_view_is_within_a_unit_of_the_reference(seed, project):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 25, 3))
    kind = str(rng.choice(["int16", "uint16", "uint8", "int8"]))
    array = voxels(rng, kind, shape)
    size, depth, angle = (int(rng.integers(1, 30)), int(rng.integers(1, 40))), 50, rng.uniform(0, 6)
    right = np.array([0, np.cos(angle), np.sin(angle)])
    into = np.array([0, np.sin(angle), -np.cos(angle)]) * 0.8
    origin = (
        np.array([shape[0] - 0.6, shape[1] / 2, shape[2] / 2]) - right * size[1] / 2 - 25 * into
    )
    place = np.array([origin, [-0.8, 0, 0], right, into])
    more = {"position": uneven(rng, shape[0])} if seed % 4 == 0 else {}
    job = _mpr.Job(
        array, kernel="linear", project=project, size=size, depth=depth, fill=7.0,
        place=place.ravel(), **more,
    )  # fmt: skip
    turns = _mpr.Turns(job)
    if not turns.prepare():
        assert np.ptp(array.astype(int)) > 4095
        return
    values, lacking = expected(job, project, size, depth)
    for cpu in {0, DETECTED}:
        turns.fill(0, shape[1], cpu=cpu)
        out, outside = np.zeros(size, kind), np.full(size, 9, np.uint8)
        cut = int(rng.integers(0, size[1] + 1))
        empty = turns.view(place.ravel(), 0, cut, out, outside, cpu=cpu)
        empty += turns.view(place.ravel(), cut, size[1] - cut, out, outside, cpu=cpu)
        assert empty == outside.sum() and np.array_equal(outside.view(bool), lacking)
        assert np.abs(out.astype(float) - values).max() <= 1


def test_turns_and_stacks_refuse_what_they_cannot_do():
    array = np.zeros((4, 5, 6), np.int16)
    place = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    job = _mpr.Job(array, kernel="linear", project="max", size=(4, 5), depth=6, place=place.ravel())
    with pytest.raises(ValueError, match="not made by turning"):
        _mpr.Turns(_mpr.Job(array, kernel="cubic", size=(4, 5), place=place.ravel()))
    turns = _mpr.Turns(job)
    picture, mask = np.zeros((4, 5), np.int16), np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match="not prepared"):
        turns.view(place.ravel(), 0, 5, picture, mask)
    assert turns.nbytes > 0 and turns.prepare()
    turns.fill(0, 5)
    with pytest.raises(ValueError, match="5 columns"):
        turns.view(place.ravel(), 1, 5, picture, mask)
    other = place.copy()
    other[0, 0] = 1
    with pytest.raises(ValueError, match="other rows"):
        turns.view(other.ravel(), 0, 5, picture, mask)
    with pytest.raises(ValueError, match="5 rows"):
        turns.fill(2, 4)
    stack = _mpr.Stack(job, np.zeros(6), 2)
    with pytest.raises(ValueError, match="2 planes"):
        stack.planes(1, 2, np.zeros((2, 4, 5), np.int16), np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(ValueError):
        _mpr.Stack(job, np.zeros(6), 3)
    with pytest.raises(ValueError, match="at least one plane"):
        _mpr.Stack(job, np.zeros(0), 0)


def test_padding_is_no_range():
    """Voxels of -2000 beside those of a narrow range: the range is of the others only."""
    array = np.random.default_rng(5).integers(-1000, 2000, (6, 30, 30)).astype("int16")
    array[:, :, :8] = -2000
    place = np.array([[1.3, 2.4, 0.2], [0.1, 0.9, 0], [0, 0, 1], [0, 0, 0]])
    job = _mpr.Job(
        array, kernel="linear", size=(20, 29), place=place.ravel(), padding=-2000, fill=7.0
    )
    out, outside = sampled(job, (20, 29), "int16", DETECTED, 10)
    values, lacking = expected(job, "thin", (20, 29), 1)
    assert lacking.any() and not lacking.all() and np.array_equal(outside.view(bool), lacking)
    assert np.abs(out - values).max() <= 1
