"""One frame to a tenth of its stored bytes: how fast beside the peer, and how near to the frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side

RATIO = 10.0  # of the stored bytes: Bits Allocated
SAME_SIZE = 0.03  # of the codestreams of both sides together
CODINGS = {"j2k": "jpeg2000", "htj2k": "htj2k"}
UIDS = {"j2k": "1.2.840.10008.1.2.4.91", "htj2k": "1.2.840.10008.1.2.4.203"}


def own_call(stream, spec):
    from radkit.codecs.options import Lossy
    from radkit.codecs.registry import encode_frame

    options = {"lossy": Lossy(ratio=RATIO), "syntax_uid": UIDS[stream]}
    return lambda frame: encode_frame(CODINGS[stream], frame, spec, **options).data


def peer_side(stream, kind):
    """Return the peer: OpenJPEG has a ratio, OpenJPH is given the step that makes the bytes."""
    frames, bits = data.frames(kind), data.bits_of(kind)
    if stream == "j2k":
        name, version = rivals.peer_for("j2k-encode-lossy")

        def by_ratio(frame):
            return rivals.j2k_encode_lossy(frame, bits, RATIO)

        return Side(name=name, version=version, call=by_ratio, items=[(f,) for f in frames])
    name, version = rivals.peer_for("htj2k-encode")
    steps = [rivals.htj2k_step_for(frame, RATIO) for frame in frames]
    items = list(zip(frames, steps, strict=True))
    return Side(name=name, version=version, call=rivals.htj2k_encode_at, items=items)


def decibels(streams, kind):
    """Return the PSNR over all frames, over the range of Bits Stored, decoded by radkit."""
    from radkit.codecs import jpeg2000

    frames = data.frames(kind)
    errors = [
        np.mean((jpeg2000.decode(coded).astype(np.float64) - frame) ** 2)
        for coded, frame in zip(streams, frames, strict=True)
    ]
    return 20 * math.log10(2 ** data.bits_of(kind) - 1) - 10 * math.log10(np.mean(errors))


@pytest.mark.parametrize(
    "row", ["j2k-encode-lossy-ct", "j2k-encode-lossy-mg", "htj2k-encode-lossy-ct"]
)
def test_encode_at_ten_to_one(versus, row):
    stream, kind = row.split("-")[0], row.split("-")[-1]
    frames = data.frames(kind)
    own = Side(
        name="radkit", call=own_call(stream, data.spec_of(kind)), items=[(f,) for f in frames]
    )
    peer = peer_side(stream, kind)
    theirs, ours = peer.results(), own.results()
    quality = {"psnr": decibels(ours, kind), "peer_psnr": decibels(theirs, kind)}
    wanted = sum(frame.nbytes for frame in frames) / RATIO

    def as_large_and_as_good(theirs, ours):
        for streams in (theirs, ours):
            assert abs(sum(map(len, streams)) - wanted) <= SAME_SIZE * wanted
        assert quality["psnr"] >= quality["peer_psnr"] - 0.5

    versus(
        row,
        name=data.label(row, kind),
        peer=peer,
        own=own,
        frames=len(frames),
        bytes_in=frames[0].nbytes,
        bytes_out=sum(map(len, ours)) // len(ours),
        peer_bytes_out=sum(map(len, theirs)) // len(theirs),
        check=as_large_and_as_good,
        **{name: round(value, 2) for name, value in quality.items()},
    )
