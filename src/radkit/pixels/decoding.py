"""Decode: stored values of the frames of one object."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from radkit import limits
from radkit.errors import (
    CorrectionWarning,
    OptionError,
    Problem,
)
from radkit.pixels.frames import Colour, Frames, OneFrame
from radkit.pixels.results import Decoded, Source
from radkit.pixels.selection import (
    FrameChoice,
    Region,
    allocate,
    check_out,
    check_region,
    check_scale,
    choose_frames,
)
from radkit.pixels.workers import run_all, thread_count

__all__ = ["check_memory", "decode", "decode_frames", "read"]

# What a decoder holds beside its result, in bytes per sample: coefficients and a first copy.
WORK_BYTES = 6


def decode(
    source: Source,
    *,
    frames: FrameChoice = None,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    out: np.ndarray | None = None,
    strict: bool = True,
    threads: int | None = None,
) -> np.ndarray:
    """Decode the pixel data of one DICOM object.

    The stored values are returned, exactly. No rescale slope, window or palette
    is applied (see `radkit.values`, `radkit.render`); only the sign and the unused
    high bits are put right, and YBR becomes RGB unless `raw`.

    Parameters
    ----------
    source : path, bytes, file object, or pydicom.Dataset
        The object. A path is read in pieces: only the bytes of the asked frames
        are touched.
    frames : int, slice or sequence of int, optional
        Frames to decode, counted from 0; numbers are not negative, slices follow
        Python. An int drops the frame axis. Default: all.
    reduce : int, default 0
        Number of halvings, 0 to 32. Each row and column count becomes
        ceil(n / 2**reduce). JPEG 2000 and HTJ2K skip the work; other codings are
        refused for reduce > 0.
    region : (row0, row1, col0, col1), optional
        Half-open box in pixels of the *full* resolution. Default: everything.
    layers : int, optional
        Quality layers to use, >= 1. Default: all of them.
    raw : bool, default False
        Leave colour as coded, and do not sign-extend.
    out : ndarray, optional
        Writable, C-contiguous, of the exact shape and dtype. Returned. Its
        contents are undefined if an error is raised.
    strict : bool, default True
        If False, a truncated codestream gives what it can, and short native
        pixel data are filled with 0, both with a `CorrectionWarning`.
    threads : int, optional
        Worker threads, >= 1. Default: 1 for one frame, else the number of cores
        this process may use. JPEG 2000 and HTJ2K frames are shared among threads
        where there are more threads than frames.

    Returns
    -------
    ndarray
        (rows, cols), (rows, cols, samples), (frames, rows, cols) or
        (frames, rows, cols, samples); an object of one frame has no frame axis
        when `frames` is None. 8, 16, 32 or 64 bit integers, by Bits Allocated (1
        bit gives uint8; more if the codestream has more bits) and Pixel
        Representation; float32 and float64 for float and double float pixel data.
        Never a view on `source`, except native pixel data with ``raw=True``
        (then read-only).

    Raises
    ------
    UnsupportedTransferSyntax
        The transfer syntax is unknown, or cannot do `reduce` or `layers`.
    CorruptFile, CorruptPixelData, TruncatedPixelData
        The object or a codestream breaks its standard; `.frame` and `.offset`
        tell where.
    LimitExceeded
        The header asks for more than `radkit.limits` allows. Raised before any
        memory is taken.
    OptionError
        An option is out of range or does not fit the object.
    TransferError
        The source cannot be opened or read.
    MissingDependency
        A codec's package is absent.
    TypeError
        An option has the wrong type.

    Notes
    -----
    PS3.5 8.1.1 and 8.2 (cells), A.4 (encapsulation), PS3.3 C.7.6.3.1.2 (colour).
    Peak memory is about output + threads * 6 bytes per sample of a frame. The
    GIL is free while radkit's own kernels work, and calls may run in parallel.
    The result does not depend on `threads`.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> radkit.decode(get_testdata_file("CT_small.dcm")).shape
    (128, 128)
    """
    return read(
        source,
        frames=frames,
        reduce=reduce,
        region=region,
        layers=layers,
        raw=raw,
        out=out,
        strict=strict,
        threads=threads,
    ).array


def read(
    source: Source,
    *,
    frames: FrameChoice = None,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    out: np.ndarray | None = None,
    strict: bool = True,
    threads: int | None = None,
) -> Decoded:
    """Decode as `radkit.decode` does, and say what the samples are.

    Parameters
    ----------
    source, frames, reduce, region, layers, raw, out, strict, threads
        As in `radkit.decode`.

    Returns
    -------
    Decoded
        The array, its Photometric Interpretation, and what was repaired.

    Raises
    ------
    RadkitError, TypeError
        As `radkit.decode`.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> radkit.read(get_testdata_file("CT_small.dcm")).photometric
    'MONOCHROME2'
    """
    with Frames(source, strict=strict) as opened, opened.named():
        return decode_frames(
            opened,
            frames=frames,
            reduce=reduce,
            region=region,
            layers=layers,
            raw=raw,
            out=out,
            threads=threads,
        )


def decode_frames(
    opened: Frames,
    *,
    frames: FrameChoice = None,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    colour: Colour = "rgb",
    out: np.ndarray | None = None,
    threads: int | None = None,
) -> Decoded:
    """Decode frames of an opened object; options as in `radkit.decode`, `colour` as in `Frames`."""
    image = opened.image
    numbers, alone = choose_frames(frames, image.frames)
    reduce, layers = check_scale(reduce, layers)
    box = check_region(region, image.rows, image.cols)
    count = thread_count(threads, len(numbers))
    share = 1 if threads is None else max(1, threads // count)
    opened.check_ability(reduce=reduce, layers=layers)
    frame_shape = opened.frame_shape(box, reduce)
    shape = frame_shape if alone else (len(numbers), *frame_shape)
    check_out(out, shape, opened.dtype)
    check_memory(opened, len(numbers), frame_shape, count)
    deadline = limits.deadline()
    opened.locate(numbers)

    def one(i: int, target: np.ndarray | None) -> OneFrame:
        return opened.decode(
            numbers[i],
            out=target,
            reduce=reduce,
            region=box,
            layers=layers,
            raw=raw,
            colour=colour,
            threads=share,
        )

    if alone:
        with limits.running(deadline):
            made = [one(0, out)]
        array = made[0].array
        if out is not None and array is not out:
            raise _wider(array.dtype, out.dtype)
    else:
        array, made = _decode_stack(one, len(numbers), shape, opened.dtype, out, count, deadline)
    return _labelled(opened, array, made, reduce, layers, box)


def _decode_stack(
    one: Any,
    items: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    out: np.ndarray | None,
    threads: int,
    deadline: limits.Deadline,
) -> tuple[np.ndarray, list[OneFrame]]:
    """Decode into one array; again into a wider one if a codestream has more bits than cells."""
    array = allocate(shape, dtype) if out is None else out

    def work(i: int) -> OneFrame:
        place = array[i]
        made: OneFrame = one(i, place)
        # Kept only where it did not fit; else the frame is in `array` already.
        fits = made.array is place
        return made if not fits else _without_array(made)

    made = run_all(work, items, threads=threads, deadline=deadline)
    wider = [frame.array.dtype for frame in made if frame.array is not _NOTHING]
    if not wider:
        return array, made
    if out is not None:
        raise _wider(wider[0], out.dtype)
    dtype = np.result_type(dtype, *wider)
    grown = allocate(shape, dtype)
    for i, frame in enumerate(made):
        grown[i] = array[i] if frame.array is _NOTHING else frame.array
    return grown, [_without_array(frame) for frame in made]


_NOTHING = np.empty(0, np.uint8)


def _without_array(frame: OneFrame) -> OneFrame:
    return OneFrame(
        array=_NOTHING,
        photometric=frame.photometric,
        bits=frame.bits,
        lossy=frame.lossy,
        sound=frame.sound,
        problems=frame.problems,
        bytes_read=frame.bytes_read,
    )


def _wider(needed: np.dtype[Any], given: np.dtype[Any]) -> OptionError:
    return OptionError(
        f"out has dtype {given}; the codestream has more bits than Bits Allocated"
        f" and needs {needed}"
    )


def check_memory(opened: Frames, items: int, frame_shape: tuple[int, ...], threads: int) -> None:
    """Compare output and work with the limit, in exact arithmetic, before anything is taken."""
    samples = 1
    for side in frame_shape:
        samples *= side
    asked = samples * (items * opened.dtype.itemsize + threads * WORK_BYTES)
    limits.check(
        "max_memory_bytes", asked, f"decoding {items} frames", source=opened.obj.reader.name
    )


def _labelled(
    opened: Frames,
    array: np.ndarray,
    made: Sequence[OneFrame],
    reduce: int,
    layers: int | None,
    box: Region | None,
) -> Decoded:
    problems: list[Problem] = [*opened.obj.problems, *opened.image.problems, *opened.map.problems]
    for frame in made:
        problems += frame.problems
    texts = tuple(dict.fromkeys(problem.text for problem in problems))
    sound = tuple(frame.sound for frame in made)
    complete = all(share >= 1.0 for share in sound)
    if not complete:
        warnings.warn(
            f"{sum(share < 1.0 for share in sound)} of {len(sound)} frames are not complete:"
            " what was missing is 0",
            CorrectionWarning,
            stacklevel=4,
        )
    labels = {frame.photometric for frame in made}
    return Decoded(
        array=array,
        # Frames of unlike colour cannot be told by one word: then it is that of the header.
        photometric=labels.pop() if len(labels) == 1 else opened.photometric,
        reduce=reduce,
        layers=layers,
        region=box or (0, opened.image.rows, 0, opened.image.cols),
        complete=complete,
        sound=sound,
        corrections=texts,
        bytes_read=sum(frame.bytes_read for frame in made),
    )
