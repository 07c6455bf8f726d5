"""One HTML file that opens offline: tables, proof and pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from measure import LINE_BIT_S, MAIN, Level, Proof, Row
from pictures import Picture

STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --good: #0b6b3a; --bad: #a4262c; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; color: var(--ink);
  max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; background: #fff; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); font-size: .92rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: .85rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
tr.main td { background: #f1f7f3; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); }
.verdict { font-size: 1.1rem; font-weight: 600; margin: .8rem 0; }
code { font: .84rem/1.4 ui-monospace, Menlo, Consolas, monospace; word-break: break-all; }
.row { display: flex; flex-wrap: wrap; gap: 1.2rem; } figure { margin: 0; }
.plane { position: relative; background: #000; color: #e8e8e8; display: flex;
  align-items: center; justify-content: center; width: 19.5rem; height: 19.5rem; }
.plane img { max-width: 19.5rem; max-height: 19.5rem; }
.plane b { position: absolute; font-size: .8rem; font-weight: 600; text-shadow: 0 0 3px #000; }
.l { left: .4rem; top: 48%; } .r { right: .4rem; top: 48%; }
.t { top: .2rem; left: 48%; } .b { bottom: .2rem; left: 48%; }
.thumb img { height: 7.5rem; background: #000; display: block; }
figcaption { color: var(--soft); font-size: .84rem; margin-top: .3rem; max-width: 19.5rem; }
"""


def html_report(
    *,
    title: str,
    about: str,
    rows: Sequence[Row],
    proof: Proof | None,
    levels: Sequence[Level],
    planes: Sequence[Picture],
    thumbs: Sequence[Picture],
    others: Sequence[Sequence[str]],
    foot: str,
) -> str:
    """Return the whole page."""
    parts = [f"<h1>{escape(title)}</h1><p class=soft>{escape(about)}</p>"]
    if proof is not None:
        parts.append(_proof(proof))
    parts += [_rows(rows), _line(rows, levels)]
    if planes:
        parts.append("<h2>Three planes out of the transcoded series</h2>")
        parts.append(
            "<p class=soft>Through the centre of the volume, from stored values, in the "
            "radiological view: the patient's right is on the left of the screen.</p>"
        )
        parts.append(f"<div class=row>{''.join(map(_plane, planes))}</div>")
    if others:
        parts += ["<h2>Other objects</h2>", _others(others)]
        parts.append(
            "<p class=soft>An object that was compressed already may grow: lossless keeps "
            "the values it has, those that a lossy coder made included.</p>"
        )
    if thumbs:
        parts.append("<h2>Thumbnails</h2>")
        parts.append(f"<div class=row>{''.join(map(_thumb, thumbs))}</div>")
    parts.append(f"<p class=soft style='margin-top:2.5rem'>{escape(foot)}</p>")
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _proof(proof: Proof) -> str:
    same = proof.different == 0 and proof.digest_before == proof.digest_after
    same = same and proof.second_different == 0
    word, kind = ("Nothing was lost.", "good") if same else ("Values differ.", "bad")
    lines = [
        f"<p class='verdict {kind}'>{word} {proof.voxels:,} values of {proof.objects:,} objects "
        f"compared, {proof.different:,} different.</p>",
        "<table>",
        f"<tr><td>SHA-256 of all values before<td><code>{proof.digest_before}</code></tr>",
        f"<tr><td>SHA-256 of all values after<td><code>{proof.digest_after}</code></tr>",
    ]
    if proof.second_objects:
        lines.append(
            f"<tr><td>Second opinion: {escape(proof.second)}</td><td>{proof.second_objects:,} "
            f"objects, {proof.second_different:,} values different</td></tr>"
        )
    changed = ", ".join(proof.headers_changed) or "none"
    lines.append(
        f"<tr><td>Elements changed besides the pixel data</td><td>{escape(changed)} "
        f"({proof.headers:,} objects)</td></tr></table>"
    )
    return "".join(lines)


def _rows(rows: Sequence[Row]) -> str:
    first = rows[0].bytes
    lines = [
        "<h2>The same series in each transfer syntax</h2><table><tr><th>transfer syntax"
        "<th>MB<th>of the original<th>transcoded and verified, s<th>decoded, s"
        f"<th>values different<th>on {LINE_BIT_S // 1_000_000} Mbit/s, s</tr>"
    ]
    for row in rows:
        encode = "-" if row.encode_s is None else f"{row.encode_s:.2f}"
        different = "-" if row.different is None else f"{row.different:,}"
        notes = [f"{row.failed} failed"] * bool(row.failed)
        note = f" <span class=soft>({escape(', '.join(notes))})</span>" if notes else ""
        lines.append(
            f"<tr{' class=main' if row.syntax == MAIN else ''}><td>{escape(row.syntax)}{note}"
            f"<td>{row.bytes / 1e6:.2f}<td>{100 * row.bytes / first:.1f} %<td>{encode}"
            f"<td>{row.decode_s:.2f}<td>{different}<td>{row.line_s:.1f}</tr>"
        )
    lines.append("</table>")
    return "".join(lines)


def _line(rows: Sequence[Row], levels: Sequence[Level]) -> str:
    main = next((row for row in rows if row.syntax == MAIN), None)
    if main is None or main is rows[0]:
        return ""
    text = (
        f"<h2>What it means on a line of {LINE_BIT_S // 1_000_000} Mbit/s</h2>"
        f"<p>As it was, the series takes {rows[0].line_s:.0f} s. In HTJ2K it takes "
        f"{main.line_s:.0f} s, and every value is still there."
    )
    if len(levels) < 2:
        return text + "</p>"
    small = levels[0]
    text += (
        " Resolutions come one after the other (RPCL), so the small pictures are the beginnings "
        f"of the files: all slices at {small.rows} x {small.cols} after {small.line_s:.1f} s.</p>"
        "<table><tr><th>of every slice<th>MB<th>s on the line</tr>"
    )
    for level in levels:
        name = "everything, lossless" if level.reduce == 0 else f"1/{2**level.reduce} of each side"
        text += (
            f"<tr><td>{level.rows} x {level.cols}, {name}<td>{level.bytes / 1e6:.2f}"
            f"<td>{level.line_s:.1f}</tr>"
        )
    return text + "</table>"


def _others(others: Iterable[Sequence[str]]) -> str:
    head = ("file", "was", "bytes", "as HTJ2K", "values different")
    lines = ["<table><tr>", *(f"<th>{cell}" for cell in head), "</tr>"]
    for cells in others:
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>")
    return "".join(lines) + "</table>"


def _source(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.png).decode("ascii")


def _plane(picture: Picture) -> str:
    letters = "".join(
        f"<b class={place}>{escape(side)}</b>"
        for place, side in zip("lrtb", picture.sides, strict=True)
    )
    return (
        f"<figure><div class=plane><img alt='{escape(picture.name)}' src='{_source(picture)}'>"
        f"{letters}</div><figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _thumb(picture: Picture) -> str:
    return (
        f"<figure class=thumb><img alt='{escape(picture.name)}' src='{_source(picture)}'>"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
