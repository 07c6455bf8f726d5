"""Write docs/conformance.md: what radkit decodes of the shared test files, and how exactly.

It needs the folder `shared` beside the project. `python tools/conformance.py`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
sys.path.insert(0, str(ROOT))

INTRO = """# Conformance

Made by `python tools/conformance.py`; never edited. The files are public test data that lie beside the project, not in it;
the tests `tests/pixels/test_pixels_reference.py` and `tests/codecs/test_conformance.py` hold the same comparisons.

## Transfer syntaxes

*equal*: shape, type and SHA-256 of the stored values are those that independent decoders agree on. *refused*: files that cannot
or must not be decoded, and give the typed error that says why.
"""

STREAMS = """
## JPEG 2000 and HTJ2K codestreams

Codestreams of ITU-T T.803 and of the open projects. *within*: every component is within its peak and mean-square tolerance.
*refused*: `CorruptPixelData` or `UnsupportedTransferSyntax`, no picture.
"""

PLANES = """
## Planes

`reformat(interpolation="linear", dtype="float32")` equals SimpleITK's `sitkLinear` on float images within 0.02 of a stored value
wherever both have data (`tests/mpr`, double-oblique planes of three series). Integer results are rounded to nearest, where SimpleITK cuts off.
"""


def syntaxes() -> str:
    """Return the table over `shared/data/syntaxes`."""
    from tests.reference import table

    from radkit.dicom.uids import SYNTAXES
    from radkit.errors import RadkitError

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    words = []
    entries = json.loads((SHARED / "syntaxes" / "manifest.json").read_text())["entries"]
    rows = {row.name: row for row in table.rows()}
    for entry in entries:
        uid = entry["transfer_syntax"]
        name = SYNTAXES[uid].title if uid in SYNTAXES else "not stated"
        row = rows.get(entry["file"])
        try:
            array = table.stored(SHARED / "syntaxes" / entry["file"])
        except RadkitError as error:
            counts[name]["wrongly refused" if row else "refused"] += 1
            if not row:
                words.append(f"| `{entry['file']}` | {type(error).__name__} | {error} |")
            continue
        if row is None:
            same = entry.get("sha256_if_read", entry.get("sha256")) == table.digest(array)
            counts[name]["equal" if same else "different"] += 1
            continue
        try:
            table.check(row, array)
            counts[name]["equal"] += 1
        except AssertionError:
            counts[name]["different"] += 1
    lines = [
        "| transfer syntax | files | equal | refused | different |",
        "|---|---:|---:|---:|---:|",
    ]
    total: Counter[str] = Counter()
    for name, found in counts.items():
        total += found
        lines.append(_line(name, found))
    lines.append(_line("**all**", total))
    lines += [
        "",
        "The files that are refused:",
        "",
        "| file | error | message |",
        "|---|---|---|",
        *words,
    ]
    return "\n".join(lines)


def _line(name: str, found: Counter[str]) -> str:
    wrong = found["different"] + found["wrongly refused"]
    return f"| {name} | {found.total()} | {found['equal']} | {found['refused']} | {wrong} |"


def _reference(part: dict[str, Any]) -> np.ndarray | None:
    """Return the reference samples of a component, None where only their hash is kept."""
    from radkit.codecs import jpeg2000

    folder = SHARED / "conformance"
    if str(part.get("reference", "")).endswith("npz"):
        return np.load(folder / part["reference"])[part["key"]]
    if not part["peak_tolerance"] or "reference_decode_of" not in part:
        return None
    lossless = (folder / part["reference_decode_of"]).read_bytes()
    return jpeg2000.decode(lossless, components=part["component"])


def _components(entry: dict[str, Any]) -> Iterator[str]:
    from radkit.codecs import jpeg2000

    data = (SHARED / "conformance" / entry["file"]).read_bytes()
    for part in entry["components"]:
        got = jpeg2000.decode(data, components=part["component"], reduce=entry["reduce"])
        wanted = _reference(part)
        if wanted is None:
            plain = got.astype(got.dtype.newbyteorder("<"))
            good = hashlib.sha256(plain.tobytes()).hexdigest() == part["reference_sha256"]
        else:
            error = np.abs(got.astype(np.int64) - wanted)
            good = bool(error.max() <= part["peak_tolerance"])
            good = good and (error.astype(float) ** 2).mean() <= part["mse_tolerance"]
        yield "within" if good else "outside"


def streams() -> str:
    """Return the table over `shared/data/conformance`."""
    from radkit.errors import RadkitError

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    words = []
    entries = json.loads((SHARED / "conformance" / "manifest.json").read_text())["entries"]
    for entry in entries:
        try:
            found = set(_components(entry))
            verdict = "within" if found == {"within"} else "outside"
        except RadkitError as error:
            verdict = "refused"
            words.append(f"`{Path(entry['file']).name}` ({error})")
        counts[entry["kind"].split(":")[0]][verdict] += 1
    lines = ["| kind | streams | within | outside | refused |", "|---|---:|---:|---:|---:|"]
    total: Counter[str] = Counter()
    for kind, found_in in sorted(counts.items()):
        total += found_in
        lines.append(_stream_line(kind, found_in))
    lines.append(_stream_line("**all**", total))
    return "\n".join(lines) + "\n\nRefused: " + "; ".join(words) + "."


def _stream_line(kind: str, found: Counter[str]) -> str:
    return f"| {kind} | {found.total()} | {found['within']} | {found['outside']} | {found['refused']} |"


def main() -> int:
    """Write the page, or say that the files are absent."""
    if not SHARED.is_dir():
        print("the shared test files are not there", file=sys.stderr)
        return 1
    page = "\n".join([INTRO, syntaxes(), STREAMS, streams(), PLANES])
    (ROOT / "docs" / "conformance.md").write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
