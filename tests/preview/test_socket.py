"""Previews over a real socket: a static file server, range requests, a schedule."""

from __future__ import annotations

import numpy as np
import pytest
from lineserver import Client, serve, stream
from pictures import coded_ct, coded_series

import radkit
from radkit.preview import open_sidecar, schedule, sidecar


def test_static_server_serves_previews():
    data = coded_ct()
    with serve([data]) as server:
        client = Client(server)
        remote = open_sidecar(sidecar(data), lambda offset, size: client.get(0, offset, size))
        assert np.array_equal(remote.decode(reduce=1), radkit.decode(data, reduce=1))
        before = server.sent
        assert before < len(data) / 2 + remote.index.header
        assert np.array_equal(remote.decode(), radkit.decode(data))
        client.close()


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
def test_client_that_follows_a_schedule():
    series = coded_series()[::-1]  # in the order of positions, as the plan counts them
    made = schedule(list(series), rate_kbit_s=1000)
    have = [bytearray() for _ in series]
    shown: dict[int, int] = {}
    with serve(series) as server:
        asked = [(step.source, *pair) for step in made for pair in step.ranges]
        answers = stream(server, asked)
        for step in made:
            for offset, _ in step.ranges:
                assert offset == len(have[step.source])
                have[step.source] += next(answers)
            found = radkit.decode(bytes(have[step.source]), reduce=step.reduce, strict=False)
            right = radkit.decode(series[step.source], reduce=step.reduce)
            assert np.array_equal(found, right)
            shown[step.frames[0]] = step.reduce
            if step is made.volume():
                assert len(shown) == made.frames
    assert [bytes(part) for part in have] == list(series)
    assert set(shown.values()) == {0}
