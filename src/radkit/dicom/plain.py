"""Plain objects, spliced by native code: one walk lays the new object out, one call joins it.

Plain is what `_native/dicom/splice.h` says: in essence explicit VR little endian, native or
encapsulated, without a fault. All else, and what is too large to join in memory, goes the
general way (`radkit.dicom.splice`). Both ways give the same bytes where both apply.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from radkit import limits
from radkit._native import _splice
from radkit.dicom import splice
from radkit.dicom.encapsulate import encapsulated_element, offset_tables
from radkit.dicom.encoding import encode
from radkit.dicom.objects import DicomObject, open_object
from radkit.dicom.source import Reader, open_reader
from radkit.dicom.splice import MAKER, Edit
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.write import AtomicFile, Sink, write_file
from radkit.errors import EncodeError

__all__ = ["MOST_EDITS", "lay", "splice_file", "spliced"]

MOST_EDITS = 64  # as in _splice.pyx
_HEAD = 1 << 14
_MOST = 64 << 20  # bytes of source and result that are joined in memory
_TABLES: dict[int, Edit | None] = {0x7FE00001: None, 0x7FE00002: None}
Frames = Sequence[bytes | memoryview]
Edits = Mapping[int, Edit | None]


def lay(
    target: TransferSyntax,
    edits: Edits,
    *,
    instance_uid: str | None = None,
    refused: Sequence[int] = (),
) -> _splice.Laid | None:
    """Prepare the layout of a plain object; None if it is none for native code.

    Parameters
    ----------
    target : TransferSyntax
        Of the result; explicit VR little endian, not deflated.
    edits : mapping of tag to Edit or None
        As in `radkit.dicom.splice.plan`.
    instance_uid : str, optional
        New SOP Instance UID of the meta header.
    refused : sequence of int
        Ascending tags, whose presence in the source leaves it to the general way.
    """
    if target.implicit or target.big_endian or target.deflated or len(edits) > MOST_EDITS:
        return None
    if edits and min(edits) < 0x30000:
        return None
    now = limits.current()
    syntax, instance = _uid_element(0x00020010, target.uid), None
    if instance_uid is not None:
        instance = _uid_element(0x00020003, instance_uid)
    whole = [
        (tag, None if edit is None else encode(tag, edit.vr, edit.value))
        for tag, edit in sorted(edits.items())
    ]
    return _splice.Laid(
        syntax,
        MAKER,
        instance,
        whole,
        refused,
        max_elements=now.max_elements,
        max_depth=min(now.max_depth, 1 << 30),
    )


@lru_cache(maxsize=64)
def _uid_element(tag: int, uid: str) -> bytes:
    return encode(tag, "UI", uid.encode("ascii"))


def spliced(
    source: Any,
    target: TransferSyntax,
    frames: Frames,
    edits: Edits | None = None,
    *,
    instance_uid: str | None = None,
) -> bytes:
    """Give an object with other coded frames as bytes; the pixels of the source are not read.

    Parameters
    ----------
    source : path, bytes, binary file, pydicom.Dataset or Reader
        The object.
    target : TransferSyntax
        Encapsulated; what the frames are coded in.
    frames : sequence of bytes-like
        One for each frame of the object; each becomes a fragment.
    edits : mapping of tag to Edit or None, optional
        Elements to replace or put in, or (None) to leave out. What describes the pixels
        (group 0028) is the caller's to change.
    instance_uid : str, optional
        New SOP Instance UID of the meta header.

    Raises
    ------
    CorruptFile, LimitExceeded, TransferError
        The source cannot be read.
    EncodeError
        The syntax is not encapsulated, or a frame does not fit a fragment.
    """
    _check_target(target)
    with open_reader(source) as reader:
        made = _joined(reader, target, frames, edits or {}, instance_uid)
        if made is not None:
            return made
        sink = _Pieces()
        with open_object(reader) as obj:
            _general(obj, target, frames, edits or {}, instance_uid, sink)
        return b"".join(sink.pieces)


def splice_file(
    source: Any,
    dest: str | os.PathLike[str],
    target: TransferSyntax,
    frames: Frames,
    edits: Edits | None = None,
    *,
    instance_uid: str | None = None,
) -> None:
    """Do what `spliced` does, to a file that appears whole or not at all.

    Parameters
    ----------
    source, target, frames, edits, instance_uid
        As in `spliced`.
    dest : path
        Final name; it may be the source.

    Raises
    ------
    TransferError
        The system refused; `dest` is as it was.
    CorruptFile, LimitExceeded, EncodeError
        As in `spliced`.
    """
    _check_target(target)
    with open_reader(source) as reader:
        made = _joined(reader, target, frames, edits or {}, instance_uid)
        if made is not None:
            write_file(Path(dest), made)
            return
        with open_object(reader) as obj, AtomicFile(Path(dest)) as file:
            _general(obj, target, frames, edits or {}, instance_uid, file)
            file.commit()


def _check_target(target: TransferSyntax) -> None:
    if not target.encapsulated:
        raise EncodeError(f"{target.name} has no fragments to put coded frames into")


def _joined(
    reader: Reader, target: TransferSyntax, frames: Frames, edits: Edits, instance_uid: str | None
) -> bytes | None:
    """Splice by native code; None if it is not for that."""
    if sum(map(len, frames)) > _MOST:
        return None
    more = {**_TABLES, **edits}
    view, size = reader.view(), reader.size
    if view is None and size > _HEAD:
        laid = lay(target, more, instance_uid=instance_uid)
        head = reader.read(0, _HEAD)
        state = _splice.NOT_PLAIN if laid is None else laid.head(head, size)
        if laid is None or state == _splice.NOT_PLAIN:
            return None
        if state == _splice.HEAD:
            return _with_tail(laid, reader, head, frames)
    if size > _MOST:
        return None
    laid = lay(target, more, instance_uid=instance_uid)
    whole = reader.read(0, size) if view is None else view
    state = _splice.NOT_PLAIN if laid is None else laid.head(whole, size)
    if laid is not None and state == _splice.HEAD:
        state = laid.tail(whole, 0)
    if laid is None or state != _splice.LAID:
        return None
    return laid.join(whole, whole, 0, list(frames))


def _with_tail(
    laid: _splice.Laid, reader: Reader, head: memoryview, frames: Frames
) -> bytes | None:
    """Finish a layout whose head is there; native pixel data are not read."""
    _, value, _, end = laid.pixels
    base = value if end < 0 else end
    if reader.size - base > _MOST:
        return None
    tail = reader.read(base, reader.size - base)
    if laid.tail(tail, base) != _splice.LAID:
        return None
    return laid.join(head, tail, base, list(frames))


def _general(
    obj: DicomObject,
    target: TransferSyntax,
    frames: Frames,
    edits: Edits,
    instance_uid: str | None,
    out: Sink,
) -> None:
    """Splice in the general way."""
    sizes = [len(frame) for frame in frames]
    tables = offset_tables(sizes)
    more = {**_TABLES, **edits}
    if tables.extended is not None and tables.lengths is not None:
        more[0x7FE00001] = Edit("OV", tables.extended)
        more[0x7FE00002] = Edit("OV", tables.lengths)
    # Only elements that are written anew need to know what words the image has.
    anew = splice.encoding_of(obj) != splice.goal_of(target)
    laid = splice.plan(
        obj,
        target,
        more,
        signed=anew and obj.elements.ints(0x00280103) == (1,),
        bits_allocated=(*(obj.elements.ints(0x00280100) if anew else ()), 16)[0],
        instance_uid=instance_uid,
    )
    splice.write(laid, obj.reader, encapsulated_element(frames, tables), out)


class _Pieces:
    """Collects pieces without copying them."""

    def __init__(self) -> None:
        self.pieces: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.pieces.append(data)
