"""Targets over public calls that take one codestream, or make one: nothing is a DICOM object.

`index`, `truncate` and `recode` get a codestream of any kind, `encode` gets options and samples.
What they give is held against what the source decodes to.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["TARGETS"]

MOST_COMPONENTS = 3  # that are compared
ORDERS = ("RPCL", "LRCP", "RLCP", "PCRL", "CPRL")


def pictures(data: bytes, **options: Any) -> list[np.ndarray] | None:
    """Return the first components and the whole image as they decode; None if they do not."""
    from radkit.codecs import jpeg2000
    from radkit.errors import OptionError, RadkitError

    try:
        count = min(jpeg2000.info(data).components, MOST_COMPONENTS)
        made = [jpeg2000.decode(data, components=k, raw=True, **options) for k in range(count)]
    except RadkitError:
        return None
    try:
        made.append(jpeg2000.decode(data, **options))
    except OptionError:  # the components have grids of their own
        pass
    except RadkitError:
        return None
    return made


def same(one: list[np.ndarray], other: list[np.ndarray] | None) -> None:
    if other is None or len(one) != len(other):
        raise AssertionError("the source decodes, the result does not")
    for before, after in zip(one, other, strict=True):
        if before.dtype != after.dtype or not np.array_equal(before, after):
            raise AssertionError("the samples differ")


# ---- index ---------------------------------------------------------------------------------------


def check_ranges(made: Any, size: int, reduce: int, layers: int, first: int) -> None:
    """Ranges lie in the data, in order, apart; less is asked for if less is wanted."""
    width, height = (a - b for a, b in zip(made.size, made.origin, strict=True))
    region = (first % height, height, 0, 1 + first % width)
    whole = made.bytes(reduce=reduce, layers=layers)
    for part in (None, region):
        end, total = 0, 0
        for offset, count in made.ranges(reduce=reduce, layers=layers, region=part):
            if offset < end or (end and offset == end) or count < 1 or offset + count > size:
                raise AssertionError(f"a range of {count} bytes at {offset}, behind {end}")
            end, total = offset + count, total + count
        if total > whole:
            raise AssertionError("a region needs more than the image")


def index(data: bytes, options: tuple[int, int]) -> None:
    from radkit.codecs import jpeg2000
    from radkit.codecs.jpeg2000 import CodestreamIndex

    first, second = options
    if first & 128:  # an index from a stranger
        text = bytearray(jpeg2000.index(data, strict=False).to_bytes())
        text[second * len(text) >> 8] = first
        made = CodestreamIndex.from_bytes(bytes(text))
        made.ranges(reduce=second % (made.reductions + 1), region=(0, 1, 0, 1))
        made.table()
        return
    made = jpeg2000.index(data, strict=bool(first & 1))
    reduce, layers = second % (made.reductions + 1), 1 + first // 2 % made.layers
    check_ranges(made, len(data), reduce, layers, second)
    sizes = sum(made.packets[name].astype(np.uint64).sum() for name in ("header", "body", "packed"))
    if made.table().sum() != sizes:
        raise AssertionError("the table does not hold all packets")
    again = CodestreamIndex.from_bytes(made.to_bytes())
    if not np.array_equal(again.packets, made.packets) or again.ranges() != made.ranges():
        raise AssertionError("an index is another one after it was written and read")


# ---- truncate ------------------------------------------------------------------------------------


def truncate(data: bytes, options: tuple[int, int]) -> None:
    """Cut; the result is the smaller image that the source decodes to, or fits in the room."""
    from radkit.codecs import jpeg2000

    first, second = options
    found = jpeg2000.info(data)
    reduce = first % (found.reductions + 1) if first & 64 else None
    layers = 1 + second % (found.layers + 1) if first & 32 else None
    room = 1 + len(data) * second // 256 if first & 128 else None
    made = jpeg2000.truncate(data, reduce=reduce, layers=layers, max_bytes=room)
    if room is not None and len(made) > room:
        raise AssertionError(f"{len(made)} bytes in room for {room}")
    wanted = pictures(data, reduce=reduce or 0, layers=layers)
    if wanted is None:
        return
    after = pictures(made)
    if room is None:
        same(wanted, after)
    elif after is None or [a.shape for a in after] != [a.shape for a in wanted]:
        raise AssertionError("what is cut to a size is no image any more")
    if jpeg2000.truncate(made) != made:
        raise AssertionError("what is asked for nothing is changed")


# ---- recode --------------------------------------------------------------------------------------


def recode(data: bytes, options: tuple[int, int]) -> None:
    """Recode by blocks, and back; whatever comes of it has the samples of the source."""
    from radkit.codecs import jpeg2000
    from radkit.codecs.options import Coding

    first, second = options
    layout = Coding(
        progression=ORDERS[second % 5],
        tile_parts=bool(first & 2),
        tlm=bool(first & 4),
        plt=bool(first & 8),
    )
    to, other = ("htj2k", "jpeg2000") if first & 1 else ("jpeg2000", "htj2k")
    same_kind = jpeg2000.info(data).coding == to
    made = jpeg2000.transcode(data, to, coding=layout)
    before, after = pictures(data), pictures(made)
    if before is None:
        # Blocks of the wanted kind are copied, and are as damaged in the result.
        if after is not None or not same_kind:
            raise AssertionError("a source that does not decode has a result")
        return
    same(before, after)
    same(before, pictures(jpeg2000.transcode(made, other)))


# ---- encode --------------------------------------------------------------------------------------


def take_image(body: io.BytesIO, bits: int, signed: bool) -> np.ndarray:
    """Return an image of up to some 70 x 70 samples, which repeat the bytes that are left."""
    rows, cols, comps, mode = (body.read(1) or b"\0" for _ in range(4))
    shape = [1 + rows[0] % 70, 1 + cols[0] % 70]
    if comps[0] > 128:
        shape.append(1 + comps[0] % 4)
    form = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2 if bits <= 16 else 4}")
    word = np.frombuffer(body.read() + bytes(8), np.uint8)
    values = np.resize(word[: word.size - word.size % 4].view("<u4"), shape).astype(np.int64)
    if mode[0] & 1:
        values >>= 32 - bits if bits < 32 else 0
    low = -(1 << bits - 1) if signed else 0
    return (low + values % (1 << bits)).astype(form)


def take_options(body: io.BytesIO) -> tuple[dict[str, Any], int, bool]:
    """Return the keywords of an encoder, and bits and sign."""
    from radkit.codecs.options import Coding, Lossy

    depth, form, levels, block, order, loss, amount, tile = body.read(8).ljust(8, b"\0")
    rows = block % 9
    coding = Coding(
        levels=None if levels > 200 else levels % 9,
        layers=((40, 10), (20,), (), (), ())[levels // 9 % 5],
        progression=ORDERS[order % 5],
        block=(4 << rows % 9, 4 << min(block // 9 % 9, 8 - rows)),
        tile=None if tile > 100 else (9 + tile % 60, 7 + tile // 2),
        precincts=() if order < 128 else ((16, 32), (8 << order % 4, 64)),
        tile_parts=bool(form & 1),
        tlm=bool(form & 2),
        plt=bool(form & 4),
    )
    kinds: tuple[dict[str, Any], ...] = (
        {"ratio": 1.5 + amount / 4},
        {"max_bytes": 200 + 16 * amount},
        {"psnr": 20.0 + amount / 3},
        {"max_error": 1 + amount // 4},
    )
    more: dict[str, Any] = {"coding": coding}
    if form & 8:
        more["lossy"] = Lossy(**kinds[loss % 4])
    if form & 16:
        more["colour"] = "none"
    return more, 1 + depth % 28, bool(depth & 128)


def encode(data: bytes, options: tuple[int, int]) -> None:
    """Encode; what decodes is the image, or as near to it as was asked for."""
    from radkit.codecs import htj2k, jpeg2000

    body = io.BytesIO(data)
    more, bits, signed = take_options(body)
    image = take_image(body, bits, signed)
    room, ht = (jpeg2000, htj2k)[options[0] & 1], options[0] & 1
    if options[0] & 2:
        more["container"] = "jph" if ht else "jp2"
    made = room.encode(image, bits=bits, **more)
    back = jpeg2000.decode(made).reshape(image.shape)
    lossy = more.get("lossy")
    error = int(np.abs(back.astype(np.int64) - image.astype(np.int64)).max())
    if jpeg2000.info(made).reversible and not error:
        return
    if lossy is None or jpeg2000.info(made).reversible:
        raise AssertionError(f"off by {error} after a lossless coding")
    if lossy.max_error is not None and error > lossy.max_error:
        raise AssertionError(f"off by {error}, at most {lossy.max_error} was asked for")
    bare = "container" not in more  # a file has its boxes besides
    if lossy.max_bytes is not None and bare and len(made) > lossy.max_bytes:
        raise AssertionError(f"{len(made)} bytes in room for {lossy.max_bytes}")


# ---- previews ------------------------------------------------------------------------------------


def preview(data: bytes, options: tuple[int, int]) -> None:
    """Show the first bytes of a codestream in its shape, or refuse them."""
    from radkit.codecs import jpeg2000
    from radkit.errors import TruncatedPixelData
    from radkit.preview import Progressive, best

    cut = len(data) * options[0] // 255
    size = (1 + options[1], 20) if options[1] & 1 else None
    found, share = best(data[:cut], size=size)
    if not 0 <= share <= 1:
        raise AssertionError(f"a share of {share}")
    if size is None and found.shape[:2] != (jpeg2000.info(data[:cut]).rows, found.shape[1]):
        raise AssertionError("not the full size")
    coming = Progressive(data[:cut])
    try:
        reduce, _, _ = coming.best
    except TruncatedPixelData:
        reduce = 0
    coming.image(reduce)
    coming.feed(data[cut:])
    if share == 1.0 and not np.array_equal(coming.image(), best(data)[0]):
        raise AssertionError("what came in two pieces is something else")


TARGETS: dict[str, Callable[[bytes, tuple[int, int]], None]] = {
    "index": index,
    "truncate": truncate,
    "recode": recode,
    "encode": encode,
    "preview": preview,
}
