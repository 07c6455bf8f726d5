"""The decoders that browsers run: Cornerstone's WebAssembly builds of OpenJPH and OpenJPEG.

`make test` installs them where Node and npm are (tests/node); or RADKIT_NODE names a folder
with node_modules. They take one or three components, and have no type for negative samples of
up to 8 bits.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("RADKIT_NODE", HERE.parents[1] / ".cache" / "node"))
PACKAGES = FOLDER / "node_modules" / "@cornerstonejs"
NODE = shutil.which("node")
OPENJPH, OPENJPEG = "codec-openjph", "codec-openjpeg"

needs_browsers = pytest.mark.skipif(
    NODE is None or not all((PACKAGES / name).exists() for name in (OPENJPH, OPENJPEG)),
    reason="Node, or Cornerstone's decoders, are not here",
)


def decode_all(
    folder: Path, package: str, streams: Sequence[bytes], reduces: Sequence[int] | None = None
) -> list[np.ndarray]:
    """Decode codestreams in one run of Node, each halved so many times."""
    lines = []
    halvings = reduces or [0] * len(streams)
    for index, (data, reduce) in enumerate(zip(streams, halvings, strict=True)):
        path = folder / f"{package}-{index}.j2k"
        path.write_bytes(data)
        lines.append(f"{path} {path}.raw {reduce}")
    done = subprocess.run(
        [str(NODE), str(HERE / "node_decode.js"), str(PACKAGES / package)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    frames = [
        json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("frame ")
    ]
    assert len(frames) == len(streams), done.stdout
    return [
        _array(Path(line.split()[1]).read_bytes(), frame, reduce)
        for line, frame, reduce in zip(lines, frames, halvings, strict=True)
    ]


def _array(samples: bytes, frame: dict[str, int], reduce: int) -> np.ndarray:
    shape: tuple[int, ...] = tuple(-(-frame[side] // 2**reduce) for side in ("height", "width"))
    if frame["componentCount"] > 1:
        shape += (frame["componentCount"],)
    size = 1 if frame["bitsPerSample"] <= 8 else 2
    kind = "i" if frame["isSigned"] and size > 1 else "u"
    return np.frombuffer(samples, f"{kind}{size}").reshape(shape)


def as_given(image: np.ndarray, package: str) -> np.ndarray:
    """The samples that come back of an image that was decoded rightly."""
    if image.dtype != np.int8:
        return image
    if package == OPENJPEG and image.ndim == 3:
        return image.view("u1")
    return image.clip(0, None).astype("u1")
