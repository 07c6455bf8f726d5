from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import radkit
from radkit.errors import CorruptPixelData, GeometryError, OptionError
from radkit.preview import volume_pyramid
from radkit.testing import write_series

zarr = pytest.importorskip("zarr")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("series"), slices=6, step=0.5, spacing=(0.5, 0.5))


def test_levels_lie_where_the_volume_lies(series, tmp_path):
    volume = radkit.load_volume(series)
    made = volume_pyramid(series, tmp_path / "v.zarr", levels=3)
    assert np.array_equal(made.volume(0).array, volume.array)
    for level in range(3):
        found = made.volume(level)
        assert found.array.shape == made.shapes[level]
        assert np.allclose(found.spacing, made.spacings[level])
        # The centre of the first voxel is the mean of the voxels that it is made of.
        index = [(2**level - 1) / 2] * 3
        assert np.allclose(found.affine @ [0, 0, 0, 1], volume.affine @ [*index, 1])
    assert made.sizes[0] > made.sizes[1] > made.sizes[2] > 0


def test_slices_are_halved_where_they_are_near(tmp_path):
    far = write_series(tmp_path / "far", slices=4, step=4.0, spacing=(0.5, 0.5))
    made = volume_pyramid(far, tmp_path / "v.zarr", levels=3)
    assert [shape[0] for shape in made.shapes] == [4, 4, 4]
    near = write_series(tmp_path / "near", slices=4, step=1.0, spacing=(0.5, 0.5))
    made = volume_pyramid(near, tmp_path / "w.zarr", levels=3)
    assert [shape[0] for shape in made.shapes] == [4, 4, 2]


def test_metadata_is_ome_zarr(series, tmp_path):
    volume_pyramid(series, tmp_path / "v.zarr", levels=2)
    told = json.loads((tmp_path / "v.zarr" / "zarr.json").read_text())["attributes"]["ome"]
    assert told["version"] == "0.5"
    (multiscale,) = told["multiscales"]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in multiscale["axes"]} == {"millimeter"}
    scales = [
        {one["type"]: one[one["type"]] for one in dataset["coordinateTransformations"]}
        for dataset in multiscale["datasets"]
    ]
    assert scales[0] == {"scale": [0.5, 0.5, 0.5], "translation": [0, 0, 0]}
    assert scales[1]["scale"] == pytest.approx([1.0, 1.0, 1.0])
    assert scales[1]["translation"] == pytest.approx([0.25, 0.25, 0.25])


def test_independent_models_take_the_metadata(series, tmp_path):
    models = pytest.importorskip("ome_zarr_models.v05")
    volume_pyramid(series, tmp_path / "v.zarr", levels=2)
    found = models.Image.from_zarr(zarr.open_group(tmp_path / "v.zarr", mode="r"))
    (multiscale,) = found.ome_attributes.multiscales
    scale, translation = multiscale.datasets[1].coordinateTransformations
    assert scale.scale == pytest.approx([1.0, 1.0, 1.0])
    assert translation.translation == pytest.approx([0.25, 0.25, 0.25])


def test_zarr_finds_the_codec_by_itself(series, tmp_path):
    volume_pyramid(series, tmp_path / "v.zarr", levels=1)
    np.save(tmp_path / "right.npy", radkit.load_volume(series).array)
    script = """
        import sys, numpy as np, zarr
        assert "radkit" not in sys.modules
        found = zarr.open_array(sys.argv[1], mode="r")
        assert found.metadata.codecs[0].to_dict()["name"] == "radkit.htj2k"
        assert np.array_equal(found[...], np.load(sys.argv[2]))
        assert np.array_equal(found[2, 5:9, 3:], np.load(sys.argv[2])[2, 5:9, 3:])
    """
    subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(script),
            str(tmp_path / "v.zarr" / "0"),
            str(tmp_path / "right.npy"),
        ],
        check=True,
    )


def test_lossy_keeps_its_bound(series, tmp_path):
    right = radkit.load_volume(series).array.astype(int)
    made = volume_pyramid(series, tmp_path / "v.zarr", levels=1, lossy=radkit.Lossy(max_error=3))
    assert np.abs(made.volume(0).array.astype(int) - right).max() <= 3


