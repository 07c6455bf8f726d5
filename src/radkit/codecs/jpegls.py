"""JPEG-LS (T.87), lossless and near-lossless, through CharLS.

CharLS is strict about the length of its data, to within the last sample; see
`_without_eoi` for the rest.
Samples are unsigned in the stream; the caller reinterprets them if the data set
says they are signed.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from radkit.codecs import _charls, _foreign, _markers
from radkit.codecs._common import (
    Region,
    as_image,
    as_view,
    check_cost,
    check_region,
    check_spec,
    deliver,
    dtype_for,
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
    UnsupportedTransferSyntax,
)

__all__ = ["decode", "decode_frame", "encode", "encode_frame", "frame_info", "info"]

LIBRARY = "CharLS"
EOI = b"\xff\xd9"
LOSSLESS_UID = "1.2.840.10008.1.2.4.80"


def decode(data: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """Decode one JPEG-LS image.

    Parameters
    ----------
    data : bytes-like
        The stream, from SOI to EOI; bytes after EOI are ignored.
    out : ndarray, optional
        Receives the result; of its exact shape and dtype.

    Returns
    -------
    ndarray
        (rows, cols) or (rows, cols, components), uint8 or uint16.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The stream is broken, or not all of it is there.
    UnsupportedTransferSyntax
        A colour transform of HP is used, or a component is subsampled.
    LimitExceeded
        The size is above a limit; nothing was allocated.
    """
    view = as_view(data)
    return deliver(_decode(view, _markers.parse(view)), out)


def encode(array: Any, *, max_error: int = 0, bits: int | None = None) -> bytes:
    """Encode an image of unsigned samples as JPEG-LS.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, 3), uint8 or uint16; other integers if they fit.
    max_error : int, default 0
        Largest absolute difference of any sample (NEAR). 0 is lossless.
    bits : int, optional
        Bits per sample, 2 to 16. Default: 8 for values up to 255, else 16.

    Returns
    -------
    bytes
        A stream with `bits` as its precision.

    Raises
    ------
    EncodeError
        The array is not of integers that fit, or its size is out of range.
    OptionError
        `max_error` is out of range.
    """
    if bits is None:
        bits = 8 if np.asarray(array).dtype.itemsize == 1 else 16
    return _encode(as_image(array, bits, False), bits, max_error)


def info(data: Any) -> CodestreamInfo:
    """Return what the headers say, also of another JPEG stream; see `CodestreamInfo`."""
    found = _markers.parse(as_view(data))
    if found.sof != _markers.JPEGLS_SOF:
        from radkit.codecs import jpeg

        return jpeg.info(data)
    count = len(found.components)
    missing = (
        ()
        if found.eoi is not None
        else (Problem(code="eoi-missing", text="the stream has no EOI marker [T.87 C.1]"),)
    )
    return CodestreamInfo(
        coding="jpegls",
        rows=found.rows,
        cols=found.cols,
        components=count,
        precisions=(found.precision,) * count,
        signs=(False,) * count,
        tile=(found.rows, found.cols),
        reversible=found.near == 0,
        problems=missing,
    )


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return what the headers of a frame say."""
    return info(data)


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
    view = as_view(data)
    found = _markers.parse(view)
    if found.sof in (0, 1, 2, 3):
        from radkit.codecs import registry

        coding = "jpeg-lossless" if found.sof == 3 else "jpeg"
        frame = registry.decode_frame(
            coding, view, spec, reduce=reduce, region=region, layers=layers, raw=raw, strict=strict
        )
        problem = Problem(code="other-coding", text=f"labelled JPEG-LS, the stream is {coding}")
        return dataclasses.replace(frame, problems=(*frame.problems, problem))
    refuse_partial("JPEG-LS", reduce, layers)
    check_spec(found.rows, found.cols, len(found.components), spec)
    row0, row1, col0, col1 = check_region(region, found.rows, found.cols)
    problems = []
    array = _decode(view, found)
    if found.eoi is None:
        problems.append(Problem(code="eoi-missing", text="the stream has no EOI marker [T.87 C.1]"))
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    if found.precision > spec.bits_stored and int(array.max(initial=0)) >> spec.bits_stored:
        problems.append(
            Problem(
                code="precision-above-bits-stored",
                text=f"the stream has values above the {spec.bits_stored} of Bits Stored",
            )
        )
    return UncodedFrame(
        array=array,
        precision=found.precision,
        signed=False,
        photometric=spec.photometric,
        lossy=found.near > 0,
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
    """Encode a frame; `Lossy(max_error=)` is NEAR, other aims are an `OptionError`."""
    near = 0
    if lossy is not None:
        if lossy.max_error is None:
            raise OptionError("JPEG-LS can only aim at Lossy(max_error=)")
        near = lossy.max_error
        if syntax_uid == LOSSLESS_UID:
            raise OptionError("this JPEG-LS syntax is lossless only", section="PS3.5 A.4.3")
        if spec.photometric == "PALETTE COLOR":
            raise OptionError("palette indexes cannot be coded lossily", section="PS3.5 8.2.3")
    if coding is not None:
        raise OptionError("Coding is for JPEG 2000 and HTJ2K")
    if spec.bits_stored > 16:
        raise EncodeError(f"JPEG-LS holds at most 16 bits, not {spec.bits_stored}")
    bits = max(spec.bits_stored, 2)
    image = as_image(array, spec.bits_stored, spec.signed)
    if spec.signed and near:
        # The stream holds the two's complement as unsigned numbers, so the largest and the
        # smallest value are neighbours there: an error between them would turn the sign.
        most = (1 << bits - 1) - 1 - near
        if image.size and (image.max() > most or image.min() < -most - 1):
            raise EncodeError(
                f"JPEG-LS cannot code signed samples within {near} of the ends of their"
                f" {bits} bits lossily",
                section="PS3.5 8.2.3",
            )
    if spec.signed:
        image = image.astype(np.int64) & ((1 << bits) - 1)
    data = _encode(image, bits, near)
    return CodedFrame(
        data=data,
        photometric=spec.photometric,
        lossy=near > 0,
        method="ISO_14495_1" if near else "",
    )


def _decode(view: memoryview, found: _markers.Markers) -> np.ndarray:
    if found.sof != _markers.JPEGLS_SOF:
        raise CorruptPixelData("not a JPEG-LS stream", section="T.87 C.2.2")
    if found.mrfx:
        raise UnsupportedTransferSyntax("JPEG-LS with a colour transform of HP (APP8 mrfx)")
    rows, cols, count = found.rows, found.cols, len(found.components)
    if not rows:
        raise UnsupportedTransferSyntax("JPEG-LS with its size in an LSE or DNL segment")
    if not 2 <= found.precision <= 16:
        raise CorruptPixelData(f"{found.precision} bits per sample", section="T.87 C.2.2")
    if any((part.horizontal, part.vertical) != (1, 1) for part in found.components) and count > 1:
        raise UnsupportedTransferSyntax("JPEG-LS with subsampled components")
    if 2 in found.lse or 3 in found.lse:
        raise UnsupportedTransferSyntax("JPEG-LS with a mapping table (LSE 2, 3)")
    covered = [name for scan in found.scans for name in scan.components]
    if sorted(covered) != sorted(part.id for part in found.components):
        raise TruncatedPixelData("some components have no scan", decoded=0.0, section="T.87 C.1")
    if len({scan.start for scan in found.scans}) > 1:
        raise UnsupportedTransferSyntax("JPEG-LS with several values of NEAR")
    if any(scan.approximation for scan in found.scans):
        raise UnsupportedTransferSyntax("JPEG-LS with a point transform")
    dtype = dtype_for(found.precision, False)
    check_cost(rows, cols, count, dtype.itemsize, work=2 * dtype.itemsize)
    most = rows * cols * count * dtype.itemsize
    if found.eoi is not None:
        [array] = _foreign.run("jpegls", LIBRARY, view[: found.eoi + 2], most=most)
    else:
        array = _without_eoi(bytes(view).rstrip(b"\xff"), most)
    shape = (rows, cols) if count == 1 else (rows, cols, count)
    if array.dtype != dtype or array.size != rows * cols * count:
        raise CorruptPixelData(f"{LIBRARY} made another image than the header states")
    if array.shape != shape:
        # Components in scans of their own come as planes.
        if array.shape != (count, rows, cols):
            raise CorruptPixelData(f"{LIBRARY} made another image than the header states")
        array = np.ascontiguousarray(np.moveaxis(array, 0, -1))
    return array


def _without_eoi(data: bytes, most: int) -> np.ndarray:
    """Decode a stream that has lost its EOI, if all samples are there.

    CharLS reads zero bits past the end without complaint, but it does complain of
    bits that nobody reads. So a stream is whole if it refuses every filler: a one,
    which ends any code that waits for more bits, and zeros for the rest of them.
    """
    short = TruncatedPixelData(
        "the stream ends before the image is whole", decoded=0.0, section="T.87 C.1"
    )
    try:
        [array] = _foreign.run("jpegls", LIBRARY, data + EOI, most=most)
    except CorruptPixelData as error:
        raise short from error
    for zeros in range(4):
        try:
            _foreign.run("jpegls", LIBRARY, data + b"\x80" + bytes(zeros) + EOI, most=most)
        except CorruptPixelData:
            continue
        raise short
    return array


def _encode(image: np.ndarray, bits: int, near: int) -> bytes:
    if not isinstance(near, int) or isinstance(near, bool) or not 0 <= near <= 255:
        raise OptionError(f"max_error must be an integer from 0 to 255, not {near!r}")
    if not 2 <= bits <= 16:
        raise EncodeError(f"JPEG-LS holds 2 to 16 bits, not {bits}")
    if near > ((1 << bits) - 1) // 2:
        raise OptionError(f"max_error {near} is more than half the range of {bits} bits")
    if image.ndim == 3 and image.shape[2] != 3:
        raise EncodeError(f"JPEG-LS is written with 1 or 3 components, not {image.shape[2]}")
    if max(image.shape[:2]) > 65535:
        raise EncodeError("JPEG-LS images have at most 65535 rows and columns")
    _foreign.refuse(LIBRARY)
    kind = np.uint8 if bits <= 8 else np.uint16
    return _charls.encode(np.ascontiguousarray(image, dtype=kind), bits, near)
