"""Icon Image Sequence in a changed transfer syntax (PS3.5 8.2, PS3.3 F.7).

An encapsulated icon is coded in the transfer syntax of the whole object, so it cannot
stay when that changes. It is decoded to native pixels, which every syntax allows; an
icon that does not decode is left out, as icons are optional.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from radkit.dicom.rewrite import Hook
from radkit.errors import RadkitError

if TYPE_CHECKING:
    from radkit.dicom.elements import Elements
    from radkit.dicom.objects import DicomObject

__all__ = ["ICON", "IconDecoder", "icon_hook", "joined_fragments"]

ICON = 0x00880200
PIXEL_DATA = 0x7FE00010
# (item of the sequence, coded bytes) -> (native bytes, photometric, planar)
IconDecoder = Callable[["Elements", bytes], tuple[bytes, str, bool]]


def joined_fragments(value: memoryview) -> bytes | None:
    """Join the fragments of one frame; None if the value is not encapsulated soundly."""
    parts: list[memoryview] = []
    at = 0
    while at + 8 <= len(value):
        group, element, size = struct.unpack_from("<HHI", value, at)
        at += 8
        if (group, element) == (0xFFFE, 0xE0DD):
            return b"".join(parts[1:])
        if (group, element) != (0xFFFE, 0xE000) or size > len(value) - at:
            return None
        parts.append(value[at : at + size])
        at += size
    return None


def icon_hook(obj: DicomObject, decode: IconDecoder) -> tuple[Hook | None, bool]:
    """Give a hook that makes encapsulated icons native, or say that they must go.

    Parameters
    ----------
    obj : DicomObject
        The source.
    decode : callable
        Decodes one icon in the transfer syntax of the object.

    Returns
    -------
    hook : Hook or None
        For (0088,0200); None if there is nothing to change.
    leave_out : bool
        The icon is encapsulated and does not decode.
    """
    if not obj.syntax.encapsulated or ICON not in obj.elements:
        return None, False
    try:
        items = obj.elements.items(ICON)
        changes: list[dict[int, bytes]] = []
        for item in items:
            element = item.get(PIXEL_DATA)
            if element is None or element.length >= 0:
                continue
            raw = item.raw(PIXEL_DATA)
            coded = joined_fragments(raw) if raw is not None else None
            if coded is None:
                return None, True
            native, photometric, planar = decode(item, coded)
            changes.append(_changed(native, photometric, planar))
    except RadkitError:
        return None, True
    if not changes:
        return None, False
    if len(items) > 1:
        return None, True  # the sequence has one item; which of several is meant is not said
    (change,) = changes

    def hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
        return change.get(path[-1]) if len(path) == 2 else None

    return hook, False


def _changed(native: bytes, photometric: str, planar: bool) -> dict[int, bytes]:
    name = photometric.encode("ascii")
    return {
        PIXEL_DATA: native + bytes(len(native) & 1),
        0x00280004: name + b" " * (len(name) & 1),
        0x00280006: struct.pack("<H", planar),
    }
