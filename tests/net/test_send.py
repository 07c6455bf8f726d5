from __future__ import annotations

import dataclasses
import gc
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from receivers import (
    EXPLICIT,
    HTJ2K,
    IMPLICIT,
    J2K,
    JPEGLL,
    RPCL,
    deaf,
    receiver,
)

import radkit
from radkit import net
from radkit.errors import OptionError, RadkitError
from radkit.net.objects import look, wishes
from radkit.net.store import batches, verdict
from radkit.testing import sample

# pynetdicom leaves sockets open where a connection fails.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("radkit.net.sending.FIRST_PAUSE_S", 0.01)
    yield
    gc.collect()


def peer(port: int, seconds: float = 30) -> net.Peer:
    return net.Peer(aet="STORE", host="127.0.0.1", port=port, timeout_s=seconds)


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ([RPCL, HTJ2K, J2K, EXPLICIT], RPCL),
        ([HTJ2K, EXPLICIT, IMPLICIT], HTJ2K),
        ([J2K, IMPLICIT], J2K),
        ([JPEGLL], JPEGLL),
        ([EXPLICIT, IMPLICIT], EXPLICIT),
        ([IMPLICIT], IMPLICIT),
    ],
)
@pytest.mark.parametrize("name", ["ct", "mr_implicit", "us_rgb"])
def test_native_object_goes_in_the_best_syntax_that_is_taken(
    name: str, taken: list[str], wanted: str
) -> None:
    if name == "mr_implicit" and wanted == EXPLICIT:
        wanted = IMPLICIT  # as it is
    with receiver(taken) as to:
        report = net.send([sample(name)], to.address)
    assert not report.failed
    (sent,) = report.sent
    assert to.syntaxes == [wanted] and sent.syntax.uid == wanted and sent.attempts == 1
    assert np.array_equal(radkit.decode(to.objects[0]), radkit.decode(sample(name)))
    assert sent.transcoded == (radkit.inspect(sample(name)).syntax.uid != wanted)
    assert to.dataset(0).SOPInstanceUID == sent.instance


def test_compressed_object_goes_as_it_is() -> None:
    with receiver([EXPLICIT, J2K, RPCL]) as to:
        report = net.send([sample("mr_j2k")], to.address)
    assert to.syntaxes == [J2K] and not report.sent[0].transcoded
    found, stored = to.dataset(0), Path(sample("mr_j2k")).read_bytes()
    assert found.PixelData in stored


def test_compressed_object_falls_back_to_what_the_peer_has() -> None:
    with receiver([IMPLICIT]) as to:
        report = net.send([sample("mr_j2k"), sample("mr_rle"), sample("us_jpeg")], to.address)
    assert not report.failed and set(to.syntaxes) == {IMPLICIT}
    for number, name in enumerate(["mr_j2k", "mr_rle"]):
        assert np.array_equal(radkit.decode(to.objects[number]), radkit.decode(sample(name)))


def test_object_without_pixels() -> None:
    with receiver([RPCL, IMPLICIT]) as to:
        report = net.send([sample("report")], to.address)
    assert not report.failed and to.syntaxes == [IMPLICIT]
    assert "PixelData" not in to.dataset(0)


def test_asked_syntax_comes_first() -> None:
    with receiver([RPCL, J2K, EXPLICIT]) as to:
        net.send([sample("mr_rle"), sample("ct")], to.address, syntax="jpeg2000-lossless")
    assert to.syntaxes == [J2K, J2K]


def test_lossy_goes_in_the_asked_syntax_or_not_at_all() -> None:
    lossy = radkit.Lossy(ratio=8)
    with receiver(["1.2.840.10008.1.2.4.203", EXPLICIT]) as to:
        report = net.send([sample("ct")], to.address, syntax="htj2k", lossy=lossy)
    assert not report.failed and to.dataset(0).LossyImageCompression == "01"
    assert report.sent[0].instance == to.dataset(0).SOPInstanceUID
    assert report.sent[0].instance != look(Path(sample("ct")), 0).instance
    with receiver([EXPLICIT, J2K]) as to:
        report = net.send([sample("ct")], to.address, syntax="htj2k", lossy=lossy)
    assert len(report.failed) == 1 and not to.objects


