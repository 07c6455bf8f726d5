"""Builds checkkernel from all check*.c here, all kernels and planes of the package, and runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "src" / "radkit" / "_native"
COMPILER = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def build(target: Path, *flags: str) -> Path:
    """Compile the program with `flags` to `target`; RuntimeError shows what the compiler said."""
    sources = sorted(HERE.glob("check*.c"))
    for room in ("kernels", "mpr"):
        sources += sorted((NATIVE / room).glob("*.c"))
    include = [f"-I{NATIVE}", f"-I{NATIVE / 'include'}", f"-I{HERE}"]
    words = [*FLAGS, *flags, *include, *map(str, sources), "-o", str(target), "-lm"]
    done = subprocess.run([str(COMPILER), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-4000:])
    return target
