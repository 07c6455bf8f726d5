#!/usr/bin/env python
"""Writes the tables of docs/preview.md: what few bytes show, by modality, and a real line.

    python tools/preview_figures.py [--data ../shared/data] [--link]

Bytes and similarities do not depend on the machine; `--link` measures times over a socket
on loopback, shaped to the rates of slow lines, and is run on a quiet machine.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom

import radkit
from radkit import preview
from radkit.pixels.resize import resize
from radkit.preview.quality import Quality, compare

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "preview.md"
CASES: tuple[tuple[str, str, object], ...] = (
    ("CT head phantom", "ct-head-1mm", "header"),
    ("CT head, brain window", "ct-ge-tilt-variable", (40, 100)),
    ("MR T1", "mr-t1-oblique", "auto"),
    ("CR", "syntaxes/j2k_lossy_cr15.dcm", "header"),
    ("US, colour", "syntaxes/j2k_us_rct.dcm", "header"),
    ("XA", "syntaxes/jpeg_lossless_xa_12frames.dcm", "header"),
    ("PET slice", "syntaxes/jpeg_lossless_pet.dcm", "auto"),
    ("NM frame", "syntaxes/jpeg_lossless_nm1.dcm", "auto"),
    ("MG (lossy copy)", "syntaxes/j2k_lossy_mg12.dcm", "header"),
)
SHARES = (0.01, 0.02, 0.05, 0.10)
GOOD = 0.9
RATES = (1000, 4000, 10000, 50000)


def one_object(data: Path, name: str) -> Path:
    path = data / name
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    return paths[len(paths) // 2]


class Case:
    """A frame, its lossless HTJ2K codestream, and how it looks in its window."""

    def __init__(self, source: Path, window: object) -> None:
        self.source, self.window = source, window
        frames = radkit.inspect(source).shape[0]
        lossless = radkit.transcode(source, None, "explicit-le", verify=False).data
        coded = radkit.transcode(lossless, None, "htj2k-lossless-rpcl", verify=False).data
        assert lossless is not None and coded is not None
        self.lossless = lossless
        self.frame = frames // 2
        self.array = radkit.decode(lossless, frames=self.frame)
        self.remote = preview.open_sidecar(preview.sidecar(coded), lambda o, n: coded[o : o + n])
        self.cuts = self.remote.index.frames[self.frame].cuts
        self.right = self.remote.render(self.frame, window=window)

    @property
    def size(self) -> int:
        return self.cuts[-1].size

    def prefix(self, size: int) -> Quality:
        shown = self.remote.render(self.frame, window=self.window, max_bytes=size)
        return compare(shown, self.right)

    def windowed(self, size: int) -> Quality:
        made = preview.windowed(self.source, max_bytes=size, frame=self.frame, window=self.window)
        return compare(made.samples, self.right)

    def jpeg2000(self, size: int) -> Quality:
        """Imagecodecs' lossy JPEG 2000 of the full range, as a service codes it today."""
        low, high = 1.0, 200.0
        data = b""
        for _ in range(12 if self.array.size < 1 << 22 else 5):
            level = (low + high) / 2
            data = imagecodecs.jpeg2k_encode(self.array, level=level, codecformat="j2k")
            low, high = (level, high) if len(data) < size else (low, level)
        array = imagecodecs.jpeg2k_decode(data)
        return compare(self.draw(array), self.right)

    def thumbnail(self) -> tuple[int, Quality]:
        """Enlarge a JPEG of 256 pixels, as lies beside many a file."""
        rows, cols = self.right.shape[:2]
        scale = 256 / max(rows, cols)
        small = resize(self.right, (max(1, round(rows * scale)), max(1, round(cols * scale))))
        data = preview.encode_picture(small, "jpeg")
        shown = imagecodecs.jpeg8_decode(data)
        return len(data), compare(resize(shown, (rows, cols)), self.right)

    def draw(self, array: np.ndarray) -> np.ndarray:
        """Draw stored values as the header says: a native copy of the object with them."""
        ds = pydicom.dcmread(io.BytesIO(self.lossless))
        ds.NumberOfFrames = 1
        ds.PixelData = np.ascontiguousarray(array).astype(self.array.dtype).tobytes()
        file = io.BytesIO()
        ds.save_as(file)
        return radkit.render(file.getvalue(), window=self.window)


def rows_of(data: Path) -> Iterator[str]:
    for title, name, window in CASES:
        case = Case(one_object(data, name), window)
        yield row_of(title, case)


def row_of(title: str, case: Case) -> str:
    first = next((cut.size for cut in case.cuts if case.prefix(cut.size).ssim >= GOOD), case.size)
    cells = [title, f"{case.size}", f"{first} ({100 * first / case.size:.1f} %)"]
    for share in SHARES:
        size = max(700, int(share * case.size))
        cells.append(
            " / ".join(
                f"{made.ssim:.2f}"
                for made in (case.prefix(size), case.windowed(size), case.jpeg2000(size))
            )
        )
    size, made = case.thumbnail()
    cells.append(f"{size}: {made.ssim:.2f}")
    return f"| {' | '.join(cells)} |"


def few_bytes(data: Path) -> str:
    shares = " | ".join(f"{100 * share:g} %" for share in SHARES)
    head = f"| frame | lossless, bytes | SSIM >= {GOOD} after | {shares} | JPEG of 256 pixels |"
    return "\n".join([head, "|---" * (4 + len(SHARES)) + "|", *rows_of(data)])


def over_a_line(data: Path) -> str:
    sys.path.insert(0, str(ROOT / "tests" / "preview"))
    from lineserver import serve, stream

    paths = sorted((data / "ct-ge-tilt-variable").iterdir())
    files = [radkit.transcode(path, None, "htj2k-lossless-rpcl").data for path in paths]
    lines = [
        "| Mbit/s | first image, predicted | measured | volume, predicted | measured "
        "| original, predicted | measured |",
        "|---" * 7 + "|",
    ]
    for rate in RATES:
        plan = preview.schedule(files, rate_kbit_s=rate, latency_s=0.05)
        seen: dict[int, float] = {}
        with serve(files, rate_kbit_s=rate, latency_s=0.05) as server:
            asked = [(step.source, *pair) for step in plan for pair in step.ranges]
            begun = time.perf_counter()
            answers = stream(server, asked)
            for number, step in enumerate(plan):
                for _ in step.ranges:
                    next(answers)
                seen[number] = time.perf_counter() - begun
        volume = plan.volume()
        marks = [0, next(k for k, step in enumerate(plan) if step is volume), len(plan) - 1]
        cells = " | ".join(f"{plan[k].seconds:.3f} | {seen[k]:.3f}" for k in marks)
        lines.append(f"| {rate / 1000:g} | {cells} |")
    return "\n".join(lines)


def put(name: str, made: Callable[[], str]) -> None:
    """Replace what stands between the marks of a table."""
    text = PAGE.read_text()
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.S)
    table = made()
    print(table)
    PAGE.write_text(pattern.sub(lambda found: found[1] + table + found[2], text, count=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--link", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.link:
        put("line", lambda: over_a_line(options.data))
    else:
        put("bytes", lambda: few_bytes(options.data))


if __name__ == "__main__":
    main()
