"""YBR_FULL to RGB and one-bit pixels to bytes: the native kernels against what users call today."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side


@pytest.mark.parametrize("row", ["ybr-rgb"])
def test_ybr_to_rgb(versus, row):
    from pydicom.pixels import convert_color_space

    from radkit._native import _pixels

    frames = data.frames("us")
    coded = [convert_color_space(f, "RGB", "YBR_FULL") for f in frames]

    def own(frame):
        rgb = np.empty_like(frame)
        _pixels.ybr_full_to_rgb(frame, rgb)
        return rgb

    items = [(frame,) for frame in coded]

    versus(
        row,
        name=data.label(row, "us"),
        peer=Side(
            name="pydicom convert_color_space",
            version=rivals.version("pydicom"),
            call=lambda frame: convert_color_space(frame, "YBR_FULL", "RGB"),
            items=items,
        ),
        own=Side(name="radkit", call=own, items=items),
        frames=len(coded),
        bytes_in=coded[0].nbytes,
        bytes_out=coded[0].nbytes,
    )


@pytest.mark.parametrize("row", ["unpack-bits"])
def test_unpack_bits(versus, row):
    from radkit._native import _pixels

    rng = np.random.default_rng(1)
    packed = [rng.integers(0, 256, 512 * 512 // 8, dtype=np.uint8) for _ in range(8)]

    def own(bits):
        pixels = np.empty(512 * 512, np.uint8)
        _pixels.unpack_bits(bits, 0, 512 * 512, pixels)
        return pixels

    items = [(bits,) for bits in packed]

    versus(
        row,
        peer=Side(
            name='np.unpackbits(bitorder="little")',
            version=np.__version__,
            call=lambda bits: np.unpackbits(bits, bitorder="little"),
            items=items,
        ),
        own=Side(name="radkit", call=own, items=items),
        frames=len(packed),
        bytes_in=packed[0].nbytes,
        bytes_out=512 * 512,
    )
