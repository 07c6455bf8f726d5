"""Strangers' objects: the same samples out of child processes, bounded, also behind a fork."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

import radkit
from radkit.testing.samples import SAMPLES, sample

NAMES = sorted(set(SAMPLES) - {"report"})
UNTRUSTED = radkit.limits.UNTRUSTED


def states_of_children():
    """Return the states of this process's children, Z for one that nobody waited for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.append(state)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_limits_for_strangers_change_no_sample(name):
    with radkit.limits.use(UNTRUSTED):
        found = radkit.decode(sample(name))
    assert np.array_equal(found, radkit.decode(sample(name)))
    assert "Z" not in states_of_children()


@pytest.mark.parametrize("call", [radkit.decode, radkit.render, radkit.values, radkit.read])
def test_time_is_bounded_and_the_child_is_gone(call):
    with (
        radkit.limits.use(UNTRUSTED, max_seconds=0.0001),
        pytest.raises(radkit.LimitExceeded) as caught,
    ):
        call(sample("jpeg12"))
    assert caught.value.limit == "max_seconds"
    assert "Z" not in states_of_children()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("foreign", ["allow", "process"])
def test_decoding_goes_on_behind_a_fork(foreign):
    path = sample("us_jpeg")
    with radkit.limits.use(foreign=foreign):
        before = radkit.decode(path, frames=slice(0, 4), threads=2)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            code = 1
            try:
                after = radkit.decode(path, frames=slice(0, 4), threads=2)
                code = 0 if np.array_equal(before, after) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert np.array_equal(before, radkit.decode(path, frames=slice(0, 4)))


@pytest.mark.parametrize(
    "error",
    [
        radkit.TruncatedPixelData("short", decoded=0.5, frame=1, offset=2, hint="Read on"),
        radkit.LimitExceeded("much", limit="max_pixels", allowed=1, asked=2, source="a.dcm"),
        radkit.UnsupportedTransferSyntax("odd", syntax="1.2.3", section="PS3.5 A"),
        radkit.GeometryError("gap", instances=("1.2",), groups=((1, 2),)),
        radkit.VerificationError("differs"),
        radkit.OptionError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes_whole(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error)
    assert vars(again) == vars(error)
