from __future__ import annotations

import math

import numpy as np
import pytest
from pictures import coded_ct, coded_series, shared

import radkit
from radkit.dicom.objects import open_object
from radkit.errors import OptionError
from radkit.preview import open_sidecar, plan, schedule, sidecar
from radkit.testing import sample, write_series


def covered(made, size: int, source: int = 0) -> np.ndarray:
    """How often each byte of a source is sent."""
    times = np.zeros(size, int)
    for step in made:
        if step.source == source:
            for offset, length in step.ranges:
                times[offset : offset + length] += 1
    return times


@pytest.mark.parametrize(
    "syntax", ["htj2k-lossless-rpcl", "htj2k-lossless", "jpeg2000-lossless", "explicit-le"]
)
def test_every_byte_is_sent_once(syntax):
    data = coded_ct(syntax)
    made = plan(data, rate_kbit_s=1000)
    assert (covered(made, len(data)) == 1).all()
    assert made.bytes_total == len(data)
    assert made[-1].lossless and made.original is made[-1]
    assert (made.needs_transcode is None) == (syntax != "explicit-le")


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
def test_each_step_allows_its_resolution():
    data = coded_ct()
    for step in plan(data):
        found = radkit.decode(data[: step.bytes_total], reduce=step.reduce, strict=False)
        assert np.array_equal(found, radkit.decode(data, reduce=step.reduce))


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
def test_steps_of_a_shared_file_allow_their_resolution():
    data = shared("syntaxes/htj2k_rpcl_us_rct.dcm").read_bytes()
    for step in plan(data):
        found = radkit.decode(data[: step.bytes_total], reduce=step.reduce, strict=False)
        assert np.array_equal(found, radkit.decode(data, reduce=step.reduce))


def test_seconds_are_latency_and_bytes():
    made = plan(coded_ct(), rate_kbit_s=2000, latency_s=0.2)
    for step in made:
        assert step.seconds == pytest.approx(0.2 + step.bytes_total * 8 / 2e6)
    assert all(math.isnan(step.seconds) for step in plan(coded_ct()))


def test_budget_ends_the_plan():
    data = coded_ct()
    whole = plan(data, rate_kbit_s=1000)
    size = whole[0].bytes_total
    made = plan(data, max_bytes=size)
    assert len(made) == 1 and not made.fits and made.original is None
    assert plan(data, max_bytes=len(data)).fits
    made = plan(data, rate_kbit_s=1000, budget_s=whole[2].seconds + 1e-6)
    assert len(made) == 3
    made = plan(data, max_bytes=10)
    assert len(made) == 1 and not made.fits  # the first step is always there


def test_viewport_is_the_goal():
    data = coded_ct()
    made = plan(data, viewport=(64, 64))
    assert made[-1].reduce == 1 and made.fits and made.original is None
    assert plan(data, viewport=(65, 65))[-1].reduce == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget_s": 1.0},
        {"budget_s": 1.0, "rate_kbit_s": 10, "max_bytes": 5},
        {"rate_kbit_s": 0},
        {"rate_kbit_s": math.inf},
        {"rate_kbit_s": 10, "budget_s": -1},
        {"max_bytes": 0},
        {"latency_s": -1},
        {"frames": 3},
        {"viewport": (0, 4)},
    ],
)
def test_options_without_meaning(wrong):
    with pytest.raises(OptionError):
        plan(coded_ct(), **wrong)


def test_frames_of_one_object():
    data = radkit.transcode(sample("us_jpeg"), None, "htj2k-lossless-rpcl").data
    made = plan(data)
    frames = radkit.inspect(data).shape[0]
    assert (covered(made, len(data)) == 1).all()
    assert made.volume().frames == (frames - 1,)
    stages = [step.reduce for step in made]
    assert stages == sorted(stages, reverse=True)  # a coarse picture of all frames first


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
@pytest.mark.parametrize("name", ["jpeg_baseline_us_30frames", "jpeg_lossless_xa_12frames"])
def test_cines_move_before_they_are_sharp(name):
    """Ultrasound and angiography: after a small share of the bytes every frame can be shown."""
    source = shared(f"syntaxes/{name}.dcm")
    data = radkit.transcode(source, None, "htj2k-lossless-rpcl").data
    made = plan(data, rate_kbit_s=1000)
    frames = radkit.inspect(data).shape[0]
    first = made.steps[:frames]
    assert [step.frames for step in first] == [(number,) for number in range(frames)]
    assert made.volume() is first[-1]
    assert first[-1].bytes_total < 0.1 * len(data)
    have = bytearray(len(data))
    for step in first:
        for offset, size in step.ranges:
            have[offset : offset + size] = data[offset : offset + size]
    remote = open_sidecar(sidecar(data), lambda offset, size: bytes(have[offset : offset + size]))
    for step in first:
        (number,) = step.frames
        right = radkit.decode(data, frames=number, reduce=step.reduce)
        assert np.array_equal(remote.decode(number, reduce=step.reduce), right)
    assert made.original is made[-1] and made.bytes_total == len(data)


