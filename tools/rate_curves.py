"""Draws docs/images/rates.svg: PSNR over ratio of both block coders, OpenJPEG beside them.

`python tools/rate_curves.py` needs the shared data and prints the table of docs/notes/lossy.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import radkit
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding, Lossy

HERE = Path(__file__).resolve().parents[1]
DATA = HERE.parent / "shared" / "data"
DEST = HERE / "docs" / "images" / "rates.svg"
RATIOS = (5, 6, 8, 10, 13, 16, 20, 27, 40, 60, 80)
SHOWN = (5, 10, 20, 40, 80)
LEVELS = 5
NAMES = ("OpenJPEG", "radkit, MQ", "radkit, HT")
COLOURS = ("#8a8f98", "#1b6ca8", "#c8553d")

Point = tuple[float, float]  # ratio, dB
Coder = Callable[[np.ndarray, int, int], bytes]


def pictures() -> list[tuple[str, np.ndarray, int]]:
    """Name, samples and bits stored of what is coded."""
    paths = (DATA / "ct-head-1mm" / "020.dcm", DATA / "syntaxes" / "j2k_us_rct.dcm")
    found = []
    for kind, path in zip(("CT slice", "ultrasound frame"), paths, strict=True):
        image = radkit.decode(path, frames=0)
        bits = max(int(image.max()).bit_length(), 8)
        size = " x ".join(map(str, image.shape[:2]))
        found.append(
            (f"{kind}, {size}, {'RGB 3 x 8' if image.ndim == 3 else bits} bit", image, bits)
        )
    return found


def openjpeg(image: np.ndarray, bits: int, size: int) -> bytes:
    """Code in about so many bytes; its ratios count the bits of the precision."""
    from peer_openjpeg_encode import encode

    ratio = image.size * bits / 8 / size
    plain = Coding(levels=LEVELS, tlm=False, tile_parts=False)
    return encode(
        image,
        bits=bits,
        signed=image.dtype.kind == "i",
        mct=image.ndim == 3,
        levels=LEVELS,
        coding=plain,
        irreversible=True,
        rates=[ratio],
    )


def own(module: object) -> Coder:
    """Return the same of `jpeg2000` or `htj2k`, laid out in the same way."""
    plain = Coding(levels=LEVELS, tlm=False, tile_parts=False)

    def code(image: np.ndarray, bits: int, size: int) -> bytes:
        lossy = Lossy(ratio=image.nbytes / size)
        return module.encode(image, bits=bits, lossy=lossy, coding=plain)  # type: ignore[attr-defined, no-any-return]

    return code


def measured(code: Coder, image: np.ndarray, bits: int) -> list[Point]:
    """Ratio reached and PSNR over the range of the bits, of what is lossy."""
    points = []
    for ratio in RATIOS:
        data = code(image, bits, int(image.nbytes / ratio))
        error = float(np.mean((jpeg2000.decode(data).astype(float) - image) ** 2))
        if error > 0:
            decibels = 10 * math.log10(((1 << bits) - 1) ** 2 / error)
            points.append((image.nbytes / len(data), decibels))
    return points


def at(points: list[Point], ratio: float) -> float:
    """PSNR at a ratio, between those measured."""
    ratios, decibels = zip(*sorted(points), strict=True)
    if not ratios[0] * 0.97 <= ratio <= ratios[-1] * 1.03:
        return math.nan
    return float(np.interp(math.log(ratio), np.log(ratios), decibels))


def table(curves: list[tuple[str, list[list[Point]]]]) -> str:
    """Return the rows of the note."""
    lines = ["| PSNR, dB | | " + " | ".join(f"{ratio}:1" for ratio in SHOWN) + " |"]
    lines.append("|---|---|" + "---|" * len(SHOWN))
    for title, lines_of in curves:
        for name, points in zip(NAMES, lines_of, strict=True):
            values = (at(points, ratio) for ratio in SHOWN)
            cells = ("-" if math.isnan(value) else f"{value:.1f}" for value in values)
            lines.append(f"| {title} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# ---- picture -------------------------------------------------------------------------------------

WIDE, HIGH, LEFT, TOP = 330, 240, 52, 46
GAP = 72


def panel(x0: float, title: str, lines: list[list[Point]]) -> list[str]:
    """One plot: ratio on a logarithmic axis, PSNR upwards."""
    every = [decibels for points in lines for _, decibels in points]
    low, high = 5 * math.floor(min(every) / 5), 5 * math.ceil(max(every) / 5)
    step = 5 if high - low <= 45 else 10

    def place(ratio: float, decibels: float) -> tuple[float, float]:
        across = math.log(ratio / 4.5) / math.log(90 / 4.5)
        return x0 + WIDE * across, TOP + HIGH * (high - decibels) / (high - low)

    made = [f'<text x="{x0}" y="{TOP - 14}" class="title">{title}</text>']
    for decibels in range(low, high + 1, step):
        y = place(5, decibels)[1]
        made.append(f'<line x1="{x0}" x2="{x0 + WIDE}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        made.append(f'<text x="{x0 - 8}" y="{y + 4:.1f}" class="right">{decibels}</text>')
    for ratio in SHOWN:
        x = place(ratio, low)[0]
        made.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HIGH}" class="grid"/>')
        made.append(f'<text x="{x:.1f}" y="{TOP + HIGH + 18}" class="middle">{ratio}:1</text>')
    for name, colour, points in zip(NAMES, COLOURS, lines, strict=True):
        spots = [place(*point) for point in sorted(points)]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        dash = ' stroke-dasharray="5 4"' if name == NAMES[0] else ""
        made.append(f'<polyline points="{way}" stroke="{colour}" class="curve"{dash}/>')
        made += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>' for x, y in spots]
    return made


def picture(curves: list[tuple[str, list[list[Point]]]]) -> str:
    """Return the SVG file."""
    width, height = LEFT + 2 * WIDE + GAP + 20, TOP + HIGH + 72
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        "<style>text{font:12px sans-serif;fill:#222}.title{font-weight:bold}"
        ".right{text-anchor:end}.middle{text-anchor:middle}"
        ".grid{stroke:#e3e5e8}.curve{fill:none;stroke-width:1.8}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for k, (title, lines) in enumerate(curves):
        made += panel(LEFT + k * (WIDE + GAP), title, lines)
    y = TOP + HIGH + 48
    for k, (name, colour) in enumerate(zip(NAMES, COLOURS, strict=True)):
        x = LEFT + 130 * k
        dash = ' stroke-dasharray="5 4"' if k == 0 else ""
        made.append(
            f'<line x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" '
            f'stroke-width="2"{dash}/>'
        )
        made.append(f'<text x="{x + 32}" y="{y}">{name}</text>')
    made.append(f'<text x="{LEFT + 400}" y="{y}">PSNR in dB over stored bytes : coded bytes</text>')
    return "\n".join([*made, "</svg>"]) + "\n"


def main() -> int:
    """Measure, draw, print."""
    if not DATA.is_dir():
        print(f"{DATA} is not here", file=sys.stderr)
        return 1
    sys.path.insert(0, str(HERE / "tests" / "codecs"))
    coders = (openjpeg, own(jpeg2000), own(htj2k))
    curves = [
        (title, [measured(code, image, bits) for code in coders])
        for title, image, bits in pictures()
    ]
    DEST.write_text(picture(curves))
    print(table(curves))
    return 0


if __name__ == "__main__":
    sys.exit(main())
