"""Encapsulated icons follow a change of syntax, or go."""

from __future__ import annotations

import numpy as np
import pytest
from objects_made import ct, encoded, read
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from radkit.codecs import rle
from radkit.transcoding.one import transcode

ICON = np.arange(42, dtype=np.uint8).reshape(6, 7)


def with_icon(coded: bytes | None) -> bytes:
    """An RLE object whose icon is coded as it is, or native."""
    ds = read(transcode(encoded(ct()), None, "rle").data)
    icon = Dataset()
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME2"
    icon.Rows, icon.Columns = ICON.shape
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.add_new(0x7FE00010, "OB", encapsulate([coded]) if coded else ICON.tobytes())
    icon["PixelData"].is_undefined_length = coded is not None
    ds.IconImageSequence = [icon]
    return encoded(ds)


@pytest.mark.parametrize("syntax", ["explicit-le", "implicit-le", "htj2k-lossless"])
def test_encapsulated_icon_is_decoded(syntax: str) -> None:
    source = with_icon(rle.encode(ICON))
    result = transcode(source, None, syntax)
    icon = read(result.data).IconImageSequence[0]
    assert icon.PixelData == ICON.tobytes() and icon.Rows == 6
    assert icon.PhotometricInterpretation == "MONOCHROME2"
    assert not any("Icon" in text for text in result.corrections)


@pytest.mark.parametrize("syntax", ["explicit-le", "htj2k-lossless"])
def test_icon_that_does_not_decode_is_left_out_and_told(syntax: str) -> None:
    result = transcode(with_icon(b"\xff" * 70), None, syntax)
    assert "IconImageSequence" not in read(result.data)
    assert any("Icon" in text for text in result.corrections)
    assert result.max_error == 0


def test_native_icon_stays() -> None:
    result = transcode(with_icon(None), None, "explicit-le")
    assert read(result.data).IconImageSequence[0].PixelData == ICON.tobytes()
