from __future__ import annotations

import numpy as np
import pytest
from geometry_vectors import cases

from radkit.errors import GeometryError
from radkit.geometry import analyse_stack, letters, orientation, stack_affine


@pytest.mark.parametrize("case", cases("stack", "enhanced"))
def test_stack_equals_vectors(case):
    given, expected = case["input"], case["expect"]
    iop = given["iop"][0] if isinstance(given["iop"][0], list) else given["iop"]
    spacing = given["pixel_spacing"]
    spacing = spacing[0] if isinstance(spacing[0], list) else spacing
    x, y, normal = orientation(iop)
    stack = analyse_stack(given["ipp"], normal)
    # The vectors are written with rounded directions, so that 1e-4 mm is left at 800 mm.
    assert np.allclose(normal, expected["normal"], atol=2e-6)
    assert list(stack.order) == expected["order"]
    assert np.allclose(stack.distances, expected["distances_along_normal_mm"], atol=1e-3)
    assert np.allclose(stack.gaps, expected["gaps_mm"], atol=1e-5)
    assert np.allclose(stack.step, expected["step_vector_mm"], atol=1e-6)
    assert stack.spacing == pytest.approx(expected["spacing_along_normal_mm"], abs=1e-5)
    assert stack.tilt_degrees == pytest.approx(expected["tilt_deg"], abs=2e-4)
    shear = expected["shear_mm_per_slice"]
    assert stack.shear @ x == pytest.approx(shear["row_direction"], abs=2e-5)
    assert stack.shear @ y == pytest.approx(shear["column_direction"], abs=2e-5)
    affine = stack_affine(x, y, spacing, stack.origin, stack.step)
    by_ijk = np.array(expected["affine_ijk_to_lps"])
    assert np.allclose(affine, by_ijk[:, [2, 1, 0, 3]], atol=1e-5)
    if "missing_after" in expected:
        assert [list(hole) for hole in stack.holes] == expected["missing_after"]
        assert list(stack.duplicates) == expected["duplicates_after"]


@pytest.mark.parametrize("case", cases("letters"))
def test_letters_equal_vectors(case):
    assert letters(case["input"]["direction"]) == case["expect"]["letters"]


def test_orientation_of_rounded_text_is_made_exact():
    x, y, n = orientation([0.99903, -0.02179, 0.03821, 0.02652, 0.99141, -0.12804])
    frame = np.array([x, y, n])
    assert np.allclose(frame @ frame.T, np.eye(3), atol=1e-15)


@pytest.mark.parametrize(
    "cosines",
    [
        [1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [2, 0, 0, 0, 1, 0],
        [1, 0, 0, 0.01, 1, 0],
        [1, 0, 0, 0, float("nan"), 0],
        [1, 0, 0],
    ],
)
def test_orientation_that_is_none_raises(cosines):
    with pytest.raises(GeometryError):
        orientation(cosines)


def test_drift_within_tolerance_per_gap_is_not_even():
    # 1.00 mm, then 1.015 mm: each gap is within 2 %, but slices leave the common grid.
    z = np.concatenate([np.arange(50) * 1.0, 49 + np.arange(1, 51) * 1.015])
    stack = analyse_stack(np.stack([0 * z, 0 * z, z], axis=1), [0, 0, 1])
    assert stack.jitter < 0.02
    assert not stack.even
    assert stack.off_grid > 0.1
    assert stack.off_line < 1e-9


def test_sideways_jump_is_off_line():
    points = np.zeros((5, 3))
    points[:, 2] = np.arange(5)
    points[3, 0] = 0.4
    stack = analyse_stack(points, [0, 0, 1])
    assert stack.off_line == pytest.approx(0.4)
    assert not stack.even


@pytest.mark.parametrize("positions", [[], [[0, 0]], [[0, 0, float("inf")]]])
def test_positions_that_are_none_raise(positions):
    with pytest.raises(GeometryError):
        analyse_stack(positions, [0, 0, 1])
