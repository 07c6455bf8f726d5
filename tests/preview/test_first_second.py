from __future__ import annotations

import numpy as np
from pictures import coded_series

import radkit
from radkit.preview import schedule
from radkit.preview.first_second import ACROSS, by_objects, by_plan, chosen
from radkit.preview.link import Form
from radkit.preview.remote import open_local
from radkit.preview.steps import Link


def test_slices_that_stand_for_a_series():
    assert chosen(3) == [0, 1, 2]
    assert chosen(1) == [0]
    many = chosen(400)
    assert (many[0], many[-1], len(many)) == (0, 399, ACROSS)


def test_objects_are_shown_when_they_are_whole():
    coded = coded_series()
    slices = [open_local(data) for data in coded]
    form = Form(name="htj2k", sizes=tuple(map(len, coded)), decode_s=0.001)
    link = Link(rate_kbit_s=8 * sum(form.sizes[:6]) / 1000, latency_s=0.0)  # six in a second
    shown = list(by_objects(slices, form, link, 1.001, "auto"))
    there = [number < 6 for number in chosen(len(slices))]
    assert [one is not None for one in shown] == there and any(there) and not all(there)
    assert shown[0] is not None and np.array_equal(
        shown[0][0], radkit.render(coded[0], window="auto", size=(128, 128))
    )


def test_plan_shows_every_slice_in_the_resolution_that_has_come():
    coded = coded_series()
    slices = [open_local(data) for data in coded]
    rate = 8 * 0.6 * sum(map(len, coded)) / 1000
    plan = schedule(coded, rate_kbit_s=rate, latency_s=0.0)
    link = Link(rate_kbit_s=rate, latency_s=0.0)
    assert all(one is None for one in by_plan(slices, plan, link, 0.0, "auto"))
    after = list(by_plan(slices, plan, link, 1.0, "auto"))
    assert all(one is not None for one in after)
    reduces = [one[1] for one in after if one is not None]
    assert set(reduces) > {0} or min(reduces) > 0
    assert [one[1] for one in by_plan(slices, plan, link, 2.0, "auto") if one] == [0] * len(after)
