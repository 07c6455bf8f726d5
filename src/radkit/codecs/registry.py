"""Finds the module of a coding by name, loads it on first use, and calls it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import UnsupportedTransferSyntax

if TYPE_CHECKING:
    from radkit.codecs._j2k_index import CodestreamIndex

__all__ = ["CODINGS", "DIRECT", "decode_frame", "encode_frame", "frame_index", "frame_info"]

Region = tuple[int, int, int, int]

CODINGS = {
    "jpeg": "radkit.codecs.jpeg",
    "jpeg-lossless": "radkit.codecs.jpeg_lossless",
    "jpegls": "radkit.codecs.jpegls",
    "jpeg2000": "radkit.codecs.jpeg2000",
    "htj2k": "radkit.codecs.htj2k",
    "jpegxl": "radkit.codecs.jpegxl",
    "rle": "radkit.codecs.rle",
    "deflated-frame": "radkit.codecs.deflated",
    "uncompressed-frame": "radkit.codecs.native",
}

# Codings whose decoders write into the caller's array and share a frame among threads.
DIRECT = frozenset({"jpeg2000", "htj2k"})


class _Module(Protocol):
    def decode_frame(
        self,
        data: Any,
        spec: FrameSpec,
        *,
        reduce: int,
        region: Region | None,
        layers: int | None,
        raw: bool,
        strict: bool,
        **direct: Any,
    ) -> UncodedFrame: ...

    def encode_frame(
        self,
        array: np.ndarray,
        spec: FrameSpec,
        *,
        lossy: Lossy | None,
        coding: Coding | None,
        syntax_uid: str,
    ) -> CodedFrame: ...

    def frame_info(self, data: Any) -> CodestreamInfo | None: ...


def _module(coding: str) -> _Module:
    try:
        name = CODINGS[coding]
    except KeyError:
        raise UnsupportedTransferSyntax(
            f"there is no coding {coding!r}; known are {', '.join(CODINGS)}"
        ) from None
    module: Any = importlib.import_module(name)
    found: _Module = module
    return found


def decode_frame(
    coding: str,
    data: Any,
    spec: FrameSpec,
    *,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    strict: bool = True,
    out: np.ndarray | None = None,
    threads: int = 1,
) -> UncodedFrame:
    """Decode one frame.

    The stream's own header is held against `spec` and the limits before anything is
    allocated; a frame that is not whole is never returned, unless `strict` is False.

    Parameters
    ----------
    coding : str
        Key of `CODINGS`, as ``"jpeg2000"``.
    data : bytes-like
        The coded bytes of the frame, fragments joined.
    spec : FrameSpec
        What the data set says of the frame.
    reduce : int, default 0
        Halvings of each side.
    region : (row0, row1, col0, col1), optional
        Half-open, in pixels of full resolution.
    layers : int, optional
        Quality layers to use.
    raw : bool, default False
        Leave colour as coded, where the codec would convert it.
    strict : bool, default True
        If False, a truncated frame gives what is there, with `sound` below 1.
    out : ndarray, optional
        Used for the samples if the coding can and the type fits; then it is the
        result's `array`. C-contiguous, of the shape of the result.
    threads : int, default 1
        Threads that may share the frame, if the coding can.

    Returns
    -------
    UncodedFrame

    Raises
    ------
    UnsupportedTransferSyntax
        Unknown coding, or one that cannot do `reduce` or `layers`.
    CorruptPixelData, TruncatedPixelData
        The stream is broken, or disagrees with `spec`.
    LimitExceeded, OptionError, MissingDependency
    """
    module = _module(coding)
    direct = {"out": out, "threads": threads} if coding in DIRECT else {}
    return module.decode_frame(
        data, spec, reduce=reduce, region=region, layers=layers, raw=raw, strict=strict, **direct
    )


def encode_frame(
    coding: str,
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding_options: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode one frame.

    Parameters
    ----------
    coding : str
        Key of `CODINGS`.
    array : ndarray
        (rows, cols) or (rows, cols, samples), interleaved, sign put right.
    spec : FrameSpec
        What the data set says of the frame; `photometric` is that of `array`.
    lossy : Lossy, optional
        What may be lost. Default: nothing.
    coding_options : Coding, optional
        Layout of JPEG 2000 and HTJ2K.
    syntax_uid : str
        Transfer syntax to be written; some forbid loss or a layout.

    Returns
    -------
    CodedFrame

    Raises
    ------
    EncodeError
        The array cannot be coded so.
    OptionError
        `lossy` or `coding_options` make no sense for this coding or syntax.
    UnsupportedTransferSyntax
        Unknown coding.
    """
    return _module(coding).encode_frame(
        array, spec, lossy=lossy, coding=coding_options, syntax_uid=syntax_uid
    )


def frame_info(coding: str, data: Any) -> CodestreamInfo | None:
    """Return what the header of one coded frame says, or None if it has none.

    Raises
    ------
    UnsupportedTransferSyntax
        Unknown coding.
    CorruptPixelData, TruncatedPixelData
        The header is broken.
    """
    return _module(coding).frame_info(data)


def frame_index(coding: str, data: Any) -> CodestreamIndex:
    """Return where the packets of one coded frame are; of a damaged one what can be read.

    Parameters
    ----------
    coding : str
        One of `DIRECT`.
    data : bytes-like
        The coded bytes of the frame.

    Raises
    ------
    UnsupportedTransferSyntax
        Another coding.
    CorruptPixelData, TruncatedPixelData
        The main header is broken.
    """
    if coding not in DIRECT:
        raise UnsupportedTransferSyntax(f"frames of coding {coding!r} have no packets")
    from radkit.codecs._j2k_index import make_index

    return make_index(data, strict=False)
