"""Days on which much goes wrong at once: in time, with a clear line in the report, nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radkit
from radkit.dicom.source import PathReader
from radkit.errors import RadkitError, TransferError
from radkit.testing.faults import failing, parts_below
from radkit.transcoding import one

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability.objects import b, native_object, tree  # noqa: E402

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and mounts of POSIX")


def noise(number: int, side: int = 128) -> bytes:
    """Return an object that no coding makes much smaller."""
    samples = np.random.default_rng(number).integers(0, 4096, (side, side)).astype("<u2")
    uid = {0x00080018: b.text("UI", f"1.2.9.{number}")}
    return b.made(b.EXPLICIT, b.grey(side, side), b.native(samples.tobytes()), extra=uid)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.dcm").write_bytes(noise(number))
    return folder


def wanted(study: Path, tmp_path: Path) -> dict[str, bytes]:
    radkit.transcode_many(study, tmp_path / "wanted", "rle", workers=1)
    return tree(tmp_path / "wanted")


def check_halted(report: Any, out: Path, complete: dict[str, bytes], reason: int) -> None:
    """Some are done, the others failed for that reason; what has its name is whole."""
    assert report.failed and len(report.failed) < len(report) == len(complete)
    for _, error in report.failed:
        assert isinstance(error, TransferError) and error.errno == reason
        assert os.strerror(reason) in str(error) and error.source
    done = {place: data for place, data in tree(out).items() if ".part-" not in place}
    assert done.items() <= complete.items()
    assert len(done) == len(report) - len(report.failed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 320 KiB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=320k", "radkit-test", str(folder)]
    try:
        done = subprocess.run(line, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("this process may not mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@posix
@pytest.mark.parametrize("on_error", ["copy", "skip"])
def test_disk_that_gets_full(study: Path, small_disk: Path, tmp_path: Path, on_error: Any) -> None:
    complete, out = wanted(study, tmp_path), small_disk / "out"
    try:
        report = radkit.transcode_many(study, out, "rle", workers=2, on_error=on_error)
    except TransferError as error:  # there is no room to write down what is done: the run ends
        told, done = error, 0
    else:
        check_halted(report, out, complete, errno.ENOSPC)
        told, done = report.failed[0][1], len(report) - len(report.failed)
    assert "Free some space" in str(told) or "disk is full" in str(told)
    assert not parts_below(out) and tree(out).items() <= complete.items()
    # With more room the same call does the rest.
    line = ["mount", "-o", "remount,size=4m", str(small_disk)]
    subprocess.run(line, capture_output=True, check=True)
    again = radkit.transcode_many(study, out, "rle", workers=2, on_error=on_error)
    assert not again.failed and again.resumed >= done
    assert tree(out) == complete


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("operation", ["open", "write"])
def test_disk_that_is_lost_half_way(
    study: Path, tmp_path: Path, operation: str, reason: int
) -> None:
    complete, out = wanted(study, tmp_path), tmp_path / "out"
    out.mkdir()
    with failing(out, operations=(operation,)) as all_of:
        radkit.transcode_many(study, out, "rle", workers=1)
    shutil.rmtree(out)
    out.mkdir()
    half = all_of.count // 2
    with failing(out, operations=(operation,), at=half, error=reason, persistent=True) as faults:
        try:
            report = radkit.transcode_many(study, out, "rle", workers=1, on_error="skip")
        except TransferError as error:  # what is done cannot be written down: the run ends
            told = [error]
        else:
            assert len(report) == len(complete)
            told = [error for _, error in report.failed]
    assert faults.fired >= 1 and told
    for error in told:
        assert isinstance(error, TransferError) and error.errno == reason
    assert not parts_below(out) and tree(out).items() <= complete.items()
    assert not radkit.transcode_many(study, out, "rle", workers=1).failed
    assert tree(out) == complete


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="becomes another user")
def test_permission_that_is_taken_half_way(study: Path, tmp_path: Path) -> None:
    complete, out = wanted(study, tmp_path), tmp_path / "out"
    out.mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and folder.owner() == "root":
            folder.chmod(folder.stat().st_mode | 0o055)
    os.chown(out, 65534, 65534)
    first = min(study.iterdir())

    def take(done: int, total: int) -> None:
        out.chmod(0o555)

    os.seteuid(65534)
    try:
        # The first object opens the run; its progress takes the permission away.
        report = radkit.transcode_many(study, out, "rle", workers=1, on_error="skip", progress=take)
    finally:
        os.seteuid(0)
        out.chmod(0o755)
    assert first.name in tree(out)
    # A part that was open then can no longer be removed: the next run does it.
    check_halted(report, out, complete, errno.EACCES)
    assert "Check the permissions" in str(report.failed[0][1])
    assert not radkit.transcode_many(study, out, "rle", workers=1).failed
    assert tree(out) == complete


# A source that somebody else writes


def overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    later = path.stat().st_mtime_ns + 10**7  # the clock of the system ticks in milliseconds
    os.utime(path, ns=(later, later))


CHANGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "overwritten": lambda path: overwrite(path, noise(2, 40)),
    "appended to": lambda path: path.open("ab").write(b"more") and None,
    "replaced": lambda path: path.with_name("other").replace(path),
    "removed": lambda path: path.unlink(),
}


def states(path: Path) -> list[np.ndarray]:
    return [radkit.decode(noise(1, 40)), radkit.decode(noise(2, 40))]


@posix
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("small", [True, False], ids=["read at once", "read in pieces"])
@pytest.mark.parametrize("syntax", ["rle", "explicit-le"])
@pytest.mark.parametrize("change", CHANGES)
def test_source_that_changes_is_one_state_or_an_error(
    change: str, syntax: str, small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes after the first, second, third … read, until there is none behind it."""
    if not small:
        monkeypatch.setattr(one, "_SMALL_SOURCE", 0)
    path, dest = tmp_path / "in.dcm", tmp_path / "out.dcm"
    real, seen = PathReader._read, 0
    for after in range(1, 60):
        path.write_bytes(noise(1, 40))
        path.with_name("other").write_bytes(noise(2, 40))
        seen = 0

        def reading(self: PathReader, offset: int, size: int) -> memoryview:
            nonlocal seen
            data = real(self, offset, size)
            seen += 1
            if seen == after:
                CHANGES[change](path)
            return data

        monkeypatch.setattr(PathReader, "_read", reading)
        dest.write_bytes(b"before")
        try:
            radkit.transcode(path, dest, syntax)
        except RadkitError:
            assert dest.read_bytes() == b"before"
        else:
            found = radkit.decode(dest.read_bytes())
            assert any(np.array_equal(found, state) for state in states(path))
        monkeypatch.setattr(PathReader, "_read", real)
        assert not parts_below(tmp_path)
        if seen < after:
            break
    assert 1 < after < 60


