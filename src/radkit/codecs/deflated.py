"""Deflated Image Frame Compression (PS3.5 A.4.13, 8.2.16): raw deflate of native frames."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from radkit import limits
from radkit.codecs import native
from radkit.codecs._common import Region, as_view, refuse_partial
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import CorruptPixelData, OptionError, Problem, TruncatedPixelData

__all__ = ["decode_frame", "encode_frame", "frame_info"]


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return None: deflated samples have no header."""
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
    """Decode a frame of a DICOM object; see `radkit.codecs.registry.decode_frame`."""
    refuse_partial("deflated frames", reduce, layers)
    view = as_view(data)
    # YBR_FULL_422 may be written in full by mistake, which `native` recognises by its length.
    need = max(native.frame_bytes(spec), spec.rows * spec.cols * spec.samples)
    if spec.bits_allocated == 1:
        need = native.frame_bytes(spec)
    limits.check("max_memory_bytes", 2 * need, "bytes to inflate a frame")
    inflated, problems = _inflate(view, need, strict)
    frame = native.unpack(memoryview(inflated), spec, region, strict=strict)
    return _with(frame, problems)


def _with(frame: UncodedFrame, problems: list[Problem]) -> UncodedFrame:
    import dataclasses

    return dataclasses.replace(frame, problems=(*problems, *frame.problems))


def _inflate(view: memoryview, need: int, strict: bool) -> tuple[bytes, list[Problem]]:
    """Inflate at most one frame, its pad byte, and one byte that tells of too much."""
    problems: list[Problem] = []
    inflater = zlib.decompressobj(-15)
    try:
        found = inflater.decompress(view, need + 2)
    except zlib.error:
        # Some writers leave the zlib header on; the raw stream then makes no sense.
        inflater = zlib.decompressobj()
        try:
            found = inflater.decompress(view, need + 2)
        except zlib.error:
            raise CorruptPixelData(
                "the frame is not a deflate stream", section="RFC 1951"
            ) from None
        problems.append(Problem(code="zlib-header", text="a zlib header before the deflated frame"))
    if len(found) > need + 1:
        raise CorruptPixelData(
            f"the frame inflates to more than its {need} bytes", section="PS3.5 8.2.16"
        )
    if not inflater.eof:
        if strict:
            raise TruncatedPixelData(
                "the deflate stream ends early", decoded=min(len(found) / max(need, 1), 1.0)
            )
        problems.append(Problem(code="truncated", text="the deflate stream ends early"))
    return found, problems


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode a frame as raw deflate of its native bytes."""
    if lossy is not None:
        raise OptionError("deflated frames lose nothing: leave lossy out")
    if coding is not None:
        raise OptionError("Coding is for JPEG 2000 and HTJ2K")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflater.compress(native.pack(array, spec)) + deflater.flush()
    return CodedFrame(data=data, photometric=spec.photometric)
