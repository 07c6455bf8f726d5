"""Previews: what a service with pydicom, imagecodecs, Pillow and zarr would do, against one call.

The peer's thumbnails come in two ways: everything decoded and shrunk, and the reduced decoding
that imagecodecs has for who knows of it. Both sides start from the bytes of the object.
"""

from __future__ import annotations

import functools
import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side

WINDOW = (1000, 2500)  # centre and width in Hounsfield units: keeps both kinds of frame grey
SIDE = 256
LIMIT_MS = {"ct": 10.0, "mg": 60.0}  # of a thumbnail, on one core
SLICES = 40


@functools.cache
def coded_objects(kind: str) -> tuple[bytes, ...]:
    """Return the frames as HTJ2K objects, resolutions in front."""
    import radkit

    bits = data.bits_of(kind)
    plain = (data.plain_object(f, bits, number=i) for i, f in enumerate(data.frames(kind)))
    made = [radkit.transcode(one, None, "htj2k-lossless-rpcl").data for one in plain]
    return tuple(one for one in made if one is not None)


@functools.cache
def coded_files() -> tuple[Path, ...]:
    """Return a series of 40 slices as HTJ2K files in memory."""
    import radkit

    folder = data.work_dir() / "coded"
    folder.mkdir()
    frames = data.frames("ct")
    for i in range(SLICES):
        plain = data.plain_object(frames[i % len(frames)], 12, number=i)
        radkit.transcode(plain, folder / f"{i:03d}.dcm", "htj2k-lossless-rpcl", verify=False)
    return tuple(sorted(folder.iterdir()))


def shrunk(array, header):
    """Window an array as its header says, and shrink it by Pillow."""
    from PIL import Image

    low = WINDOW[0] - WINDOW[1] / 2
    units = array * np.float32(header.RescaleSlope) + np.float32(header.RescaleIntercept)
    grey = np.clip((units - low) * np.float32(255 / WINDOW[1]) + 0.5, 0, 255).astype(np.uint8)
    scale = SIDE / max(grey.shape)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))


def whole_thumbnail(blob):
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(blob))
    return shrunk(dataset.pixel_array, dataset)


def reduced_thumbnail(blob):
    import imagecodecs
    import pydicom
    from pydicom.encaps import get_frame

    dataset = pydicom.dcmread(io.BytesIO(blob))
    reduce, side = 0, max(dataset.Rows, dataset.Columns)
    while side // 2 >= SIDE:
        reduce, side = reduce + 1, side // 2
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    return shrunk(imagecodecs.htj2k_decode(stream, skipres=reduce), dataset)


