"""What a folder, a store or an archive file holds, without decoding it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from radkit.dicom.objects import open_object
from radkit.dicom.source import open_reader
from radkit.errors import CorruptFile, RadkitError
from radkit.pixels import ImageInfo, inspect
from radkit.pixels.workers import stream
from radkit.transcoding.sources import Task, tasks
from radkit.transcoding.stores import ONE_AT_A_TIME, Item, fetched

__all__ = ["Found", "scan"]

AT_A_TIME = 8  # headers over a network: waiting, not work
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ImageInfo):
    """An object of an archive.

    Parameters
    ----------
    source : str
        Its path or URL.
    bytes : int
        Its size, 0 if the store does not tell.
    """

    source: str
    bytes: int


def scan(url: Any, *, deep: bool = False) -> Iterator[Found]:
    """Tell what each object of a place holds, in the order of names.

    Only headers are read, of stores by ranges, some objects at a time.

    Parameters
    ----------
    url : str, path or iterable of them
        A folder, a glob, a file, or a URL that fsspec knows: ``s3://bucket/study``,
        ``zip://::archive.zip``.
    deep : bool
        As in `radkit.inspect`.

    Yields
    ------
    Found
        An `ImageInfo` that knows its source. Objects without pixels, and files that are
        no DICOM, are left out; what cannot be read is left out and told in the log.

    Raises
    ------
    TransferError
        The place cannot be listed.
    """
    look = partial(_look, deep=deep)
    for found in stream(look, tasks(url, urls=True), threads=AT_A_TIME, ahead=4 * AT_A_TIME):
        if found is not None:
            yield found


def _look(task: Task, *, deep: bool) -> Found | None:
    try:
        with _at_hand(task.source) as source:
            info = None if task.found and _is_nothing(source) else inspect(source, deep=deep)
    except RadkitError as error:
        logger.warning("left out: %s: %s", type(error).__name__, error)
        return None
    if info is None:
        return None
    known = {field.name: getattr(info, field.name) for field in fields(info)}
    return Found(**known, source=str(task.name), bytes=task.size())


@contextlib.contextmanager
def _at_hand(source: Any) -> Iterator[Any]:
    """Give a source that can be read by ranges; members of archives come whole."""
    if not isinstance(source, Item):
        yield source
    elif source.store.protocols & ONE_AT_A_TIME:
        with fetched(source) as data:
            yield data
    else:
        yield source.name


def _is_nothing(source: Any) -> bool:
    """Tell whether something that was met on the way is no DICOM, or has no pixels."""
    with open_reader(source) as reader:
        marked = reader.size >= 132 and bytes(reader.read(128, 4)) == b"DICM"
        try:
            with open_object(reader) as obj:
                return obj.pixels is None
        except CorruptFile:
            if marked:
                raise
            return True
