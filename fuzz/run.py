"""Build, run, minimise: `fuzz/run.py [--seconds N] [TARGET ...]`.

Native targets (scan, rle, jpegll) are libFuzzer programs under AddressSanitizer
and UndefinedBehaviorSanitizer; public targets mutate whole objects in a process
of their own. Findings go to fuzz/build/findings/TARGET; `--minimise FILE TARGET`
makes one smaller, and its smallest form belongs into fuzz/regress/TARGET, where
the tests run it for ever. Executions add up in .cache/fuzz.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from fuzz import public, seeds  # noqa: E402

NATIVE = ROOT / "src" / "radkit" / "_native"
HERE = ROOT / "fuzz"
BUILD = HERE / "build"
CORPUS = HERE / "corpus"
FIGURES = ROOT / ".cache" / "fuzz.json"
SOURCES = {
    "scan": ["dicom/scan.c"],
    "rle": ["kernels/rle*.c", "kernels/cpu.c"],
    "jpegll": ["kernels/jpegll*.c", "kernels/huff*.c", "kernels/cpu.c"],
}
SANITIZERS = "address,undefined"
HANG_S = 20.0


def compiler_line(target: str, out: Path, *, engine: bool, compiler: str) -> list[str]:
    """Return the command that builds a native target, with libFuzzer or with the replay program."""
    kinds = f"fuzzer,{SANITIZERS}" if engine else SANITIZERS
    line = [compiler, "-g", "-O1", "-std=c11", f"-fsanitize={kinds}", "-fno-sanitize-recover=all"]
    line += [f"-I{NATIVE}", f"-I{NATIVE / 'include'}", f"-I{HERE / 'native'}"]
    line += [str(HERE / "native" / f"{target}.c")]
    if not engine:
        line += [str(HERE / "native" / "replay.c")]
    for pattern in SOURCES[target]:
        line += sorted(map(str, NATIVE.glob(pattern)))
    return [*line, "-o", str(out)]


def build(target: str, *, engine: bool = True, folder: Path = BUILD) -> Path | None:
    """Build a native target; None where the compiler cannot."""
    compiler = shutil.which("clang") if engine else shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / (target if engine else f"{target}-replay")
    line = compiler_line(target, out, engine=engine, compiler=compiler)
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{target} does not build:\n{done.stderr[-3000:]}")
    return out


def findings_of(target: str) -> Path:
    """Return the folder of a target's findings, made if absent."""
    folder = BUILD / "findings" / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_native(target: str, seconds: int, seed: int) -> dict[str, object]:
    """Run a libFuzzer program over its corpus."""
    program = build(target)
    if program is None:
        return {"skipped": "no clang"}
    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(seeds.for_native(target)):
        (corpus / f"seed{i:04}").write_bytes(data)
    found = findings_of(target)
    before = set(found.iterdir())
    line = [str(program), str(corpus), f"-max_total_time={seconds}", f"-seed={seed or 1}"]
    line += ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", "-print_final_stats=1"]
    line += [f"-dict={HERE / 'native' / 'markers.dict'}", f"-artifact_prefix={found}/"]
    done = subprocess.run(line, capture_output=True, text=True, errors="replace", check=False)
    runs = re.search(r"number_of_executed_units:\s+(\d+)", done.stderr)
    edges = re.findall(r"cov: (\d+)", done.stderr)
    new = sorted(p.name for p in set(found.iterdir()) - before)
    if done.returncode and not new:
        raise RuntimeError(f"{target}: {done.stderr[-2000:]}")
    if new:
        (found / "last.log").write_text(done.stderr[-20_000:])
    return {
        "runs": int(runs[1]) if runs else 0,
        "edges": int(edges[-1]) if edges else 0,
        "found": new,
    }


def run_public(target: str, seconds: int, seed: int) -> dict[str, object]:
    """Run a worker, and watch that it lives and moves."""
    found = findings_of(target)
    (found / "current").unlink(missing_ok=True)
    line = [sys.executable, "-m", "fuzz.worker", target, str(seconds), str(seed), str(found)]
    child = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    current = found / "current"
    verdict = ""
    while True:
        try:
            out, err = child.communicate(timeout=1.0)
            break
        except subprocess.TimeoutExpired:
            stale = current.exists() and time.time() - current.stat().st_mtime > HANG_S
            if stale:
                verdict = "hang"
                child.kill()
    if child.returncode and not verdict:
        verdict = f"died ({child.returncode}): {err.decode(errors='replace')[-400:]}"
    if verdict:
        kept = found / f"{verdict.split()[0]}-{int(time.time())}"
        if current.exists():
            current.rename(kept)
        return {"runs": 0, "found": {verdict: kept.name}}
    return dict(json.loads(out))


def replayed(target: str, data: bytes) -> bool:
    """Whether a finding of a public target still breaks a promise, in a process of its own."""
    code = "import sys; from fuzz import public; public.run(sys.argv[1], sys.stdin.buffer.read())"
    done = subprocess.run(
        [sys.executable, "-c", code, target],
        input=data,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    return done.returncode != 0


def minimise(path: Path, target: str) -> Path:
    """Write the smallest form of a finding beside it."""
    out = path.with_name(path.name + ".min")
    if target in SOURCES:
        program = build(target)
        if program is None:
            raise SystemExit("minimising a native finding needs clang")
        line = [str(program), "-minimize_crash=1", "-runs=20000", f"-exact_artifact_path={out}"]
        subprocess.run([*line, str(path)], capture_output=True, check=False)
        return out if out.exists() else path
    data = path.read_bytes()
    size = max(1, len(data) // 2)
    while size:
        place = 0
        while place < len(data):
            shorter = data[:place] + data[place + size :]
            if replayed(target, shorter):
                data = shorter
            else:
                place += size
        size //= 2
    out.write_bytes(data)
    return out


def add_up(figures: dict[str, dict[str, object]]) -> None:
    """Add the executions of this run to those of all runs."""
    total = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for target, told in figures.items():
        entry = total.setdefault(target, {"runs": 0})
        entry["runs"] += told.get("runs", 0)
        entry["edges"] = told.get("edges", entry.get("edges", 0))
        entry["last"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(total, indent=1, sort_keys=True) + "\n")


def main() -> int:
    """Run the targets; 1 if anything was found."""
    every = [*SOURCES, *public.TARGETS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(every)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minimise", type=Path, metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(every):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.minimise:
        if len(options.targets) != 1:
            parser.error("name the one target of that file")
        print(minimise(options.minimise, options.targets[0]))
        return 0
    figures, bad = {}, False
    print(f"seed {options.seed}, {options.seconds} s each", flush=True)
    for target in options.targets or every:
        run = run_native if target in SOURCES else run_public
        figures[target] = run(target, options.seconds, options.seed)
        bad = bad or bool(figures[target].get("found"))
        print(f"{target:16}", json.dumps(figures[target]), flush=True)
    add_up(figures)
    if bad:
        print(f"findings in {BUILD / 'findings'}; minimise, then keep in fuzz/regress", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
