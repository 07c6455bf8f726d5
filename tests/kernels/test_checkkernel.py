"""Builds checkkernel from all check_*.c and all kernels, and runs it.

It is a program of its own, so that a kernel that crashes is one failed test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "src" / "radkit" / "_native"
COMPILER = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SEED = "20"

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def build(target: Path, *flags: str) -> Path:
    sources = [HERE / "checkkernel.c", *sorted(HERE.glob("check_*.c"))]
    sources += sorted((NATIVE / "kernels").glob("*.c"))
    include = [f"-I{NATIVE}", f"-I{NATIVE / 'include'}", f"-I{HERE}"]
    command = [
        str(COMPILER),
        *FLAGS,
        *flags,
        *include,
        *map(str, sources),
        "-o",
        str(target),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return target


def run(program: Path, *words: str) -> str:
    done = subprocess.run(
        [str(program), *words], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("checkkernel") / "checkkernel", "-O2")


def test_every_variant_equals_its_reference(program: Path) -> None:
    report = run(program, "--seed", SEED)
    listed = run(program, "--list").splitlines()
    passed = [line.removeprefix("ok  ").strip() for line in report.splitlines() if "ok  " in line]
    assert sorted(passed) == sorted(listed)


@pytest.mark.slow
def test_every_variant_in_full_and_under_another_seed(program: Path) -> None:
    run(program, "--full", "--seed", "21")


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address,undefined"])
def test_every_variant_under_sanitizers(tmp_path: Path, sanitizer: str) -> None:
    flags = ["-O1", "-g", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    run(build(tmp_path / "checkkernel", *flags), "--seed", SEED)