def test_folder_with_other_files(tmp_path: Path) -> None:
    for name in ("ct", "mr", "us_rgb"):
        shutil.copy(sample(name), tmp_path / f"{name}.dcm")
    (tmp_path / "notes.txt").write_text("no DICOM")
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(20))
    seen: list[tuple[int, int]] = []
    with receiver([RPCL, EXPLICIT]) as to:
        report = net.send(tmp_path, to.address, progress=lambda *at: seen.append(at))
        assert to.associations == 1
    assert len(report.sent) == 3 and len(report.failed) == 1 and len(report.skipped) == 1
    assert seen[-1] == (4, 4)
    assert "3 sent" in str(report) and "1 failed" in str(report)
    told = json.loads(report.to_json())
    assert told["sent"] == 3 and len(told["objects"]) == 4


def test_sources_in_memory_and_without_meta_header() -> None:
    import pydicom

    ds = pydicom.dcmread(sample("mr"))
    with receiver([RPCL, EXPLICIT]) as to:
        report = net.send([ds, Path(sample("ct")).read_bytes()], to.address)
    assert not report.failed and len(to.objects) == 2


def test_refused_object_is_told_and_the_others_go_on() -> None:
    with receiver(
        [EXPLICIT],
        answer=lambda n, e: 0xA900 if e.request.AffectedSOPClassUID.endswith(".4") else 0,
    ) as to:
        report = net.send([sample("mr"), sample("ct")], to.address)
    assert len(report.sent) == 1 and "A900" in str(report.failed[0][1])
    assert to.associations == 1  # nothing is tried again


def test_warning_is_stored() -> None:
    with receiver([EXPLICIT], answer=lambda n, e: 0xB000) as to:
        report = net.send([sample("mr")], to.address)
    assert report.sent[0].status == 0xB000 and "1 with a warning" in str(report)


def test_receiver_out_of_resources_is_asked_again() -> None:
    calls = []

    def answer(number: int, event: Any) -> int:
        calls.append(number)
        return 0xA700 if len(calls) < 3 else 0

    with receiver([EXPLICIT], answer=answer) as to:
        report = net.send([sample("mr")], to.address)
    assert report.sent[0].attempts == 3 and len(to.objects) == 1
    with receiver([EXPLICIT], answer=lambda n, e: 0xA700) as to:
        report = net.send([sample("mr")], to.address, retries=2)
        assert to.associations == 3
    assert "A700" in str(report.failed[0][1])


def test_association_that_breaks_is_made_again() -> None:
    hits = []

    def answer(number: int, event: Any) -> int:
        hits.append(1)
        if len(hits) == 2:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
            return 0xC000
        return 0

    with receiver([EXPLICIT], answer=answer, seconds=4) as to:
        report = net.send([sample("mr"), sample("ct"), sample("us_rgb")], peer(to.port, 3))
        assert to.associations == 2
    assert len(report.sent) == 3 and len(to.objects) == 3


def test_association_that_breaks_is_noticed_at_once() -> None:
    import time

    def answer(number: int, event: Any) -> int:
        event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return 0xC000

    with receiver([EXPLICIT], answer=answer, seconds=4) as to:
        begin = time.monotonic()
        report = net.send([sample("mr")], peer(to.port, 20), retries=0)
        assert time.monotonic() - begin < 5
    assert len(report.failed) == 1


def test_peer_that_takes_no_syntax() -> None:
    with receiver(["1.2.840.10008.1.2.4.80"]) as to:
        report = net.send([sample("report")], to.address)
        assert to.associations <= 1
    assert "none of their transfer syntaxes" in str(report.failed[0][1])


def test_rejected_association_is_not_tried_again() -> None:
    with receiver([EXPLICIT], title="OTHER", require_title=True) as to:
        report = net.send([sample("mr")], to.address)
    error = report.failed[0][1]
    assert "rejects" in str(error) and to.associations == 0


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    report = net.send([sample("mr")], peer(port, 2), retries=1)
    assert "no association" in str(report.failed[0][1])


