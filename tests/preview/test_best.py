from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from pictures import phantom, psnr, shared

import radkit
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import OptionError, TruncatedPixelData
from radkit.preview import Progressive, best

LAYOUTS = {
    "htj2k": lambda px: htj2k.encode(px),
    "htj2k parts": lambda px: htj2k.encode(px, coding=Coding(precincts=((128, 128),))),
    "jpeg2000": lambda px: jpeg2000.encode(px),
    "layers": lambda px: jpeg2000.encode(
        px, coding=Coding(layers=(40, 10), progression="LRCP", tile_parts=False)
    ),
    "many layers": lambda px: jpeg2000.encode(
        px, coding=Coding(layers=(60, 30, 15, 8, 5), progression="LRCP", tile_parts=False)
    ),
    "tiles": lambda px: htj2k.encode(px, coding=Coding(tile=(96, 96))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_bytes_give_the_image(layout):
    px = phantom()
    found, share = best(LAYOUTS[layout](px))
    assert share == 1.0
    assert np.array_equal(found, px)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_more_bytes_are_never_worse(layout):
    px = phantom()
    stream = LAYOUTS[layout](px)
    start = jpeg2000.index(stream).header[1] + 40
    reached, last_share = -np.inf, 0.0
    for size in [*range(start, len(stream), max(1, len(stream) // 150)), len(stream)]:
        found, share = best(stream[:size])
        assert found.shape == px.shape and found.dtype == px.dtype
        assert share >= last_share
        now = psnr(found, px)
        assert now > reached - 0.1, (size, now, reached)
        reached, last_share = max(now, reached), share
    assert reached == np.inf


@pytest.mark.parametrize("name", ["ct-head-1mm", "ct-ge-tilt-variable", "mr-t1-oblique"])
@pytest.mark.parametrize("layout", ["htj2k", "jpeg2000", "many layers"])
def test_more_bytes_are_never_worse_on_real_slices(name, layout):
    paths = sorted(shared(name).iterdir())
    px = radkit.decode(paths[len(paths) // 2])
    stream = LAYOUTS[layout](px)
    reached = -np.inf
    for size in np.geomspace(400, len(stream), 25).astype(int):
        now = psnr(best(stream[:size])[0], px)
        assert now > reached - 0.1, (size, now, reached)
        reached = max(now, reached)


@pytest.mark.parametrize("codec", [htj2k, jpeg2000], ids=["htj2k", "jpeg2000"])
def test_prefix_of_a_resolution_is_that_resolution_for_every_decoder(codec):
    px = phantom()
    stream = codec.encode(px)
    index = codec.index(stream)
    for reduce in range(index.reductions + 1):
        prefix = stream[: index.bytes(reduce=reduce)]
        right = codec.decode(stream, reduce=reduce)
        assert np.array_equal(codec.decode(prefix, reduce=reduce, strict=False), right)
        cut = codec.truncate(stream, reduce=reduce)
        foreign = imagecodecs.htj2k_decode if codec is htj2k else imagecodecs.jpeg2k_decode
        assert np.array_equal(foreign(cut), right)


def test_resilient_decoder_reads_the_bare_prefix():
    px = phantom()
    stream = htj2k.encode(px)
    index = htj2k.index(stream)
    for reduce in range(1, index.reductions + 1):
        prefix = stream[: index.bytes(reduce=reduce)]
        found = imagecodecs.htj2k_decode(prefix, skipres=reduce, resilient=True)
        assert np.array_equal(found, htj2k.decode(stream, reduce=reduce))


@pytest.mark.parametrize(
    "coding",
    [Coding(), Coding(precincts=((64, 64),), levels=3)],
    ids=["tile-parts", "precincts"],
)
def test_openjpeg_reads_first_bytes_that_end_with_eoc(coding, tmp_path):
    """OpenJPEG wants a marker behind each tile-part, so a client writes EOC behind the bytes."""
    glymur = pytest.importorskip("glymur")
    stream = jpeg2000.encode(phantom(), coding=coding)
    index = jpeg2000.index(stream)
    for reduce in range(index.reductions + 1):
        path = tmp_path / f"{reduce}.j2k"
        path.write_bytes(stream[: index.bytes(reduce=reduce)] + b"\xff\xd9")
        found = glymur.Jp2k(path)[:: 1 << reduce, :: 1 << reduce]
        assert np.array_equal(found, jpeg2000.decode(stream, reduce=reduce))


@pytest.mark.parametrize("name", ["ct-head-1mm", "mr-t1-oblique"])
def test_resilient_decoder_reads_the_bare_prefix_of_real_slices(name):
    paths = sorted(shared(name).iterdir())
    stream = htj2k.encode(radkit.decode(paths[len(paths) // 2]))
    index = htj2k.index(stream)
    for reduce in range(1, index.reductions + 1):
        prefix = stream[: index.bytes(reduce=reduce)]
        right = htj2k.decode(stream, reduce=reduce)
        found = imagecodecs.htj2k_decode(prefix, skipres=reduce, resilient=True)
        top = int(right.max())  # OpenJPH wraps what lies beyond the range, radkit clamps it
        assert np.array_equal(np.where(found > top, 0, found), right)


def test_size_fits_inside():
    px = phantom()
    stream = htj2k.encode(px)
    found, share = best(stream, size=(50, 50))
    assert found.shape == (50, 42) and share == 1.0
    assert psnr(found, np.asarray(best(stream, size=(50, 42))[0])) == np.inf
    assert best(stream[:3000], size=(400, 400))[0].shape == (400, 336)


def test_colour():
    px = np.stack([phantom() >> 4] * 3, axis=-1).astype(np.uint8)
    stream = htj2k.encode(px)
    found, share = best(stream[: len(stream) // 3])
    assert found.shape == px.shape and 0 < share < 1
    assert psnr(found, px) > 20


def test_no_header_no_picture():
    stream = htj2k.encode(phantom())
    with pytest.raises(TruncatedPixelData):
        best(stream[:40])
    with pytest.raises(OptionError, match="size"):
        best(stream, size=(0, 4))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_progressive_ends_in_the_image(layout):
    px = phantom()
    stream = LAYOUTS[layout](px)
    coming = Progressive(stream[:200])
    seen = []
    for start in range(200, len(stream), 900):
        coming.feed(stream[start : start + 900])
        try:
            seen.append(coming.best)
        except TruncatedPixelData:
            continue
        reduce, layers, _ = seen[-1]
        whole = jpeg2000.decode(stream, reduce=reduce, layers=layers)
        if layers is None:
            assert np.array_equal(coming.image(reduce), whole)
    order = [(-now.reduce, now.layers is None, now.layers) for now in seen]
    assert [one[0] for one in order] == sorted(one[0] for one in order)
    assert seen[-1] == (0, None, 1.0)
    assert np.array_equal(coming.image(), px)


def test_progressive_keeps_what_is_whole(monkeypatch):
    from radkit.preview import progressive

    stream = htj2k.encode(phantom())
    index = htj2k.index(stream)
    calls = []
    decode = progressive.decode_prefix
    monkeypatch.setattr(
        progressive, "decode_prefix", lambda data, **k: calls.append(k) or decode(data, **k)
    )
    coming = Progressive(stream[: index.bytes(reduce=1)])
    first = coming.image(1)
    coming.feed(stream[index.bytes(reduce=1) :])
    assert np.array_equal(coming.image(1), first)
    assert len(calls) == 1
    out = np.empty_like(first)
    assert coming.image(1, out=out) is out and np.array_equal(out, first)
    with pytest.raises(OptionError):
        coming.image(1, out=out[1:])
    with pytest.raises(OptionError):
        coming.image(index.reductions + 1)


def test_progressive_takes_no_more_than_the_limit():
    from radkit import limits

    coming = Progressive()
    with limits.use(max_memory_bytes=1000), pytest.raises(radkit.LimitExceeded):
        coming.feed(bytes(1001))
