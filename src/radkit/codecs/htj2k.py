"""HTJ2K (T.814), decoded by OpenJPEG and encoded by OpenJPH behind checks of our own.

OpenJPEG decodes because OpenJPH, as imagecodecs calls it, wraps values that leave
the range where it should clamp them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radkit.codecs import _j2k_header
from radkit.codecs._common import Region, as_view
from radkit.codecs._j2k_decode import decode_any, decode_labelled
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy

__all__ = ["decode", "decode_frame", "encode", "encode_frame", "frame_info", "info"]


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
        If False, a truncated codestream gives what is there; the rest is 0 or coarse.
    threads : int, optional
        Threads of one decoding. Default: 1.

    Returns
    -------
    ndarray
        (rows, cols) or (rows, cols, components), in the smallest of uint8 to int32
        that holds the components.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The codestream breaks T.800, or ends early.
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
