"""Storage commitment, and how fast objects are sent."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from receivers import CLASSES, EXPLICIT, receiver
from test_gateway import at, wait_for, waiting

from radkit import net
from radkit.cli import main
from radkit.errors import OptionError, TransferError
from radkit.net.commitment import PUSH_MODEL, WELL_KNOWN, Commitments
from radkit.net.throttle import Throttle
from radkit.testing import sample

pynetdicom = pytest.importorskip("pynetdicom")
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # pynetdicom's reactor, when an association ends while an answer is on its way.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
Reasons = Callable[[str], int | None]  # of an instance: 0, a failure reason, None for no word


@dataclass
class Archive:
    """A receiver that is asked what it keeps."""

    port: int = 0
    objects: list[str] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"ARCHIVE@127.0.0.1:{self.port}"


def report(asked: Dataset, reasons: Reasons) -> tuple[Dataset, int]:
    said = Dataset()
    said.TransactionUID = asked.TransactionUID
    kept, failed = [], []
    for item in asked.ReferencedSOPSequence:
        reason = reasons(item.ReferencedSOPInstanceUID)
        if reason:
            item.FailureReason = reason
        if reason is not None:
            (failed if reason else kept).append(item)
    if kept:
        said.ReferencedSOPSequence = kept
    if failed:
        said.FailedSOPSequence = failed
    return said, 2 if failed else 1


@contextlib.contextmanager
def archive(
    reasons: Reasons = lambda instance: 0,
    *,
    back: Callable[[], int] | None = None,
    answers: bool = True,
    status: int = 0,
) -> Iterator[Archive]:
    """Say what is kept, over the same association or one that is opened `back` to a port."""
    made = Archive()
    entity = pynetdicom.AE(ae_title="ARCHIVE")
    for sop_class in CLASSES:
        entity.add_supported_context(sop_class, EXPLICIT)
    entity.add_supported_context(PUSH_MODEL)
    threads: list[threading.Thread] = []

    def store(event: Any) -> int:
        made.objects.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    def tell(event: Any, said: Dataset, kind: int) -> None:
        time.sleep(0.1)  # behind the answer to the question
        if back is None:
            event.assoc.send_n_event_report(said, kind, PUSH_MODEL, WELL_KNOWN)
            return
        caller = pynetdicom.AE(ae_title="ARCHIVE")
        caller.add_requested_context(PUSH_MODEL)
        role = pynetdicom.build_role(PUSH_MODEL, scp_role=True)
        line = caller.associate("127.0.0.1", back(), ae_title="GATE", ext_neg=[role])
        assert line.is_established
        line.send_n_event_report(said, kind, PUSH_MODEL, WELL_KNOWN)
        line.release()

    def action(event: Any) -> tuple[int, None]:
        asked = event.action_information
        made.asked.append([i.ReferencedSOPInstanceUID for i in asked.ReferencedSOPSequence])
        if answers and not status:
            threads.append(threading.Thread(target=tell, args=(event, *report(asked, reasons))))
            threads[-1].start()
        return status, None

    evt = pynetdicom.evt
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_N_ACTION, action)],
    )
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        for thread in threads:
            thread.join(10)
        server.shutdown()


def peer(made: Archive, seconds: float = 10) -> net.Peer:
    return net.Peer(aet="ARCHIVE", host="127.0.0.1", port=made.port, timeout_s=seconds)


def uid(name: str) -> str:
    return str(pydicom.dcmread(sample(name)).SOPInstanceUID)


def test_committed_objects_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with archive() as made:
        found = net.send([sample("ct"), sample("mr")], peer(made), commit=True)
        assert [one.committed for one in found.sent] == [True, True]
        assert sorted(made.asked[0]) == sorted([uid("ct"), uid("mr")]) and len(made.asked) == 1
        assert not net.send([sample("mr")], peer(made)).sent[0].committed
        assert main(["send", str(sample("mr")), "--to", made.address, "--commit", "--json"]) == 0
    assert '"committed": true' in capsys.readouterr().out


def test_what_is_not_kept_fails_alone() -> None:
    with archive(lambda instance: 0x0122 if instance == uid("mr") else 0) as made:
        found = net.send([sample("ct"), sample("mr")], peer(made), commit=True, retries=3)
    assert [isinstance(result, net.Sent) for _, result in found] == [True, False]
    assert "does not keep it (0122)" in str(found.failed[0][1]) and len(made.asked) == 1


def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radkit.net.sending.FIRST_PAUSE_S", 0.05)
    reasons = iter([0x0213, None, 0])
    with archive(lambda instance: next(reasons)) as made:
        found = net.send([sample("mr")], peer(made, seconds=1), commit=True, retries=5)
    assert found.sent[0].attempts == 3 and len(made.objects) == 3


@pytest.mark.parametrize("how", ["silent", "refusing", "without"])
def test_receivers_that_do_not_commit(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "without":
        with receiver([EXPLICIT]) as plain:
            found = net.send([sample("mr")], plain.address, commit=True)
        assert "no storage commitment" in str(found.failed[0][1])
        return
    with archive(answers=how != "silent", status=0x0110 if how == "refusing" else 0) as made:
        found = net.send([sample("mr")], peer(made, seconds=0.5), commit=True, retries=0)
    error = found.failed[0][1]
    assert isinstance(error, TransferError) and str(error).startswith("stored, but")


def test_services_on_the_web_have_none() -> None:
    with pytest.raises(OptionError, match="web service"):
        net.send([sample("mr")], "http://127.0.0.1:9/studies", commit=True)
    with pytest.raises(OptionError, match="web service"):
        net.Route(to="http://127.0.0.1:9", commit=True)


@pytest.mark.parametrize("own_line", [True, False], ids=["called back", "same association"])
def test_gateway_releases_what_is_committed(
    own_line: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radkit.net.delivery.FIRST_PAUSE_S", 0.05)
    gates: list[net.Gateway] = []
    turns = iter([0x0213])  # not now, then yes
    with archive(
        lambda instance: next(turns, 0), back=(lambda: gates[0].port) if own_line else None
    ) as made:
        route = net.Route(to=peer(made), commit=True)
        with net.Gateway(
            net.Listen(aet="GATE", port=0, titles=("ROOM1", "ARCHIVE")),
            [route],
            spool=tmp_path,
            reserve_bytes=0,
        ) as gate:
            gates.append(gate)
            assert len(net.send([sample("mr")], at(gate.port)).sent) == 1
            wait_for(lambda: waiting(tmp_path) == 0)
    assert made.objects == [uid("mr")] * 2
    (record,) = (tmp_path / "sent").glob("*.json")
    assert '"committed": true' in record.read_text()


def test_answers_that_nobody_waits_for_or_that_make_no_sense() -> None:
    waiting_ones = Commitments()
    transaction, asked = waiting_ones.ask([("1.2", "1.2.3"), ("1.2", "1.2.4")])
    said, _ = report(asked, lambda instance: 0)
    said.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "9.9"  # never asked for
    strange = Dataset()
    strange.TransactionUID = "1.2.3.4"
    for event, status in (
        (SimpleNamespace(event_information=strange), 0x0112),
        (SimpleNamespace(event_information=Dataset()), 0x0110),
        (SimpleNamespace(event_information=None), 0x0110),
        (SimpleNamespace(event_information=said), 0),
    ):
        assert waiting_ones.told(event) == (status, None)
    assert waiting_ones.wait(transaction, 1) == {"1.2.4": 0}
    assert waiting_ones.told(SimpleNamespace(event_information=said)) == (0x0112, None)


# How fast


def test_throttle_keeps_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("radkit.net.throttle.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("radkit.net.throttle.time.sleep", sleep)
    throttle = Throttle(8.0)  # a thousand bytes a second
    for _ in range(10):
        throttle.sent(500)
    assert clock[0] == pytest.approx(5.0)
    clock[0] += 100  # a pause saves up a quarter of a second, no more
    throttle.sent(500)
    assert slept[-1] == pytest.approx(0.25)


def test_rate_of_a_line(tmp_path: Path) -> None:
    size = len(sample("us_rgb").read_bytes())
    with receiver([EXPLICIT]) as to:
        began = time.monotonic()
        net.send([sample("us_rgb")], to.address, syntax="explicit-le", rate_kbit_s=size * 8 / 1000)
        took = time.monotonic() - began
    assert 0.6 < took < 10  # a second, less what may be saved up
    assert pydicom.dcmread(io.BytesIO(to.objects[0])).Rows == 240
    for wrong in (0, -1, 0.5, float("nan"), 1e12):
        with pytest.raises(OptionError, match="rate_kbit_s"):
            net.send([sample("mr")], "A@127.0.0.1:9", rate_kbit_s=wrong)
