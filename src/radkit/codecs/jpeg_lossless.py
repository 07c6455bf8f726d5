"""JPEG Lossless, Huffman coded (T.81 process 14, SOF3), on radkit's own kernels.

All seven predictors, 2 to 16 bits, one to four components in one or several scans,
restart intervals, point transform. Differences count modulo 2**16 and samples modulo
2**P, as some ultrasound machines need. SOF3 has no colour transform, so none is
undone. Arithmetic coding, hierarchical frames, subsampled components and a height that
comes at the end (DNL) are refused. The encoder writes one scan with an optimal table.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from radkit import limits
from radkit._native import _jpegll
from radkit._native import cpu as _cpu
from radkit.codecs import _common
from radkit.codecs._whole import output, room
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    EncodeError,
    OptionError,
    Problem,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["decode", "decode_frame", "encode", "encode_frame", "frame_info", "info"]

Region = tuple[int, int, int, int]

_SV1 = "1.2.840.10008.1.2.4.70"


@dataclasses.dataclass(frozen=True, slots=True)
class _Header:
    """The markers up to the first scan."""

    rows: int
    cols: int
    components: int
    precision: int
    predictor: int
    transform: int
    restart: int
    ids: tuple[int, ...]
    adobe: int

    @property
    def width(self) -> int:
        """Bytes of a decoded sample."""
        return 1 if self.precision <= 8 else 2


def decode(data: Any, *, out: np.ndarray | None = None, strict: bool = True) -> np.ndarray:
    """Decode one JPEG Lossless stream.

    Samples are returned as coded: unsigned, no colour transform.

    Parameters
    ----------
    data : bytes-like
        The stream. What follows its last sample is ignored, so EOI may be missing.
    out : ndarray, optional
        Writable, C-contiguous, of the exact shape and dtype. Returned.
    strict : bool, default True
        If False, a stream that is cut short or broken gives what it can; samples that
        are not there are 0. `decode_frame` tells how many.

    Returns
    -------
    ndarray
        (rows, cols), or (rows, cols, components) if there are several; uint8 up to 8
        bits, else uint16.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The stream breaks T.81; `.offset` tells where, `.decoded` the share of samples
        that was there.
    UnsupportedTransferSyntax
        Another process of JPEG, subsampled components, or a height told by DNL.
    LimitExceeded
        The frame is above the limits in force. Raised before any memory is taken.
    OptionError
        `out` does not fit.

    Notes
    -----
    T.81 annexes B, C, F.2.2, H. Peak memory is output + about 0.1 MB per component,
    for lines of more than 8192 samples up to 1.4 MB.
    The GIL is free while decoding.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.codecs import jpeg_lossless
    >>> ramp = np.arange(12, dtype=np.uint16).reshape(3, 4)
    >>> bool((jpeg_lossless.decode(jpeg_lossless.encode(ramp)) == ramp).all())
    True
    """
    view = _common.as_view(data)
    return _decode(view, _header(view), out, strict)[0]


def encode(array: np.ndarray, *, predictor: int = 1, bits: int | None = None) -> bytes:
    """Encode one frame as JPEG Lossless, with an optimal Huffman table.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, 1 to 4), integers of 8 or 16 bits. Negative values
        are coded as two's complement of `bits` bits.
    predictor : int, default 1
        1 to 7, T.81 table H.1. Transfer syntax 1.2.840.10008.1.2.4.70 needs 1.
    bits : int, optional
        Precision P of the stream, 2 to 16. Default: the bits of the dtype.

    Returns
    -------
    bytes
        From SOI to EOI.

    Raises
    ------
    EncodeError
        The array has another form or size, or values that `bits` do not hold.
    OptionError
        `predictor` or `bits` is out of range.

    Notes
    -----
    T.81 annexes H and K.2. Peak memory is about four times the array.
    """
    array = np.asarray(array)
    if array.ndim not in (2, 3) or 0 in array.shape or array.dtype.kind not in "iu":
        raise EncodeError(
            f"JPEG Lossless needs integers of (rows, cols[, samples]), not "
            f"{array.dtype} {array.shape}"
        )
    if array.dtype.itemsize > 2:
        raise EncodeError("JPEG Lossless codes at most 16 bits", section="T.81 B.2.2")
    width = array.dtype.itemsize
    bits = 8 * width if bits is None else bits
    if not 2 <= bits <= 16:
        raise OptionError(f"bits must be 2 to 16, not {bits!r}", section="T.81 B.2.2")
    if not 1 <= predictor <= 7:
        raise OptionError(f"predictor must be 1 to 7, not {predictor!r}", section="T.81 H.1")
    rows, cols = array.shape[:2]
    components = array.shape[2] if array.ndim == 3 else 1
    if max(rows, cols) > 65535 or components > 4:
        raise EncodeError(
            f"JPEG holds at most 65535 x 65535 pixels of 4 components, not {array.shape}",
            section="T.81 B.2.2",
        )
    flat = _unsigned(array, bits).reshape(-1).view(np.uint8)
    coded = _jpegll.encode(
        flat,
        room(array.size + _jpegll.SLACK, np.uint16),
        room(2 * cols * components, np.uint16),
        rows=rows,
        cols=cols,
        components=components,
        width=width,
        precision=bits,
        predictor=predictor,
        cpu=_cpu.USE,
    )
    if coded is None:
        raise EncodeError(f"the array has values of more than {bits} bits")
    return coded


def info(data: Any) -> CodestreamInfo:
    """Return what the markers up to the first scan say, without decoding.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData, UnsupportedTransferSyntax
        As `decode`.
    """
    header = _header(_common.as_view(data))
    return CodestreamInfo(
        coding="jpeg-lossless",
        rows=header.rows,
        cols=header.cols,
        components=header.components,
        precisions=(header.precision,) * header.components,
        signs=(False,) * header.components,
        tile=(header.rows, header.cols),
        reversible=header.transform == 0,
        subsampling=((1, 1),) * header.components,
        problems=_transform_problem(header),
    )


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return what the header of one frame says, also if it is of another JPEG process."""
    try:
        return info(data)
    except UnsupportedTransferSyntax:
        from radkit.codecs import jpeg

        found = jpeg.info(data)
        if found.coding == "jpeg-lossless":
            raise
        return found


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

    `raw` changes nothing, since SOF3 transforms no colour.
    """
    _common.refuse_partial("JPEG Lossless", reduce, layers)
    view = _common.as_view(data)
    try:
        header = _header(view)
    except UnsupportedTransferSyntax as refusal:
        return _as_other(refusal, view, spec, region, raw, strict)
    _common.check_spec(header.rows, header.cols, header.components, spec)
    row0, row1, col0, col1 = _common.check_region(region, header.rows, header.cols)
    photometric, problems = _photometric(header, spec)
    array, sound, no_eoi, fault = _decode(view, header, None, strict)
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    problems += _transform_problem(header)
    if header.precision > spec.bits_stored:
        text = (
            f"the stream has {header.precision} bits per sample, Bits Stored is {spec.bits_stored}"
        )
        problems += (Problem(code="precision-above-bits-stored", text=text),)
    if no_eoi:
        text = "the stream has no EOI marker [T.81 B.2.1]"
        problems += (Problem(code="eoi-missing", text=text),)
    if fault is not None:
        code = "truncated" if isinstance(fault, TruncatedPixelData) else "corrupt"
        problems += (Problem(code=code, text=fault.message, offset=fault.offset),)
    return UncodedFrame(
        array=array,
        precision=header.precision,
        signed=False,
        photometric=photometric,
        lossy=header.transform > 0,
        sound=sound,
        problems=problems,
    )


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode a frame with predictor 1 and Bits Stored as precision.

    `coding` has no meaning here and `lossy` is refused. Predictor 1 is right for both
    transfer syntaxes of the process.
    """
    if lossy is not None:
        raise OptionError("JPEG Lossless is lossless only", section="PS3.5 8.2.1")
    if spec.bits_stored > 16:
        raise EncodeError(
            f"JPEG Lossless codes at most 16 bits, Bits Stored is {spec.bits_stored}",
            section="T.81 B.2.2",
        )
    bits = max(spec.bits_stored, 2)
    image = _common.as_image(array, bits, spec.signed)
    if image.dtype.itemsize > 2 or (image.dtype.itemsize == 1 and bits > 8):
        image = image.astype(np.int16 if spec.signed else np.uint16)
    photometric = {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}.get(
        spec.photometric, spec.photometric
    )
    return CodedFrame(data=encode(image, bits=bits), photometric=photometric)


