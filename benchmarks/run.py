"""Run the benchmarks and print one table of ratios.

`python -m benchmarks.run [--quick] [--rows ROW ...]`

A full run writes `benchmarks/results/rows.json` and `table.md`; a run of some
rows replaces those rows; a quick run (the smoke of CI) writes under `.cache`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.rows import ROWS

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
ONE_THREAD = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PACKAGES = (
    "radkit",
    "numpy",
    "pydicom",
    "imagecodecs",
    "pylibjpeg-openjpeg",
    "pylibjpeg-libjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "python-gdcm",
    "SimpleITK",
    "vtk",
    "Glymur",
)


def cpu_name() -> str:
    """Return the model of the processor, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def governor() -> str:
    """Return the frequency governor, or "unknown" on a machine that does not tell."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return "unknown"


def git(*words: str) -> str:
    """Return what git says, or "unknown" outside a repository."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def circumstances() -> dict[str, Any]:
    """Return what is needed to judge the figures; no host name, no user."""
    from radkit._native import cpu

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    names = {0: "C", cpu.AVX2: "AVX2", cpu.AVX2 | cpu.AVX512: "AVX-512", cpu.NEON: "NEON"}
    return {
        "commit": git("rev-parse", "HEAD"),
        "changed": bool(git("status", "--porcelain", "--untracked-files=no", "src")),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "governor": governor(),
        "instructions": names.get(cpu.USE, str(cpu.USE)),
        "python": platform.python_version(),
        "versions": versions,
    }


def measure(rows: list[str], *, quick: bool) -> tuple[int, list[dict[str, Any]]]:
    """Run pytest-benchmark; return its exit code and the trimmed entries of its JSON."""
    CACHE.mkdir(parents=True, exist_ok=True)
    raw = CACHE / "raw.json"
    raw.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:cacheprovider"]
    # A row that fails has not used its fixture; one message is enough.
    command += ["-W", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning"]
    command += ["--benchmark-quiet", f"--benchmark-json={raw}", "--no-header", "-rs"]
    command += ["--quick"] * quick + [f"--rows={','.join(rows)}"] * bool(rows)
    env = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    if not raw.exists() or not raw.stat().st_size:
        return code or 1, []
    entries = []
    for entry in json.loads(raw.read_text())["benchmarks"]:
        stats = {k: entry["stats"][k] for k in ("min", "max", "median", "rounds")}
        info = entry["extra_info"]
        entries.append({"name": entry["name"], "stats": stats, "extra_info": info})
    return code, entries


def spread(entry: dict[str, Any]) -> float:
    """Return the largest ratio over the smallest."""
    info = entry["extra_info"]
    return float(info["ratio_max"] / info["ratio_min"]) if info.get("ratio_min") else 0.0


def replaced(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `old` with the entries of `new` in the place of their namesakes."""
    by_name = {entry["name"]: entry for entry in old}
    by_name.update({entry["name"]: entry for entry in new})
    return list(by_name.values())


def main(argv: list[str] | None = None) -> int:
    """Measure, repeat what was restless, write and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of less than a minute")
    parser.add_argument("--rows", nargs="+", default=[], metavar="ROW", choices=ROWS)
    options = parser.parse_args(argv)
    code, entries = measure(options.rows, quick=options.quick)
    if not options.quick:
        restless = [e for e in entries if e["extra_info"].get("restless")]
        if restless:
            names = [e["extra_info"]["row"].split("@")[0] for e in restless]
            again, repeated = measure(names, quick=False)
            code = code or again
            first = {e["name"]: e for e in restless}
            calmer = [e for e in repeated if spread(e) < spread(first.get(e["name"], e))]
            entries = replaced(entries, calmer)
    if not entries:
        return code or 1
    path = CACHE / "quick.json" if options.quick else table.RESULTS
    if options.rows and path.exists():
        entries = replaced(json.loads(path.read_text())["benchmarks"], entries)
    now = circumstances()
    for entry in entries:
        entry["extra_info"].setdefault("commit", now["commit"])
        entry["extra_info"].setdefault("date", now["date"])
    results = {"radkit": now, "benchmarks": entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    table.main(path)
    print(table.plain(results))
    return code


if __name__ == "__main__":
    sys.exit(main())
