"""Strips of code-blocks, the width of their coefficients, and parts of a frame in threads."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from coded import smooth

from radkit.codecs import htj2k, jpeg2000
from radkit.errors import CorruptPixelData

CODECS = [jpeg2000, htj2k]
ROWS, COLS = 700, 530  # some strips, none of them of whole code-blocks at the ends


def checkered(image: np.ndarray, top: int) -> np.ndarray:
    """Give the last rows the steepest edges there are: 13 bits then need more than 16."""
    image = image.copy()
    part = image[-90:]
    part[...] = np.indices(part.shape).sum(axis=0) % 2 * top
    return image


def images() -> dict[str, tuple[np.ndarray, int]]:
    twelve, sixteen = smooth(ROWS, COLS, 12), smooth(ROWS, COLS, 16)
    thirteen = smooth(ROWS, COLS, 13)
    return {
        "twelve": (twelve, 12),
        "twelve-in-sixteen": (twelve, 16),
        "twelve-in-sixteen-then-edges": (checkered(twelve, 65535), 16),
        "thirteen-then-edges": (checkered(thirteen, 8191), 13),
        "sixteen": (sixteen, 16),
        "signed": ((twelve.astype(np.int32) - 1024).astype(np.int16), 16),
        "signed-then-edges": (checkered((twelve >> 2).astype(np.int16), 32767), 16),
        "rgb": (np.stack([twelve >> 4, twelve >> 5, 255 - (twelve >> 4)], -1).astype(np.uint8), 8),
    }


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", images())
def test_decode_gives_the_image_in_any_number_of_threads(codec: ModuleType, name: str) -> None:
    image, bits = images()[name]
    data = codec.encode(image, bits=bits)
    for threads in (1, 2, 3, 5):
        assert np.array_equal(codec.decode(data, threads=threads), image)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", images())
def test_parts_of_an_image_are_those_of_the_whole(codec: ModuleType, name: str) -> None:
    image, bits = images()[name]
    data = codec.encode(image, bits=bits)
    for row0, row1, col0, col1 in [(0, 1, 0, 1), (63, 66, 127, 130), (300, 700, 1, 530)]:
        part = codec.decode(data, region=(row0, row1, col0, col1), threads=2)
        assert np.array_equal(part, image[row0:row1, col0:col1])
    half = codec.decode(data, reduce=1)
    assert np.array_equal(codec.decode(data, reduce=1, threads=2), half)


@pytest.mark.parametrize("codec", CODECS)
def test_damage_is_the_same_in_any_number_of_threads(codec: ModuleType) -> None:
    data = codec.encode(smooth(ROWS, COLS, 12), bits=12)
    rng, errors = np.random.default_rng(7), 0
    for _ in range(8):
        bad = bytearray(data)
        for place in rng.integers(200, len(data) - 2, 20):
            bad[place] = rng.integers(256)
        found = []
        for threads in (1, 2, 4):
            array = codec.decode(bytes(bad), strict=False, threads=threads)
            try:
                codec.decode(bytes(bad), threads=threads)
                error = None
            except CorruptPixelData as caught:
                error = (type(caught), str(caught), caught.offset)
            found.append((array.tobytes(), error))
        assert found[1] == found[0] and found[2] == found[0]
        errors += found[0][1] is not None
    assert errors or codec is jpeg2000  # arithmetic coding takes any bytes
