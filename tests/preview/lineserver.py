"""A static file server on loopback that answers ranges, no faster than a line."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 2048


class _Line:
    """Lets bytes through at a constant rate; the first ones of a connection after a latency."""

    def __init__(self, rate_kbit_s: float | None, latency_s: float) -> None:
        self.rate = rate_kbit_s
        self.latency = latency_s
        self.free = 0.0

    def begin(self) -> None:
        self.free = time.perf_counter() + self.latency

    def send(self, size: int) -> None:
        if self.rate is None:
            return
        self.free += size * 8 / (self.rate * 1000)
        wait = self.free - time.perf_counter()
        if wait > 0:
            time.sleep(wait)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.line.begin()

    def do_GET(self) -> None:
        data = self.server.files.get(self.path)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if data is None or wanted is None:
            self.send_error(404 if data is None else 400)
            return
        first, last = (int(text) for text in wanted.groups())
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        for start in range(0, len(part), PIECE):
            piece = part[start : start + PIECE]
            self.server.line.send(len(piece))
            self.wfile.write(piece)
            self.wfile.flush()
        self.server.sent += len(part)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, bytes]
    line: _Line
    sent = 0


@contextlib.contextmanager
def serve(
    files: Sequence[bytes], *, rate_kbit_s: float | None = None, latency_s: float = 0.0
) -> Iterator[_Server]:
    """Serve files as /0, /1, ..."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files = {f"/{number}": data for number, data in enumerate(files)}
    server.line = _Line(rate_kbit_s, latency_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stream(server: _Server, asked: Sequence[tuple[int, int, int]]) -> Iterator[bytes]:
    """Ask for all (file, offset, length) at once over one connection; give them as they come."""
    with socket.create_connection(server.server_address[:2]) as to:
        text = "".join(
            f"GET /{number} HTTP/1.1\r\nHost: line\r\nRange: bytes={at}-{at + size - 1}\r\n\r\n"
            for number, at, size in asked
        )
        asking = threading.Thread(target=to.sendall, args=(text.encode(),))
        asking.start()
        with to.makefile("rb") as answers:
            for _, _, size in asked:
                assert b" 206 " in answers.readline()
                while answers.readline().strip():
                    pass
                yield answers.read(size)
        asking.join()


class Client:
    """Asks for ranges over one connection."""

    def __init__(self, server: _Server) -> None:
        self._to = http.client.HTTPConnection(*server.server_address[:2])

    def get(self, number: int, offset: int, length: int) -> bytes:
        ask = {"Range": f"bytes={offset}-{offset + length - 1}"}
        self._to.request("GET", f"/{number}", headers=ask)
        answer = self._to.getresponse()
        assert answer.status == 206, answer.status
        return answer.read()

    def close(self) -> None:
        self._to.close()
