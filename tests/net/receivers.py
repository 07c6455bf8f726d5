"""Receivers on loopback, as nice or as nasty as a test wants them."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
import pytest

pynetdicom = pytest.importorskip("pynetdicom")

from pynetdicom import AE, evt  # noqa: E402
from pynetdicom.sop_class import (  # noqa: E402
    CTImageStorage,
    EnhancedSRStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from radkit import net  # noqa: E402
from radkit.testing import sample  # noqa: E402

CLASSES = (
    CTImageStorage,
    MRImageStorage,
    UltrasoundImageStorage,
    SecondaryCaptureImageStorage,
    EnhancedSRStorage,
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR
)
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
HTJ2K, RPCL = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"
J2K, JPEGLL = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70"


@dataclass
class Receiver:
    """What a receiver has taken: objects as files, in the order of their coming."""

    port: int = 0
    objects: list[bytes] = field(default_factory=list)
    syntaxes: list[str] = field(default_factory=list)
    associations: int = 0

    @property
    def address(self) -> str:
        return f"STORE@127.0.0.1:{self.port}"

    def dataset(self, number: int) -> pydicom.Dataset:
        return pydicom.dcmread(io.BytesIO(self.objects[number]))


@contextlib.contextmanager
def receiver(
    syntaxes: Sequence[str],
    *,
    answer: Callable[[int, Any], int] = lambda number, event: 0x0000,
    title: str = "STORE",
    require_title: bool = False,
    tls: Any = None,
    seconds: float = 30,
) -> Iterator[Receiver]:
    """Take objects; `answer(number of the object, event)` is the status."""
    made = Receiver()
    entity = AE(ae_title=title)
    entity.require_called_aet = require_title
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
    for sop_class in CLASSES:
        entity.add_supported_context(sop_class, list(syntaxes))

    def store(event: Any) -> int:
        status = answer(len(made.objects), event)
        if status in (0x0000, 0xB000):
            made.objects.append(event.encoded_dataset())
            made.syntaxes.append(str(event.context.transfer_syntax))
        return status

    def opened(event: Any) -> None:
        made.associations += 1

    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_ESTABLISHED, opened)],
        ssl_context=tls,
    )
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def deaf(reply: bytes | None) -> Iterator[int]:
    """Accept connections and say nothing (None), or some bytes and no more."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            held.append(one)
            if reply is not None:
                with contextlib.suppress(OSError):
                    one.recv(4096)
                    one.sendall(reply)
                    one.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        listener.close()
        for one in held:
            one.close()
        thread.join(10)


def gateway(spool: Path, *to: str | net.Peer, **listen: Any) -> net.Gateway:
    words = {"aet": "GATE", "port": 0, "timeout_s": 20} | listen
    return net.Gateway(
        net.Listen(**words), [net.Route(to=one) for one in to], spool=spool, reserve_bytes=0
    )


def wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def at(port: int, calling: str = "ROOM1") -> net.Peer:
    return net.Peer(aet="GATE", host="127.0.0.1", port=port, calling=calling, timeout_s=20)


def waiting(spool: Path) -> int:
    return len(list((spool / "received").iterdir()))


def copies(count: int, *, first: int = 0, name: str = "mr", frames: int = 1) -> Iterator[bytes]:
    """Objects that differ in their instance UID."""
    ds = pydicom.dcmread(sample(name))
    if frames > 1:
        ds.PixelData, ds.NumberOfFrames = ds.PixelData * frames, frames
    for number in range(first, first + count):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number}"
        out = io.BytesIO()
        ds.save_as(out)
        yield out.getvalue()