def _header(view: memoryview) -> _Header:
    return _Header(*_jpegll.info(view))


def _decode(
    view: memoryview, header: _Header, out: np.ndarray | None, strict: bool
) -> tuple[np.ndarray, float, bool, RadkitError | None]:
    """Return the samples, the share that was there, whether EOI is missing, and the fault."""
    rows, cols, components = header.rows, header.cols, header.components
    samples = rows * cols * components
    work = _jpegll.work_size(cols, components)
    _common.check_cost(rows, cols, components, header.width)
    limits.check("max_memory_bytes", samples * header.width + work, "bytes to decode")
    if strict and samples > 8 * view.nbytes:  # each takes a bit at least
        raise TruncatedPixelData(
            f"{view.nbytes} bytes cannot hold {samples} samples", section="T.81 H.2"
        )
    shape = (rows, cols) if components == 1 else (rows, cols, components)
    out, flat = output(out, shape, np.dtype(f"u{header.width}"))
    decoded, no_eoi, fault = _jpegll.decode(
        view,
        flat,
        room(work, np.uint8),
        rows=rows,
        cols=cols,
        components=components,
        width=header.width,
        cpu=_cpu.USE,
        strict=strict,
    )
    return out, decoded / samples, no_eoi, fault


def _unsigned(array: np.ndarray, bits: int) -> np.ndarray:
    """Return C-contiguous uint8 or uint16, negative values as two's complement."""
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if native.dtype.kind == "u":
        return native
    half = 1 << (bits - 1)
    if int(native.min()) < -half or int(native.max()) >= half:
        raise EncodeError(f"the array has values outside {bits} signed bits")
    unsigned = native.view(f"u{native.dtype.itemsize}")
    if bits < 8 * native.dtype.itemsize:
        unsigned = unsigned & unsigned.dtype.type((1 << bits) - 1)
    return unsigned


