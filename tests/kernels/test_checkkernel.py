"""Runs checkkernel, which compares every variant of every kernel with its reference.

It is a program of its own, so that a kernel that crashes is one failed test.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kernelbuild import COMPILER, build

SEED = "20"

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


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
