"""Who may connect to a gateway, and how much may come before anybody looks at it."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
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


def test_address_that_is_not_listed_is_turned_away_before_a_byte(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gateway(tmp_path, to.address, addresses=("10.0.0.0/8",)) as gate,
        socket.create_connection(("127.0.0.1", gate.port)) as stranger,
    ):
        assert closed_within(stranger, 5)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_stranger_fills_no_memory(tmp_path: Path) -> None:
    request = association_request()
    with (
        receiver([EXPLICIT]) as to,
        gateway(tmp_path, to.address, max_object_bytes=1 << 20) as gate,
    ):
        before = resident()
        # A web browser at the wrong port, a length of a gigabyte, a message without an end.
        hostile: list[Callable[[socket.socket], object]] = [
            lambda s: s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(100)),
            lambda s: s.sendall(struct.pack(">BxL", 1, 1 << 30) + bytes(1 << 20)),
            lambda s: endless(s, request),
        ]
        for act in hostile:
            with socket.create_connection(("127.0.0.1", gate.port)) as stranger:
                with contextlib.suppress(OSError):  # cut off while it was sending
                    act(stranger)
                assert closed_within(stranger, 10)
        assert resident() - before < 40 << 20
        assert len(net.send([sample("mr")], at(gate.port)).sent) == 1  # others are served


def association_request() -> bytes:
    from pynetdicom import AE, build_context
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification
    from pynetdicom.pdu_primitives import ImplementationClassUIDNotification as Implementation

    asked = A_ASSOCIATE()
    asked.application_context_name = "1.2.840.10008.3.1.1.1"
    asked.calling_ae_title, asked.called_ae_title = "ROOM1", "GATE"
    length, made_by = MaximumLengthNotification(), Implementation()
    length.maximum_length_received = 16384
    made_by.implementation_class_uid = AE().implementation_class_uid
    asked.user_information = [length, made_by]
    context = build_context("1.2.840.10008.5.1.4.1.1.4", EXPLICIT)
    context.context_id = 1
    asked.presentation_context_definition_list = [context]
    unit = A_ASSOCIATE_RQ()
    unit.from_primitive(asked)
    return bytes(unit.encode())


def endless(sock: socket.socket, request: bytes) -> None:
    sock.sendall(request)
    sock.settimeout(10)
    assert sock.recv(4096)[0] == 2  # accepted
    body = struct.pack(">LBB", 100_002, 1, 0) + bytes(100_000)  # not the last fragment
    for _ in range(3000):
        sock.sendall(unit(4, body))


def test_sender_that_stands_still_is_cut_off(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gateway(tmp_path, to.address, timeout_s=0.5) as gate,
        socket.create_connection(("127.0.0.1", gate.port)) as slow,
    ):
        slow.sendall(struct.pack(">BxL", 1, 200) + bytes(10))
        assert closed_within(slow, 8)


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


def test_receiver_that_is_slow_holds_up_no_other(tmp_path: Path) -> None:
    with socket.socket() as deaf:  # it accepts, and says nothing
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        silent = net.Peer(aet="DEAF", host="127.0.0.1", port=deaf.getsockname()[1], timeout_s=3)
        with (
            receiver([EXPLICIT]) as to,
            net.Gateway(
                net.Listen(aet="GATE", port=0),
                [net.Route(to=silent), net.Route(to=to.address)],
                spool=tmp_path,
                reserve_bytes=0,
            ) as gate,
        ):
            began = time.monotonic()
            net.send([sample(name) for name in ("ct", "mr", "us_rgb")], at(gate.port))
            wait_for(lambda: len(to.objects) == 3)
            assert time.monotonic() - began < 3
            assert waiting(tmp_path) == 3  # the other one has none of them


def test_objects_that_wait_go_in_few_associations(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to:
        where = to.address
    names = ("ct", "mr", "us_rgb", "mr_rle", "palette")
    with gateway(tmp_path, where) as gate:
        assert len(net.send([sample(name) for name in names], at(gate.port)).sent) == 5
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: waiting(tmp_path) == 0)
        assert len(to.objects) == 5 and to.associations == 1


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
