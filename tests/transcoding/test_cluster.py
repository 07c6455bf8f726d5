"""Dask: workers that are killed, a client that is killed, objects that kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from objects_made import ct, encoded

import radkit
from radkit.errors import TransferError
from radkit.transcoding.book import LEDGER
from radkit.transcoding.cluster import Cluster
from radkit.transcoding.journal import left_over
from radkit.transcoding.ledger import read_ledger
from radkit.transcoding.records import parsed
from radkit.transcoding.worker import do_batch

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL"),
    pytest.mark.filterwarnings("ignore"),  # sockets and loops that distributed leaves open
]


def image(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 4000, (32, 48), np.uint16)
    return encoded(ct(pixels, SOPInstanceUID=f"1.2.3.{number}"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number:03d}.dcm").write_bytes(image(number))
    return folder


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "most_jobs", 5)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.dcm"))}


def check(study: Path, out: Path, tmp_path: Path) -> None:
    """The archive is complete, verified, and as one process would have made it."""
    radkit.transcode_many(study, tmp_path / "wanted")
    assert files(out) == files(tmp_path / "wanted")
    rows = list(read_ledger(out / LEDGER))
    assert [(row.place, row.state) for row in rows] == [(name, "done") for name in files(study)]
    assert all(row.result["max_error"] == 0 for row in rows)
    assert list(left_over(out)) == []
    assert not [path for path in out.rglob("*") if ".part-" in path.name]


def test_own_cluster_gives_the_same_bytes(study: Path, tmp_path: Path) -> None:
    report = radkit.transcode_many(study, tmp_path / "out", engine="dask", workers=1)
    assert report.transcoded == 120 and not report.failed
    assert [Path(source).name for source, _ in report] == sorted(files(study))
    check(study, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_workers_lose_nothing(
    study: Path, scheduler: Any, tmp_path: Path, kills: int
) -> None:
    dice = random.Random(5)
    killed: list[int] = []
    seen = [0]
    with distributed.Client(scheduler) as client:

        def kill(done: int, total: int) -> None:
            new = done > seen[-1]  # never twice at the same object, which would be blamed for it
            seen.append(done)
            if len(killed) < kills and new and done < total and dice.random() < 0.3:
                pids = list(client.run(os.getpid, on_error="ignore").values())
                if pids:
                    killed.append(dice.choice(pids))
                    os.kill(killed[-1], signal.SIGKILL)

        while len(killed) < kills:
            out = tmp_path / f"out{len(killed)}"
            seen[:] = [0]
            report = radkit.transcode_many(study, out, engine="dask", progress=kill)
            assert not report.failed and report.transcoded == 120
        client.wait_for_workers(2)
    check(study, out, tmp_path)


RUN = """
import sys, distributed, radkit
from radkit.transcoding.cluster import Cluster
Cluster.most_jobs = 5
if __name__ == "__main__":
    with distributed.Client(sys.argv[3]):
        print("go", flush=True)
        radkit.transcode_many(sys.argv[1], sys.argv[2], engine="dask")
"""


def test_killed_client_repeats_nothing_that_is_done(
    study: Path, scheduler: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    script = tmp_path / "run.py"
    script.write_text(RUN)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    dice = random.Random(6)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, str(script), str(study), str(out), scheduler.scheduler_address],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            time.sleep(dice.uniform(0.05, 0.4))
            child.kill()
        child.wait()
    time.sleep(0.5)  # what workers had begun comes to its end
    done = {record.place for _, lines in left_over(out) for record in parsed(lines)}
    if (out / LEDGER).exists():
        done |= {record.place for record in read_ledger(out / LEDGER)}
    times = {name: (out / name).stat().st_mtime_ns for name in done}
    met = len(times)
    with distributed.Client(scheduler):
        report = radkit.transcode_many(study, out, engine="dask")
    assert report.resumed == met > 0 and not report.failed
    assert {name: (out / name).stat().st_mtime_ns for name in done} == times
    check(study, out, tmp_path)


KILLING = """
import os, signal

class Killing:
    def tell(self):
        if "worker" in os.environ.get("DASK_ROLE", "") or os.getpid() != {home}:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0
    def seek(self, offset, whence=0):
        return 0
    def read(self, size=-1):
        return b""
"""


def test_object_that_kills_its_workers_is_given_up_alone(study: Path, tmp_path: Path) -> None:
    import cloudpickle
    import dask

    killing = types.ModuleType("killing")
    exec(KILLING.format(home=os.getpid()), killing.__dict__)
    sys.modules["killing"] = killing
    cloudpickle.register_pickle_by_value(killing)
    sources = [study / "000.dcm", killing.Killing(), study / "001.dcm", study / "002.dcm"]
    try:
        with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}):
            report = radkit.transcode_many(sources, tmp_path / "out", engine="dask", workers=2)
    finally:
        cloudpickle.unregister_pickle_by_value(killing)
        del sys.modules["killing"]
    assert report.transcoded == 3
    ((source, error),) = report.failed
    assert source is sources[1] and isinstance(error, TransferError)
    assert "workers died 3 times" in str(error)


def test_scheduler_that_goes_is_an_error_to_try_again(study: Path, tmp_path: Path) -> None:
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with distributed.Client(cluster), pytest.raises(TransferError, match="scheduler") as caught:
        radkit.transcode_many(
            study, tmp_path / "out", engine="dask", progress=lambda done, total: cluster.close()
        )
    assert caught.value.retryable
    rest = radkit.transcode_many(study, tmp_path / "out")
    assert 0 < rest.resumed < 120
    check(study, tmp_path / "out", tmp_path)


def test_worker_without_the_folder_is_told(tmp_path: Path) -> None:
    from radkit.transcoding.options import Options
    from radkit.transcoding.worker import Job

    job = Job(
        source=tmp_path / "x",
        name="x",
        to=tmp_path / "not-shared",
        place="x",
        found=False,
        options=Options(syntax="rle"),
        digest="d",
        on_error="skip",
        limits=radkit.limits.DEFAULT,
    )
    with pytest.raises(TransferError, match="does not see") as caught:
        do_batch([job], "journal", "run")
    assert "share" in str(caught.value.hint)


def test_cluster_without_workers_is_not_waited_for_for_ever(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radkit.transcoding.cluster.NO_WORKERS_S", 0.5)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        pytest.raises(TransferError, match="no workers"),
    ):
        radkit.transcode_many(study, tmp_path / "out", engine="dask")