def test_changed_source_is_told_and_done_again(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, changed = PathReader.check_unchanged, []

    def check(self: PathReader) -> None:
        if not changed:
            changed.append(self.name)
            overwrite(Path(str(self.name)), noise(77))
        real(self)

    monkeypatch.setattr(PathReader, "check_unchanged", check)
    report = radkit.transcode_many(study, tmp_path / "out", "rle", workers=1, on_error="skip")
    assert [str(source) for source, _ in report.failed] == changed
    assert "changed while it was read" in str(report.failed[0][1])
    again = radkit.transcode_many(study, tmp_path / "out", "rle", workers=1, on_error="skip")
    assert not again.failed and again.resumed == len(report) - 1
    name = Path(changed[0]).name
    assert np.array_equal(radkit.decode(tmp_path / "out" / name), radkit.decode(noise(77)))


# The same instance twice


@pytest.mark.parametrize("same", [True, False], ids=["same bytes", "other bytes"])
def test_instance_that_comes_twice_is_kept_twice(same: bool, tmp_path: Path) -> None:
    first = native_object(1)
    uid = {0x00080018: b.text("UI", "1.2.3.1")}
    other = b.made(b.EXPLICIT, b.grey(9, 8), b.native(bytes(144)), extra=uid)
    for name, data in (("a", first), ("b", first if same else other)):
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        (folder / "1.dcm").write_bytes(data)
    report = radkit.transcode_many(tmp_path / "in", tmp_path / "out", "rle")
    assert len(report) == 2 and not report.failed
    names = tuple(tmp_path / "in" / name / "1.dcm" for name in ("a", "b"))
    assert report.duplicates == (names,) and "1 instance UIDs more than once" in str(report)
    again = radkit.transcode_many(tmp_path / "in", tmp_path / "out", "rle")
    assert again.resumed == 2 and again.duplicates == (names,)
    for name in ("a", "b"):
        before, after = (tmp_path / side / name / "1.dcm" for side in ("in", "out"))
        assert np.array_equal(radkit.decode(before), radkit.decode(after))
    mixed = radkit.transcode_many([first, first if same else other], tmp_path / "flat", "rle")
    assert len({result.path for _, result in mixed}) == 2
