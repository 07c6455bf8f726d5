from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radkit.errors import GeometryError, LimitExceeded, OptionError
from radkit.geometry import Plane, Slab, stack_affine
from radkit.limits import use
from radkit.mpr import PlaneImage, reformat
from radkit.volume import Volume

SHARED = Path(__file__).parents[3] / "shared"
UP = (0.3, 0.41, 0.861)
TILT = np.radians(-18.5)


def make(shape=(6, 20, 24), dtype="int16", spacing=(2.0, 0.75, 0.5), step=None, **more):
    rng = np.random.default_rng(7)
    array = rng.integers(-900, 900, shape).astype(dtype)
    step = (0, 0, spacing[0]) if step is None else step
    affine = stack_affine((1, 0, 0), (0, 1, 0), spacing[1:], (-10, -20, 30), step)
    return Volume(array, affine, **more)


def sheared():
    rng = np.random.default_rng(8)
    array = rng.integers(0, 4000, (7, 20, 24)).astype("uint16")
    down = (0, np.cos(TILT), np.sin(TILT))
    affine = stack_affine((1, 0, 0), down, (0.75, 0.5), (1, 2, 3), (0, 0, 2.0))
    return Volume(array, affine)


def by_hand(volume, point, interpolation="linear"):
    """One value, written as plainly as can be; None outside."""
    index = np.linalg.inv(volume.affine) @ [*point, 1]
    index = np.where(np.abs(index - np.rint(index)) < 1e-6, np.rint(index), index)[:3]
    if volume.positions is not None:
        count = len(volume.positions)
        mean = (volume.positions[-1] - volume.positions[0]) / (count - 1)
        index[0] = np.interp(
            volume.positions[0] + index[0] * mean, volume.positions, np.arange(count)
        )
    sides = volume.shape[:3]
    if any(not -0.5 <= c < n - 0.5 for c, n in zip(index, sides, strict=True)):
        return None
    if interpolation == "nearest":
        k, j, i = (min(int(np.floor(c + 0.5)), n - 1) for c, n in zip(index, sides, strict=True))
        return float(volume.array[k, j, i])
    index = [min(max(c, 0), n - 1) for c, n in zip(index, sides, strict=True)]
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        weight, at = 1.0, []
        for c, n, up in zip(index, sides, corner, strict=True):
            low = min(int(np.floor(c)), max(n - 2, 0))
            weight *= (c - low) if up else 1 - (c - low)
            at.append(min(low + up, n - 1))
        total += weight * float(volume.array[tuple(at)])
    return total


# Orthogonal planes are exact.


def test_axial_slice_is_the_stored_slice():
    volume = make(spacing=(2.0, 0.5, 0.5))
    for k in range(6):
        image = reformat(volume, Plane.axial(at=30 + 2 * k))
        assert image.array.dtype == np.int16
        assert np.array_equal(image.array, volume.array[k])
        assert image.outside is None
        assert np.allclose(image.affine[:3, 2], volume.affine[:3, 3] + k * volume.affine[:3, 0])


def test_coronal_and_sagittal_are_radiological():
    volume = make(spacing=(0.5, 0.5, 0.5))
    coronal = reformat(volume, Plane.coronal(at=-20 + 0.5 * 7))
    # Down the picture is towards the feet, so that the last slice comes first.
    assert np.array_equal(coronal.array, volume.array[::-1, 7, :])
    sagittal = reformat(volume, Plane.sagittal(at=10 - 0.5 * 3))
    assert np.array_equal(sagittal.array, volume.array[::-1, :, 3])


def test_anisotropic_orthogonal_plane_is_exact_with_its_own_spacing():
    volume = make()
    image = reformat(volume, Plane.axial(at=34), spacing=(0.75, 0.5))
    assert np.array_equal(image.array, volume.array[2])
    assert image.spacing == (0.75, 0.5)


def test_flipped_plane_is_the_flipped_picture():
    volume = make(spacing=(2.0, 0.5, 0.5))
    plain = reformat(volume, Plane.axial(at=32)).array
    flipped = reformat(volume, Plane.axial(at=32).flip(cols=True)).array
    assert np.array_equal(flipped, plain[:, ::-1])
    assert np.array_equal(reformat(volume, Plane.axial(at=32).flip(rows=True)).array, plain[::-1])


