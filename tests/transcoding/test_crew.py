"""Workers that die, faults nobody expected, and an interrupt from the keyboard."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from objects_made import ct, encoded

from radkit.dicom.write import is_part
from radkit.errors import OptionError, RadkitError, TransferError
from radkit.transcoding.many import transcode_many

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def image(number: int) -> bytes:
    pixels = np.full((16, 16), number, np.uint16)
    return encoded(ct(pixels, SOPInstanceUID=f"1.2.3.{number}"))


class Killing:
    """A source whose process dies when it is opened there; in its own it is an image."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._home = os.getpid()
        self._at = 0

    def tell(self) -> int:
        if os.getpid() != self._home:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (len(self._data) if whence == os.SEEK_END else 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part


class Faulty(Killing):
    """A source that fails in a way that no reader does."""

    def read(self, size: int = -1) -> bytes:
        raise ZeroDivisionError

    def tell(self) -> int:
        return self._at


@posix
@pytest.mark.parametrize("on_error", ["copy", "skip"])
def test_dead_process_costs_only_the_object_that_kills(tmp_path: Path, on_error: str) -> None:
    sources = [image(0), image(1), Killing(image(2)), image(3), image(4), image(5), image(6)]
    report = transcode_many(
        sources, tmp_path, "rle", engine="processes", workers=2, on_error=on_error
    )
    assert [type(result).__name__ for _, result in report] == [
        *["Transcoded"] * 2,
        "TransferError",
        *["Transcoded"] * 4,
    ]
    (lost,) = [result for _, result in report.failed]
    assert isinstance(lost, TransferError) and lost.retryable
    copies = [path for path in tmp_path.glob("*.dcm") if path.read_bytes() == image(2)]
    assert len(copies) == (on_error == "copy")
    assert len(list(tmp_path.glob("*.dcm"))) == 6 + len(copies)


@posix
def test_dead_process_of_the_callers_executor_fails_what_it_had(tmp_path: Path) -> None:
    sources = [image(0), Killing(image(1)), *[image(n) for n in range(2, 8)]]
    with ProcessPoolExecutor(1) as pool:
        report = transcode_many(sources, tmp_path, "rle", engine=pool, workers=1)
    assert len(report) == len(sources) == len(list(tmp_path.glob("*.dcm")))
    assert report.failed and all(isinstance(e, TransferError) for _, e in report.failed)


@pytest.mark.parametrize("on_error", ["copy", "skip", "raise"])
def test_unexpected_fault_is_the_end_of_one_object(tmp_path: Path, on_error: str) -> None:
    sources = [image(0), Faulty(image(1)), image(2)]

    def run() -> list[str]:
        report = transcode_many(sources, tmp_path, "rle", on_error=on_error)
        return [type(result).__name__ for _, result in report]

    if on_error == "raise":
        with pytest.raises(RadkitError, match="ZeroDivisionError"):
            run()
    else:
        assert run() == ["Transcoded", "RadkitError", "Transcoded"]


def test_source_that_cannot_be_sent_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "1.dcm"
    path.write_bytes(image(1))
    with path.open("rb") as file:
        report = transcode_many([file, image(2)], tmp_path / "out", "rle", engine="processes")
    assert isinstance(report.failed[0][1], OptionError) and report.transcoded == 1
    assert image(1) in [found.read_bytes() for found in (tmp_path / "out").glob("*.dcm")]


RUN = """
import sys
from radkit.transcoding.many import transcode_many
print("go", flush=True)
transcode_many(sys.argv[1], sys.argv[2], "htj2k-lossless-rpcl", workers=2, engine=sys.argv[3])
"""


def heeding_interrupts() -> None:
    """Undo what a background job inherits: ignoring SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@posix
@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_interrupt_leaves_nothing_half(tmp_path: Path, engine: str) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    for number in range(120):
        (study / f"{number:03}.dcm").write_bytes(image(number))
    command = [sys.executable, "-c", RUN, str(study), str(out), engine]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=heeding_interrupts,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        until = time.monotonic() + 20
        while not list(out.glob("*.dcm")) and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the workers too
        code = child.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    assert code in (1, 130, -signal.SIGINT)
    assert not [path for path in out.iterdir() if is_part(path)]
    done = len(list(out.glob("*.dcm")))
    assert 0 < done < 120
    report = transcode_many(study, out, "htj2k-lossless-rpcl")
    assert not report.failed and report.resumed >= done - 6
