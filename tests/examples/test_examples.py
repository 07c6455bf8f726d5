from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TOLD = {
    "decode.py": "photometric",
    "fusion.py": "read back at the same place: True",
    "gantry_tilt.py": "the last slice would be 18.2 mm from where it is",
    "inspect_files.py": "CorruptFile",
    "pydicom_plugin.py": "equal",
    "transcode_folder_lossy.py": "3 transcoded, 1 copied, 0 failed",
    "transcode_one.py": "compared once more: no difference",
    "volume_planes.py": "10 mm slab, largest value 900",
}


def test_every_example_is_known():
    assert [path.name for path in EXAMPLES] == sorted(TOLD)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_is_short(path, tmp_path):
    assert len(path.read_text().splitlines()) < 60
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert TOLD[path.name] in done.stdout
    assert "DIFFERENT" not in done.stdout
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
