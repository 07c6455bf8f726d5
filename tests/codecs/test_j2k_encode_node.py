"""Codestreams of the own encoder in the decoders that browsers run (Cornerstone's WebAssembly).

They need Node, and the packages @cornerstonejs/codec-openjph and codec-openjpeg from npm in
a folder node_modules of the repository, or of RADKIT_NODE.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_j2k_encode import layout, picture

from radkit.codecs import htj2k, jpeg2000

HERE = Path(__file__).parent
PACKAGES = Path(os.environ.get("RADKIT_NODE", HERE.parents[1])) / "node_modules/@cornerstonejs"
NODE = shutil.which("node")


@pytest.mark.parametrize(
    ("module", "package"), [(htj2k, "codec-openjph"), (jpeg2000, "codec-openjpeg")]
)
def test_browsers_decode_the_same(tmp_path: Path, module: Any, package: str) -> None:
    if NODE is None or not (PACKAGES / package).exists():
        pytest.skip("Node, or Cornerstone's decoders, are not here")
    rng = np.random.default_rng(3)
    images, lines = [], []
    for index in range(80):
        shape: tuple[int, ...] = (int(rng.integers(1, 150)), int(rng.integers(1, 150)))
        if rng.integers(4) == 0:
            shape += (3,)
        bits = int(rng.integers(1, 17))
        signed = bits > 8 and bool(rng.integers(2))  # they take 8 bits as unsigned
        image = picture(rng, shape, bits, signed)
        path = tmp_path / f"{index}.j2k"
        path.write_bytes(module.encode(image, bits=bits, coding=layout(rng)))
        images.append(image)
        lines.append(f"{path} {path}.raw")
    done = subprocess.run(
        [NODE, str(HERE / "node_decode.js"), str(PACKAGES / package)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    frames = [
        json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("frame ")
    ]
    for image, line, frame in zip(images, lines, frames, strict=True):
        assert (frame["height"], frame["width"]) == image.shape[:2]
        found = np.frombuffer(Path(line.split()[1]).read_bytes(), image.dtype)
        np.testing.assert_array_equal(found.reshape(image.shape), image)
