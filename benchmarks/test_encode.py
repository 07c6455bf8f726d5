"""One frame to each coding, lossless: how much faster than the peer, and how many bytes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side
from benchmarks.test_decode import photometric_of

ROWS = {
    # row: (kind of stream, frames, coding of radkit's registry, transfer syntax)
    "rle-encode-ct": ("rle", "ct", "rle", "1.2.840.10008.1.2.5"),
    "rle-encode-rgb": ("rle", "us", "rle", "1.2.840.10008.1.2.5"),
    "jpegll-encode-ct": ("jpegll", "ct", "jpeg-lossless", "1.2.840.10008.1.2.4.70"),
    "jpegls-encode-ct": ("jpegls", "ct", "jpegls", "1.2.840.10008.1.2.4.80"),
    "j2k-encode-ct": ("j2k", "ct", "jpeg2000", "1.2.840.10008.1.2.4.90"),
    "j2k-encode-us": ("j2k", "us", "jpeg2000", "1.2.840.10008.1.2.4.90"),
    "j2k-encode-mg": ("j2k", "mg", "jpeg2000", "1.2.840.10008.1.2.4.90"),
    "j2k-encode-16": ("j2k", "ct16", "jpeg2000", "1.2.840.10008.1.2.4.90"),
    "htj2k-encode-ct": ("htj2k", "ct", "htj2k", "1.2.840.10008.1.2.4.201"),
    "htj2k-encode-us": ("htj2k", "us", "htj2k", "1.2.840.10008.1.2.4.201"),
    "htj2k-encode-mg": ("htj2k", "mg", "htj2k", "1.2.840.10008.1.2.4.201"),
    "htj2k-encode-16": ("htj2k", "ct16", "htj2k", "1.2.840.10008.1.2.4.201"),
}


@pytest.mark.parametrize("row", ROWS)
def test_encode(versus, row):
    from radkit.codecs.registry import decode_frame, encode_frame

    stream, kind, coding, syntax = ROWS[row]
    frames, bits, spec = data.frames(kind), data.bits_of(kind), data.spec_of(kind)
    name, version = rivals.peer_for(f"{stream}-encode")

    items = [(frame,) for frame in frames]
    own = Side(
        name="radkit",
        call=lambda frame: encode_frame(coding, frame, spec, syntax_uid=syntax).data,
        items=items,
    )
    peer = Side(
        name=name,
        version=version,
        call=lambda frame: rivals.encode(stream, frame, bits),
        items=items,
    )

    coded_spec = data.spec_of(kind, photometric=photometric_of(kind, coding))

    def both_decode_to_the_frames(theirs, ours):
        for data_, frame in zip([*theirs, *ours], [*frames, *frames], strict=True):
            assert np.array_equal(decode_frame(coding, data_, coded_spec).array, frame)

    ours, theirs = own.results(), peer.results()
    versus(
        row,
        name=data.label(row, kind),
        peer=peer,
        own=own,
        frames=len(frames),
        bytes_in=frames[0].nbytes,
        bytes_out=sum(map(len, ours)) // len(ours),
        peer_bytes_out=sum(map(len, theirs)) // len(theirs),
        check=both_decode_to_the_frames,
    )
