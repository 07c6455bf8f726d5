"""Opens radkit's own encoder of JPEG 2000 and HTJ2K on an array."""

from __future__ import annotations

import numpy as np

from radkit import limits
from radkit._native import cpu
from radkit._native._j2k_encode import Encoder
from radkit.codecs.options import Coding

__all__ = ["open_encoder"]

ORDERS = {"LRCP": 0, "RLCP": 1, "RPCL": 2, "PCRL": 3, "CPRL": 4}
COMMENT = b"radkit"


def _log2(sides: tuple[int, int]) -> tuple[int, int]:
    return sides[0].bit_length() - 1, sides[1].bit_length() - 1


def open_encoder(
    image: np.ndarray,
    *,
    bits: int,
    signed: bool,
    mct: bool,
    levels: int,
    coding: Coding,
    ht: bool,
    span: tuple[int, int],
    keep: bool = False,
    rated: bool = False,
    layers: int = 1,
    sop: bool = False,
    eph: bool = False,
) -> Encoder:
    """Return an encoder of a C-contiguous image, (rows, cols) or (rows, cols, components).

    `span` are values that no sample is below or above. With `keep` the encoder may run
    several times, with `rated` it may cut its blocks afterwards.
    """
    rows, cols = image.shape[:2]
    count = 1 if image.ndim == 2 else image.shape[2]
    size = image.itemsize
    precincts: tuple[tuple[int, int], ...] = ()
    if coding.precincts:
        last = len(coding.precincts) - 1
        precincts = tuple(_log2(coding.precincts[min(r, last)]) for r in range(levels + 1))
    return Encoder(
        image.reshape(-1).view(np.uint8),
        [(k * size, cols * count * size, count) for k in range(count)],
        size=(rows, cols),
        bits=8 * size,
        sign=image.dtype.kind == "i",
        span=span,
        depth=bits,
        signed=signed,
        levels=levels,
        block=_log2(coding.block),
        tile=coding.tile or (rows, cols),
        precincts=precincts,
        order=ORDERS[coding.progression],
        layers=layers,
        mct=mct,
        ht=ht,
        split=coding.tile_parts,
        tlm=coding.tlm,
        plt=coding.plt,
        sop=sop,
        eph=eph,
        comment=COMMENT,
        keep=keep,
        rated=rated,
        memory=limits.current().max_memory_bytes,
        cpu=cpu.USE,
    )
