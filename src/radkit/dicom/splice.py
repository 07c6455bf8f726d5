"""One object out of another: owned elements replaced, all others carried byte for byte.

`plan` decides, from the element table alone, which ranges are copied, which elements are
rewritten and which are put in; `write` then streams it. Between equal encodings elements
are copied as ranges of the source; otherwise `rewrite` walks them. Group lengths and
trailing padding are dropped, the meta header is renewed (PS3.10 7.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from radkit.dicom._values import implicit_vr
from radkit.dicom.elements import Element
from radkit.dicom.encoding import (
    EXPLICIT,
    IMPLICIT,
    Encoding,
    element_header,
    encode,
    swapped,
)
from radkit.dicom.rewrite import Hook, Rewriter
from radkit.dicom.write import Sink
from radkit.errors import EncodeError, Problem

if TYPE_CHECKING:
    from radkit.dicom.objects import DicomObject
    from radkit.dicom.source import Reader
    from radkit.dicom.uids import TransferSyntax

__all__ = [
    "IMPLEMENTATION_UID",
    "IMPLEMENTATION_VERSION",
    "MAKER",
    "Edit",
    "Plan",
    "Span",
    "encoding_of",
    "goal_of",
    "plan",
    "write",
]

# Derived from a random UUID once (PS3.5 B.2); names this implementation.
IMPLEMENTATION_UID = "2.25.241392466820899758515899448571951914941"
IMPLEMENTATION_VERSION = "RADKIT_010"

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
TRAILING_PADDING = 0xFFFCFFFC
LARGEST_NATIVE = 0xFFFFFFFE
_META_VERSION = encode(0x00020001, "OB", b"\x00\x01")
MAKER = encode(0x00020012, "UI", IMPLEMENTATION_UID.encode("ascii")) + encode(
    0x00020013, "SH", IMPLEMENTATION_VERSION.encode("ascii")
)
_RENEWED = frozenset({0x00020000, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
_CHUNK = 4 << 20
_SMALL = 1 << 14
_LITTLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Edit:
    """A new element: its VR and its value in little endian."""

    vr: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the source, to be copied; `word` > 1 reverses the bytes of each word."""

    offset: int
    size: int
    word: int = 1


Piece = bytes | memoryview | Span


