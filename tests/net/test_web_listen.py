"""A gateway that receives by STOW-RS."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import test_send
from hypothesis import given, settings
from hypothesis import strategies as st
from receivers import EXPLICIT, RPCL, receiver
from test_door import closed_within, resident
from test_gateway import wait_for, waiting

import radkit
from radkit import net
from radkit.cli import main
from radkit.errors import CorruptFile, LimitExceeded, OptionError, TransferError
from radkit.net.multipart import parts
from radkit.testing import sample

certificates = test_send.certificates  # a fixture
TYPE = 'multipart/related; type="application/dicom"; boundary=xyz'
LARGE, LARGEST = "us_rgb", 45_000
STUDY = {name: pydicom.dcmread(sample(name)).StudyInstanceUID for name in ("ct", "mr")}


def body(*objects: bytes, boundary: bytes = b"xyz") -> bytes:
    made = b"".join(
        b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n"
        for one in objects
    )
    return made + b"--" + boundary + b"--\r\n"


# Parts of a body


@given(
    st.lists(st.binary(max_size=300), max_size=4),
    st.lists(st.integers(1, 90), min_size=1),
    st.data(),
)
def test_any_cut_gives_the_parts(objects: list[bytes], cuts: list[int], data: Any) -> None:
    objects = [one for one in objects if b"--xyz" not in one]
    whole = data.draw(st.sampled_from([b"", b"preamble\r\n"])) + body(*objects)
    file, turn = io.BytesIO(whole), iter(cuts * 1000)
    found = parts(lambda n: file.read(next(turn)), b"xyz", most_bytes=300, begin=io.BytesIO)
    assert [part.getvalue() for part in found] == objects


BOUNDARY = st.from_regex(r"[0-9A-Za-z'()+_,./:=?-]{1,70}", fullmatch=True)


@given(BOUNDARY, st.lists(st.binary(max_size=40), max_size=3))
def test_any_boundary_gives_the_parts(boundary: str, objects: list[bytes]) -> None:
    edge = boundary.encode()
    # What looks like a delimiter, and what only begins like one.
    objects = [one for one in objects if b"--" + edge not in one] + [b"\r\n--" + edge[:-1]]
    file = io.BytesIO(body(*objects, boundary=edge))
    found = parts(file.read, edge, most_bytes=200, begin=io.BytesIO)
    assert [part.getvalue() for part in found] == objects


@given(st.data())
def test_any_cut_is_told_and_what_came_is_right(data: Any) -> None:
    objects = [b"a" * 30, b"", b"\r\n--xy\r\n"]
    whole = body(*objects)[:-2]
    file = io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))])
    found = 0
    with pytest.raises(CorruptFile):
        for part in parts(file.read, b"xyz", most_bytes=99, begin=io.BytesIO):
            assert part.getvalue() == objects[found]
            found += 1


@given(st.binary(max_size=400), st.integers(0, 400))
def test_nonsense_is_told(noise: bytes, cut: int) -> None:
    whole = (body(b"a" * 50) + noise)[:cut] if cut % 2 else noise[:cut]
    file = io.BytesIO(whole)
    with contextlib.suppress(CorruptFile, LimitExceeded):
        for part in parts(file.read, b"xyz", most_bytes=100, begin=io.BytesIO):
            assert len(part.getvalue()) <= 100


@pytest.mark.parametrize("boundary", [b"", b"x" * 71, b"a\r\nb", b"x ", b"\xff"])
def test_boundaries_that_are_none(boundary: bytes) -> None:
    with pytest.raises(CorruptFile, match="boundary"):
        list(parts(io.BytesIO(b"").read, boundary, most_bytes=9, begin=io.BytesIO))


# Over a socket


@contextlib.contextmanager
def gate(spool: Path, to: str, **web: Any) -> Iterator[net.Gateway]:
    words = {"port": 0, "timeout_s": 5.0} | web
    with net.Gateway(
        net.Listen(aet="GATE", port=0),
        [net.Route(to=to)],
        spool=spool,
        web=net.WebListen(**words),
        reserve_bytes=0,
    ) as made:
        yield made


def post(
    made: net.Gateway, data: Any, path: str = "/studies", **headers: str
) -> tuple[int, dict[str, Any]]:
    line = http.client.HTTPConnection("127.0.0.1", made.web_port, timeout=10)
    headers = {"Content-Type": TYPE} | {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        line.request("POST", path, body=data, headers=headers, encode_chunked=False)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def data(name: str) -> bytes:
    return sample(name).read_bytes()


def test_comes_by_the_web_and_goes_on_by_c_store(tmp_path: Path) -> None:
    with receiver([RPCL, EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        url = f"http://127.0.0.1:{made.web_port}"
        report = net.send([sample("ct"), sample("mr")], url, syntax="explicit-le")
        assert len(report.sent) == 2, report.failed
        wait_for(lambda: len(to.objects) == 2 and waiting(tmp_path) == 0)
    assert to.syntaxes == [RPCL, RPCL]
    for name in ("ct", "mr"):
        found = [to.objects[n] for n in range(2) if to.dataset(n).Modality == name.upper()]
        assert np.array_equal(radkit.decode(found[0]), radkit.decode(sample(name)))


def test_answers(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        status, answer = post(made, body(data("ct"), data("mr")))
        assert status == 200 and "00081198" not in answer
        instances = {one["00081155"]["Value"][0] for one in answer["00081199"]["Value"]}
        assert instances == {pydicom.dcmread(sample(n)).SOPInstanceUID for n in ("ct", "mr")}
        status, answer = post(made, body(data("ct"), b"junk", data("mr")))
        assert status == 202 and len(answer["00081199"]["Value"]) == 2
        assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
        status, answer = post(made, body(data("ct"), data("mr")), f"/studies/{STUDY['ct']}")
        assert status == 202
        assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
        assert post(made, body(b"junk"))[0] == 409
        # What came before a body was cut is kept, and told.
        cut = body(data("ct"), data("mr"))[:-3000]
        status, answer = post(made, cut)
        assert status == 202 and len(answer["00081199"]["Value"]) == 1
        wait_for(lambda: waiting(tmp_path) == 0)


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (*pieces, b""))


def test_chunks(tmp_path: Path) -> None:
    whole = body(data("mr"))
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        sent = chunked(whole[:7], whole[7:5000], whole[5000:])
        assert post(made, sent, Transfer_Encoding="chunked")[0] == 200
        for bad in (b"-5\r\n", b"zz\r\n", b"\r\n", b"f" * 2000, b"2\r\n--xyz\r\n"):
            assert post(made, bad, Transfer_Encoding="chunked")[0] == 400
        # A byte between a chunk and its end.
        strayed = b"7\r\n" + whole[:7] + b"X\r\n" + chunked(whole[7:])
        assert post(made, strayed, Transfer_Encoding="chunked")[0] == 400
        assert post(made, b"ffffffffff\r\n", Transfer_Encoding="chunked")[0] == 413
        assert post(made, sent, Transfer_Encoding="gzip, chunked")[0] == 501
        # What came whole before the chunks made no sense is kept, and told.
        status, answer = post(
            made, chunked(whole[:-4])[:-5] + b"zz\r\n", Transfer_Encoding="chunked"
        )
        assert (status, len(answer["00081199"]["Value"])) == (202, 1)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (404, "/elsewhere", {}),
        (404, "/studies/../../etc", {}),
        (415, "/studies", {"Content_Type": "application/dicom"}),
        (415, "/studies", {"Content_Type": 'multipart/related; type="image/jpeg"; boundary=x'}),
        (400, "/studies", {"Content_Type": 'multipart/related; type="application/dicom"'}),
        (400, "/studies", {"Content_Length": "-1"}),
        (413, "/studies", {"Content_Length": "99999999999"}),
        (400, "/studies", {"Transfer_Encoding": "chunked"}),  # beside the length
        (405, "/studies", {"method": "PUT"}),
        (405, "/studies/1.2.3", {"method": "GET"}),
        (405, "/studies", {"method": "HEAD"}),
        (404, "/elsewhere", {"method": "GET"}),
    ],
)
def test_refusals(tmp_path: Path, status: int, path: str, headers: dict[str, str]) -> None:
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        line = http.client.HTTPConnection("127.0.0.1", made.web_port, timeout=10)
        method = headers.pop("method", "POST")
        words = {"Content-Type": TYPE, "Content-Length": "5"}
        words |= {k.replace("_", "-"): v for k, v in headers.items()}
        line.putrequest(method, path)
        for name, value in words.items():
            line.putheader(name, value)
        line.endheaders()
        line.send(b"12345")
        answer = line.getresponse()
        assert answer.status == status
        assert answer.headers["Allow"] == ("POST" if status == 405 else None)
        line.close()
        assert waiting(tmp_path) == 0


def test_length_must_be_told(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address) as made,
        socket.create_connection(("127.0.0.1", made.web_port), 5) as line,
    ):
        line.sendall(f"POST /studies HTTP/1.1\r\nContent-Type: {TYPE}\r\n\r\n".encode())
        assert b" 411 " in line.recv(4096)


def test_who_may_not_send_is_refused(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to:
        with gate(tmp_path, to.address, token="secret") as made:
            for shown in ("", "Bearer", "Bearer wrong", "Basic secret", "Bearer sécret"):
                sent = shown.encode("utf-8").decode("latin-1")
                assert post(made, body(data("mr")), Authorization=sent)[0] == 401
            assert waiting(tmp_path) == 0 and not to.objects
            assert post(made, body(data("mr")), Authorization="Bearer secret")[0] == 200
        with (
            gate(tmp_path, to.address, addresses=("10.0.0.0/8",)) as made,
            socket.create_connection(("127.0.0.1", made.web_port)) as line,
        ):
            assert closed_within(line, 5)


def test_silent_and_many_senders_are_cut_off(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, timeout_s=0.5, max_connections=2) as made,
    ):
        lines = [socket.create_connection(("127.0.0.1", made.web_port)) for _ in range(6)]
        lines[0].sendall(b"POST /studies HTTP/1.1\r\n")
        assert all(closed_within(one, 5) for one in lines)
        for one in lines:
            one.close()
        wait_for(lambda: tried(made))


def tried(made: net.Gateway) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return post(made, body(data("mr")))[0] == 200
    return False


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_large_requests_take_no_memory(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, max_object_bytes=1 << 20) as made,
    ):
        before = resident()
        endless = (b"--xyz\r\n\r\n" if n == 0 else bytes(1 << 16) for n in range(3000))
        with contextlib.suppress(OSError):  # it may answer and close before all is sent
            assert post(made, endless, Content_Length=str(180 << 20))[0] == 413
        assert resident() - before < 30 << 20


def test_full_spool_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        monkeypatch.setattr(made.spool, "reserve_bytes", 1 << 60)
        assert post(made, body(data("mr")))[0] == 503
        monkeypatch.setattr(made.spool, "has_room", lambda size=0: size == 0)
        status, answer = post(made, body(data("mr")))
        assert status == 503
        assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
        assert not to.objects and waiting(tmp_path) == 0


def test_tls(tmp_path: Path, certificates: tuple[Path, Path]) -> None:
    cert, key = certificates
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert))
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path / "spool", to.address, tls=server) as made,
        socket.create_connection(("127.0.0.1", made.web_port)),  # no handshake comes
    ):
        line = http.client.HTTPSConnection("127.0.0.1", made.web_port, timeout=10, context=client)
        line.request("POST", "/studies", body=body(data("mr")), headers={"Content-Type": TYPE})
        assert line.getresponse().status == 200
        line.close()


def test_object_that_the_service_refuses_fails_alone(tmp_path: Path) -> None:
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, max_object_bytes=LARGEST) as made,
    ):
        url = f"http://127.0.0.1:{made.web_port}"
        report = net.send([sample(name) for name in ("ct", LARGE, "mr")], url, retries=3)
    assert [isinstance(result, net.Sent) for _, result in report] == [True, False, True]


def test_options_that_make_no_sense() -> None:
    for wrong in (
        {"port": 70_000},
        {"max_connections": 0},
        {"addresses": ("x",)},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"token": ""},
        {"token": "two words"},
        {"login": ("", "x")},
        {"login": ("a:b", "x")},
        {"login": ("a",)},
    ):
        with pytest.raises(OptionError):
            net.WebListen(**wrong)


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(net.WebListen(token="secret", login=("me", "secret")))


def test_login(tmp_path: Path) -> None:
    words: dict[str, Any] = {"token": "secret", "login": ("me", "pass:wörd")}
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address, **words) as made:
        for shown, status in (
            ("Basic bWU6cGFzczp3w7ZyZA==", 200),
            ("Bearer secret", 200),
            ("Basic bWU6d3Jvbmc=", 401),
            ("Bearer bWU6cGFzczp3w7ZyZA==", 401),
            ("Basic", 401),
        ):
            assert post(made, body(data("mr")), Authorization=shown)[0] == status


def test_answer_to_a_body_that_is_not_wanted_arrives(tmp_path: Path) -> None:
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address, token="secret") as made:
        assert post(made, bytes(20 << 20))[0] == 401


@pytest.mark.parametrize(("shown", "first"), [("wrong", b" 401 "), ("secret", b" 100 ")])
def test_body_is_asked_for_when_it_is_wanted(tmp_path: Path, shown: str, first: bytes) -> None:
    whole = body(data("mr"))
    head = f"POST /studies HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: {len(whole)}\r\n"
    head += f"Authorization: Bearer {shown}\r\nExpect: 100-continue\r\n\r\n"
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, token="secret") as made,
        socket.create_connection(("127.0.0.1", made.web_port), 5) as line,
    ):
        line.sendall(head.encode())
        assert first in line.recv(4096)
        if shown == "secret":
            line.sendall(whole)
            assert b" 200 " in line.recv(4096)


def test_dicomweb_client_understands(tmp_path: Path) -> None:
    api = pytest.importorskip("dicomweb_client.api")
    ct, mr = (pydicom.dcmread(sample(name)) for name in ("ct", "mr"))
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        client = api.DICOMwebClient(f"http://127.0.0.1:{made.web_port}")
        told = client.store_instances([ct, mr])
        assert len(told.ReferencedSOPSequence) == 2
        told = client.store_instances([ct, mr], study_instance_uid=ct.StudyInstanceUID)
        (failed,) = told.FailedSOPSequence
        assert failed.FailureReason == 0xA900
        assert failed.ReferencedSOPInstanceUID == mr.SOPInstanceUID


def test_a_byte_now_and_then_is_too_slow(tmp_path: Path) -> None:
    head = f"POST /studies HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: 999999\r\n"
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, timeout_s=1.0) as made,
    ):
        for start in ("POST /stud", head, head + "\r\n--xyz\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", made.web_port)) as line:
                line.sendall(start.encode())
                begun = time.monotonic()
                with contextlib.suppress(OSError):  # cut off
                    while time.monotonic() < begun + 20:
                        line.sendall(b"a")
                        time.sleep(0.2)
                assert time.monotonic() - begun < 10


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_announced_gigabytes_take_no_memory(tmp_path: Path) -> None:
    head = f"POST /studies HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: {10 << 30}\r\n\r\n"
    words: dict[str, Any] = {"timeout_s": 1.0, "max_request_bytes": 20 << 30}
    with (
        receiver([EXPLICIT]) as to,
        gate(tmp_path, to.address, max_object_bytes=20 << 30, **words) as made,
        socket.create_connection(("127.0.0.1", made.web_port), 5) as line,
    ):
        before = resident()
        line.sendall(head.encode() + b"--xyz\r\n\r\n" + bytes(1 << 20))
        assert closed_within(line, 5)
        assert resident() - before < 20 << 20


def test_objects_of_a_request_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radkit.net.web_desk.MOST_OBJECTS", 5)
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        assert post(made, body(*[b""] * 5))[0] == 409
        assert post(made, body(*[b""] * 6))[0] == 413


def test_no_object_is_in_memory() -> None:
    class Counted:
        size = 0

        def write(self, data: bytes) -> None:
            self.size += len(data)

    large = 8 << 20
    file = io.BytesIO(body(*[bytes(large)] * 4))
    tracemalloc.start()
    try:
        for part in parts(file.read, b"xyz", most_bytes=large, begin=Counted):
            assert part.size == large
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_what_cannot_be_sent_on_is_not_taken(tmp_path: Path) -> None:
    made_of = {}
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        dataset = pydicom.dcmread(sample("mr"))
        delattr(dataset, keyword)
        file = io.BytesIO()
        dataset.save_as(file)
        made_of[keyword] = file.getvalue()
    bare = data("mr")[132:]  # no preamble, no DICM
    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        status, answer = post(made, body(*made_of.values(), bare))
        reasons = [one["00081197"]["Value"] for one in answer["00081198"]["Value"]]
        assert status == 409 and reasons == [[0xC000]] * 3
        assert waiting(tmp_path) == 0


def test_failures_of_our_own_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise TransferError("a record of the spool cannot be read")

    def worse(*_: Any) -> None:
        raise KeyError("of ours")

    with receiver([EXPLICIT]) as to, gate(tmp_path, to.address) as made:
        monkeypatch.setattr(made._web_server.desk, "arrived", broken)
        status, answer = post(made, body(data("mr")))
        assert status == 409
        assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0x0110]
        monkeypatch.setattr(made._web_server.desk, "arrived", worse)
        assert post(made, body(data("ct")))[0] == 500
        monkeypatch.setattr(made.spool, "has_room", worse_disk)
        assert post(made, body(data("mr")))[0] == 503


def worse_disk(size: int = 0) -> bool:
    raise OSError("no such device")


def full() -> Any:
    """A receiver that is there and takes nothing for now."""
    return receiver([EXPLICIT], answer=lambda number, event: 0xA700)


def test_rule_of_urgency(tmp_path: Path) -> None:
    rule = net.Rule(({"Modality": "MR"},))
    with full() as to, gate(tmp_path, to.address, urgent_if=rule) as made:
        assert post(made, body(data("ct"), data("mr")))[0] == 200
        assert sorted(held.urgent for held in made.spool.held()) == [False, True]


def test_gateway_ends_with_requests_in_the_middle(tmp_path: Path) -> None:
    head = f"POST /studies HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: 999999\r\n\r\n"
    with contextlib.ExitStack() as stack:
        to = stack.enter_context(receiver([EXPLICIT]))
        before = threading.active_count()
        with gate(tmp_path, to.address, timeout_s=60.0) as made:
            line = stack.enter_context(socket.create_connection(("127.0.0.1", made.web_port)))
            line.sendall(head.encode() + body(data("mr"))[:-9])
            line.sendall(b"")
            time.sleep(0.5)  # it has it, and waits for more
            start = time.monotonic()
            threading.Thread(target=closed_within, args=(line, 20)).start()
        assert time.monotonic() - start < 15
        wait_for(lambda: threading.active_count() <= before, 20)


@pytest.fixture(scope="module")
def open_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[net.Gateway]:
    spool = tmp_path_factory.mktemp("spool")
    with full() as to, gate(spool, to.address, timeout_s=1.0) as made:
        yield made


HEADS = st.sampled_from(
    [
        b"POST /studies HTTP/1.1\r\n",
        b"POST /studies/1.2 HTTP/1.0\r\n",
        b"POST /studies\r\n",
        b"GET /\r\n",
        b"Content-Type: " + TYPE.encode() + b"\r\n",
        b"Content-Type: multipart/related; type*=utf-8''application/dicom; boundary*=x\r\n",
        b"Content-Length: 40\r\n",
        b"Content-Length: 4e1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"X: y\r\n" * 200,
        b" folded\r\n",
        b"\r\n",
        b"--xyz\r\n\r\njunk\r\n--xyz--",
        b"5\r\n--xyz\r\n0\r\n\r\n",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(HEADS | st.binary(max_size=60), max_size=8))
def test_any_request_is_answered_or_cut_off(open_gate: net.Gateway, pieces: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", open_gate.web_port), 8) as line:
        with contextlib.suppress(OSError):  # it may be cut off before all is said
            for piece in pieces:
                line.sendall(piece)
            line.shutdown(socket.SHUT_WR)
        assert closed_within(line, 8)
    assert not list(open_gate.spool.held())


def test_gate_is_still_open_after_that(open_gate: net.Gateway) -> None:
    assert post(open_gate, body(data("mr")))[0] == 200


def test_address_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(TransferError, match="cannot listen"),
            gate(tmp_path, "X@127.0.0.1:1", port=taken.getsockname()[1]),
        ):
            pass


def test_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "gateway.toml"
    text = '[listen]\naet = "GATE"\n[spool]\nfolder = "s"\n[[route]]\nto = "A@h:1"\n'
    text += "[web]\nport = 8081\n"
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "login").write_text("me:pass:word\n")
    (tmp_path / "empty").write_text("\n")
    rule = '[[web.urgent_if]]\nModality = "CT"\n'
    config.write_text(text + 'token_file = "token"\nlogin_file = "login"\n' + rule)
    assert main(["gateway", "--config", str(config), "--check"]) == 0
    assert "http at 127.0.0.1:8081" in capsys.readouterr().out
    for wrong in (
        'token_file = "nowhere"',
        'token_file = "empty"',
        'login_file = "token"',
        'token = "in the clear"',
        'login = ["me", "in the clear"]',
        "port_number = 1",
        '[[web.urgent_if]]\nPatientShoeSize = "44"',
    ):
        config.write_text(text + wrong)
        assert main(["gateway", "--config", str(config), "--check"]) == 2
