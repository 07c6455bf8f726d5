"""Memory stays within a few frames, whatever their number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from radkit.transcoding.book import LEDGER
from radkit.transcoding.ledger import read_ledger

MEASURE = """
import resource, sys, warnings
from radkit.transcoding.one import transcode
from radkit.codecs.options import Lossy
small, source, dest, syntax = sys.argv[1:]
transcode(small, None, syntax)                       # imports, tables, pools
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = transcode(source, dest, syntax, threads=2)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert result.max_error == 0
print((after - before) * 1024)
"""


def multiframe(path: Path, frames: int, side: int) -> None:
    from objects_made import ct, encoded

    one = encoded(ct(np.zeros((2, side, side), np.uint16)))
    size = 4 * side * side
    head = bytearray(one[: len(one) - size])
    # Number of Frames is "2 ": the same two characters, then the length of the pixels.
    mark = head.index(b"\x28\x00\x08\x00IS\x02\x002 ")
    head[mark + 6 : mark + 10] = b"\x04\x00" + f"{frames:<4d}".encode()[:2]
    head[mark + 10 : mark + 10] = f"{frames:<4d}".encode()[2:4]
    head[-4:] = (frames * side * side * 2).to_bytes(4, "little")
    rng = np.random.default_rng(9)
    noise = rng.integers(0, 4096, (side, side), dtype=np.uint16)
    with path.open("wb") as file:
        file.write(head)
        for number in range(frames):
            file.write(np.roll(noise, number, axis=1).astype("<u2").tobytes())


@pytest.mark.skipif(sys.platform != "linux", reason="needs ru_maxrss in kB")
@pytest.mark.parametrize("syntax", ["htj2k-lossless-rpcl", "encapsulated", "implicit-le"])
def test_many_frames_take_the_memory_of_a_few(tmp_path: Path, syntax: str) -> None:
    side, frames = 512, 300
    multiframe(tmp_path / "small.dcm", 12, side)
    multiframe(tmp_path / "large.dcm", frames, side)
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "MALLOC_ARENA_MAX": "2",
    }
    names = [str(tmp_path / name) for name in ("small.dcm", "large.dcm", "out.dcm")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *names, syntax],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole = frames * side * side * 2
    # 157 MB of pixels; 32 MiB of coded frames may stay in memory before they go to a file.
    assert int(done.stdout) < 60 << 20 < whole / 2
    assert (tmp_path / "out.dcm").stat().st_size > whole / 2
    assert not [p for p in tmp_path.iterdir() if ".part-" in p.name]


MANY = """
import resource, sys
import radkit
small, source, dest, engine = sys.argv[1:]

def peak():
    return max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )

if __name__ == "__main__":
    radkit.transcode_many(small, dest + "-small", engine=engine, workers=2)  # imports, pools
    before = peak()
    report = radkit.transcode_many(source, dest, engine=engine, workers=2)
    assert not report.failed, report.failed
    print((peak() - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs ru_maxrss in kB")
@pytest.mark.parametrize(
    ("engine", "frames", "others"),
    [
        ("threads", 300, 300),
        pytest.param("processes", 1000, 10_000, marks=pytest.mark.slow),
        pytest.param("dask", 1000, 10_000, marks=pytest.mark.slow),
    ],
)
def test_long_object_beside_many_small_ones(
    tmp_path: Path, engine: str, frames: int, others: int
) -> None:
    """Neither takes the memory of the whole, nor do the others wait for it."""
    from objects_made import ct, encoded

    side = 512
    source, small = tmp_path / "in", tmp_path / "small"
    source.mkdir()
    small.mkdir()
    multiframe(source / "0-long.dcm", frames, side)
    multiframe(small / "few.dcm", 12, side)
    some = encoded(ct(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)))
    for number in range(others):
        (source / f"{number + 1:05d}.dcm").write_bytes(some)
    script = tmp_path / "many.py"
    script.write_text(MANY)
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "MALLOC_ARENA_MAX": "2",
    }
    done = subprocess.run(
        [sys.executable, str(script), str(small), str(source), str(tmp_path / "out"), engine],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 80 << 20 < frames * side * side * 2 / 1.8
    at = {row.place: row.at for row in read_ledger(tmp_path / "out" / LEDGER)}
    before = sum(when < at["0-long.dcm"] for when in at.values())
    assert before > min(100, 0.3 * others)
