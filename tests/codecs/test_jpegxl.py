"""JPEG XL: the size in its header, labels, cuts; libjxl does the rest."""

from __future__ import annotations

import numpy as np
import pytest
from coded import load, smooth

from radkit import limits
from radkit.codecs import jpeg, jpegxl
from radkit.codecs.frame import FrameSpec
from radkit.errors import CorruptPixelData, EncodeError, LimitExceeded, TruncatedPixelData

imagecodecs = pytest.importorskip("imagecodecs")


def spec_of(rows: int, cols: int, bits: int = 12, samples: int = 1) -> FrameSpec:
    return FrameSpec(
        rows=rows,
        cols=cols,
        samples=samples,
        bits_allocated=8 if bits <= 8 else 16,
        bits_stored=bits,
    )


@pytest.mark.parametrize(
    "shape", [(8, 16), (5, 7), (256, 256), (264, 8), (512, 640), (16, 9), (90, 160), (1000, 3)]
)
@pytest.mark.parametrize("container", [False, True])
def test_size_is_read_from_the_header(shape: tuple[int, int], container: bool) -> None:
    image = smooth(*shape, 12)
    data = imagecodecs.jpegxl_encode(
        image, lossless=True, usecontainer=container, bitspersample=12, effort=1
    )
    frame = jpegxl.decode_frame(data, spec_of(*shape))
    np.testing.assert_array_equal(frame.array, image)
    assert not frame.lossy
    assert frame.precision == 12
    with pytest.raises(CorruptPixelData, match="rows"):
        jpegxl.decode_frame(data, spec_of(shape[0] + 1, shape[1]))
    with limits.use(max_pixels=shape[0] * shape[1] - 1), pytest.raises(LimitExceeded):
        jpegxl.decode_frame(data, spec_of(*shape))


def test_lossy_is_told_from_lossless() -> None:
    lossy = load("made_jxl_lossy_rgb")
    frame = jpegxl.decode_frame(lossy.frames[0], lossy.spec)
    assert frame.lossy
    assert frame.photometric == "RGB"
    lossless = load("made_jxl_lossless_rgb")
    assert not jpegxl.decode_frame(lossless.frames[0], lossless.spec).lossy


def test_recompressed_jpeg_looks_like_the_jpeg() -> None:
    sample = load("made_jxl_recompressed_jpeg")
    frame = jpegxl.decode_frame(sample.frames[0], sample.spec)
    assert frame.lossy
    y, cb, cr = np.moveaxis(
        jpeg.decode(load("jpeg_baseline_testpattern_422").frames[0]).astype(float), -1, 0
    )
    red = np.clip(y + 1.402 * (cr - 128), 0, 255)
    blue = np.clip(y + 1.772 * (cb - 128), 0, 255)
    assert np.abs(frame.array[..., 0] - red).mean() < 2
    assert np.abs(frame.array[..., 2] - blue).mean() < 2


def test_broken_containers_raise() -> None:
    data = load("made_jxl_lossless_ct").frames[0]
    spec = load("made_jxl_lossless_ct").spec
    for size in range(60):
        with pytest.raises(CorruptPixelData):
            jpegxl.decode_frame(data[:size], spec)
    with pytest.raises(CorruptPixelData):
        jpegxl.decode_frame(data[:12] + b"\0\0\0\3" + data[16:], spec)
    with pytest.raises(TruncatedPixelData):
        jpegxl.decode_frame(data[:12] + b"\0\xff\0\0" + data[16:], spec)
    with pytest.raises(CorruptPixelData):
        jpegxl.decode_frame(b"GIF89a" * 9, spec)


def test_encode_is_refused() -> None:
    with pytest.raises(EncodeError):
        jpegxl.encode_frame(np.zeros((4, 4), np.uint8), spec_of(4, 4, 8))
    assert jpegxl.frame_info(b"") is None
