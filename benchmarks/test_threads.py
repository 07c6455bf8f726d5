"""Sixty-four CT slices through two threads: what the second core brings, and what it can bring."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

from benchmarks import data
from benchmarks.harness import Side

SYNTAXES = {
    "rle": "1.2.840.10008.1.2.5",
    "jpegll": "1.2.840.10008.1.2.4.70",
    "j2k": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}
SLICES = 64


@functools.cache
def object_of(stream: str, count: int) -> bytes:
    """Return a multi-frame object of that many coded slices."""
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.filebase import DicomBytesIO

    base = pydicom.dcmread(DicomBytesIO(data.plain_object(data.frames("ct")[0], 12)))
    base.NumberOfFrames = count
    base.file_meta.TransferSyntaxUID = SYNTAXES[stream]
    frames = data.stream(stream, "ct")
    base.PixelData = encapsulate([frames[i % len(frames)] for i in range(count)])
    base["PixelData"].VR = "OB"
    base["PixelData"].is_undefined_length = True
    out = DicomBytesIO()
    base.save_as(out)
    return out.getvalue()


def whole(stream):
    import radkit

    source = object_of(stream, SLICES)
    return lambda threads: radkit.decode(source, threads=threads)


def one_by_one(stream):
    import radkit

    source = object_of(stream, SLICES)

    def run(threads):
        last = None
        for frame in radkit.iter_frames(source, threads=threads, ahead=4):
            last = frame
        return last

    return run


def many(stream):
    import radkit

    sources = [object_of(stream, 1)] * SLICES

    def run(threads):
        last = None
        for done in radkit.decode_many(sources, threads=threads):
            last = done.array
        return last

    return run


WAYS = {f"threads-2-{stream}": (whole, stream) for stream in SYNTAXES} | {
    "threads-2-htj2k-iter": (one_by_one, "htj2k"),
    "threads-2-htj2k-many": (many, "htj2k"),
}


@pytest.mark.parametrize("row", WAYS)
def test_two_threads(versus, row):
    way, stream = WAYS[row]
    run = way(stream)

    def side(threads):
        return {"call": lambda: run(threads), "items": [()]}

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name="radkit, 1 thread", **side(1)),
        own=Side(name="radkit, 2 threads", **side(2)),
        frames=SLICES,
        bytes_in=len(object_of(stream, SLICES)) // SLICES,
        bytes_out=data.frames("ct")[0].nbytes,
        pinned=False,
    )


CHILD = """
import sys
from radkit.codecs.registry import decode_frame
from benchmarks import data
streams, spec = data.stream("htj2k", "ct"), data.spec_of("ct")
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        for stream in streams:
            decode_frame("htj2k", stream, spec)
    print("done", flush=True)
"""


@pytest.mark.parametrize("row", ["threads-2-machine"])
def test_two_processes(versus, row):
    """No lock is shared: a machine that gives less than 2 here gives threads no more."""
    line = [sys.executable, "-c", CHILD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": data.ROOT}
    children = [subprocess.Popen(line, **pipes) for _ in range(2)]

    def run(*shares):
        for child, share in zip(children, shares, strict=False):
            child.stdin.write(f"{share}\n")
            child.stdin.flush()
        return [child.stdout.readline() for child, _ in zip(children, shares, strict=False)]

    try:
        assert [child.stdout.readline() for child in children] == ["ready\n"] * 2
        versus(
            row,
            name=data.label(row, "ct"),
            peer=Side(name="1 process", call=lambda: run(16), items=[()]),
            own=Side(name="2 processes", call=lambda: run(8, 8), items=[()]),
            frames=128,
            bytes_in=len(data.stream("htj2k", "ct")[0]),
            bytes_out=data.frames("ct")[0].nbytes,
            check=lambda peer, own: None,
            pinned=False,
        )
    finally:
        for child in children:
            child.stdin.close()
            child.wait()
            child.stdout.close()
