"""Programs of Debian's packages: where they are, and one that is started for a test."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

PACKAGES = {
    "dcmconv": "dcmtk", "dcmdjpeg": "dcmtk", "dcmdjpls": "dcmtk", "dcmdrle": "dcmtk",
    "dcmdump": "dcmtk", "storescp": "dcmtk", "storescu": "dcmtk",
    "dciodvfy": "dicom3tools", "gdcmconv": "libgdcm-tools", "Orthanc": "orthanc",
}  # fmt: skip


def program(name: str) -> str | None:
    """Return the path of a program; Debian's servers lie where users have no path to."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test, by the packages that are missing (`make interop` installs them)."""
    absent = sorted({PACKAGES[name] for name in names if program(name) is None})
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)}")


def run(*words: str | Path, accept: Sequence[int] = (0,)) -> str:
    """Run a program to its end; return what it printed."""
    name, *rest = map(str, words)
    done = subprocess.run(
        [str(program(name)), *rest],
        capture_output=True,
        encoding="latin-1",
        timeout=120,
        check=False,
    )
    assert done.returncode in accept, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def started(*words: str | Path, ports: Sequence[int], log: Path) -> Iterator[None]:
    """Run a server until the end of the block; it is there when its ports answer."""
    name, *rest = map(str, words)
    with log.open("wb") as into:
        server = subprocess.Popen([str(program(name)), *rest], stdout=into, stderr=into)
    try:
        deadline = time.monotonic() + 60
        waiting = list(ports)
        while waiting:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text("latin-1")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", waiting[0])) == 0:
                    waiting.pop(0)
                else:
                    time.sleep(0.05)
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
