"""Runs over many objects on disks that fail, and by workers whose parent is killed."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

import radkit
from radkit.errors import TransferError
from radkit.testing import sample
from radkit.testing.faults import failing

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability import io_faults, kills  # noqa: E402
from reliability.told import Budget, Told  # noqa: E402


@pytest.mark.parametrize("name", ["many copy", "many to a file URL"])
def test_first_faults_of_each_kind(name: str) -> None:
    told = Told()
    with io_faults.workplace() as folder:
        assert io_faults.try_scene(name, told, Budget(120, 1), folder, most=1)
    assert not told.found, told.found
    assert told.counts["injections"] > 20


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGKILL and process groups")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = Told()
    kills.try_way("processes, parent only", told, Budget(60, 1), tmp_path, kills=1)
    assert not told.found, told.found


def test_folder_that_may_not_be_searched_costs_its_objects_only(tmp_path: Path) -> None:
    """The names can be listed, the files not looked at."""
    for name in ("a", "b"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.dcm").write_bytes(Path(sample("mr")).read_bytes())
    with failing(tmp_path / "in", operations=("stat",), at=3, error=errno.EACCES):
        assert not radkit.transcode_many(tmp_path / "in", tmp_path / "a", workers=1).failed
    with failing(tmp_path / "in", operations=("stat",), at=3, error=errno.EACCES, persistent=True):
        report = radkit.transcode_many(tmp_path / "in", tmp_path / "b", workers=1)
    assert len(report) == len(report.failed) == 2
    for _, error in report.failed:
        assert isinstance(error, TransferError) and error.errno == errno.EACCES
