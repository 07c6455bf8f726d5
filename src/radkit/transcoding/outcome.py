"""What a recoding leads to: the description of the new pixels, the instance they belong to."""

from __future__ import annotations

import hashlib
import uuid

from radkit.codecs import registry
from radkit.dicom.encapsulate import FrameSpool
from radkit.dicom.objects import DicomObject
from radkit.dicom.rules import Outcome
from radkit.dicom.uids import TransferSyntax
from radkit.errors import CorruptFile, EncodeError
from radkit.pixels.frames import WORDS, Frames, OneFrame

__all__ = ["check_alike", "derived_uid", "later_loss", "outcome_of"]
__all__ += ["total_ratio", "version"]


def outcome_of(frames: Frames, first: OneFrame, target: TransferSyntax) -> Outcome:
    """Describe the new pixels by the header of the source and its first frame.

    A codestream of more bits than Bits Stored is believed: its bits are what is there.
    """
    image = frames.image
    bits = image.bits_stored if frames.coding in WORDS else max(image.bits_stored, first.bits)
    allocated = image.bits_allocated
    if allocated != 1 and (allocated < bits or allocated % 8):
        allocated = 8 * -(-bits // 8)
    photometric = _full_size(first.photometric)
    if photometric.startswith("YBR_PARTIAL"):
        raise EncodeError(
            f"{photometric} is retired and cannot be written", section="PS3.3 C.7.6.3.1.2"
        )
    return Outcome(
        photometric=photometric,
        samples=image.samples,
        bits_allocated=allocated,
        bits_stored=bits,
        high_bit=bits - 1,
        signed=image.signed,
        planar=target.coding == "rle",
    )


def _full_size(photometric: str) -> str:
    """Name the colour of decoded samples: decoding brings chroma to full size."""
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def check_alike(frames: Frames, frame: OneFrame, outcome: Outcome, index: int) -> None:
    """Raise `EncodeError` if a frame cannot share its header with the first one."""
    bits = frame.bits if frames.coding not in WORDS else 0
    if _full_size(frame.photometric) != outcome.photometric or bits > outcome.bits_stored:
        raise EncodeError(
            f"the frame is {frame.photometric} of {frame.bits} bits, the first one"
            f" {outcome.photometric} of {outcome.bits_stored}: one header cannot describe both",
            frame=index,
        )


def later_loss(frames: Frames) -> bool:
    """Ask the headers of all frames but the first: they are decoded when the new header is out."""
    if not frames.obj.syntax.lossy_capable:
        return False
    for index in range(1, frames.image.frames):
        info = registry.frame_info(frames.coding, frames.map.read(index))
        if info is not None and not info.reversible:
            return True
    return False


def derived_uid(obj: DicomObject, target: TransferSyntax, spool: FrameSpool | None) -> str:
    """Make a UID of the source, the syntax and the coded bytes: the same for the same.

    PS3.5 B.2: a UUID as a decimal number under 2.25; its version 8 is "made of a hash"
    (RFC 9562).
    """
    parts = [obj.elements.text(0x00080018) or "", target.uid]
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace"))
    if spool is not None:
        digest.update(spool.digest)
    value = int.from_bytes(digest.digest()[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return f"2.25.{uuid.UUID(int=value).int}"


def total_ratio(obj: DicomObject, ratio: float, *, earlier: bool) -> float | None:
    """Give the product with the ratios of earlier lossy steps; None if one is not known."""
    if not earlier:
        return ratio
    try:
        ratios = obj.elements.floats(0x00282112)
    except CorruptFile:
        return None
    if not ratios or any(not value > 0 for value in ratios):
        return None
    for value in ratios:
        ratio *= value
    return ratio


def version() -> str:
    """Name the version of radkit for Software Versions (0018,1020)."""
    from importlib import metadata

    try:
        return metadata.version("radkit")
    except metadata.PackageNotFoundError:  # run from a tree that is not installed
        return "unknown"
