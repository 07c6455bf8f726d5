"""The table of ratios, made from the JSON of a run: `python -m benchmarks.table [results.json]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.rows import ROWS

__all__ = ["RESULTS", "markdown", "plain", "rows_of"]

RESULTS = Path(__file__).parent / "results" / "rows.json"
HEAD = ("row", "peer", "peer / radkit", "spread", "target", "C only", "peer ms", "radkit ms")


def rows_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the recorded rows, in the order of `benchmarks.rows`."""
    order = {name: i for i, name in enumerate(ROWS)}
    infos = [b["extra_info"] for b in results["benchmarks"] if "ratio" in b["extra_info"]]
    return sorted(infos, key=lambda info: order.get(info["row"].split("@")[0], len(order)))


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def cells(info: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of one row; a unit other than ms is written with the figures."""
    unit = f" {info['unit']}" if "unit" in info else ""
    target = info.get("target")
    spread = f"{number(info['ratio_min'])}-{number(info['ratio_max'])}"
    return (
        info["row"],
        " ".join(filter(None, (info["peer"], info["peer_version"]))),
        f"{number(info['ratio'])}x",
        spread + (" restless" if info.get("restless") else ""),
        "" if target is None else f"{target:g}x" + ("" if info["ratio"] >= target else " missed"),
        f"{number(info['ratio_c'])}x" if "ratio_c" in info else "",
        number(info["peer_ms"]) + unit,
        number(info["radkit_ms"]) + unit,
    )


def plain(results: dict[str, Any]) -> str:
    """Return the table for a terminal."""
    lines = [HEAD, *map(cells, rows_of(results))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            text.ljust(w) if i < 2 else text.rjust(w)
            for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(results: dict[str, Any]) -> str:
    """Return the table for the README, with what is needed to judge it."""
    run = results["radkit"]
    out = [
        f"Commit {run['commit'][:12]}, {run['date'][:10]}, {run['cpu']} ({run['cores']} cores), "
        f"Python {run['python']}, NumPy {run['versions'].get('numpy', '?')}, instruction set "
        f"{run['instructions']}. One thread on one core, alternating rounds in one process; "
        "the figure is the median over the rounds of peer time / radkit time, above 1 = radkit "
        "is faster; the spread is the smallest and largest round; C only is the figure of the "
        "same rounds without vector instructions (RADKIT_CPU=c). Made by `python -m "
        "benchmarks.table`; never edited.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|---|---|" + "---:|" * (len(HEAD) - 2),
    ]
    out += ["| " + " | ".join(cells(info)) + " |" for info in rows_of(results)]
    notes = [f"`{info['row']}`: {info['work']}" for info in rows_of(results)]
    if any("@stand-in" in info["row"] for info in rows_of(results)):
        notes.append("`@stand-in`: synthetic frames, where the real ones are not at hand")
    return "\n".join([*out, "", "Work: " + " · ".join(notes) + ".", ""])


def main(path: Path = RESULTS) -> None:
    """Write table.md beside the results."""
    results = json.loads(path.read_text())
    path.with_name("table.md").write_text(markdown(results))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
