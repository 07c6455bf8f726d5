"""`send(spool=)`: what did not arrive is kept, and a later call goes on with it."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from receivers import EXPLICIT, copies, receiver

import radkit
from radkit import net
from radkit.cli import main
from radkit.errors import OptionError, TransferError
from radkit.net.leftover import Leftover
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def sockets_are_closed() -> Iterator[None]:
    yield
    gc.collect()


def kept(spool: Path, place: str = "received") -> list[Path]:
    return sorted(spool.glob(f"*/{place}/*.dcm"))


def files(folder: Path, count: int) -> list[Path]:
    made = []
    for number, data in enumerate(copies(count)):
        made.append(folder / f"{number}.dcm")
        made[-1].write_bytes(data)
    return made


def test_what_did_not_arrive_goes_with_the_next_call(tmp_path: Path) -> None:
    spool, objects = tmp_path / "spool", files(tmp_path, 4)
    busy = [True]

    def answer(number: int, event: Any) -> int:
        last = str(event.request.AffectedSOPInstanceUID)[-1]
        return 0xA700 if busy[0] and last in "13" else 0

    with receiver([EXPLICIT], answer=answer) as to:
        report = net.send(objects, to.address, retries=0, spool=spool)
        assert len(report.sent) == 2 and len(report.failed) == 2 and len(kept(spool)) == 2
        for path in objects:
            path.unlink()  # the sender's own may go
        report = net.send([], to.address, retries=0, spool=spool)
        assert len(report.failed) == 2 and len(kept(spool)) == 2  # the same, not twice
        busy[0] = False
        report = net.send([sample("ct")], to.address, retries=0, spool=spool)
        assert len(report.sent) == 3 and kept(spool) == []
        with pytest.raises(OptionError, match="nothing to send"):
            net.send([], to.address, spool=spool)
        # What arrived once may be sent again, and be kept again.
        busy[0] = True
        net.send(files(tmp_path, 2), to.address, retries=0, spool=spool)
        assert len(kept(spool)) == 1
        busy[0] = False
        assert len(net.send([], to.address, spool=spool).sent) == 1
    came = [str(to.dataset(n).SOPInstanceUID)[-1] for n in range(5)]
    assert sorted(came[:2]) == ["0", "2"] and sorted(came[2:4]) == ["1", "3"]  # those first


def test_nobody_there_and_sources_of_all_kinds(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    to = net.Peer(aet="STORE", host="127.0.0.1", port=port, timeout_s=2)
    mr = pydicom.dcmread(sample("mr"))
    bare = pydicom.dcmread(sample("ct"))
    del bare.file_meta
    sources = [mr, Path(sample("us_rgb")).read_bytes(), bare, b"no DICOM"]
    report = net.send(sources, to, retries=0, spool=tmp_path)
    assert len(report.failed) == 4 and len(kept(tmp_path)) == 3
    found = {radkit.inspect(path).shape for path in kept(tmp_path)}
    assert found == {radkit.inspect(sample(name)).shape for name in ("mr", "us_rgb", "ct")}
    for path in kept(tmp_path):
        name = {"MR": "mr", "US": "us_rgb", "CT": "ct"}[pydicom.dcmread(path).Modality]
        assert np.array_equal(radkit.decode(path), radkit.decode(sample(name)))


def test_refused_objects_are_not_kept_and_receivers_are_apart(tmp_path: Path) -> None:
    statuses = iter([0xA700, 0xA900])
    with receiver([EXPLICIT], answer=lambda n, e: next(statuses)) as to:
        net.send([sample("mr")], to.address, retries=0, spool=tmp_path)
        assert len(kept(tmp_path)) == 1
        with receiver([EXPLICIT]) as other, pytest.raises(OptionError):
            net.send([], other.address, spool=tmp_path)
        report = net.send([], to.address, retries=0, spool=tmp_path)
        assert "A900" in str(report.failed[0][1])
        assert kept(tmp_path) == [] and len(kept(tmp_path, "refused")) == 1
    with receiver([EXPLICIT], answer=lambda n, e: 0xA900) as to:
        net.send([sample("mr")], to.address, retries=0, spool=tmp_path / "other")
    assert kept(tmp_path / "other") == []


def test_one_call_at_a_time(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        Leftover(tmp_path, to.address),
        pytest.raises(TransferError, match="another call"),
    ):
        net.send([sample("mr")], to.address, spool=tmp_path)


def test_command(tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")
    with receiver([EXPLICIT], answer=lambda n, e: 0xA700) as to:
        words = ["--to", to.address, "--retries", "0", "--spool", spool]
        assert main(["send", str(sample("mr")), *words]) == 5
        assert len(kept(tmp_path / "spool")) == 1
        assert main(["send", *words]) == 5
        assert main(["send", "--to", to.address]) == 2
