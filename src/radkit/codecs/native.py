"""Uncompressed frames, each in a fragment of its own (PS3.5 A.4.11).

Little endian, as the data set's native form, but a frame of 1-bit samples starts
on a byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_region,
    refuse_partial,
)
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    OptionError,
    Problem,
    TruncatedPixelData,
)

__all__ = ["decode_frame", "encode_frame", "frame_bytes", "frame_info", "pack", "unpack"]


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return None: raw samples have no header."""
    return None


def frame_bytes(spec: FrameSpec) -> int:
    """Return the bytes of a frame in native form, without padding."""
    samples = spec.rows * spec.cols * spec.samples
    if spec.bits_allocated == 1:
        return -(-samples // 8)
    if _is_ybr_422(spec):
        samples = spec.rows * spec.cols * 2
    return samples * (spec.bits_allocated // 8)


def _is_ybr_422(spec: FrameSpec) -> bool:
    return spec.photometric == "YBR_FULL_422" and spec.samples == 3 and not spec.planar


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
    refuse_partial("uncompressed", reduce, layers)
    return unpack(as_view(data), spec, region, strict=strict)


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode a frame: its samples, interleaved, little endian."""
    if lossy is not None:
        raise OptionError("uncompressed frames lose nothing: leave lossy out")
    if coding is not None:
        raise OptionError("Coding is for JPEG 2000 and HTJ2K")
    return CodedFrame(data=pack(array, spec), photometric=spec.photometric)


def unpack(
    view: memoryview, spec: FrameSpec, region: Region | None = None, *, strict: bool = True
) -> UncodedFrame:
    """Return the samples of one native frame that starts on a byte.

    Bits above Bits Stored are undefined (PS3.5 8.1.1) and come out as 0.
    """
    _check_bits(spec)
    row0, row1, col0, col1 = check_region(region, spec.rows, spec.cols)
    itemsize = max(spec.bits_allocated // 8, 1)
    check_cost(spec.rows, spec.cols, spec.samples, itemsize, work=itemsize)
    need = frame_bytes(spec)
    problems, sound = [], 1.0
    expanded = spec.rows * spec.cols * 3 * itemsize
    is_422 = _is_ybr_422(spec) and view.nbytes < expanded
    if _is_ybr_422(spec) and not is_422:
        need = expanded
        problems.append(
            Problem(code="ybr-422-not-subsampled", text="YBR_FULL_422 with chroma in every pixel")
        )
    if view.nbytes < need:
        sound = view.nbytes / need
        if strict:
            raise TruncatedPixelData(
                f"the frame has {view.nbytes} bytes, {need} are needed", decoded=sound
            )
        view = memoryview(bytes(view) + bytes(need - view.nbytes))
        problems.append(Problem(code="truncated", text="the frame is short"))
    elif view.nbytes > need + (need & 1):
        problems.append(
            Problem(code="frame-too-long", text=f"{view.nbytes - need} bytes too many in a frame")
        )
    array = _samples(view[:need], spec, is_422)
    if 1 < spec.bits_stored < spec.bits_allocated:
        array &= array.dtype.type((1 << spec.bits_stored) - 1)
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    full = "YBR_FULL" if spec.photometric == "YBR_FULL_422" else spec.photometric
    return UncodedFrame(
        array=array,
        precision=min(spec.bits_stored, spec.bits_allocated),
        signed=False,
        photometric=full,
        lossy=False,
        sound=sound,
        problems=tuple(problems),
    )


def _check_bits(spec: FrameSpec) -> None:
    if spec.bits_allocated not in (1, 8, 16, 32):
        raise CorruptPixelData(
            f"{spec.bits_allocated} bits allocated; 1, 8, 16 and 32 are decoded",
            section="PS3.5 8.1.1",
        )
    if _is_ybr_422(spec) and (spec.bits_allocated != 8 or spec.cols % 2):
        raise CorruptPixelData(
            "YBR_FULL_422 needs 8 bits and an even number of columns", section="PS3.3 C.7.6.3.1.2"
        )


def _samples(view: memoryview, spec: FrameSpec, is_422: bool) -> np.ndarray:
    rows, cols, count = spec.rows, spec.cols, spec.samples
    if spec.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(view, np.uint8), bitorder="little")
        flat = bits[: rows * cols * count]
    else:
        kind = np.dtype(f"<u{spec.bits_allocated // 8}")
        flat = np.frombuffer(view, kind).astype(kind.newbyteorder("="))
    if is_422:
        pairs = flat.reshape(rows, cols // 2, 4)
        array = np.empty((rows, cols, 3), flat.dtype)
        array[..., 0] = pairs[..., :2].reshape(rows, cols)
        array[..., 1:] = np.repeat(pairs[..., 2:], 2, axis=1)
        return array
    if count == 1:
        return flat.reshape(rows, cols)
    if spec.planar:
        return np.ascontiguousarray(np.moveaxis(flat.reshape(count, rows, cols), 0, -1))
    return flat.reshape(rows, cols, count)


def pack(array: np.ndarray, spec: FrameSpec) -> bytes:
    """Return the native bytes of a frame, interleaved unless `spec.planar`, unpadded."""
    image = np.asarray(array)
    wanted = (spec.rows, spec.cols) + ((spec.samples,) if spec.samples > 1 else ())
    if image.shape != wanted:
        raise EncodeError(f"the frame has shape {image.shape}, the data set says {wanted}")
    if image.dtype == np.bool_:
        image = image.view(np.uint8)
    if image.dtype.kind not in "iu":
        raise EncodeError(f"a frame to encode must be of integers, not {image.dtype}")
    if spec.bits_allocated not in (1, 8, 16, 32):
        raise EncodeError(f"{spec.bits_allocated} bits allocated; 1, 8, 16 and 32 are written")
    low = -(1 << spec.bits_allocated - 1) if spec.signed else 0
    high = (1 << spec.bits_allocated - spec.signed) - 1
    if int(image.min()) < low or int(image.max()) > high:
        raise EncodeError(f"the frame has values outside {spec.bits_allocated} bits")
    if spec.samples > 1 and spec.planar:
        image = np.moveaxis(image, -1, 0)
    if spec.bits_allocated == 1:
        flat = np.ascontiguousarray(image, dtype=np.uint8).reshape(-1)
        return np.packbits(flat, bitorder="little").tobytes()
    return image.astype(f"<{'i' if spec.signed else 'u'}{spec.bits_allocated // 8}").tobytes()
