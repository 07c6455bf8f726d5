"""A folder that any static file server can show as a stack that scrolls while it sharpens.

python examples/progressive/prepare.py SERIES DEST [--window CENTRE,WIDTH] [--codec FOLDER]

DEST gets the series as lossless HTJ2K, a sidecar beside each object, the page, and the decoder of
Cornerstone (npm ci in tests/node, or `make test`, puts it into .cache). Serve it by a server that
knows range requests, such as serve.py, nginx or an object store, and open index.html.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

import radkit

HERE = Path(__file__).resolve().parent
CODEC = HERE.parents[1] / ".cache/node/node_modules/@cornerstonejs/codec-openjph"
PAGE = ("index.html", "viewer.js", "stream.js", "worker.js")


def main() -> None:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("series", type=Path)
    options.add_argument("dest", type=Path)
    options.add_argument("--window", help="centre and width, in units")
    options.add_argument("--codec", type=Path, default=CODEC, help="folder of codec-openjph")
    given = options.parse_args()
    window = tuple(map(float, given.window.split(","))) if given.window else None
    print(prepare(given.series, given.dest, window=window, codec=given.codec))


def prepare(
    series: Path,
    dest: Path,
    *,
    window: tuple[float, ...] | None = None,
    codec: Path = CODEC,
) -> Path:
    """Write the folder; return its page."""
    dest.mkdir(parents=True, exist_ok=True)
    report = radkit.transcode_many(series, dest / "objects", "htj2k-lossless-rpcl")
    if report.failed:
        raise SystemExit(str(report))
    volume = radkit.load_volume(dest / "objects")
    indexed = {}
    for path in sorted((dest / "objects").rglob("*")):
        if path.is_file() and path.suffix == ".dcm":
            made = radkit.preview.sidecar(path, path.with_suffix(".radkit.json"))
            indexed[made.instance] = path.relative_to(dest).as_posix()
    stack = {
        "slices": [{"object": indexed[uid], "frame": 0} for uid in volume.instances],
        "signed": volume.array.dtype.kind == "i",
        "slope": volume.slope,
        "intercept": volume.intercept,
        "units": "HU" if volume.units == "[hnsf'U]" else volume.units,
        "window": window or usual_window(volume),
    }
    (dest / "stack.json").write_text(json.dumps(stack))
    for name in PAGE:
        shutil.copy(HERE / name, dest)
    for name in ("openjphjs.js", "openjphjs.wasm"):
        shutil.copy(codec / "dist" / name, dest)
    return dest / "index.html"


def usual_window(volume: radkit.Volume) -> tuple[float, float]:
    """Return centre and width: soft tissue of CT, of all else what its values span."""
    if volume.units == "[hnsf'U]":
        return 40.0, 400.0
    low, high = np.percentile(volume.array, (1, 99)) * volume.slope + volume.intercept
    return float(low + high) / 2, max(float(high - low), 1.0)


if __name__ == "__main__":
    main()
