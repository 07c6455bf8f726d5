"""Encapsulated icons follow a change of syntax, or go."""

from __future__ import annotations

import numpy as np
import pytest
from objects_made import ct, encoded, read
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from radkit.codecs import rle
from radkit.codecs.options import Lossy
from radkit.errors import EncodeError
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


def with_icons_inside(*coded: bytes | None) -> bytes:
    """An RLE object with icons in the items of another sequence, and none of its own."""
    ds = read(with_icon(rle.encode(ICON)))
    ds.ReferencedImageSequence = []
    for data in coded:
        item = Dataset()
        item.ReferencedSOPInstanceUID = "1.2.3"
        item.IconImageSequence = read(with_icon(data)).IconImageSequence
        ds.ReferencedImageSequence.append(item)
    del ds.IconImageSequence
    return encoded(ds)


@pytest.mark.parametrize("syntax", ["explicit-le", "implicit-le", "htj2k-lossless"])
def test_icons_inside_of_sequences_are_decoded_too(syntax: str) -> None:
    other = ICON[::-1].copy()
    source = with_icons_inside(rle.encode(ICON), None, rle.encode(other))
    after = read(transcode(source, None, syntax).data).ReferencedImageSequence
    icons = [item.IconImageSequence[0].PixelData for item in after]
    assert icons == [ICON.tobytes(), ICON.tobytes(), other.tobytes()]


def test_icon_inside_of_a_sequence_that_does_not_decode_is_refused() -> None:
    with pytest.raises(EncodeError, match="icon"):
        transcode(with_icons_inside(b"\xff" * 70), None, "explicit-le")


def test_frame_type_and_icon_of_one_sequence_both_follow() -> None:
    ds = read(with_icons_inside(rle.encode(ICON)))
    ds.SharedFunctionalGroupsSequence = ds.ReferencedImageSequence
    frame = Dataset()
    frame.FrameType = ["ORIGINAL", "PRIMARY"]
    ds.SharedFunctionalGroupsSequence[0].MRImageFrameTypeSequence = [frame]
    result = transcode(encoded(ds), None, "htj2k", lossy=Lossy(ratio=4))
    item = read(result.data).SharedFunctionalGroupsSequence[0]
    assert item.MRImageFrameTypeSequence[0].FrameType[0] == "DERIVED"
    assert item.IconImageSequence[0].PixelData == ICON.tobytes()
