"""`python -m tests.kernels.run [--bench | --list | --full ...]`: build checkkernel and run it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kernels.kernelbuild import build


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder) / "checkkernel", "-O3")  # as the package is built
        return subprocess.run([str(program), *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
