from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from radkit.errors import GeometryError, OptionError
from radkit.geometry import apply, letters, stack_affine
from radkit.volume import Volume

AFFINE = stack_affine((0.9, 0.1, 0.2), (-0.1, 0.9, 0.05), (0.7, 0.5), (1, 2, 3), (0.1, 0.2, 2))
ALL = ["".join(word) for order in permutations(("LR", "PA", "SI")) for word in product(*order)]


def volume(**more):
    array = np.random.default_rng(0).integers(0, 99, (4, 5, 6)).astype("int16")
    return Volume(array, AFFINE, instances=("a", "b", "c", "d"), missing=(1,), **more)


@pytest.mark.parametrize("to", ALL)
def test_every_voxel_keeps_its_place(to):
    source = volume()
    made = source.reorient(to)
    assert np.shares_memory(made.array, source.array)
    axes = [letters(made.direction[:, axis])[0] for axis in (2, 1, 0)]
    assert "".join(axes).replace("H", "S").replace("F", "I") == to
    index = np.moveaxis(np.indices(made.shape), 0, -1).reshape(-1, 3)
    back = apply(np.linalg.inv(source.affine), apply(made.affine, index))
    k, j, i = np.rint(back).astype(int).T
    assert np.allclose(back, np.rint(back), atol=1e-9)
    assert np.array_equal(made.array.ravel(), source.array[k, j, i])


def test_labels_of_slices_go_with_them():
    source = volume()
    back = source.reorient("LPI")
    assert back.instances == ("d", "c", "b", "a") and back.missing == (2,)
    assert source.reorient("PSL").instances == ()
    assert source.reorient("LPH") is source


def test_uneven_slices_turn_but_stay_first():
    positions = np.array([0.0, 1, 3, 6])
    source = volume(positions=positions)
    back = source.reorient("RAI")
    assert np.array_equal(back.positions, [-6, -3, -1, 0])
    points = np.array([[1.5, 3, 4.2], [2.0, 4, 6.5]])
    assert np.allclose(back.at(points), source.at(points))
    with pytest.raises(GeometryError):
        source.reorient("SPL")


def test_colour_keeps_its_samples_last():
    array = np.zeros((4, 5, 6, 3), "uint8")
    assert Volume(array, AFFINE).reorient("SPL").shape == (6, 5, 4, 3)


@pytest.mark.parametrize("to", ["", "LP", "LLS", "LRS", "XYZ", "LPSA", 3])
def test_reorient_refuses(to):
    with pytest.raises(OptionError):
        volume().reorient(to)
