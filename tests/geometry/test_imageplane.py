from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radkit.errors import CorruptFile, GeometryError, OptionError
from radkit.geometry import Plane, apply
from radkit.mpr import reformat
from radkit.testing import write_series
from radkit.volume import load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")


def test_plane_of_a_slice_cuts_that_slice(tmp_path):
    cosines = (0.8, 0.6, 0, 0, 0, -1)
    folder = write_series(tmp_path, slices=5, cosines=cosines)
    volume = load_volume(folder)
    for k in range(5):
        plane = Plane.from_image(folder / f"{k:04d}.dcm")
        assert plane.along_row == pytest.approx((0.8, 0.6, 0))
        assert plane.along_col == pytest.approx((0, 0, -1))
        image = reformat(volume, plane, size=volume.shape[1:], spacing=volume.spacing[1:])
        index = volume.instances.index(
            __import__("pydicom").dcmread(folder / f"{k:04d}.dcm").SOPInstanceUID
        )
        assert np.array_equal(image.array, volume.array[index])


@needs_data
def test_plane_of_a_frame_of_an_enhanced_object():
    source = next((SHARED / "ct-enhanced").glob("*.dcm"))
    volume = load_volume([source])
    found = [np.array(Plane.from_image(source, frame).centre) for frame in range(2)]
    middles = apply(
        volume.affine, [(k, *((n - 1) / 2 for n in volume.shape[1:])) for k in range(2)]
    )
    assert sorted(map(tuple, np.round(found, 6))) == sorted(map(tuple, np.round(middles, 6)))
    with pytest.raises(OptionError):
        Plane.from_image(source, 2)
    with pytest.raises(OptionError):
        Plane.from_image(source, -1)


@needs_data
def test_image_without_a_place_is_refused():
    with pytest.raises(GeometryError, match="position"):
        Plane.from_image(SHARED / "syntaxes" / "native_rgb_px.dcm")
    with pytest.raises(CorruptFile):
        Plane.from_image(b"no dicom at all, nothing like it" * 20)
