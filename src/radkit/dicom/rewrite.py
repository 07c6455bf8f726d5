"""Data elements from one encoding to another, values untouched.

Implicit VR little endian, explicit VR little endian and (read only) explicit VR big
endian, PS3.5 7.1, 7.5 and Annex A. Sequences are walked, so that lengths come out
right; everything else is a header and a value. Nothing is interpreted as text. What
the dictionary does not know, and every private element of an implicit data set,
becomes UN, whose contents stay implicit little endian (PS3.5 6.2.2).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from radkit import limits
from radkit.dicom.encoding import (
    BITS_ALLOCATED,
    IMPLICIT,
    ITEM,
    ITEM_END,
    KNOWN_VRS,
    LONG_VRS,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    SEQUENCE_END,
    UNDEFINED,
    WORD,
    Encoding,
    element_header,
    swapped,
    vr_of,
)
from radkit.errors import CorruptFile, LimitExceeded, Problem

__all__ = ["Hook", "RawElement", "Rewriter", "joined"]


@dataclass(frozen=True, slots=True)
class RawElement:
    """One element found by `Rewriter.parse`: offsets in the parsed bytes."""

    tag: int
    vr: str
    start: int
    value: int
    length: int  # UNDEFINED where it is
    end: int


# Given (path of tags from the top, VR, value bytes) -> new value, or None to keep it.
Hook = Callable[[tuple[int, ...], str, memoryview], "bytes | None"]


def joined(first: Hook | None, second: Hook) -> Hook:
    """Make one hook of two; what the first replaces, the second is not asked."""
    if first is None:
        return second

    def hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
        new = first(path, vr, value)
        return second(path, vr, value) if new is None else new

    return hook


@dataclass(slots=True)
class _Scope:
    """What the elements of one data set or item say about the others."""

    signed: bool
    bits_allocated: int = 16


@dataclass(slots=True)
class Rewriter:
    """Rewrites elements between two encodings, and lets a hook replace values.

    Parameters
    ----------
    source, target : Encoding
        `target` is never big endian.
    signed : bool
        Pixel Representation of the outermost data set.
    bits_allocated : int
        Bits Allocated of the outermost data set; decides the word of OW pixels.
    hook : callable, optional
        May replace the value of any element that is not a sequence; sees it in the
        target's byte order.
    """

    source: Encoding
    target: Encoding
    signed: bool = False
    bits_allocated: int = 16
    hook: Hook | None = None
    problems: list[Problem] = field(default_factory=list)

    def parse(self, data: memoryview, start: int, *, end: int | None = None) -> RawElement:
        """Read the header of the element at `start`; undefined lengths are not walked.

        Raises
        ------
        CorruptFile
            The header or the value reaches past `end`.
        """
        stop = len(data) if end is None else end
        if stop - start < 8:
            raise _past_end(start)
        order = ">" if self.source.big else "<"
        group, element = struct.unpack_from(order + "HH", data, start)
        tag = group << 16 | element
        vr, value, (length,) = "", start + 8, struct.unpack_from(order + "I", data, start + 4)
        letters = bytes(data[start + 4 : start + 6])
        # As the walk of objects does: implicit elements stand in the explicit data of some
        # writers, and unknown VRs have the long form if that is possible (PS3.5 6.2, 7.1.2).
        if group != 0xFFFE and not self.source.implicit and letters.isalpha() and letters.isupper():
            vr = str(letters, "ascii")
            long = vr in LONG_VRS
            if long and stop - start < 12:
                raise _past_end(start)
            if vr not in KNOWN_VRS and stop - start >= 12:
                (size,) = struct.unpack_from(order + "I", data, start + 8)
                long = not any(data[start + 6 : start + 8]) and size <= stop - start - 12
            if long:
                value, (length,) = start + 12, struct.unpack_from(order + "I", data, start + 8)
            else:
                (length,) = struct.unpack_from(order + "H", data, start + 6)
        if length == UNDEFINED:
            return RawElement(tag, vr, start, value, length, -1)
        if length > stop - value:
            raise _past_end(start)
        return RawElement(tag, vr, start, value, length, value + length)

    def dataset(self, data: bytes | memoryview) -> bytes:
        """Rewrite the elements of a whole data set."""
        out: list[bytes | memoryview] = []
        view = memoryview(data)
        scope = _Scope(self.signed, self.bits_allocated)
        with _no_recursion_error():
            self._elements(view, 0, len(view), out, (), scope, closed=False)
        return b"".join(out)

    def element(self, data: bytes | memoryview) -> bytes:
        """Rewrite one whole element (header, value, delimiters)."""
        out: list[bytes | memoryview] = []
        view = memoryview(data)
        scope = _Scope(self.signed, self.bits_allocated)
        with _no_recursion_error():
            self._element(view, 0, len(view), out, (), scope)
        return b"".join(out)

    # One level each of: elements of a data set or item, one element, items of a sequence.

    def _elements(
        self,
        data: memoryview,
        at: int,
        stop: int,
        out: list[bytes | memoryview],
        path: tuple[int, ...],
        scope: _Scope,
        *,
        closed: bool,
    ) -> int:
        """Rewrite elements up to `stop` or, if `closed`, up to the item delimiter."""
        while at < stop:
            raw = self.parse(data, at, end=stop)
            if raw.tag == ITEM_END and closed:
                out.append(struct.pack("<HHI", 0xFFFE, 0xE00D, 0))
                return raw.value
            if raw.tag >> 16 == 0xFFFE:
                raise CorruptFile(
                    "item or delimiter where an element must stand",
                    offset=at,
                    section="PS3.5 7.5",
                )
            at = self._element(data, at, stop, out, path, scope)
        if closed:
            raise _past_end(at)
        return at

    def _element(
        self,
        data: memoryview,
        at: int,
        stop: int,
        out: list[bytes | memoryview],
        path: tuple[int, ...],
        scope: _Scope,
    ) -> int:
        raw = self.parse(data, at, end=stop)
        path = (*path, raw.tag)
        vr = raw.vr
        if not vr:
            vr = vr_of(raw.tag, raw.length, signed=scope.signed)
        undefined = raw.length == UNDEFINED
        if raw.tag & 0xFFFF == 0 and raw.tag >> 16 not in (0, 2):  # retired group length
            return raw.end if not undefined else self._skip(data, raw, stop, len(path))
        if vr == "SQ":
            return self._sequence(data, raw, stop, out, path, scope)
        if self.hook is not None and raw.vr == "UN" and _is_sequence(raw.tag):
            return self._unknown_sequence(data, raw, stop, out, path, scope)
        if undefined:
            # UN, or pixel fragments: contents do not depend on the encoding around them,
            # except that fragments exist only in explicit VR little endian (PS3.5 A.4).
            end = self._skip(data, raw, stop, len(path))
            native = (
                self.hook and raw.tag == PIXEL_DATA and self.hook(path, vr, data[raw.value : end])
            )
            if native:
                out.append(element_header(raw.tag, vr, len(native), self.target))
                out.append(native)
                return end
            out.append(element_header(raw.tag, vr, UNDEFINED, self.target))
            out.append(data[raw.value : end])
            return end
        value: bytes | memoryview = data[raw.value : raw.end]
        if self.source.big:
            value = self._native_order(raw.tag, vr, value, scope)
        if self.hook is not None:
            changed = self.hook(path, vr, memoryview(value))
            if changed is not None:
                value = changed
        self._learn(raw.tag, value, scope)
        out.append(element_header(raw.tag, vr, len(value), self.target))
        out.append(value)
        return raw.end

    def _sequence(
        self,
        data: memoryview,
        raw: RawElement,
        stop: int,
        out: list[bytes | memoryview],
        path: tuple[int, ...],
        scope: _Scope,
    ) -> int:
        limits.check("max_depth", len(path), "nested sequences", offset=raw.start)
        inner: list[bytes | memoryview] = []
        if raw.length == UNDEFINED:
            end = self._items(data, raw.value, stop, inner, path, scope, closed=True)
            out.append(element_header(raw.tag, "SQ", UNDEFINED, self.target))
            out.extend(inner)
            return end
        try:
            self._items(data, raw.value, raw.end, inner, path, scope, closed=False)
        except CorruptFile:
            if raw.vr:
                raise
            # By the dictionary a sequence, by its bytes not: UN carries it as it is.
            self._tell("not-items", "a sequence without items was carried as VR UN", raw.tag)
            out.append(element_header(raw.tag, "UN", raw.length, self.target))
            out.append(data[raw.value : raw.end])
            return raw.end
        out.append(element_header(raw.tag, "SQ", sum(map(len, inner)), self.target))
        out.extend(inner)
        return raw.end

    def _unknown_sequence(
        self,
        data: memoryview,
        raw: RawElement,
        stop: int,
        out: list[bytes | memoryview],
        path: tuple[int, ...],
        scope: _Scope,
    ) -> int:
        """Let the hook see into a sequence that some archive has made UN: implicit inside."""
        limits.check("max_depth", len(path), "nested sequences", offset=raw.start)
        walk = Rewriter(IMPLICIT, IMPLICIT, hook=self.hook)
        inner: list[bytes | memoryview] = []
        closed = raw.length == UNDEFINED
        end = stop if closed else raw.end
        try:
            end = walk._items(data, raw.value, end, inner, path, scope, closed=closed)
        except CorruptFile:
            if closed:
                raise
            end, inner = raw.end, [data[raw.value : raw.end]]  # no items after all
        size = UNDEFINED if closed else sum(map(len, inner))
        out.append(element_header(raw.tag, "UN", size, self.target))
        out.extend(inner)
        return end

    def _items(
        self,
        data: memoryview,
        at: int,
        stop: int,
        out: list[bytes | memoryview],
        path: tuple[int, ...],
        scope: _Scope,
        *,
        closed: bool,
    ) -> int:
        while at < stop:
            raw = self.parse(data, at, end=stop)
            if raw.tag == SEQUENCE_END and closed:
                out.append(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
                return raw.value
            if raw.tag != ITEM:
                raise CorruptFile("an item must stand here", offset=at, section="PS3.5 7.5")
            inner: list[bytes | memoryview] = []
            own = _Scope(scope.signed, scope.bits_allocated)
            if raw.length == UNDEFINED:
                at = self._elements(data, raw.value, stop, inner, path, own, closed=True)
                out.append(struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED))
            else:
                at = raw.end
                self._elements(data, raw.value, at, inner, path, own, closed=False)
                out.append(struct.pack("<HHI", 0xFFFE, 0xE000, sum(map(len, inner))))
            out.extend(inner)
        if closed:
            raise _past_end(at)
        return at

    def _skip(self, data: memoryview, raw: RawElement, stop: int, depth: int) -> int:
        """Find the end of an element of undefined length without rewriting it."""
        limits.check("max_depth", depth, "nested sequences", offset=raw.start)
        # Inside UN of undefined length everything is implicit little endian.
        inner = self if raw.vr != "UN" else Rewriter(IMPLICIT, IMPLICIT)
        at = raw.value
        while at < stop:
            item = inner.parse(data, at, end=stop)
            if item.tag == SEQUENCE_END:
                return item.value
            if item.tag != ITEM:
                raise CorruptFile("an item must stand here", offset=at, section="PS3.5 7.5")
            at = item.end if item.length != UNDEFINED else inner._skip_item(data, item, stop, depth)
        raise _past_end(at)

    def _skip_item(self, data: memoryview, item: RawElement, stop: int, depth: int) -> int:
        at = item.value
        while at < stop:
            raw = self.parse(data, at, end=stop)
            if raw.tag == ITEM_END:
                return raw.value
            at = raw.end if raw.length != UNDEFINED else self._skip(data, raw, stop, depth + 1)
        raise _past_end(at)

    def _native_order(
        self, tag: int, vr: str, value: bytes | memoryview, scope: _Scope
    ) -> bytes | memoryview:
        word = WORD.get(vr, 1)
        if tag == PIXEL_DATA and vr == "OW":
            word = max(2, scope.bits_allocated // 8)
        if word == 1:
            if vr == "UN" and len(value):
                self._tell(
                    "unknown-byte-order",
                    "a value of VR UN in a big endian data set was kept as it was",
                    tag,
                )
            return value
        return swapped(value, word)

    def _tell(self, code: str, text: str, tag: int) -> None:
        """List a problem, once for each code."""
        if all(problem.code != code for problem in self.problems):
            self.problems.append(Problem(code=code, text=text, tag=tag))

    def _learn(self, tag: int, value: bytes | memoryview, scope: _Scope) -> None:
        if len(value) == 2:
            if tag == PIXEL_REPRESENTATION:
                scope.signed = value[0] == 1
            elif tag == BITS_ALLOCATED:
                scope.bits_allocated = value[0] | value[1] << 8


def _is_sequence(tag: int) -> bool:
    return vr_of(tag, UNDEFINED, signed=False) == "SQ"


@contextlib.contextmanager
def _no_recursion_error() -> Iterator[None]:
    """Turn the interpreter's limit into radkit's: a caller may allow more depth than it has."""
    try:
        yield
    except RecursionError:
        raise LimitExceeded(
            "nested sequences: deeper than the interpreter can follow",
            limit="max_depth",
            allowed=limits.current().max_depth,
            asked=limits.current().max_depth,
        ) from None


def _past_end(at: int) -> CorruptFile:
    return CorruptFile("an element ends after the bytes it lies in", offset=at, section="PS3.5 7.1")
