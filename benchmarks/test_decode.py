"""One frame of each coding, from its codestream to the array: how much faster than the peer."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side

ROWS = {
    # row: (stream, frames, coding of radkit's registry)
    "rle-decode-ct": ("rle", "ct", "rle"),
    "rle-decode-rgb": ("rle", "us", "rle"),
    "rle-decode-mg": ("rle", "mg", "rle"),
    "jpegll-decode-ct": ("jpegll", "ct", "jpeg-lossless"),
    "jpegll-decode-rgb": ("jpegll", "us", "jpeg-lossless"),
    "jpegll-decode-mg": ("jpegll", "mg", "jpeg-lossless"),
    "j2k-decode-ct": ("j2k", "ct", "jpeg2000"),
    "j2k-decode-us": ("j2k", "us", "jpeg2000"),
    "j2k-decode-mg": ("j2k", "mg", "jpeg2000"),
    "j2k-decode-16": ("j2k", "ct16", "jpeg2000"),
    "j2k-decode-small64": ("j2k", "s64", "jpeg2000"),
    "j2k-decode-small128": ("j2k", "s128", "jpeg2000"),
    "htj2k-decode-ct": ("htj2k", "ct", "htj2k"),
    "htj2k-decode-us": ("htj2k", "us", "htj2k"),
    "htj2k-decode-mg": ("htj2k", "mg", "htj2k"),
    "htj2k-decode-16": ("htj2k", "ct16", "htj2k"),
    "htj2k-decode-small64": ("htj2k", "s64", "htj2k"),
    "htj2k-decode-small128": ("htj2k", "s128", "htj2k"),
    "jpegls-decode-ct": ("jpegls", "ct", "jpegls"),
}


def own_side(coding, streams, spec, **options):
    from radkit.codecs.registry import decode_frame

    return Side(
        name="radkit",
        call=lambda stream: decode_frame(coding, stream, spec, **options).array,
        items=[(stream,) for stream in streams],
    )


def photometric_of(kind, coding):
    if kind != "us":
        return None
    return "YBR_RCT" if coding in ("jpeg2000", "htj2k") else "RGB"


@pytest.mark.parametrize("row", ROWS)
def test_decode(versus, row):
    stream, kind, coding = ROWS[row]
    frames, streams = data.frames(kind), data.stream(stream, kind)
    name, version = rivals.peer_for(f"{stream}-decode")

    spec = data.spec_of(kind, photometric=photometric_of(kind, coding))
    own = own_side(coding, streams, spec)
    for ours, frame in zip(own.results(), frames, strict=True):
        assert np.array_equal(ours, frame)  # lossless: the frame itself, not only the peer's
    versus(
        row,
        name=data.label(row, kind),
        peer=Side(
            name=name,
            version=version,
            call=lambda coded, frame: rivals.decode(stream, coded, frame),
            items=list(zip(streams, frames, strict=True)),
        ),
        own=own,
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=frames[0].nbytes,
        without_vectors=coding != "jpegls",
    )


def within_one(theirs, ours):
    """Compare irreversible results: the order of float operations is each decoder's own."""
    for a, b in zip(theirs, ours, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


@pytest.mark.parametrize("row", ["j2k-decode-lossy-ct", "htj2k-decode-lossy-ct"])
def test_decode_irreversible(versus, row):
    stream = row.split("-")[0]
    frames, streams = data.frames("ct"), data.lossy_stream(stream)
    name, version = rivals.peer_for(f"{stream}-decode")
    coding = {"j2k": "jpeg2000", "htj2k": "htj2k"}[stream]
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name=name,
            version=version,
            call=lambda coded, frame: rivals.decode(stream, coded, frame),
            items=list(zip(streams, frames, strict=True)),
        ),
        own=own_side(coding, streams, data.spec_of("ct")),
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=frames[0].nbytes,
        check=within_one,
        without_vectors=True,
    )


COLD_FRAMES = 80  # above the 32 MiB up to which the C library gives memory again


@pytest.mark.parametrize("row", ["j2k-decode-ct-cold", "htj2k-decode-ct-cold"])
def test_decode_into_new_memory(versus, row):
    """A volume is always new memory: each pass takes it, and both sides write into it."""
    import imagecodecs

    from radkit.codecs import jpeg2000

    stream = row.split("-")[0]
    peer = {"j2k": imagecodecs.jpeg2k_decode, "htj2k": imagecodecs.htj2k_decode}[stream]
    options = {"numthreads": 1} if stream == "j2k" else {}
    frames, streams = data.frames("ct"), data.stream(stream, "ct")
    count = COLD_FRAMES if stream == "htj2k" else len(streams)
    name, version = rivals.peer_for(f"{stream}-decode")

    def volume(call):
        def run():
            out = np.empty((COLD_FRAMES, *frames[0].shape), frames[0].dtype)
            for i in range(count):
                call(streams[i % len(streams)], out[i])
            return out[:count]

        return {"call": run, "items": [()]}

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name=name, version=version, **volume(lambda s, o: peer(s, out=o, **options))),
        own=Side(name="radkit", **volume(lambda s, o: jpeg2000.decode(s, out=o))),
        frames=count,
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=frames[0].nbytes,
    )


@pytest.mark.parametrize("row", ["jpeg12-decode-ct", "jpeg8-decode-us"])
def test_decode_lossy_jpeg(versus, row):
    import imagecodecs

    kind = row.rsplit("-", 1)[1]
    frames = data.frames(kind)
    if kind == "us":
        streams = [bytes(imagecodecs.jpeg8_encode(f, level=90, subsampling="422")) for f in frames]
        spec = data.spec_of(kind, photometric="YBR_FULL_422")
    else:
        streams, spec = data.stream("jpeg", kind), data.spec_of(kind)
    own = own_side("jpeg", streams, spec)
    from radkit.codecs.registry import decode_frame

    # The same work: a decoder that leaves YCbCr is compared with a peer that leaves it too.
    kept = decode_frame("jpeg", streams[0], spec).photometric.startswith("YBR")
    options = {"outcolorspace": "YCBCR"} if kept else {}
    call = functools.partial(imagecodecs.jpeg8_decode, **options)
    name, version = rivals.peer_for("jpeg-decode")
    versus(
        row,
        name=data.label(row, kind),
        peer=Side(name=name, version=version, call=call, items=[(s,) for s in streams]),
        own=own,
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=frames[0].nbytes,
    )


def equal_but_for_wraps(theirs, ours):
    """Compare; a low-pass value below 0 wraps in OpenJPH, radkit clamps it to the 12 bits."""
    for a, b in zip(theirs, ours, strict=True):
        wrapped = a > 4095
        assert wrapped.mean() < 0.1
        assert np.array_equal(np.where(wrapped, 0, a), b)


@pytest.mark.parametrize("row", ["htj2k-decode-reduce2-ct"])
def test_decode_reduced_htj2k(versus, row):
    streams, frames = data.stream("htj2k", "ct"), data.frames("ct")
    name, version = rivals.peer_for("htj2k-decode")

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name=f"{name}, skipres=2",
            version=version,
            call=lambda coded, frame: rivals.htj2k_decode(coded, frame, reduce=2),
            items=list(zip(streams, frames, strict=True)),
        ),
        own=own_side("htj2k", streams, data.spec_of("ct"), reduce=2),
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=128 * 128 * 2,
        check=equal_but_for_wraps,
        without_vectors=True,
    )
