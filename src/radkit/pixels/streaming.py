"""Decode in constant memory: one frame after the other, or one object after the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from radkit import limits
from radkit.errors import CorrectionWarning, RadkitError
from radkit.pixels.decoding import check_memory, read
from radkit.pixels.frames import Frames, OneFrame
from radkit.pixels.results import Decoded, Request, Source
from radkit.pixels.selection import (
    FrameChoice,
    Region,
    check_at_least,
    check_region,
    check_scale,
    choose_frames,
)
from radkit.pixels.workers import stream, usable_cores

__all__ = ["decode_many", "iter_frames"]


def iter_frames(
    source: Source,
    *,
    frames: FrameChoice = None,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    strict: bool = True,
    threads: int | None = None,
    ahead: int = 2,
) -> Iterator[np.ndarray]:
    """Yield decoded frames one after the other, in constant memory.

    Parameters
    ----------
    source, frames, reduce, region, layers, raw, strict, threads
        As in `radkit.decode`; an int as `frames` gives one frame. No more than
        `ahead` threads have work.
    ahead : int, default 2
        Frames that are decoded in advance, >= 0; 0 decodes each when it is taken.

    Yields
    ------
    ndarray
        (rows, cols) or (rows, cols, samples), a new array each.

    Raises
    ------
    RadkitError, TypeError
        As `radkit.decode`, when the frame concerned is taken.

    Notes
    -----
    The limits are those in force at the call. `max_seconds` bounds the decoding of
    each JPEG 2000 or HTJ2K frame, and of one by a foreign codec in a child process, not
    the whole: most of that time may be the caller's. Closing the iterator closes the
    source and stops after the frames that are being decoded.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> [frame.shape for frame in radkit.iter_frames(get_testdata_file("CT_small.dcm"))]
    [(128, 128)]
    """
    ahead = check_at_least("ahead", ahead, 0)
    reduce, layers = check_scale(reduce, layers)
    if threads is not None:
        threads = check_at_least("threads", threads, 1)
    in_force = limits.current()

    def each() -> Iterator[np.ndarray]:
        with limits.use(in_force):
            opened = Frames(source, strict=strict)
        with opened:
            image = opened.image
            numbers, _ = choose_frames(frames, image.frames)
            box = check_region(region, image.rows, image.cols)
            opened.check_ability(reduce=reduce, layers=layers)
            with limits.use(in_force), opened.named():
                check_memory(opened, max(1, ahead), opened.frame_shape(box, reduce), 1)
                opened.locate(numbers)

            def work(number: int) -> OneFrame:
                with limits.use(in_force):
                    return opened.decode(number, reduce=reduce, region=box, layers=layers, raw=raw)

            count = min(threads or usable_cores(), max(1, ahead))
            for frame in stream(work, numbers, threads=count, ahead=ahead):
                if frame.sound < 1.0:
                    warnings.warn(
                        "a frame is not complete: what was missing is 0",
                        CorrectionWarning,
                        stacklevel=2,
                    )
                yield frame.array

    return each()


def decode_many(
    requests: Iterable[Source | Request],
    *,
    threads: int | None = None,
    ordered: bool = True,
) -> Iterator[Decoded | RadkitError]:
    """Decode many objects; one that fails gives its error in its place, and the rest goes on.

    Parameters
    ----------
    requests : iterable of source or Request
        Taken as results are, so it may be endless.
    threads : int, optional
        Objects that are decoded at once, >= 1. Default: the cores this process may use.
    ordered : bool, default True
        Results in the order of requests; else as they are ready.

    Yields
    ------
    Decoded or RadkitError
        One for each request. `RadkitError.source` names the object, if it has a name.

    Raises
    ------
    OptionError, TypeError
        `threads` makes no sense, or a request has an option of the wrong type.

    Notes
    -----
    No more than two results per thread wait to be taken. The limits are those in
    force at the call; each object is a call of its own for them.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> paths = [get_testdata_file("CT_small.dcm"), get_testdata_file("MR_small.dcm")]
    >>> [done.array.shape for done in radkit.decode_many(paths)]
    [(128, 128), (64, 64)]
    """
    count = usable_cores() if threads is None else check_at_least("threads", threads, 1)
    in_force = limits.current()

    def work(item: Source | Request) -> Decoded | RadkitError:
        request = item if isinstance(item, Request) else Request(source=item)
        try:
            with limits.use(in_force):
                return read(
                    request.source,
                    frames=request.frames,
                    reduce=request.reduce,
                    region=request.region,
                    layers=request.layers,
                    out=request.out,
                    threads=1,
                )
        except RadkitError as error:
            return error

    return stream(work, requests, threads=count, ahead=2 * count, ordered=ordered)
