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

    def own():
        out = []
        for frame in coded:
            rgb = np.empty_like(frame)
            _pixels.ybr_full_to_rgb(frame, rgb)
            out.append(rgb)
        return out

    versus(
        row,
        name=data.label(row, "us"),
        peer=Side(
            name="pydicom convert_color_space",
            version=rivals.version("pydicom"),
            run=lambda: [convert_color_space(f, "YBR_FULL", "RGB") for f in coded],
        ),
        own=Side(name="radkit", version="", run=own),
        frames=len(coded),
        bytes_in=coded[0].nbytes,
        bytes_out=coded[0].nbytes,
    )


@pytest.mark.parametrize("row", ["unpack-bits"])
def test_unpack_bits(versus, row):
    from radkit._native import _pixels

    rng = np.random.default_rng(1)
    packed = [rng.integers(0, 256, 512 * 512 // 8, dtype=np.uint8) for _ in range(8)]

    def own():
        out = []
        for bits in packed:
            pixels = np.empty(512 * 512, np.uint8)
            _pixels.unpack_bits(bits, 0, 512 * 512, pixels)
            out.append(pixels)
        return out

    versus(
        row,
        peer=Side(
            name='np.unpackbits(bitorder="little")',
            version=np.__version__,
            run=lambda: [np.unpackbits(p, bitorder="little") for p in packed],
        ),
        own=Side(name="radkit", version="", run=own),
        frames=len(packed),
        bytes_in=packed[0].nbytes,
        bytes_out=512 * 512,
    )
