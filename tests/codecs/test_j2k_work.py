"""Work on code-blocks is paid for by their bytes: small files do not ask for minutes."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from fuzz.worst import Bits

from radkit import limits
from radkit.codecs import jpeg2000
from radkit.codecs.options import Coding
from radkit.errors import LimitExceeded


def fresh_nodes(side: int) -> list[int]:
    """Return for each leaf of a tag tree how many nodes above it were not asked before."""
    seen: set[tuple[int, int, int]] = set()
    counts = []
    for y in range(side):
        for x in range(side):
            path = {(k, x >> k, y >> k) for k in range((side - 1).bit_length() + 1)}
            counts.append(len(path - seen))
            seen |= path
    return counts


def stream(blocks: int, passes: int, size: int, *, planes: int, roi: int = 0) -> bytes:
    """Return blocks x blocks code-blocks in one packet, each of `size` bytes and many passes."""
    header, side = Bits(), 64 * blocks
    header.put(1, 1)
    for fresh in fresh_nodes(blocks):
        header.put((1 << fresh) - 1, fresh)  # included
        header.put((1 << fresh) - 1, fresh)  # no plane is missing
        header.put(0b111111111, 9)
        header.put(passes - 37, 7)
        header.put(0, 1)  # Lblock stays 3
        header.put(size, 3 + passes.bit_length() - 1)
    body = header.close() + bytes(size * blocks**2)
    segments = (
        (0x51, struct.pack(">H8IH3B", 0, side, side, 0, 0, side, side, 0, 0, 1, 15, 1, 1)),
        (0x52, struct.pack(">BBHBBBBBB", 0, 0, 1, 0, 0, 4, 4, 0, 1)),
        (0x5C, bytes([7 << 5, (planes - 6) << 3])),
        (0x5E, bytes([0, 0, roi])),
    )
    main = b"".join(struct.pack(">BBH", 0xFF, m, len(s) + 2) + s for m, s in segments)
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(body), 0, 1)
    return b"\xff\x4f" + main + sot + b"\xff\x93" + body + b"\xff\xd9"


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("blocks", "passes", "planes", "roi"), [(128, 58, 20, 0), (128, 109, 37, 0), (32, 164, 37, 25)]
)
def test_passes_without_bytes_are_refused(blocks, passes, planes, roi, strict):
    data = stream(blocks, passes, 1, planes=planes, roi=roi)
    assert len(data) < 100_000
    begin = time.process_time()
    with limits.use(limits.UNTRUSTED), pytest.raises(LimitExceeded, match="work"):
        jpeg2000.decode(data, strict=strict)
    assert time.process_time() - begin < 1


def test_a_few_such_blocks_are_decoded():
    data = stream(4, 58, 1, planes=20)
    assert jpeg2000.decode(data, strict=False).shape == (256, 256)


def test_pictures_of_little_but_some_deep_samples_are_no_work_to_refuse():
    """The least bytes for the most passes that a coder makes: one sample in each block."""
    picture = np.zeros((2048, 2048), np.uint16)
    picture[32::64, 32::64] = 65535
    data = jpeg2000.encode(picture, bits=16, coding=Coding(levels=0))
    np.testing.assert_array_equal(jpeg2000.decode(data), picture)