def _transform_problem(header: _Header) -> tuple[Problem, ...]:
    if header.transform == 0:
        return ()
    text = f"point transform: the lowest {header.transform} bits were dropped [T.81 table B.3]"
    return (Problem(code="point-transform", text=text),)


def _photometric(header: _Header, spec: FrameSpec) -> tuple[str, tuple[Problem, ...]]:
    """Return what the samples are, and what the stream says against the label.

    The samples are never changed. A label of YBR is doubted only where the stream names
    its components R, G, B, or says by APP14 that it has no transform.
    """
    label = spec.photometric
    if header.components != 3 or not label.startswith("YBR_"):
        if label == "RGB" and header.adobe == 1:
            text = "labelled RGB, the stream has an Adobe marker for YCbCr"
            return label, (_doubt(text),)
        return label, ()
    if bytes(header.ids) == b"RGB" or header.adobe == 0:
        return "RGB", (_doubt(f"labelled {label}, the stream says RGB"),)
    if label in ("YBR_RCT", "YBR_ICT"):
        return "RGB", (_doubt(f"labelled {label}, JPEG Lossless has no component transform"),)
    if label == "YBR_FULL_422":
        text = "YBR_FULL_422 with chroma in every pixel"
        return "YBR_FULL", (Problem(code="ybr-422-not-subsampled", text=text, tag=0x00280004),)
    return label, ()


def _doubt(text: str) -> Problem:
    return Problem(code="photometric-against-stream", text=text, tag=0x00280004)


def _as_other(
    refusal: UnsupportedTransferSyntax,
    view: memoryview,
    spec: FrameSpec,
    region: Region | None,
    raw: bool,
    strict: bool,
) -> UncodedFrame:
    """Decode a stream that is of another coding than its label: the stream knows better."""
    from radkit.codecs import _markers, registry

    sof = _markers.parse(view).sof
    coding = {0: "jpeg", 1: "jpeg", 2: "jpeg", _markers.JPEGLS_SOF: "jpegls"}.get(sof)
    if coding is None:
        raise refusal
    frame = registry.decode_frame(coding, view, spec, region=region, raw=raw, strict=strict)
    problem = Problem(code="other-coding", text=f"labelled JPEG Lossless, the stream is {coding}")
    return dataclasses.replace(frame, problems=(*frame.problems, problem))
