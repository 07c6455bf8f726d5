"""`radkit.net.web.Client` before a service that this test plays."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from radkit import net
from radkit.errors import OptionError, TransferError

pytest.importorskip("dicomweb_client")
STUDY = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}


@dataclass
class Service:
    """What was asked, and what is answered."""

    status: int = 200
    body: bytes = json.dumps([STUDY]).encode()
    kind: str = "application/dicom+json"
    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def client(self, **more: Any) -> net.web.Client:
        return net.web.Client(f"http://127.0.0.1:{self.port}/web/studies", **more)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, dict(self.headers)))
            self.send_response(made.status)
            self.send_header("Content-Type", made.kind)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, format: str, *values: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def test_what_is_asked(service: Service) -> None:
    found = service.client(auth="secret").search(
        limit=5, offset=2, fields=["StudyDescription"], ModalitiesInStudy="CT"
    )
    assert found[0].StudyInstanceUID == "1.2.3"
    path, headers = service.asked[-1]
    assert path.startswith("/web/studies?") and "ModalitiesInStudy=CT" in path
    assert "limit=5" in path and "offset=2" in path and "StudyDescription" in path
    assert headers["Authorization"] == "Bearer secret"
    service.client(auth=("me", "word")).search("series", study="1.2.3")
    path, headers = service.asked[-1]
    assert path.startswith("/web/studies/1.2.3/series")
    assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (401, False), (503, True)])
def test_refusals_are_typed(service: Service, status: int, retryable: bool) -> None:
    service.status, service.body = status, b"[]"
    client = service.client()
    for call in (
        lambda: client.search(),
        lambda: list(client.retrieve("1.2.3")),
        lambda: client.frames("1.2.3", "1.2.4", "1.2.5"),
    ):
        with pytest.raises(TransferError, match=f"HTTP {status}") as caught:
            call()
        assert caught.value.retryable == retryable


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b'[{"0020000D": 5}]', b"[5]"])
def test_answers_that_are_none(service: Service, body: bytes) -> None:
    service.body = body
    with contextlib.suppress(TransferError):  # an object that is empty may pass as one
        assert not any(len(found) for found in service.client().search())


def test_nobody_is_there(service: Service) -> None:
    service.client()
    client = net.web.Client("http://127.0.0.1:9/", timeout_s=2)
    with pytest.raises(TransferError, match="no answer") as caught:
        client.search()
    assert caught.value.retryable


def test_options_that_make_no_sense(service: Service) -> None:
    for wrong in ({"base_url": "nothing"}, {"base_url": "http://h", "timeout_s": 0}):
        with pytest.raises(OptionError):
            net.web.Client(**wrong)
    client = service.client()
    with pytest.raises(OptionError, match="level"):
        client.search("patients")  # type: ignore[arg-type]
    for numbers in ((), (-1,)):
        with pytest.raises(OptionError, match="from 0"):
            client.frames("1", "2", "3", numbers)