@dataclass(slots=True)
class Plan:
    """What an object to be written consists of.

    Parameters
    ----------
    meta : bytes
        Preamble, prefix and group 2.
    before, after : list
        Pieces before and behind the pixel element.
    target : TransferSyntax
        Of the result.
    problems : list of Problem
        What could not be carried in full.
    """

    meta: bytes
    before: list[Piece]
    after: list[Piece]
    target: TransferSyntax
    problems: list[Problem] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the object without the pixel element, before any deflating."""
        pieces = (*self.before, *self.after)
        sizes = (p.size if isinstance(p, Span) else len(p) for p in pieces)
        return len(self.meta) + sum(sizes)


def encoding_of(obj: DicomObject) -> Encoding:
    """Give the encoding that the data set has, which its transfer syntax may not state."""
    return Encoding(implicit=obj.elements.implicit, big=obj.elements.big_endian)


def goal_of(target: TransferSyntax) -> Encoding:
    """Give the encoding of data sets in a transfer syntax to be written."""
    return IMPLICIT if target.implicit else EXPLICIT


def plan(
    obj: DicomObject,
    target: TransferSyntax,
    edits: Mapping[int, Edit | None],
    *,
    hooks: Mapping[int, Hook] | None = None,
    signed: bool = False,
    bits_allocated: int = 16,
    keep_pixels: bool = False,
    instance_uid: str | None = None,
) -> Plan:
    """Lay out an object in another transfer syntax.

    Parameters
    ----------
    obj : DicomObject
        The source; read again by `write`.
    target : TransferSyntax
        Encoding of the result.
    edits : mapping of tag to Edit or None
        Elements to replace or put in, or (None) to leave out.
    hooks : mapping of tag to hook, optional
        Top-level sequences whose inner values change.
    signed, bits_allocated
        Of the image, for VRs and for words of big endian pixels.
    keep_pixels : bool
        Carry the pixel element too (native to native). Else it is left out and the
        caller writes it between `before` and `after`.
    instance_uid : str, optional
        New SOP Instance UID; the meta header follows.

    Returns
    -------
    Plan
        Nothing has been read yet but headers and elements that need rewriting.
    """
    source = encoding_of(obj)
    rewriter = Rewriter(source, goal_of(target), signed=signed, bits_allocated=bits_allocated)
    layout = _Layout(obj, edits, hooks or {}, rewriter)
    layout.run(keep_pixels=keep_pixels)
    return Plan(
        meta=_meta(obj, target, instance_uid),
        before=[_at_hand(obj, piece) for piece in layout.before],
        after=[_at_hand(obj, piece) for piece in layout.after],
        target=target,
        problems=rewriter.problems,
    )


def _at_hand(obj: DicomObject, piece: Piece) -> Piece:
    """Give the bytes of a small span if they were read already, for the walk."""
    if not isinstance(piece, Span) or piece.word != 1 or piece.size > _LITTLE:
        return piece
    held = obj._windows._holding(piece.offset, piece.size)
    if held is None:
        return piece
    start = piece.offset - held[0]
    return held[1][start : start + piece.size]


class _Layout:
    """The pass over the elements: runs to copy, elements to rewrite, edits in order."""

    def __init__(
        self,
        obj: DicomObject,
        edits: Mapping[int, Edit | None],
        hooks: Mapping[int, Hook],
        rewriter: Rewriter,
    ) -> None:
        self.before: list[Piece] = []
        self.after: list[Piece] = []
        self._out = self.before
        self._obj = obj
        self._edits = edits
        self._hooks = hooks
        self._rewriter = rewriter
        self._same = rewriter.source == rewriter.target
        self._pending = sorted((tag for tag, edit in edits.items() if edit is not None))
        self._pending.reverse()

    def run(self, *, keep_pixels: bool) -> None:
        elements = self._obj.elements
        pixels = self._obj.pixels.offset if self._obj.pixels is not None else -1
        elements._read_tail()
        table = elements._rows()
        special = sorted({*self._edits, *self._hooks, TRAILING_PADDING})
        inserts = np.array(self._pending[::-1], np.uint32)
        for start, end, row in table.runs(np.array(special, np.uint32), inserts, pixels):
            self._copy(start, end)
            if row < 0:
                continue
            element = Element(*table.row(row))
            while self._pending and self._pending[-1] <= element.tag:
                self._insert(self._pending.pop())
            self._one(element, keep_pixels=keep_pixels, is_pixels=element.offset == pixels)
        while self._pending:
            self._insert(self._pending.pop())

    def _one(self, element: Element, *, keep_pixels: bool, is_pixels: bool) -> None:
        tag = element.tag
        if is_pixels:
            if keep_pixels:
                self._pixels(element)
            self._out = self.after
        elif tag in self._edits or not tag & 0xFFFF or tag == TRAILING_PADDING:
            return
        elif tag in self._hooks:
            self._rewrite(element, self._hooks[tag])
        else:
            self._copy(element.offset, element.end)

    def _copy(self, start: int, end: int) -> None:
        """Carry a range of elements: as it is, or rewritten; joined to one it touches."""
        if end <= start:
            return
        if not self._same:
            data = self._obj.reader.read(start, end - start)
            self._out.append(self._rewriter.dataset(data))
            return
        last = self._out[-1] if self._out else None
        if isinstance(last, Span) and last.word == 1 and last.offset + last.size == start:
            self._out[-1] = Span(last.offset, end - last.offset)
        else:
            self._out.append(Span(start, end - start))

    def _insert(self, tag: int) -> None:
        edit = self._edits[tag]
        if edit is not None:
            self._out.append(encode(tag, edit.vr, edit.value, self._rewriter.target))

    def _rewrite(self, element: Element, hook: Hook | None) -> None:
        data = self._obj.reader.read(element.offset, element.end - element.offset)
        self._rewriter.hook = hook
        self._out.append(self._rewriter.element(data))
        self._rewriter.hook = None

    def _pixels(self, element: Element) -> None:
        """Carry a native pixel element, in the byte order and VR of the target."""
        rewriter = self._rewriter
        syntax = self._obj.syntax
        if self._same and not syntax.big_endian_pixels:
            self._copy(element.offset, element.end)
            return
        if element.length < 0:
            raise EncodeError("encapsulated pixel data cannot be carried into a native syntax")
        float_vr = {0x7FE00008: "OF", 0x7FE00009: "OD"}.get(element.tag)
        vr = float_vr or element.vr or "OW"
        size = element.length + (element.length & 1)
        if size > LARGEST_NATIVE:
            raise EncodeError("native pixel data end at 2**32 - 2 bytes", section="PS3.5 8.2")
        word = 1
        if syntax.big_endian_pixels and vr != "OB":
            word = {"OF": 4, "OD": 8}.get(vr) or max(2, rewriter.bits_allocated // 8)
        self._out.append(element_header(element.tag, vr, size, rewriter.target))
        self._out.append(Span(element.value, element.length, word))
        if element.length & 1:
            self._out.append(b"\0")


def _meta(obj: DicomObject, target: TransferSyntax, instance_uid: str | None) -> bytes:
    """Write preamble and group 2; the preamble's offsets, if any, would be wrong: zeros."""
    parts: dict[int, bytes] = {0x00020001: _META_VERSION}
    meta = obj.meta
    table = meta._rows()
    for i in range(len(table)):
        tag, vr, _, at, size, end = table.row(i)
        if tag not in _RENEWED:
            raw = meta._bytes(tag, at, size, end)
            parts[tag] = encode(tag, vr or implicit_vr(tag) or "UN", raw)
    for tag, original in ((0x00020002, 0x00080016), (0x00020003, 0x00080018)):
        value = obj.elements.raw(original) or meta.raw(tag)
        if value is not None and len(value):
            parts[tag] = encode(tag, "UI", bytes(value))
    if instance_uid is not None:
        parts[0x00020003] = encode(0x00020003, "UI", instance_uid.encode("ascii"))
    parts[0x00020010] = _syntax_element(target.uid)
    parts[0x00020012] = MAKER
    body = b"".join(parts[tag] for tag in sorted(parts))
    length = encode(0x00020000, "UL", len(body).to_bytes(4, "little"))
    return bytes(128) + b"DICM" + length + body


