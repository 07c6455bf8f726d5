"""Measure `transcode_many` over workers and kinds of objects; write the figures of docs/archive.md.

    python tools/archive_figures.py            measure, write docs/archive.json, the plot, the page
    python tools/archive_figures.py --page     only the plot and the page, from the JSON

The petabyte is arithmetic: measured speeds and ratios, and assumptions that the page lists.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import radkit

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
FIGURES, PAGE = ROOT / "docs" / "archive.json", ROOT / "docs" / "archive.md"
PLOT = ROOT / "docs" / "images" / "archive-workers.png"
BEGIN, END = "<!-- figures: tools/archive_figures.py -->", "<!-- end of figures -->"
OBJECTS, RUNS = 400, 3
WORKERS = (1, 2, 4)
KINDS = {  # title: series, transfer syntax that it is brought into first
    "CT 512 x 512, uncompressed": ("ct-head-1mm", None),
    "CT, JPEG Lossless": ("ct-head-1mm", "jpeg-lossless"),
    "CT, JPEG 2000": ("ct-head-1mm", "jpeg2000-lossless"),
    "MR, uncompressed": ("mr-t1-oblique", None),
}

# What is not measured. Each is one line of the page.
WATT_PER_CORE = 8.0  # a server of 64 busy cores and 350 W, with cooling (factor 1.4)
CORES = 64  # of a machine
WATT_PER_TB = 1.6  # disks of 20 TB and 7 W, three copies, cooling (factor 1.4)
LINES_GBIT_S = (1.0, 10.0)
PETABYTE = 1e15


@contextlib.contextmanager
def study(series: str, syntax: str | None, objects: int) -> Iterator[Path]:
    """Give a folder with so many objects, copies of those of a series."""
    with tempfile.TemporaryDirectory(prefix="radkit-figures-") as place:
        source, folder = DATA / series, Path(place, "in")
        if syntax is not None:
            radkit.transcode_many(source, Path(place, "first"), syntax)
            source = Path(place, "first")
        folder.mkdir()
        slices = sorted(source.glob("*.dcm"))
        for number in range(objects):
            shutil.copy(slices[number % len(slices)], folder / f"{number:05d}.dcm")
        yield folder


def timed(folder: Path, engine: Any, workers: int) -> dict[str, float]:
    """Transcode a folder; return speed and ratio."""
    with tempfile.TemporaryDirectory(prefix="radkit-figures-") as out:
        began = time.perf_counter()
        report = radkit.transcode_many(folder, out, engine=engine, workers=workers)
        seconds = time.perf_counter() - began
    assert not report.failed and report.transcoded == len(report)
    return {
        "mb_per_s": report.bytes_in / seconds / 1e6,
        "objects_per_s": len(report) / seconds,
        "ratio": report.bytes_in / report.bytes_out,
        "bytes": report.bytes_in / len(report),
    }


def median(folder: Path, engine: Any, workers: int) -> dict[str, float]:
    """Return the median of some runs, after one that is not counted."""
    timed(folder, engine, workers)
    runs = [timed(folder, engine, workers) for _ in range(RUNS)]
    return {name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]}


def over_workers(folder: Path) -> list[dict[str, Any]]:
    """Measure all engines with few and many workers."""
    found = []
    for workers in WORKERS:
        for engine in ("threads", "processes"):
            found.append({"engine": engine, "workers": workers, **median(folder, engine, workers)})
        with _cluster(workers):
            found.append({"engine": "dask", "workers": workers, **median(folder, "dask", workers)})
        print(*found[-3:], sep="\n", flush=True)
    return found


@contextlib.contextmanager
def _cluster(workers: int) -> Iterator[None]:
    """Be the client of a cluster that is already there: its start is not measured."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield


