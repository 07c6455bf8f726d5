"""Sixteen CT slices through two threads: what the second core brings."""

from __future__ import annotations

import functools

import pytest

from benchmarks import data
from benchmarks.harness import Side

SYNTAXES = {
    "rle": "1.2.840.10008.1.2.5",
    "jpegll": "1.2.840.10008.1.2.4.70",
    "j2k": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}


@functools.cache
def sixteen_slices(stream: str) -> bytes:
    """Return a multi-frame object of sixteen coded slices."""
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.filebase import DicomBytesIO

    base = pydicom.dcmread(DicomBytesIO(data.plain_object(data.frames("ct")[0], 12)))
    base.NumberOfFrames = 16
    base.file_meta.TransferSyntaxUID = SYNTAXES[stream]
    base.PixelData = encapsulate([*data.stream(stream, "ct"), *data.stream(stream, "ct")])
    base["PixelData"].VR = "OB"
    base["PixelData"].is_undefined_length = True
    out = DicomBytesIO()
    base.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("row", [f"threads-2-{stream}" for stream in SYNTAXES])
def test_two_threads(versus, row):
    import radkit

    source = sixteen_slices(row.removeprefix("threads-2-"))

    def side(threads):
        return {"call": lambda: radkit.decode(source, threads=threads), "items": [()]}

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name="radkit, 1 thread", **side(1)),
        own=Side(name="radkit, 2 threads", **side(2)),
        frames=16,
        bytes_in=len(source) // 16,
        bytes_out=data.frames("ct")[0].nbytes,
        pinned=False,
    )
