"""What strangers can make a gateway do: nothing that costs memory, disk, or a place for long."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from receivers import EXPLICIT, at, gateway, receiver, wait_for, waiting

import radkit
from radkit import net
from radkit.net import door, gathering
from radkit.net.spool import Spool
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
MR = "1.2.840.10008.5.1.4.1.1.4"


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Watched:
    """The most memory that the process had while a block ran, above what it began with."""

    def __enter__(self) -> Watched:
        gc.collect()
        self.begin = self.most = resident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, resident())

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def grown(self) -> int:
        return self.most - self.begin


def item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(data)) + data


def request(called: str = "GATE", calling: str = "ROOM1", sop_class: str = MR) -> bytes:
    """An A-ASSOCIATE-RQ with one presentation context."""
    context = bytes([1, 0, 0, 0]) + item(0x30, sop_class.encode()) + item(0x40, EXPLICIT.encode())
    user = item(0x51, struct.pack(">I", 1 << 17)) + item(0x52, b"1.2.3")
    body = struct.pack(">Hxx16s16s32x", 1, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context) + item(0x50, user)
    return struct.pack(">BxI", 1, len(body)) + body


def data_pdu(control: int, data: bytes) -> bytes:
    value = struct.pack(">IBB", len(data) + 2, 1, control) + data
    return struct.pack(">BxI", 4, len(value)) + value


def command(instance: str = "1.2.3") -> bytes:
    """A C-STORE-RQ."""
    from pydicom.dataset import Dataset
    from pynetdicom.dsutils import encode

    ds = Dataset()
    ds.CommandGroupLength, ds.AffectedSOPClassUID, ds.CommandField = 0, MR, 1
    ds.MessageID, ds.Priority, ds.CommandDataSetType = 1, 0, 1
    ds.AffectedSOPInstanceUID = instance
    made = encode(ds, True, True)
    assert made is not None
    return data_pdu(3, made)


@contextlib.contextmanager
def connected(port: int, *, associated: bool = True) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        if associated:
            one.sendall(request())
            assert one.recv(1) == b"\x02"
            one.recv(1 << 16)
        yield one


def ended(one: socket.socket, seconds: float) -> float:
    """Wait for the other side to close the connection; return how long that took."""
    begin = time.monotonic()
    one.settimeout(seconds)
    try:
        while one.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - begin


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[net.Gateway]:
    with gateway(tmp_path / "spool", "S@127.0.0.1:1", timeout_s=1.5) as made:
        yield made
    gc.collect()


def test_strange_address_is_turned_away_before_a_byte_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    usual = door.Stream.__init__
    monkeypatch.setattr(
        door.Stream, "__init__", lambda *a: (made.append(a[0]), usual(*a))[1]  # type: ignore[func-returns-value]
    )  # fmt: skip
    with gateway(tmp_path, "S@127.0.0.1:1", addresses=("10.0.0.0/8",)) as gate:
        for _ in range(20):
            with connected(gate.port, associated=False) as one:
                assert ended(one, 5) < 5
    assert not made
    listed = gateway(tmp_path, "S@127.0.0.1:1", addresses=("127.0.0.0/8",))
    with listed as gate, connected(gate.port):
        assert len(made) == 1


@pytest.mark.parametrize(
    ("associated", "kind", "length"),
    [(False, 1, 1 << 30), (False, 1, 1 << 19), (True, 4, 1 << 30), (True, 4, 1 << 18),
     (True, 4, (1 << 32) - 1), (True, 5, 1 << 20), (False, 0x47, 1 << 30)],
)  # fmt: skip
def test_announced_length_takes_no_memory(
    gate: net.Gateway, associated: bool, kind: int, length: int
) -> None:
    with connected(gate.port, associated=associated) as one, Watched() as memory:
        one.sendall(struct.pack(">BxI", kind, length))
        with contextlib.suppress(OSError):
            for _ in range(64):
                one.sendall(bytes(1 << 16))
        assert ended(one, 5) < 1  # at once, not after timeout_s
    assert memory.grown < 8 << 20


def test_300_megabytes_of_a_stranger_go_to_no_memory_and_no_disk(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    piece = data_pdu(0, bytes(100_000))
    with gateway(spool, "S@127.0.0.1:1", max_object_bytes=1 << 20) as gate:
        with connected(gate.port) as one, Watched() as memory:
            one.sendall(command())
            for _ in range(3000):
                one.sendall(piece)
            assert list((spool / "incoming").iterdir()) == []
            one.sendall(data_pdu(2, b"\0\0"))
            answer = one.recv(1 << 16)
        assert b"\x00\x09\x02\x00\x00\x00\x00\xc0" in answer  # (0000,0900) Status: C000
    assert memory.grown < 16 << 20 and waiting(spool) == 0


def test_large_object_is_received_in_little_memory(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with gateway(spool, "S@127.0.0.1:1") as gate:
        with connected(gate.port) as one, Watched() as memory:
            one.sendall(command())
            for _ in range(2000):
                one.sendall(data_pdu(0, bytes(100_000)))
            one.sendall(data_pdu(2, b"\0\0"))
            assert b"\x00\x09\x02\x00\x00\x00\x00\x00" in one.recv(1 << 16)
        (path,) = (spool / "received").iterdir()
        assert path.stat().st_size > 200_000_000
        path.unlink()
    assert memory.grown < 16 << 20


def test_who_says_nothing_is_cut(gate: net.Gateway) -> None:
    with connected(gate.port, associated=False) as one:
        assert 1 < ended(one, 10) < 5
    with connected(gate.port) as one:
        assert 1 < ended(one, 10) < 5


@pytest.mark.parametrize("associated", [False, True])
def test_who_sends_a_byte_at_a_time_is_cut(gate: net.Gateway, associated: bool) -> None:
    text = command() if associated else request()
    with connected(gate.port, associated=associated) as one:
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in text:
                one.sendall(bytes([byte]))
                time.sleep(0.1)
        assert 1 < time.monotonic() - begin < 5
    wait_for(lambda: gate._server.active_associations == [], 5)


def test_message_of_tiny_fragments_is_cut(gate: net.Gateway) -> None:
    assert gathering.SLOWEST_BYTES_S > 20
    with connected(gate.port) as one:
        one.sendall(command())
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(100):
                one.sendall(data_pdu(0, b"\0\0"))
                time.sleep(0.1)
        assert 1 < time.monotonic() - begin < 6
    assert list((gate.spool.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "pdus",
    [
        [data_pdu(0, b"xx")],  # a data set without its command
        [data_pdu(1, bytes(60_000)), data_pdu(1, bytes(60_000))],
        [data_pdu(3, b"nonsense")],
        [struct.pack(">BxI", 4, 6) + struct.pack(">IBB", 1, 1, 0)[:6]],
        [command() + data_pdu(2, b"\0\0")] * 200,
        [command().replace(b"1.2.3", b"\xff\x00\\.."), data_pdu(0, b"\0\0")],
    ],
    ids=["order", "command", "nonsense", "empty", "pipelined", "uid"],
)
def test_dialogues_of_bad_faith_end_and_leave_nothing(gate: net.Gateway, pdus: list[bytes]) -> None:
    with connected(gate.port) as one:
        with contextlib.suppress(OSError):
            for pdu in pdus:
                one.sendall(pdu)
        ended(one, 10)
    wait_for(lambda: not gate._server.active_associations, 5)
    assert list((gate.spool.folder / "incoming").iterdir()) == []
    with connected(gate.port):  # and others are served
        pass


def test_broken_off_object_leaves_nothing(gate: net.Gateway) -> None:
    with connected(gate.port) as one:
        one.sendall(command() + data_pdu(0, bytes(1000)))
        wait_for(lambda: len(list((gate.spool.folder / "incoming").iterdir())) == 1)
    wait_for(lambda: not list((gate.spool.folder / "incoming").iterdir()), 5)
    assert waiting(gate.spool.folder) == 0


def test_start_sweeps_what_was_arriving(tmp_path: Path) -> None:
    Spool(tmp_path, reserve_bytes=0)
    (tmp_path / "incoming" / "x.dcm").write_bytes(b"half")
    Spool(tmp_path, reserve_bytes=0)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_received_file_is_what_was_sent(tmp_path: Path) -> None:
    """The file that was written as it came has its preamble, meta header, and every element."""
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address, timeout_s=20) as gate:
        assert len(net.send([sample("mr")], at(gate.port)).sent) == 1
        wait_for(lambda: len(to.objects) == 1)
    found, given = pydicom.dcmread(io.BytesIO(to.objects[0])), pydicom.dcmread(sample("mr"))
    del given[0xFFFCFFFC]  # padding, which no transcoded object keeps
    assert dict(found) == dict(given)
    assert np.array_equal(radkit.decode(to.objects[0]), radkit.decode(sample("mr")))


def test_receiver_that_stops_reading_is_given_up(tmp_path: Path) -> None:
    """A full window must not hold the sender: neither its memory nor its time."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[Any] = []

    def accept() -> None:
        one, _ = listener.accept()
        held.append(one)
        one.recv(1 << 16)
        one.sendall(accepted())

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    ds = pydicom.dcmread(sample("mr"))
    ds.PixelData, ds.NumberOfFrames = ds.PixelData * 6000, 6000
    ds.save_as(tmp_path / "large.dcm")
    del ds
    peer = net.Peer(aet="S", host="127.0.0.1", port=listener.getsockname()[1], timeout_s=2)
    begin = time.monotonic()
    with Watched() as memory:
        report = net.send([tmp_path / "large.dcm"], peer, retries=0)
    assert len(report.failed) == 1 and time.monotonic() - begin < 20
    assert memory.grown < 24 << 20
    for one in [listener, *held]:
        one.close()
    thread.join()


def accepted() -> bytes:
    """An A-ASSOCIATE-AC that takes explicit VR in whichever context it may be, 1 to 41."""
    contexts = b""
    for number in range(1, 42, 2):
        body = bytes([number, 0, 0, 0]) + item(0x40, EXPLICIT.encode())
        contexts += item(0x21, body)
    user = item(0x51, struct.pack(">I", 1 << 16)) + item(0x52, b"1.2.3")
    body = struct.pack(">Hxx16s16s32x", 1, b"S".ljust(16), b"RADKIT".ljust(16))
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + contexts + item(0x50, user)
    return struct.pack(">BxI", 2, len(body)) + body
