"""Codestreams of radkit in the decoders that browsers run."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import OPENJPEG, OPENJPH, as_given, decode_all, needs_browsers
from coded import SHARED, manifest, smooth
from test_j2k_encode import layout, picture

import radkit
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding, Lossy
from radkit.errors import RadkitError

PAIRS = [(htj2k, OPENJPH), (jpeg2000, OPENJPEG)]
pytestmark = [needs_browsers, pytest.mark.parametrize(("module", "package"), PAIRS)]


def compare(folder: Path, package: str, streams: list[bytes], images: list[np.ndarray]) -> None:
    for index, found in enumerate(decode_all(folder, package, streams)):
        expected = as_given(images[index], package)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, err_msg=str(index))


def test_any_layout_of_any_image(tmp_path: Path, module: Any, package: str) -> None:
    rng = np.random.default_rng(3)
    images, streams = [], []
    for _ in range(150):
        shape: tuple[int, ...] = (int(rng.integers(1, 150)), int(rng.integers(1, 150)))
        shape += (3,) if rng.integers(4) == 0 else ()
        bits = int(rng.integers(1, 17))
        image = picture(rng, shape, bits, bool(rng.integers(2)))
        images.append(image)
        streams.append(module.encode(image, bits=bits, coding=layout(rng)))
    compare(tmp_path, package, streams, images)


def test_every_depth_sign_and_edge(tmp_path: Path, module: Any, package: str) -> None:
    rng = np.random.default_rng(5)
    images, streams = [], []
    shapes = [(1, 1), (1, 77), (77, 1), (64, 64), (1144, 31), (40, 33, 3)]
    for bits, signed, shape in itertools.product(range(1, 17), (False, True), shapes):
        image = picture(rng, shape, bits, signed)
        images.append(image)
        streams.append(module.encode(image, bits=bits))
    compare(tmp_path, package, streams, images)


def test_irreversible_streams(tmp_path: Path, module: Any, package: str) -> None:
    streams = []
    for bits, samples, psnr in itertools.product((8, 12, 16), (1, 3), (35, 55)):
        plane = smooth(120, 130, bits)
        image = plane if samples == 1 else np.dstack([plane, plane[::-1], plane[:, ::-1].copy()])
        for coding in (Coding(), Coding(tile=(64, 100), levels=3, progression="CPRL")):
            lossy = Lossy(psnr=psnr)
            streams.append(module.encode(image, bits=bits, lossy=lossy, coding=coding))
    for index, found in enumerate(decode_all(tmp_path, package, streams)):
        own = module.decode(streams[index]).astype(int)
        apart = np.abs(found.astype(int) - own)
        top = (1 << module.info(streams[index]).precisions[0]) - 1
        apart[(own == 0) | (own == top)] = 0  # OpenJPH may wrap around where others clamp
        assert apart.max() <= 1, index


def test_streams_that_were_cut(tmp_path: Path, module: Any, package: str) -> None:
    layered = () if module is htj2k else (20, 8)
    wishes: list[dict[str, int]] = [{"reduce": n} for n in range(4)]
    wishes += [{"max_bytes": n} for n in (1500, 5000, 12000)]
    wishes += [{"layers": n} for n in (1, 2)] if layered else []
    images, streams = [], []
    for image in (smooth(230, 210, 12), np.dstack([smooth(110, 130, 8)] * 3)):
        for order in ("RPCL", "LRCP", "PCRL"):
            coding = Coding(progression=order, levels=4, layers=layered, precincts=((64, 64),))
            whole = module.encode(image, coding=coding)
            for wish in wishes:
                if wish.get("max_bytes", 0) < len(whole):
                    streams.append(module.truncate(whole, **wish))
                    images.append(module.decode(whole, **wish) if "max_bytes" not in wish else None)
    for index, found in enumerate(decode_all(tmp_path, package, streams)):
        expected = images[index]
        expected = module.decode(streams[index]) if expected is None else expected
        np.testing.assert_array_equal(found, expected, err_msg=str(index))


def test_streams_coded_anew_by_blocks(tmp_path: Path, module: Any, package: str) -> None:
    other, to = (jpeg2000, "htj2k") if module is htj2k else (htj2k, "jpeg2000")
    rng, images, streams = np.random.default_rng(7), [], []
    for bits in range(1, 17):
        image = picture(rng, (75, 90), bits, bool(bits % 2))
        images.append(image)
        streams.append(jpeg2000.transcode(other.encode(image, bits=bits), to))
    compare(tmp_path, package, streams, images)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is absent")
def test_shared_syntaxes(tmp_path: Path, module: Any, package: str) -> None:
    images, streams = [], []
    for name in manifest():
        try:
            frame = radkit.decode(SHARED / "syntaxes" / f"{name}.dcm", frames=0)
        except RadkitError:
            continue  # not decoded by radkit at all
        if frame.dtype.kind in "iu" and frame.itemsize <= 2 and frame.shape[2:] in ((), (3,)):
            images.append(frame)
            streams.append(module.encode(frame))
    assert len(images) > 30
    compare(tmp_path, package, streams, images)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is absent")
def test_shared_series(tmp_path: Path, module: Any, package: str) -> None:
    images, streams = [], []
    for folder in sorted(path for path in SHARED.iterdir() if (path / "000.dcm").exists()):
        for path in sorted(folder.glob("*.dcm"))[::7]:
            images.append(radkit.decode(path, frames=0))
            streams.append(module.encode(images[-1]))
    assert len(images) > 20
    compare(tmp_path, package, streams, images)
