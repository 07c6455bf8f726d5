from __future__ import annotations

import numpy as np
import pytest
from phantoms import ball, pose

from radkit.errors import LimitExceeded, OptionError
from radkit.geometry import Plane, Slab
from radkit.limits import use
from radkit.mpr import project, reformat
from radkit.volume import Volume

SHAPE = (24, 30, 36)
AFFINE = pose(spacing=(1.0, 1.0, 1.0), shape=SHAPE)


def noise():
    return Volume(np.random.default_rng(1).integers(0, 1000, SHAPE).astype("uint16"), AFFINE)


def test_projection_from_the_front_and_from_the_left():
    volume = noise()
    made = project(volume, angles_deg=(0, 90, 180))
    assert len(made) == 3 and made.angles_deg == (0.0, 90.0, 180.0)
    front, left, back = (made[k] for k in range(3))
    assert front.plane.normal == pytest.approx(Plane.coronal().normal)
    assert left.plane.normal == pytest.approx(Plane.sagittal().normal)
    assert left.plane.along_row == pytest.approx(Plane.sagittal().along_row)
    flat = volume.array.max(axis=1)[::-1]
    shown = made.array[0][~made.outside[0]].reshape(flat.shape)
    # Rays are sampled between the rows too: never more than the largest voxel.
    assert np.array_equal(shown, flat)
    assert np.array_equal(back.array[:, ::-1], front.array)
    side = volume.array.max(axis=2)[::-1]
    assert np.array_equal(made.array[1][~made.outside[1]].reshape(side.shape), side)


@pytest.mark.parametrize("kind", ["max", "min", "mean"])
def test_projection_is_a_slab_through_everything(kind):
    volume = noise()
    made = project(volume, kind=kind, angles_deg=(25,), spacing=1.3, threads=2)
    image = made[0]
    slab = reformat(
        volume, image.plane, slab=Slab(mm=60, project=kind, step_mm=0.5), like=image, fill=0
    )
    assert np.array_equal(slab.array, image.array)


def test_projection_shows_a_ball_at_its_place_from_all_sides():
    centre = np.array([14.0, -24.0, 33.0])
    volume = ball(AFFINE, SHAPE, centre, 3.0)
    for axis in ("head-foot", "left-right", "anterior-posterior", (1, 2, 3)):
        made = project(volume, angles_deg=range(0, 360, 45), axis=axis)
        for k in range(len(made)):
            image = made[k]
            rows, cols = np.nonzero(image.array > 0)
            found = image.affine[:3] @ [rows.mean(), cols.mean(), 1]
            off = (found - centre) - ((found - centre) @ np.array(image.plane.normal)) * np.array(
                image.plane.normal
            )
            assert np.linalg.norm(off) < 0.15, (axis, k)


def test_projection_axis_stays_upright_in_the_picture():
    made = project(noise(), angles_deg=(0, 50), axis=(0, 0, 2))
    assert all(plane.along_col == pytest.approx((0, 0, -1)) for plane in made.planes)
    turned = project(noise(), angles_deg=(0, 50), axis="left-right")
    assert all(plane.along_row == pytest.approx((1, 0, 0)) for plane in turned.planes)


def test_projection_renders_a_cine():
    made = project(noise(), angles_deg=(0, 30), size=(20, 22), spacing=2)
    frames = made.render(window=(500, 1000))
    assert frames.shape == (2, 20, 22) and frames.dtype == np.uint8
    assert (frames[made.outside] == 0).all()
    assert np.array_equal(frames[1], made[1].render(window=(500, 1000)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "sum"},
        {"angles_deg": ()},
        {"angles_deg": (float("nan"),)},
        {"angles_deg": "abc"},
        {"axis": "sideways"},
        {"axis": (0, 0, 0)},
        {"size": (0, 2)},
        {"spacing": 0},
    ],
)
def test_projection_refuses(wrong):
    with pytest.raises(OptionError):
        project(noise(), **wrong)


def test_projection_asks_for_memory_first():
    with use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        project(noise(), angles_deg=range(1000))
