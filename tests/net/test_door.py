"""Who may connect to a gateway, and how much may come before anybody looks at it."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_send
from hypothesis import given
from hypothesis import strategies as st
from receivers import EXPLICIT, receiver
from test_gateway import at, gateway, wait_for, waiting

from radkit import net
from radkit.errors import OptionError
from radkit.net import delivery, door
from radkit.net.door import Stream
from radkit.net.rules import is_urgent
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("radkit.net.delivery.FIRST_PAUSE_S", 0.05)
    yield


def unit(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


certificates = test_send.certificates  # a fixture


def stream() -> Stream:
    return Stream(60.0)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 4, 5, 6, 7]), st.integers(0, 1000)), max_size=12),
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
)
def test_any_cut_of_what_is_allowed_is_let_in(
    units: list[tuple[int, int]], cuts: list[int]
) -> None:
    whole = b"".join(unit(kind, bytes(size)) for kind, size in units)
    looked, at = stream(), 0
    for number in range(len(whole) + 1):
        size = cuts[number % len(cuts)]
        looked.came(whole[at : at + size])
        at += size
        if at >= len(whole):
            break
    assert looked._left == 0 and not looked._head


@pytest.mark.parametrize(
    ("kind", "size"), [(1, 1 << 21), (4, 1 << 18), (5, 2000), (7, 1 << 31), (99, 1 << 20)]
)
def test_what_announces_too_much_is_cut_off_at_its_header(kind: int, size: int) -> None:
    with pytest.raises(ConnectionAbortedError, match="announces"):
        stream().came(struct.pack(">BxL", kind, size))


def test_slow_units_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(door.time, "monotonic", lambda: clock[0])
    looked = stream()
    looked.came(unit(4, bytes(1000))[:100])
    clock[0] = 60.5  # the time-out, and a second for a thousand bytes
    looked.came(bytes(100))
    clock[0] = 62
    with pytest.raises(ConnectionAbortedError, match="slowly"):
        looked.came(b"x")


def closed_within(sock: socket.socket, seconds: float) -> bool:
    sock.settimeout(seconds)
    try:
        while sock.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_handshake_that_does_not_come_holds_up_nobody(
    tmp_path: Path, certificates: tuple[Path, Path]
) -> None:
    cert, key = certificates
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    with (
        receiver([EXPLICIT]) as to,
        gateway(tmp_path / "spool", to.address, tls=server, timeout_s=2) as gate,
        socket.create_connection(("127.0.0.1", gate.port)) as silent,
    ):
        client = ssl.create_default_context(cafile=str(cert))
        peer = net.Peer(aet="GATE", host="127.0.0.1", port=gate.port, tls=client, timeout_s=10)
        assert len(net.send([sample("mr")], peer, retries=0).sent) == 1
        assert closed_within(silent, 10)


def test_too_many_connections_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WAITING", 2)
    with (
        receiver([EXPLICIT]) as to,
        gateway(tmp_path, to.address, max_associations=1, timeout_s=2) as gate,
    ):
        held = [socket.create_connection(("127.0.0.1", gate.port)) for _ in range(8)]
        time.sleep(0.5)
        refused = sum(closed_within(one, 0.2) for one in held)
        assert 4 <= refused <= 6
        for one in held:
            one.close()
        wait_for(lambda: len(net.send([sample("mr")], at(gate.port), retries=0).sent) == 1)


def test_what_this_machine_cannot_do_is_put_aside_some_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_S", 0.02)
    usual = delivery.send_with

    def failing(sources: Any, *args: Any, **options: Any) -> Any:
        if any(Path(one).stat().st_size < 20_000 for one in sources):  # the MR image
            raise MemoryError
        return usual(sources, *args, **options)

    monkeypatch.setattr(delivery, "send_with", failing)
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address) as gate:
        net.send([sample("mr"), sample("ct")], at(gate.port))
        wait_for(lambda: waiting(tmp_path) == 0)
    assert len(to.objects) == 1
    (reason,) = (tmp_path / "refused").glob("*.json")
    assert "MemoryError" in reason.read_text() and len(list((tmp_path / "refused").iterdir())) == 2


def test_rule_of_urgency(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "radkit")
    data = sample("ct").read_bytes()
    rule = net.Rule(({"Modality": "MR"}, {"Modality": "c?", "CallingAETitle": "*stroke*"}))
    assert is_urgent(rule, data, "STROKE1") and not is_urgent(rule, data, "ROOM1")
    assert is_urgent(rule, sample("mr").read_bytes(), "ROOM1")
    assert is_urgent(lambda values: values["Modality"] == "CT", data, "X")
    assert not is_urgent(None, data, "X")
    # Neither a header that cannot be read nor a rule that fails stops anything.
    assert not is_urgent(rule, b"nothing", "STROKE")
    assert not is_urgent(lambda values: 1 / 0 > 1, data, "X")
    assert len(caplog.records) == 2
    for wrong in ({"PatientName": "*"}, {}):
        with pytest.raises(OptionError, match="rule knows"):
            net.Rule((wrong,))


def test_urgent_by_rule_goes_first(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to:
        where = to.address
    rule = net.Rule(({"Modality": "MR"},))
    with gateway(tmp_path, where, urgent_if=rule) as gate:
        net.send([sample("ct"), sample("mr")], at(gate.port))
    assert sorted(path.name[0] for path in (tmp_path / "received").iterdir()) == ["0", "1"]
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: len(to.objects) == 2)
    assert [to.dataset(n).Modality for n in range(2)] == ["MR", "CT"]
