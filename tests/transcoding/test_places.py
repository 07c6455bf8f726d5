"""Which files are sources, where results go, and that no source is ever replaced."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from objects_made import ct, encoded, read

from radkit.dicom.source import safe_name
from radkit.dicom.write import OWN_FOLDER
from radkit.errors import OptionError, TransferError
from radkit.transcoding.many import transcode_many
from radkit.transcoding.one import transcode
from radkit.transcoding.results import Transcoded
from radkit.transcoding.sources import free_place

posix = pytest.mark.skipif(os.name != "posix", reason="needs links and bytes in names")


def image(number: int) -> bytes:
    pixels = np.full((16, 16), number, np.uint16)
    return encoded(ct(pixels, SOPInstanceUID=f"1.2.3.{number}"))


def put(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number))
    return folder


def results(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and OWN_FOLDER not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in found)


@pytest.mark.parametrize("kind", ["file", "list", "glob", "folder in a list", "folder"])
def test_results_never_replace_their_sources(tmp_path: Path, kind: str) -> None:
    put(tmp_path, "a.dcm", "b.dcm")
    sources = {
        "file": tmp_path / "a.dcm",
        "list": [tmp_path / "b.dcm", str(tmp_path / "a.dcm")],
        "glob": str(tmp_path / "*.dcm"),
        "folder in a list": [tmp_path],
        "folder": tmp_path,
    }[kind]
    dest = tmp_path.parent if kind == "folder in a list" else tmp_path
    with pytest.raises(OptionError, match="choose another"):
        transcode_many(sources, dest, "rle")
    assert (tmp_path / "a.dcm").read_bytes() == image(0)
    assert (tmp_path / "b.dcm").read_bytes() == image(1)


def test_sources_below_the_destination_are_all_done(tmp_path: Path) -> None:
    put(tmp_path / "in", "1.dcm", "deep/2.dcm")
    report = transcode_many(tmp_path / "in", tmp_path, "rle")
    assert len(report) == 2 and not report.failed
    assert results(tmp_path) == ["1.dcm", "deep/2.dcm", "in/1.dcm", "in/deep/2.dcm"]
    assert len(transcode_many(str(tmp_path / "in" / "*"), tmp_path, "rle")) == 2
    # One whose result would fall onto another source is refused before anything is done.
    put(tmp_path / "in", "1.dcm", "in/1.dcm")
    with pytest.raises(OptionError):
        transcode_many(tmp_path / "in", tmp_path, "jpegls-lossless")
    assert (tmp_path / "in/1.dcm").read_bytes() == image(0)


def test_objects_of_one_instance_get_files_of_their_own(tmp_path: Path) -> None:
    other = encoded(ct(np.ones((16, 16), np.uint16), SOPInstanceUID="1.2.3.0"))
    report = transcode_many([image(0), other, read(image(0))], tmp_path, "rle")
    paths = [result.path for _, result in report if isinstance(result, Transcoded)]
    stem = safe_name("1.2.3.0")
    assert [path.name for path in paths if path] == [
        f"{stem}.dcm",
        f"{stem}-2.dcm",
        f"{stem}-3.dcm",
    ]
    assert read(tmp_path / f"{stem}-2.dcm").pixel_array.max() == 1


def test_object_without_a_name_that_fails_is_passed_on(tmp_path: Path) -> None:
    report = transcode_many([b"junk" * 99], tmp_path, "rle")
    assert len(report.failed) == 1
    assert (tmp_path / "object-000000.dcm").read_bytes() == b"junk" * 99


@pytest.mark.parametrize(
    ("place", "second"),
    [
        ("a/1.dcm", "a/1-2.dcm"),
        ("1.2.3/4", "1.2.3/4-2"),
        ("x.y/.hidden", "x.y/.hidden-2"),
        ("n", "n-2"),
    ],
)
def test_second_of_a_name_keeps_folder_and_ending(place: str, second: str) -> None:
    taken: set[str] = set()
    assert [free_place(place, taken), free_place(place, taken)] == [place, second]
    assert free_place(second, taken) not in (place, second)


@posix
def test_links_are_followed_to_files_and_told_where_not(tmp_path: Path) -> None:
    study = put(tmp_path / "study", "1.dcm")
    elsewhere = put(tmp_path / "elsewhere", "2.dcm")
    (study / "link.dcm").symlink_to(elsewhere / "2.dcm")
    (study / "folder").symlink_to(elsewhere)
    (study / "dead").symlink_to(study / "nothing")
    report = transcode_many(study, tmp_path / "out", "rle")
    assert results(tmp_path / "out") == ["1.dcm", "link.dcm"]
    assert [source.name for source in report.skipped] == ["folder"]
    assert [source.name for source, _ in report.failed] == ["dead"]
    assert (elsewhere / "2.dcm").read_bytes() == image(0)
    assert not (tmp_path / "out" / "link.dcm").is_symlink()


@posix
def test_names_of_any_bytes_and_any_length(tmp_path: Path) -> None:
    names = ["頭部 張三.dcm", "x" * 251 + ".dcm", "d" * 200 + "/" + "e" * 200 + "/1"]
    study = put(tmp_path / "study", *names)
    odd = os.fsencode(study) + b"/\xff\xfe.dcm"
    try:
        Path(os.fsdecode(odd)).write_bytes(image(9))
    except OSError as error:  # a file system that wants text
        pytest.skip(os.strerror(error.errno or errno.EINVAL))
    report = transcode_many(study, tmp_path / "out", "rle")
    assert not report.failed and results(tmp_path / "out") == results(study)
    parsed = json.loads(report.to_json().encode("utf-8"))
    assert any(entry["path"].endswith("\\xff\\xfe.dcm") for entry in parsed["objects"])
    assert any("頭部" in entry["source"] for entry in parsed["objects"])
    assert transcode_many(study, tmp_path / "out", "rle").resumed == 4


def test_empty_file_is_skipped_in_a_folder_and_fails_by_name(tmp_path: Path) -> None:
    study = put(tmp_path / "study", "1.dcm")
    (study / "empty.dcm").write_bytes(b"")
    report = transcode_many(study, tmp_path / "out", "rle")
    assert [path.name for path in report.skipped] == ["empty.dcm"] and not report.failed
    report = transcode_many([study / "empty.dcm"], tmp_path / "named", "rle")
    assert len(report.failed) == 1


@posix
def test_destination_that_may_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = put(tmp_path / "study", "1.dcm", "2.dcm")
    out = tmp_path / "out"
    out.mkdir()
    real = os.open

    def refuse(path: object, flags: int, *more: int, **named: int) -> int:
        if is_new := flags & os.O_EXCL:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), is_new)
        return real(path, flags, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("radkit.dicom.write.os.open", refuse)
    report = transcode_many(study, out, "rle", workers=1)
    assert len(report.failed) == 2
    for _, error in report.failed:
        assert isinstance(error, TransferError) and error.errno == errno.EACCES
        assert "could not be copied either" in str(error)
    monkeypatch.undo()
    assert results(out) == []


def test_file_object_is_not_source_and_destination(tmp_path: Path) -> None:
    put(tmp_path, "1.dcm")
    with (tmp_path / "1.dcm").open("r+b") as file, pytest.raises(OptionError):
        transcode(file, file, "rle")
    assert (tmp_path / "1.dcm").read_bytes() == image(0)


@posix
def test_pipe_is_refused_with_what_to_do() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(OptionError, match="into bytes"):
        transcode(pipe, None, "rle")


def test_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    study = put(tmp_path / "study", *[f"{n}.dcm" for n in range(6)])
    for workers in (1, 2):
        transcode_many(study, tmp_path / str(workers), "htj2k-lossless-rpcl", workers=workers)
    for name in results(study):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_number_of_threads_changes_no_byte() -> None:
    frames = np.random.default_rng(3).integers(0, 4096, (5, 40, 44)).astype(np.uint16)
    source = encoded(ct(frames))
    for syntax in ("htj2k-lossless-rpcl", "jpeg2000-lossless", "jpegls-lossless", "rle"):
        one, two = (transcode(source, None, syntax, threads=n) for n in (1, 2))
        assert one.data == two.data and one.sha256 == two.sha256
