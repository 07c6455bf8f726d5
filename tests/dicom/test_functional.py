from __future__ import annotations

import struct

import pytest
from pydicom import dcmread
from written import EXPLICIT, SHARED, element, image, item, meta, text

from radkit.dicom.functional import (
    FRAME_CONTENT,
    PIXEL_MEASURES,
    PIXEL_VALUE_TRANSFORMATION,
    PLANE_POSITION,
    FunctionalGroups,
)
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import open_object
from radkit.errors import CorruptFile

SLOPE = 0x00281053


def slope(value):
    inner = element(SLOPE, "DS", text(str(value)))
    return element(PIXEL_VALUE_TRANSFORMATION, "SQ", item(inner))


def opened(per_frame=None, shared=None, top=None, frames=3):
    changes = {0x00280008: ("IS", text(str(frames)))}
    if top is not None:
        changes[SLOPE] = ("DS", text(str(top)))
    if shared is not None:
        changes[0x52009229] = ("SQ", item(shared))
    if per_frame is not None:
        changes[0x52009230] = ("SQ", b"".join(item(one) for one in per_frame))
    return open_object(image(bytes(24 * frames), changes=changes))


def slopes(obj, frames=3):
    groups = FunctionalGroups(obj, frames)
    found = []
    for i in range(frames):
        where = groups.find(i, PIXEL_VALUE_TRANSFORMATION, SLOPE)
        found.append(None if where is None else where.floats(SLOPE)[0])
    return found


def test_per_frame_comes_before_shared_before_top_level():
    each = [slope(1), slope(2), slope(3)]
    assert slopes(opened(each, slope(9), 8)) == [1, 2, 3]
    assert slopes(opened([b""] * 3, slope(9), 8)) == [9] * 3
    assert slopes(opened([b""] * 3, b"", 8)) == [8] * 3
    assert slopes(opened(None, None, 8)) == [8] * 3
    assert slopes(opened([b""] * 3)) == [None] * 3
    assert slopes(opened()) == [None] * 3


def test_frame_without_the_macro_that_others_have_takes_the_shared_one():
    assert slopes(opened([slope(1), b"", slope(3)], slope(9))) == [1, 9, 3]


def test_gap_in_per_frame_groups_never_takes_another_frame():
    groups = FunctionalGroups(opened([slope(1), b"", slope(3)], None, 8), 3)
    assert groups.find(2, PIXEL_VALUE_TRANSFORMATION, SLOPE).floats(SLOPE) == (3.0,)
    for look in (groups.macro, groups.items):
        with pytest.raises(CorruptFile) as caught:
            look(1, PIXEL_VALUE_TRANSFORMATION)
        assert caught.value.frame == 1
    assert groups.macro(1, PIXEL_MEASURES) is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_other_number_of_items_than_frames_raises(count):
    with pytest.raises(CorruptFile, match="3"):
        FunctionalGroups(opened([slope(1)] * count), 3)


def test_frame_out_of_range_raises():
    groups = FunctionalGroups(opened([slope(1)] * 3), 3)
    for frame in (-1, 3):
        with pytest.raises(CorruptFile):
            groups.macro(frame, PIXEL_MEASURES)


def test_same_for_all_tells_shared_from_per_frame():
    groups = FunctionalGroups(opened([slope(1)] * 3, element(PIXEL_MEASURES, "SQ", item(b""))), 3)
    assert groups.present
    assert groups.same_for_all(PIXEL_MEASURES)
    assert not groups.same_for_all(PIXEL_VALUE_TRANSFORMATION)
    assert not FunctionalGroups(opened(), 3).present


def test_empty_macro_item_has_no_value():
    data = element(PIXEL_VALUE_TRANSFORMATION, "SQ", b"")
    assert slopes(opened([data] * 3, None, 8)) == [8] * 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is absent")
@pytest.mark.parametrize(
    "name", ["ct-enhanced/000.dcm", "mr-enhanced-4d/000.dcm", "mr-enhanced-siemens/000.dcm"]
)
def test_frames_of_enhanced_objects_equal_pydicom(name):
    dataset = dcmread(SHARED / name)
    with open_object(SHARED / name) as obj:
        frames = ImagePixel.from_object(obj).frames
        groups = FunctionalGroups(obj, frames)
        for i, theirs in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            position = groups.macro(i, PLANE_POSITION)
            want = tuple(map(float, theirs.PlanePositionSequence[0].ImagePositionPatient))
            assert position.floats(0x00200032) == want
            content = groups.macro(i, FRAME_CONTENT)
            assert content.ints(0x00209157) == tuple(
                theirs.FrameContentSequence[0].DimensionIndexValues
            )


def test_double_in_an_item():
    value = struct.pack("<d", 0.1)
    data = meta(EXPLICIT) + element(0x00409096, "SQ", item(element(0x00409225, "FD", value)))
    (one,) = open_object(data).elements.items(0x00409096)
    assert one.floats(0x00409225) == (0.1,)
