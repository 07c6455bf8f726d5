"""The frames of an object as codestreams in a file: where each resolution and layer lies.

Offsets of an index count from the start of a codestream. A frame may lie in several
fragments (PS3.5 A.4), so ranges of a codestream become ranges of the file here.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple

from radkit.codecs import jpeg2000
from radkit.codecs._j2k_index import CodestreamIndex
from radkit.dicom.source import open_reader
from radkit.pixels.frames import Frames

__all__ = ["CUTTABLE", "CodedObject", "Cut", "Ranges", "file_ranges", "joined"]

Ranges = list[tuple[int, int]]

# Codings with resolutions, whose frames may be sent in parts.
CUTTABLE = frozenset({"jpeg2000", "htj2k"})
ITEM = 8  # bytes of the tag and length in front of a fragment (PS3.5 7.5)


def joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges in order, overlapping and neighbouring ones made one."""
    made: Ranges = []
    for offset, size in sorted(piece for piece in ranges if piece[1]):
        if made and offset <= made[-1][0] + made[-1][1]:
            first, length = made[-1]
            made[-1] = (first, max(length, offset + size - first))
        else:
            made.append((offset, size))
    return made


def file_ranges(pieces: Iterable[tuple[int, int]], ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Turn ranges of joined pieces into ranges of the file that holds the pieces.

    Parameters
    ----------
    pieces : iterable of (offset, size)
        Where the pieces lie in the file, in their order.
    ranges : iterable of (offset, size)
        Counted from the start of the first piece, as if all were one.
    """
    wanted = list(ranges)
    found: Ranges = []
    start = 0
    for offset, size in pieces:
        for first, length in wanted:
            low, high = max(first, start), min(first + length, start + size)
            if low < high:
                found.append((offset + low - start, high - low))
        start += size
    return joined(found)


class Cut(NamedTuple):
    """`size` first bytes of a codestream give it with `reduce` halvings and `layers` layers."""

    reduce: int
    layers: int | None
    size: int


class CodedObject:
    """An object whose frames can be taken in parts, or only as a whole.

    Parameters
    ----------
    source : source
        A DICOM object.

    Attributes
    ----------
    opened : Frames
    cuttable : bool
        The frames are JPEG 2000 or HTJ2K codestreams.
    deflated : bool
        The object can be read only as a whole.
    size : int
        Bytes of the object as it is stored.
    """

    def __init__(self, source: Any) -> None:
        self.opened = Frames(source)
        try:
            self.cuttable = self.opened.coding in CUTTABLE
        except BaseException:
            self.opened.close()
            raise
        # Of a deflated data set no part can be read but from its start (PS3.5 A.5).
        self.deflated = self.opened.obj.reader.inflated
        self.size = _stored_size(source) if self.deflated else self.opened.obj.reader.size
        self._indexes: dict[int, CodestreamIndex] = {}

    def __enter__(self) -> CodedObject:
        """Return the object."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened."""
        self.opened.close()

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.opened.image.frames

    @property
    def name(self) -> str | None:
        """Name of the source, if it has one."""
        return self.opened.obj.reader.name

    def pieces(self, frame: int) -> tuple[tuple[int, int], ...]:
        """Return (offset, size) of a frame's pieces in the object."""
        return self.opened.map.ranges(frame)

    def lead(self, frame: int) -> int:
        """Return where what a frame needs begins: its item, and for the first one the header."""
        start = self.pieces(frame)[0][0]
        if frame == 0:
            return 0
        return start - ITEM if self.opened.obj.syntax.encapsulated else start

    def index(self, frame: int) -> CodestreamIndex:
        """Return where everything of a frame's codestream is; read once."""
        if frame not in self._indexes:
            with self.opened.named(frame):
                self._indexes[frame] = jpeg2000.index(self.opened.map.read(frame))
        return self._indexes[frame]

    def cut(self, frame: int, *, reduce: int = 0, layers: int | None = None) -> int:
        """Return how many first bytes of a frame show it so far; all for 0 and None."""
        size = sum(length for _, length in self.pieces(frame))
        if not self.cuttable or (reduce == 0 and layers is None):
            return size
        offset, length = self.index(frame).ranges(reduce=reduce, layers=layers)[-1]
        return min(offset + length, size)

    def cuts(self, frame: int, *, goal: int = 0) -> list[Cut]:
        """Return what a frame is sent in: resolution by resolution, or layer by layer.

        A codestream whose order has layers outermost is cut at its layers, each of which is
        a picture of full size. A cut that adds no byte is left out.
        """
        wanted: list[tuple[int, int | None]] = [(0, None)]
        if self.cuttable:
            index = self.index(frame)
            wanted = [(reduce, None) for reduce in range(index.reductions, goal - 1, -1)]
            if goal == 0 and _layers_first(index):
                wanted = [(0, layers) for layers in range(1, index.layers)] + [(0, None)]
        found: list[Cut] = []
        for reduce, layers in wanted:
            size = self.cut(frame, reduce=reduce, layers=layers)
            while found and found[-1].size >= size:
                found.pop()
            found.append(Cut(reduce, layers, size))
        return found

    def partial(self, frame: int) -> bool:
        """Whether a part of a frame that is worth sending is much less than all of it."""
        cuts = self.cuts(frame)
        return len(cuts) > 1 and 2 * cuts[0].size <= cuts[-1].size


def _stored_size(source: Any) -> int:
    with open_reader(source) as reader:
        return reader.size


def _layers_first(index: CodestreamIndex) -> bool:
    """Whether the first layer of all resolutions lies before the second of any."""
    packets = index.packets
    first, later = packets[packets["layer"] == 0], packets[packets["layer"] > 0]
    if not len(first) or not len(later):
        return False
    return bool(first["offset"].max() < later["offset"].min())
