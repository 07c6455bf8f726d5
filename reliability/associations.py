"""Associations that a gateway refuses, one after the other: its memory must not grow.

The gateway is a process of its own, the senders are sockets that say no more than what is
to be refused (PS3.8 9.3.2).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
from pathlib import Path

from reliability.gateway_kills import port_of, serve
from reliability.processes import Victim, context
from reliability.told import Budget, Told

__all__ = ["request", "run"]

SETTLED = 0.3  # of the time
ROUND = 20  # at once: each costs the gateway a tenth of a second
PATIENCE_S = 60.0
GROWN = 4 << 20
REJECTED = 3  # the type of A-ASSOCIATE-RJ


def request(called: str) -> bytes:
    """Return an A-ASSOCIATE-RQ for verification."""

    def item(kind: int, body: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(body)) + body

    context_item = b"\1\0\0\0" + item(0x30, b"1.2.840.10008.1.1") + item(0x40, b"1.2.840.10008.1.2")
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3.4")
    body = struct.pack(">HH", 1, 0) + called.encode().ljust(16) + b"STRANGER".ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context_item) + item(0x50, user)
    return struct.pack(">BBI", 1, 0, len(body)) + body


def refused(port: int, words: bytes, count: int) -> int:
    """Ask so many times at once; return how many of the answers are refusals."""
    with contextlib.ExitStack() as stack:
        ends = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            for _ in range(count)
        ]
        for one in ends:
            one.sendall(words)
        return sum(one.recv(64)[:1] == bytes([REJECTED]) for one in ends)


def resident_of(pid: int) -> int:
    """Return the bytes of memory that another process holds."""
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def run(budget: Budget) -> Told:
    """Ask while there is time, for another title than the gateway's."""
    context().set_forkserver_preload(["reliability.warm_net"])
    told, words = Told(), request("SOMEBODY ELSE")
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        victim = Victim(serve, folder, "AWAY@127.0.0.1:1", str(port_file), budget.seconds + 60)
        port = port_of(port_file, victim)
        if port is None:
            return Told(found=["the gateway does not start"])
        settling, before, since = budget.share(SETTLED), 0, 0
        while not budget.over:
            taken = refused(port, words, ROUND)
            told.counts["refused"] += taken
            since += taken
            if taken != ROUND:
                told.fault(f"{ROUND - taken} of {ROUND} were not refused")
            if not before and settling.over:
                before, since = resident_of(victim.pid), 0
        grown = resident_of(victim.pid) - before
        victim.kill_after(0)
    told.facts = {"grown_bytes": grown, "of": since}
    if grown > GROWN:
        told.fault(f"the gateway grew by {grown} bytes in {since} refusals")
    return told
