"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from radkit.dicom import write
from radkit.dicom.write import AtomicFile, io_errors, is_part, sweep_parts, write_file
from radkit.errors import TransferError


def test_nothing_has_the_name_before_commit(tmp_path: Path) -> None:
    dest = tmp_path / "a"
    with AtomicFile(dest) as file:
        file.write(b"12")
        file.write(memoryview(b"34"))
        assert not dest.exists() and is_part(file.part) and file.part.parent == tmp_path
        file.commit()
        assert dest.read_bytes() == b"1234" and file.size == 4
    assert list(tmp_path.iterdir()) == [dest]


def test_leaving_without_commit_removes_the_part(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), AtomicFile(tmp_path / "a") as file:
        file.write(b"12")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_long_names_are_possible(tmp_path: Path) -> None:
    dest = tmp_path / ("ä" * 127)
    write_file(dest, b"x")
    assert dest.read_bytes() == b"x"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "close", "replace"])
def test_every_call_that_fails_is_a_transfer_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    dest = tmp_path / "a"
    dest.write_bytes(b"old")
    honest = getattr(os, call)
    failed: list[int] = []

    def refuse(*args: object, **options: object) -> object:
        if failed:
            return honest(*args, **options)
        failed.append(1)
        if call == "close":
            honest(*args)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(write.os, call, refuse)
        with pytest.raises(TransferError) as caught:
            write_file(dest, b"new")
    assert caught.value.errno == code and caught.value.source == str(dest)
    assert dest.read_bytes() == b"old" and list(tmp_path.iterdir()) == [dest]


def test_interruptions_may_be_tried_again() -> None:
    for code, retryable in ((errno.EINTR, True), (errno.ENOSPC, False)):
        with pytest.raises(TransferError) as caught, io_errors("doing"):
            raise OSError(code, "x", "/name/of/patient")
        assert caught.value.retryable is retryable and "patient" not in str(caught.value)


def test_sweep_removes_parts_only(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/x.dcm.part-0123456789abcdef", "a/x.dcm", "y.part-12", "z.part-XYZ"):
        (tmp_path / name).write_bytes(b"1")
    assert sweep_parts(tmp_path) == 1
    assert len(list(tmp_path.rglob("*"))) == 4


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TransferError, match="ermission"):
        write_file(tmp_path / "a", b"x")
