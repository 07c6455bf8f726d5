"""Codestreams of other encoders, over what they can vary, against the picture they were given."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from coded import smooth

from radkit._native import cpu
from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding

OPJ = shutil.which("opj_compress")
needs_opj = pytest.mark.skipif(OPJ is None, reason="opj_compress is absent")


def judge(data: bytes) -> np.ndarray:
    import openjpeg

    found: np.ndarray = openjpeg.decode(data)
    return found


def picture(shape: tuple[int, ...], bits: int, signed: bool, seed: int = 1) -> np.ndarray:
    """A smooth picture with noise in its low bits, both ends of the range in it."""
    rows, cols = shape[:2]
    planes = []
    for k in range(shape[2] if len(shape) > 2 else 1):
        plane = smooth(rows, cols, min(bits, 16), seed + k).astype(np.int64)
        plane = plane << max(bits - 16, 0)
        low, high = np.random.default_rng(k).integers(0, plane.size, 2)
        plane.flat[low], plane.flat[high] = 0, (1 << bits) - 1
        planes.append(plane - (1 << bits - 1 if signed else 0))
    array = np.dstack(planes) if len(shape) > 2 else planes[0]
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    return array.astype(f"{'i' if signed else 'u'}{size}")


def compress(folder: Path, array: np.ndarray, bits: int, options: str) -> bytes:
    """Encode by opj_compress."""
    rows, cols = array.shape[:2]
    count = 1 if array.ndim == 2 else array.shape[2]
    source, dest = folder / "in.raw", folder / "out.j2k"
    planes = array if count == 1 else np.moveaxis(array, -1, 0)
    order = ">" if array.itemsize > 1 else "|"
    source.write_bytes(planes.astype(f"{order}{array.dtype.kind}{array.itemsize}").tobytes())
    sign = "s" if array.dtype.kind == "i" else "u"
    command = [str(OPJ), "-i", str(source), "-o", str(dest)]
    command += ["-F", f"{cols},{rows},{count},{bits},{sign}", *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dest.read_bytes()


OPTIONS = [
    "",
    "-n 1",
    "-n 2 -b 4,4",
    "-n 6 -b 1024,4",
    "-n 4 -b 4,1024",
    "-b 8,64 -p RLCP",
    "-p RPCL -c [32,32],[16,16]",
    "-p PCRL -c [64,32],[32,64],[16,8]",
    "-n 3 -p CPRL -c [16,16] -b 8,8",
    "-n 5 -t 33,17 -p PCRL",
    "-t 40,64 -T 3,5 -d 7,9",
    "-d 13,21 -p RPCL -c [32,32]",
    "-r 40,20,10,1",
    "-r 30,10,4,2,1 -p RPCL -t 50,50",
    "-r 30,10,1 -M 1",
    "-M 1",
    "-M 2",
    "-M 4",
    "-M 8",
    "-M 16",
    "-M 32",
    "-M 5 -r 20,5,1",
    "-M 63 -r 20,5,1",
    "-M 59 -b 32,32",
    "-M 13 -b 16,32",
    "-SOP -EPH -r 20,1",
    "-SOP -p CPRL -t 64,64",
    "-TP R -p RPCL",
    "-TP L -r 20,1 -t 60,60",
    "-PLT -TLM",
    "-ROI c=0,U=7",
    "-POC T1=0,0,1,3,1,LRCP/T1=3,0,1,6,1,RPCL",
]


@needs_opj
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("shape", "bits", "signed"), [((101, 119), 12, False)])
def test_lossless_streams_of_opj_compress(
    tmp_path: Path, options: str, shape: tuple[int, ...], bits: int, signed: bool
) -> None:
    array = picture(shape, bits, signed)
    data = compress(tmp_path, array, bits, options)
    np.testing.assert_array_equal(jpeg2000.decode(data), array)
    parts_agree(data)


@needs_opj
@pytest.mark.parametrize("options", OPTIONS[::3])
def test_lossless_colour_of_opj_compress(tmp_path: Path, options: str) -> None:
    array = picture((61, 83, 3), 8, False)
    data = compress(tmp_path, array, 8, options)
    np.testing.assert_array_equal(jpeg2000.decode(data), array)
    parts_agree(data)


@needs_opj
@pytest.mark.parametrize("options", ["-I", "-I -r 20", "-I -r 40,20,5 -M 1", "-I -t 33,29 -n 3"])
@pytest.mark.parametrize("count", [1, 3])
def test_irreversible_streams_are_within_one_of_openjpeg(
    tmp_path: Path, options: str, count: int
) -> None:
    array = picture((90, 70, count) if count > 1 else (90, 70), 8, False)
    data = compress(tmp_path, array, 8, options)
    assert np.abs(jpeg2000.decode(data).astype(int) - judge(data)).max() <= 1
    parts_agree(data)


def parts_agree(data: bytes) -> None:
    """Regions are crops at every resolution, portable code gives the same, layers refine."""
    info = jpeg2000.info(data)
    for reduce in range(min(info.reductions, 2) + 1):
        whole = jpeg2000.decode(data, reduce=reduce)
        if info.rows > 50:
            box = (17, 43, 21, 54)
            found = jpeg2000.decode(data, reduce=reduce, region=box)
            offset = info_offset(data)
            sides = [
                -(-(n + o) // (1 << reduce)) - -(-o // (1 << reduce))
                for n, o in zip(box, (offset[1], offset[1], offset[0], offset[0]), strict=True)
            ]
            np.testing.assert_array_equal(found, whole[sides[0] : sides[1], sides[2] : sides[3]])
    use = cpu.USE
    try:
        cpu.USE = 0
        np.testing.assert_array_equal(jpeg2000.decode(data), jpeg2000.decode(data, strict=False))
        plain = jpeg2000.decode(data)
    finally:
        cpu.USE = use
    np.testing.assert_array_equal(plain, jpeg2000.decode(data))
    if info.layers > 1:
        full = jpeg2000.decode(data).astype(np.int64)
        errors = [
            np.square(jpeg2000.decode(data, layers=n) - full).mean()
            for n in range(1, info.layers + 1)
        ]
        assert errors[-1] == 0
        assert errors[0] >= errors[-2] or len(errors) == 1


def info_offset(data: bytes) -> tuple[int, int]:
    at = data.index(b"\xff\x51") + 14
    return int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")


SHAPES = [(1, 1), (1, 2), (2, 1), (1, 65), (65, 1), (3, 5), (64, 64), (65, 63), (7, 300), (300, 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 2, 7, 8, 10, 12, 15, 16])
@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_sizes_and_depths(module: Any, shape: tuple[int, int], bits: int) -> None:
    most = min(shape).bit_length() - 1 if module is jpeg2000 else 5  # of its encoder
    for signed, levels in itertools.product((False, True), sorted({min(1, most), min(5, most)})):
        array = picture(shape, bits, signed)
        data = module.encode(array, bits=bits, coding=Coding(levels=levels))
        found = module.decode(data)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


@pytest.mark.parametrize("bits", [17, 20, 23])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_deep_samples(module: Any, bits: int, signed: bool) -> None:
    array = picture((70, 65), bits, signed)
    array[20:40] = np.random.default_rng(2).integers(array.min(), array.max(), (20, 65))
    np.testing.assert_array_equal(module.decode(module.encode(array, bits=bits)), array)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [26, 31, 32])
def test_deepest_samples_of_ht(bits: int, signed: bool) -> None:
    array = picture((40, 50), bits, signed)
    np.testing.assert_array_equal(htj2k.decode(htj2k.encode(array, bits=bits)), array)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("kind", ["noise", "black", "white", "checks", "spike"])
@pytest.mark.parametrize("module", [jpeg2000, htj2k])
def test_extreme_pictures(module: Any, kind: str, bits: int) -> None:
    top = (1 << bits) - 1
    array = {
        "noise": np.random.default_rng(4).integers(0, top + 1, (80, 90)),
        "black": np.zeros((80, 90)),
        "white": np.full((80, 90), top),
        "checks": np.indices((80, 90)).sum(axis=0) % 2 * top,
        "spike": np.pad([[top]], ((40, 39), (44, 45))),
    }[kind].astype(np.uint8 if bits == 8 else np.uint16)
    for count in (1, 3):
        image = array if count == 1 else np.dstack([array, array[::-1], top - array])
        data = module.encode(image, bits=bits, coding=Coding(levels=4))
        np.testing.assert_array_equal(module.decode(data), image)
        for reduce in (1, 3):
            np.testing.assert_array_equal(
                module.decode(data, reduce=reduce), judge_reduced(data, reduce)
            )


def judge_reduced(data: bytes, reduce: int) -> np.ndarray:
    """Decode a lower resolution by OpenJPEG."""
    import glymur

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.j2k"
        path.write_bytes(data)
        found: np.ndarray = glymur.Jp2k(path)[:: 1 << reduce, :: 1 << reduce]
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolutions": 1},
        {"resolutions": 3},
        {"tile": (40, 64)},
        {"tilepart": 1},
        {"tlm": True},
        {"reversible": False, "level": 0.001},
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_ht_streams_of_openjph(options: dict[str, Any], count: int) -> None:
    array = picture((101, 119, count) if count > 1 else (101, 119), 8, False)
    data = imagecodecs.htj2k_encode(array, **{"reversible": True, **options})
    found = htj2k.decode(data)
    if options.get("reversible", True):
        np.testing.assert_array_equal(found, array)
    else:
        assert np.abs(found.astype(int) - judge(data)).max() <= 1
    parts_agree(data)


def test_out_receives_the_samples_and_nothing_else_is_touched() -> None:
    array = picture((33, 47, 3), 8, False)
    data = jpeg2000.encode(array)
    room = np.full((35, 47, 3), 77, np.uint8)
    assert jpeg2000.decode(data, out=room[1:34]) is not None
    np.testing.assert_array_equal(room[1:34], array)
    assert (room[0] == 77).all() and (room[34] == 77).all()
