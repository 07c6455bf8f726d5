"""The coded bytes of a frame that is alone in its file (PS3.5 A.4): one read, a walk of items."""

from __future__ import annotations

import os

__all__ = ["coded_bytes"]

ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def coded_bytes(path: bytes, offset: int) -> memoryview | None:
    """Return the joined fragments behind the offset table at `offset` of a file.

    None if they are not whole, or anything else is odd: the general way
    (`radkit.dicom.encapsulation`) has the rules and the words for that.
    """
    try:
        fd = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        left = os.fstat(fd).st_size - offset
        data = os.pread(fd, left, offset) if left > 0 else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    return _joined(memoryview(data)) if len(data) == left else None


def _joined(data: memoryview) -> memoryview | None:
    pieces: list[memoryview] = []
    pos = 0
    while pos + 8 <= len(data):
        tag, size = data[pos : pos + 4], int.from_bytes(data[pos + 4 : pos + 8], "little")
        if tag == END:
            break
        if tag != ITEM or size > len(data) - pos - 8:
            return None
        pieces.append(data[pos + 8 : pos + 8 + size])
        pos += 8 + size
    else:
        return None
    frame = pieces[1:]  # behind the Basic Offset Table
    if not frame or not all(len(piece) for piece in frame):
        return None
    return frame[0] if len(frame) == 1 else memoryview(b"".join(frame))
