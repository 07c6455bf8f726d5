"""What archives hold, series as lazy arrays, and what is told of runs."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radkit
from radkit import archive
from radkit.cli import main
from radkit.errors import CorruptFile, GeometryError, OptionError, TransferError
from radkit.testing import sample, write_series

fsspec = pytest.importorskip("fsspec")
NAMES = ("ct", "mr_rle", "us_jpeg")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "a").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(sample(name), folder / "a" / f"{name}.dcm")
    shutil.copy(sample("report"), folder / "report.dcm")
    (folder / "notes.txt").write_text("no DICOM")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    return folder


@pytest.fixture
def memory(study: Path) -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    fs.put(str(study), "/study", recursive=True)
    yield fs
    fs.store.clear()


@pytest.fixture(params=["folder", "file", "memory", "zip"])
def url(request: pytest.FixtureRequest, study: Path, memory: Any, tmp_path: Path) -> str:
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "study.zip", "w") as made:
            for path in study.rglob("*.*"):
                made.write(path, path.relative_to(study))
        return f"zip://::{tmp_path / 'study.zip'}"
    places = {"folder": str(study), "file": f"file://{study}", "memory": "memory://study"}
    return places[request.param]


def test_scan_tells_what_inspect_tells(
    url: str, study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "radkit")
    found = list(archive.scan(url, deep=True))
    assert [Path(one.source).name for one in found] == [f"{name}.dcm" for name in NAMES]
    for one, name in zip(found, NAMES, strict=True):
        info = radkit.inspect(sample(name), deep=True)
        assert all(getattr(one, field) == getattr(info, field) for field in info.__slots__)
        assert one.bytes == sample(name).stat().st_size
    # What is broken is told, what is no DICOM or has no pixels is not.
    assert [record.message.split(":")[0] for record in caplog.records] == ["left out"]


def test_scan_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(TransferError):
        list(archive.scan(tmp_path / "nowhere"))
    with pytest.raises(TransferError):
        list(archive.scan("memory://nowhere"))
    assert list(archive.scan(tmp_path)) == []


@pytest.mark.parametrize("chunks", ["frame", "series", 3])
def test_lazy_array_is_the_stack_in_order(tmp_path: Path, chunks: Any) -> None:
    positions = [(0.0, 0.0, 2.0 * (7 * n % 8)) for n in range(8)]
    folder = write_series(tmp_path / "series", positions=positions)
    lazy = archive.to_dask(folder, chunks=chunks)
    volume = radkit.load_volume(folder)
    assert lazy.shape == volume.array.shape and lazy.dtype == volume.array.dtype
    assert lazy.chunks[0] == {"frame": (1,) * 8, "series": (8,), 3: (3, 3, 2)}[chunks]
    assert np.array_equal(lazy.compute(scheduler="threads"), volume.array)
    assert np.array_equal(lazy[2:4, 3:9].compute(scheduler="sync"), volume.array[2:4, 3:9])


def test_only_what_is_asked_for_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = archive.to_dask(write_series(tmp_path / "series"))
    seen: list[Any] = []
    real = radkit.decode

    def counted(source: Any, **more: Any) -> Any:
        seen.append(source)
        return real(source, **more)

    monkeypatch.setattr("radkit.archive.lazy.decode", counted)
    lazy[5].compute(scheduler="sync")
    assert len(seen) == 1


def test_frames_of_one_object_keep_their_order() -> None:
    lazy = archive.to_dask(sample("us_jpeg"), chunks=10)
    assert lazy.shape == (30, 240, 320, 3)
    assert np.array_equal(lazy.compute(scheduler="sync"), radkit.decode(sample("us_jpeg")))


def test_reduced_lazy_array(tmp_path: Path) -> None:
    stack = (np.arange(6 * 37 * 41).reshape(6, 37, 41) % 4000).astype(np.int16)
    folder = write_series(tmp_path / "series", stack)
    radkit.transcode_many(folder, tmp_path / "out")
    lazy = archive.to_dask(tmp_path / "out", reduce=1)
    assert lazy.shape == (6, 19, 21)
    wanted = radkit.load_volume(tmp_path / "out", reduce=1).array
    assert np.array_equal(lazy.compute(scheduler="sync"), wanted)


def test_lazy_array_of_a_store(tmp_path: Path, memory: Any) -> None:
    folder = write_series(tmp_path / "series")
    memory.put(str(folder), "/series", recursive=True)
    lazy = archive.to_dask("memory://series")
    assert np.array_equal(lazy.compute(scheduler="sync"), radkit.load_volume(folder).array)


def test_what_is_no_series(study: Path, tmp_path: Path) -> None:
    with pytest.raises(GeometryError):
        archive.to_dask([sample("us_jpeg"), sample("palette")])
    with pytest.raises(CorruptFile):
        archive.to_dask(sample("report"))
    for chunks in (0, -1, "slice", 2.5, True):
        with pytest.raises(OptionError):
            archive.to_dask(sample("ct"), chunks=chunks)


def test_ledger_of_a_folder_and_of_a_store(study: Path, memory: Any, tmp_path: Path) -> None:
    for dest in (tmp_path / "out", "memory://out"):
        radkit.transcode_many(study / "a", dest)
        rows = list(archive.ledger(dest))
        assert [(row.place, row.state) for row in rows] == [(f"{n}.dcm", "done") for n in NAMES]
    for nowhere in (tmp_path / "nowhere", "memory://nowhere"):
        with pytest.raises(TransferError, match="no ledger"):
            list(archive.ledger(nowhere))


class Watch:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.seen: list[archive.Metrics] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))

    def watch(self, now: archive.Metrics) -> None:
        self.seen.append(now)


def test_metrics_of_a_run(study: Path, tmp_path: Path) -> None:
    watch = Watch()
    report = radkit.transcode_many(study, tmp_path / "out", progress=watch)
    last = watch.seen[-1]
    assert (last.done, last.total) == watch.calls[-1] == (6, 6)
    assert (last.transcoded, last.copied, last.failed, last.skipped) == (
        report.transcoded,
        report.copied,
        len(report.failed),
        len(report.skipped),
    )
    sizes = {path.name: path.stat().st_size for path in study.rglob("*.*")}
    assert last.bytes_total == sum(sizes.values())
    # What failed was read, and passed on as it is.
    broken = sizes["broken.dcm"]
    assert last.bytes_in == report.bytes_in + broken
    assert last.bytes_out == report.bytes_out + broken
    assert last.ratio == last.bytes_in / last.bytes_out
    assert last.eta_s == 0 and last.mb_per_s > 0 and last.seconds > 0
    again = Watch()
    radkit.transcode_many(study, tmp_path / "out", progress=again)
    assert again.seen[-1].resumed == 4 and again.seen[-1].bytes_in == broken


def test_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from radkit.transcoding import metrics
    from radkit.transcoding.records import Record
    from radkit.transcoding.worker import Answer

    clock = [100.0]
    monkeypatch.setattr(metrics.time, "monotonic", lambda: clock[0])
    watch = Watch()
    counts = metrics.Counts(watch, [1_000_000] * 10)
    record = Record(place="x", source="x", stamp="", job="", state="skipped")
    for _ in range(4):
        clock[0] += 2
        counts.add(Answer(result=None, record=record), 1_000_000)
        counts.tell()
    assert watch.seen[-1].mb_per_s == 0.5 and watch.seen[-1].eta_s == 12.0
    counts.tell()  # not ten times a second
    assert len(watch.seen) == 4
    # What an earlier run has done says nothing of the speed.
    clock[0] += 2
    counts.add(Answer(result=None, record=record, earlier=True), 1_000_000)
    counts.tell()
    assert watch.seen[-1].mb_per_s == 0.4 and watch.seen[-1].eta_s == 12.5


def test_json_lines(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for run in range(2):
        with archive.JsonLines(path, every_s=0) as lines:
            radkit.transcode_many(study, tmp_path / f"out{run}", progress=lines)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["done"] for one in found].count(6) >= 2
    assert found[-1]["ratio"] > 0 and found[-1]["at"] > found[0]["at"] > 1e9
    with pytest.raises(TransferError):
        archive.JsonLines(tmp_path / "nowhere" / "x")


def test_prometheus_reads_the_text(study: Path, tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    path = tmp_path / "radkit.prom"
    text = archive.PrometheusText(path, run='night "1"')
    report = radkit.transcode_many(study, tmp_path / "out", progress=text)
    values: dict[tuple[str, str], float] = {}
    for family in parser.text_string_to_metric_families(path.read_text()):
        assert family.documentation
        for one in family.samples:
            assert one.labels["run"] == 'night "1"'
            values[one.name, one.labels.get("state", "")] = one.value
    assert values["radkit_objects", "transcoded"] == report.transcoded
    assert values["radkit_objects", "failed"] == 1 and values["radkit_total", ""] == 6
    assert values["radkit_ratio", ""] > 0 and values["radkit_eta_s", ""] == 0
    assert not math.isnan(values["radkit_mb_per_s", ""])
    assert [one.name for one in tmp_path.iterdir() if ".prom" in one.name] == ["radkit.prom"]


def test_command_with_metrics_and_a_cluster(
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    files = [tmp_path / "m.jsonl", tmp_path / "m.prom"]
    more = [word for file in files for word in ("--metrics", str(file))]
    assert main(["transcode", str(study / "a"), "-o", str(out), *more]) == 0
    assert json.loads(files[0].read_text().splitlines()[-1])["transcoded"] == 3
    assert "radkit_objects" in files[1].read_text()
    assert main(["transcode", str(study), "-o", str(out), "--metrics", str(tmp_path)]) == 5
    monkeypatch.setattr("radkit.cli.transcode.CONNECT_S", 1)
    nobody = "tcp://127.0.0.1:9"
    assert main(["transcode", str(study), "-o", str(out), "--scheduler", nobody]) == 5
    assert "no scheduler" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # sockets and loops that distributed leaves open
def test_command_on_a_cluster_that_is_there(study: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        out = ["-o", str(tmp_path / "out"), "--scheduler", cluster.scheduler_address]
        assert main(["transcode", str(study / "a"), *out]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.dcm")) == [
        f"{name}.dcm" for name in NAMES
    ]


def test_page_shows_the_figures_that_were_measured() -> None:
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("figures", root / "tools/archive_figures.py")
    assert spec is not None and spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    made = figures.page(json.loads(figures.FIGURES.read_text()))
    assert f"{figures.BEGIN}\n{made}\n{figures.END}" in figures.PAGE.read_text()
    # A petabyte at 100 MB/s and 4:1 is 10^7 seconds of a core and leaves 250 TB.
    one = figures.petabyte({"mb_per_s": 100.0, "ratio": 4.0, "bytes": 5e5})
    assert one["core_hours"] == pytest.approx(1e7 / 3600) and one["left_tb"] == 250
    assert one["objects"] == 2e9 and one["days_1"] == pytest.approx(6e15 / 1e9 / 86400)