def alike(theirs, ours):
    """Compare pictures that were shrunk by different filters."""
    for a, b in zip(theirs, ours, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert np.abs(a.astype(int) - b.astype(int)).mean() < 4


@pytest.mark.parametrize(
    "row",
    [
        "preview-thumbnail-ct",
        "preview-thumbnail-ct-reduced",
        "preview-thumbnail-mg",
        "preview-thumbnail-mg-reduced",
    ],
)
def test_thumbnail(versus, row):
    from radkit.preview import thumbnail

    kind = row.split("-")[2]
    blobs = coded_objects(kind)
    items = [(blob,) for blob in blobs]
    reduced = row.endswith("reduced")
    measured = versus(
        row,
        name=data.label(row, kind),
        peer=Side(
            name=f"pydicom, {'imagecodecs skipres' if reduced else 'pixel_array'}, Pillow",
            version=rivals.version("imagecodecs" if reduced else "pydicom"),
            call=reduced_thumbnail if reduced else whole_thumbnail,
            items=items,
        ),
        own=Side(
            name="radkit",
            call=lambda blob: thumbnail(blob, size=SIDE, window=WINDOW),
            items=items,
        ),
        frames=len(blobs),
        bytes_in=sum(map(len, blobs)) // len(blobs),
        bytes_out=SIDE * SIDE,
        check=alike,
    )
    assert min(measured.radkit_ms) <= LIMIT_MS[kind]


@pytest.mark.parametrize("row", ["preview-best-ct"])
def test_best(versus, row):
    """A quarter of the bytes to a picture of full size, which both sides say of what is there."""
    import imagecodecs

    from radkit.preview import best

    streams = [stream[: len(stream) // 4] for stream in rpcl_streams()]
    frames = data.frames("ct")
    items = [(stream,) for stream in streams]
    name, version = rivals.peer_for("htj2k-decode")
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name=f"{name}, resilient",
            version=version,
            call=lambda stream: imagecodecs.htj2k_decode(stream, resilient=True),
            items=items,
        ),
        own=Side(name="radkit", call=lambda stream: best(stream)[0], items=items),
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=frames[0].nbytes,
        check=nearly_all_equal,
    )


@functools.cache
def rpcl_streams() -> tuple[bytes, ...]:
    from radkit.codecs import htj2k

    return tuple(htj2k.encode(frame, bits=12) for frame in data.frames("ct"))


def nearly_all_equal(theirs, ours):
    """Compare pictures of a cut stream: a block that is cut short is each decoder's own."""
    for a, b in zip(theirs, ours, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        apart = a != b
        assert (apart & (a <= 4095)).mean() < 0.02  # above: a wrapped value, radkit clamps it


@pytest.mark.parametrize("row", ["preview-schedule"])
def test_schedule(versus, row):
    """Order and ranges of a whole series, against reading its headers alone."""
    import pydicom

    from radkit.preview import schedule

    paths = coded_files()

    def headers(paths):
        read = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        read.sort(key=lambda header: header.ImagePositionPatient[2])
        return [len(read)]

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="pydicom dcmread, headers alone",
            version=rivals.version("pydicom"),
            call=headers,
            items=[(paths,)],
        ),
        own=Side(
            name="radkit",
            call=lambda paths: [schedule(list(paths), rate_kbit_s=4000).frames],
            items=[(paths,)],
        ),
        frames=len(paths),
        bytes_in=sum(path.stat().st_size for path in paths) // len(paths),
        bytes_out=0,
        check=lambda theirs, ours: theirs == ours or pytest.fail(f"{theirs} and {ours}"),
    )


@pytest.mark.parametrize("row", ["preview-volume-pyramid"])
def test_volume_pyramid(versus, row):
    """A loaded series as three levels of Zarr, in HTJ2K and in what zarr does unless told."""
    import radkit
    from radkit.preview import volume_pyramid

    volume = radkit.load_volume(list(coded_files()))
    theirs, ours = data.work_dir() / "theirs.zarr", data.work_dir() / "ours.zarr"

    def by_zarr(array):
        import zarr

        shutil.rmtree(theirs, ignore_errors=True)
        group = zarr.open_group(theirs, mode="w", zarr_format=3)
        for number, slices in enumerate((1, 2, 1)):  # slices of 1 mm join pixels of 1 mm
            group.create_array(str(number), data=array, chunks=(1, *array.shape[1:]))
            count, rows, cols = array.shape
            boxes = array.reshape(count // slices, slices, rows // 2, 2, cols // 2, 2)
            array = np.rint(boxes.mean(axis=(1, 3, 5), dtype=np.float32)).astype(array.dtype)
        return theirs

    def by_radkit(volume):
        shutil.rmtree(ours, ignore_errors=True)
        volume_pyramid(volume, ours, levels=3)
        return ours

    def same_levels(first, second):
        import zarr

        for number in range(3):
            pair = [zarr.open_array(f"{store[0]}/{number}")[:] for store in (first, second)]
            assert pair[0].shape == pair[1].shape
            assert np.abs(pair[0].astype(int) - pair[1].astype(int)).max() <= 1

    def stored(store):
        return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())

    sizes = stored(by_zarr(volume.array)), stored(by_radkit(volume))
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="zarr, means by NumPy, its default codec",
            version=rivals.version("zarr"),
            call=by_zarr,
            items=[(volume.array,)],
        ),
        own=Side(name="radkit", call=by_radkit, items=[(volume,)]),
        frames=len(volume.array),
        bytes_in=volume.array.nbytes // len(volume.array),
        bytes_out=sizes[1] // len(volume.array),
        peer_bytes_out=sizes[0] // len(volume.array),
        check=same_levels,
    )
