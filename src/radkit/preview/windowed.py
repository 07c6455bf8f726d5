"""A preview of a frame with more bits than a screen: windowed first, then coded.

Lossy coding of the full range spends its bytes where a window shows nothing: at a few
per cent of the bytes the soft tissue of a CT is lost. So the frame is windowed, or
clipped to a multiple of its window, before it is coded, as a small stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from radkit.codecs import htj2k
from radkit.codecs.options import Lossy
from radkit.errors import OptionError
from radkit.preview.label import LABEL, labelled_stream, stream_label_size
from radkit.preview.quality import Quality, compare

__all__ = ["Windowed", "windowed"]

MOST_BITS = 12  # of a clipped range: a screen shows 8, and every window in the range is near


@dataclass(frozen=True, kw_only=True, eq=False)
class Windowed:
    """A lossy picture of a frame for one window. Not for diagnosis.

    Parameters
    ----------
    data : bytes
        An HTJ2K codestream, whose comment says that it is a preview.
    picture : ndarray
        uint8, what the frame looks like in its window before coding.
    low, high : float or None
        Stored values that the smallest and the largest sample stand for, if the range was
        clipped; None if the samples are the picture itself.
    window : tuple of float, or str
        As it was asked for.
    """

    data: bytes
    picture: np.ndarray
    low: float | None
    high: float | None
    window: Any

    @cached_property
    def samples(self) -> np.ndarray:
        """What the codestream decodes to."""
        return htj2k.decode(self.data)

    def values(self) -> np.ndarray:
        """Return stored values, clipped; float32.

        Raises
        ------
        OptionError
            The samples are a picture, whose values are gone.
        """
        if self.low is None or self.high is None:
            raise OptionError("the preview is a picture; margin > 1 keeps values")
        top = float((1 << _bits(self.high - self.low)) - 1)
        scale = (self.high - self.low) / top
        return self.samples.astype(np.float32) * np.float32(scale) + np.float32(self.low)

    @property
    def quality(self) -> Quality:
        """How near the decoded picture is to the windowed frame; of a picture only."""
        if self.low is not None:
            raise OptionError("quality is that of a picture; render the values and compare")
        return compare(self.samples, self.picture)


def windowed(
    source: Any,
    *,
    max_bytes: int | None = None,
    ratio: float | None = None,
    frame: int = 0,
    window: Any = "header",
    margin: float = 1.0,
) -> Windowed:
    """Code a frame as it looks in a window, as a small stream.

    Parameters
    ----------
    source : source
        A DICOM object.
    max_bytes : int, optional
        Most bytes of the codestream.
    ratio : float, optional
        Bytes of the picture to coded bytes, the comment apart. One of the two must be given.
    frame : int, default 0
    window : default "header"
        As in `radkit.render`.
    margin : float, default 1.0
        With 1 the picture of 8 bits is coded. Above, stored values within so many window
        widths are, so that the reader can still move the window: needs a linear one.

    Returns
    -------
    Windowed

    Raises
    ------
    OptionError
        An option is out of range, or the frame has no such range.
    RadkitError
        As `radkit.render`, and as `htj2k.encode`.

    Examples
    --------
    >>> from radkit.testing import sample
    >>> made = windowed(sample("ct"), ratio=8, window=(40, 400))
    >>> made.samples.shape, made.samples.dtype
    ((128, 128), dtype('uint8'))
    """
    from radkit.pixels.frames import Frames
    from radkit.pixels.rendering import render_frames

    if (max_bytes is None) == (ratio is None):
        raise OptionError("give one of max_bytes and ratio")
    if not 1.0 <= margin <= 64:
        raise OptionError(f"margin must be 1 to 64, not {margin!r}")
    room = None if max_bytes is None else max(1, max_bytes - stream_label_size(LABEL))
    lossy = Lossy(ratio=ratio, max_bytes=room)
    with Frames(source) as opened, opened.named(frame):
        picture = render_frames(opened, frames=frame, window=window, threads=1)
        if margin == 1.0:
            data = labelled_stream(htj2k.encode(picture, lossy=lossy), LABEL)
            return Windowed(data=data, picture=picture, low=None, high=None, window=window)
        low, high, samples = _clipped(opened, frame, window, margin)
    coded = htj2k.encode(samples, lossy=lossy, bits=_bits(high - low))
    data = labelled_stream(coded, LABEL)
    return Windowed(data=data, picture=picture, low=low, high=high, window=window)


def _bits(span: float) -> int:
    return min(MOST_BITS, max(1, int(np.ceil(np.log2(span + 1)))))


def _clipped(
    opened: Any, frame: int, window: Any, margin: float
) -> tuple[float, float, np.ndarray]:
    """Return the stored values at the ends of the widened window, and the frame scaled between."""
    from radkit.pixels import voi
    from radkit.pixels.modality import frame_modality
    from radkit.pixels.places import frame_groups

    if opened.image.samples != 1 or opened.photometric == "PALETTE COLOR":
        raise OptionError("margin: only grey values have a range")
    groups = frame_groups(opened)
    modality = frame_modality(opened.obj, opened.image, groups, frame)
    chosen = voi.pick(groups, frame, voi.check_window(window), signed=True, strict=True)
    if chosen is None or chosen.lut is not None or modality.lut is not None:
        raise OptionError("margin: the frame has no linear window; give window=(centre, width)")
    half = chosen.width * margin / 2
    ends = sorted(
        (value - modality.intercept) / modality.slope
        for value in (chosen.centre - half, chosen.centre + half)
    )
    stored = opened.decode(frame).array
    low = max(float(np.floor(ends[0])), float(stored.min()))
    high = min(float(np.ceil(ends[1])), float(stored.max()))
    if not low < high:
        raise OptionError("window: no value of the frame lies in it")
    top = (1 << _bits(high - low)) - 1
    scaled = (np.clip(stored.astype(np.float32), low, high) - low) * (top / (high - low))
    return low, high, np.rint(scaled).astype(np.uint16)
