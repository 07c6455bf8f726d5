"""The page of examples/progressive, in a browser, over a server that only knows files."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import radkit
from radkit.testing import write_series

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "examples" / "progressive"
MODULES = Path(os.environ.get("RADKIT_NODE", HERE.parents[1] / ".cache" / "node")) / "node_modules"
CODEC = MODULES / "@cornerstonejs" / "codec-openjph"
CHROMIUM = shutil.which("chromium")
NODE = shutil.which("node")
SLICES, SIDE = 12, 256


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PAGE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not CODEC.exists():
        pytest.skip("Cornerstone's decoder is not here")
    folder = tmp_path_factory.mktemp("progressive")
    rng = np.random.default_rng(3)
    row, col = np.mgrid[:SIDE, :SIDE]
    ball = [np.hypot(row - 128, col - 128) < 40 + 5 * k for k in range(SLICES)]
    voxels = (1000 * np.array(ball) + rng.normal(300, 12, (SLICES, SIDE, SIDE))).astype("uint16")
    write_series(folder / "in", voxels, spacing=(1, 1), step=2.0)
    load("prepare").prepare(folder / "in", folder / "site", codec=CODEC)
    return folder / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(PAGE / "serve.py"), str(site), str(port)])
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/index.html"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def walk(address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if CHROMIUM is None or NODE is None or not (MODULES / "playwright-core").exists():
        pytest.skip("Chromium, Node or playwright-core are not here")
    pictures = tmp_path_factory.mktemp("pictures")
    done = subprocess.run(
        [NODE, str(HERE / "progressive.js"), f"{address}?rate=4000", str(pictures), CHROMIUM],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["error"] == ""
    assert all((pictures / f"{name}.png").stat().st_size > 5000 for name in ("early", "whole"))
    return found


def test_browser_ends_with_the_stored_samples(walk: dict[str, Any], site: Path) -> None:
    slices = json.loads((site / "stack.json").read_text())["slices"]
    assert len(slices) == len(walk["hashes"]) == SLICES
    for one, found in zip(slices, walk["hashes"], strict=True):
        stored = radkit.decode(site / one["object"])
        assert found == hashlib.sha256(stored.tobytes()).hexdigest()


def test_whole_stack_is_there_before_most_of_its_bytes(walk: dict[str, Any]) -> None:
    assert max(walk["early"]["reduce"]) <= 3
    assert walk["early"]["bytes"] < 0.25 * walk["total"]
    assert walk["bytes"] == walk["total"]


def test_slice_on_screen_is_the_first_to_be_whole(walk: dict[str, Any]) -> None:
    shown, reduces = walk["shown"], walk["middle"]
    assert reduces[shown] == 0
    assert sum(reduce > 0 for reduce in reduces) > SLICES // 2


def test_no_byte_is_asked_for_twice(walk: dict[str, Any]) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    for path, words in walk["ranges"]:
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", words).groups())  # type: ignore[union-attr]
        seen.setdefault(path, []).append((first, last + 1))
    assert len(seen) == SLICES
    for parts in seen.values():
        parts.sort()
        assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    asked = sum(b - a for parts in seen.values() for a, b in parts)
    assert asked == walk["total"]
