"""Every file of the reference table through every entry point; the others give a typed error."""

from __future__ import annotations

import hashlib
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import radkit

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.reference import table  # noqa: E402

ROWS = table.rows()
shared = pytest.mark.skipif(not table.SHARED.is_dir(), reason="shared/data is absent")
LARGE = {"j2k_lossy_mg12.dcm", "j2k_lossy_cr15.dcm", "j2k_cr_monochrome1.dcm"}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_stored_samples_are_those_of_the_table(row):
    table.check(row, table.stored(row.path, threads=1))


@pytest.mark.parametrize("row", [r for r in ROWS if r.samples == 1], ids=str)
def test_decode_of_grey_is_the_stored_samples(row):
    table.check(row, radkit.decode(row.path))


@pytest.mark.parametrize("row", [r for r in ROWS if r.samples == 3], ids=str)
def test_read_of_colour_says_what_it_returns(row):
    done = radkit.read(row.path)
    raw = radkit.read(row.path, raw=True)
    assert done.photometric == "RGB"
    assert done.array.shape == row.shape
    if raw.photometric == "RGB":
        assert np.array_equal(raw.array, done.array)
    else:
        assert raw.photometric == "YBR_FULL"
        table.check(row, raw.array)
        from pydicom.pixels import convert_color_space

        theirs = convert_color_space(raw.array, "YBR_FULL", "RGB")
        assert np.abs(theirs.astype(int) - done.array).max() <= 1


@pytest.mark.parametrize("row", [r for r in ROWS if len(r.shape) - (r.samples > 1) == 3], ids=str)
def test_frames_threads_and_iteration_agree(row):
    whole = table.stored(row.path, threads=1)
    assert np.array_equal(table.stored(row.path, threads=3), whole)
    one = radkit.decode(row.path, frames=1)
    assert np.array_equal(one, radkit.decode(row.path)[1])
    some = radkit.decode(row.path, frames=slice(None, None, -1), threads=2)
    assert np.array_equal(some, radkit.decode(row.path)[::-1])
    picked = radkit.decode(row.path, frames=[1, 0, 1])
    assert np.array_equal(picked, radkit.decode(row.path)[[1, 0, 1]])
    each = list(radkit.iter_frames(row.path, ahead=3, threads=2))
    assert len(each) == row.shape[0]
    assert np.array_equal(np.stack(each), radkit.decode(row.path))


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in LARGE], ids=str)
def test_region_is_a_crop(row):
    rows, cols = row.shape[-3:-1] if row.samples > 1 else row.shape[-2:]
    whole = table.stored(row.path)
    frames = row.shape[:-3] if row.samples > 1 else row.shape[:-2]
    for box in ((rows // 3, rows, cols // 4, cols), (0, 1, 0, 1)):
        row0, row1, col0, col1 = box
        crop = whole[:, row0:row1, col0:col1] if frames else whole[row0:row1, col0:col1]
        part = table.stored(row.path, region=box)
        if "lossy" in row.name or row.peer:  # irreversible wavelets round at the edges of regions
            assert np.abs(part.astype(int) - crop.astype(int)).max() <= 1
        else:
            assert np.array_equal(part, crop), box


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in LARGE], ids=str)
def test_inspect_foretells_decode(row):
    info = radkit.inspect(row.path)
    done = radkit.read(row.path)
    assert info.dtype == done.array.dtype
    frames = info.shape if info.shape[0] > 1 else info.shape[1:]
    assert frames == done.array.shape
    assert info.photometric == row.photometric
    assert done.complete and all(share == 1.0 for share in done.sound)


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "file", "dataset", "path"])
def test_every_kind_of_source_gives_the_same(kind):
    import pydicom

    row = next(row for row in ROWS if row.name == "pydicom:mr_j2k")
    data = row.path.read_bytes()
    source = {
        "bytes": lambda: data,
        "bytearray": lambda: bytearray(data),
        "memoryview": lambda: memoryview(data),
        "file": lambda: io.BytesIO(data),
        "dataset": lambda: pydicom.dcmread(row.path),
        "path": lambda: str(row.path),
    }[kind]()
    table.check(row, radkit.decode(source))


@shared
@pytest.mark.parametrize(
    ("path", "expect", "entry"), table.refused(), ids=lambda v: getattr(v, "name", "")
)
def test_broken_files_give_a_typed_error_or_what_is_right(path, expect, entry):
    try:
        done = radkit.read(path)
    except radkit.RadkitError as error:
        kind = radkit.UnsupportedTransferSyntax if expect.startswith("refusal") else Exception
        assert isinstance(error, kind)
        assert error.source is not None
    else:
        good = entry.get("sha256_if_read") or entry.get("sha256")
        assert good == table.digest(done.array)
        assert done.corrections


@shared
@pytest.mark.parametrize("one", table.series(), ids=lambda one: one["series"])
def test_series_stack_is_that_of_the_list(one):
    paths = sorted((table.SHARED / one["series"]).glob("*.dcm"))
    total = hashlib.sha256()
    for done in radkit.decode_many(paths, threads=2):
        assert not isinstance(done, Exception), done
        total.update(done.array.astype(done.array.dtype.newbyteorder("<")).tobytes())
    assert len(paths) == one["shape"][0]
    assert total.hexdigest() == one["sha256_of_stack"]


def test_table_is_long_enough():
    assert len([row for row in ROWS if row.name.startswith("pydicom:")]) >= 19
    if table.SHARED.is_dir():
        assert len(ROWS) >= 190
        assert len(table.refused()) == 12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert table.digest(np.zeros((2, 2), ">u2")) == table.digest(np.zeros((2, 2), "<u2"))
