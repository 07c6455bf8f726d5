"""Build, run, minimise: `fuzz/run.py [--seconds N] [--record] [TARGET ...]`.

Native targets are libFuzzer programs under AddressSanitizer and
UndefinedBehaviorSanitizer; public targets mutate whole objects in a process of their
own. Findings go to fuzz/build/findings/TARGET; `--minimise FILE TARGET` makes one
smaller, and its smallest form belongs into fuzz/regress/TARGET, where the tests run it
for ever. With --record the figures are added to docs/fuzzing.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from fuzz import figures, programs, public, seeds  # noqa: E402
from fuzz.programs import BUILD, PROGRAMS  # noqa: E402

HERE = ROOT / "fuzz"
CORPUS = HERE / "corpus"
HANG_S = 20.0
MOST_FINDINGS = 5  # of a native target in one run; the engine stops at each
LONGEST = {"scan": 65536, "rle": 65536, "jpegll": 65536}
LONGEST_ELSEWHERE = 12_288


def findings_of(target: str) -> Path:
    """Return the folder of a target's findings, made if absent."""
    folder = BUILD / "findings" / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def corpus_of(target: str) -> Path:
    """Return the folder of a target's corpus, with its seeds and regressions in it."""
    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(seeds.for_native(target)):
        (corpus / f"seed{i:04}").write_bytes(data)
    kept = HERE / "regress" / target
    for path in kept.iterdir() if kept.is_dir() else ():
        (corpus / f"kept-{path.name}").write_bytes(path.read_bytes())
    return corpus


def engine_line(target: str, program: Path, seconds: int, seed: int) -> list[str]:
    """Return the command that fuzzes a native target."""
    longest = LONGEST.get(target, LONGEST_ELSEWHERE)
    line = [str(program), str(CORPUS / target), f"-max_total_time={seconds}", f"-seed={seed}"]
    line += ["-timeout=10", "-rss_limit_mb=1536", f"-max_len={longest}", "-print_final_stats=1"]
    line += [f"-dict={HERE / 'native' / 'markers.dict'}"]
    return [*line, f"-artifact_prefix={findings_of(target)}/"]


def run_native(target: str, seconds: int, seed: int) -> dict[str, object]:
    """Run a libFuzzer program over its corpus, again behind each finding."""
    program = programs.build(target)
    if program is None:
        return {"skipped": "no clang"}
    corpus, found = corpus_of(target), findings_of(target)
    before = set(found.iterdir())
    end, runs, edges = time.monotonic() + seconds, 0, 0
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    for turn in range(MOST_FINDINGS):
        left = max(round(end - time.monotonic()), 1)
        line = engine_line(target, program, left, (seed or 1) + turn)
        done = subprocess.run(line, capture_output=True, text=True, errors="replace", check=False)
        told = re.search(r"number_of_executed_units:\s+(\d+)", done.stderr)
        runs += int(told[1]) if told else 0
        edges = max([edges, *map(int, re.findall(r"cov: (\d+)", done.stderr))])
        if done.returncode == 0:
            break
        new = {p for p in set(found.iterdir()) - before if p.suffix != ".log"}
        if not new:
            raise RuntimeError(f"{target}: {done.stderr[-2000:]}")
        newest = max(new, key=lambda path: path.stat().st_mtime)
        newest.with_suffix(".log").write_text(done.stderr[-20_000:])
        if time.monotonic() > end:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "runs": runs,
        "edges": edges,
        "corpus": len(list(corpus.iterdir())),
        "cpu_s": round(used.ru_utime + used.ru_stime - spent.ru_utime - spent.ru_stime, 1),
        "found": sorted(p.name for p in set(found.iterdir()) - before if p.suffix != ".log"),
    }


def child_environment() -> dict[str, str]:
    """Return an environment in which the package is that of this tree."""
    return os.environ | {"PYTHONPATH": str(ROOT / "src")}


def run_public(target: str, seconds: int, seed: int) -> dict[str, object]:
    """Run a worker, and watch that it lives and moves."""
    found = findings_of(target)
    (found / "current").unlink(missing_ok=True)
    line = [sys.executable, "-m", "fuzz.worker", target, str(seconds), str(seed), str(found)]
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    pipe = subprocess.PIPE
    child = subprocess.Popen(line, cwd=ROOT, env=child_environment(), stdout=pipe, stderr=pipe)
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
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = dict(json.loads(out))
    told["cpu_s"] = round(used.ru_utime + used.ru_stime - spent.ru_utime - spent.ru_stime, 1)
    return told


def replayed(target: str, data: bytes) -> bool:
    """Whether a finding of a public target still breaks a promise, in a process of its own."""
    code = "import sys; from fuzz import public; public.run(sys.argv[1], sys.stdin.buffer.read())"
    done = subprocess.run(
        [sys.executable, "-c", code, target],
        input=data,
        capture_output=True,
        cwd=ROOT,
        env=child_environment(),
        timeout=60,
        check=False,
    )
    return done.returncode != 0


def minimise(path: Path, target: str) -> Path:
    """Write the smallest form of a finding beside it."""
    out = path.with_name(path.name + ".min")
    if target in PROGRAMS:
        program = programs.build(target)
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


def main() -> int:
    """Run the targets; 1 if anything was found."""
    every = [*PROGRAMS, *public.TARGETS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(every)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--record", action="store_true", help="add up in docs/fuzzing.json")
    parser.add_argument("--minimise", type=Path, metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(every):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.minimise:
        if len(options.targets) != 1:
            parser.error("name the one target of that file")
        print(minimise(options.minimise, options.targets[0]))
        return 0
    bad = False
    print(f"seed {options.seed}, {options.seconds} s each", flush=True)
    for target in options.targets or every:
        run = run_native if target in PROGRAMS else run_public
        commit = figures.commit()  # of the sources that are built now
        told = run(target, options.seconds, options.seed)
        bad = bad or bool(told.get("found"))
        print(f"{target:16}", json.dumps(told), flush=True)
        if options.record:
            figures.add(target, told, commit)
    if bad:
        print(f"findings in {BUILD / 'findings'}; minimise, then keep in fuzz/regress", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
