"""What slow lines show of a series and when: one HTML page that opens offline."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radkit.errors import OptionError
from radkit.preview.first_second import Shown, by_objects, by_plan
from radkit.preview.link import Arrival, Form, arrivals, measure_form
from radkit.preview.quality import Quality, compare
from radkit.preview.remote import Remote, open_local
from radkit.preview.schedule import schedule
from radkit.preview.series import in_order
from radkit.preview.sidecar import replace_file
from radkit.preview.steps import Link
from radkit.preview.thumbnail import encode_picture
from radkit.preview.windowed import windowed

__all__ = ["report"]

FORMS = (
    ("explicit-le", "uncompressed"),
    ("jpeg-lossless", "JPEG Lossless"),
    ("jpegls-lossless", "JPEG-LS"),
    ("jpeg2000-lossless", "JPEG 2000"),
    ("htj2k-lossless-rpcl", "HTJ2K"),
)
SCHEDULED = "htj2k-lossless-rpcl"
AFTER = 1.0  # seconds
MOMENTS = (0.1, 0.25, 0.5, 1.0)
SHARES = (0.01, 0.02, 0.05, 0.10)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; color: #222; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
.row { display: flex; flex-wrap: wrap; gap: .8rem } figure { margin: 0; width: 12.5rem }
figure img { width: 100%; background: #000; image-rendering: auto }
figcaption { font-size: .8rem; color: #555 } .none { height: 12.5rem; background: #000 }
.strip { display: flex; gap: .3rem } .strip figure { width: 8.4rem } .strip .none { height: 8.4rem }
.best { background: #eef6ee; font-weight: 600 } p.note { color: #555; font-size: .9rem }
"""