# Oblique planes, sheared and uneven volumes: against one value at a time.


@settings(max_examples=15, deadline=None)
@given(
    normal=st.tuples(*[st.floats(-1, 1)] * 3).filter(
        lambda n: np.linalg.norm(np.cross(n, UP)) > 0.01
    ),
    interpolation=st.sampled_from(["linear", "nearest"]),
    which=st.sampled_from([make, sheared]),
)
def test_oblique_equals_hand_computation(normal, interpolation, which):
    volume = which()
    # Off the centre by an odd amount: halfway between voxels "nearest" is a tie.
    centre = np.add(volume.centre, (0.0137, 0.0171, 0.0293))
    plane = Plane.from_normal(centre, normal, up=UP)
    image = reformat(
        volume, plane, size=(9, 11), spacing=1.3, interpolation=interpolation, dtype="float64"
    )
    for row, col in np.ndindex(9, 11):
        point = (image.affine @ [row, col, 1])[:3]
        expected = by_hand(volume, point, interpolation)
        outside = image.outside is not None and image.outside[row, col]
        assert outside == (expected is None)
        if expected is not None:
            assert image.array[row, col] == pytest.approx(expected, abs=1e-9 * 4000)


def uneven():
    volume = make(spacing=(2.0, 0.5, 0.5))
    positions = 30 + np.array([0, 1, 2, 5, 8, 10.0])
    return Volume(volume.array, volume.affine, positions=positions)


def test_uneven_slices_are_where_their_positions_say():
    volume = uneven()
    for k, mm in enumerate(volume.positions):
        image = reformat(volume, Plane.axial(at=float(mm)))
        assert np.array_equal(image.array, volume.array[k])
    between = reformat(volume, Plane.axial(at=33.0), dtype="float64").array
    assert np.allclose(between, volume.array[2] * 2 / 3 + volume.array[3] / 3)


def test_uneven_coronal_equals_hand_computation():
    volume = uneven()
    image = reformat(volume, Plane.coronal(at=-15.2), dtype="float64")
    assert len(image.array) == 12 / 0.5 - 1  # 10 mm, and half of 1 mm and of 2 mm
    for row, col in np.ndindex(*image.array.shape):
        point = (image.affine @ [row, col, 1])[:3]
        if 30 <= point[2] <= 40:
            assert image.array[row, col] == pytest.approx(by_hand(volume, point), abs=1e-9)


# Slabs.


@pytest.mark.parametrize("project", ["max", "min", "mean", "sum"])
def test_slab_reduces_the_slices_inside(project):
    volume = make(spacing=(2.0, 0.5, 0.5))
    image = reformat(
        volume, Plane.axial(at=34), slab=Slab(mm=4, project=project, step_mm=2), dtype="float64"
    )
    part = volume.array[1:4].astype(float)
    assert np.allclose(image.array, getattr(np, project)(part, axis=0))


def test_slab_at_the_edge_leaves_out_what_is_outside():
    volume = make(spacing=(2.0, 0.5, 0.5))
    plane = Plane.axial(at=40)
    mean = reformat(volume, plane, slab=Slab(mm=8, project="mean", step_mm=2), dtype="float64")
    assert np.allclose(mean.array, volume.array[3:6].mean(axis=0))
    summed = reformat(volume, plane, slab=Slab(mm=8, project="sum", step_mm=2))
    assert summed.array.dtype == np.float32
    assert np.allclose(summed.array, volume.array[3:6].sum(axis=0))


def test_slab_of_negative_values_takes_their_maximum():
    volume = make()
    volume.array[...] = -np.abs(volume.array) - 1
    image = reformat(volume, Plane.axial(), slab=Slab(mm=4))
    assert image.array.max() < 0


# Padding, filling, types.


def test_padding_does_not_blend():
    volume = make(spacing=(2.0, 0.5, 0.5), padding=-1500)
    volume.array[:, :10] = -1500
    volume.array[:, 10:] = 100
    image = reformat(volume, Plane.axial(at=31), spacing=0.2)
    assert set(np.unique(image.array)) == {-1500, 100}
    assert np.array_equal(image.outside, image.array == -1500)
    assert np.array_equal(image.outside.all(axis=1), image.outside.any(axis=1))
    # 10 rows of 0.5 mm are padding: 5 mm of 10.
    assert image.outside.mean() == pytest.approx(0.5)