def test_values_that_are_no_integers(tmp_path):
    slopes = [(1.0 + 0.1 * k, 0.0) for k in range(5)]
    folder = write_series(tmp_path / "pet", slices=5, slopes=slopes)
    volume = radkit.load_volume(folder)
    assert volume.array.dtype == np.float32
    made = volume_pyramid(folder, tmp_path / "v.zarr", levels=2)
    assert np.array_equal(made.volume(0).array, volume.array)
    with pytest.raises(OptionError, match="no integers"):
        volume_pyramid(volume, tmp_path / "w.zarr", lossy=radkit.Lossy(ratio=5))


def test_progress_and_options(series, tmp_path):
    seen = []
    volume_pyramid(series, tmp_path / "v.zarr", levels=2, progress=lambda *a: seen.append(a))
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(OptionError):
        volume_pyramid(series, tmp_path / "v.zarr", levels=0)
    with pytest.raises(OptionError):
        volume_pyramid(series, tmp_path / "v.zarr", lossy=radkit.Lossy(max_bytes=900))


def test_uneven_slices_have_no_levels(tmp_path):
    positions = [(0, 0, z) for z in (0.0, 1.0, 2.0, 4.7)]
    folder = write_series(tmp_path / "uneven", slices=4, positions=positions)
    with pytest.raises(GeometryError):
        volume_pyramid(radkit.load_volume(folder), tmp_path / "v.zarr")


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i2", ">u2", "<u4", "<i4"])
@pytest.mark.parametrize("chunks", [(1, 8, 10), (3, 8, 10), (2, 5, 7)])
def test_codec_round_trip(dtype, chunks, tmp_path):
    from radkit.interop.zarr_htj2k import HTJ2K

    kind = np.dtype(dtype)
    span = np.iinfo(kind)
    low, high = max(span.min, -(1 << 24)), min(span.max, 1 << 24)
    values = np.random.default_rng(1).integers(low, high + 1, (5, 16, 20)).astype(kind)
    stored = zarr.create_array(
        tmp_path / "a.zarr",
        shape=values.shape,
        dtype=kind,
        chunks=chunks,
        serializer=HTJ2K(),
        compressors=None,
        filters=None,
    )
    stored[...] = values
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[...], values)


def test_codec_colour(tmp_path):
    from radkit.interop.zarr_htj2k import HTJ2K

    values = np.random.default_rng(1).integers(0, 256, (2, 16, 20, 3)).astype(np.uint8)
    stored = zarr.create_array(
        tmp_path / "a.zarr",
        data=values,
        chunks=(1, 16, 20, 3),
        serializer=HTJ2K(samples=3),
        compressors=None,
        filters=None,
    )
    assert np.array_equal(stored[...], values)


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [((4, 4, 4), "f4", {}), ((4,), "u2", {}), ((4, 4, 4), "u1", {"samples": 3})],
)
def test_codec_refuses_other_arrays(shape, dtype, options, tmp_path):
    from radkit.interop.zarr_htj2k import HTJ2K

    with pytest.raises(OptionError):
        zarr.create_array(
            tmp_path / "a.zarr",
            shape=shape,
            dtype=dtype,
            chunks=shape,
            serializer=HTJ2K(**options),
            compressors=None,
            filters=None,
        )


@pytest.mark.parametrize("change", [lambda d: d[:-9], lambda d: b"", lambda d: b"RKHT" + d[4:30]])
def test_damaged_chunks_are_told(change, tmp_path):
    from radkit.interop.zarr_htj2k import HTJ2K

    values = np.arange(2 * 16 * 20, dtype=np.uint16).reshape(2, 16, 20)
    zarr.create_array(
        tmp_path / "a.zarr",
        data=values,
        chunks=(2, 16, 20),
        serializer=HTJ2K(),
        compressors=None,
        filters=None,
    )
    (chunk,) = (path for path in (tmp_path / "a.zarr" / "c").rglob("0") if path.is_file())
    chunk.write_bytes(change(chunk.read_bytes()))
    with pytest.raises(CorruptPixelData):
        zarr.open_array(tmp_path / "a.zarr")[...]
