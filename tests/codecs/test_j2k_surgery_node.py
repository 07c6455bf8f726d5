"""Cut and recoded codestreams in the decoders that browsers run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from browsers import OPENJPEG, OPENJPH, as_given, decode_all, needs_browsers
from coded import smooth

from radkit.codecs import htj2k, jpeg2000
from radkit.codecs.options import Coding

pytestmark = needs_browsers

LAYOUTS = [
    Coding(),
    Coding(tile=(64, 96), levels=2, progression="CPRL"),
    Coding(precincts=((64, 64), (32, 32)), levels=3, progression="LRCP", tile_parts=False),
]


def compare(folder: Path, package: str, streams: list[bytes]) -> None:
    for index, found in enumerate(decode_all(folder, package, streams)):
        expected = as_given(jpeg2000.decode(streams[index]), package)
        np.testing.assert_array_equal(found, expected, err_msg=str(index))


def cuts(data: bytes) -> list[bytes]:
    made = [jpeg2000.truncate(data, reduce=n) for n in (1, 2)]
    return made + [jpeg2000.truncate(data, max_bytes=len(data) * k // 10) for k in (4, 6, 8)]


def test_cut_streams(tmp_path: Path) -> None:
    image = smooth(150, 202, 12) // 2 + 1024  # OpenJPH does not clamp
    ht = [cut for coding in LAYOUTS for cut in cuts(htj2k.encode(image, bits=12, coding=coding))]
    layered = jpeg2000.encode(image, bits=12, coding=Coding(layers=(20.0, 8.0)))
    plain = [cut for c in LAYOUTS for cut in cuts(jpeg2000.encode(image, bits=12, coding=c))]
    compare(tmp_path, OPENJPH, ht)
    compare(tmp_path, OPENJPEG, plain + cuts(layered) + [jpeg2000.truncate(layered, layers=1)])


def test_recoded_streams(tmp_path: Path) -> None:
    image = smooth(150, 202, 12) // 2 + 1024  # OpenJPH does not clamp
    sources = [jpeg2000.encode(image, bits=12, coding=coding) for coding in LAYOUTS]
    made = [jpeg2000.transcode(source, "htj2k") for source in sources]
    compare(tmp_path, OPENJPH, made)
    compare(tmp_path, OPENJPEG, [jpeg2000.transcode(ht, "jpeg2000") for ht in made])


def test_bare_prefixes_of_resolutions(tmp_path: Path) -> None:
    """OpenJPH takes the stored bytes as they are, cut where a resolution ends."""
    image = smooth(150, 202, 12) // 2 + 1024
    data = htj2k.encode(image, bits=12)
    index = htj2k.index(data)
    reduces = list(range(index.reductions + 1))
    prefixes = [data[: index.bytes(reduce=reduce)] for reduce in reduces]
    for reduce, found in zip(
        reduces, decode_all(tmp_path, OPENJPH, prefixes, reduces), strict=True
    ):
        np.testing.assert_array_equal(found, htj2k.decode(data, reduce=reduce), err_msg=str(reduce))


def test_resolutions_of_closed_prefixes(tmp_path: Path) -> None:
    """OpenJPEG wants the cut stream closed, as `truncate` does."""
    data = jpeg2000.encode(smooth(150, 202, 12), bits=12)
    reduces = list(range(jpeg2000.index(data).reductions + 1))
    cut = [jpeg2000.truncate(data, reduce=reduce) for reduce in reduces]
    for reduce, found in zip(reduces, decode_all(tmp_path, OPENJPEG, cut), strict=True):
        np.testing.assert_array_equal(found, jpeg2000.decode(data, reduce=reduce))


def test_first_bytes_closed_by_eoc(tmp_path: Path) -> None:
    """What a client can do itself: OpenJPEG takes the bare bytes with EOC behind them."""
    data = jpeg2000.encode(smooth(150, 202, 12), bits=12)
    index = jpeg2000.index(data)
    reduces = list(range(index.reductions + 1))
    first = [data[: index.bytes(reduce=reduce)] + b"\xff\xd9" for reduce in reduces]
    for reduce, found in zip(reduces, decode_all(tmp_path, OPENJPEG, first, reduces), strict=True):
        np.testing.assert_array_equal(found, jpeg2000.decode(data, reduce=reduce))
