from __future__ import annotations

import numpy as np
import pytest
from geometry_vectors import cases
from hypothesis import given
from hypothesis import strategies as st

from radkit.errors import OptionError
from radkit.geometry import Plane, Slab

PLANES = [
    Plane.axial(),
    Plane.coronal(at=12.5),
    Plane.sagittal(at=-3),
    Plane.oblique((1, 2, 3), (3, 4, 0), (0, 0, -7)),
    Plane.from_normal((0, 0, 0), (0.2, -0.4, 0.9)),
]


def directions(plane):
    return np.array([plane.along_row, plane.along_col, plane.normal])


def test_standard_planes_are_radiological():
    assert Plane.axial().normal == (0, 0, 1)
    assert Plane.coronal().normal == (0, 1, 0)
    assert Plane.sagittal().normal == (-1, 0, 0)
    assert Plane.axial().along_col == (0, 1, 0)  # down the screen: posterior
    assert Plane.coronal().along_row == (1, 0, 0)  # right on the screen: left
    assert Plane.sagittal().along_row == (0, 1, 0)


@pytest.mark.parametrize("case", cases("plane"))
def test_from_normal_equals_vectors(case):
    plane = Plane.from_normal((0, 0, 0), case["input"]["normal"], up=case["input"]["up_hint"])
    expected = case["expect"]
    assert np.allclose(directions(plane), [expected["U"], expected["V"], expected["N"]], atol=1e-8)


@pytest.mark.parametrize("case", cases("plane3"))
def test_from_points_equals_vectors(case):
    given_ = case["input"]
    plane = Plane.from_points(given_["a"], given_["b"], given_["c"])
    expected = case["expect"]
    assert np.allclose(directions(plane), [expected["U"], expected["V"], expected["N"]], atol=1e-8)
    assert plane.centre == tuple(given_["a"])


@pytest.mark.parametrize("case", cases("slab"))
def test_slab_samples_equal_vectors(case):
    slab = Slab(mm=case["input"]["thickness_mm"], step_mm=case["input"]["resolution_mm"])
    assert np.allclose(slab.offsets(1.0), case["expect"]["offsets_mm"], atol=1e-12)


@pytest.mark.parametrize("plane", PLANES)
@given(degrees=st.floats(-720, 720), axis=st.sampled_from(["row", "col", "normal"]))
def test_rotation_keeps_a_right_handed_frame(plane, degrees, axis):
    if plane.at is not None:
        axis = "normal"
    turned = plane.rotate(degrees, axis)
    frame = directions(turned)
    assert np.allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1)
    assert np.allclose(directions(turned.rotate(-degrees, axis)), directions(plane), atol=1e-9)


def test_rotation_is_right_handed():
    turned = Plane.axial().rotate(90, about="normal")
    assert np.allclose(turned.along_row, (0, 1, 0), atol=1e-15)
    tilted = Plane.axial().rotate(30, about=(1, 0, 0))
    assert np.allclose(tilted.along_col, (0, np.cos(np.pi / 6), 0.5), atol=1e-15)


@pytest.mark.parametrize("plane", PLANES)
def test_shift_moves_along_the_normal(plane):
    middle = np.array([10.0, -20.0, 30.0])
    before = np.array(plane.resolve(middle).centre)
    after = np.array(plane.shift(2.5).resolve(middle).centre)
    assert np.allclose(after - before, 2.5 * np.array(plane.normal))


def test_at_is_measured_along_the_normal():
    plane = Plane.sagittal(at=20).resolve((5, 6, 7))
    assert plane.centre == (-20, 6, 7)
    assert Plane.sagittal(at=0).shift(20) == Plane.sagittal(at=20)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("cols", [False, True])
def test_flip_stays_in_the_same_plane(rows, cols):
    for plane in PLANES:
        flipped = plane.flip(rows=rows, cols=cols)
        centre, other = plane.resolve((1, 2, 3)).centre, flipped.resolve((1, 2, 3)).centre
        assert np.allclose(centre, other)
        assert flipped.flip(rows=rows, cols=cols) == plane
        side = -1 if rows != cols else 1
        assert np.allclose(flipped.normal, side * np.array(plane.normal))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Plane.oblique((0, 0, 0), (1, 0, 0), (0.001, 1, 0)),
        lambda: Plane.oblique((0, 0, 0), (0, 0, 0), (0, 1, 0)),
        lambda: Plane.oblique((0, 0, float("nan")), (1, 0, 0), (0, 1, 0)),
        lambda: Plane.from_points((0, 0, 0), (1, 0, 0), (2, 0, 0)),
        lambda: Plane.from_points((0, 0, 0), (0, 0, 0), (2, 0, 0)),
        lambda: Plane.from_normal((0, 0, 0), (0, 0, 1), up=(0, 0, -3)),
        lambda: Plane.from_normal((0, 0, 0), (0, 0, 0)),
        lambda: Plane((0, 0, 0), (1, 0, 0), (0, 1, 0), at=3.0),
        lambda: Plane.axial(at=float("inf")),
        lambda: Plane.axial().shift(float("nan")),
        lambda: Plane.axial().rotate(10, "depth"),
        lambda: Plane.axial(at=3).rotate(10, "row"),
        lambda: Slab(mm=0),
        lambda: Slab(mm=1, project="median"),
        lambda: Slab(mm=1, step_mm=-1),
        lambda: Slab(mm=1e9, step_mm=1e-9).offsets(1.0),
    ],
)
def test_nonsense_raises_option_error(make):
    with pytest.raises(OptionError):
        make()
