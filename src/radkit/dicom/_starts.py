"""Frames by the first bytes of fragments, where neither table nor count tells.

The last resort (PS3.5 A.4 leaves it open): a fragment in the middle of a frame
can begin like a first one, so that the number found must be the number stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from radkit.dicom._fragments import Fragments
    from radkit.dicom.objects import DicomObject
    from radkit.dicom.source import Reader

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["frame_starts"]

_JPEG = (b"\xff\xd8\xff",)
_J2K = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_STARTS = {
    "jpeg": _JPEG,
    "jpeg-lossless": _JPEG,
    "jpegls": _JPEG,
    "jpeg2000": _J2K,
    "htj2k": _J2K,
    "jpegxl": _JXL,
}
_HAVE_END = ("jpeg", "jpeg-lossless", "jpegls", "jpeg2000", "htj2k")
_ENDS = b"\xff\xd9"  # EOI and EOC are the same two bytes


def _begins(coding: str, head: bytes) -> bool:
    if coding == "rle":
        # Number of segments, and the first of them right behind the header (PS3.5 G.5).
        return (
            len(head) >= 8
            and 1 <= int.from_bytes(head[:4], "little") <= 15
            and int.from_bytes(head[4:8], "little") == 64
        )
    return head.startswith(_STARTS.get(coding, ()))


def frame_starts(
    obj: DicomObject, fragments: Fragments, frames: int
) -> npt.NDArray[np.int64] | None:
    """Return the fragments that begin a frame, or None if the coding has no start that can be told.

    Where more fragments look like starts than there are frames, those count
    that follow an end of a codestream.
    """
    coding = obj.syntax.coding or ""
    if coding not in _STARTS and coding != "rle":
        return None
    starts = []
    reader = obj.reader
    spans = list(zip(fragments.values.tolist(), fragments.sizes.tolist(), strict=True))
    for index, (value, size) in enumerate(spans):
        if _begins(coding, bytes(reader.read(value, min(size, 8)))):
            starts.append(index)
    if len(starts) > frames and coding in _HAVE_END:
        starts = [index for index in starts if index == 0 or _closed(reader, *spans[index - 1])]
    return np.array(starts, np.int64)


def _closed(reader: Reader, value: int, size: int) -> bool:
    """Tell whether a fragment ends with an end of codestream and at most one pad byte."""
    tail = bytes(reader.read(value + max(size - 3, 0), min(size, 3)))
    return tail.endswith(_ENDS) or (tail.endswith(b"\0") and tail[:-1].endswith(_ENDS))
