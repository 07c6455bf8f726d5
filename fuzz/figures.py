"""What fuzzing has reached: docs/fuzzing.json, which adds up, and docs/fuzzing.md, made of it.

`python -m fuzz.figures` writes the page; with --lines it first measures which lines of
the decoder the corpora reach, by llvm-cov. Findings are kept by hand in the file: date,
target, what, cause, commit that closed it, and the input that keeps it closed.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz import programs

__all__ = ["add", "commit"]

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "fuzzing.json"
PAGE = ROOT / "docs" / "fuzzing.md"
PIECE = 500  # inputs of one process that measures lines


def commit() -> str:
    """Return the commit of the tree, with a + if the sources differ from it."""
    word = ["git", "-C", str(ROOT)]
    name = subprocess.run(
        [*word, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    changed = subprocess.run([*word, "diff", "--quiet", "HEAD", "--", "src"], check=False)
    return f"{name or 'unknown'}{'+' if changed.returncode else ''}"


def update(change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file under a lock, so that runs side by side add up."""
    FILE.parent.mkdir(exist_ok=True)
    with open(FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        kept = json.loads(text) if text else {"targets": {}, "lines": {}, "findings": []}
        change(kept)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(kept, indent=1) + "\n")


def add(target: str, told: dict[str, Any], at: str) -> None:
    """Add a run of a target at a commit."""

    def change(kept: dict[str, Any]) -> None:
        entry = kept["targets"].setdefault(target, {"executions": 0, "cpu_s": 0.0, "commits": {}})
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        here = entry["commits"].setdefault(at, {"executions": 0, "cpu_s": 0.0})
        for part in (entry, here):
            part["executions"] += told.get("runs", 0)
            part["cpu_s"] = round(part["cpu_s"] + told.get("cpu_s", 0.0), 1)
        for name in ("edges", "corpus"):
            if name in told:
                entry[name] = here[name] = told[name]
        if told.get("found"):
            here["executions_since_finding"] = 0
        else:
            since = here.get("executions_since_finding", 0) + told.get("runs", 0)
            here["executions_since_finding"] = since
        entry["last"] = now

    update(change)


def _piece(program: Path, inputs: list[Path], raw: Path) -> None:
    line = [str(program), *map(str, inputs)]
    done = subprocess.run(
        line, capture_output=True, env={"LLVM_PROFILE_FILE": str(raw)}, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{program.name} does not survive its corpus: {done.stderr[-500:]!r}")


def measure(targets: list[str]) -> dict[str, list[int]]:
    """Return [lines reached, lines] of each source file, over the corpora of the targets."""
    work = programs.BUILD / "lines"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    built = []
    for target in targets:
        program = programs.build(target, "coverage")
        if program is None:
            raise SystemExit("line coverage needs clang and llvm-cov")
        built.append(program)
        inputs = sorted((ROOT / "fuzz" / "corpus" / target).iterdir())
        for first in range(0, len(inputs), PIECE):
            _piece(program, inputs[first : first + PIECE], work / f"{target}-{first}.profraw")
    merged = work / "all.profdata"
    raw = sorted(map(str, work.glob("*.profraw")))
    subprocess.run(["llvm-profdata", "merge", "-o", str(merged), *raw], check=True)
    line = ["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", str(built[0])]
    for program in built[1:]:
        line += ["-object", str(program)]
    told = subprocess.run(line, capture_output=True, text=True, check=True)
    files = json.loads(told.stdout)["data"][0]["files"]
    native = str(programs.NATIVE) + "/"
    return {
        file["filename"].removeprefix(native): [
            file["summary"]["lines"]["covered"],
            file["summary"]["lines"]["count"],
        ]
        for file in files
        if file["filename"].startswith(native)
    }


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}"


def target_rows(kept: dict[str, Any]) -> list[str]:
    rows = [
        "| target | executions | CPU hours | edges | corpus | findings |",
        "|---|---|---|---|---|---|",
    ]
    found = [finding["target"] for finding in kept["findings"]]
    for name, entry in kept["targets"].items():
        edges, corpus = entry.get("edges", "–"), entry.get("corpus", "–")
        rows.append(
            f"| `{name}` | {entry['executions']:,} | {hours(entry['cpu_s'])} | {edges} | {corpus} "
            f"| {found.count(name)} |"
        )
    total = sum(entry["executions"] for entry in kept["targets"].values())
    spent = sum(entry["cpu_s"] for entry in kept["targets"].values())
    return [*rows, f"| all | {total:,} | {hours(spent)} | | | {len(found)} |"]


def commit_rows(kept: dict[str, Any]) -> list[str]:
    rows = [
        "| commit | target | executions | CPU hours | edges | executions since the last finding |",
        "|---|---|---|---|---|---|",
    ]
    order: dict[str, list[str]] = {}
    for name, entry in kept["targets"].items():
        for at, here in entry["commits"].items():
            order.setdefault(at, []).append(
                f"| {at} | `{name}` | {here['executions']:,} | {hours(here['cpu_s'])} "
                f"| {here.get('edges', '–')} | {here['executions_since_finding']:,} |"
            )
    return [*rows, *(row for group in order.values() for row in group)]


def line_rows(kept: dict[str, Any]) -> list[str]:
    rows = ["| file | lines reached | lines | share |", "|---|---|---|---|"]
    for name, (reached, lines) in kept["lines"].get("files", {}).items():
        rows.append(f"| `{name}` | {reached} | {lines} | {100 * reached / max(lines, 1):.0f} % |")
    return rows


def finding_rows(kept: dict[str, Any]) -> list[str]:
    rows = ["| date | target | what | cause | closed by | kept as |", "|---|---|---|---|---|---|"]
    for finding in kept["findings"]:
        cells = (finding[name] for name in ("date", "target", "what", "cause", "closed", "kept"))
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def slowest(kept: dict[str, Any]) -> str:
    found = kept.get("slowest")
    if not found:
        return "Not measured yet."
    form = ", ".join(f"{name} {value}" for name, value in found["form"].items())
    return (
        f"`python -m fuzz.worst` tried {found['tried']:,} decodings at {found['commit']}; "
        f"the slowest took {found['seconds']} s of one processor: {found['bytes']:,} bytes "
        f"({form}), which ended in {found['outcome']}."
    )


def page(kept: dict[str, Any]) -> str:
    """Return the text of docs/fuzzing.md."""
    template = (ROOT / "fuzz" / "page.md").read_text()
    at = kept["lines"].get("commit", "no commit yet")
    for mark, rows in (
        ("TARGETS", target_rows(kept)),
        ("COMMITS", commit_rows(kept)),
        ("LINES", line_rows(kept)),
        ("FINDINGS", finding_rows(kept)),
    ):
        template = template.replace(f"<!-- {mark} -->", "\n".join(rows))
    template = template.replace("<!-- SLOWEST -->", slowest(kept))
    return template.replace("<!-- MEASURED -->", str(at))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", action="store_true", help="measure line coverage first")
    if parser.parse_args().lines:
        targets = [name for name in programs.PROGRAMS if name.startswith(("j2k", "t1", "ht"))]
        found = {"commit": commit(), "files": measure(targets)}
        update(lambda kept: kept.update(lines=found))
    PAGE.write_text(page(json.loads(FILE.read_text())))


if __name__ == "__main__":
    main()
