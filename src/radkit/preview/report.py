"""What slow lines show of a series and when: one HTML page that opens offline."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radkit.dicom.write import write_file
from radkit.errors import OptionError
from radkit.preview.first_second import Seen, SeriesPictures
from radkit.preview.label import LABEL
from radkit.preview.link import Arrival, Form, arrivals, measure_form, showings
from radkit.preview.quality import Quality, compare
from radkit.preview.remote import Remote, open_local
from radkit.preview.schedule import schedule
from radkit.preview.series import in_order
from radkit.preview.steps import Link, Plan
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
PLANNED = "HTJ2K, radkit's schedule"
MOMENT = 1.0  # seconds
VIEWS = ("middle", "sheet", "coronal")
VIEWS_NOTE = (
    "<p class='note'>Below: the middle slice, slices from the first to the last, and a coronal "
    "plane of what there is. What has not come is black. A slice that is coarse is enlarged by "
    "the wavelet; it becomes sharper as its bytes come.</p>"
)
SHARES = (0.01, 0.02, 0.05, 0.10)
GOOD = 0.9  # similarity from which a picture is called recognisable
BESIDE = 256  # pixels of the longer side of a thumbnail beside a file
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; color: #222; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
.row { display: flex; flex-wrap: wrap; gap: .8rem } figure { margin: 0; width: 12.5rem }
figure img { width: 100%; background: #000; image-rendering: auto }
figcaption { font-size: .8rem; color: #555 } .none { width: 100%; background: #000 }
.side { display: grid; grid-template-columns: repeat(6, 1fr); gap: .5rem; margin: .5rem 0 }
.side img { width: 100%; align-self: start } .head { font-size: .8rem; line-height: 1.3 }
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
        There is no rate, or one is out of range, or the frames differ in size or colour.
    RadkitError
        An object cannot be read or transcoded.

    Notes
    -----
    Bytes and decode times are measured, arrival times computed from them: constant rate,
    one request, one thread that decodes while bytes arrive. The objects of the series lie
    side by side as they can be seen after one second, at each rate: they must be of one size.
    """
    links = [Link(rate_kbit_s=rate, latency_s=latency_s) for rate in rates_kbit_s]
    if not links:
        raise OptionError("rates_kbit_s must name a rate")
    objects = in_order(sources)
    forms = [measure_form(objects, name) for name, _ in FORMS]
    coded = _transcoded(objects)
    plans = [
        schedule(coded, rate_kbit_s=link.rate_kbit_s, latency_s=link.latency_s) for link in links
    ]
    pictures = SeriesPictures(coded, window)
    parts = [
        _intro(objects, forms),
        _table(forms, links, plans),
        VIEWS_NOTE,
        *(
            _first_second(pictures, forms, plan, link)
            for link, plan in zip(links, plans, strict=True)
        ),
        _qualities(coded[len(coded) // 2], window),
    ]
    path = Path(dest)
    write_file(path, _page(parts).encode())
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


def _table(forms: Sequence[Form], links: Sequence[Link], plans: Sequence[Plan]) -> str:
    heads = "".join(f"<th colspan='3'>{_rate(link)}</th>" for link in links)
    words = "<th>first</th><th>volume</th><th>original</th>" * len(links)
    rows = []
    for form, (_, title) in zip(forms, FORMS, strict=True):
        cells = "".join(_cells(arrivals(form, link)) for link in links)
        rows.append(f"<tr><td>{title}, one by one</td>{cells}</tr>")
    cells = "".join(
        _cells(arrivals(forms[-1], link, plan)) for link, plan in zip(links, plans, strict=True)
    )
    rows.append(f"<tr class='best'><td>{PLANNED}</td>{cells}</tr>")
    return (
        "<h2>Seconds from the request</h2><table>"
        f"<tr><th></th>{heads}</tr><tr><th></th>{words}</tr>{''.join(rows)}</table>"
        "<p class='note'>One by one: whole objects, from the middle slice outwards. First image: "
        "any resolution of the first slice that is sent. Volume: any resolution of every slice, "
        "so that the series can be scrolled.</p>"
    )


def _rate(link: Link) -> str:
    assert link.rate_kbit_s is not None  # made with one
    return f"{link.rate_kbit_s / 1000:g} Mbit/s"


def _cells(found: Arrival) -> str:
    return "".join(f"<td>{value:.2f}</td>" for value in (found.first, found.volume, found.original))


def _first_second(pictures: SeriesPictures, forms: Sequence[Form], plan: Plan, link: Link) -> str:
    """Put what can be seen of the series in each form side by side."""
    columns = [
        (title, pictures.seen(showings(form, link), MOMENT))
        for form, (_, title) in zip(forms, FORMS, strict=True)
    ]
    columns.append((PLANNED, pictures.seen(showings(forms[-1], link, plan), MOMENT)))
    total = len(pictures.originals)
    heads = "".join(
        f"<div class='head'><b>{html.escape(title)}</b><br>{_counted(seen, total)}</div>"
        for title, seen in columns
    )
    rows = [heads]
    for name, shape in zip(VIEWS, pictures.shapes, strict=True):
        if shape is not None:
            shown = (getattr(seen, name) for _, seen in columns)
            rows.append("".join(_view(picture, shape) for picture in shown))
    body = "".join(f"<div class='side'>{row}</div>" for row in rows)
    return f"<h2>After {MOMENT:g} second at {_rate(link)}</h2>{body}"


def _counted(seen: Seen, total: int) -> str:
    if seen.frames == 0:
        return "nothing yet"
    coarse = seen.frames - seen.whole
    text = f"{seen.frames} of {total} slices"
    return text if coarse == 0 else f"{text}, {coarse} of them coarse"


def _view(picture: np.ndarray | None, shape: tuple[int, int]) -> str:
    if picture is None:
        return f"<div class='none' style='aspect-ratio: {shape[1]} / {shape[0]}'></div>"
    return f"<img alt='' src='{_inline(picture)}'>"


def _inline(picture: np.ndarray) -> str:
    data = base64.b64encode(encode_picture(picture, "png", label=LABEL)).decode()
    return f"data:image/png;base64,{data}"


def _figure(picture: np.ndarray, caption: str) -> str:
    return (
        f"<figure><img alt='' src='{_inline(picture)}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _qualities(coded: bytes, window: Any) -> str:
    """Compare what the same bytes give: a prefix of the original, or a windowed preview."""
    middle = open_local(coded)
    cuts = middle.index.frame(0).cuts
    whole = cuts[-1].size
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
        "<h2>Quality of the windowed picture, middle slice</h2><table><tr><th>bytes</th><th></th>"
        "<th>first bytes of the original: PSNR</th><th>SSIM</th>"
        f"<th>windowed preview: PSNR</th><th>SSIM</th></tr>{lines}</table>"
        f"<p>{_recognisable(middle, right, window)} {_today(right)}</p>"
        f"<div class='row'>{figures}</div>"
    )


def _recognisable(middle: Remote, right: np.ndarray, window: Any) -> str:
    """Say after which resolution the picture is like the original, in all that SSIM sees."""
    cuts = middle.index.frame(0).cuts
    for cut in cuts:
        shown = middle.render(window=window, max_bytes=cut.size)
        if compare(shown, right).ssim >= GOOD:
            share = 100 * cut.size / cuts[-1].size
            return f"SSIM of {GOOD} is reached after {cut.size} bytes ({share:.1f} %)."
    return f"SSIM of {GOOD} is reached by no resolution."


def _today(right: np.ndarray) -> str:
    """Say what the picture beside the file gives that many services keep."""
    import imagecodecs

    from radkit.pixels.resize import fit, resize

    small = resize(right, fit(right.shape[0], right.shape[1], (BESIDE, BESIDE)))
    data = encode_picture(small, "jpeg")
    shown = np.asarray(imagecodecs.jpeg8_decode(data))
    found = compare(resize(shown, (right.shape[0], right.shape[1])), right)
    return (
        f"A JPEG of {BESIDE} pixels beside the file takes {len(data)} bytes, none of them used "
        f"again; enlarged it reaches an SSIM of {found.ssim:.3f}."
    )


def _quality_lines(rows: Sequence[Any]) -> Iterator[str]:
    for share, size, _, prefix, _, small in rows:
        yield (
            f"<tr><td>{100 * share:g} % of lossless</td><td>{size}</td>"
            f"{_quality_cells(prefix)}{_quality_cells(small)}</tr>"
        )


def _quality_cells(quality: Quality) -> str:
    return f"<td>{quality.psnr:.1f}</td><td>{quality.ssim:.3f}</td>"
