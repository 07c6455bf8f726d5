from __future__ import annotations

import gc
import io
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from receivers import EXPLICIT, IMPLICIT, RPCL, at, gateway, receiver, wait_for, waiting

import radkit
from radkit import net
from radkit.errors import OptionError, TransferError
from radkit.net.spool import Spool
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("radkit.net.delivery.FIRST_PAUSE_S", 0.05)
    yield
    gc.collect()


def test_objects_come_in_and_go_on_transcoded(tmp_path: Path) -> None:
    names = ("ct", "mr", "us_rgb", "report")
    with receiver([RPCL, EXPLICIT, IMPLICIT]) as to, gateway(tmp_path, to.address) as gate:
        report = net.send([sample(name) for name in names], at(gate.port))
        assert len(report.sent) == 4
        wait_for(lambda: len(to.objects) == 4 and waiting(tmp_path) == 0)
    found = {to.dataset(n).SOPInstanceUID: n for n in range(4)}
    for name in names[:3]:
        n = found[pydicom.dcmread(sample(name)).SOPInstanceUID]
        assert to.syntaxes[n] == RPCL
        assert np.array_equal(radkit.decode(to.objects[n]), radkit.decode(sample(name)))
    records = [json.loads(path.read_text()) for path in (tmp_path / "sent").iterdir()]
    assert len(records) == 4 and all(record["released"] for record in records)


def test_names_on_disk_are_hashes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, reserve_bytes=0)
    held = spool.receive("../../../etc/passwd", b"x")
    assert held.path.parent == tmp_path / "received" and held.path.read_bytes() == b"x"
    assert set(held.key) <= set("0123456789abcdef")


def test_same_object_twice_is_one_and_another_of_its_uid_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, reserve_bytes=0)
    first, again = spool.receive("1.2", b"a"), spool.receive("1.2", b"a")
    other = spool.receive("1.2", b"b")
    assert first == again and other != first and waiting(tmp_path) == 2
    assert [held.key for held in Spool(tmp_path, reserve_bytes=0).held()] == [first.key, other.key]


def test_urgent_objects_go_first(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Nobody is there yet, so both wait; the urgent one came last.
    with gateway(tmp_path, f"STORE@127.0.0.1:{port}", urgent=("STROKE",)) as gate:
        net.send([sample("ct")], at(gate.port))
        net.send([sample("mr")], at(gate.port, "STROKE"))
        assert waiting(tmp_path) == 2
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: len(to.objects) == 2)
    assert [to.dataset(n).Modality for n in range(2)] == ["MR", "CT"]


def test_receiver_that_is_away_gets_it_later(tmp_path: Path) -> None:
    calls: list[int] = []

    def answer(number: int, event: Any) -> int:
        calls.append(number)
        return 0xA700 if len(calls) < 3 else 0

    with receiver([EXPLICIT], answer=answer) as to, gateway(tmp_path, to.address) as gate:
        assert len(net.send([sample("mr")], at(gate.port)).sent) == 1
        wait_for(lambda: len(to.objects) == 1 and waiting(tmp_path) == 0)
    assert len(calls) == 3


def test_refused_object_is_put_aside_and_goes_to_the_others(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT], answer=lambda n, e: 0xA900) as bad,
        receiver([EXPLICIT]) as good,
        gateway(tmp_path, bad.address, good.address) as gate,
    ):
        net.send([sample("mr")], at(gate.port))
        wait_for(lambda: waiting(tmp_path) == 0)
    assert len(good.objects) == 1
    aside = sorted((tmp_path / "refused").iterdir())
    assert [path.suffix for path in aside] == [".dcm", ".json"]
    assert "A900" in aside[1].read_text()
    assert np.array_equal(radkit.decode(aside[0]), radkit.decode(sample("mr")))


def test_what_cannot_be_transcoded_goes_on_as_it_is(tmp_path: Path) -> None:
    ds = pydicom.dcmread(sample("mr"))
    ds.PixelData = ds.PixelData[:1000]  # too few
    out = io.BytesIO()
    ds.save_as(out)
    with receiver([RPCL, EXPLICIT]) as to, gateway(tmp_path, to.address) as gate:
        report = net.send([out.getvalue()], at(gate.port), retries=0)
        assert len(report.sent) == 1, report.failed
        wait_for(lambda: len(to.objects) == 1)
    assert to.syntaxes == [EXPLICIT] and to.dataset(0).PixelData == ds.PixelData