def test_fill_goes_where_nothing_is():
    volume = make()
    image = reformat(volume, Plane.axial(at=500), size=(3, 4), fill=77)
    assert (image.array == 77).all()
    assert image.outside.all()
    smallest = reformat(volume, Plane.axial(at=500), size=(3, 4))
    assert (smallest.array == volume.array.min()).all()


def test_integers_are_rounded_to_nearest():
    array = np.zeros((2, 2, 2), "uint8")
    array[1] = 255
    volume = Volume(array, np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]])
    image = reformat(volume, Plane.axial(at=0.6))
    assert (image.array == 153).all()
    assert (reformat(volume, Plane.axial(at=0.601)).array == 153).all()  # 153.255
    assert (reformat(volume, Plane.axial(at=0.603)).array == 154).all()  # 153.765


def test_colour_is_sampled_per_channel():
    rng = np.random.default_rng(1)
    array = rng.integers(0, 255, (4, 5, 6, 3)).astype("uint8")
    volume = Volume(array, np.eye(4)[[2, 1, 0, 3]])
    plane = Plane.from_normal(volume.centre, (0.2, 0.3, 0.9))
    colour = reformat(volume, plane, fill=0)
    for channel in range(3):
        single = Volume(np.ascontiguousarray(array[..., channel]), volume.affine)
        alone = reformat(single, plane, fill=0).array
        assert np.abs(colour.array[..., channel].astype(int) - alone).max() <= 1


def test_result_does_not_depend_on_threads_or_layout():
    volume = sheared()
    plane = Plane.from_normal(volume.centre, (0.2, 0.3, 0.9))
    one = reformat(volume, plane, spacing=0.04)
    assert one.array.size > 1 << 17  # several blocks
    many = reformat(volume, plane, spacing=0.04, threads=3)
    assert np.array_equal(one.array, many.array)
    turned = Volume(np.asfortranarray(volume.array), volume.affine)
    # The order of axes decides the order of roundings, so halves may differ.
    apart = np.abs(reformat(turned, plane, spacing=0.04).array.astype(int) - one.array)
    assert apart.max() <= 1 and (apart != 0).mean() < 1e-3


def test_like_and_out_take_place_and_memory():
    volume = sheared()
    image = reformat(volume, Plane.from_normal(volume.centre, (0.2, 0.3, 0.9)))
    out = np.empty_like(image.array)
    again = reformat(volume, Plane.axial(), like=image, out=out)
    assert again.array is out
    assert np.array_equal(out, image.array)
    assert again.plane == image.plane


@pytest.mark.parametrize(
    "options",
    [
        {"interpolation": "spline"},
        {"spacing": 0},
        {"spacing": (1, 2, 3)},
        {"spacing": 1e-12},
        {"size": (0, 5)},
        {"size": 5},
        {"dtype": "int32"},
        {"fill": 1e9, "size": (2, 2), "plane": Plane.axial(at=900)},
        {"fill": float("nan"), "size": (2, 2), "plane": Plane.axial(at=900)},
        {"threads": 0},
        {"out": np.zeros((2, 2), "int16"), "size": (3, 3)},
        {"out": np.zeros((3, 3), "int32"), "size": (3, 3)},
    ],
)
def test_nonsense_raises_option_error(options):
    plane = options.pop("plane", Plane.axial())
    with pytest.raises(OptionError):
        reformat(make(), plane, **options)


def test_large_plane_is_refused_before_it_is_made():
    with use(max_pixels=1000), pytest.raises(LimitExceeded):
        reformat(make(), Plane.axial(), size=(100, 100))


# Peers and vectors.


def vectors(kind):
    path = SHARED / "spec" / "vectors-geometry.json"
    if not path.exists():
        skip = pytest.mark.skip(reason="shared/spec/vectors-geometry.json is absent")
        return [pytest.param({}, id="absent", marks=skip)]
    cases = json.loads(path.read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases if case["kind"] == kind]


