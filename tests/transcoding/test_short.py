"""The short road gives the bytes and the result of the general one, or leaves the object to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from objects_made import DATA, ct, encoded, needs_data

from radkit import limits
from radkit.codecs import registry
from radkit.codecs.options import Coding, Lossy
from radkit.dicom.source import open_reader
from radkit.errors import RadkitError, VerificationError
from radkit.transcoding import one
from radkit.transcoding.one import transcode
from radkit.transcoding.options import Options
from radkit.transcoding.short import short_road

SYNTAXES = ["htj2k-lossless-rpcl", "htj2k", "jpeg2000-lossless", "jpegls-lossless", "jpeg-lossless"]


def outcome(source: Any, syntax: str, **options: Any) -> Any:
    """Give the result without its time, or what was raised."""
    try:
        return replace(transcode(source, None, syntax, **options), seconds=0.0)
    except RadkitError as error:
        return type(error), str(error), error.offset


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(source: Any, syntax: str, **options: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(one, "short_road", lambda *_: None)
            return outcome(source, syntax, **options)

    return run


def is_short(source: Any, syntax: str, **options: Any) -> bool:
    try:
        with open_reader(source) as reader:
            return short_road(reader, None, Options(syntax=syntax, **options)) is not None
    except RadkitError:
        return False


def pictures() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(3)
    yield "12 bits", encoded(ct())
    yield "12 bits, signed", encoded(ct(signed=True))
    yield "16 bits", encoded(ct(bits=16))
    yield "16 bits, signed", encoded(ct(bits=16, signed=True))
    yield "8 bits", encoded(ct(rng.integers(0, 256, (7, 9), dtype=np.uint8), bits=8))
    yield "RGB", encoded(ct(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8), bits=8))


PICTURES = dict(pictures())


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_both_roads_give_the_same(name: str, syntax: str, general: Any) -> None:
    source = PICTURES[name]
    assert is_short(source, syntax)
    made = outcome(source, syntax)
    assert made == general(source, syntax) and made.sha256 is not None and made.max_error == 0
    assert outcome(source, syntax, verify=False) == general(source, syntax, verify=False)


def test_both_roads_take_the_layout_of_the_caller(general: Any) -> None:
    coding = Coding(block=(32, 32), levels=3, plt=True, progression="RPCL")
    made = outcome(PICTURES["12 bits"], "htj2k-lossless-rpcl", coding=coding)
    assert made == general(PICTURES["12 bits"], "htj2k-lossless-rpcl", coding=coding)
    assert made.data != outcome(PICTURES["12 bits"], "htj2k-lossless-rpcl").data


@needs_data
def test_both_roads_give_the_same_over_all_of_the_data(general: Any) -> None:
    seen: Counter[bool] = Counter()
    for path in sorted(p for p in DATA.rglob("*") if p.is_file()):
        if path.stat().st_size > 4 << 20:  # read in pieces, by the general road
            continue
        data = path.read_bytes()
        short = is_short(data, "htj2k-lossless-rpcl")
        seen[short] += 1
        if short:
            made = outcome(data, "htj2k-lossless-rpcl")
            assert made == general(data, "htj2k-lossless-rpcl"), path
    assert seen[True] > 100 and seen[False] > 100


def changed(**attributes: Any) -> bytes:
    dataset = ct()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return encoded(dataset)


def stray_bit() -> bytes:
    dataset = ct()
    words = bytearray(dataset.PixelData)
    words[1] |= 0x80  # beside the 12 stored bits
    dataset.PixelData = bytes(words)
    return encoded(dataset)


ODD = {
    "lossy once": changed(LossyImageCompression="01", LossyImageCompressionRatio="8"),
    "no frames": changed(NumberOfFrames=None),
    "bits beside": stray_bit(),
    "High Bit": changed(HighBit=13, BitsStored=13),
    "too long": changed(PixelData=ct().PixelData + bytes(2)),
    "too short": changed(PixelData=ct().PixelData[:-2]),
    "no instance": changed(SOPInstanceUID=""),
    "unknown colour": changed(PhotometricInterpretation="GREY"),
    "cut": PICTURES["12 bits"][:-100],
    "without preamble": PICTURES["12 bits"][132:],
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_told_as_before(name: str, general: Any) -> None:
    for strict in (True, False):
        made = outcome(ODD[name], "htj2k-lossless-rpcl", strict=strict)
        assert made == general(ODD[name], "htj2k-lossless-rpcl", strict=strict)


@pytest.mark.parametrize(
    "options",
    [{"lossy": Lossy(ratio=4.0)}, {"verify": "independent"}, {"new_uid": "always"}],
)
def test_other_wishes_take_the_general_road(options: dict[str, Any]) -> None:
    assert not is_short(PICTURES["12 bits"], "htj2k", **options)


@pytest.mark.parametrize("name", ["max_pixels", "max_elements", "max_memory_bytes"])
def test_limits_are_those_of_the_general_road(name: str, general: Any) -> None:
    source = PICTURES["12 bits"]
    with limits.use(**{name: 10}):
        made = outcome(source, "htj2k-lossless-rpcl")
        assert isinstance(made, tuple) and made == general(source, "htj2k-lossless-rpcl")


def test_a_wrong_codestream_is_never_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"what was there")
    honest = registry.encode_frame

    def wrong(coding: str, array: np.ndarray, spec: Any, **options: Any) -> Any:
        array = array.copy()
        array[3, 4] ^= 1
        return honest(coding, array, spec, **options)

    monkeypatch.setattr(registry, "encode_frame", wrong)
    for syntax in SYNTAXES:
        with pytest.raises(VerificationError, match="1 of 480 samples"):
            transcode(PICTURES["12 bits"], path, syntax)
    assert path.read_bytes() == b"what was there" and list(tmp_path.iterdir()) == [path]


def test_what_does_not_read_back_is_never_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    from radkit.transcoding import short

    honest = short._head
    calls: list[int] = []

    def other(view: Any) -> Any:
        calls.append(1)
        found = honest(view)
        return replace(found, image=replace(found.image, rows=21)) if len(calls) > 1 else found

    monkeypatch.setattr(short, "_head", other)
    with pytest.raises(VerificationError, match="another kind of image"):
        transcode(PICTURES["12 bits"], None, "htj2k-lossless-rpcl")
    assert len(calls) == 2
