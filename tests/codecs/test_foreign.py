"""Foreign decoders in this process, in a child, or not at all."""

from __future__ import annotations

import contextvars
import io
import os
import signal
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from coded import smooth

from radkit import limits
from radkit.codecs import _foreign, _library, htj2k, jpeg2000, jpegls
from radkit.errors import (
    CorruptPixelData,
    LimitExceeded,
    MissingDependency,
    UnsupportedTransferSyntax,
)

IMAGE = smooth(64, 80, 12)
STREAMS = {
    "jpegls": (jpegls, jpegls.encode(IMAGE, bits=12)),
}


@pytest.fixture(autouse=True)
def no_idle_children() -> Any:
    _foreign._close()
    yield
    _foreign._close()


@pytest.mark.parametrize("name", STREAMS)
def test_child_gives_the_same(name: str) -> None:
    module, data = STREAMS[name]
    with limits.use(foreign="process"):
        np.testing.assert_array_equal(module.decode(data), IMAGE)
        with pytest.raises(CorruptPixelData):
            broken = data[:-40] + bytes(20) + data[-20:]
            if module.decode(broken).shape == IMAGE.shape:
                raise CorruptPixelData  # damage that a decoder cannot see
        np.testing.assert_array_equal(module.decode(data), IMAGE)
    assert len(_foreign._idle) == 1  # one child did all three


def test_children_serve_threads() -> None:
    with limits.use(foreign="process"), ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(contextvars.copy_context().run, module.decode, data)
            for module, data in list(STREAMS.values()) * 3
        ]
        for job in jobs:
            np.testing.assert_array_equal(job.result(), IMAGE)
    assert 1 <= len(_foreign._idle) <= 3


@pytest.mark.parametrize("name", STREAMS)
def test_refuse(name: str) -> None:
    module, data = STREAMS[name]
    with limits.use(foreign="refuse"):
        with pytest.raises(UnsupportedTransferSyntax, match="foreign"):
            module.decode(data)
        with pytest.raises(UnsupportedTransferSyntax, match="foreign"):
            module.encode(IMAGE, bits=12)
        assert module.info(data).rows == 64  # headers are our own


def test_slow_child_is_killed() -> None:
    module, data = STREAMS["jpegls"]
    with limits.use(foreign="process", max_seconds=1e-3), pytest.raises(LimitExceeded) as caught:
        module.decode(data)
    assert caught.value.limit == "max_seconds"
    assert not _foreign._idle


def test_dead_child_is_corrupt_data_and_a_new_one_comes() -> None:
    module, data = STREAMS["jpegls"]
    with limits.use(foreign="process"):
        module.decode(data)
        [child] = _foreign._idle
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with pytest.raises(CorruptPixelData, match="died"):
            module.decode(data)
        np.testing.assert_array_equal(module.decode(data), IMAGE)


@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_own_codecs_need_no_foreign_one(module: Any) -> None:
    with limits.use(foreign="refuse"):
        data = module.encode(IMAGE, bits=12)
        np.testing.assert_array_equal(module.decode(data), IMAGE)


def test_ranges_that_only_a_foreign_encoder_takes() -> None:
    image = np.array([[0, 2**32 - 1], [5, 2**31]], np.uint32)
    np.testing.assert_array_equal(htj2k.decode(htj2k.encode(image)), image)
    with (
        limits.use(foreign="refuse"),
        pytest.raises(UnsupportedTransferSyntax, match="foreign"),
    ):
        htj2k.encode(image)


def answer(head: bytes, size: int, rest: bytes) -> Any:
    class Child:
        stdin = io.BytesIO()
        stdout = io.BytesIO(struct.pack("<QQ", len(head), size) + head + rest)

    return Child()


@pytest.mark.parametrize(
    ("head", "size", "rest"),
    [
        (b"{", 0, b""),
        (b"[]", 0, b""),
        (b'{"arrays": [["<u2", [2, 2]]]}', 8, bytes(7)),
        (b'{"arrays": [["<u2", [2, 2]]]}', 9, bytes(9)),
        (b'{"arrays": [["<u2", [200, 200]]]}', 80000, bytes(80000)),
        (b'{"arrays": [["<u2", [-1, 2]]]}', 8, bytes(8)),
        (b'{"arrays": [["|O", [1]]]}', 8, bytes(8)),
    ],
)
def test_parent_believes_no_nonsense(head: bytes, size: int, rest: bytes) -> None:
    with pytest.raises((ValueError, EOFError)):
        _foreign._ask(answer(head, size, rest), {}, b"", 100)
    long = struct.pack("<QQ", 1 << 40, 0)
    with pytest.raises(ValueError, match="head"):
        _foreign._receive_head(io.BytesIO(long))


def test_too_many_samples_are_refused() -> None:
    _, data = STREAMS["jpegls"]
    with pytest.raises(CorruptPixelData, match="more samples"):
        _foreign.run("jpegls", "CharLS", data, most=100)


def test_missing_package_and_library() -> None:
    with pytest.raises(MissingDependency, match="pip install"):
        _foreign.load("radkit_no_such_package")
    assert _library.open_library("no_such_library", "f") is None
    assert _library.open_library("openjp2", "no_such_function") is None


def test_no_child_outlives_its_parent() -> None:
    code = (
        "import numpy as np; from radkit import limits\n"
        "from radkit.codecs import jpegls, _foreign\n"
        "data = jpegls.encode(np.zeros((9, 9), np.uint8))\n"
        "with limits.use(foreign='process'): jpegls.decode(data)\n"
        "print(_foreign._idle[0].pid)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert threading.active_count() < 50
