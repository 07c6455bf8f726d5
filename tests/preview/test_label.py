"""Whatever leaves as a preview says so, in words that other readers find."""

from __future__ import annotations

import io
import json

import imagecodecs
import numpy as np
import pytest
from pictures import coded_ct
from PIL import Image

import radkit
from radkit.codecs import htj2k
from radkit.errors import OptionError
from radkit.preview import encode_picture, pyramid, sidecar, thumbnail, volume_pyramid, windowed
from radkit.testing import sample, write_series

WORDS = "radkit preview, not for diagnosis"


def words_of(data: bytes) -> str:
    info = Image.open(io.BytesIO(data)).info
    found = info.get("comment", info.get("Comment", b""))
    return found.decode() if isinstance(found, bytes) else found


@pytest.mark.parametrize("format_", ["jpeg", "png"])
@pytest.mark.parametrize("name", ["ct", "us_rgb"])
def test_files_say_so(name, format_):
    data = thumbnail(sample(name), size=64, format=format_)
    assert words_of(data) == WORDS
    bare = encode_picture(thumbnail(sample(name), size=64), format_)
    assert words_of(bare) == ""
    found, right = (np.asarray(Image.open(io.BytesIO(one))) for one in (data, bare))
    assert np.array_equal(found, right)


def test_jpeg_still_begins_with_jfif():
    image = Image.open(io.BytesIO(thumbnail(sample("ct"), format="jpeg")))
    assert image.info["jfif"] == 257
    assert image.applist[0][0] == "APP0"


def test_moving_png_says_so():
    data = thumbnail(sample("us_jpeg"), size=40, format="png", kind="animated")
    image = Image.open(io.BytesIO(data))
    assert image.is_animated
    assert words_of(data) == WORDS


def test_level_says_of_which_size_and_bytes_it_is():
    made = pyramid(coded_ct())
    share = 100 * made.bytes(1) / made.bytes(0)
    assert (
        words_of(made.encode(1, "png")) == f"{WORDS}: 1/2 of each side, {share:.3g} % of the bytes"
    )


@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_codestream_says_so(margin):
    made = windowed(sample("ct"), max_bytes=3000, window=(40, 400), margin=margin)
    assert len(made.data) <= 3000
    place = made.data.index(
        b"\xff\x64\x00" + bytes([len(WORDS) + 4]) + b"\x00\x01" + WORDS.encode()
    )
    assert place < made.data.index(b"\xff\x90")  # in front of the first tile-part
    found, right = imagecodecs.htj2k_decode(made.data), htj2k.decode(made.data)
    inside = (right > 0) & (right < right.max())  # OpenJPH wraps where radkit clamps
    assert inside.mean() > 0.5
    assert np.abs(found.astype(int) - right)[inside].max() <= 1  # 9/7: its own order of sums


def test_sidecar_says_so():
    assert "preview, not for diagnosis" in json.loads(sidecar(coded_ct()).to_bytes())["note"]


@pytest.mark.parametrize(("lossy", "first"), [(None, 1), (radkit.Lossy(max_error=3), 0)])
def test_volume_says_so(tmp_path, lossy, first):
    zarr = pytest.importorskip("zarr")
    series = write_series(tmp_path / "series", slices=4)
    volume_pyramid(series, tmp_path / "v.zarr", levels=2, lossy=lossy)
    told = zarr.open_group(tmp_path / "v.zarr", mode="r").attrs["preview"]
    assert told["label"] == WORDS and told["levels_from"] == first
    assert (told["lossy"] is None) == (lossy is None)


@pytest.mark.parametrize("label", ["\N{GREEK SMALL LETTER MU}", "x" * 1001])
def test_words_that_a_comment_cannot_hold(label):
    with pytest.raises(OptionError, match="label"):
        encode_picture(np.zeros((8, 8), np.uint8), "png", label=label)
