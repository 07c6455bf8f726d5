"""Write docs/bad-input.md, radkit's column only, and locally what other libraries do.

`tools/bad_table.py` runs every row of tests/bad through radkit and writes the
page. `--peers` also runs pydicom, GDCM, SimpleITK and imagecodecs, each file in
a child process with a limit of time and address space, and writes
`.cache/bad-peers.md`. That file stays local: what it says of others is told to
their maintainers first.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.bad.make import MODULES, ROWS, Row  # noqa: E402
from tests.bad.run import attempt  # noqa: E402

PAGE = ROOT / "docs" / "bad-input.md"
LOCAL = ROOT / ".cache" / "bad-peers.md"
SECONDS, GIBIBYTES = 20, 8
INTRO = """# Bad input

Every row is a file that `tests/bad` makes by code (`python -m tests.bad.make FOLDER` writes them),
run by `tests/test_bad_input.py` through every entry point: the named error and no other, in time,
within a limit of memory, without a patient's value in the message, and with nothing written.
"decodes" means that the samples are all there; the fault is listed by `inspect` or in
`corrections`.
Files and folders that are the fault themselves (a directory, no permission, a full disk, an
instance UID of `..`) are tests of the same file.

This page is made by `tools/bad_table.py`; the messages are those of radkit {version}.
"""

PEERS = {
    "pydicom": "import sys, pydicom\na = pydicom.dcmread(sys.argv[1], force=False).pixel_array",
    "python-gdcm": """
import sys, gdcm
r = gdcm.ImageReader(); r.SetFileName(sys.argv[1])
if not r.Read(): raise SystemExit("not read")
b = r.GetImage().GetBuffer()
if not b: raise SystemExit("no buffer")
""",
    "SimpleITK": "import sys, SimpleITK\na = SimpleITK.ReadImage(sys.argv[1])",
    "imagecodecs": """
import io, sys, imagecodecs, pydicom
from pydicom.encaps import generate_fragments, parse_basic_offsets
d = pydicom.dcmread(sys.argv[1])
call = {"1.2.840.10008.1.2.4.50": imagecodecs.jpeg8_decode,
        "1.2.840.10008.1.2.4.70": imagecodecs.jpeg8_decode,
        "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,
        "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_decode,
        "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_decode,
        "1.2.840.10008.1.2.4.110": imagecodecs.jpegxl_decode,
        "1.2.840.10008.1.2.5": lambda x: imagecodecs.dicomrle_decode(x, "<u2"),
        }.get(d.file_meta.get("TransferSyntaxUID"))
if call is None: print("not applicable"); raise SystemExit(0)
pixels = io.BytesIO(d.PixelData); parse_basic_offsets(pixels)
call(next(generate_fragments(pixels)))  # it gets the first frame only
""",
}


def cell(text: str) -> str:
    """Return text that fits a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def expected(row: Row) -> str:
    """Return what the table promises."""
    names = [name or "decodes, problem listed" for name in row.error.split("|")]
    return " or ".join(names)


def page() -> str:
    """Return docs/bad-input.md, from a run of every row."""
    version = importlib.metadata.version("radkit")
    out = [INTRO.format(version=version)]
    for module in MODULES:
        title = (module.__doc__ or "").split("\n")[0].removeprefix("Rows about ").rstrip(".")
        rows = [row for row in ROWS.values() if row.make.__module__ == module.__name__]
        out += [f"## {title[:1].upper()}{title[1:]} ({len(rows)} rows)", ""]
        out += ["| file | what is wrong | by | gives | it says |", "|---|---|---|---|---|"]
        for row in rows:
            done = attempt(row)
            got = done.error or "decodes"
            said = cell(done.said)
            said = said if len(said) <= 300 else said[:297] + "..."
            rule = f"`{row.name}` | {cell(row.wrong)} | {row.rule}"
            out.append(f"| {rule} | {got} | {said} |")
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def limited() -> None:
    """Bound the child, and keep it from writing a core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES << 30, GIBIBYTES << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def peer_says(code: str, path: Path) -> str:
    """Return what one library does with one file: picture, error, death, hang."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=env,
            preexec_fn=limited,
        )
    except subprocess.TimeoutExpired:
        return f"**hangs** (> {SECONDS} s)"
    if done.returncode < 0:
        return f"**dies** (signal {-done.returncode})"
    if done.returncode == 0:
        return "not applicable" if b"not applicable" in done.stdout else "picture"
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "error: " + (cell(lines[-1])[:90] if lines else "no text")


def peers(names: list[str]) -> str:
    """Return the local comparison."""
    versions = ", ".join(f"{peer} {importlib.metadata.version(peer)}" for peer in PEERS)
    out = [
        "# The same files, other libraries (local: not to be published, maintainers first)",
        "",
        f"{versions}; a child process each, {GIBIBYTES} GiB, {SECONDS} s.",
        "",
        "| file | wrong | radkit | " + " | ".join(PEERS) + " |",
        "|---|---|---|" + "---|" * len(PEERS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name in names or ROWS:
            row = ROWS[name]
            path = Path(folder) / name
            path.write_bytes(row.make())
            own = attempt(row).error or "decodes"
            told = [peer_says(code, path) for code in PEERS.values()]
            out.append("| " + " | ".join([name, cell(row.wrong), own, *told]) + " |")
            print(out[-1], flush=True)
            path.unlink()
    return "\n".join(out) + "\n"


def main() -> int:
    """Write the page; with --check, only say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", nargs="*", metavar="ROW", help="also run the other libraries")
    parser.add_argument("--check", action="store_true", help="fail if the page is out of date")
    options = parser.parse_args()
    text = page()
    if options.check:
        return int(not PAGE.exists() or PAGE.read_text() != text)
    PAGE.write_text(text)
    if options.peers is not None:
        LOCAL.parent.mkdir(exist_ok=True)
        with contextlib.suppress(KeyboardInterrupt):
            LOCAL.write_text(peers(options.peers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
