"""Frames of JPEG 2000 and HTJ2K by their code-blocks, where that gives what is asked for.

The coefficients stay, so nothing is lost anew, and a lossy frame decodes to the samples that it
had. What cannot go this way is decoded and encoded.
"""

from __future__ import annotations

from typing import Any

from radkit.codecs import registry
from radkit.codecs.frame import CodedFrame
from radkit.dicom.objects import DicomObject
from radkit.dicom.rules import Outcome
from radkit.errors import CorruptPixelData, EncodeError, OptionError, UnsupportedTransferSyntax
from radkit.pixels.frames import Frames, OneFrame
from radkit.transcoding.options import Options

__all__ = ["NotByBlocks", "by_blocks", "glance", "may_go_by_blocks"]

CODINGS = {"jpeg2000", "htj2k"}
RPCL_UID = "1.2.840.10008.1.2.4.202"


class NotByBlocks(Exception):
    """A frame cannot go this way, so no frame of the object does. Never leaves the room."""


def may_go_by_blocks(obj: DicomObject, options: Options) -> bool:
    """Tell whether it is worth trying: from and to one of the two codings, without loss."""
    return options.lossy is None and {obj.syntax.coding, options.target.coding} <= CODINGS


def glance(frames: Frames, index: int) -> OneFrame:
    """Decode the smallest resolution of a frame only, for what its headers say of it.

    Raises
    ------
    CorruptPixelData, UnsupportedTransferSyntax, LimitExceeded
        As decoding the frame does.
    """
    info = registry.frame_info(frames.coding, frames.map.read(index))
    try:
        return frames.decode(index, reduce=info.reductions if info else 0, colour="coded")
    except (OptionError, UnsupportedTransferSyntax):  # no reduced image can be had of it
        return frames.decode(index, colour="coded")


def by_blocks(
    data: Any, frame: OneFrame, shape: tuple[int, int], outcome: Outcome, options: Options
) -> CodedFrame:
    """Recode a frame, if the result is what the transfer syntax and the header say.

    Parameters
    ----------
    data : bytes-like
        The codestream of the source.
    frame : OneFrame
        What it decodes to, or what `glance` gives.
    shape : (rows, cols)
        Of the image.
    outcome : Outcome
        The description that all frames share.
    options : Options
        What was asked.

    Raises
    ------
    NotByBlocks
        The frame is to be decoded and encoded.
    """
    from radkit.codecs import _j2k_recode
    from radkit.codecs._j2k_encode import levels_for

    target = options.target
    goal: _j2k_recode.Goal = "htj2k" if target.coding == "htj2k" else "jpeg2000"
    if frame.sound < 1.0:
        raise NotByBlocks
    try:
        made = _j2k_recode.recoded(data, goal, options.coding)
    except (EncodeError, OptionError, CorruptPixelData) as error:
        raise NotByBlocks from error
    info = made.info
    rows, cols = shape
    described = (
        (info.rows, info.cols, info.components) == (rows, cols, outcome.samples)
        and set(info.precisions) == {outcome.bits_stored}
        and set(info.signs) == {outcome.signed}
    )
    # A lossless syntax holds all passes of all blocks (PS3.5 A.4.4).
    allowed = not target.lossless_only or (info.reversible and made.whole)
    if target.uid == RPCL_UID:
        layout = info.progression == "RPCL" and info.tlm
        allowed &= layout and info.reductions >= levels_for(rows, cols)
    if not (described and allowed):
        raise NotByBlocks
    photometric = outcome.photometric
    if info.mct:
        photometric = "YBR_RCT" if info.reversible else "YBR_ICT"
    return CodedFrame(data=made.data, photometric=photometric)
