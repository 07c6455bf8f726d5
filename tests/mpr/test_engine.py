"""The native engine against an independent sampler in NumPy, on random volumes and planes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mpr import numpy_sampler
from tests.mpr.phantoms import POSES, pose

from radkit._native import _mpr
from radkit.errors import LimitExceeded, OptionError
from radkit.geometry import Plane, Slab
from radkit.limits import use
from radkit.mpr import reformat
from radkit.mpr.engine import sample_lines
from radkit.volume import Volume

KINDS = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "float32",
    "float64",
    "int64",
    ">i2",
    "float16",
    "bool",
]
LAYOUTS = st.sampled_from(["plain", "fortran", "turned", "flipped", "sliced", "broken"])
# Exact arithmetic of floats in the fast kernels: relative to the range of the values.
CLOSE = 4e-6


def laid_out(array, layout):
    """Return the same values in memory of another kind."""
    if layout == "fortran" and array.ndim == 3:
        return np.asfortranarray(array)
    if layout == "turned":
        axes = (2, 0, 1, 3)[: array.ndim]
        return np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))
    if layout == "flipped":
        return np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1]
    if layout == "sliced":
        wide = np.repeat(np.repeat(array, 2, axis=1), 2, axis=2)
        return wide[:, ::2, ::2]
    if layout == "broken":  # elements in records of odd size
        held = np.zeros(array.shape, np.dtype([("x", "u1"), ("v", array.dtype)]))
        held["v"] = array
        return held["v"]
    return array


@st.composite
def volumes(draw, kinds=KINDS, samples=(1, 1, 1, 3)):
    shape = tuple(draw(st.tuples(*[st.integers(1, 9)] * 3)))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    kind = np.dtype(draw(st.sampled_from(kinds)))
    full = (*shape, 3) if draw(st.sampled_from(samples)) == 3 else shape
    if kind.kind in "iu":
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        if kind.itemsize == 8:
            low, high = -(1 << 40), 1 << 40
        array = rng.integers(low, high, full, dtype=kind.newbyteorder("="), endpoint=True)
    elif kind.kind == "b":
        array = rng.integers(0, 2, full)
    else:
        array = rng.normal(0, 900, full)
    array = laid_out(array.astype(kind), draw(LAYOUTS))
    padding = None
    if draw(st.booleans()):
        padding = array[0, 0, 0].flat[0].item() if array.ndim == 4 else array[0, 0, 0].item()
        array[rng.random(shape) < draw(st.sampled_from([0.02, 0.3, 0.9]))] = padding
    placed = draw(POSES)
    affine = pose(**placed, centre=(3, -4, 5), shape=shape)
    positions = None
    if shape[0] > 1 and draw(st.integers(0, 3)) == 0:
        gaps = rng.uniform(0.2, 2.0, shape[0] - 1)
        step = float(np.linalg.norm(affine[:3, 0]))
        positions = np.concatenate([[0.0], np.cumsum(gaps) * step * (shape[0] - 1) / gaps.sum()])
    return Volume(array, affine, padding=padding, positions=positions)


@st.composite
def planes(draw):
    if draw(st.integers(0, 2)) == 0:
        plane = draw(st.sampled_from([Plane.axial(), Plane.coronal(), Plane.sagittal()]))
        return plane.shift(draw(st.floats(-3, 3)))
    normal = draw(
        st.tuples(*[st.floats(-1, 1)] * 3).filter(
            lambda n: np.linalg.norm(np.cross(n, (0.3, 0.4, 0.86))) > 0.05
        )
    )
    centre = draw(st.tuples(st.floats(1, 5), st.floats(-6, -2), st.floats(3, 7)))
    return Plane.from_normal(centre, normal, up=(0.3, 0.4, 0.86))


def expected_of(volume, image, slab, interpolation):
    """Return float64 pixels (rows, cols, samples), where there is data, and where it is a draw."""
    rows, cols = image.array.shape[:2]
    grid = np.stack([*np.indices((rows, cols)), np.ones((rows, cols))], axis=-1)
    mm = grid.reshape(-1, 3) @ image.affine[:3].T
    offsets = np.zeros(1) if slab is None else slab.offsets(min(volume.spacing))
    mm = mm[:, None] + offsets[:, None] * np.array(image.plane.normal)
    inverse = np.linalg.inv(volume.affine)
    index = mm.reshape(-1, 3) @ inverse[:3, :3].T + inverse[:3, 3]
    kept = dict(interpolation=interpolation, padding=volume.padding, positions=volume.positions)
    values, there = numpy_sampler.sample_at(volume.array, index, **kept)
    values = values.reshape(rows * cols, len(offsets), -1)
    there = there.reshape(rows * cols, len(offsets))
    project = "max" if slab is None else slab.project
    found = numpy_sampler.reduce(values, there, project).reshape(rows, cols, -1)
    # Where the last bit of a coordinate decides what is inside or nearest.
    if volume.positions is not None:
        index[:, 0] = numpy_sampler.true_slices(index[:, 0], volume.positions)
    border = index + 0.5 + numpy_sampler.SNAP
    draw = (np.abs(border - np.rint(border)) < 1e-8).any(axis=1)
    draw |= (np.abs(np.abs(index - np.rint(index)) - numpy_sampler.SNAP) < 1e-8).any(axis=1)
    return found, there.any(axis=1).reshape(rows, cols), draw.reshape(rows, cols, -1).any(axis=2)


def agree(volume, image, slab, interpolation, fill):
    found, there, draw = expected_of(volume, image, slab, interpolation)
    got = image.array.reshape(found.shape).astype(np.float64)
    outside = np.zeros(there.shape, bool) if image.outside is None else image.outside
    assert np.array_equal(outside[~draw], ~there[~draw])
    assert (got[outside] == fill).all()
    keep = there & ~draw
    size = max(1.0, float(np.abs(volume.array.astype(np.float64)).max()))
    if slab is not None and slab.project == "sum":
        size *= len(slab.offsets(min(volume.spacing)))
    kind = image.array.dtype
    near = size * CLOSE
    if kind.kind in "iu":
        found = np.clip(found, np.iinfo(kind).min, np.iinfo(kind).max)
        near += 0.5 + 1.0 / 16  # scaled integers add three roundings of a sixteenth
    elif kind.itemsize == 2:
        near += size * 1e-3
    elif kind == np.float64 and volume.array.dtype.kind in "iu":
        near = size * 1e-11
    apart = np.abs(got - found)[keep]
    assert apart.size == 0 or apart.max() <= near


@settings(max_examples=150, deadline=None)
@given(
    volume=volumes(),
    plane=planes(),
    interpolation=st.sampled_from(["nearest", "linear", "linear", "cubic", "lanczos"]),
    slab=st.sampled_from([None, None, "max", "min", "mean", "sum"]),
    dtype=st.sampled_from([None, None, "float32", "float64"]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 40)),
    spacing=st.sampled_from([0.13, 0.4, 1.1]),
)
def test_engine_equals_the_sampler(volume, plane, interpolation, slab, dtype, size, spacing):
    if volume.array.dtype.kind == "b":
        dtype = "float64"
    thick = None if slab is None else Slab(mm=3, project=slab, step_mm=0.5)
    image = reformat(
        volume,
        plane,
        slab=thick,
        interpolation=interpolation,
        size=size,
        spacing=spacing,
        dtype=dtype,
        fill=1,
    )
    agree(volume, image, thick, interpolation, 1)


@settings(max_examples=40, deadline=None)
@given(
    volume=volumes(kinds=["uint8", "int8", "uint16", "int16", "float32"], samples=(1,)),
    plane=planes(),
    interpolation=st.sampled_from(["nearest", "linear", "cubic"]),
    slab=st.sampled_from([None, Slab(mm=2, step_mm=0.4), Slab(mm=2, project="mean", step_mm=0.4)]),
)
def test_pixels_do_not_depend_on_rows_and_threads(volume, plane, interpolation, slab):
    """More pixels than a block of columns, some threads: the very same numbers."""
    options = dict(slab=slab, interpolation=interpolation, size=(17, 530), spacing=0.02, fill=1)
    one = reformat(volume, plane, **options)
    three = reformat(volume, plane, threads=3, **options)
    assert one.array.tobytes() == three.array.tobytes()
    agree(volume, one, slab, interpolation, 1)


@settings(max_examples=40, deadline=None)
@given(volume=volumes(), interpolation=st.sampled_from(["nearest", "linear", "cubic", "lanczos"]))
def test_points_equal_the_sampler(volume, interpolation):
    rng = np.random.default_rng(3)
    index = rng.uniform(-1.5, np.array(volume.shape[:3]) + 0.5, (60, 3))
    index[4] = 0
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    points[:4] = [[np.nan] * 3, [np.inf] * 3, [-np.inf, 0, 0], [1e300, 0, 0]]
    found = volume.at(points, interpolation=interpolation, fill=-7)
    values, there = numpy_sampler.sample_at(
        volume.array,
        np.vstack([np.full((4, 3), -9.0), index[4:]]),
        interpolation=interpolation,
        padding=volume.padding,
        positions=volume.positions,
    )
    size = max(1.0, float(np.abs(volume.array.astype(np.float64)).max()))
    assert np.allclose(found.reshape(60, -1)[there], values[there], rtol=0, atol=size * 1e-8)
    assert (found.reshape(60, -1)[~there] == -7).all()


def some_volume(dtype="int16", shape=(20, 24, 28)):
    rng = np.random.default_rng(5)
    array = rng.integers(0, 200, shape).astype(dtype)
    return Volume(array, pose((1.5, 0.8, 0.6), (10, 20, 30), shape=shape))


def test_rows_with_their_own_place_equal_a_plane():
    volume = some_volume()
    image = reformat(volume, Plane.from_normal(volume.centre, (0.3, 0.5, 0.8)), fill=0)
    rows, cols = image.array.shape
    lines = np.zeros((rows, 3, 3))
    lines[:, 0] = image.affine[:3, 2] + np.arange(rows)[:, None] * image.affine[:3, 0]
    lines[:, 1] = image.affine[:3, 1]
    options = dict(cols=cols, kind=volume.array.dtype, fill=0)
    array, outside = sample_lines(volume, lines, threads=2, **options)
    assert np.abs(array.astype(int) - image.array).max() <= 1
    assert np.array_equal(outside, image.outside)
    lines[:, 0] -= 0.8 * np.array(image.plane.normal)
    lines[:, 2] = 0.8 * np.array(image.plane.normal)
    array, outside = sample_lines(volume, lines, depth=3, project="max", **options)
    slab = reformat(volume, image.plane, like=image, slab=Slab(mm=1.6, step_mm=0.8), fill=0)
    assert np.abs(array.astype(int) - slab.array).max() <= 1
    assert np.array_equal(outside, slab.outside)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "lanczos"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_centres_of_voxels_give_stored_values(dtype, interpolation):
    volume = some_volume(dtype)
    grid = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    points = grid @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    assert np.array_equal(volume.at(points, interpolation=interpolation), volume.array)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "lanczos"])
def test_a_plane_on_a_border_falls_on_one_side_of_it(interpolation):
    """Rounding of the affine must not speckle a plane halfway between two slices."""
    volume = some_volume()
    volume.array[...] = np.arange(20, dtype=np.int16)[:, None, None] * 10
    normal = np.array(volume.normal)
    x, y = volume.affine[:3, 2] / 0.6, volume.affine[:3, 1] / 0.8
    for at in (0.0, 0.5, 7.5):
        centre = np.array(volume.centre) + (at - 9.5) * 1.5 * normal
        for turned in (0, 33):
            plane = Plane.oblique(centre, x, y).rotate(turned, normal)
            image = reformat(volume, plane, size=(12, 14), spacing=0.5, interpolation=interpolation)
            assert image.outside is None and np.ptp(image.array) <= (interpolation != "nearest")


def test_a_slab_on_the_rim_of_a_flat_volume_sees_what_is_there():
    volume = Volume(np.full((1, 6, 7), 100, np.int8), np.eye(4)[[2, 1, 0, 3]])
    tilted = Plane.from_normal((3, 2.5, 0), (0.2, 0.1, 0.97))
    slab = Slab(mm=4, project="sum", step_mm=0.25)
    image = reformat(volume, tilted, slab=slab, size=(5, 6), spacing=0.8, dtype="float32", fill=-1)
    agree(volume, image, slab, "linear", -1)
    assert image.array.max() < 100 * 7


def test_work_stops_at_the_deadline():
    volume = some_volume()
    slab = Slab(mm=40, step_mm=0.001, project="mean")
    with use(max_seconds=0.05), pytest.raises(LimitExceeded):
        reformat(volume, Plane.axial(), slab=slab, size=(512, 512), interpolation="lanczos")


def test_names_of_interpolations_are_checked():
    with pytest.raises(OptionError, match="lanczos"):
        some_volume().at((0, 0, 0), interpolation="sinc")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernel": "spline"},
        {"project": "median"},
        {"out": "uint8"},
        {"out": ">f4"},
        {"size": (0, 3)},
        {"size": (1 << 40, 1 << 40)},
        {"depth": 0},
        {"depth": 2},
        {"place": np.full(12, np.nan)},
        {"place": np.zeros(11)},
        {"place": np.zeros(12, np.float32)},
        {"place": (0.0,) * 11},
        {"place": (np.inf,) + (0.0,) * 11},
        {"place": ("0",) * 12},
        {"place": (0.0,) * 12, "affine": np.eye(3)},
        {"place": (1.0,) * 12, "affine": np.zeros((4, 4))},
        {"lines": np.zeros(9)},
        {"position": np.zeros(4)},
        {"position": np.arange(3.0)},
    ],
)
def test_job_refuses_what_it_cannot_do(wrong):
    array = np.zeros((4, 5, 6), np.int16)
    options = {"kernel": "linear", "size": (2, 2), "place": np.zeros(12), **wrong}
    with pytest.raises((TypeError, ValueError)):
        _mpr.Job(array, **options)


def test_place_in_millimetres_goes_through_the_inverse_affine():
    rng = np.random.default_rng(11)
    array = rng.integers(0, 1000, (9, 10, 11), dtype=np.int16)
    affine = np.eye(4)
    affine[:3] = rng.normal(0, 1, (3, 4)) + 3 * np.eye(3, 4)
    index = np.array([[2.2, 3.1, 1.7], [0.5, 0, 0.1], [0, 0.6, 0.4], [0, 0, 0]])
    mm = index @ affine[:3, :3].T
    mm[0] += affine[:3, 3]
    found = []
    for place, own in (
        (index.ravel(), None),
        (tuple(mm.ravel().tolist()), affine),
        (mm.ravel(), affine),
    ):
        job = _mpr.Job(array, kernel="linear", out="float64", size=(7, 6), place=place, affine=own)
        out, outside = np.zeros((7, 6)), np.zeros((7, 6), np.uint8)
        job.rows(0, 7, out, outside)
        found.append((out, outside))
    for out, outside in found[1:]:
        assert np.array_equal(outside, found[0][1])
        assert np.allclose(out, found[0][0], atol=1e-6)


def test_job_refuses_rows_and_arrays_that_do_not_fit():
    job = _mpr.Job(np.zeros((4, 5, 6), np.int16), kernel="linear", size=(3, 2), place=np.zeros(12))
    out, outside = np.zeros((3, 2), np.int16), np.zeros((3, 2), np.uint8)
    assert job.rows(0, 3, out, outside) == 0
    for first, count in ((0, 4), (3, 1), (1, 3)):
        with pytest.raises(ValueError, match="rows"):
            job.rows(first, count, out, outside)
    with pytest.raises(ValueError):
        job.rows(0, 3, out[:2], outside)
    with pytest.raises(TypeError):
        job.rows(0, 3, out.astype(np.uint16), outside)
    with pytest.raises(ValueError):
        job.rows(0, 3, out, outside[:1])


def test_first_plane_needs_no_numba():
    code = (
        "import sys, numpy as np\n"
        "from radkit.volume import Volume\n"
        "from radkit.geometry import Plane, Slab\n"
        "from radkit.mpr import reformat\n"
        "v = Volume(np.zeros((9, 9, 9), 'int16'), np.eye(4))\n"
        "reformat(v, Plane.from_normal(v.centre, (1, 2, 3)), slab=Slab(mm=2))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("slices", [2047, 2049])
def test_volumes_of_two_thousand_million_voxels(slices):
    """Indices of 32 bits reach to the last voxel, and more than that is not asked of them."""
    array = np.zeros((slices, 1024, 1024), np.uint8)  # memory that is never touched
    array[-3:, -6:, -8:] = np.random.default_rng(1).integers(0, 255, (3, 6, 8))
    part = Volume(array[-3:, -6:, -8:].copy(), np.eye(4)[[2, 1, 0, 3]])
    whole = Volume(array, part.affine.copy())
    whole.affine[:3, 3] = (8 - 1024, 6 - 1024, 3 - slices)
    plane = Plane.from_normal((5.1, 3.9, 1.2), (0.3, -0.2, 0.9))
    for interpolation in ("nearest", "linear", "cubic"):
        options = dict(size=(3, 4), spacing=0.3, interpolation=interpolation, fill=0)
        expected = reformat(part, plane, **options).array.astype(int)
        assert np.abs(reformat(whole, plane, **options).array - expected).max() <= 1
        assert expected.any()
