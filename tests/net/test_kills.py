"""kill -9 in the middle of a receipt: what was acknowledged is there whole, the rest is not."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from receivers import EXPLICIT, copies, gateway, receiver, wait_for, waiting

import radkit
from radkit import net
from radkit.net.spool import Spool
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# Nobody is at the end of its route, so that all that was acknowledged waits.
SERVICE = """
import sys, time
from radkit import net
gate = net.Gateway(net.Listen(aet="GATE", port=0, timeout_s=20), [net.Route(to="S@127.0.0.1:9")],
                   spool=sys.argv[1], reserve_bytes=0, web=net.WebListen(port=0))
with gate:
    print(gate.port, gate.web_port, flush=True)
    time.sleep(600)
"""
OBJECTS, FRAMES, SECONDS = 4, 64, 1.5  # half a megabyte each: several units of C-STORE


@pytest.fixture(autouse=True)
def sockets_are_closed() -> Iterator[None]:
    yield
    gc.collect()  # those that pynetdicom leaves open where a connection fails


class Service:
    """A gateway in a process of its own."""

    def __init__(self, spool: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(spool)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port, self.web_port = (int(one) for one in self.process.stdout.readline().split())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def send(objects: Sequence[Path], service: Service, way: str) -> set[str]:
    """Send so slowly that a kill meets objects under way; return what was acknowledged."""
    to: Any = f"http://127.0.0.1:{service.web_port}"
    if way == "c-store":
        to = net.Peer(aet="GATE", host="127.0.0.1", port=service.port, timeout_s=3)
    size = sum(path.stat().st_size for path in objects)
    rate = size / 125 / SECONDS
    report = net.send(objects, to, syntax="explicit-le", retries=0, rate_kbit_s=rate)
    return {one.instance for one in report.sent}


def round_of(objects: Sequence[Path], spool: Path, way: str, moment: float) -> set[str]:
    """Send, and kill the receiver meanwhile."""
    service = Service(spool)
    killer = threading.Timer(moment, service.kill)
    killer.start()
    try:
        return send(objects, service, way)
    finally:
        killer.join()


MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 50)]


@pytest.mark.parametrize("way", ["c-store", "stow"])
@pytest.mark.parametrize("seed", [0, *MORE])
def test_killed_while_an_object_comes(seed: int, way: str, tmp_path: Path) -> None:
    rng, spool = random.Random(seed), tmp_path / "spool"
    left: dict[str, Path] = {}
    for number, data in enumerate(copies(OBJECTS, frames=FRAMES)):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(data)
        left[str(pydicom.dcmread(path).SOPInstanceUID)] = path
    every = set(left)
    halves = 0
    for _ in range(4):
        acknowledged = round_of(list(left.values()), spool, way, rng.uniform(0.05, SECONDS))
        halves += len(list((spool / "incoming").iterdir()))
        left = {uid: path for uid, path in left.items() if uid not in acknowledged}
        kept = len(list(Spool(spool, reserve_bytes=0).held()))
        # One more may be there than was acknowledged: killed before the answer went out.
        assert len(every) - len(left) <= kept <= len(every)
        if not left:
            break
    with receiver([EXPLICIT]) as to, gateway(spool, to.address) as gate:
        assert list((spool / "incoming").iterdir()) == []
        if left:  # the sender comes again with what was not acknowledged
            peer = net.Peer(aet="GATE", host="127.0.0.1", port=gate.port, timeout_s=20)
            report = net.send(list(left.values()), peer, syntax="explicit-le")
            assert len(report.sent) == len(left)
        wait_for(lambda: waiting(spool) == 0)
    came = [str(to.dataset(n).SOPInstanceUID) for n in range(len(to.objects))]
    assert sorted(came) == sorted(every)  # each of them once
    for data in to.objects:
        assert (radkit.decode(data) == radkit.decode(sample("mr"))).all()
        assert radkit.decode(data).shape[0] == FRAMES
    print(f"seed {seed}, {way}: {halves} kills met an object on its way")
