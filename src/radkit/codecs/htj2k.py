"""HTJ2K (T.814), decoded and encoded by radkit's own kernels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from radkit.codecs._common import Region
from radkit.codecs._j2k_decode import decode_labelled
from radkit.codecs._j2k_encode import Colour, encode_array, encode_labelled, levels_for
from radkit.codecs.frame import CodedFrame, FrameSpec, UncodedFrame
from radkit.codecs.jpeg2000 import decode, frame_info, index, info, truncate
from radkit.codecs.options import Coding, Lossy
from radkit.errors import OptionError

__all__ = [
    "decode",
    "decode_frame",
    "encode",
    "encode_frame",
    "frame_info",
    "index",
    "info",
    "truncate",
]

RPCL_UID = "1.2.840.10008.1.2.4.202"
LOSSLESS_UIDS = ("1.2.840.10008.1.2.4.201", RPCL_UID)


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
        "htj2k",
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
    container: Literal["jph"] | None = None,
    threads: int | None = None,
) -> bytes:
    """Encode an image to a HTJ2K codestream.

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
    container : {"jph"}, optional
        Put the codestream into a JPH file, which says what the components are: the first
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
        ht=True,
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
    if syntax_uid == RPCL_UID:
        _check_rpcl(spec, coding)
    return encode_labelled(
        array,
        spec,
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
