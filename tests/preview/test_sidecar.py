from __future__ import annotations

import json

import numpy as np
import pytest
from pictures import SHARED, coded_ct, shared

import radkit
from radkit.errors import CorruptFile, CorruptPixelData, OptionError, UnsupportedTransferSyntax
from radkit.preview import Sidecar, best, open_sidecar, sidecar
from radkit.testing import sample


class Server:
    """Bytes of an object, and which of them were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.times = np.zeros(len(data), int)

    def __call__(self, offset: int, length: int) -> bytes:
        self.times[offset : offset + length] += 1
        return self.data[offset : offset + length]


def test_resolutions_by_ranges_only():
    data = coded_ct()
    server = Server(data)
    remote = open_sidecar(sidecar(data).to_bytes(), server)
    for reduce in (1, 0):
        assert np.array_equal(remote.decode(reduce=reduce), radkit.decode(data, reduce=reduce))
    assert server.times.max() == 1
    assert remote.bytes_read == server.times.sum()


def test_small_picture_needs_few_bytes():
    data = shared("syntaxes/htj2k_rpcl_ct1.dcm").read_bytes()
    remote = open_sidecar(sidecar(data), Server(data))
    assert np.array_equal(remote.decode(reduce=3), radkit.decode(data, reduce=3))
    assert remote.bytes_read < 0.05 * len(data)
    assert np.array_equal(remote.render(reduce=2), radkit.render(data, reduce=2))


def test_sidecar_is_small():
    data = shared("syntaxes/htj2k_rpcl_ct1.dcm").read_bytes()
    assert len(sidecar(data).to_bytes()) < 0.01 * len(data)


@pytest.mark.parametrize("name", ["ct", "mr_rle", "us_rgb", "palette", "nm_j2k", "us_jpeg"])
def test_any_syntax(name):
    data = sample(name).read_bytes()
    right = radkit.decode(data)
    remote = open_sidecar(sidecar(data), Server(data))
    for frame in range(remote.frames):
        one = right if remote.frames == 1 else right[frame]
        assert np.array_equal(remote.decode(frame), one)
    assert np.array_equal(
        remote.render(size=(64, 64)), radkit.render(data, frames=0, size=(64, 64), reduce=0)
    )


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
def test_every_shared_file():
    if not SHARED.exists():
        pytest.skip("shared/data is absent")
    count = 0
    for path in sorted((SHARED / "syntaxes").glob("*j2k*.dcm")):
        data = path.read_bytes()
        try:
            right = radkit.decode(data)
        except radkit.RadkitError:
            continue
        remote = open_sidecar(sidecar(data), Server(data))
        for frame in range(remote.frames):
            one = right if remote.frames == 1 else right[frame]
            assert np.array_equal(remote.decode(frame), one), path.name
        count += 1
    assert count > 20


def test_layers():
    data = radkit.transcode(
        sample("ct"),
        None,
        "jpeg2000-lossless",
        coding=radkit.Coding(layers=(20, 8), progression="LRCP", tile_parts=False),
    ).data
    index = sidecar(data)
    assert [cut.layers for cut in index.frames[0].cuts] == [1, 2, None]
    remote = open_sidecar(index, Server(data))
    assert np.array_equal(remote.decode(layers=1), radkit.decode(data, layers=1))
    assert remote.bytes_read < len(data) / 2


def test_best_of_some_bytes():
    data = coded_ct()
    index = sidecar(data)
    offset = index.frames[0].pieces[0][0]
    found, share = open_sidecar(index, Server(data)).best(max_bytes=5000)
    right, right_share = best(data[offset : offset + 5000])
    assert np.array_equal(found, right) and share == right_share


def test_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "ct.radkit.json"
    path.write_text("old")
    made = sidecar(coded_ct(), path)
    assert Sidecar.from_bytes(path.read_bytes()) == made
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert open_sidecar(path, Server(coded_ct())).frames == 1


def test_deflated_objects_have_no_ranges():
    with pytest.raises(UnsupportedTransferSyntax, match="deflated"):
        sidecar(shared("syntaxes/deflated_ct.dcm"))


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.update(form="another"),
        lambda made: made.update(size=-1),
        lambda made: made.update(header=made["size"] + 1),
        lambda made: made.update(frames=[]),
        lambda made: made.update(syntax=5),
        lambda made: made["frames"][0].update(pieces=[[0, made["size"] + 1]]),
        lambda made: made["frames"][0].update(pieces=[[-5, 10]]),
        lambda made: made["frames"][0].update(cuts=[]),
        lambda made: made["frames"][0]["cuts"].reverse(),
        lambda made: made["frames"][0].pop("cuts"),
        lambda made: made.pop("header"),
    ],
)
def test_sidecars_that_cannot_be(change):
    made = json.loads(sidecar(coded_ct()).to_bytes())
    change(made)
    with pytest.raises(CorruptFile):
        Sidecar.from_bytes(json.dumps(made).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"form": "radkit sidecar 1"}'])
def test_no_sidecar(data):
    with pytest.raises(CorruptFile):
        Sidecar.from_bytes(data)


def test_short_answers_are_told():
    data = coded_ct()
    remote = open_sidecar(sidecar(data), lambda offset, length: data[offset : offset + length - 1])
    with pytest.raises(CorruptFile, match="asked for"):
        remote.decode()


@pytest.mark.filterwarnings("ignore::radkit.CorrectionWarning")
def test_another_object_is_told():
    data = bytearray(coded_ct())
    index = sidecar(bytes(data))
    offset, length = index.frames[0].pieces[0]
    data[offset + 300 : offset + length] = bytes(length - 300)
    remote = open_sidecar(index, lambda at, size: bytes(data[at : at + size]))
    with pytest.raises(CorruptPixelData):
        remote.decode()


def test_frames_and_resolutions_that_are_not_there():
    remote = open_sidecar(sidecar(coded_ct()), Server(coded_ct()))
    with pytest.raises(OptionError):
        remote.decode(1)
    with pytest.raises(OptionError):
        remote.decode(reduce=-1)
