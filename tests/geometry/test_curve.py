from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit.errors import OptionError
from radkit.geometry.curve import across, centre_line, transported


def helix(turns=1.5, radius=20.0, rise=8.0, count=60):
    t = np.linspace(0, 2 * np.pi * turns, count)
    return np.stack([radius * np.cos(t), radius * np.sin(t), rise * t], axis=1)


def test_curve_has_even_steps_and_keeps_its_ends():
    points = helix()
    curve = centre_line(points, 0.5)
    assert np.allclose(curve.points[[0, -1]], points[[0, -1]], atol=1e-9)
    steps = np.linalg.norm(np.diff(curve.points, axis=0), axis=1)
    assert np.allclose(steps, curve.step, rtol=1e-3) and curve.step <= 0.5
    length = 1.5 * 2 * np.pi * np.hypot(20, 8)
    assert curve.length == pytest.approx(length, rel=2e-3)


def test_curve_stays_near_to_the_points():
    curve = centre_line(helix(), 0.5)
    # Smoothing by 1 mm draws a bend of 20 mm radius in by 1 / (2 * 20) mm.
    radius = np.hypot(curve.points[:, 0], curve.points[:, 1])[10:-10]
    assert np.abs(radius - 20).max() < 0.05


def test_straight_line_is_itself():
    line = np.array([[0, 0, 0], [1, 2, 2], [2, 4, 4], [10, 20, 20.0]])
    curve = centre_line(line, 1.0)
    assert curve.length == pytest.approx(30)
    assert np.allclose(np.cross(curve.points, [1, 2, 2]), 0, atol=1e-9)
    assert np.allclose(curve.tangents, np.array([1, 2, 2]) / 3, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=4, max_size=8))
def test_transported_vectors_are_unit_and_across(points):
    found = np.array(points)
    if np.linalg.norm(np.diff(found, axis=0), axis=1).min() < 1:
        return
    try:
        curve = centre_line(found, 0.5)
    except OptionError:  # turns back on itself
        return
    frames = transported(curve, across(curve.tangents[0]))
    assert np.allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-9)
    assert np.abs((frames * curve.tangents).sum(axis=1)).max() < 1e-9


def test_transport_does_not_twist_along_a_flat_curve():
    t = np.linspace(0, 4 * np.pi, 80)
    wave = np.stack([10 * np.sin(t), np.zeros_like(t), 10 * t], axis=1)  # bends to and fro
    curve = centre_line(wave, 0.5)
    frames = transported(curve, np.array([0.0, 1.0, 0.0]))
    assert np.allclose(frames, [0, 1, 0], atol=1e-6)


def test_transport_around_a_helix_turns_as_theory_says():
    # The turn against the frame of Frenet is the torsion times the length.
    radius, rise = 20.0, 8.0
    curve = centre_line(helix(count=400), 0.1)
    inner = -curve.points * [1, 1, 0] / np.hypot(curve.points[:, 0], curve.points[:, 1])[:, None]
    k0, k1 = 100, len(curve.points) - 101
    first = inner[k0] - (inner[k0] @ curve.tangents[k0]) * curve.tangents[k0]
    part = type(curve)(curve.points[k0 : k1 + 1], curve.tangents[k0 : k1 + 1], curve.step)
    last = transported(part, first / np.linalg.norm(first))[-1]
    cosine = float(last @ inner[k1])
    torsion = rise / (radius**2 + rise**2)
    assert cosine == pytest.approx(np.cos(torsion * part.length), abs=5e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [[0, 0, 0], [1, 1, 1]],
        [[0, 0, 0]] * 5,
        [[0, 0], [1, 1], [2, 2]],
        [[0, 0, 0], [1, 1, np.nan], [2, 2, 2]],
        "line",
        [[0, 0, 0], [1e9, 0, 0], [2e9, 0, 0]],
    ],
)
def test_centre_line_refuses(wrong):
    with pytest.raises(OptionError):
        centre_line(wrong, 0.5)
