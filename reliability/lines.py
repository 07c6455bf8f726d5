"""A line between two peers of DICOM that breaks where it is told to, PDU by PDU (PS3.8 9.3)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Line", "Plan", "line"]

Fate = Literal["pass", "cut", "half", "stall"]
# (direction, number of the PDU in that direction) -> what becomes of it
Plan = Callable[[str, int], Fate]
_HEAD = 6


@dataclass
class Line:
    """What a line has seen."""

    port: int = 0
    pdus: dict[str, int] = field(default_factory=lambda: {"to": 0, "from": 0})
    broken: int = 0


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found


def _pump(source: socket.socket, sink: socket.socket, word: str, plan: Plan, seen: Line) -> None:
    """Carry PDUs one way until the line ends or breaks."""
    with contextlib.suppress(OSError):
        while head := _exactly(source, _HEAD):
            data = head + _exactly(source, int.from_bytes(head[2:], "big"))
            number = seen.pdus[word]
            seen.pdus[word] += 1
            fate = plan(word, number)
            if fate == "pass":
                sink.sendall(data)
                continue
            seen.broken += 1
            if fate == "half":
                sink.sendall(data[: len(data) // 2])
            if fate == "stall":
                return  # nothing is closed: both wait
            break
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line(to: int, plan: Plan) -> Iterator[Line]:
    """Listen on loopback, and carry to a port what `plan` lets pass."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = Line(port=listener.getsockname()[1])
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", to), 5)
            except OSError:  # the listener was closed
                return
            ends.extend((near, far))
            for source, sink, word in ((near, far, "to"), (far, near, "from")):
                made = threading.Thread(
                    target=_pump, args=(source, sink, word, plan, seen), daemon=True
                )
                made.start()
                threads.append(made)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        yield seen
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        listener.close()
        server.join(10)
        for one in ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for made in threads:
            made.join(10)
        for one in ends:
            one.close()
