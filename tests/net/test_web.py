"""The DICOMweb client, against services that are as nice or as nasty as a test wants them."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from receivers import EXPLICIT, copies, receiver, wait_for
from test_strangers import Watched

import radkit
from radkit import limits, net
from radkit.errors import CorruptFile, LimitExceeded, OptionError, TransferError
from radkit.net import service, web
from radkit.testing import sample

CT = pydicom.dcmread(sample("ct"))
UIDS = (CT.StudyInstanceUID, CT.SeriesInstanceUID, CT.SOPInstanceUID)
Reply = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def serving(reply: Reply) -> Iterator[tuple[str, list[Any]]]:
    """Answer every request by `reply`; give the URL and the requests that came."""
    seen: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            self.close_connection = True
            with contextlib.suppress(OSError):
                reply(self)

        do_GET = do_POST = handle_one

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/dicom-web", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(status: int, kind: str, body: bytes, **headers: str) -> Reply:
    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Connection", "close")
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return reply


def multipart(kind: str, *bodies: bytes) -> Reply:
    made = b"".join(b"--b1\r\nContent-Type: x\r\n\r\n" + one + b"\r\n" for one in bodies)
    return say(200, f'multipart/related; type="{kind}"; boundary=b1', made + b"--b1--\r\n")


def test_search() -> None:
    found = [{"00100020": {"vr": "LO", "Value": ["4711"]}, "00080020": {"vr": "DA"}}]
    said = say(200, "application/dicom+json", json.dumps(found).encode())
    with serving(said) as (url, seen), web.Client(url) as client:
        (one,) = client.search(PatientID="47*", fields=("StudyDescription", "00081030"))
        assert one.PatientID == "4711"
        client.search("instances", study="1.2", series="3.4", limit=5, offset=10)
    assert seen[0][1] == (
        "/dicom-web/studies?PatientID=47%2A&includefield=StudyDescription%2C00081030"
    )
    assert seen[1][1] == "/dicom-web/studies/1.2/series/3.4/instances?limit=5&offset=10"
    assert seen[0][2]["Accept"] == "application/dicom+json"
    with serving(say(204, "text/plain", b"")) as (url, _), web.Client(url) as client:
        assert client.search() == []


def test_who_asks_is_told() -> None:
    with serving(say(204, "text/plain", b"")) as (url, seen):
        for auth in (("me", "secret"), "token"):
            with web.Client(f"{url}/studies", auth=auth) as client:
                client.search()
    assert [one[2]["Authorization"] for one in seen] == ["Basic bWU6c2VjcmV0", "Bearer token"]


def test_retrieve_brings_files_as_they_are_stored(tmp_path: Path) -> None:
    objects = [sample(name).read_bytes() for name in ("ct", "mr", "us_rgb")]
    said = multipart("application/dicom", *objects)
    with serving(said) as (url, seen), web.Client(url) as client:
        paths = list(client.retrieve(*UIDS[:2], dest=tmp_path / "new"))
        datasets = list(client.retrieve(*UIDS[:2]))
    assert [path.read_bytes() for path in paths] == objects
    assert sorted(paths) == sorted((tmp_path / "new").iterdir())
    for path, ds in zip(paths, datasets, strict=True):
        assert np.array_equal(radkit.decode(path), radkit.decode(ds))
    assert seen[0][1] == f"/dicom-web/studies/{UIDS[0]}/series/{UIDS[1]}"
    assert "transfer-syntax=*" in seen[0][2]["Accept"]


def test_retrieve_leaves_nothing_half(tmp_path: Path) -> None:
    whole = b"--b1\r\n\r\n" + sample("ct").read_bytes() + b"\r\n--b1\r\n\r\n" + bytes(5000)
    kind = 'multipart/related; type="application/dicom"; boundary=b1'
    with (
        serving(say(200, kind, whole)) as (url, _),
        web.Client(url) as client,
        pytest.raises(TransferError, match="too early"),
    ):
        list(client.retrieve(*UIDS, dest=tmp_path))
    (one,) = tmp_path.iterdir()
    assert one.read_bytes() == sample("ct").read_bytes()


def test_large_objects_take_no_memory(tmp_path: Path) -> None:
    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/dicom")
        request.end_headers()
        request.wfile.write(sample("mr").read_bytes())
        for _ in range(1600):
            request.wfile.write(bytes(1 << 16))

    with serving(reply) as (url, _), web.Client(url) as client:
        small = limits.use(max_inflated_bytes=20 << 20)
        with small, Watched() as memory, pytest.raises(LimitExceeded):
            list(client.retrieve(*UIDS, dest=tmp_path))
        assert list(tmp_path.iterdir()) == []
        with Watched() as more:
            (path,) = list(client.retrieve(*UIDS, dest=tmp_path))
    assert path.stat().st_size > 100 << 20
    assert max(memory.grown, more.grown) < 16 << 20


def test_frames() -> None:
    said = multipart("image/jphc", b"one", b"two\0")
    with serving(said) as (url, seen), web.Client(url) as client:
        assert list(client.frames(*UIDS, [0, 6])) == [b"one", b"two\0"]
        with pytest.raises(TransferError, match="fewer"):
            list(client.frames(*UIDS, [1, 2, 3]))
        with pytest.raises(TransferError, match="more"):
            list(client.frames(*UIDS))
    assert seen[0][1].endswith(f"/instances/{UIDS[2]}/frames/1,7")


@pytest.mark.parametrize(
    ("reply", "error", "again"),
    [
        (say(401, "text/html", b"who"), TransferError, False),
        (say(404, "text/html", b"none"), TransferError, False),
        (say(503, "text/html", b"later"), TransferError, True),
        (say(302, "text/html", b"", Location="/elsewhere/and/on"), TransferError, None),
        (say(200, "application/dicom+json", b"<xml/>"), TransferError, False),
        (say(200, "application/dicom+json", b"[" * 100_000), TransferError, False),
        (say(200, "application/dicom+json", b'[{"zz": 3}]'), TransferError, False),
        (say(200, "application/dicom+json", b'{"a": 3}'), TransferError, False),
        (say(200, "application/dicom+json", b"[]", Content_Encoding="gzip"), TransferError, False),
        (lambda request: None, TransferError, True),
        (lambda request: request.wfile.write(b"nonsense\r\n\r\n") and None, TransferError, True),
    ],
    ids=[
        "401",
        "404",
        "503",
        "loop",
        "xml",
        "deep",
        "tags",
        "object",
        "gzip",
        "closed",
        "nonsense",
    ],
)
def test_answers_that_are_none(reply: Reply, error: type[Exception], again: bool | None) -> None:
    with (
        serving(reply) as (url, _),
        web.Client(url, timeout_s=5) as client,
        pytest.raises(error) as found,
    ):
        client.search()
    if again is not None:
        assert found.value.retryable == again  # type: ignore[attr-defined]
    assert "127.0.0.1" not in str(found.value)


def test_answer_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/dicom+json")
        request.end_headers()
        for _ in range(60):
            request.wfile.write(b" ")
            time.sleep(0.1)

    with serving(slow) as (url, _), web.Client(url, timeout_s=0.5) as client:
        begin = time.monotonic()
        with pytest.raises(TransferError, match="slowly"):
            client.search()
        assert time.monotonic() - begin < 8
    monkeypatch.setattr(service, "MOST_JSON_BYTES", 1000)
    kind = "application/dicom+json"
    with (
        serving(say(200, kind, b" " * 70_000)) as (url, _),
        web.Client(url) as client,
        pytest.raises(LimitExceeded),
    ):
        client.search()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c: c.search("patients"),
        lambda c: c.search("studies", study="1.2"),
        lambda c: c.search("instances", series="1.2"),
        lambda c: c.search("series", study="../.."),
        lambda c: next(c.retrieve("1.2/../x", dest="nowhere")),
        lambda c: next(c.retrieve("...")),
        lambda c: next(c.frames("1", "2", "3", [])),
        lambda c: next(c.frames("1", "2", "3", [-1])),
        lambda c: web.Client("ftp://x"),
        lambda c: web.Client("http://x", timeout_s=0),
    ],
)
def test_questions_that_make_no_sense(wrong: Callable[[Any], Any]) -> None:
    with web.Client("http://127.0.0.1:1") as client, pytest.raises(OptionError):
        wrong(client)
    assert not Path("nowhere").exists()


@contextlib.contextmanager
def gate(spool: Path, to: str, **words: Any) -> Iterator[str]:
    with net.Gateway(
        net.Listen(aet="GATE", port=0), [net.Route(to=to)], spool=spool, reserve_bytes=0,
        web=net.WebListen(port=0, **words),
    ) as made:  # fmt: skip
        yield f"http://127.0.0.1:{made.web_port}"


def test_store_through_a_gateway(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address, token="word") as url:
        with web.Client(url, auth="word") as client:
            report = client.store([sample("ct"), sample("mr")])
        assert len(report.sent) == 2, report.failed
        with web.Client(url, auth="wrong") as client:
            assert "let us in" in str(client.store([sample("ct")], retries=0).failed[0][1])
        wait_for(lambda: len(to.objects) == 2)
    assert np.array_equal(radkit.decode(to.objects[0]), radkit.decode(sample("ct")))


def test_dicomweb_client_stores_through_a_gateway(tmp_path: Path) -> None:
    """The client that others use is understood, with several objects in a request."""
    other = pytest.importorskip("dicomweb_client")
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as url:
        client = other.DICOMwebClient(url)
        told = client.store_instances([pydicom.dcmread(sample(name)) for name in ("ct", "mr")])
        assert len(told.ReferencedSOPSequence) == 2
        client.store_instances([CT], study_instance_uid=CT.StudyInstanceUID)
        wait_for(lambda: len(to.objects) == 2)


def test_one_bad_object_among_good_ones(tmp_path: Path) -> None:
    """A service that chokes on one object gets all others, and says so of that one only."""
    bad = "1.2.3.4.2"

    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        is_bad = bad.encode() in seen[-1][3]
        tag = "00081198" if is_bad else "00081199"
        values: dict[str, Any] = {"00081155": {"vr": "UI", "Value": ["1.2"]}}
        if is_bad:
            values["00081197"] = {"vr": "US", "Value": [0xC000]}
        body = json.dumps({tag: {"vr": "SQ", "Value": [values]}}).encode()
        say(409 if is_bad else 200, "application/dicom+json", body)(request)

    paths = []
    for number, data in enumerate(copies(5)):
        paths.append(tmp_path / f"{number}.dcm")
        paths[-1].write_bytes(data)
    paths[3].write_bytes(b"no DICOM at all")
    with serving(lambda request: reply(request)) as (url, seen):
        report = net.send(paths, url, retries=0)
    assert [isinstance(result, net.Sent) for _, result in report] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert "C000" in str(report.failed[0][1]) and isinstance(report.failed[1][1], CorruptFile)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (say(413, "text/html", b""), "C000"),
        (say(409, "application/json", b"[]"), "C000"),
        (say(415, "text/html", b""), "0122"),
        (say(503, "text/html", b""), "no answer"),
        (say(200, "text/html", b"<html>"), None),
        (say(202, "application/json", b'{"00081198": {"Value": [{}]}}'), "C000"),
    ],
)
def test_answers_to_stow(reply: Reply, text: str | None) -> None:
    with serving(reply) as (url, _):
        report = net.send([sample("report")], url, retries=0)
    if text is None:
        assert len(report.sent) == 1
    else:
        assert text in str(report.failed[0][1])


def test_posted_object_goes_from_disk_at_its_rate(tmp_path: Path) -> None:
    ds = pydicom.dcmread(sample("report"))
    ds.add_new(0x00090010, "LO", "RADKIT")
    ds.add_new(0x00091001, "OB", bytes(40 << 20))
    ds.save_as(tmp_path / "large.dcm")
    del ds
    size = (tmp_path / "large.dcm").stat().st_size
    with net_service(tmp_path) as (url, came):
        with Watched() as memory:
            report = net.send([tmp_path / "large.dcm"], url, retries=0)
        assert len(report.sent) == 1 and came[-1] > size
        begin = time.monotonic()
        net.send([sample("mr")], url, syntax="explicit-le", rate_kbit_s=80)
        seconds = time.monotonic() - begin
    assert memory.grown < 16 << 20
    expected = (came[-1] - 2500) / 10_000  # 80 kbit/s, and what a pause may have saved up
    assert expected * 0.8 < seconds < expected * 1.6 + 1


@contextlib.contextmanager
def net_service(tmp_path: Path) -> Iterator[tuple[str, list[int]]]:
    """Take what comes without keeping it."""
    came: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            left = int(self.headers["Content-Length"])
            came.append(left)
            while left:
                left -= len(self.rfile.read1(min(left, 1 << 16)))
            say(200, "application/json", b"{}")(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came
    finally:
        server.shutdown()
        server.server_close()
