"""Against MONAI's own reader; skipped without MONAI, which needs torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radkit.errors import GeometryError, MissingDependency
from radkit.testing import write_series
from radkit.volume import load_volume

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="shared/data is absent")


def monai():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of MONAI's own imports
        return pytest.importorskip("monai.data")


def reader(**options):
    monai()
    from radkit.interop.monai import RadkitReader

    return RadkitReader(**options)


@needs_data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("series", ["ct-head-1mm", "mr-sag-decubitus", "ct-tilt"])
def test_series_is_what_monai_reads(series):
    data = monai()
    folder = str(SHARED / series)
    ours, told = reader().get_data(reader().read(folder))
    own = data.PydicomReader()
    theirs, known = own.get_data(own.read(folder))
    assert ours.shape == theirs.shape and list(told["spatial_shape"]) == list(ours.shape)
    index = np.array([3, 5, 2, 1])
    there = known["affine"] @ index
    here = np.linalg.inv(told["affine"]) @ there  # orders of slices may differ, places not
    assert np.allclose(here, np.rint(here), atol=1e-4)
    i, j, k = np.rint(here[:3]).astype(int)
    assert ours[i, j, k] == theirs[3, 5, 2]
    sides = np.linalg.norm(told["affine"][:3, :3], axis=0)
    assert sides == pytest.approx(np.linalg.norm(known["affine"][:3, :3], axis=0), abs=1e-6)


@needs_data
@pytest.mark.filterwarnings("ignore")
def test_load_image_of_monai_takes_the_reader():
    monai()
    from monai.transforms import LoadImage

    image = LoadImage(reader=reader(), image_only=True)(str(SHARED / "mr-t1-oblique"))
    volume = load_volume(SHARED / "mr-t1-oblique")
    assert tuple(image.shape) == volume.shape[::-1]
    assert np.array_equal(image.numpy(), volume.values().T)
    point = image.affine.numpy() @ [4, 3, 2, 1]
    assert point[:3] * [-1, -1, 1] == pytest.approx((volume.affine @ [2, 3, 4, 1])[:3])


@pytest.mark.filterwarnings("ignore")
def test_lists_of_files_and_of_folders(tmp_path):
    one = write_series(tmp_path / "one")
    write_series(tmp_path / "two", seed="two")
    made = reader()
    assert made.verify_suffix([str(one)]) and made.verify_suffix(str(one / "0000.dcm"))
    (tmp_path / "no.txt").write_text("no")
    assert not made.verify_suffix([tmp_path / "no.txt"])
    volumes = made.read(sorted(one.glob("*.dcm")))
    assert len(volumes) == 1 and volumes[0].shape == (8, 20, 24)
    pair = made.read([tmp_path / "one", tmp_path / "two"])
    array, told = made.get_data([pair[0], pair[0]])
    assert array.shape == (2, 24, 20, 8) and told["original_channel_dim"] == 0
    with pytest.raises(GeometryError):  # other frames of reference
        made.get_data(pair)
    array, told = reader(affine_lps_to_ras=False).get_data(pair[0])
    assert told["space"] == "LPS" and np.isnan(told["original_channel_dim"])


def test_without_monai_the_reader_says_so(monkeypatch):
    from radkit.interop import monai as module

    monkeypatch.setattr(module, "_Base", None)
    with pytest.raises(MissingDependency, match="MONAI"):
        module.RadkitReader()
