"""Builds the native targets: with libFuzzer, with the replay program, or for line coverage.

Objects are kept in fuzz/build/objects and made again when a source or a header of theirs is
newer, so a target costs a link.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "src" / "radkit" / "_native"
HERE = ROOT / "fuzz" / "native"
BUILD = ROOT / "fuzz" / "build"
SANITIZERS = "address,undefined"

Kind = Literal["engine", "replay", "threads", "coverage"]

J2K = ("j2k/*.c", "kernels/*.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a target is made of.

    Parameters
    ----------
    sources : tuple of str
        Patterns below src/radkit/_native.
    beside : tuple of str
        Files of fuzz/native besides that of its name.
    mutator : str, optional
        File of fuzz/native with a mutator, for libFuzzer only.
    wrapped : tuple of str
        Functions whose calls go to the target.
    """

    sources: tuple[str, ...]
    beside: tuple[str, ...] = ()
    mutator: str | None = None
    wrapped: tuple[str, ...] = ()


STREAM = Program(sources=J2K, beside=("j2k_run.c",), mutator="j2k_mutate.c")
PROGRAMS = {
    "scan": Program(sources=("dicom/scan.c",)),
    "pick": Program(sources=("dicom/scan.c", "dicom/pick.c")),
    "splice": Program(sources=("dicom/scan.c", "dicom/pick.c", "dicom/splice.c")),
    "rle": Program(sources=("kernels/rle*.c", "kernels/cpu.c")),
    "jpegll": Program(sources=("kernels/jpegll*.c", "kernels/huff*.c", "kernels/cpu.c")),
    "t1_block": Program(sources=("kernels/t1*.c", "kernels/mq*.c", "kernels/cpu.c")),
    "ht_block": Program(sources=("kernels/ht*.c", "kernels/cpu.c")),
    "j2k_strict": STREAM,
    "j2k_lenient": STREAM,
    "j2k_list": STREAM,
    "j2k_turns": Program(sources=J2K, beside=("j2k_run.c",)),
    "j2k_order": Program(sources=J2K, beside=("j2k_run.c",), wrapped=("rk_j2k_read_packet",)),
    "j2k_encode": Program(sources=J2K, beside=("j2k_run.c",)),
    "j2k_recode": STREAM,
}
# Not a target: prefixes, flips and whole files, for tools/sanitize.sh.
SWEEP = Program(sources=J2K, beside=("j2k_run.c",))


def find_compiler(kind: Kind) -> str | None:
    """Return the compiler of a kind, or None if there is none."""
    if kind in ("engine", "coverage"):
        return shutil.which("clang")
    return shutil.which("gcc") or shutil.which("clang")


def flags(kind: Kind) -> list[str]:
    """Return the flags that a kind is compiled and linked with."""
    common = ["-g", "-std=c11", "-ffp-contract=off", "-Wall", "-Wextra"]
    if kind == "coverage":
        return [*common, "-O1", "-fprofile-instr-generate", "-fcoverage-mapping"]
    if kind == "threads":
        return [*common, "-O1", "-fsanitize=thread"]
    kinds = f"fuzzer-no-link,{SANITIZERS}" if kind == "engine" else SANITIZERS
    level = "-O2" if kind == "engine" else "-O1"
    return [*common, level, f"-fsanitize={kinds}", "-fno-sanitize-recover=all"]


# Parts of a tile that threads share are at least so large; here small pictures have some too.
DEFINES = ["-DPART_SAMPLES=256"]


def _is_current(made: Path) -> bool:
    """Whether an object is newer than all that the compiler wrote into its .d file."""
    rule = made.with_suffix(".d")
    if not (made.exists() and rule.exists()):
        return False
    _, _, needed = rule.read_text().replace("\\\n", " ").partition(": ")
    paths = [Path(__file__), *map(Path, needed.split())]
    when = made.stat().st_mtime
    return all(path.exists() and path.stat().st_mtime < when for path in paths)


def _object(source: Path, line: list[str], folder: Path) -> Path:
    name = hashlib.sha256(f"{source} {line}".encode()).hexdigest()[:12]
    made = folder / f"{source.stem}-{name}.o"
    if _is_current(made):
        return made
    part = made.with_suffix(f".{os.getpid()}.part")
    more = ["-MMD", "-MF", str(made.with_suffix(".d")), "-c", str(source), "-o", str(part)]
    done = subprocess.run([*line, *more], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{source.name} does not build:\n{done.stderr[-3000:]}")
    part.rename(made)
    return made


def sources_of(name: str, program: Program, kind: Kind) -> list[Path]:
    """Return the files that a program is made of."""
    own = [f"{name}.c", *program.beside]
    if kind == "engine" and program.mutator:
        own.append(program.mutator)
    if kind != "engine" and name != "sweep":
        own.append("replay.c")
    native = {path for pattern in program.sources for path in NATIVE.glob(pattern)}
    return [*(HERE / file for file in own), *sorted(native)]


def build(name: str, kind: Kind = "engine", *, folder: Path = BUILD) -> Path | None:
    """Build a program; None where the compiler is absent.

    Raises
    ------
    RuntimeError
        It does not compile or link; with what the compiler said.
    """
    compiler = find_compiler(kind)
    if compiler is None:
        return None
    program = SWEEP if name == "sweep" else PROGRAMS[name]
    objects = folder / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    line = [compiler, *flags(kind), f"-I{NATIVE}", f"-I{NATIVE / 'include'}", f"-I{HERE}"]
    line += DEFINES
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        sources = sources_of(name, program, kind)
        made = list(pool.map(lambda path: _object(path, line, objects), sources))
    return _link(name, kind, [compiler, *flags(kind)], made, program.wrapped, folder)


def _link(
    name: str,
    kind: Kind,
    line: list[str],
    objects: Iterable[Path],
    wrapped: tuple[str, ...],
    folder: Path,
) -> Path:
    out = folder / (name if kind == "engine" else f"{name}-{kind}")
    part = out.with_suffix(f".{os.getpid()}.part")
    if kind == "engine":
        line = [*line, "-fsanitize=fuzzer"]
    line += [f"-Wl,--wrap={function}" for function in wrapped]
    line += [*map(str, objects), "-lm", "-lpthread", "-o", str(part)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} does not link:\n{done.stderr[-3000:]}")
    part.rename(out)
    return out
