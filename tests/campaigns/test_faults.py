"""Disks that fail: the layer that makes them, and what radkit does on them."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

import radkit
from radkit.errors import OptionError, TransferError
from radkit.testing import sample
from radkit.testing.faults import failing, parts_below

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability import io_faults  # noqa: E402
from reliability.told import Budget, Told  # noqa: E402

# Runs over many objects are in test_runs.py, the delivery of the spool in docs/reliability.md.
QUICK = {name for name in io_faults.SCENES if "many" not in name} - {"spool delivers"}


def test_only_what_is_below_the_folder_is_counted(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "inside"
    inside.mkdir()
    with failing(inside, operations=("open", "write"), at=2, error=errno.ENOSPC) as faults:
        outside.write_bytes(b"x")
        assert faults.count == 0
        with pytest.raises(OSError) as caught:
            (inside / "a").write_bytes(b"x")
        (inside / "a").write_bytes(b"y")
    assert caught.value.errno == errno.ENOSPC
    assert (faults.count, faults.fired) == (4, 1)
    assert (inside / "a").read_bytes() == b"y"


def test_persistent_faults_stay(tmp_path: Path) -> None:
    with failing(tmp_path, operations=("stat",), at=2, persistent=True) as faults:
        os.stat(tmp_path)
        for _ in range(3):
            with pytest.raises(OSError):
                os.stat(tmp_path)
    assert faults.fired == 3
    with pytest.raises(OptionError):
        failing(tmp_path, operations=("pray",)).__enter__()


def test_half_is_given_where_short_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with failing(tmp_path, operations=("read", "write"), at=1, error="short", persistent=True):
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        assert os.write(fd, b"12345678") == 4
        assert os.pread(fd, 4, 0) == b"12"
        os.close(fd)


@pytest.mark.parametrize("name", sorted(QUICK))
def test_first_faults_of_each_kind(name: str) -> None:
    """The campaign goes on to the last; here the first of each."""
    told = Told()
    with io_faults.workplace() as folder:
        assert io_faults.try_scene(name, told, Budget(120, 1), folder, most=1)
    assert not told.found, told.found
    assert told.counts["injections"] > 20


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "rename"])
def test_side_cars_and_pictures_are_whole_or_not_there(operation: str, tmp_path: Path) -> None:
    from radkit.cli.preview import write_file
    from radkit.preview import sidecar

    coded = radkit.transcode(sample("ct"), None).data
    for make in (
        lambda: sidecar(coded, tmp_path / "x"),
        lambda: write_file(tmp_path / "x", b"new"),
    ):
        (tmp_path / "x").write_bytes(b"old")
        with (
            failing(tmp_path, operations=(operation,), at=1, error=errno.ENOSPC),
            pytest.raises(TransferError),
        ):
            make()
        assert (tmp_path / "x").read_bytes() == b"old" and not parts_below(tmp_path)
