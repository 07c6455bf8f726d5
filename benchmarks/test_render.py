"""A CT slice through a linear window to uint8: against the formula, and against a ready table."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side

CENTRE, WIDTH = 1064, 400  # soft tissue, in stored values


def window_by_pydicom(frame):
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_windowing

    header = Dataset()
    header.PhotometricInterpretation = "MONOCHROME2"
    header.WindowCenter, header.WindowWidth = CENTRE, WIDTH
    header.BitsStored, header.PixelRepresentation = 8, 0  # the output runs from 0 to 255
    return np.floor(apply_windowing(frame.astype(np.float64), header) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("row", ["window-ct", "window-ct-table"])
def test_window(versus, row):
    import radkit

    frames = data.frames("ct")
    items = [(frame,) for frame in frames]
    if row == "window-ct":
        peer = Side(
            name="pydicom apply_windowing",
            version=rivals.version("pydicom"),
            call=window_by_pydicom,
            items=items,
        )
    else:
        table = window_by_pydicom(np.arange(1 << 16, dtype=np.uint16))
        peer = Side(
            name="np.take, ready table",
            version=np.__version__,
            call=lambda frame: np.take(table, frame, mode="clip"),
            items=items,
        )
    versus(
        row,
        name=data.label(row, "ct"),
        peer=peer,
        own=Side(
            name="radkit",
            call=lambda frame: radkit.render(frame, window=(CENTRE, WIDTH)),
            items=items,
        ),
        frames=len(frames),
        bytes_in=frames[0].nbytes,
        bytes_out=frames[0].size,
    )
