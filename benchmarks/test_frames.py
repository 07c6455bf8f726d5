"""One frame out of a 1 GiB multi-frame file: that it costs that frame, not the file."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side


@functools.cache
def large_file(gibibytes: float):
    path = data.work_dir() / "many-frames.dcm"
    return path, data.large_multiframe(path, gibibytes=gibibytes)


@pytest.mark.parametrize("row", ["frame-of-many", "frame-of-many-whole"])
def test_one_frame(versus, row, request):
    import pydicom
    from pydicom.pixels import pixel_array

    import radkit

    quick = request.config.getoption("--quick")
    path, count = large_file(1 / 16 if quick else 1.0)
    places = [int(i) for i in np.linspace(0, count - 1, 8 if row == "frame-of-many" else 1)]

    items = [(i,) for i in places]

    if row == "frame-of-many":
        name = "pydicom pixel_array(path, index=i)"

        def peer(i):
            return pixel_array(path, index=i)
    else:
        name = "pydicom dcmread(path).pixel_array[i]"

        def peer(i):
            return pydicom.dcmread(path).pixel_array[i].copy()

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name=name, version=rivals.version("pydicom"), call=peer, items=items),
        own=Side(name="radkit", call=lambda i: radkit.decode(path, frames=i), items=items),
        frames=len(places),
        bytes_in=path.stat().st_size,
        bytes_out=data.frames("ct")[0].nbytes,
    )
