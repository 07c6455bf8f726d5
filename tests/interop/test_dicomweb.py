from __future__ import annotations

import numpy as np
import pytest

from radkit.errors import LimitExceeded, OptionError
from radkit.geometry import Plane, Slab, stack_affine
from radkit.interop.dicomweb import rendered_mpr
from radkit.limits import use
from radkit.mpr import reformat
from radkit.volume import Volume

AFFINE = stack_affine((1, 0, 0), (0, 1, 0), (1.0, 1.0), (-20, -30, 10), (0, 0, 2.0))


MAXIMUM = "renderingmethod=maximum_ip&window=127.5,255,linear-exact"


def volume():
    array = np.random.default_rng(0).integers(0, 1000, (12, 30, 40)).astype("int16")
    return Volume(array, AFFINE)


def marked():
    """A volume with a mark at the left, a brighter one at the back, the brightest on top."""
    array = np.zeros((21, 21, 21), "uint8")
    affine = stack_affine((1, 0, 0), (0, 1, 0), (1.0, 1.0), (-10, -10, -10), (0, 0, 1.0))
    for k, j, i, value in ((10, 10, 18, 80), (10, 18, 10, 160), (18, 10, 10, 240)):
        array[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = value
    return Volume(array, affine)


@pytest.mark.parametrize(
    ("orientation", "left", "back", "top"),
    [
        # Where the marks are in the picture: l(eft), r(ight), u(p), d(own) or m(iddle).
        ("a", "r", "m", "u"),
        ("p", "l", "m", "u"),
        ("r", "m", "l", "u"),
        ("l", "m", "r", "u"),
        ("h", "l", "d", "m"),
        ("f", "r", "d", "m"),
    ],
)
def test_orientations_are_those_of_the_standard(orientation, left, back, top):
    query = f"orientation={orientation}&mprslab=30&{MAXIMUM}"
    picture = rendered_mpr(marked(), query)
    for value, side in ((80, left), (160, back), (240, top)):
        rows, cols = np.nonzero(picture == value)
        if side == "m":
            continue  # hidden behind or before the middle: seen at another place or not at all
        away = (rows.mean() - 10, cols.mean() - 10)
        expected = {"l": (0, -8), "r": (0, 8), "u": (-8, 0), "d": (8, 0)}[side]
        assert away == pytest.approx(expected, abs=0.6)


def test_viewpoint_is_the_plane_it_describes():
    query = {
        "viewpointposition": "0,-80,20",
        "viewpointlookat": "0,-15,20",
        "viewpointup": "0,0,1",
        "window": "500,1000",
    }
    image = reformat(volume(), Plane.from_normal((0, -15, 20), (0, 1, 0), up=(0, 0, 1)))
    assert np.array_equal(rendered_mpr(volume(), query), image.render(window=(500, 1000)))


def test_slab_is_averaged_unless_said_otherwise():
    plain = "orientation=f&mprslab=6&window=500,1000"
    mean = reformat(volume(), Plane.axial(), slab=Slab(mm=6, project="mean"))
    assert np.array_equal(rendered_mpr(volume(), plain), mean.render(window=(500, 1000)))
    low = reformat(volume(), Plane.axial(), slab=Slab(mm=6, project="min"))
    found = rendered_mpr(volume(), plain + "&renderingmethod=minimum_ip")
    assert np.array_equal(found, low.render(window=(500, 1000)))
    thin = rendered_mpr(volume(), "?orientation=f&renderingmethod=maximum_ip&window=500,1000")
    assert np.array_equal(thin, reformat(volume(), Plane.axial()).render(window=(500, 1000)))


def test_viewport_keeps_the_aspect_and_takes_a_region():
    assert rendered_mpr(volume(), "orientation=f&viewport=200,200").shape == (150, 200)
    assert rendered_mpr(volume(), "orientation=a&viewport=80,480").shape == (48, 80)
    whole = rendered_mpr(volume(), "orientation=f&window=500,1000")
    part = rendered_mpr(volume(), "orientation=f&window=500,1000&viewport=10,8,4,5,10,8")
    assert np.array_equal(part, whole[5:13, 4:14])


def test_functions_of_windows():
    values = reformat(volume(), Plane.axial()).values()
    exact = rendered_mpr(volume(), "orientation=f&window=500,400,linear-exact")
    y = np.clip((values - 500) / 400 + 0.5, 0, 1) * 255
    assert np.array_equal(exact, np.floor(y + 0.5))
    sigmoid = rendered_mpr(volume(), "orientation=f&window=500,400,sigmoid")
    assert np.array_equal(sigmoid, np.floor(255 / (1 + np.exp(-4 * (values - 500) / 400)) + 0.5))


def test_swivel_turns_about_the_up_direction():
    query = f"orientation=a&mprslab=100&{MAXIMUM}"
    frames = rendered_mpr(marked(), query + "&swivelrange=90&animationstepsize=30")
    assert frames.shape[0] == 3
    assert np.array_equal(frames[1], rendered_mpr(marked(), query))
    # The mark on top stays where it is, the one at the left side moves with the cosine.
    for frame in frames:
        rows, cols = np.nonzero(frame > 200)
        assert (rows.mean(), cols.mean()) == pytest.approx((2, 10), abs=0.6)


def test_words_of_the_server_are_left_to_it():
    query = "orientation=f&accept=image/png&quality=90&volumeinputreference=1.2.3"
    assert rendered_mpr(volume(), query).shape == (30, 40)
    assert rendered_mpr(volume(), "").dtype == np.uint8


@pytest.mark.parametrize(
    "query",
    [
        "orientation=x",
        "orientation=a&orientation=p",
        "orientation=a&viewpointup=0,0,1",
        "viewpointposition=0,0,0",
        "viewpointposition=0,0,0&viewpointlookat=0,0,0&viewpointup=0,0,1",
        "viewpointposition=0,0,0&viewpointlookat=0,1,0&viewpointup=0,1,0",
        "renderingmethod=volume_rendered",
        "renderingmethod=magic",
        "mprslab=0",
        "mprslab=thick",
        "mprslab=1,2",
        "window=5",
        "window=5,0",
        "window=5,nan",
        "window=5,10,cubic",
        "window=5,10,linear,more",
        "viewport=0,5",
        "viewport=5",
        "viewport=5,5,0,0,0,0",
        "viewport=5,5,-1,0,4,4",
        "viewport=5,5,38,0,4,4",
        "viewport=99999999,5",
        "swivelrange=90",
        "swivelrange=90&animationstepsize=0",
        "swivelrange=90&animationstepsize=0.0001",
        "swivelrange=400&animationstepsize=1",
        "volumetriccurvepoint=1,2,3",
        "colour=red",
    ],
)
def test_senseless_queries_are_refused(query):
    with pytest.raises(OptionError):
        rendered_mpr(volume(), query)


def test_thick_slabs_are_no_more_work_than_the_volume():
    thick = rendered_mpr(volume(), "orientation=a&mprslab=1e5&window=500,1000")
    whole = rendered_mpr(volume(), "orientation=a&mprslab=200&window=500,1000")
    assert np.array_equal(thick, whole)


def test_random_queries_give_pictures_or_typed_errors():
    rng = np.random.default_rng(12)
    words = ["orientation", "mprslab", "window", "viewport", "renderingmethod", "swivelrange"]
    words += ["animationstepsize", "viewpointposition", "viewpointlookat", "viewpointup"]
    values = ["a", "f", "0", "1", "-1", "7,9", "1e300", "nan", "1,2,3", "5,5,0,0,9,9", ""]
    values += ["90", "45", "1e-300", "0,0,1", "9e9,1,1", "\0", "%00", "3,3", "average_ip", "inf,1"]
    drawn = 0
    with use(max_pixels=1 << 16, max_memory_bytes=1 << 24):
        for _ in range(400):
            names = rng.choice(words, rng.integers(1, 4), replace=False)
            query = {name: str(rng.choice(values)) for name in names}
            try:
                drawn += rendered_mpr(volume(), query).dtype == np.uint8
            except (OptionError, LimitExceeded):
                continue
    assert drawn > 10  # some do make sense


def test_wrong_types_are_refused():
    with pytest.raises(TypeError):
        rendered_mpr("volume", "orientation=a")