def test_whole_files_where_nothing_can_be_cut():
    path = shared("syntaxes/deflated_ct.dcm")
    made = plan(path)
    assert len(made) == 1 and made[0].ranges == ((0, path.stat().st_size),)
    assert made.needs_transcode is not None


def test_schedule_sends_a_volume_first():
    series = coded_series()
    made = schedule(series, rate_kbit_s=1000)
    for number in range(len(series)):
        # Sources are counted in the order of their positions.
        size = len(series[len(series) - 1 - number])
        assert (covered(made, size, number) == 1).all()
    assert made.frames == len(series)
    assert made[0].frames == (len(series) // 2,)
    volume = made.volume()
    assert volume.bytes_total < made.bytes_total / 2
    assert {f for step in made.steps[: len(series)] for f in step.frames} == set(range(len(series)))
    assert made.original is made[-1]
    assert made.volume(0) is made[-1]
    # Every eighth slice before the ones between.
    first = [step.frames[0] for step in made.steps[:3]]
    assert [abs(frame - first[0]) for frame in first] == [0, 8, 8]


def test_schedule_orders_by_position():
    paths = sorted(write_series(None, slices=5).iterdir())
    made = schedule([paths[k] for k in (3, 0, 4, 1, 2)], rate_kbit_s=None)
    assert list(made.sources) == [str(path) for path in paths]


def test_jump_goes_on_from_what_was_sent():
    series = coded_series()
    made = schedule(series, rate_kbit_s=1000)
    done = 4
    jumped = made.jump(3, done=done)
    assert jumped[0].frames == (3,)
    assert jumped[0].bytes_total == made[done - 1].bytes_total + jumped[0].bytes
    assert jumped.bytes_total == made.bytes_total
    rest = sorted((step.source, step.ranges) for step in made.steps[done:])
    assert sorted((step.source, step.ranges) for step in jumped) == rest
    # Coarse pictures of all slices before anything is refined, but for the slice itself.
    coarse = {step.frames[0] for step in made.steps[:done]}
    for step in jumped:
        if step.lossless:
            assert step.frames == (3,)
            break
        coarse.add(step.frames[0])
    assert coarse == set(range(len(series)))
    with pytest.raises(OptionError):
        made.jump(len(series))
    with pytest.raises(OptionError):
        made.jump(0, done=len(made) + 1)


def test_jump_twice():
    made = schedule(coded_series(), rate_kbit_s=1000)
    again = made.jump(1, done=3).jump(16, done=5)
    assert again[0].frames == (16,)
    assert again.bytes_total == made.bytes_total


def test_nothing_to_schedule(tmp_path):
    with pytest.raises(radkit.RadkitError):
        schedule(tmp_path, rate_kbit_s=1000)


def test_header_comes_with_the_first_step():
    data = coded_ct()
    with open_object(data) as obj:
        start = obj.pixels.value
    offset, length = plan(data)[0].ranges[0]
    assert offset == 0 and length >= start


def test_window_chooses_what_shows_more():
    paths = sorted(shared("ct-ge-tilt-variable").iterdir())
    source = radkit.transcode(paths[len(paths) // 2], None, "htj2k-lossless-rpcl").data
    few = plan(source, max_bytes=14000, window=(40, 100))
    assert few.windowed is not None and len(few.windowed.data) <= 14000
    assert not few.fits
    many = plan(source, max_bytes=len(source), window=(40, 100))
    assert many.fits and many.windowed is None
    with pytest.raises(OptionError, match="budget"):
        plan(source, window=(40, 100))


def test_window_of_a_source_that_cannot_be_cut():
    made = plan(sample("ct"), max_bytes=4000, window=(40, 400))
    assert made.windowed is not None and not made.fits
