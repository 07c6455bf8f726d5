"""On the ways that many files take, headers are scanned: pydicom is not loaded, little parsed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SERIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "ct-head-1mm"
COUNTED = """
import sys
from pathlib import Path

import radkit
from radkit.dicom import objects

opened = 0
walk = objects._opened


def counted(*args):
    global opened
    opened += 1
    return walk(*args)


objects._opened = counted
series = Path(sys.argv[1])
"""
WAYS = {
    "load_volume": ("assert radkit.load_volume(series).shape[0] == 40", 1),
    "inspect": ("assert len(radkit.inspect(next(series.iterdir())).shape) == 3", 1),
    "transcode_many": ("assert len(list(radkit.transcode_many(series, sys.argv[2]))) == 40", 0),
}


@pytest.mark.skipif(not SERIES.is_dir(), reason="shared/data is not there")
@pytest.mark.parametrize("way", WAYS)
def test_no_full_parse(way: str, tmp_path: Path) -> None:
    call, most = WAYS[way]
    code = f"{COUNTED}{call}\nprint(opened, 'pydicom' in sys.modules)"
    line = [sys.executable, "-c", textwrap.dedent(code), str(SERIES), str(tmp_path / "out")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    opened, loaded = done.stdout.split()
    assert int(opened) <= most and loaded == "False"
