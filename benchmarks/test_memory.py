"""How many frames of memory a decode takes at its peak, the result included.

Each figure comes from a process of its own: the high-water mark is set back
after the stream is in memory, and read after the decode. malloc gives memory
back at once (MALLOC_TRIM_THRESHOLD_=0), so that earlier work does not hide it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

from benchmarks import data, rivals
from benchmarks.rows import ROWS

CHILD = """
import json, re, sys
from pathlib import Path
from benchmarks import data, rivals
who, stream, kind, coding, path = sys.argv[1:]
coded = Path(path).read_bytes()
rows, cols, bits, itemsize = json.loads(Path(path + ".json").read_text())
if who == "radkit":
    from radkit.codecs.frame import FrameSpec
    from radkit.codecs.registry import decode_frame
    spec = FrameSpec(rows=rows, cols=cols, samples=1, bits_allocated=itemsize * 8, bits_stored=bits)
    run = lambda data: decode_frame(coding, data, spec).array
else:
    import numpy as np
    like = np.empty((1, 1), f"u{itemsize}")
    like = np.lib.stride_tricks.as_strided(like, (rows, cols), (0, 0))
    run = lambda data: rivals.decode(stream, data, like)
small = Path(path + ".small").read_bytes()
def status(word):
    return int(re.search(word + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
try:
    run(small)  # imports and tables; the wrong size is refused or not, as the library likes
except Exception:
    pass
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
array = run(coded)
print(json.dumps({"peak": status("VmHWM") - before, "bytes": array.nbytes}))
"""
ROWS_HERE = {
    "memory-j2k-mg": ("j2k", "mg", "jpeg2000"),
    "memory-htj2k-mg": ("htj2k", "mg", "htj2k"),
    "memory-rle-ct": ("rle", "ct", "rle"),
}


def frames_taken(who, stream, kind, coding, path) -> float:
    env = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, who, stream, kind, coding, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=env,
        cwd=data.ROOT,
    )
    told = json.loads(done.stdout)
    return told["peak"] / told["bytes"]


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
@pytest.mark.parametrize("row", ROWS_HERE)
def test_memory(benchmark, row):
    stream, kind, coding = ROWS_HERE[row]
    frame = data.frames(kind)[0]
    path = data.work_dir() / f"{row}.bin"
    path.write_bytes(data.stream(stream, kind)[0])
    head = [frame.shape[0], frame.shape[1], data.bits_of(kind), frame.itemsize]
    (data.work_dir() / f"{row}.bin.json").write_text(json.dumps(head))
    small = rivals.encode(stream, frame[:64, :64].copy(), data.bits_of(kind))
    (data.work_dir() / f"{row}.bin.small").write_bytes(small)
    name, version = rivals.peer_for(f"{stream}-decode")
    theirs, ours = [], []

    def both():
        theirs.append(frames_taken("peer", stream, kind, coding, path))
        ours.append(frames_taken("radkit", stream, kind, coding, path))

    benchmark.pedantic(both, rounds=3)
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    benchmark.extra_info.update(
        row=data.label(row, kind),
        work=ROWS[row].work,
        target=ROWS[row].target,
        peer=name,
        peer_version=version,
        unit="frames",
        frames=1,
        bytes_in=path.stat().st_size,
        bytes_out=frame.nbytes,
        ratio=round(statistics.median(ratios), 4),
        ratio_min=round(min(ratios), 4),
        ratio_max=round(max(ratios), 4),
        peer_ms=round(statistics.median(theirs), 3),
        radkit_ms=round(statistics.median(ours), 3),
        rounds=len(ours),
        restless=False,
    )
