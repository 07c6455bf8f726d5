"""HTJ2K (T.814), decoded by radkit's own kernels and encoded by OpenJPH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radkit.codecs import _j2k_header
from radkit.codecs._common import Region, as_view
from radkit.codecs._j2k_decode import decode_any, decode_labelled
from radkit.codecs._j2k_encode import Colour, Job, encode_array, encode_labelled, levels_for
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import OptionError

__all__ = ["decode", "decode_frame", "encode", "encode_frame", "frame_info", "info"]

RPCL_UID = "1.2.840.10008.1.2.4.202"
LOSSLESS_UIDS = ("1.2.840.10008.1.2.4.201", RPCL_UID)


def decode(
    data: Any,
    *,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    components: int | Sequence[int] | None = None,
    raw: bool = False,
    out: np.ndarray | None = None,
    strict: bool = True,
    threads: int | None = None,
) -> np.ndarray:
    """Decode one JPEG 2000 or HTJ2K codestream, raw or in a JP2 or JPH file.

    Parameters
    ----------
    data : bytes-like
        The codestream; zeros after EOC are ignored.
    reduce : int, default 0
        Halvings: each side becomes ceil(n / 2**reduce).
    region : (row0, row1, col0, col1), optional
        Half-open, in pixels of full resolution.
    layers : int, optional
        Quality layers to use. Default: all.
    components : int or sequence of int, optional
        An int gives one component, on its own grid.
    raw : bool, default False
        Leave the component transform alone, if `components` picks some.
    out : ndarray, optional
        Receives the result; of its exact shape and dtype.
    strict : bool, default True
        If False, a truncated or damaged codestream gives what is there; code-blocks
        that are missing are 0.
    threads : int, optional
        Accepted for likeness with other decoders; one thread decodes.

    Returns
    -------
    ndarray
        (rows, cols) or (rows, cols, components), in the smallest of uint8 to int32
        that holds the components.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The codestream breaks T.800 or T.814, or ends early.
    OptionError
        `reduce`, `region`, `components` or `out` do not fit the image.
    UnsupportedTransferSyntax
        Part 2 features, more than 32 bits.
    LimitExceeded
        The size is above a limit; nothing was allocated.
    """
    return decode_any(
        data,
        reduce=reduce,
        region=region,
        layers=layers,
        components=components,
        raw=raw,
        out=out,
        strict=strict,
        threads=threads,
    )


def info(data: Any) -> CodestreamInfo:
    """Return what the headers say, tile-part headers included.

    Parameters
    ----------
    data : bytes-like
        Codestream, or the JP2 or JPH file that holds it.

    Returns
    -------
    CodestreamInfo

    Raises
    ------
    CorruptPixelData
        The headers break T.800.
    """
    return _j2k_header.parse(as_view(data)).info()


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
    return decode_labelled(
        data, spec, "htj2k", reduce=reduce, region=region, layers=layers, strict=strict
    )


def encode(
    array: Any,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    bits: int | None = None,
    signed: bool | None = None,
    colour: Colour = "auto",
    threads: int | None = None,
) -> bytes:
    """Encode an image to a raw HTJ2K codestream.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, components), integers or bool.
    lossy : Lossy, optional
        What may be lost. Default: nothing, reversible 5/3. Ratios count the bytes of
        the array's dtype.
    coding : Coding, optional
        Layout of the codestream.
    bits : int, optional
        Bits per sample, written as the precision. Default: of the dtype.
    signed : bool, optional
        Default: of the dtype.
    colour : {"auto", "rgb", "none"}
        Take three components as RGB and transform them (RCT, or ICT if lossy);
        "none" leaves them.
    threads : int, optional
        Accepted for likeness with `decode`; one thread encodes.

    Returns
    -------
    bytes

    Raises
    ------
    EncodeError
        Values, depth or size cannot be coded so.
    OptionError
        The options make no sense with each other.
    """
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be >= 1, not {threads!r}")
    return encode_array(
        array,
        _code,
        decode,
        ht=True,
        lossy=lossy,
        coding=coding,
        bits=bits,
        signed=signed,
        colour=colour,
    )


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode a frame of a DICOM object; see `radkit.codecs.registry.encode_frame`."""
    if syntax_uid == RPCL_UID:
        _check_rpcl(spec, coding)
    return encode_labelled(
        array,
        spec,
        _code,
        decode,
        ht=True,
        lossy=lossy,
        coding=coding,
        lossless_only=syntax_uid in LOSSLESS_UIDS,
        method="ISO_15444_15",
    )


def _check_rpcl(spec: FrameSpec, coding: Coding | None) -> None:
    """Refuse a layout that the RPCL syntax forbids (PS3.5 10.18.1)."""
    if coding is None:
        return
    if coding.progression != "RPCL" or not coding.tlm:
        raise OptionError("this syntax needs progression RPCL and TLM", section="PS3.5 10.18.1")
    need = levels_for(spec.rows, spec.cols)
    if coding.levels is not None and coding.levels < need:
        raise OptionError(
            f"this syntax needs {need} levels for {spec.rows} rows and {spec.cols} columns",
            section="PS3.5 10.18.1",
        )


def _code(job: Job, q: float | None) -> bytes:
    """Code reversibly, or with quantiser step q in units of stored values."""
    from radkit.codecs import _openjph

    return _openjph.encode(
        job.image,
        bits=job.bits,
        signed=job.signed,
        mct=job.mct,
        levels=job.levels,
        coding=job.coding,
        step=q,
    )