@pytest.mark.parametrize("case", vectors("mpr-values"))
def test_values_equal_vectors(case):
    from radkit.volume import load_volume

    given_, expected = case["input"], case["expect"]
    volume = load_volume(SHARED / "data" / given_["series"])
    size, px = (given_["height"], given_["width"]), given_["pixel_mm"]
    u, v = np.array(given_["U"]), np.array(given_["V"])
    centre = np.array(given_["origin_mm"]) + u * px * (size[1] - 1) / 2 + v * px * (size[0] - 1) / 2
    plane = Plane.oblique(centre, u, v)
    image = reformat(volume, plane, size=size, spacing=px, dtype="float64")
    values = image.array * image.slope + image.intercept
    index = volume_index(volume, image)
    inside = ((index >= 0) & (index <= np.array(volume.shape) - 1)).all(axis=-1)
    assert inside.sum() == pytest.approx(expected["inside_pixels"], abs=2)
    for (col, row), value in zip(expected["pixels"], expected["values"], strict=True):
        if value is not None:
            # The vectors were made without making the rounded directions orthonormal.
            assert values[row, col] == pytest.approx(value, abs=5e-3)


def volume_index(volume, image):
    rows, cols = np.indices(image.array.shape)
    points = np.stack([rows, cols, np.ones_like(rows)], axis=-1) @ image.affine.T
    return (points @ np.linalg.inv(volume.affine).T)[..., :3]


@pytest.mark.parametrize("name", ["mr-t1-oblique", "ct-head-1mm", "mr-sag-decubitus"])
def test_linear_equals_simpleitk(name):
    sitk = pytest.importorskip("SimpleITK")
    if not (SHARED / "data" / name).exists():
        pytest.skip(f"shared/data/{name} is absent")
    from radkit.volume import load_volume

    volume = load_volume(SHARED / "data" / name)
    image = reformat(
        volume,
        Plane.from_normal(volume.centre, (0.35, -0.3, 0.85)),
        size=(120, 130),
        spacing=1.1,
        dtype="float32",
        fill=-5000,
    )
    source = sitk.GetImageFromArray(volume.array.astype(np.float32))
    source.SetSpacing(volume.spacing[::-1])
    source.SetOrigin(volume.origin)
    source.SetDirection(volume.direction[:, ::-1].ravel().tolist())
    grid = sitk.Image(130, 120, 1, sitk.sitkFloat32)
    grid.SetSpacing((1.1, 1.1, 1.0))
    grid.SetOrigin(image.affine[:3, 2].tolist())
    frame = np.array([image.plane.along_row, image.plane.along_col, image.plane.normal]).T
    grid.SetDirection(frame.ravel().tolist())
    other = sitk.Resample(source, grid, sitk.Transform(), sitk.sitkLinear, -5000.0)
    other = sitk.GetArrayFromImage(other)[0]
    inside = (other != -5000) & (image.array != -5000)
    assert inside.sum() > 2000
    # The rim is decided by the last bit of the coordinates.
    assert ((other == -5000) != (image.array == -5000)).sum() <= 4
    assert np.abs(other - image.array)[inside].max() < 0.02


def test_volume_at_gives_values_and_nan_outside():
    volume = make(slope=2.0, intercept=-5.0)
    points = [volume.origin, (1e6, 0, 0)]
    found = volume.at(points)
    assert found[0] == 2.0 * volume.array[0, 0, 0] - 5
    assert np.isnan(found[1])
    assert volume.at(points, fill=3.0)[1] == 3.0
    assert volume.at(np.zeros((2, 5, 3))).shape == (2, 5)


def test_volume_that_fits_nothing_raises():
    with pytest.raises(GeometryError):
        Volume(np.zeros((2, 2)), np.eye(4))
    with pytest.raises(GeometryError):
        Volume(np.zeros((2, 2, 2)), np.zeros((4, 4)))
    with pytest.raises(GeometryError):
        Volume(np.zeros((2, 2, 2)), np.eye(4), positions=np.array([1.0, 1.0]))
    with pytest.raises(OptionError):
        make().at([1, 2])
    with pytest.raises(OptionError):
        make().crop((0, 1, 0, 0, 0, 1))


