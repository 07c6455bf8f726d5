"""Decodes an encapsulated icon for `radkit.dicom.icons`."""

from __future__ import annotations

from radkit import limits
from radkit.codecs import registry
from radkit.codecs.frame import FrameSpec
from radkit.dicom.elements import Elements
from radkit.dicom.objects import DicomObject
from radkit.dicom.rules import Outcome
from radkit.errors import CorruptFile
from radkit.transcoding.cells import frame_bytes

__all__ = ["decode_icon"]


def decode_icon(obj: DicomObject, item: Elements, data: bytes) -> tuple[bytes, str, bool]:
    """Give (native bytes, photometric, planar) of an icon in the syntax of its object.

    Raises
    ------
    RadkitError
        The icon is not described, or does not decode.
    """
    spec = _spec(item)
    limits.check("max_pixels", spec.rows * spec.cols, "rows times columns of an icon")
    frame = registry.decode_frame(obj.syntax.coding or "", data, spec)
    if frame.array.dtype.itemsize * 8 > max(spec.bits_allocated, 8):
        raise CorruptFile("the icon has more bits than it says")
    photometric = "YBR_FULL" if frame.photometric == "YBR_FULL_422" else frame.photometric
    outcome = Outcome(
        photometric=photometric,
        samples=spec.samples,
        bits_allocated=spec.bits_allocated,
        bits_stored=spec.bits_stored,
        high_bit=spec.bits_stored - 1,
        signed=spec.signed,
        planar=False,
    )
    return bytes(frame_bytes(frame.array, outcome)), photometric, False


def _spec(item: Elements) -> FrameSpec:
    def one(tag: int, default: int | None = None) -> int:
        values = item.ints(tag)
        if len(values) == 1:
            return values[0]
        if default is None:
            raise CorruptFile("the icon lacks an attribute of its pixels", section="PS3.3 F.7")
        return default

    allocated = one(0x00280100)
    rows, cols, samples = one(0x00280010), one(0x00280011), one(0x00280002, 1)
    stored = one(0x00280101, allocated)
    if not (rows > 0 and cols > 0 and samples in (1, 3) and allocated in (1, 8, 16)):
        raise CorruptFile("the icon is described wrongly", section="PS3.3 F.7")
    if not 0 < stored <= allocated:
        raise CorruptFile("the icon is described wrongly", section="PS3.3 F.7")
    return FrameSpec(
        rows=rows,
        cols=cols,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=one(0x00280103, 0) == 1,
        photometric=item.text(0x00280004) or "MONOCHROME2",
        planar=one(0x00280006, 0) == 1,
    )
