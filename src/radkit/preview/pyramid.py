"""The resolutions of a frame: parts of its stored codestream, or of one made for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from radkit.codecs.options import Lossy
from radkit.errors import OptionError
from radkit.preview.coded import CodedObject
from radkit.preview.label import level_label
from radkit.preview.quality import Quality, compare
from radkit.preview.remote import Remote, open_local
from radkit.preview.thumbnail import Format, encode_picture

__all__ = ["Level", "Pyramid", "pyramid"]

PyramidSyntax: TypeAlias = Literal["htj2k", "jpeg2000"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A resolution.

    Parameters
    ----------
    reduce : int
        Halvings of each side; 0 is the frame itself.
    shape : (rows, cols)
    bytes : int
        First bytes of the codestream that give it.
    ranges : tuple of (offset, length), or None
        These bytes in the source; None if the codestream was made here.
    """

    reduce: int
    shape: tuple[int, int]
    bytes: int
    ranges: tuple[tuple[int, int], ...] | None


class Pyramid:
    """Resolutions of one frame, made by `preview.pyramid`.

    Attributes
    ----------
    levels : tuple of Level
        `levels[i]` has i halvings.
    stored : bool
        The codestream is the source's own, nothing was coded again.
    frame : int
        Whose.
    """

    def __init__(self, remote: Remote, frame: int, levels: tuple[Level, ...], stored: bool) -> None:
        self.levels = levels
        self.stored = stored
        self.frame = frame
        self._remote = remote
        self._whole: dict[Any, np.ndarray] = {}

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self.levels)

    def level(self, i: int) -> np.ndarray:
        """Return the stored values of a level; `radkit.decode(reduce=i)` of a stored one.

        Raises
        ------
        OptionError
            There is no such level.
        """
        return self._remote.decode(self.frame, reduce=self._level(i).reduce)

    def bytes(self, i: int) -> int:
        """Return how many bytes of the codestream a level takes, smaller ones included."""
        return self._level(i).bytes

    def picture(self, i: int, *, window: Any = "header") -> np.ndarray:
        """Return a level as an 8-bit picture, windowed as in `radkit.render`."""
        return self._remote.render(self.frame, reduce=self._level(i).reduce, window=window)

    def encode(self, i: int, format: Format = "jpeg", *, window: Any = "header") -> Any:
        """Return a level as a picture file: JPEG, PNG, WebP, AVIF or JPEG XL.

        The comment of a JPEG or PNG says that it is a preview, of which size, and of how
        much of the frame's bytes it was made.

        Raises
        ------
        OptionError, MissingDependency, EncodeError
            As `preview.encode_picture`.
        """
        found = self._level(i)
        label = level_label(found.reduce, found.bytes / self.levels[0].bytes)
        return encode_picture(self.picture(i, window=window), format, label=label)

    def quality(self, i: int, *, window: Any = "header") -> Quality:
        """Compare a level, enlarged to the full size, with the frame; both windowed."""
        if window not in self._whole:
            self._whole[window] = self.picture(0, window=window)
        size = self._level(i).bytes
        found = self._remote.render(self.frame, window=window, max_bytes=size)
        return compare(found, self._whole[window])

    def _level(self, i: int) -> Level:
        if not 0 <= i < len(self.levels):
            raise OptionError(f"level must be 0 to {len(self.levels) - 1}, not {i!r}")
        return self.levels[i]


def pyramid(
    source: Any,
    *,
    frame: int = 0,
    levels: int | None = None,
    lossy: Lossy | None = None,
    syntax: PyramidSyntax = "htj2k",
) -> Pyramid:
    """Find the resolutions of a frame, or make them.

    Parameters
    ----------
    source : source
        A DICOM object. If its frames are JPEG 2000 or HTJ2K codestreams, levels are parts
        of these and nothing is coded; else the object is transcoded, in memory.
    frame : int, default 0
    levels : int, optional
        At most so many, the frame itself included. Default: all there are.
    lossy : Lossy, optional
        How much may be lost where the object is transcoded; see `radkit.transcode`.
    syntax : {"htj2k", "jpeg2000"}
        What it is transcoded to.

    Returns
    -------
    Pyramid

    Raises
    ------
    OptionError
        An option makes no sense, or `lossy` is given for a codestream that is there.
    RadkitError
        As `radkit.transcode`.

    Examples
    --------
    >>> from radkit.testing import sample
    >>> made = pyramid(sample("ct"))
    >>> made.stored, [level.shape for level in made.levels][:2]
    (False, [(128, 128), (64, 64)])
    """
    from radkit.pixels.selection import check_at_least

    if levels is not None:
        check_at_least("levels", levels, 1)
    with CodedObject(source) as coded:
        stored = coded.cuttable
    if stored and lossy is not None:
        raise OptionError("lossy: the frames are codestreams already; see preview.windowed")
    if not stored:
        source = _transcoded(source, lossy, syntax)
    remote = open_local(source)
    cuts = [cut for cut in reversed(remote.index.frame(frame).cuts) if cut.layers is None]
    shapes = remote.shapes(frame)
    found = tuple(
        Level(
            reduce=cut.reduce,
            shape=shapes[cut.reduce],
            bytes=cut.size,
            ranges=tuple(remote.index.ranges(frame, reduce=cut.reduce)) if stored else None,
        )
        for cut in cuts[:levels]
    )
    return Pyramid(remote, frame, found, stored)


def _transcoded(source: Any, lossy: Lossy | None, syntax: str) -> Any:
    from radkit.transcoding import transcode

    if syntax not in ("htj2k", "jpeg2000"):
        raise OptionError(f"syntax must be htj2k or jpeg2000, not {syntax!r}")
    name = f"{syntax}-lossless" if lossy is None else syntax
    name = "htj2k-lossless-rpcl" if name == "htj2k-lossless" else name
    return transcode(source, None, name, lossy=lossy).data
