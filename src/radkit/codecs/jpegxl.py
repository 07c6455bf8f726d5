"""JPEG XL (ISO 18181), read through libjxl; radkit does not write it.

The header of a JPEG XL image is itself entropy-coded in part, so only its size is
read here, for the limits; libjxl states the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit.codecs import _foreign
from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_region,
    check_spec,
    refuse_partial,
)
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import CorruptPixelData, EncodeError, Problem, TruncatedPixelData

__all__ = ["decode_frame", "encode_frame", "frame_info"]

LIBRARY = "libjxl"
CONTAINER = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
MAX_BOXES = 4096


class _Bits:
    """Reads little-endian bit fields, as ISO 18181-1 Annex B has them."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise TruncatedPixelData("the JPEG XL header is cut", decoded=0.0)
        found = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return found

    def size(self) -> int:
        return 1 + self.take((9, 13, 18, 30)[self.take(2)])


def _codestream(view: memoryview) -> tuple[bytes, bool]:
    """Return the first bytes of the codestream, and whether a JPEG lies in it."""
    if bytes(view[:2]) == b"\xff\x0a":
        return bytes(view[2:32]), False
    if bytes(view[:12]) != CONTAINER:
        if CONTAINER.startswith(bytes(view[:12])) or len(view) < 2:
            raise TruncatedPixelData("too short for a JPEG XL image", offset=0, decoded=0.0)
        raise CorruptPixelData("no JPEG XL signature", offset=0, section="ISO 18181-2")
    at, size, jpeg, head = 0, len(view), False, b""
    for _ in range(MAX_BOXES):
        if at + 8 > size:
            break
        length, kind = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(view[start : start + 8], "big"), start + 8
        end = size if length == 0 else at + length
        if end < start:
            raise CorruptPixelData("a box is shorter than its head", offset=at)
        if end > size:
            raise TruncatedPixelData("a box ends behind the data", offset=at, decoded=0.0)
        jpeg = jpeg or kind == b"jbrd"
        if not head and kind in (b"jxlc", b"jxlp"):
            body = start + (4 if kind == b"jxlp" else 0)
            head = bytes(view[body + 2 : min(body + 32, end)])
            if bytes(view[body : body + 2]) != b"\xff\x0a":
                raise CorruptPixelData("no codestream in its box", offset=body)
        at = end
    if not head:
        raise TruncatedPixelData("the JPEG XL file has no codestream", decoded=0.0)
    return head, jpeg


def _metadata(bits: _Bits) -> tuple[int | None, bool | None]:
    """Return bits per sample and whether samples are XYB; None where it is not read."""
    if bits.take(1):
        return 8, True
    if bits.take(1) or bits.take(1):  # extra fields, or samples of floating point
        return None, None
    which = bits.take(2)
    precision = (8, 10, 12)[which] if which < 3 else 1 + bits.take(6)
    bits.take(1)
    if bits.take(2):  # extra channels
        return precision, None
    return precision, bool(bits.take(1))


def _size(bits: _Bits) -> tuple[int, int]:
    """Return (rows, cols) of SizeHeader."""
    small = bits.take(1)
    rows = (1 + bits.take(5)) * 8 if small else bits.size()
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio]
        return rows, rows * across // down
    return rows, (1 + bits.take(5)) * 8 if small else bits.size()


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return None: only the size can be read without decoding."""
    return None


def decode_frame(
    data: Any,
    spec: FrameSpec,
    *,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    strict: bool = True,
) -> UncodedFrame:
    """Decode a frame of a DICOM object; see `radkit.codecs.registry.decode_frame`.

    libjxl undoes the colour transform of the stream: three components come as RGB.
    `lossy` is True unless the stream is bound to be lossless, which the header alone
    does not tell; the transfer syntax does.
    """
    refuse_partial("JPEG XL", reduce, layers)
    view = as_view(data)
    head, jpeg = _codestream(view)
    bits = _Bits(head)
    rows, cols = _size(bits)
    precision, xyb = _metadata(bits)
    check_spec(rows, cols, spec.samples, spec)
    row0, row1, col0, col1 = check_region(region, rows, cols)
    itemsize = 1 if spec.bits_stored <= 8 else 2
    # Modular and VarDCT both work on 32-bit planes.
    check_cost(rows, cols, spec.samples, itemsize, work=12)
    [array] = _foreign.run("jpegxl", LIBRARY, view, most=rows * cols * spec.samples * 4)
    shape = (rows, cols) if spec.samples == 1 else (rows, cols, spec.samples)
    if array.shape != shape:
        raise CorruptPixelData(f"the stream is of shape {array.shape}, the data set says {shape}")
    if array.dtype not in (np.uint8, np.uint16):
        raise CorruptPixelData(f"JPEG XL with samples of {array.dtype} has no place in DICOM")
    problems = []
    if int(array.max(initial=0)) >> spec.bits_stored:
        problems.append(
            Problem(
                code="precision-above-bits-stored",
                text=f"the stream has values above the {spec.bits_stored} of Bits Stored",
            )
        )
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    return UncodedFrame(
        array=array,
        precision=precision or 8 * array.dtype.itemsize,
        signed=False,
        photometric="RGB" if spec.samples == 3 else spec.photometric,
        lossy=jpeg or xyb is not False,
        problems=tuple(problems),
    )


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Refuse: radkit reads JPEG XL and does not write it."""
    raise EncodeError("radkit does not write JPEG XL", hint="Use htj2k-lossless-rpcl or htj2k")
