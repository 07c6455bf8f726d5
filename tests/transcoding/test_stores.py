"""`transcode_many` from and to stores that fsspec reaches."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radkit
from radkit.cli import main
from radkit.errors import OptionError, TransferError
from radkit.testing import sample

fsspec = pytest.importorskip("fsspec")
NAMES = ("ct", "mr", "us_rgb")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "a").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(sample(name), folder / "a" / f"{name}.dcm")
    (folder / "notes.txt").write_text("no DICOM")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    return folder


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


def check(report: radkit.Report, read: Any) -> None:
    assert report.transcoded == 3 and len(report.failed) == 1 and len(report.skipped) == 1
    for name in NAMES:
        data = read(f"a/{name}.dcm")
        assert radkit.inspect(data).syntax.name == "htj2k-lossless-rpcl"
        assert np.array_equal(radkit.decode(data), radkit.decode(sample(name)))
    # What cannot be read is passed on as it is.
    assert read("broken.dcm") == bytes(128) + b"DICM" + bytes(40)


def test_folder_to_memory_and_back(study: Path, memory: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = radkit.transcode_many(study, "memory://out/x", progress=lambda *at: seen.append(at))
    check(report, lambda place: memory.cat_file(f"/out/x/{place}"))
    assert seen[-1] == (5, 5)
    back = radkit.transcode_many("memory://out/x/a", tmp_path / "back", "explicit-le")
    assert back.transcoded == 3 and not back.failed
    for name in NAMES:
        found = radkit.decode(tmp_path / "back" / f"{name}.dcm")
        assert np.array_equal(found, radkit.decode(sample(name)))


def test_zip_as_source(study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as made:
        for path in study.rglob("*"):
            if path.is_file():
                made.write(path, path.relative_to(study))
    report = radkit.transcode_many(f"zip://::{tmp_path / 'study.zip'}", tmp_path / "out")
    check(report, lambda place: (tmp_path / "out" / place).read_bytes())
    with pytest.raises(OptionError, match="written"):
        radkit.transcode_many(study, f"zip://::{tmp_path / 'study.zip'}")


def test_second_run_does_only_what_is_missing(study: Path, memory: Any) -> None:
    radkit.transcode_many(study / "a", "memory://out")
    memory.rm("/out/mr.dcm")
    shutil.copy(sample("mr_implicit"), study / "a" / "ct.dcm")  # another object now
    before = memory.cat_file("/out/us_rgb.dcm")
    again = radkit.transcode_many(study / "a", "memory://out")
    assert again.resumed == 1 and again.transcoded == 3
    assert memory.cat_file("/out/us_rgb.dcm") == before
    found = radkit.decode(memory.cat_file("/out/ct.dcm"))
    assert np.array_equal(found, radkit.decode(sample("mr_implicit")))
    memory.pipe_file("/out/us_rgb.dcm", before[:-1])  # cut short by somebody
    third = radkit.transcode_many(study / "a", "memory://out")
    assert third.resumed == 2 and memory.cat_file("/out/us_rgb.dcm") == before
    other = radkit.transcode_many(study / "a", "memory://out", "jpeg2000-lossless")
    assert other.resumed == 0
    assert radkit.transcode_many(study / "a", "memory://out", resume=False).resumed == 0


def test_store_that_fails_loses_one_object_only(
    study: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = type(memory).pipe_file

    def failing(self: Any, path: str, value: bytes, **more: Any) -> None:
        if path.endswith("mr.dcm"):
            raise OSError(28, "No space left on device")
        usual(self, path, value, **more)

    def refusing(self: Any, local: str, path: str, **more: Any) -> None:
        failing(self, path, Path(local).read_bytes())

    monkeypatch.setattr(type(memory), "pipe_file", failing)
    monkeypatch.setattr(type(memory), "put_file", refusing)
    report = radkit.transcode_many(study / "a", "memory://out")
    assert len(report.failed) == 1 and "No space" in str(report.failed[0][1])
    assert not memory.exists("/out/mr.dcm") and memory.exists("/out/ct.dcm")
    with pytest.raises(TransferError):
        radkit.transcode_many(study / "a", "memory://out2", on_error="raise")
    monkeypatch.undo()
    assert radkit.transcode_many(study / "a", "memory://out").resumed == 2


def test_local_parts_are_renamed(study: Path, tmp_path: Path) -> None:
    report = radkit.transcode_many(f"file://{study / 'a'}", f"file://{tmp_path / 'out'}")
    assert report.transcoded == 3
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [".radkit", "ct.dcm", "mr.dcm", "us_rgb.dcm"]


def test_large_objects_pass_through_a_file(
    study: Path, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = radkit.transcode_many(study / "a", "memory://usual")
    made: list[str] = []
    real = tempfile.TemporaryDirectory

    def counted(**more: Any) -> Any:
        made.append(more["prefix"])
        return real(**more, dir=tmp_path)

    monkeypatch.setattr("radkit.transcoding.stores.tempfile.TemporaryDirectory", counted)
    monkeypatch.setattr("radkit.transcoding.stores.IN_MEMORY", 1000)
    monkeypatch.setattr("radkit.transcoding.worker.IN_MEMORY", 1000)
    report = radkit.transcode_many("memory://usual", "memory://out", "explicit-le")
    assert report.transcoded == usual.transcoded == 3 and len(made) >= 6
    assert [path for path in tmp_path.iterdir() if path.name.startswith("radkit-")] == []
    for name in NAMES:
        data = memory.cat_file(f"/out/{name}.dcm")
        assert np.array_equal(radkit.decode(data), radkit.decode(sample(name)))


def test_members_of_archives_are_limited(study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.write(study / "a" / "us_rgb.dcm", "us.dcm")
        made.write(study / "a" / "mr.dcm", "mr.dcm")
    with radkit.limits.use(max_inflated_bytes=100_000):
        report = radkit.transcode_many(f"zip://::{tmp_path / 'study.zip'}", tmp_path / "out")
    ((name, error),) = report.failed
    assert str(name).endswith("us.dcm") and isinstance(error, radkit.LimitExceeded)
    assert report.transcoded == 1


def test_changed_uids_are_told_again(study: Path, memory: Any) -> None:
    first, again = (
        radkit.transcode_many(study / "a", "memory://out", "htj2k", lossy=radkit.Lossy(ratio=10))
        for _ in range(2)
    )
    assert again.resumed == first.transcoded > 0
    assert again.uid_map == first.uid_map and first.uid_map


def test_sources_are_never_replaced(study: Path, memory: Any) -> None:
    before = sample("ct").read_bytes()
    memory.pipe_file("/in/ct.dcm", before)
    for sources, dest in (
        ("memory://in", "memory:///in/"),
        (f"file://{study / 'a'}", study / "a"),
        (study / "a", f"file://{study / 'a'}"),
        ([study / "a", study / "notes.txt"], f"file://{study}"),
    ):
        with pytest.raises(OptionError, match=r"own sources|folder of the sources"):
            radkit.transcode_many(sources, dest)
    assert memory.cat_file("/in/ct.dcm") == before
    assert (study / "a" / "ct.dcm").read_bytes() == before


def test_nonsense(study: Path) -> None:
    for wrong in ("nosuch://x", "memory://"):
        with pytest.raises((OptionError, TransferError)):
            radkit.transcode_many("memory://not-there", wrong)
    for engine in ("processes", "dask"):
        with pytest.raises(OptionError, match="memory"):
            radkit.transcode_many(study, "memory://out", engine=engine)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", "x")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.mkdir("archive")
    yield "s3://archive"
    patch.undo()
    server.stop()


@pytest.mark.filterwarnings("ignore")  # of botocore
def test_s3_there_and_back(study: Path, bucket: str, tmp_path: Path) -> None:
    fs = fsspec.filesystem("s3")
    fs.put(str(study), "archive/in", recursive=True)
    report = radkit.transcode_many(f"{bucket}/in", f"{bucket}/out")
    check(report, lambda place: fs.cat_file(f"archive/out/{place}"))
    again = radkit.transcode_many(f"{bucket}/in", f"{bucket}/out")
    assert again.resumed == 3
    assert main(["transcode", f"{bucket}/out/a", "-o", str(tmp_path / "x"), "-s", "rle"]) == 0
    assert np.array_equal(radkit.decode(tmp_path / "x" / "ct.dcm"), radkit.decode(sample("ct")))
    assert main(["transcode", str(study / "a"), "-o", f"{bucket}/cli"]) == 0
    assert fs.exists("archive/cli/ct.dcm")


@pytest.mark.filterwarnings("ignore")  # of botocore and distributed
@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_s3_by_other_processes(study: Path, bucket: str, engine: Any) -> None:
    if engine == "dask":
        pytest.importorskip("distributed")
    fs = fsspec.filesystem("s3")
    fs.put(str(study), f"archive/in-{engine}", recursive=True)
    where = (f"{bucket}/in-{engine}", f"{bucket}/out-{engine}")
    report = radkit.transcode_many(*where, engine=engine, workers=1)
    check(report, lambda place: fs.cat_file(f"archive/out-{engine}/{place}"))
    fs.invalidate_cache()
    # The ledger is there, the lock and the journals are gone.
    assert [path.rpartition("/")[2] for path in fs.find(f"archive/out-{engine}/.radkit")] == [
        "ledger.sqlite"
    ]
    assert radkit.transcode_many(*where, engine=engine, workers=1).resumed == 3