@pytest.mark.parametrize("reply", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x02\x00\x00\x00"])
def test_peer_that_answers_never_or_nonsense(reply: bytes | None) -> None:
    with deaf(reply) as port:
        report = net.send([sample("mr")], peer(port, 1), retries=1)
    assert "no association" in str(report.failed[0][1])


def test_peer_that_is_slow_to_answer() -> None:
    import time

    def answer(number: int, event: Any) -> int:
        time.sleep(3)
        return 0

    with receiver([EXPLICIT], answer=answer) as to:
        report = net.send([sample("mr")], peer(to.port, 0.7), retries=0)
    assert len(report.failed) == 1 and "no answer" in str(report.failed[0][1])


def test_contexts_fit_associations() -> None:
    ones = [look(Path(sample("ct")), n) for n in range(40)]
    many = [dataclasses.replace(one, sop_class=f"1.2.3.{one.number}") for one in ones]
    found = list(batches(many, None))
    assert sum(len(batch) for batch, _ in found) == 40
    assert all(len(pairs) <= 128 for _, pairs in found)
    assert len(found) == -(-40 // (128 // len(wishes(ones[0]))))


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(None, "again"), (0, "stored"), (0xB007, "stored"), (0xA700, "again"), (0xA7FF, "again"),
     (0xA900, "refused"), (0xC123, "refused"), (0x0122, "refused"), (0x0124, "refused")],
)  # fmt: skip
def test_meaning_of_answers(status: int | None, meaning: str) -> None:
    assert verdict(status) == meaning


@pytest.mark.parametrize(
    "text", ["", "A@b", "A@b:0", "A@b:99999", "x" * 17 + "@h:1", "a\\b@h:1", "@h:1"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(OptionError):
        net.Peer.parse(text)


def test_address_forms() -> None:
    assert str(net.Peer.parse("PACS@10.0.0.1:104")) == "PACS@10.0.0.1:104"
    assert net.Peer.parse("PACS@[::1]:104").host == "::1"
    assert str(net.Peer.parse("PACS@[::1]:104")) == "PACS@[::1]:104"


@pytest.mark.parametrize(
    "wrong", [{"retries": -1}, {"lossy": radkit.Lossy(ratio=5)}, {"syntax": "png"}]
)
def test_options_without_meaning(wrong: dict[str, object]) -> None:
    with pytest.raises(RadkitError):
        net.send([sample("ct")], "A@127.0.0.1:1", **wrong)
    with pytest.raises(RadkitError):
        net.send([], "A@127.0.0.1:1")


def test_temporary_files_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with receiver([RPCL]) as to:
        net.send([sample("ct"), sample("mr")], to.address)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls(certificates: tuple[Path, Path]) -> None:
    cert, key = certificates
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
    server.verify_mode = ssl.CERT_REQUIRED  # the peer must show a certificate, too
    server.load_cert_chain(cert, key)
    known = ssl.create_default_context(cafile=cert)
    known.load_cert_chain(cert, key)
    with receiver([RPCL], tls=server) as to:
        good = dataclasses.replace(peer(to.port), tls=known)
        assert len(net.send([sample("mr")], good).sent) == 1
        strange = ssl.create_default_context()  # trusts the system's authorities only
        for wrong in (None, strange):
            bad = dataclasses.replace(peer(to.port, 2), tls=wrong)
            report = net.send([sample("mr")], bad, retries=0)
            assert len(report.failed) == 1 and "no association" in str(report.failed[0][1])
    assert len(to.objects) == 1


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from radkit.cli import main

    shutil.copy(sample("ct"), tmp_path)
    shutil.copy(sample("mr"), tmp_path)
    with receiver([RPCL, EXPLICIT]) as to:
        assert main(["send", str(tmp_path), "--to", to.address, "--json", "--calling", "HERE"]) == 0
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [line["syntax"] for line in lines] == [RPCL, RPCL] and "2 sent" in told.err
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    row = re.search(r"^\| `send` \| object \| (.*) \|$", page, re.MULTILINE)
    assert row and set(lines[0]) == set(re.findall(r"`(\w+)`", row[1].replace("(UID)", "")))
    assert main(["send", str(tmp_path), "--to", "STORE@127.0.0.1:1", "--retries", "0"]) == 5
    assert "no association" in capsys.readouterr().err
    assert main(["send", str(tmp_path), "--to", "nonsense"]) == 2
