"""Ranges of a reader, kept while a data set is walked, and the walk over them."""

from __future__ import annotations

from radkit._native import _scan
from radkit.dicom.source import BufferReader, Reader

__all__ = ["Slice", "Windows", "feed"]

_WINDOW_MIN = 1 << 14
_WINDOW_MAX = 1 << 20


class Windows:
    """Ranges of a reader that were read for the walk, kept for the values in them."""

    __slots__ = ("_now", "_older", "_step", "reader")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        view = reader.view()
        # One pair, replaced as a whole: other threads may look at it.
        self._now: tuple[int, memoryview] = (0, memoryview(b"") if view is None else view)
        self._older: list[tuple[int, memoryview]] = []
        self._step = _WINDOW_MIN

    def at(self, pos: int, need: int, end: int) -> tuple[memoryview, int]:
        """Return a window that holds at least `need` bytes at `pos`, and its offset."""
        found = self._holding(pos, need)
        if found is not None:
            return found[1], found[0]
        window = self.reader.read(pos, min(max(self._step, need), end - pos))
        self._step = min(self._step * 4, _WINDOW_MAX)
        if self._now[1].nbytes:
            self._older.append(self._now)
        self._now = (pos, window)
        return window, pos

    def _holding(self, offset: int, size: int) -> tuple[int, memoryview] | None:
        now = self._now
        if now[0] <= offset and offset + size <= now[0] + now[1].nbytes:
            return now
        for base, window in self._older:
            if base <= offset and offset + size <= base + window.nbytes:
                return base, window
        return None

    def value(self, offset: int, size: int) -> memoryview:
        """Return the bytes of a value, out of what was read already if it is there."""
        found = self._holding(offset, size)
        if found is None:
            return self.reader.read(offset, size)
        return found[1][offset - found[0] : offset - found[0] + size]


def feed(table: _scan.Table, windows: Windows, end: int) -> int:
    """Walk on until the data set ends, pixel data stand there, or a fault; return the event."""
    while True:
        pos = table.pos
        if pos >= end:
            return table.feed(b"", pos)
        # A window that is short is no reason to read again: the walk says if it needs more.
        window, base = windows.at(pos, table.need or 1, end)
        event = table.feed(window, base)
        if event != _scan.MORE:
            return event


class Slice(BufferReader):
    """The value of a sequence, at the offsets of the object it was read from."""

    def __init__(self, data: memoryview, base: int, reader: Reader) -> None:
        super().__init__(data, name=reader.name)
        self._base = base
        self.size = base + data.nbytes

    def _read(self, offset: int, size: int) -> memoryview:
        return super()._read(offset - self._base, size)

    def view(self) -> memoryview | None:
        return None
