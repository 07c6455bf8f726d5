"""Frames whose components have samples for several pixels each (T.800 B.2)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from coded import CONFORMANCE

from radkit import limits
from radkit.codecs import jpeg2000
from radkit.codecs.frame import FrameSpec
from radkit.errors import LimitExceeded, OptionError

NAMES = (
    "a6_mono_colr.j2c",
    "b2_mono.j2c",
    "ds0_ht_02_b11.j2k",
    "ds0_ht_06_b11.j2k",
    "e2_colr.j2c",
    "file3.jp2",
    "p0_05.j2k",
    "p0_06.j2k",
    "p0_10.j2k",
    "p1_01.j2k",
    "p1_07.j2k",
    "simple_dec_irv97_64x64_yuv.jph",
)
here = pytest.mark.skipif(not CONFORMANCE.exists(), reason="the shared files are not here")


@cache
def stream(name: str) -> bytes:
    return (CONFORMANCE / "streams" / name).read_bytes()


def spec_of(data: bytes) -> FrameSpec:
    info = jpeg2000.info(data)
    return FrameSpec(
        rows=info.rows,
        cols=info.cols,
        samples=info.components,
        bits_allocated=16,
        bits_stored=info.precision,
        signed=info.signed,
        photometric="YBR_FULL_422" if info.components == 3 else "MONOCHROME2",
    )


def origin_of(data: bytes) -> tuple[int, int]:
    """Return (row, column) of the image area, from SIZ."""
    at = data.index(b"\xff\x4f\xff\x51")
    x0, y0 = (int.from_bytes(data[at + k : at + k + 4], "big") for k in (16, 20))
    return y0, x0


def pixel_by_pixel(data: bytes, reduce: int) -> np.ndarray:
    """Return what each pixel of the reduced grid has: the sample at or before it."""
    info, origin = jpeg2000.info(data), origin_of(data)
    scale = 1 << reduce
    planes = []
    for index, step in enumerate(info.subsampling):
        plane = jpeg2000.decode(data, components=index, reduce=reduce)
        places = []
        for axis, size in enumerate((info.rows, info.cols)):
            start, stop = origin[axis], origin[axis] + size
            first = -(-start // (step[axis] * scale))
            pixels = range(-(-start // scale), -(-stop // scale))
            last = plane.shape[axis] - 1
            places.append([min(max(u // step[axis] - first, 0), last) for u in pixels])
        planes.append(plane[np.ix_(*places)])
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


@here
@pytest.mark.parametrize("name", NAMES)
def test_whole_and_reduced_frames_are_spread(name: str) -> None:
    data = stream(name)
    for reduce in range(min(jpeg2000.info(data).reductions, 3) + 1):
        frame = jpeg2000.decode_frame(data, spec_of(data), reduce=reduce)
        np.testing.assert_array_equal(frame.array, pixel_by_pixel(data, reduce))
        assert frame.sound == 1.0


@here
@pytest.mark.parametrize("name", NAMES)
def test_region_is_the_crop_of_the_whole(name: str) -> None:
    data, rng = stream(name), np.random.default_rng(7)
    info, origin = jpeg2000.info(data), origin_of(data)
    for reduce in range(min(info.reductions, 2) + 1):
        scale = 1 << reduce
        whole = pixel_by_pixel(data, reduce).astype(np.int64)
        for _ in range(6):
            row0, row1 = sorted(rng.choice(info.rows + 1, 2, replace=False))
            col0, col1 = sorted(rng.choice(info.cols + 1, 2, replace=False))
            sides = [
                -(-(origin[axis] + side) // scale) - -(-origin[axis] // scale)
                for axis, side in ((0, row0), (0, row1), (1, col0), (1, col1))
            ]
            crop = whole[sides[0] : sides[1], sides[2] : sides[3]]
            region = (int(row0), int(row1), int(col0), int(col1))
            if crop.size == 0:
                with pytest.raises(OptionError, match="no sample"):
                    jpeg2000.decode_frame(data, spec_of(data), reduce=reduce, region=region)
                continue
            part = jpeg2000.decode_frame(data, spec_of(data), reduce=reduce, region=region)
            assert part.array.shape == crop.shape
            # 9/7 in floats: the windows of a region may round the last bit the other way.
            limit = 0 if info.reversible else 1
            assert np.abs(part.array.astype(np.int64) - crop).max() <= limit


@here
def test_out_receives_the_frame() -> None:
    data = stream("file3.jp2")
    spec = spec_of(data)
    out = np.full((640, 480, 3), 7, np.uint8)
    frame = jpeg2000.decode_frame(data, spec, out=out)
    assert frame.array is out
    np.testing.assert_array_equal(out, pixel_by_pixel(data, 0))


@here
def test_limits_hold_for_the_spread_frame() -> None:
    data = stream("p0_05.j2k")
    with limits.use(max_memory_bytes=1 << 20), pytest.raises(LimitExceeded):
        jpeg2000.decode_frame(data, spec_of(data))


@here
def test_truncated_frame_is_spread_if_lenient() -> None:
    data = stream("file3.jp2")
    cut = data[: len(data) // 20]
    frame = jpeg2000.decode_frame(cut, spec_of(cut), strict=False, reduce=1, region=(3, 99, 5, 77))
    assert frame.sound < 1.0
    assert frame.array.shape == (48, 36, 3)
