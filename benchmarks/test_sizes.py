"""How many bytes a lossless frame takes, as users get it by default; no time is measured."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.rows import ROWS

UIDS = {"j2k": "1.2.840.10008.1.2.4.90", "htj2k": "1.2.840.10008.1.2.4.201"}
CODINGS = {"j2k": "jpeg2000", "htj2k": "htj2k"}


@pytest.mark.parametrize(
    "row", [f"{stream}-size-{kind}" for stream in CODINGS for kind in ("ct", "us", "mg")]
)
def test_size(benchmark, row):
    from radkit.codecs.registry import encode_frame

    stream, _, kind = row.split("-")
    frames = data.frames(kind) if kind == "ct" else data.frames(kind)[:1]
    spec, uid = data.spec_of(kind), UIDS[stream]
    theirs = data.stream(stream, kind)[: len(frames)]
    ours: list[bytes] = []

    def encode_all():
        ours[:] = [encode_frame(CODINGS[stream], f, spec, syntax_uid=uid).data for f in frames]

    benchmark.pedantic(encode_all, rounds=1)
    for coded, frame in zip([*ours, *theirs], [*frames, *frames], strict=True):
        assert np.array_equal(rivals.decode(stream, coded, frame), frame)
    ratios = [len(a) / len(b) for a, b in zip(theirs, ours, strict=True)]
    sizes = [sum(map(len, streams)) for streams in (theirs, ours)]
    name, version = rivals.peer_for(f"{stream}-encode")
    benchmark.extra_info.update(
        row=data.label(row, kind),
        work=ROWS[row].work,
        target=ROWS[row].target,
        peer=name,
        peer_version=version,
        unit="bytes",
        frames=len(frames),
        bytes_in=frames[0].nbytes,
        bytes_out=sizes[1] // len(frames),
        peer_bytes_out=sizes[0] // len(frames),
        ratio=round(sizes[0] / sizes[1], 4),
        ratio_min=round(min(ratios), 4),
        ratio_max=round(max(ratios), 4),
        peer_ms=sizes[0] / len(frames),
        radkit_ms=sizes[1] / len(frames),
        rounds=1,
        restless=False,
    )