def report(
    sources: Any,
    dest: str | os.PathLike[str],
    *,
    rates_kbit_s: Sequence[float] = (1000, 4000, 10000, 50000),
    latency_s: float = 0.05,
    window: Any = "header",
) -> Path:
    """Write a page that says what a reader behind a slow line sees of a series, and when.

    Parameters
    ----------
    sources : source, sequence of sources, or folder
        The objects of a series; transcoded in memory to the forms that are compared.
    dest : path
        The HTML file, pictures included.
    rates_kbit_s : sequence of float
        Rates of lines in 1000 bits a second.
    latency_s : float, default 0.05
        Seconds until the first byte comes.
    window : default "header"
        As in `radkit.render`.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        There is no rate, or one is out of range.
    RadkitError
        An object cannot be read or transcoded.

    Notes
    -----
    Bytes and decode times are measured, arrival times computed from them: constant rate,
    one request, one thread that decodes while bytes arrive.
    """
    links = [Link(rate_kbit_s=rate, latency_s=latency_s) for rate in rates_kbit_s]
    if not links:
        raise OptionError("rates_kbit_s must name a rate")
    objects = in_order(sources)
    forms = [measure_form(objects, name) for name, _ in FORMS]
    coded = _transcoded(objects)
    slices = [open_local(data) for data in coded]
    middle = slices[len(slices) // 2]
    parts = [
        _intro(objects, forms),
        _table(coded, forms, links),
        *(_series_after(slices, coded, forms, link, window) for link in links[:2]),
        *(_first_second(middle, forms, link, window) for link in links[:2]),
        _qualities(middle, coded[len(coded) // 2], window),
    ]
    path = Path(dest)
    replace_file(path, _page(parts).encode())
    return path


def _transcoded(objects: Sequence[Any]) -> list[bytes]:
    from radkit.transcoding import transcode

    made = []
    for source in objects:
        data = transcode(source, None, SCHEDULED).data
        assert data is not None  # without a destination the object is returned
        made.append(data)
    return made


def _page(parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>radkit preview</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _intro(objects: Sequence[Any], forms: Sequence[Form]) -> str:
    from radkit.pixels import inspect

    info = inspect(objects[len(objects) // 2])
    shape = " x ".join(str(side) for side in info.shape[info.shape[0] == 1 :])
    return (
        f"<h1>What a slow line shows</h1><p>{len(objects)} objects of {html.escape(shape)}, "
        f"{sum(forms[0].sizes) / 1e6:.1f} MB uncompressed, "
        f"{sum(forms[-1].sizes) / 1e6:.1f} MB as HTJ2K, lossless.</p>"
        "<p class='note'>Bytes and decode times are measured here, arrival times follow from "
        "them. Pictures that are not whole are previews, not for diagnosis.</p>"
    )


def _table(coded: Sequence[bytes], forms: Sequence[Form], links: Sequence[Link]) -> str:
    heads = "".join(f"<th colspan='3'>{_rate(link)}</th>" for link in links)
    words = "<th>first</th><th>volume</th><th>original</th>" * len(links)
    rows = []
    for form, (_, title) in zip(forms, FORMS, strict=True):
        cells = "".join(_cells(arrivals(form, link)) for link in links)
        rows.append(f"<tr><td>{title}, one by one</td>{cells}</tr>")
    cells = ""
    for link in links:
        plan = schedule(coded, rate_kbit_s=link.rate_kbit_s, latency_s=link.latency_s)
        cells += _cells(arrivals(forms[-1], link, plan))
    rows.append(f"<tr class='best'><td>HTJ2K, radkit's schedule</td>{cells}</tr>")
    return (
        "<h2>Seconds from the request</h2><table>"
        f"<tr><th></th>{heads}</tr><tr><th></th>{words}</tr>{''.join(rows)}</table>"
        "<p class='note'>First image: any resolution of the first slice that is sent. Volume: any "
        "resolution of every slice, so that the series can be scrolled.</p>"
    )


def _rate(link: Link) -> str:
    assert link.rate_kbit_s is not None  # made with one
    return f"{link.rate_kbit_s / 1000:g} Mbit/s"


def _cells(found: Arrival) -> str:
    return "".join(f"<td>{value:.2f}</td>" for value in (found.first, found.volume, found.original))


def _series_after(
    slices: Sequence[Remote],
    coded: Sequence[bytes],
    forms: Sequence[Form],
    link: Link,
    window: Any,
) -> str:
    """Show slices from the first to the last as they are after a second, in each form."""
    plan = schedule(coded, rate_kbit_s=link.rate_kbit_s, latency_s=link.latency_s)
    ways = [
        (f"{title}, one by one", by_objects(slices, form, link, AFTER, window))
        for form, (_, title) in zip(forms, FORMS, strict=True)
    ]
    ways.append(("HTJ2K, radkit's schedule", by_plan(slices, plan, link, AFTER, window)))
    rows = [f"<h3>{title}</h3>{_strip(list(shown))}" for title, shown in ways]
    return (
        f"<h2>The series after {AFTER:g} s at {_rate(link)}</h2>"
        "<p class='note'>Slices evenly from the first to the last.</p>" + "".join(rows)
    )


def _strip(slices: Sequence[Shown]) -> str:
    if not any(slices):
        return "<p class='note'>No slice is whole yet: nothing on the screen.</p>"
    return f"<div class='strip'>{''.join(map(_shown, slices))}</div>"


def _shown(shown: Shown) -> str:
    if shown is None:
        return _nothing("nothing yet")
    picture, reduce = shown
    return _figure(picture, "original" if reduce == 0 else f"1/{1 << reduce} of each side")


def _first_second(middle: Remote, forms: Sequence[Form], link: Link, window: Any) -> str:
    """Show the middle slice as it is after some moments, if it alone is sent."""
    rows = []
    head = middle.index.header
    for form, (name, title) in zip(forms, FORMS, strict=True):
        size = form.sizes[len(form.sizes) // 2]
        figures = []
        for moment in MOMENTS:
            have = link.bytes_within(moment)
            if name == SCHEDULED:
                figures.append(_coming(middle, have - head, moment, window))
            elif have >= size:
                figures.append(_figure(middle.render(window=window), f"{moment:g} s: original"))
            else:
                figures.append(_nothing(f"{moment:g} s: {100 * have / size:.0f} % of the bytes"))
        rows.append(f"<h3>{title}</h3><div class='row'>{''.join(figures)}</div>")
    return f"<h2>The first second of one slice at {_rate(link)}</h2>{''.join(rows)}"


def _coming(middle: Remote, have: int, moment: float, window: Any) -> str:
    whole = middle.index.frame(0).cuts[-1].size
    if have < middle.index.frame(0).cuts[0].size:
        return _nothing(f"{moment:g} s: nothing yet")
    picture = middle.render(window=window, max_bytes=have)
    share = min(100.0, 100 * have / whole)
    return _figure(picture, f"{moment:g} s: {share:.0f} % of the bytes")


def _figure(picture: np.ndarray, caption: str) -> str:
    data = base64.b64encode(encode_picture(picture, "png")).decode()
    return (
        f"<figure><img alt='' src='data:image/png;base64,{data}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _nothing(caption: str) -> str:
    text = html.escape(caption)
    return f"<figure><div class='none'></div><figcaption>{text}</figcaption></figure>"


def _qualities(middle: Remote, coded: bytes, window: Any) -> str:
    """Compare what the same bytes give: a prefix of the original, or a windowed preview."""
    whole = middle.index.frame(0).cuts[-1].size
    right = middle.render(window=window)
    rows = []
    for share in SHARES:
        size = max(600, int(share * whole))
        prefix = middle.render(window=window, max_bytes=size)
        small = windowed(coded, max_bytes=size, window=window).samples
        rows.append((share, size, prefix, compare(prefix, right), small, compare(small, right)))
    lines = "".join(_quality_lines(rows))
    figures = "".join(
        _figure(prefix, f"{100 * share:g} %: first bytes of the original")
        + _figure(small, f"{100 * share:g} %: windowed preview")
        for share, _, prefix, _, small, _ in rows[1:3]
    )
    return (
        "<h2>Quality of the windowed picture</h2><table><tr><th>bytes</th><th></th>"
        "<th>first bytes of the original: PSNR</th><th>SSIM</th>"
        f"<th>windowed preview: PSNR</th><th>SSIM</th></tr>{lines}</table>"
        f"<div class='row'>{figures}</div>"
    )


def _quality_lines(rows: Sequence[Any]) -> Iterator[str]:
    for share, size, _, prefix, _, small in rows:
        yield (
            f"<tr><td>{100 * share:g} % of lossless</td><td>{size}</td>"
            f"{_quality_cells(prefix)}{_quality_cells(small)}</tr>"
        )


def _quality_cells(quality: Quality) -> str:
    return f"<td>{quality.psnr:.1f}</td><td>{quality.ssim:.3f}</td>"
