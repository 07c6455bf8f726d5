"""Steps over the boxes of a JP2 or JPH file to its codestream, or exchanges it (T.800 annex I)."""

from __future__ import annotations

import struct

from radkit.errors import CorruptPixelData, Problem, TruncatedPixelData

__all__ = ["find_codestream", "make_box", "rewrap"]

SOC_SIZ = b"\xff\x4f\xff\x51"
SIGNATURE = b"\x00\x00\x00\x0cjP  "
MAX_BOXES = 4096
UNSPECIFIED = 65535  # use of a channel that a channel definition leaves open


def find_codestream(data: memoryview, problems: list[Problem]) -> tuple[int, int]:
    """Return where the codestream starts and where its data end.

    Boxes of colour are passed over: the data set says what the colour is. A palette
    or component mapping would change the samples themselves; it is reported as a
    `Problem` of code ``"jp2-mapping"``, and who wants the image must refuse.
    """
    if bytes(data[:2]) == SOC_SIZ[:2]:
        return 0, len(data)
    if bytes(data[:8]) != SIGNATURE and bytes(data[4:8]) != b"jP  ":
        if len(data) < 12 and SIGNATURE.startswith(bytes(data[:8])):
            raise TruncatedPixelData("too short for a codestream", offset=0, decoded=0.0)
        raise CorruptPixelData("neither SOC nor a JP2 signature", offset=0, section="T.800 A.4.1")
    for kind, start, stop in _boxes(data, 0, len(data)):
        if kind == b"jp2c":
            if bytes(data[start : start + 2]) != SOC_SIZ[:2]:
                raise CorruptPixelData("no SOC in jp2c", offset=start, section="T.800 I.5.4")
            problems.append(
                Problem(code="jp2-file", text="a JP2 file where a codestream must be [PS3.5 8.2.4]")
            )
            return start, stop
        if kind == b"jp2h":
            _header(data, start, stop, problems)
    raise TruncatedPixelData("the JP2 file has no codestream", offset=len(data), decoded=0.0)


def _header(data: memoryview, start: int, stop: int, problems: list[Problem]) -> None:
    for kind, at, _ in _boxes(data, start, stop):
        text = ""
        if kind in (b"pclr", b"cmap"):
            text = "the JP2 file maps its components through a palette"
        elif kind == b"cdef" and not _plain(data, at):
            text = "the JP2 file gives its components another order or meaning"
        if text:
            problems.append(Problem(code="jp2-mapping", text=text, offset=at))
            return


def _plain(data: memoryview, at: int) -> bool:
    """Return whether channels keep their order: channel i is colour i + 1, or of no stated use."""
    count = int.from_bytes(data[at : at + 2], "big")
    for index in range(min(count, 16384)):
        entry = bytes(data[at + 2 + 6 * index : at + 8 + 6 * index])
        if len(entry) < 6:
            return False
        channel, use, colour = struct.unpack(">3H", entry)
        named = (use, colour) == (0, index + 1)
        if channel != index or not (named or use == UNSPECIFIED):
            return False
    return True


def _boxes(data: memoryview, at: int, stop: int) -> list[tuple[bytes, int, int]]:
    """Return kind, start and stop of the boxes from `at` on."""
    found: list[tuple[bytes, int, int]] = []
    while at + 8 <= stop and len(found) < MAX_BOXES:
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        start = at + 8
        if length == 1:
            length = int.from_bytes(data[start : start + 8], "big")
            start += 8
        end = stop if length == 0 else at + length
        if end < start:
            raise CorruptPixelData("a box is shorter than its head", offset=at, section="T.800 I.4")
        found.append((kind, start, min(end, stop)))
        at = end
    return found


def rewrap(data: memoryview, codestream: bytes, reduce: int) -> bytes:
    """Return the JP2 or JPH file with another codestream, of an image of 1/2**reduce the size.

    Other boxes are copied, but a resolution in pixels a metre would be wrong for a smaller image.
    """
    made, at = [], 0
    for kind, start, stop in _boxes(data, 0, len(data)):
        if kind == b"jp2c" and at == 0:
            made.append(make_box(kind, codestream))
            at = start
        elif kind == b"jp2h" and reduce:
            made.append(make_box(kind, _smaller(data, start, stop, codestream)))
        else:
            made.append(make_box(kind, data[start:stop]))
    return b"".join(made)


def _smaller(data: memoryview, start: int, stop: int, codestream: bytes) -> bytes:
    """Return the boxes of jp2h with the height and width that SIZ now says (I.5.3.1)."""
    x1, y1, x0, y0 = struct.unpack_from(">4I", codestream, 8)
    made = []
    for kind, first, last in _boxes(data, start, stop):
        body = bytes(data[first:last])
        if kind == b"ihdr":
            body = struct.pack(">II", y1 - y0, x1 - x0) + body[8:]
        if kind != b"res ":
            made.append(make_box(kind, body))
    return b"".join(made)


def make_box(kind: bytes, body: bytes | memoryview) -> bytes:
    """Return a box with its head (I.4)."""
    size = len(body) + 8
    if size >> 32:
        return struct.pack(">I4sQ", 1, kind, size + 8) + bytes(body)
    return struct.pack(">I4s", size, kind) + bytes(body)
