from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import pose

from radkit.errors import GeometryError, OptionError
from radkit.geometry import Plane
from radkit.mpr import COLORMAPS, overlay, reformat
from radkit.mpr.colormaps import table
from radkit.volume import Volume

SHAPE = (6, 8, 10)


def image(array, **more):
    volume = Volume(np.broadcast_to(array, SHAPE).astype("float32"), pose(shape=SHAPE), **more)
    return reformat(volume, Plane.axial(at=30), size=(8, 10), spacing=(0.8, 0.6))


def test_overlay_is_the_blend_of_grey_and_colour():
    base, over = image(np.linspace(0, 100, 10)), image(np.linspace(0, 9, 8)[:, None])
    window = (50, 100)
    fused = overlay(base, over, alpha=0.4, limits=(0, 9), window=window)
    assert fused.shape == (8, 10, 3) and fused.dtype == np.uint8
    grey = base.render(window=window).astype(float)
    values = over.values()
    for r, c in ((0, 0), (3, 4), (7, 9), (5, 1)):
        colour = table("hot")[int(np.floor(values[r, c] / 9 * 255 + 0.5))]
        assert fused[r, c].tolist() == np.floor(0.6 * grey[r, c] + 0.4 * colour + 0.5).tolist()


def test_overlay_leaves_the_base_below_the_limits_and_outside():
    base, over = image(np.linspace(0, 100, 10)), image(np.linspace(0, 9, 8)[:, None])
    fused = overlay(base, over, limits=(4.0, 9.0), window=(50, 100), alpha=1.0)
    grey = base.render(window=(50, 100))
    low = over.values() < 4
    assert np.array_equal(fused[low], np.repeat(grey[low][:, None], 3, axis=1))
    assert (
        fused[~low] == table("hot")[np.floor((over.values()[~low] - 4) / 5 * 255 + 0.5).astype(int)]
    ).all()
    mask = np.zeros((8, 10), bool)
    mask[2] = True
    fused = overlay(base, replace(over, outside=mask), window=(50, 100))
    assert np.array_equal(fused[2], np.repeat(grey[2][:, None], 3, axis=1))


def test_overlay_takes_names_and_tables():
    base, over = image(5), image(np.linspace(0, 1, 10))
    for name in COLORMAPS:
        assert overlay(base, over, colormap=name, alpha=1, limits=(0, 1)).shape == (8, 10, 3)
    own = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    fused = overlay(base, over, colormap=own, alpha=1, limits=(0, 1))
    assert fused[0, 0].tolist() == [255, 0, 0] and fused[0, -1].tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_maps_have_256_colours_and_cannot_be_changed(name):
    colours = table(name)
    assert colours.shape == (256, 3) and colours.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        colours[0, 0] = 1


def test_known_colours():
    assert table("hot")[255].tolist() == [255, 255, 255] and table("hot")[0].tolist() == [11, 0, 0]
    assert table("hot_iron")[[127, 128, 255]].tolist() == [
        [254, 0, 0],
        [255, 0, 0],
        [255, 254, 252],
    ]
    assert table("gray")[77].tolist() == [77, 77, 77]
    assert table("jet")[0].tolist() == [0, 0, 128] and table("jet")[255].tolist() == [128, 0, 0]
    assert table("cool")[0].tolist() == [0, 255, 255]


def test_overlay_refuses_other_places():
    base = image(5)
    with pytest.raises(GeometryError, match="size"):
        overlay(base, replace(image(3), array=np.zeros((4, 4), "float32")))
    moved = image(3)
    affine = moved.affine.copy()
    affine[0, 2] += 1
    with pytest.raises(GeometryError, match="apart"):
        overlay(base, replace(moved, affine=affine))
    with pytest.raises(GeometryError, match="frames of reference"):
        overlay(image(5, frame_of_reference="1.2"), image(3, frame_of_reference="1.3"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 1.5},
        {"alpha": "half"},
        {"limits": (3, 3)},
        {"limits": (0, float("nan"))},
        {"limits": 3},
        {"colormap": "viridian"},
        {"colormap": np.zeros((4, 4), np.uint8)},
        {"colormap": np.zeros((4, 3))},
        {"window": "sunny"},
        {"window": (5, 0)},
    ],
)
def test_overlay_refuses(wrong):
    with pytest.raises(OptionError):
        overlay(image(5), image(3), **wrong)


def test_large_pictures_are_blended_by_the_same_formula():
    rng = np.random.default_rng(8)
    array = rng.integers(0, 256, (2, 300, 300)).astype("float32")
    base = Volume(array, pose(spacing=(1, 1, 1), shape=array.shape))
    plane = Plane.axial(at=30.5)
    one = reformat(base, plane)
    two = reformat(Volume(array[:, ::-1].copy(), base.affine), plane)
    fused = overlay(one, two, limits=(0, 255), window=(128, 256), alpha=0.37)
    grey = one.render(window=(128, 256)).astype(float)[..., None]
    colour = table("hot")[two.array.astype(int)]
    assert np.array_equal(fused, np.floor((1 - 0.37) * grey + 0.37 * colour + 0.5))


def test_overlay_of_nothing_but_one_value():
    fused = overlay(image(5), image(3))
    assert np.isfinite(fused).all()
    with pytest.raises(TypeError):
        overlay(image(5), "pet")
