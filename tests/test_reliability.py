"""The rows of docs/reliability-rows.md: each has its tests, and those about code as text are here.

Rows 5, 6, 7, 13 and 16.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fuzz import programs, public  # noqa: E402
from fuzz.mutate import Mutator  # noqa: E402

NATIVE = ROOT / "src" / "radkit" / "_native"
PAGE = ROOT / "docs" / "reliability-rows.md"


def rows_tested() -> dict[int, set[str]]:
    """Return the names of the tests by the row that they stand for."""
    found: dict[int, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_reliability*.py")):
        for row, name in re.findall(r"^def (?=test_row_(\d\d)_)(\w+)", path.read_text(), re.M):
            found.setdefault(int(row), set()).add(f"{path.relative_to(ROOT)}::{name}")
    return found


def test_each_row_of_the_page_names_its_tests_and_all_of_them() -> None:
    said: dict[int, set[str]] = {}
    row = 0
    for line in PAGE.read_text().splitlines():
        if match := re.match(r"\| (\d+) \|", line):
            row = int(match[1])
            said[row] = set(re.findall(r"`(tests/[\w/.]+::\w+)`", line))
    assert said == rows_tested()
    assert sorted(said) == list(range(1, 18))


# C as text


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def sources(*suffixes: str) -> Iterator[tuple[Path, str]]:
    for path in sorted(NATIVE.rglob("*")):
        generated = path.suffix == ".c" and path.parent == NATIVE
        if path.suffix in suffixes and not generated:
            yield path, without_comments(path.read_text())


def status_functions() -> set[str]:
    """Return the names of all functions that return a status."""
    return {
        name for _, text in sources(".c", ".h") for name in re.findall(r"\brk_status (\w+)\(", text)
    } - {"rk_j2k_fail", "rk_j2k_fine"}


def test_row_05_every_function_with_a_status_must_be_checked() -> None:
    """What a header declares is marked for the compiler."""
    unmarked = [
        f"{path.name}: {line.strip()}"
        for path, text in sources(".h")
        for line in re.findall(r"^.*\brk_status \w+\(.*$", text, re.M)
        if "RK_MUST_CHECK" not in line and "inline" not in line
    ]
    assert not unmarked, unmarked


def dropped(text: str, names: set[str]) -> list[str]:
    """Return the calls whose value nobody takes."""
    found = []
    for match in re.finditer(r"\b(\w+)\(", text):
        before = text[: match.start()].rstrip()
        ends = before[-1:]
        if match[1] in names and (ends in tuple(";{})") or before.endswith("else")):
            found.append(text[match.start() : match.start() + 60].split("\n")[0])
    return found


def test_row_05_no_status_is_dropped() -> None:
    names = status_functions()
    assert len(names) > 60
    for path, text in sources(".c", ".h"):
        assert not dropped(text, names), path
    for path, text in sources(".pyx", ".pxi"):
        lines = re.findall(r"^\s+(\w+)\(", re.sub(r"#.*", "", text), re.M)
        assert not names & set(lines), path
    assert dropped("if (x)\n    rk_j2k_take(&a);", names)  # the rule finds what it is to find
    assert not dropped("return rk_j2k_take(&a);", names)


def test_row_05_out_parameters_are_set_before_anything_can_fail() -> None:
    """A pointer handed out through `**` is NULL, or its value, when the function returns."""
    seen = 0
    pattern = re.compile(r"^(?:static )?rk_status (\w+)\(([^;{]*?)\)\s*\{(.*?)^\}", re.M | re.S)
    for path, text in sources(".c"):
        for name, parameters, body in pattern.findall(text):
            for out in re.findall(r"\w+ \*\*(\w+)", parameters):
                if re.search(rf"\(\*{out}\)\[|\*{out} ==|\(\*{out}\)\+\+", body):
                    continue  # a position that moves on, not a result
                if re.match(rf"\s*return \w+\([^;]*\b{out}\b[^;]*\);\s*$", body):
                    continue  # handed on
                first = re.search(rf"\*{out} = ", body)
                leaves = re.search(r"\breturn\b|RK_TRY", body)
                assert first, f"{path.name}: {name} never sets *{out}"
                if re.search(rf"[(, ]\*{out}\b", body[: first.start()]):
                    continue  # read before it is set: what goes in stays if nothing comes out
                if "take" in body[: first.start()] and f"(void **){out}" in body[: first.start()]:
                    continue  # set by the function that takes the memory
                assert not leaves or first.start() < leaves.start(), f"{path.name}: {name}: *{out}"
                seen += 1
    assert seen >= 2


# Findings stay, with mutants of them

REGRESS = ROOT / "fuzz" / "regress"
KEPT = [path for path in sorted(REGRESS.rglob("*")) if path.is_file() and path.suffix != ".md"]


def mutants(data: bytes, seed: int) -> list[bytes]:
    mutator = Mutator([data], seed)
    return [bytes(mutator.step(bytearray(data))) for _ in range(10)]


@pytest.mark.parametrize("target", public.TARGETS)
def test_row_06_ten_mutants_of_each_finding_of_a_public_target(target: str) -> None:
    for seed, path in enumerate(KEPT):
        if path.parent.name == target:
            for data in (path.read_bytes(), *mutants(path.read_bytes(), seed)):
                public.run(target, data)


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("clang")), reason="no C compiler")
@pytest.mark.parametrize("target", [t for t in programs.PROGRAMS if (REGRESS / t).is_dir()])
def test_row_06_ten_mutants_of_each_finding_of_a_native_target(target: str, tmp_path: Path) -> None:
    """Under both sanitizers, by the program that replays findings."""
    program = programs.build(target, "replay")
    inputs = []
    for seed, path in enumerate(KEPT):
        if path.parent.name != target:
            continue
        for k, data in enumerate((path.read_bytes(), *mutants(path.read_bytes(), seed))):
            inputs.append(tmp_path / f"{path.name}-{k}")
            inputs[-1].write_bytes(data)
    assert len(inputs) >= 11
    done = subprocess.run([program, *inputs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


# Output is bounded


def noise(rows: int = 31, cols: int = 45, bits: int = 12) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 1 << bits, (rows, cols)).astype(np.uint16)


def test_row_07_an_output_that_is_too_small_is_refused_before_it_is_written() -> None:
    from radkit._native import _rle

    image = noise()
    rows, cols = image.shape
    most, plane = _rle.bound(rows, cols, 2), np.empty(cols, np.uint8)

    def encode(room: np.ndarray) -> int:
        samples = image.view(np.uint8).reshape(-1)
        return _rle.encode(
            samples, room, plane, rows=rows, cols=cols, samples=1, width=2, cpu=0
        )  # fmt: skip

    whole = np.full(most + 64, 0x5A, np.uint8)
    size = encode(whole[:most])
    assert 64 < size <= most and (whole[most:] == 0x5A).all()
    for room in (0, 1, 63, 64, 65, size - 1, most - 1):
        small = np.full(most + 64, 0x5A, np.uint8)
        with pytest.raises(ValueError, match="small"):
            encode(small[:room])
        assert (small == 0x5A).all()


@pytest.mark.parametrize("coding", ["jpeg2000", "htj2k"])
def test_row_07_tiny_capacities_are_kept_or_refused(coding: str) -> None:
    from radkit.codecs import htj2k, jpeg2000
    from radkit.codecs.options import Lossy
    from radkit.errors import EncodeError

    module = jpeg2000 if coding == "jpeg2000" else htj2k
    kept = refused = 0
    for most in (1, 2, 20, 60, 90, 120, 150, 200, 300, 500, 900, 5000):
        try:
            data = module.encode(noise(), bits=12, lossy=Lossy(max_bytes=most))
        except EncodeError:
            refused += 1
        else:
            assert len(data) <= most
            kept += 1
    assert kept and refused


# What is inside


def test_row_13_the_program_tells_the_versions_of_all_that_is_borrowed() -> None:
    import imagecodecs

    line = [sys.executable, "-c", "from radkit.cli import main; main()", "--version"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    told = dict(one.strip().split(" ", 1) for one in done.stdout.splitlines())
    inside = imagecodecs.version(dict)
    for name in ("openjpeg", "openjph", "charls", "libjpeg_turbo", "libjxl"):
        assert told[name] == str(inside[name]), name
    for name in ("radkit", "numpy", "pydicom", "imagecodecs", "pylibjpeg-openjpeg"):
        assert re.match(r"\d+\.\d+", told[name]), name


# Old processors

QEMU = shutil.which("qemu-x86_64")
PLAIN = """
import hashlib, sys
sys.path.insert(0, {here!r})
import radkit
from radkit._native import cpu
from radkit.codecs import jpeg2000
digest = hashlib.sha256()
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    digest.update(jpeg2000.decode(data).tobytes())
    digest.update(jpeg2000.decode(data[: len(data) // 2], strict=False).tobytes())
print(cpu.DETECTED, digest.hexdigest())
"""


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    from radkit.codecs import htj2k, jpeg2000
    from radkit.codecs.options import Coding, Lossy

    folder = tmp_path_factory.mktemp("streams")
    grey, colour = noise(70, 90), (noise(50, 60, 8) % 256).astype(np.uint8)
    colour = np.dstack([colour, colour[::-1], 255 - colour])
    made = {
        "grey.j2k": jpeg2000.encode(grey, bits=12, coding=Coding(levels=2)),
        "colour.j2k": jpeg2000.encode(colour),
        "lossy.j2k": jpeg2000.encode(grey, bits=12, lossy=Lossy(ratio=8)),
        "grey.jph": htj2k.encode(grey, bits=12),
        "colour.jph": htj2k.encode(colour),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in made]


def decoded_under(prefix: list[str], streams: list[str]) -> tuple[int, str]:
    code = PLAIN.format(here=str(ROOT / "src"))
    env = {**os.environ, "OPENBLAS_CORETYPE": "NEHALEM"}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code, *streams],
        capture_output=True, text=True, check=False, timeout=600, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    bits, digest = done.stdout.split()
    return int(bits), digest


@pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 (qemu-user) is absent")
@pytest.mark.parametrize("model", ["Nehalem", "max,-avx2", "max,-bmi2", "max,-abm", "max"])
def test_row_16_old_processors_import_and_decode_alike(streams: list[str], model: str) -> None:
    """No AVX code runs unless all that it needs is there; features are masked off one by one."""
    bits, digest = decoded_under([str(QEMU), "-cpu", model], streams)
    assert bits == (1 if model == "max" else 0)
    assert digest == decoded_under([], streams)[1]