def test_fault_of_this_machine_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radkit.net.delivery.LONGEST_PAUSE_S", 0.1)
    with receiver([EXPLICIT]) as to, gateway(tmp_path / "spool", to.address) as gate:
        usual = radkit.net.delivery.send_with
        faults = iter([OSError("no space"), ValueError("a fault"), radkit.LimitExceeded("x")])

        def failing(*args: Any, **options: Any) -> Any:
            for fault in faults:
                raise fault
            return usual(*args, **options)

        monkeypatch.setattr("radkit.net.delivery.send_with", failing)
        net.send([sample("mr"), sample("ct")], at(gate.port))
        wait_for(lambda: len(to.objects) == 2)


def test_damaged_record_costs_a_second_delivery_at_most(tmp_path: Path) -> None:
    spool = Spool(tmp_path, reserve_bytes=0)
    held = spool.receive("1.2.3", Path(sample("mr")).read_bytes())
    (tmp_path / "sent" / f"{held.key}.json").write_bytes(b"")
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: len(to.objects) == 1 and waiting(tmp_path) == 0)


def test_refused_object_is_asked_for_again_when_it_comes_again(tmp_path: Path) -> None:
    answers = iter([0xA900])
    with (
        receiver([EXPLICIT], answer=lambda n, e: next(answers, 0)) as to,
        gateway(tmp_path, to.address) as gate,
    ):
        net.send([sample("mr")], at(gate.port))
        wait_for(lambda: waiting(tmp_path) == 0)
        assert not to.objects
        net.send([sample("mr")], at(gate.port))
        wait_for(lambda: len(to.objects) == 1)


@pytest.mark.parametrize(
    "listen",
    [{"titles": ("ROOM2",)}, {"addresses": ("10.0.0.0/8", "192.168.1.7")}, {"aet": "OTHER"},
     {"max_object_bytes": 1000}],
    ids=["title", "address", "called", "size"],
)  # fmt: skip
def test_who_may_not_send_is_refused(listen: dict[str, Any], tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address, **listen) as gate:
        report = net.send([sample("mr")], at(gate.port), retries=0)
        assert len(report.failed) == 1
        allowed = {"titles": ("ROOM1",), "addresses": ("127.0.0.0/8",)}
        assert waiting(tmp_path) == 0 and not to.objects
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address, **allowed) as gate:
        assert len(net.send([sample("mr")], at(gate.port)).sent) == 1


def test_full_disk_is_told_to_senders(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to:
        gate = net.Gateway(
            net.Listen(aet="GATE", port=0), [net.Route(to=to.address)], spool=tmp_path,
            reserve_bytes=1 << 60,
        )  # fmt: skip
        with gate:
            report = net.send([sample("mr")], at(gate.port), retries=0)
    assert "A700" in str(report.failed[0][1]) and waiting(tmp_path) == 0


def test_parts_of_a_killed_run_are_thrown_away(tmp_path: Path) -> None:
    Spool(tmp_path, reserve_bytes=0).receive("1.2", b"whole")
    (tmp_path / "received" / ("1-0-x.dcm.part-" + "0" * 16)).write_bytes(b"half")
    assert [h.path.read_bytes() for h in Spool(tmp_path, reserve_bytes=0).held()] == [b"whole"]
    assert waiting(tmp_path) == 1


@pytest.mark.parametrize("count", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_many_refused_associations_leave_memory_flat(count: int, tmp_path: Path) -> None:
    import resource

    def used() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address, titles=("ROOM2",)) as gate:
        sizes = []
        for _ in range(3):
            for _ in range(count):
                net.send([sample("report")], at(gate.port), retries=0)
            gc.collect()
            sizes.append(used())
    assert sizes[2] - sizes[1] < 16 << 20


SERVICE = """
import sys, time
from radkit import net
spool, to = sys.argv[1:3]
gate = net.Gateway(net.Listen(aet="GATE", port=0, timeout_s=20), [net.Route(to=to)],
                   spool=spool, reserve_bytes=0)
with gate:
    print(gate.port, flush=True)
    time.sleep(600)
"""


MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 60)]


