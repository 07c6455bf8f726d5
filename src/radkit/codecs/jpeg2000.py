"""JPEG 2000 (T.800), decoded and encoded by radkit's own kernels.

Headers are read and held against the standard, the data set and the limits
before anything is allocated; see `_j2k_header`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from radkit.codecs import _j2k_header, _j2k_recode, _j2k_truncate
from radkit.codecs._common import Region, as_view
from radkit.codecs._j2k_decode import decode_any, decode_labelled
from radkit.codecs._j2k_encode import Colour, encode_array, encode_labelled
from radkit.codecs._j2k_index import CodestreamIndex, make_index
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy

__all__ = [
    "CodestreamIndex",
    "decode",
    "decode_frame",
    "encode",
    "encode_frame",
    "frame_info",
    "index",
    "info",
    "transcode",
    "truncate",
]

LOSSLESS_UIDS = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.92")


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
        Threads that share the image, >= 1. Default: 1. The result is the same.

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
        The size is above a limit, and nothing was allocated; or `max_seconds` are over.
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


def index(data: Any, *, strict: bool = True) -> CodestreamIndex:
    """Return where everything of a codestream is, without decoding.

    Parameters
    ----------
    data : bytes-like
        Codestream, or the JP2 or JPH file that holds it.
    strict : bool, default True
        If False, of a truncated or damaged codestream what comes before the fault.

    Returns
    -------
    CodestreamIndex

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        Headers or packet headers break T.800, or end early.
    LimitExceeded
        The headers ask for more than `radkit.limits` allows.

    Notes
    -----
    All packet headers are read (T.800 B.10), and what TLM and PLT list is held against them.
    """
    return make_index(data, strict=strict)


def transcode(data: Any, to: _j2k_recode.Goal, *, coding: Coding | None = None) -> bytes:
    """Bring a codestream from JPEG 2000 to HTJ2K or back without decoding the image.

    The quantised coefficients are coded anew; wavelet, quantisation and component transform
    stay. The result decodes to the same samples, also if the source is irreversible, or if
    its code-blocks were cut short by a rate control.

    Parameters
    ----------
    data : bytes-like
        Codestream, or the JP2 or JPH file that holds it. It must be whole.
    to : {"htj2k", "jpeg2000"}
        Coding of the code-blocks of the result. If the source has it already, blocks keep
        their bytes and only the layout changes.
    coding : Coding, optional
        Progression, tile-parts, TLM and PLT of the result. Levels, code-blocks, tiles and
        precincts are those of the source. Quality layers stay from JPEG 2000 to JPEG 2000; HT
        blocks are whole in one layer.

    Returns
    -------
    bytes
        A raw codestream.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The source breaks T.800 or T.814, or ends early.
    EncodeError
        More than 30 bit-planes; or, for HT, a region of interest that is irreversible or cut
        short: decode and encode such images.
    OptionError
        `coding` asks for what only a new encoding can do.
    LimitExceeded
        The size is above a limit, or `max_seconds` are over.

    Notes
    -----
    T.800 D, T.814 7. A block that ends behind the cleanup pass of bit-plane p becomes one HT
    cleanup pass of that plane, one that ends behind a significance or refinement pass has
    SigProp and MagRef as well. There are no placeholder passes. Components and tiles keep what
    they have of their own. The shift of a region of interest stays in Part 1 blocks (RGN); few
    decoders know it in HT ones, so it is taken back there.
    """
    return _j2k_recode.recoded(data, to, coding).data


def truncate(
    data: Any, *, reduce: int | None = None, layers: int | None = None, max_bytes: int | None = None
) -> bytes:
    """Cut a codestream to a resolution, to layers or to a number of bytes, without decoding.

    Parameters
    ----------
    data : bytes-like
        Codestream, raw or in a JP2 or JPH file; of either coding.
    reduce : int, optional
        Halvings of each side. The result is a smaller image: decoded whole, it gives what
        `decode` gives of `data` with this `reduce`.
    layers : int, optional
        Quality layers to keep. Default: all.
    max_bytes : int, optional
        Largest size of the result. The image keeps its size. Kept are the code-blocks, and
        parts of them that a packet header tells of, that make the best picture, layer by layer.

    Returns
    -------
    bytes
        A codestream, or a file if `data` is one. Packed packet headers (PPM, PPT) are put before
        their packets, packet lengths (PLT, PLM) are left out, TLM is written anew. Without
        anything to change, `data` as they are.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        Headers or packet headers break T.800, or end early.
    OptionError
        An option is out of range; `max_bytes` has no room for the lowest resolution; or tiles
        cannot be halved `reduce` times: 2**reduce must divide their size if there are several,
        and no tile may become empty.
    UnsupportedTransferSyntax
        The file maps the samples through a palette.
    LimitExceeded
        The headers ask for more than `radkit.limits` allows.

    Notes
    -----
    T.800 annexes A and B. Neither code-blocks nor wavelets are touched, so that what a
    reversible codestream loses is only what is cut. A codestream that carried all that is
    needed for a lossless image does so no more if layers or packets are gone; data sets must
    then say lossy.
    """
    return _j2k_truncate.truncate(data, reduce=reduce, layers=layers, max_bytes=max_bytes)


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
    out: np.ndarray | None = None,
    threads: int = 1,
) -> UncodedFrame:
    """Decode a frame of a DICOM object; see `radkit.codecs.registry.decode_frame`."""
    return decode_labelled(
        data,
        spec,
        "jpeg2000",
        reduce=reduce,
        region=region,
        layers=layers,
        strict=strict,
        out=out,
        threads=threads,
    )


def encode(
    array: Any,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    bits: int | None = None,
    signed: bool | None = None,
    colour: Colour = "auto",
    container: Literal["jp2"] | None = None,
    threads: int | None = None,
) -> bytes:
    """Encode an image to a JPEG 2000 codestream.

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
    container : {"jp2"}, optional
        Put the codestream into a JP2 file, which says what the components are: the first
        three of several are red, green and blue, unless `colour` is "none"; of less than three,
        or with "none", the first is grey. Nothing is said of the others. DICOM takes no files
        (PS3.5 8.2.4).
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
    return encode_array(
        array,
        decode,
        ht=False,
        lossy=lossy,
        coding=coding,
        bits=bits,
        signed=signed,
        colour=colour,
        container=container,
        threads=threads,
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
    return encode_labelled(
        array,
        spec,
        decode,
        ht=False,
        lossy=lossy,
        coding=coding,
        lossless_only=syntax_uid in LOSSLESS_UIDS,
        method="ISO_15444_1",
    )
