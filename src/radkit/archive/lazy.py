"""A series as a Dask array whose chunks are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from radkit.errors import GeometryError, MissingDependency, OptionError
from radkit.pixels import decode, inspect
from radkit.transcoding.sources import tasks
from radkit.transcoding.stores import Item
from radkit.volume.records import Record
from radkit.volume.scan import scan
from radkit.volume.sort import sort_records

if TYPE_CHECKING:
    import dask.array

__all__ = ["to_dask"]

_Frame = tuple[Any, int | None]  # source, and which of its frames


def to_dask(
    series: Any, *, reduce: int = 0, chunks: Literal["frame", "series"] | int = "frame"
) -> dask.array.Array:
    """Give a series as a lazy array: headers are read now, frames when they are computed.

    Parameters
    ----------
    series : folder, URL, glob or iterable of sources
        One object, whose frames keep their order, or the slices of one stack, which come
        in the order of their positions.
    reduce : int
        As in `radkit.decode`: halve the sides so often.
    chunks : {"frame", "series"} or int
        Frames of a chunk.

    Returns
    -------
    dask.array.Array
        (frames, rows, cols) or (frames, rows, cols, samples) of stored values.

    Raises
    ------
    GeometryError
        Several objects are no stack, or there is none.
    OptionError
        `chunks` makes no sense.
    MissingDependency
        There is no Dask.

    Notes
    -----
    One frame is decoded at once, to know what a reduced one looks like. Chunks travel to
    workers as paths or URLs: workers of other machines must see them.
    """
    try:
        import dask.array
        from dask.delayed import delayed
    except ImportError as error:
        raise MissingDependency("to_dask needs Dask: pip install radkit[archive]") from error
    frames = _frames(series)
    size = _chunk(chunks, len(frames))
    first = _decoded(frames[:1], reduce)
    block = delayed(_decoded, pure=True)
    # Dask declares no types for these two calls.
    parts = [
        dask.array.from_delayed(  # type: ignore[no-untyped-call]
            block(frames[at : at + size], reduce),
            shape=(min(size, len(frames) - at), *first.shape[1:]),
            dtype=first.dtype,
        )
        for at in range(0, len(frames), size)
    ]
    whole: dask.array.Array = dask.array.concatenate(parts)  # type: ignore[no-untyped-call]
    return whole


def _chunk(chunks: Literal["frame", "series"] | int, frames: int) -> int:
    if chunks == "frame":
        return 1
    if chunks == "series":
        return frames
    if not isinstance(chunks, int) or isinstance(chunks, bool) or chunks < 1:
        raise OptionError(f"chunks must be frame, series or a number of frames, not {chunks!r}")
    return chunks


def _frames(series: Any) -> list[_Frame]:
    """List the frames of a series in order."""
    found = tasks(series, urls=True)
    sources = [task.source.name if isinstance(task.source, Item) else task.source for task in found]
    if len(sources) == 1:
        return [(sources[0], frame) for frame in range(inspect(sources[0]).shape[0])]
    several = len(sources) > 1 and any(task.found for task in found)
    records: list[Record] = []
    for source in sources:
        records += [one for one in scan(source, searched=several) if isinstance(one, Record)]
    if not records:
        raise GeometryError("there is no slice with a place in the patient")
    ordered = sort_records(records, split="error", tolerance_mm=None, digest=_digest)[0].records
    if any(record.tile is not None for record in ordered):
        raise GeometryError("mosaics cannot be lazy arrays", hint="Use radkit.load_volume")
    return [(record.source, record.frame) for record in ordered]


def _digest(record: Record) -> bytes:
    """Tell equal slices by their samples."""
    return bytes(np.ascontiguousarray(_decoded([(record.source, record.frame)], 0)).data)


def _decoded(frames: Sequence[_Frame], reduce: int) -> NDArray[Any]:
    """Decode some frames into one array."""
    parts = [
        decode(source, frames=frame or 0, reduce=reduce, threads=1) for source, frame in frames
    ]
    return np.stack(parts)