@pytest.mark.parametrize("seed", [0, 1, *MORE])
def test_killed_gateway_loses_nothing_it_acknowledged(seed: int, tmp_path: Path) -> None:
    """kill -9 at a random moment; after the next start each acknowledged object has arrived."""
    rng = random.Random(seed)
    base = pydicom.dcmread(sample("mr"))
    acknowledged: set[str] = set()
    with receiver([RPCL, EXPLICIT]) as to:
        for attempt in range(3):
            service = subprocess.Popen(
                [sys.executable, "-c", SERVICE, str(tmp_path / "spool"), to.address],
                stdout=subprocess.PIPE, text=True, env={**os.environ, "RADKIT_TEST": "1"},
            )  # fmt: skip
            assert service.stdout is not None
            port = int(service.stdout.readline())
            killer = rng.uniform(0.02, 0.5)
            begun = time.monotonic()
            for n in range(12):
                ds = base.copy()
                ds.SOPInstanceUID = f"1.2.3.{seed}.{attempt}.{n}"
                ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
                if time.monotonic() - begun > killer and service.poll() is None:
                    service.send_signal(signal.SIGKILL)
                    service.wait()
                sender = net.Peer(aet="GATE", host="127.0.0.1", port=port, timeout_s=2)
                report = net.send([ds], sender, retries=0)
                acknowledged |= {sent.instance for sent in report.sent}
            service.kill()
            service.wait()
            service.stdout.close()
        assert acknowledged
        with gateway(tmp_path / "spool", to.address):
            wait_for(lambda: waiting(tmp_path / "spool") == 0)
    arrived = [str(to.dataset(n).SOPInstanceUID) for n in range(len(to.objects))]
    assert acknowledged <= set(arrived)
    for data in to.objects:  # none of them half
        assert np.array_equal(radkit.decode(data), radkit.decode(sample("mr")))


def test_tls_server(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # Without a certificate no sender gets through; nothing is received in the clear either.
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address, tls=context) as gate:
        assert len(net.send([sample("mr")], at(gate.port), retries=0).failed) == 1
    assert waiting(tmp_path) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"aet": ""}, {"aet": "A" * 17}, {"addresses": ("nowhere",)}, {"max_associations": 0},
     {"timeout_s": 0}, {"titles": ("\\",)}],
)  # fmt: skip
def test_listeners_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        net.Listen(**({"aet": "GATE"} | wrong))


def test_gateway_without_a_route_or_a_place(tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        net.Gateway(net.Listen(aet="GATE"), [], spool=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TransferError):
        gateway(tmp_path / "file", "STORE@127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]
        with pytest.raises(TransferError), gateway(tmp_path, "S@127.0.0.1:1", port=taken):
            pass


CONFIG = """
[listen]
aet = "GATE"
port = 0
titles = ["ROOM1"]
urgent = ["STROKE"]

[spool]
folder = "spool"
reserve_bytes = 0

[[route]]
to = "{to}"
syntax = "htj2k-lossless-rpcl"
"""


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from radkit.cli import main

    config = tmp_path / "gateway.toml"
    with receiver([RPCL, EXPLICIT]) as to:
        config.write_text(CONFIG.format(to=to.address))
        assert main(["gateway", "--config", str(config), "--check"]) == 0
        assert to.address in capsys.readouterr().out
        service = subprocess.Popen(
            [sys.executable, "-m", "radkit.cli", "gateway", "--config", str(config)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert service.stderr is not None
        port = int(service.stderr.readline().rpartition(":")[2])
        assert len(net.send([sample("mr")], at(port)).sent) == 1
        wait_for(lambda: len(to.objects) == 1)
        service.terminate()
        assert service.wait(30) == 0
        service.stderr.close()
    for wrong in ("[listen", "[listen]\naet='A'\n", CONFIG + "colour = 3\n", CONFIG + "[more]\n"):
        config.write_text(wrong)
        assert main(["gateway", "--config", str(config), "--check"]) == 2
