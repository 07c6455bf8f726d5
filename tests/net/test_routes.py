"""Several receivers at a time, several objects in an association, and what goes first."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from receivers import (
    EXPLICIT,
    J2K,
    RPCL,
    at,
    copies,
    deaf,
    gateway,
    receiver,
    wait_for,
    waiting,
)

from radkit import errors, limits, net
from radkit.net.commitment import Commitments
from radkit.net.delivery import Delivery
from radkit.net.spool import Held, Spool
from radkit.testing import sample

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("radkit.net.delivery.FIRST_PAUSE_S", 0.05)
    yield
    gc.collect()


def fill(spool: Path, count: int, *, urgent: bool = False, first: int = 0) -> Spool:
    made = Spool(spool, reserve_bytes=0)
    for data in copies(count, first=first):
        made.receive(str(time.monotonic_ns()), data, urgent=urgent)
    return made


def test_silent_receiver_holds_up_no_other(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    with deaf(None) as port, receiver([EXPLICIT]) as to:
        silent = net.Peer(aet="S", host="127.0.0.1", port=port, timeout_s=5)
        begin = time.monotonic()
        with gateway(tmp_path, silent, to.address):
            wait_for(lambda: len(to.objects) == 30)
            assert time.monotonic() - begin < 5  # not one time-out, and there would be thirty
    assert waiting(tmp_path) == 30  # the silent one has none of them


def test_records_of_two_receivers_are_whole(tmp_path: Path) -> None:
    fill(tmp_path, 40)
    with receiver([EXPLICIT]) as one, receiver([EXPLICIT]) as two:
        with gateway(tmp_path, one.address, two.address):
            wait_for(lambda: waiting(tmp_path) == 0)
        assert len(one.objects) == len(two.objects) == 40
        records = [json.loads(path.read_text()) for path in (tmp_path / "sent").iterdir()]
        assert len(records) == 40
        for record in records:
            assert set(record["to"]) == {one.address, two.address} and record["released"]


def test_several_objects_go_in_one_association(tmp_path: Path) -> None:
    fill(tmp_path, 40)
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: waiting(tmp_path) == 0)
        assert to.associations == 3  # of sixteen, sixteen, eight


def test_urgent_object_goes_before_what_waits_already(tmp_path: Path) -> None:
    fill(tmp_path, 60)

    def slow(number: int, event: Any) -> int:
        time.sleep(0.02)
        return 0

    stroke = pydicom.dcmread(sample("ct"))
    with receiver([EXPLICIT], answer=slow) as to:
        with gateway(tmp_path, to.address, urgent=("STROKE",)) as gate:
            wait_for(lambda: len(to.objects) >= 5)
            net.send([sample("ct")], at(gate.port, "STROKE"), syntax="explicit-le")
            wait_for(lambda: waiting(tmp_path) == 0)
        came = [str(to.dataset(n).SOPInstanceUID) for n in range(61)]
    # After the batch that was under way, at most one more that began while it was received.
    assert came.index(stroke.SOPInstanceUID) <= 32


def test_refused_one_of_a_batch_is_put_aside_alone(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    answers = iter([0, 0, 0, 0, 0xA900])
    with receiver([EXPLICIT], answer=lambda n, e: next(answers, 0)) as to:
        with gateway(tmp_path, to.address):
            wait_for(lambda: waiting(tmp_path) == 0)
        assert len(to.objects) == 9
    assert len(list((tmp_path / "refused").glob("*.dcm"))) == 1


def broken(spool: Path) -> Held:
    """An object that is acknowledged, and that nobody can transcode."""
    ds = pydicom.dcmread(sample("mr"))
    ds.PixelData = ds.PixelData[:1000]
    path = spool.parent / "broken.dcm"
    ds.save_as(path)
    return Spool(spool, reserve_bytes=0).receive(ds.SOPInstanceUID, path.read_bytes())


def test_what_can_never_be_transcoded_is_put_aside_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("radkit.net.delivery.MOST_TRIES", 3)
    spool = tmp_path / "spool"
    fill(spool, 3)
    broken(spool)
    with receiver([J2K]) as to, gateway(spool, to.address):
        wait_for(lambda: waiting(spool) == 0)
        assert len(to.objects) == 3
    (reason,) = (spool / "refused").glob("*.json")
    assert "refused" in json.loads(reason.read_text())["to"][to.address]
    told = [r.message.rpartition("; ")[2] for r in caplog.records if "; it is" in r.message]
    assert told == ["it is tried again", "it is tried again", "it is put aside after 3 tries"]


@pytest.mark.parametrize(
    ("error", "tries", "settled"),
    [
        (errors.CorruptFile("x"), 1, True),
        (errors.UnsupportedTransferSyntax("x"), 9, False),
        (errors.UnsupportedTransferSyntax("x"), 10, True),
        (errors.LimitExceeded("x"), 10, True),
        (errors.VerificationError("x"), 10, True),
        (errors.TransferError("nobody answers"), 1000, False),
    ],
)
def test_which_errors_are_final(
    tmp_path: Path, error: errors.RadkitError, tries: int, settled: bool
) -> None:
    made = Delivery(net.Route(to="S@127.0.0.1:1"), limits.UNTRUSTED, lambda *_: None, Commitments())
    held = Held(tmp_path / "1-0-a.dcm")
    made._tries[held.key] = tries - 1  # those that have failed before
    assert (made._answer(held, error) is not None) == settled


def test_large_objects_do_not_go_in_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 12)
    size = next(Spool(tmp_path).held()).path.stat().st_size
    monkeypatch.setattr("radkit.net.delivery.MOST_BYTES_AT_ONCE", 3 * size + 1000)
    with receiver([EXPLICIT]) as to, gateway(tmp_path, to.address):
        wait_for(lambda: waiting(tmp_path) == 0)
        assert to.associations == 4


def test_receivers_take_different_syntaxes(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    with receiver([EXPLICIT]) as one, receiver([RPCL]) as two:
        with gateway(tmp_path, one.address, two.address):
            wait_for(lambda: waiting(tmp_path) == 0)
        assert set(one.syntaxes) == {EXPLICIT} and set(two.syntaxes) == {RPCL}