@lru_cache(maxsize=64)
def _syntax_element(uid: str) -> bytes:
    return encode(0x00020010, "UI", uid.encode("ascii"))


def read_pieces(reader: Reader, pieces: Sequence[Piece]) -> Iterator[bytes | memoryview]:
    """Give the bytes of pieces, a few megabytes at a time."""
    for piece in pieces:
        if not isinstance(piece, Span):
            yield piece
            continue
        at, left = piece.offset, piece.size
        step = _CHUNK - _CHUNK % max(piece.word, 1)
        while left:
            size = min(left, step)
            data = reader.read(at, size)
            yield data if piece.word == 1 else swapped(data, piece.word)
            at += size
            left -= size


def write(laid: Plan, reader: Reader, pixels: Iterable[bytes | memoryview], out: Sink) -> None:
    """Write an object: meta header, elements, pixel element, elements.

    Parameters
    ----------
    laid : Plan
        From `plan`.
    reader : Reader
        Of the source.
    pixels : iterable of bytes-like
        The whole pixel element in pieces, header and delimiter included; empty if the
        plan carries it.
    out : Sink
        Where to.
    """
    before, after = read_pieces(reader, laid.before), read_pieces(reader, laid.after)
    if laid.target.deflated:
        out.write(laid.meta)
        body = _Deflating(out)
        for data in chain(before, pixels, after):
            body.write(data)
        body.finish()
        return
    held: list[bytes | memoryview] = [laid.meta]  # small pieces, for one call of the system
    for data in chain(before, pixels, after):
        if len(data) <= _SMALL:
            held.append(data)
            continue
        if held:
            out.write(b"".join(held))
            held.clear()
        out.write(data)
    if held:
        out.write(b"".join(held))


class _Deflating:
    """Raw RFC 1951 deflate of the data set, padded to even (PS3.5 A.5)."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._state = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self._put(self._state.compress(data))

    def finish(self) -> None:
        self._put(self._state.flush())
        if self._size & 1:
            self._out.write(b"\0")

    def _put(self, data: bytes) -> None:
        self._size += len(data)
        if data:
            self._out.write(data)
