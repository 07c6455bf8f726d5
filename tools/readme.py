"""Write the generated parts of README.md: the table of transfer syntaxes and the measured table.

`python tools/readme.py` rewrites them; `--check` fails if they are not up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BENCH = ROOT / "benchmarks" / "results" / "table.md"


def syntaxes() -> str:
    """Return the transfer syntaxes that radkit decodes, as a table."""
    import radkit

    lines = [
        "| transfer syntax | name | UID | decode | encode | `reduce`, `layers` | by |",
        "|---|---|---|---|---|---|---|",
    ]
    for syntax in radkit.syntaxes():
        if not syntax.decode:
            continue
        partial = ", ".join(
            word for word, can in (("reduce", syntax.reduce), ("layers", syntax.layers)) if can
        )
        lines.append(
            f"| {syntax.title} | `{syntax.name}` | {syntax.uid} | yes | "
            f"{'yes' if syntax.encode else '–'} | {partial or '–'} | `{syntax.module}` |"
        )
    return "\n".join(lines)


def bench() -> str:
    """Return the table of the last full benchmark run."""
    return BENCH.read_text().strip()


def renewed(text: str) -> str:
    """Return the README with its generated parts made anew."""
    for name, make in (("syntaxes", syntaxes), ("bench", bench)):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        content = make()
        text, count = pattern.subn(lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text)
        if count != 1:
            raise SystemExit(f"README.md has {count} places for {name}, one is needed")
    return text


def main() -> int:
    """Renew the README, or say whether it is up to date."""
    old = README.read_text()
    new = renewed(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
