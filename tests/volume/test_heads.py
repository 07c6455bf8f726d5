"""The quick way over heads gives what the general way gives, or leaves it to that."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from radkit.errors import CorruptFile, RadkitError, TruncatedPixelData
from radkit.testing import write_series
from radkit.volume import load_volume
from radkit.volume.heads import Heads
from radkit.volume.records import SPLIT_SINGLE, Record
from radkit.volume.scan import scan

SHARED = Path(__file__).parents[3] / "shared" / "data"
FILES = sorted(path for path in SHARED.glob("*/*.dcm") if path.parent.name != "conformance")


def same(one: Record, other: Record) -> bool:
    for field in dataclasses.fields(Record):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "keys":
            a, b = (one.key(SPLIT_SINGLE), other.key(SPLIT_SINGLE))
        elif field.name in ("position", "cosines"):
            a, b = a.tolist(), b.tolist()
        elif field.name == "modality":
            a, b = ((m.slope, m.intercept, m.units, m.lut) for m in (a, b))
        elif field.name in ("native", "coded"):
            continue
        if a != b:
            return False
    return True


@pytest.mark.skipif(not FILES, reason="shared/data is absent")
def test_heads_of_real_files_say_what_scan_says():
    heads = Heads(searched=True, wanted=None)
    quick = 0
    for path in FILES:
        try:
            expected = scan(path, searched=True)
        except RadkitError as error:
            with pytest.raises(type(error)):
                heads.read(path)
            continue
        found = heads.read(path)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            if isinstance(one, Record):
                assert same(one, other), path
                quick += one.native is not None
            else:
                assert one == other
    assert quick > 100


def native(folder) -> list[bool]:
    heads = Heads(searched=True, wanted=None)
    return [heads.read(path)[0].native is not None for path in sorted(folder.iterdir())]


def test_explicit_series_is_read_by_heads(tmp_path):
    folder = write_series(tmp_path, slices=5, slopes=[(1 + k, 2 * k) for k in range(5)])
    assert native(folder) == [True] * 5


def test_other_syntaxes_are_left_to_the_general_way(tmp_path):
    plain = load_volume(write_series(tmp_path / "a", slices=3))
    for path in sorted((tmp_path / "a").iterdir()):
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        (tmp_path / "b").mkdir(exist_ok=True)
        ds.save_as(tmp_path / "b" / path.name, implicit_vr=True, little_endian=True)
    assert native(tmp_path / "b") == [False] * 3
    other = load_volume(tmp_path / "b")
    assert np.array_equal(other.array, plain.array)
    assert np.array_equal(other.affine, plain.affine)


@pytest.mark.parametrize("size", [20_000, 100_000, 400_000])
def test_large_headers_of_makers_are_in_no_ones_way(tmp_path, size):
    def edit(_, ds):
        ds.private_block(0x29, "MAKER", create=True).add_new(0x10, "OB", bytes(size))

    folder = write_series(tmp_path / "large", slices=4, edit=edit)
    assert native(folder) == [size < 200_000] * 4
    assert np.array_equal(
        load_volume(folder).array, load_volume(write_series(None, slices=4)).array
    )


# The larger ones are read in several pieces, the last of them short.
SHAPES = [(9, 14), (301, 203)]
CELLS = [(16, 12, 11), (16, 12, 15), (8, 6, 5), (32, 32, 31), (32, 20, 21), (64, 40, 39)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("allocated", "stored", "high"), CELLS)
def test_unused_bits_do_not_come_in(tmp_path, allocated, stored, high, signed, shape):
    random = np.random.default_rng(stored)
    kind = np.dtype(f"<u{allocated // 8}")
    cells = random.integers(0, np.iinfo(kind).max, (3, *shape), dtype=kind, endpoint=True)

    def edit(k, ds):
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, stored, high
        ds.PixelRepresentation = int(signed)
        ds.PixelData = cells[k].tobytes() + bytes(cells[k].nbytes % 2)

    folder = write_series(tmp_path, np.zeros(cells.shape, np.uint16), edit=edit)
    assert native(folder) == [True] * 3
    shift = kind.type(high + 1 - stored)
    values = (cells >> shift) & kind.type((1 << stored) - 1)
    if signed:
        unused = allocated - stored
        values = (values << kind.type(unused)).view(kind.str.replace("u", "i")) >> unused
    volume = load_volume(folder)
    assert volume.array.dtype == np.dtype(f"{'i' if signed else 'u'}{allocated // 8}")
    assert np.array_equal(volume.array, values)


def test_one_slice_of_another_kind_is_noticed(tmp_path):
    def edit(k, ds):
        if k == 2:
            ds.BitsStored, ds.HighBit = 12, 11

    folder = write_series(tmp_path, slices=4, edit=edit)
    assert native(folder) == [True] * 4
    stored = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    assert np.array_equal(load_volume(folder).array, [ds.pixel_array for ds in stored])

    def rescaled(k, ds):
        if k == 3:
            ds.RescaleSlope, ds.RescaleIntercept = 2, -1

    volume = load_volume(write_series(tmp_path / "b", slices=4, edit=rescaled))
    assert [note.code for note in volume.corrections] == ["SLOPES"]


@pytest.mark.parametrize("value", ["1e400", "-1e999"])
def test_rescale_that_is_no_number_is_refused(tmp_path, value):
    def edit(k, ds):
        ds.RescaleIntercept = 0
        ds.RescaleSlope = 1
        if k == 2:
            ds[0x00281053]._value = value

    with pytest.raises(CorruptFile):
        load_volume(write_series(tmp_path, slices=4, edit=edit))


def test_files_that_end_early_are_told_by_name(tmp_path):
    folder = write_series(tmp_path, slices=4)
    path = folder / "0002.dcm"
    os.truncate(path, path.stat().st_size - 100)
    with pytest.raises(TruncatedPixelData) as caught:
        load_volume(folder)
    assert caught.value.source == str(path)
