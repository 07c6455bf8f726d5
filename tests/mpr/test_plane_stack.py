from __future__ import annotations

import numpy as np
import pytest
from phantoms import pose, ramp, ramp_at

from radkit.errors import LimitExceeded, OptionError
from radkit.geometry import Plane, Slab, apply
from radkit.limits import use
from radkit.mpr import reformat, reformat_stack
from radkit.volume import Volume

RNG = np.random.default_rng(3)
SHAPE = (12, 16, 20)


def volume(**more):
    array = RNG.integers(-900, 900, SHAPE).astype("int16")
    return Volume(array, pose(), frame_of_reference="1.2.3", instances=("a",) * 12, **more)


@pytest.mark.parametrize(
    "plane", [Plane.coronal(), Plane.sagittal(), Plane.axial().rotate(25, (1, 1, 0))]
)
@pytest.mark.parametrize("step", [0.7, -1.5])
@pytest.mark.parametrize("slab", [None, Slab(mm=4, project="mean")])
def test_stack_slices_are_the_planes(plane, step, slab):
    source = volume()
    stack = reformat_stack(source, plane, count=5, step_mm=step, slab=slab)
    assert stack.shape[0] == 5 and stack.frame_of_reference == "1.2.3" and stack.instances == ()
    fill = int(source.array.min())
    for k in range(5):
        image = reformat(source, plane.shift(k * step), slab=slab, fill=fill)
        assert np.array_equal(stack.array[k], image.array)
        corner = image.affine[:3, 2]
        assert np.allclose(apply(stack.affine, (k, 0, 0)), corner, atol=1e-9)
    assert stack.handedness == ("right" if step > 0 else "left")


def test_stack_of_a_ramp_is_the_ramp():
    source = ramp(pose(angles=(20, 30, 40)))
    stack = reformat_stack(
        source, Plane.coronal().rotate(10, "row"), count=4, step_mm=1, size=(6, 7), spacing=0.5
    )
    where = apply(stack.affine, np.moveaxis(np.indices(stack.shape), 0, -1))
    assert np.allclose(stack.array, ramp_at(where), atol=1e-8)


def test_stack_keeps_padding_of_the_source_only():
    assert reformat_stack(volume(), Plane.axial(), count=1, step_mm=1, fill=-5).padding is None
    padded = volume(padding=-2000)
    assert reformat_stack(padded, Plane.axial(), count=1, step_mm=1).padding == -2000
    assert reformat_stack(padded, Plane.axial(), count=1, step_mm=1, fill=-5).padding == -5


def test_stack_into_out_and_float():
    source = volume()
    plain = reformat_stack(source, Plane.sagittal(), count=3, step_mm=2, dtype="float32")
    out = np.empty(plain.shape, "float32")
    again = reformat_stack(
        source, Plane.sagittal(), count=3, step_mm=2, dtype="float32", out=out, threads=2
    )
    assert again.array is out and np.array_equal(out, plain.array)
    like = reformat(source, Plane.sagittal(), size=(5, 6))
    assert reformat_stack(source, Plane.sagittal(), count=2, step_mm=2, like=like).shape == (
        2,
        5,
        6,
    )
    summed = reformat_stack(
        source, Plane.axial(), count=2, step_mm=2, slab=Slab(mm=2, project="sum")
    )
    assert summed.array.dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 1.5},
        {"step_mm": 0},
        {"step_mm": float("nan")},
        {"spacing": -1},
        {"size": (0, 4)},
        {"fill": 1 << 20},
        {"dtype": "int32"},
        {"interpolation": "magic"},
    ],
)
def test_stack_refuses(wrong):
    with pytest.raises((OptionError, TypeError)):
        reformat_stack(volume(), Plane.axial(), **{"count": 2, "step_mm": 1.0, **wrong})


def test_stack_asks_for_memory_first():
    with use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        reformat_stack(volume(), Plane.axial(), count=10**7, step_mm=1)
