"""Which bytes of an object are which frame.

PS3.5 A.4 (fragments, Basic Offset Table), PS3.3 C.7.6.3.1.8 (Extended Offset
Table), PS3.5 8.1.1 and 8.2 (native cells). Tables are believed only after they
were checked against the items; a wrong one is discarded with a word, and the
fragments are counted. Frames are read one by one, by exact ranges.
"""

from __future__ import annotations

from collections.abc import Sequence

from radkit.dicom._coded import CodedMap, no_pixels, walk_fragments
from radkit.dicom._fragments import ITEM, Fragments
from radkit.dicom._framemap import FrameMap, NativeMap
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.objects import DicomObject
from radkit.dicom.uids import is_uid
from radkit.errors import CorruptPixelData, UnsupportedTransferSyntax

__all__ = ["Fragments", "FrameMap", "frame_map", "require_decodable", "walk_fragments"]


def require_decodable(obj: DicomObject) -> None:
    """Raise if the pixels of an object cannot be decoded at all.

    Raises
    ------
    UnsupportedTransferSyntax
        The transfer syntax is refused; the message says what to do.
    CorruptPixelData
        There are no pixel data.
    """
    known = obj.syntax
    if not known.decode:
        # Other text in its place may be of anything, a patient's name too: it is not told.
        name = known.uid if is_uid(known.uid) else "not a UID"
        raise UnsupportedTransferSyntax(
            f"{known.title} ({name}) cannot be decoded: {known.refusal}",
            syntax=known.uid,
            source=obj.reader.name,
        )
    if obj.pixels is None:
        raise no_pixels()


def frame_map(
    obj: DicomObject,
    image: ImagePixel,
    *,
    frames: Sequence[int] | None = None,
    strict: bool = True,
) -> FrameMap:
    """Find the bytes of the frames of an object.

    Parameters
    ----------
    obj : DicomObject
        With pixel data in a transfer syntax that can be decoded.
    image : ImagePixel
        Its validated attributes.
    frames : sequence of int, optional
        The frames that will be asked for. A table of offsets is then checked
        only where they need it. Default: all frames, everything is checked.
    strict : bool, default True
        If False, frames that are not there or cut do not stop the others:
        what is there of them can be read, zeros for the rest if native.

    Returns
    -------
    FrameMap

    Raises
    ------
    UnsupportedTransferSyntax
        The transfer syntax cannot be decoded.
    CorruptPixelData, TruncatedPixelData, CorruptFile
        An asked frame is not there or, if `strict`, not whole.
    """
    require_decodable(obj)
    pixels = obj.pixels
    assert pixels is not None
    found: FrameMap
    if not obj.syntax.encapsulated or image.kind != "int":
        found = NativeMap(obj, image, strict)
    else:
        if pixels.length >= 0 and bytes(_first_bytes(obj)) != ITEM:
            what = "native, the transfer syntax is encapsulated" if pixels.length else "empty"
            raise CorruptPixelData(
                f"pixel data are {what}",
                offset=pixels.offset,
                section="PS3.5 A.4",
            )
        found = CodedMap(obj, image, strict, lazy=frames is not None and image.frames > 1)
    if strict:
        found.check(range(image.frames) if frames is None else frames)
    return found


def _first_bytes(obj: DicomObject) -> memoryview:
    pixels = obj.pixels
    assert pixels is not None
    return obj.reader.read(pixels.value, min(4, obj.reader.size - pixels.value))
