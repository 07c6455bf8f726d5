"""A codestream that is still coming: what it shows so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from radkit import limits
from radkit.codecs import jpeg2000
from radkit.codecs._j2k_decode import decode_prefix, prefix_share
from radkit.codecs._j2k_index import CodestreamIndex
from radkit.errors import OptionError, TruncatedPixelData

__all__ = ["Best", "Progressive"]


class Best(NamedTuple):
    """What can be shown now.

    `reduce` halvings give a picture that is whole, with `layers` quality layers of it
    (None: all); `sound` is the share of the full picture that is there, 0 to 1.
    """

    reduce: int
    layers: int | None
    sound: float


def _first_true(low: int, high: int, holds: Callable[[int], bool]) -> int | None:
    """Return the least number from `low` to `high` that holds, as all above it do; None if none."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high


class _Decoded(NamedTuple):
    """A picture, the share of it that is there, and what it was made of."""

    used: tuple[int, int]
    picture: np.ndarray
    sound: float


class Progressive:
    """Takes the bytes of a codestream as they come and shows what they allow.

    A picture that is whole is decoded once and kept, one that is not is decoded again
    only after bytes that matter to it have come.

    Parameters
    ----------
    frame_header : bytes, optional
        Bytes of the codestream that are there already.

    Raises
    ------
    LimitExceeded
        More bytes come than ``max_memory_bytes`` allows.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.codecs import htj2k
    >>> stream = htj2k.encode(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    >>> coming = Progressive()
    >>> for start in range(0, len(stream), 1000):
    ...     coming.feed(stream[start : start + 1000])
    >>> coming.best
    Best(reduce=0, layers=None, sound=1.0)
    """

    def __init__(self, frame_header: bytes | None = None) -> None:
        self._data = bytearray()
        self._index: CodestreamIndex | None = None
        self._seen = -1  # bytes that the index was made of
        self._known: dict[tuple[int, int | None], _Decoded] = {}
        if frame_header:
            self.feed(frame_header)

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return len(self._data)

    def feed(self, data: Any) -> None:
        """Take the next bytes."""
        piece = memoryview(data).cast("B")
        limits.check("max_memory_bytes", len(self._data) + len(piece), "a codestream")
        self._data += piece

    @property
    def best(self) -> Best:
        """What can be shown now.

        Raises
        ------
        TruncatedPixelData
            Not even the lowest resolution is whole.
        CorruptPixelData
            The bytes are no codestream.
        """
        index = self._current()
        first = None if index.layers == 1 else 1
        reduce = _first_true(
            0, index.reductions, lambda reduce: self._sound(index, reduce, first) == 1.0
        )
        share = prefix_share(bytes(self._data))
        if reduce is None:
            raise TruncatedPixelData("the lowest resolution has not come yet", decoded=share)
        if first is None or self._sound(index, reduce, None) == 1.0:
            return Best(reduce, None, share)
        # Of layers that are whole the last one: counted from the end, the first that is.
        last = index.layers - 1
        less = _first_true(0, last, lambda less: self._sound(index, reduce, last + 1 - less) == 1.0)
        return Best(reduce, last + 1 - (less or 0), share)

    def image(self, reduce: int = 0, out: np.ndarray | None = None) -> np.ndarray:
        """Return the picture of a size as far as it is there.

        Parameters
        ----------
        reduce : int, default 0
            Halvings of each side; the shape is that of the whole codestream's.
        out : ndarray, optional
            Of the picture's shape and dtype. Returned.

        Raises
        ------
        TruncatedPixelData
            The main header has not come yet.
        OptionError
            `reduce` is more than the codestream has, or `out` does not fit.
        """
        index = self._current()
        if not 0 <= reduce <= index.reductions:
            raise OptionError(f"reduce must be 0 to {index.reductions}, not {reduce!r}")
        picture = self._decoded(index, reduce, None).picture
        if out is None:
            return picture.copy()
        if out.shape != picture.shape or out.dtype != picture.dtype:
            raise OptionError(f"out must be {picture.shape} of {picture.dtype}")
        out[...] = picture
        return out

    def _current(self) -> CodestreamIndex:
        if self._index is None or self._seen != len(self._data):
            self._index = jpeg2000.index(bytes(self._data), strict=False)
            self._seen = len(self._data)
        return self._index

    def _sound(self, index: CodestreamIndex, reduce: int, layers: int | None) -> float:
        return self._decoded(index, reduce, layers).sound

    def _decoded(self, index: CodestreamIndex, reduce: int, layers: int | None) -> _Decoded:
        """Decode a size, unless nothing that matters to it has come since the last time."""
        used = self._used(index, reduce)
        known = self._known.get((reduce, layers))
        if known is None or (known.used != used and known.sound < 1.0):
            data = bytes(self._data)
            picture, sound = decode_prefix(data, reduce=reduce, layers=layers)
            known = _Decoded(used, picture, sound)
            self._known[reduce, layers] = known
        return known

    def _used(self, index: CodestreamIndex, reduce: int) -> tuple[int, int]:
        """Return what tells whether bytes that matter to a resolution have come.

        A packet that is cut is in no index, but its code-blocks may be decoded: so the bytes
        behind the last whole packet count, as long as that is of the resolution or below.
        """
        rows = index.packets
        chosen = rows["levels"].astype(int) - rows["res"] >= reduce
        count = int(chosen.sum())
        behind = len(self._data) if not len(rows) or chosen[-1] else 0
        return count, behind
