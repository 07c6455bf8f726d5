"""Parts of a frame: what a lower resolution or a region costs, and two threads in one frame."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side
from benchmarks.test_decode import own_side

PARTS = {
    # row: (frames, as glymur says it, as radkit says it, sides of the result)
    "j2k-decode-reduce2-ct": ("ct", (slice(None, None, 4),) * 2, {"reduce": 2}, 128),
    "j2k-decode-region-ct": ("ct", (slice(192, 320),) * 2, {"region": (192, 320, 192, 320)}, 128),
    "j2k-decode-region-mg": (
        "mg",
        (slice(2000, 2256), slice(1200, 1456)),
        {"region": (2000, 2256, 1200, 1456)},
        256,
    ),
}


@pytest.mark.parametrize("row", PARTS)
def test_decode_part_of_jpeg2000(versus, row):
    import glymur

    kind, part, options, side = PARTS[row]
    streams = data.stream("j2k", kind)
    paths = []
    for i, stream in enumerate(streams):
        path = data.work_dir() / f"{kind}{i}.j2k"
        path.write_bytes(stream)
        paths.append(path)
    versus(
        row,
        name=data.label(row, kind),
        peer=Side(
            name="glymur slice",  # it opens files only: 0.3 ms of its time
            version=f"{rivals.version('glymur')} (openjpeg {glymur.version.openjpeg_version})",
            call=lambda path: glymur.Jp2k(path)[part],
            items=[(path,) for path in paths],
        ),
        own=own_side("jpeg2000", streams, data.spec_of(kind), **options),
        frames=len(streams),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=side * side * 2,
        without_vectors=True,
    )


CODINGS = {"j2k": "jpeg2000", "htj2k": "htj2k"}
WISHES = {"region": {"region": (2000, 2256, 1200, 1456)}, "reduce3": {"reduce": 3}}


def a_part_of_the_whole(whole, part):
    """Compare a region; a lower resolution is what it is, and proven in the tests."""
    if part[0].shape == (256, 256):
        assert np.array_equal(whole[0][2000:2256, 1200:1456], part[0])
    else:
        assert part[0].shape == tuple(-(-side // 8) for side in whole[0].shape)


@pytest.mark.parametrize("row", [f"{s}-{part}-of-mg" for s in CODINGS for part in WISHES])
def test_part_against_the_whole(versus, row):
    stream, part = row.split("-")[:2]
    streams, spec = data.stream(stream, "mg"), data.spec_of("mg")
    own = own_side(CODINGS[stream], streams, spec, **WISHES[part])
    whole = own_side(CODINGS[stream], streams, spec)
    versus(
        row,
        name=data.label(row, "mg"),
        peer=Side(name="radkit, the whole frame", call=whole.call, items=whole.items),
        own=own,
        frames=1,
        bytes_in=len(streams[0]),
        bytes_out=own.results()[0].nbytes,
        check=a_part_of_the_whole,
    )


@pytest.mark.parametrize("row", [f"{stream}-mg-2threads" for stream in CODINGS])
def test_two_threads_in_one_frame(versus, row):
    from radkit.codecs import jpeg2000

    (coded,) = data.stream(row.split("-")[0], "mg")
    out = np.empty_like(data.frames("mg")[0])

    def side(threads):
        return {"call": lambda: jpeg2000.decode(coded, threads=threads, out=out), "items": [()]}

    versus(
        row,
        name=data.label(row, "mg"),
        peer=Side(name="radkit, 1 thread", **side(1)),
        own=Side(name="radkit, 2 threads", **side(2)),
        frames=1,
        bytes_in=len(coded),
        bytes_out=out.nbytes,
        pinned=False,
    )
