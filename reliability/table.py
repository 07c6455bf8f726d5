"""The figures of reliability: what was reached beside what is aimed at, and the page of them.

Nothing is typed in: a figure comes from docs/reliability.json, docs/fuzzing.json, the page of
conformance, or the table of bad input. What was not measured is a dash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reliability import record
from reliability.told import ROOT, import_tests

__all__ = ["PAGE", "lines", "page", "write"]

PAGE = ROOT / "docs" / "reliability.md"
TEMPLATE = ROOT / "reliability" / "page.md"
NONE = "-"
MIB = 1 << 20


@dataclass(frozen=True)
class Kept:
    """All that figures are taken from."""

    campaigns: dict[str, Any]
    fuzzing: dict[str, Any]
    conformance: str

    @staticmethod
    def read() -> Kept:
        """Read the files of this tree."""
        docs = ROOT / "docs"
        fuzzing = json.loads((docs / "fuzzing.json").read_text())
        campaigns = record.load()["campaigns"]
        return Kept(campaigns, fuzzing, (docs / "conformance.md").read_text())

    def count(self, campaign: str, name: str) -> int:
        """Return what has added up."""
        return int(self.campaigns.get(campaign, {}).get("counts", {}).get(name, 0))

    def most(self, campaign: str, name: str) -> float | None:
        """Return the largest value of all runs."""
        value = self.campaigns.get(campaign, {}).get("most", {}).get(name)
        return None if value is None else float(value)

    def fact(self, campaign: str, name: str) -> Any:
        """Return a fact of the last run."""
        return self.campaigns.get(campaign, {}).get("facts", {}).get(name)


def many(number: float | None, what: str) -> str:
    """Say a number of things; a dash for none."""
    return f"{number:,.0f} {what}" if number else NONE


def joined(*parts: str) -> str:
    """Join what was measured."""
    return "; ".join(part for part in parts if part != NONE) or NONE


def _targets(kept: Kept) -> str:
    return many(len(kept.fuzzing["targets"]), "targets")


def _executions(kept: Kept) -> str:
    targets = kept.fuzzing["targets"].values()
    runs = [entry["executions"] for entry in targets]
    if not runs:
        return NONE
    hours = sum(entry["cpu_s"] for entry in targets) / 3600
    return (
        f"{min(runs):,} to {max(runs):,} of a target, {sum(runs):,} in all; {hours:.2f} CPU hours"
    )


def _findings(kept: Kept) -> str:
    found = kept.fuzzing["findings"]
    still = [finding for finding in found if not finding.get("closed")]
    since = 0
    for entry in kept.fuzzing["targets"].values():
        since += list(entry["commits"].values())[-1].get("executions_since_finding", 0)
    return f"{len(still)} of {len(found)} open; {since:,} executions since"


def _conformance(kept: Kept) -> str:
    row = re.search(
        r"^\| \*\*all\*\* \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", kept.conformance, re.M
    )
    if row is None:
        return NONE
    files, equal, refused, different = row.groups()
    return f"{files} files: {equal} equal, {refused} refused, {different} different"


def _worst(kept: Kept) -> str:
    found = kept.fuzzing.get("slowest")
    return f"{found['seconds']} s for {found['bytes']:,} bytes" if found else NONE


def _bad_rows(kept: Kept) -> str:
    import_tests()
    from tests.bad.make import ROWS

    return many(len(ROWS), "rows")


def _memory(kept: Kept, campaign: str, name: str, what: str) -> str:
    grown = kept.fact(campaign, "grown_bytes")
    if grown is None:
        return NONE
    run = kept.fact(campaign, "of") or 0
    return f"{many(kept.count(campaign, name), what)}; the last {run:,} left {grown / MIB:+.1f} MiB"


def _bombs(kept: Kept) -> str:
    slow, large = kept.most("bombs", "worst_ms"), kept.most("bombs", "worst_mib")
    if slow is None or large is None:
        return NONE
    inputs = many(kept.fact("bombs", "inputs"), "inputs")
    return f"{inputs}; worst {slow:.0f} ms, {large:.0f} MiB beside the picture"


def _swept(campaign: str) -> Callable[[Kept], str]:
    def told(kept: Kept) -> str:
        same, new = kept.most(campaign, "decodes of these") or 0, kept.count(campaign, "decodes")
        inputs = (kept.most(campaign, "whole") or 0) + kept.count(campaign, "inputs")
        return joined(many(same + new, "decodes"), many(inputs, "inputs whole"))

    return told


def _network(kept: Kept) -> str:
    parts = [many(kept.count("network", name), name) for name in ("cuts", "stalls", "halves")]
    lossy = many(kept.count("network", "objects over lossy lines"), "objects over lossy lines")
    return joined(*parts, lossy)


def _kills(kept: Kept) -> str:
    gate = many(kept.count("gateway-kills", "kills"), "of the gateway")
    return joined(many(kept.count("kills", "kills"), "of transcode_many"), gate)


def _fields(kept: Kept) -> str:
    return joined(
        many(kept.count("fields", "markers"), "of markers"),
        many(kept.count("fields", "group 0028"), "of group 0028"),
        many(kept.count("fields", "pairs"), "pairs"),
    )


def _kernels(kept: Kept) -> str:
    equal, of = kept.most("kernels", "variants equal"), kept.fact("kernels", "variants")
    if not equal or not of:
        return NONE
    seeds = many(kept.count("kernels", "variants, each seed"), "comparisons of one with a seed")
    return f"{equal:.0f} of {of} variants; {seeds}"


def _counted(campaign: str, name: str, what: str) -> Callable[[Kept], str]:
    return lambda kept: many(kept.count(campaign, name), what)


@dataclass(frozen=True)
class Row:
    """A figure: what it is, how it is reached, what is aimed at, how it is measured."""

    figure: str
    reached: Callable[[Kept], str]
    first: str
    later: str
    how: str


ROWS = (
    Row("fuzz targets", _targets, "12", "20", "[fuzzing.md](fuzzing.md)"),
    Row("executions of a target", _executions, "10^8, 24 h", "10^9, 200 h", "`fuzz/run.py`"),
    Row(
        "findings of fuzzing", _findings, "0 open; 10^7", "0 open; 10^8", "[fuzzing.md](fuzzing.md)"
    ),
    Row(
        "prefixes",
        _swept("prefixes"),
        "200,000, 40 inputs",
        "200 inputs",
        "`prefixes`",
    ),
    Row(
        "bit flips",
        _swept("flips"),
        "500,000, 20 inputs",
        "100 inputs",
        "`flips`",
    ),
    Row("header fields", _fields, "each, 5 values", "+ pairs", "`fields`"),
    Row(
        "radkit = OpenJPEG = OpenJPH",
        _counted("differential", "images", "images"),
        "5,000",
        "20,000",
        "`differential`",
    ),
    Row("conformance", _conformance, "class 1", "+ encoder", "[conformance.md](conformance.md)"),
    Row(
        "kernel equality",
        _kernels,
        "all variants, 10^6 blocks",
        "+ mutants",
        "`make kernels`",
    ),
    Row(
        "allocation failures",
        _counted("allocations", "injections", "injections"),
        "5,000",
        "50,000",
        "`allocations`",
    ),
    Row(
        "I/O failures",
        _counted("io-faults", "injections", "injections"),
        "2,000",
        "20,000",
        "`io-faults`",
    ),
    Row("kills", _kills, "1,000", "10,000", "`kills`, `gateway-kills`"),
    Row("network", _network, "each PDU of 3 dialogues", "+ slow-loris, TLS", "`network`"),
    Row(
        "refused associations",
        lambda kept: _memory(kept, "associations", "refused", "refused"),
        "10^5, flat",
        "",
        "`associations`",
    ),
    Row("bombs", _bombs, "15, 100 ms, 64 MiB", "30", "`bombs`"),
    Row("slowest input", _worst, "5 s", "2 s", "`fuzz/worst.py`"),
    Row(
        "leaks",
        lambda kept: _memory(kept, "soak", "decodes", "decodes"),
        "10^5, ± 2 MiB",
        "10^7",
        "`soak`",
    ),
    Row(
        "determinism",
        _counted("determinism", "hashes", "hashes, all as they should be"),
        "1 to 16 threads, all sets",
        "+ arm64",
        "`determinism`",
    ),
    Row("bad-input table", _bad_rows, "80", "250", "[bad-input.md](bad-input.md)"),
    Row(
        "verification",
        _counted("verification", "objects", "objects"),
        "10^5",
        "10^6",
        "`verification`",
    ),
    Row("coverage", lambda kept: NONE, "90 % of lines", "95 % of branches", ""),
)


def found_of(kept: Kept) -> list[tuple[str, str, str]]:
    """Return (campaign, commit, fault) of the latest commit of each campaign."""
    found = []
    for name, entry in kept.campaigns.items():
        for at, here in entry.get("commits", {}).items():
            found += [(name, at, text) for text in here.get("found", [])]
    return found


def lines() -> str:
    """Return the table as text for a terminal."""
    kept = Kept.read()
    rows = [(row.figure, row.reached(kept), row.first, row.later) for row in ROWS]
    head = ("figure", "reached", "aim of 0.1", "aim of 1.0")
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(4)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *rows]]  # fmt: skip
    return "\n".join(text)


def figure_rows(kept: Kept) -> list[str]:
    """Return the table of figures in Markdown."""
    made = ["| figure | reached | aim of 0.1 | aim of 1.0 | by |", "|---|---|---|---|---|"]
    for row in ROWS:
        made.append(
            f"| {row.figure} | {row.reached(kept)} | {row.first} | {row.later} | {row.how} |"
        )
    return made


def run_rows(kept: Kept) -> list[str]:
    """Return what each campaign counted, where and when."""
    made = ["| campaign | counted | CPU or wall s | last run | machine |", "|---|---|---|---|---|"]
    for name, entry in sorted(kept.campaigns.items()):
        counted = ", ".join(f"{key}: {value:,}" for key, value in sorted(entry["counts"].items()))
        made.append(
            f"| `{name}` | {counted} | {entry['seconds']:,.0f} | {entry['last'][:10]} "
            f"| {entry['machine']} |"
        )
    return made


def fault_rows(kept: Kept) -> list[str]:
    """Return what runs have found, by commit, and what is known of it."""
    made = ["| campaign | at commit | fault |", "|---|---|---|"]
    made += [f"| `{name}` | {at} | {text.replace('|', ' ')} |" for name, at, text in found_of(kept)]
    return made


def finding_rows() -> list[str]:
    """Return the faults that were understood."""
    made = ["| date | campaign | what | cause | closed by | kept as |", "|---|---|---|---|---|---|"]
    for one in record.load()["findings"]:
        cells = (one[name] for name in ("date", "campaign", "what", "cause", "closed", "kept"))
        made.append(f"| {' | '.join(cells)} |")
    return made


def page() -> str:
    """Return the text of docs/reliability.md."""
    kept = Kept.read()
    text = TEMPLATE.read_text()
    for mark, rows in (
        ("FIGURES", figure_rows(kept)),
        ("RUNS", run_rows(kept)),
        ("FAULTS", fault_rows(kept)),
        ("FINDINGS", finding_rows()),
    ):
        text = text.replace(f"<!-- {mark} -->", "\n".join(rows))
    return text


def write() -> None:
    """Write the page."""
    PAGE.write_text(page())