def test_crop_is_a_view_at_the_same_place():
    for volume in (make(), uneven(), sheared()):
        part = volume.crop((1, 5, 2, 9, 3, 20))
        assert np.shares_memory(part.array, volume.array)
        # A point of the part: halfway between slices 2 and 3 of the whole.
        index = [2, 4, 5, 1]
        point = (part.affine @ index)[:3]
        assert part.at(point) == pytest.approx(volume.at(point))


def spread(samples):
    return samples.max() - samples.min()


def test_slab_takes_a_function_of_the_caller():
    volume = make()
    slab = Slab(mm=4, step_mm=1, project=spread)
    found = reformat(volume, Plane.axial(), slab=slab, interpolation="nearest", threads=2)
    offsets = slab.offsets(min(volume.spacing))
    stack = [
        reformat(volume, Plane.axial().shift(mm), interpolation="nearest").array for mm in offsets
    ]
    assert np.array_equal(found.array, np.ptp(stack, axis=0))
    assert found.array.dtype == volume.array.dtype
    # As at the edge: samples outside of the volume are not given to the function.
    counted = reformat(volume, Plane.axial(at=30), slab=Slab(mm=4, step_mm=1, project=len))
    assert counted.array.max() == 4  # 28 mm is more than half a slice away
    colour = Volume(np.repeat(volume.array[..., None], 3, axis=3), volume.affine)
    assert np.array_equal(
        reformat(colour, Plane.axial(), slab=slab, interpolation="nearest").array,
        np.repeat(found.array[..., None], 3, axis=2),
    )


@pytest.mark.parametrize("function", [lambda samples: samples.no_such_thing, lambda: 1.0])
def test_function_that_cannot_be_used_is_refused(function):
    with pytest.raises(OptionError, match="project"):
        reformat(make(), Plane.axial(), slab=Slab(mm=4, project=function))


def test_function_that_gives_no_number_needs_floats():
    slab = Slab(mm=4, project=lambda samples: samples[0] * np.nan)
    with pytest.raises(OptionError, match="number"):
        reformat(make(), Plane.axial(), slab=slab)
    assert np.isnan(reformat(make(), Plane.axial(), slab=slab, dtype="float32").array).all()


@pytest.mark.parametrize(
    "wrong", [{"plane": "axial"}, {"volume": np.zeros((2, 2, 2))}, {"slab": 5}, {"like": "x"}]
)
def test_wrong_types_raise_type_error(wrong):
    given = {"volume": make(), "plane": Plane.axial(), **wrong}
    with pytest.raises(TypeError, match=next(iter(wrong))):
        reformat(given.pop("volume"), given.pop("plane"), **given)


def picture_of(array, **more):
    given = {"outside": None, "slope": 1.0, "intercept": 0.0, "spacing": (1.0, 1.0), **more}
    return PlaneImage(array=array, affine=np.eye(4, 3), plane=Plane.axial(), units="", **given)


def test_picture_takes_the_percentiles_of_pixels_with_data():
    array = np.arange(101, dtype=np.float32)[None].repeat(3, axis=0)
    ends = picture_of(array, slope=2.0, intercept=-7.0).render()
    expected = np.floor(np.clip((array - 1) / 98, 0, 1) * 255 + 0.5)
    assert np.abs(ends - expected).max() <= 1 and ends[0, 1] == 0 and ends[0, 99] == 255
    assert ends[0, 2] > 0 and ends[0, 98] < 255
    outside = np.zeros(array.shape, bool)
    outside[0] = True
    far = array.copy()
    far[0] = 1e6  # no data: neither in the percentiles nor in the picture
    made = picture_of(far, outside=outside).render()
    assert np.array_equal(made[1:], picture_of(array[1:]).render())
    assert not made[0].any()
    white = picture_of(array, outside=outside).render(window=(-50, 10))
    assert not white[0].any() and (white[1:] == 255).all()


def test_picture_keeps_millimetres():
    image = picture_of(np.zeros((10, 20), np.int16), spacing=(3.0, 1.0))
    assert image.render(size=(60, 60)).shape == (60, 40)
    assert image.render().shape == (10, 20)