def measure() -> dict[str, Any]:
    """Measure everything."""
    with study(*KINDS["CT 512 x 512, uncompressed"], OBJECTS) as folder:
        scaling = over_workers(folder)
    kinds = {}
    for title, (series, syntax) in KINDS.items():
        with study(series, syntax, OBJECTS // 2) as folder:
            kinds[title] = median(folder, "threads", 1)
        print(title, kinds[title], flush=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "objects": OBJECTS,
        "workers": scaling,
        "kinds": kinds,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def petabyte(kind: dict[str, float]) -> dict[str, float]:
    """Do the arithmetic for a petabyte of one kind of objects."""
    core_hours = PETABYTE / (kind["mb_per_s"] * 1e6) / 3600
    left = PETABYTE / kind["ratio"]
    saved_tb = (PETABYTE - left) / 1e12
    return {
        "objects": PETABYTE / kind["bytes"],
        "core_hours": core_hours,
        "machine_days": core_hours / CORES / 24,
        "kwh": core_hours * WATT_PER_CORE / 1000,
        "left_tb": left / 1e12,
        "saved_tb": saved_tb,
        "saved_kwh_a_year": saved_tb * WATT_PER_TB * 24 * 365 / 1000,
        **{f"days_{line:.0f}": saved_tb * 8e12 / (line * 1e9) / 86400 for line in LINES_GBIT_S},
    }


def page(figures: dict[str, Any]) -> str:
    """Return the part of the page that is made from the figures."""
    lines = [
        f"Measured on {figures['date']} at `{figures['commit']}`, {figures['machine']}; medians of"
        f" {RUNS} runs over {figures['objects']} CT slices from folder to folder on one disk, every"
        " result verified and fsynced, the ledger kept. The cluster was started before.",
        "",
        "| workers | threads | processes | Dask |",
        "|---|---|---|---|",
    ]
    for workers in WORKERS:
        speeds = {one["engine"]: one for one in figures["workers"] if one["workers"] == workers}
        cells = (speeds[engine] for engine in ("threads", "processes", "dask"))
        told = (
            f"{one['mb_per_s']:.0f} MB/s, {one['objects_per_s']:.0f} objects/s" for one in cells
        )
        lines.append(f"| {workers} | {' | '.join(told)} |")
    lines += ["", "![throughput over workers](images/archive-workers.png)", ""]
    lines += _petabyte_lines(figures["kinds"])
    return "\n".join(lines)


def _petabyte_lines(kinds: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "### A petabyte",
        "",
        "To HTJ2K lossless RPCL, verified, one thread for each object:",
        "",
        "| a petabyte of | speed of a core | ratio | objects | core-hours | machine-days |"
        " left | saved | work | saved a year | transfer saved, 1 / 10 Gbit/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for title, kind in kinds.items():
        one = petabyte(kind)
        lines.append(
            f"| {title} | {kind['mb_per_s']:.0f} MB/s | {kind['ratio']:.2f} |"
            f" {one['objects'] / 1e6:,.0f} million | {one['core_hours']:,.0f} |"
            f" {one['machine_days']:.1f} | {one['left_tb']:.0f} TB | {one['saved_tb']:.0f} TB |"
            f" {one['kwh']:,.0f} kWh | {one['saved_kwh_a_year']:,.0f} kWh |"
            f" {one['days_1']:.0f} / {one['days_10']:.1f} days |"
        )
    return [
        *lines,
        "",
        "Assumed, not measured:",
        "",
        f"- a busy core takes {WATT_PER_CORE:g} W (a server of {CORES} cores and 350 W, 1.4 for"
        f" cooling); a machine has {CORES} cores that scale as two do here, and disks that keep up"
        " (a core reads and writes what the second column says);",
        f"- a stored terabyte takes {WATT_PER_TB:g} W (disks of 20 TB and 7 W, three copies, 1.4"
        " for cooling);",
        "- sizes and ratios are those of the series of our data (1 PB = 10^15 bytes); archives"
        " differ, so run a sample of yours first: `radkit transcode SAMPLE -o sample-out --json`.",
    ]


def plot(figures: dict[str, Any]) -> None:
    """Draw speed over workers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=120)
    for engine, mark in (("threads", "o"), ("processes", "s"), ("dask", "^")):
        some = [one for one in figures["workers"] if one["engine"] == engine]
        axes.plot(
            [one["workers"] for one in some],
            [one["mb_per_s"] for one in some],
            marker=mark,
            label=engine,
        )
    one = next(iter(figures["workers"]))["mb_per_s"]
    cores = os.cpu_count() or 1
    axes.plot([1, cores], [one, one * cores], color="grey", linestyle=":", label="in proportion")
    axes.set_xlabel("workers")
    axes.set_ylabel("MB/s of sources")
    axes.set_xticks(WORKERS)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.set_title(f"CT to HTJ2K, verified, {cores} cores")
    picture.tight_layout()
    picture.savefig(PLOT)


def main() -> None:
    """Measure, and write what the page shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="do not measure")
    if not parser.parse_args().page:
        FIGURES.write_text(json.dumps(measure(), indent=1) + "\n")
    figures = json.loads(FIGURES.read_text())
    plot(figures)
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{page(figures)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
