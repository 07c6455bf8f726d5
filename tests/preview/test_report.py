"""The page of what slow lines show: read as a browser would, without a network."""

from __future__ import annotations

import base64
import re

import imagecodecs
import numpy as np
import pytest
from pictures import coded_series, phantom

import radkit
from radkit.errors import OptionError
from radkit.preview import report, schedule
from radkit.preview.first_second import SeriesPictures
from radkit.preview.link import arrivals, measure_form, outwards, showings
from radkit.preview.steps import Link
from radkit.testing import write_series

RATES = (300, 4000)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "page.html"
    assert report(list(coded_series()), path, rates_kbit_s=RATES, window=(1000, 2000)) == path
    return path.read_text()


def test_page_needs_nothing_else(page):
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert all(
        found.startswith("data:image/png;base64,") for found in re.findall("src='([^']+)", page)
    )


def test_pictures_of_each_form_lie_side_by_side(page):
    blocks = page.split("<h2>After 1 second at ")[1:]
    assert [block.split("</h2>")[0] for block in blocks] == ["0.3 Mbit/s", "4 Mbit/s"]
    for block in blocks:
        rows = block.split("<h2>")[0].split("<div class='side'>")[1:]
        assert len(rows) == 4  # heads, middle slice, sheet, coronal plane
        for row in rows[1:]:
            assert row.count("<img") + row.count("class='none'") == 6


def test_schedule_shows_every_slice_when_whole_objects_show_few():
    series = list(reversed(coded_series()))  # in the order of positions
    pictures = SeriesPictures(series, (1000, 2000))
    link = Link(rate_kbit_s=600, latency_s=0.05)
    plan = schedule(series, rate_kbit_s=600)
    form = measure_form(series, "htj2k-lossless-rpcl")
    moment = arrivals(form, link, plan).volume
    alone = pictures.seen(showings(form, link), moment)
    planned = pictures.seen(showings(form, link, plan), moment)
    assert alone.frames == alone.whole < len(series) == planned.frames
    assert planned.whole == 0
    right = radkit.render(series[len(series) // 2], window=(1000, 2000))
    assert np.array_equal(alone.middle, right)
    apart = np.abs(planned.middle.astype(int) - right).mean()
    assert 0 < apart < 12  # coarse, yet the same slice
    # The plane through all slices: black where nothing has come, near to the original otherwise.
    whole = pictures.seen(showings(form, link), 1e9).coronal
    assert np.abs(planned.coronal.astype(int) - whole).mean() < 12
    assert (alone.coronal == 0).mean() > 0.3 > (planned.coronal == 0).mean()


def test_nothing_has_come():
    series = list(coded_series())
    seen = SeriesPictures(series, "auto").seen([], 1.0)
    assert (seen.middle, seen.sheet, seen.coronal, seen.frames, seen.whole) == (None,) * 3 + (0, 0)


def test_objects_are_asked_for_outwards():
    assert outwards(5) == [2, 1, 3, 0, 4]
    form = measure_form(list(coded_series(4)), "explicit-le")
    seen = showings(form, Link(rate_kbit_s=1000, latency_s=0.1))
    assert [one.frame for one in seen] == [2, 1, 3, 0]
    for place, one in enumerate(seen):
        size = sum(form.sizes[: place + 1])  # native objects are of one size
        assert one.seconds >= 0.1 + size * 8 / 1e6
        assert one.seconds <= 0.1 + size * 8 / 1e6 + 4 * form.decode_s


def test_a_series_without_a_volume_has_no_plane(tmp_path):
    path = next(iter(write_series(tmp_path / "one", phantom(80, 64)[None], slices=1).iterdir()))
    made = report(path, tmp_path / "page.html", rates_kbit_s=[4000], window="auto")
    block = made.read_text().split("<h2>After")[1].split("<h2>")[0]
    assert block.count("class='side'") == 3


def test_pictures_in_the_page_are_previews(page):
    data = base64.b64decode(re.search("base64,([^']+)", page)[1])
    assert b"radkit preview, not for diagnosis" in data
    assert imagecodecs.png_decode(data).dtype == np.uint8


def test_frames_of_different_sizes_are_told():
    with pytest.raises(OptionError, match="differ"):
        SeriesPictures([coded_series()[0], other_size()], "auto")


def other_size() -> bytes:
    path = next(iter(write_series(None, phantom(80, 64)[None], slices=1).iterdir()))
    return radkit.transcode(path, None, "htj2k-lossless-rpcl").data


@pytest.mark.parametrize("rates", [[], [0], [-3.0]])
def test_rates_without_meaning(tmp_path, rates):
    with pytest.raises(OptionError):
        report(list(coded_series()), tmp_path / "page.html", rates_kbit_s=rates)
