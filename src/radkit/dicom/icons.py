"""Icon Image Sequence in a changed transfer syntax (PS3.5 8.2, PS3.3 F.7).

An encapsulated icon is coded in the transfer syntax of the whole object, so it cannot
stay when that changes. It is decoded to native pixels, which every syntax allows; an
icon that does not decode is left out, as icons are optional.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from radkit.dicom.rewrite import Hook
from radkit.errors import CorruptPixelData, EncodeError, RadkitError

if TYPE_CHECKING:
    from radkit.dicom.elements import Elements
    from radkit.dicom.objects import DicomObject

__all__ = ["ICON", "IconDecoder", "icon_hooks", "joined_fragments"]

ICON = 0x00880200
PIXEL_DATA = 0x7FE00010
# Header of encapsulated Pixel Data: sequences without it need no look at their items.
_MARK = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
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


def icon_hooks(obj: DicomObject, decode: IconDecoder) -> tuple[dict[int, Hook], bool]:
    """Give hooks that make encapsulated icons native, or say that the icon must go.

    Parameters
    ----------
    obj : DicomObject
        The source.
    decode : callable
        Decodes one icon in the transfer syntax of the object.

    Returns
    -------
    hooks : dict of int to Hook
        By the top-level sequence: (0088,0200), or one that has icons in its items.
    leave_out : bool
        (0088,0200) is encapsulated and does not decode.

    Raises
    ------
    EncodeError
        An icon inside of another sequence does not decode: it cannot stay, in a syntax that
        is not its own, and what it belongs to cannot go.
    """
    hooks: dict[int, Hook] = {}
    leave_out = False
    if not obj.syntax.encapsulated:
        return hooks, leave_out
    for element in obj.elements:
        if element.vr != "SQ" or element.end < 0:
            continue
        tag = element.tag
        try:
            if tag != ICON and _MARK not in bytes(obj.elements.raw(tag) or b""):
                continue
            changes = [_change(item, decode) for item in _icons(obj.elements, tag)]
        except RadkitError as error:
            if tag != ICON:
                raise EncodeError(
                    "an encapsulated icon inside of a sequence does not decode",
                    section="PS3.5 A.4",
                ) from error
            leave_out = True
            continue
        if any(changes):
            hooks[tag] = _hook(changes)
    return hooks, leave_out


def _icons(elements: Elements, tag: int) -> Iterator[Elements]:
    """Give the items with icon pixels of a sequence and of those in it, in order."""
    for item in elements.items(tag):
        for element in item:
            if element.vr == "SQ":
                yield from _icons(item, element.tag)
        if tag == ICON and PIXEL_DATA in item:
            yield item


def _change(item: Elements, decode: IconDecoder) -> dict[int, bytes]:
    element = item.get(PIXEL_DATA)
    if element is None or element.length >= 0:
        return {}
    raw = item.raw(PIXEL_DATA)
    coded = joined_fragments(raw) if raw is not None else None
    if coded is None:
        raise CorruptPixelData("the fragments of an icon are broken", section="PS3.5 A.4")
    return _changed(*decode(item, coded))


def _hook(changes: list[dict[int, bytes]]) -> Hook:
    """Change icon after icon: their pixels stand last of what changes, as tags ascend."""
    left = iter(changes)
    now = next(left, {})

    def hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
        nonlocal now
        if len(path) < 2 or path[-2] != ICON:
            return None
        new = now.get(path[-1])
        if path[-1] == PIXEL_DATA:
            now = next(left, {})
        return new

    return hook


def _changed(native: bytes, photometric: str, planar: bool) -> dict[int, bytes]:
    name = photometric.encode("ascii")
    return {
        PIXEL_DATA: native + bytes(len(native) & 1),
        0x00280004: name + b" " * (len(name) & 1),
        0x00280006: struct.pack("<H", planar),
    }
