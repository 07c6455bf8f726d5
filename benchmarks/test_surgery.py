"""What it costs to find the packets of a mammogram, and to cut it, against the ways without."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side

REDUCE = 2
SHARE = 10  # of the bytes


@pytest.mark.parametrize("row", ["index-j2k-mg", "index-htj2k-mg"])
def test_index(versus, row):
    """No peer lists packets; the reference is what learning of them by decoding costs."""
    from radkit.codecs import jpeg2000

    (coded,) = data.stream(row.split("-")[1], "mg")
    items = [(coded,)]

    def all_bytes_have_a_place(frames, indexes):
        assert np.array_equal(frames[0], data.frames("mg")[0])
        (index,) = indexes
        assert index.bytes() == len(coded) - 2  # all but EOC
        for reduce in range(index.reductions + 1):
            size = index.bytes(reduce=reduce)
            made = jpeg2000.truncate(coded, reduce=reduce)
            assert abs(size - len(made)) < 1000  # headers are written anew

    versus(
        row,
        name=data.label(row, "mg"),
        peer=Side(name="radkit decode, as the reference", call=jpeg2000.decode, items=items),
        own=Side(name="radkit index", call=jpeg2000.index, items=items),
        frames=1,
        bytes_in=len(coded),
        bytes_out=0,
        check=all_bytes_have_a_place,
        packets=len(jpeg2000.index(coded).packets),
    )


def decoded_and_encoded(stream):
    """Return name, version and call of a peer that makes the smaller codestream."""
    bits, like = data.bits_of("mg"), data.frames("mg")[0]
    if stream == "htj2k":

        def call(coded):
            return rivals.htj2k_encode(rivals.htj2k_decode(coded, like, reduce=REDUCE), bits)

        name, version = rivals.peer_for("htj2k-decode")
        return f"{name}, skipres={REDUCE}, htj2k_encode", version, call
    import glymur

    path = data.work_dir() / "cut.j2k"  # it opens files only
    path.write_bytes(data.stream("j2k", "mg")[0])
    every = slice(None, None, 1 << REDUCE)

    def by_openjpeg(coded):
        return rivals.j2k_encode(glymur.Jp2k(path)[every, every], bits)

    version = f"{rivals.version('glymur')} (openjpeg {glymur.version.openjpeg_version})"
    return "glymur slice, imagecodecs jpeg2k_encode", version, by_openjpeg


@pytest.mark.parametrize("row", ["truncate-j2k-mg", "truncate-htj2k-mg"])
def test_truncate_to_a_resolution(versus, row):
    from radkit.codecs import jpeg2000

    stream = row.split("-")[1]
    (coded,) = data.stream(stream, "mg")
    name, version, call = decoded_and_encoded(stream)
    wanted = jpeg2000.decode(coded, reduce=REDUCE)

    def both_are_the_smaller_image(theirs, ours):
        assert np.array_equal(jpeg2000.decode(ours[0]), wanted)
        # OpenJPH wraps low-pass values below 0; radkit clamps them.
        found = jpeg2000.decode(theirs[0]).astype(np.int16)
        assert np.array_equal(np.maximum(found, 0), wanted)

    own = Side(
        name="radkit", call=lambda data_: jpeg2000.truncate(data_, reduce=REDUCE), items=[(coded,)]
    )
    versus(
        row,
        name=data.label(row, "mg"),
        peer=Side(name=name, version=version, call=call, items=[(coded,)]),
        own=own,
        frames=1,
        bytes_in=len(coded),
        bytes_out=len(own.results()[0]),
        check=both_are_the_smaller_image,
    )


@pytest.mark.parametrize("row", ["truncate-bytes-j2k-mg"])
def test_truncate_to_bytes(versus, row):
    """The stream has layers and precincts, as one made to be cut has; the peer codes it anew."""
    from radkit.codecs import jpeg2000
    from radkit.codecs.options import Coding

    (frame,), bits = data.frames("mg"), data.bits_of("mg")
    layout = Coding(layers=(40, 20, 10, 5), precincts=((256, 256),))
    coded = jpeg2000.encode(frame, bits=bits, coding=layout)
    room = frame.nbytes // SHARE

    def decibels(made):
        error = jpeg2000.decode(made).astype(np.float64) - frame
        return 20 * math.log10(2**bits - 1) - 10 * math.log10(np.mean(error * error))

    def cut(data_):
        return jpeg2000.truncate(data_, max_bytes=room)

    def coded_anew(data_):
        return rivals.j2k_encode_lossy(rivals.j2k_decode(data_, frame), bits, float(SHARE))

    theirs, ours = coded_anew(coded), cut(coded)
    quality = {"psnr": decibels(ours), "peer_psnr": decibels(theirs)}

    def both_fit_and_show_the_image(theirs, ours):
        assert len(ours[0]) <= room and len(theirs[0]) <= 1.01 * room
        assert len(ours[0]) > 0.9 * room
        assert quality["psnr"] > quality["peer_psnr"] - 2  # 5/3 for 9/7, and whole packets

    name, version = rivals.peer_for("j2k-encode-lossy")
    versus(
        row,
        name=data.label(row, "mg"),
        peer=Side(
            name=f"imagecodecs jpeg2k_decode, {name}",
            version=version,
            call=coded_anew,
            items=[(coded,)],
        ),
        own=Side(name="radkit", call=cut, items=[(coded,)]),
        frames=1,
        bytes_in=len(coded),
        bytes_out=len(ours),
        peer_bytes_out=len(theirs),
        check=both_fit_and_show_the_image,
        **{name: round(value, 2) for name, value in quality.items()},
    )
