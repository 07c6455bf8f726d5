from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from phantoms import places, pose, ramp, ramp_at

from radkit.errors import LimitExceeded, OptionError
from radkit.geometry import Slab
from radkit.limits import use
from radkit.mpr import curved_reformat
from radkit.volume import Volume

SHAPE = (60, 64, 64)
AFFINE = pose(spacing=(1.0, 0.8, 0.8), centre=(0, 0, 0), shape=SHAPE)
KINDS = ["straightened", "stretched", "projected"]


def bend(count=30):
    """Points of a vessel that bends to the left and to the back."""
    t = np.linspace(-1, 1, count)
    return np.stack([12 * np.sin(1.5 * t), 8 * t**2 - 4, 22 * t], axis=1)


@lru_cache(maxsize=1)
def vessel(radius=2.5):
    """A volume with a bright tube about the bend."""
    line = bend()
    fine = np.stack(
        [
            np.interp(np.linspace(0, 1, 800), np.linspace(0, 1, len(line)), line[:, i])
            for i in range(3)
        ],
        1,
    )
    where = places(AFFINE, SHAPE).reshape(-1, 3)
    away = np.full(len(where), np.inf)
    for point in fine[::4]:
        away = np.minimum(away, np.linalg.norm(where - point, axis=1))
    share = np.clip(radius - away + 0.5, 0, 1)
    return Volume((share * 1000).astype("int16").reshape(SHAPE), AFFINE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slab", [None, Slab(mm=2, project="mean")])
def test_every_pixel_of_a_ramp_is_the_ramp_at_its_place(kind, slab):
    volume = ramp(
        pose(angles=(5, 10, 15), spacing=(1.0, 0.8, 0.8), centre=(0, 0, 0), shape=SHAPE), SHAPE
    )
    image = curved_reformat(volume, bend(), kind=kind, width_mm=16, angle_deg=35, slab=slab)
    for row in range(0, image.array.shape[0], 7):
        for col in (0, 5, image.array.shape[1] - 1):
            assert image.array[row, col] == pytest.approx(ramp_at(image.point(row, col)), abs=1e-6)


def test_straightened_vessel_is_a_straight_band():
    line = bend()
    image = curved_reformat(vessel(), line, width_mm=20, slab=Slab(mm=1))
    middle = image.array.shape[1] // 2
    assert np.allclose(image.columns, middle)
    lit = image.array > 500
    rows = np.arange(5, len(lit) - 5)
    centres = [np.nonzero(lit[row])[0].mean() for row in rows]
    assert np.abs(np.array(centres) - middle).max() <= 1
    widths = lit[rows].sum(axis=1) * image.spacing[1]
    assert np.abs(widths - 5).max() < 1.7
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert (len(image.array) - 1) * image.spacing[0] == pytest.approx(length, rel=0.01)


@pytest.mark.parametrize("kind", ["stretched", "projected"])
def test_other_kinds_follow_the_vessel(kind):
    line = bend()
    image = curved_reformat(vessel(), line, kind=kind, width_mm=20)
    for row in range(5, len(image.array) - 5, 4):
        lit = np.nonzero(image.array[row] > 500)[0]
        assert abs(lit.mean() - image.columns[row]) < 1.5
    assert np.allclose(image.along_row, image.along_row[0])
    height = np.linalg.norm(line[-1] - line[0])
    if kind == "stretched":  # the length of what the line is across its rows
        flat = line - (line @ image.along_row[0])[:, None] * image.along_row[0]
        height = np.linalg.norm(np.diff(flat, axis=0), axis=1).sum()
    assert (len(image.array) - 1) * image.spacing[0] == pytest.approx(height, rel=0.01)


def test_angle_turns_the_rows_about_the_line():
    volume, line = vessel(), bend()
    zero, quarter = (curved_reformat(volume, line, angle_deg=angle) for angle in (0, 90))
    assert np.abs((zero.along_row * quarter.along_row).sum(axis=1)).max() < 1e-9
    full = curved_reformat(volume, line, angle_deg=360)
    assert np.allclose(full.along_row, zero.along_row)


def test_points_of_the_line_lie_where_columns_say():
    for kind in KINDS:
        image = curved_reformat(vessel(), bend(), kind=kind, step_mm=0.7)
        for row in (0, 11, len(image.array) - 1):
            assert image.point(row, image.columns[row]) == pytest.approx(image.centreline[row])


def test_curve_outside_of_the_volume_gives_fill():
    volume = Volume(np.full(SHAPE, 7, "int16"), AFFINE, padding=-100)
    image = curved_reformat(volume, bend() + 500)
    assert image.outside is not None and image.outside.all() and (image.array == -100).all()
    part = curved_reformat(volume, bend() * 1.5, width_mm=80)
    assert part.outside is not None and 0 < part.outside.sum() < part.outside.size
    assert (part.array[part.outside] == -100).all() and (part.array[~part.outside] == 7).all()
    assert (part.render(window=(0, 20))[part.outside] == 0).all()


def test_threads_do_not_change_the_result():
    volume = vessel()
    one = curved_reformat(volume, bend(), slab=Slab(mm=3))
    two = curved_reformat(volume, bend(), slab=Slab(mm=3), threads=2)
    assert np.array_equal(one.array, two.array)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "rolled"},
        {"width_mm": 0},
        {"width_mm": float("nan")},
        {"step_mm": -1},
        {"step_mm": 1e-9},
        {"angle_deg": float("inf")},
        {"threads": 0},
    ],
)
def test_curved_refuses(wrong):
    with pytest.raises(OptionError):
        curved_reformat(vessel(), bend(), **wrong)


def test_curved_asks_for_memory_first():
    with use(max_pixels=1000), pytest.raises(LimitExceeded):
        curved_reformat(vessel(), bend())
    with pytest.raises(TypeError):
        curved_reformat("ct", bend())
