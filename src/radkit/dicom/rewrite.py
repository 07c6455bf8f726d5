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
from functools import lru_cache

import numpy as np

from radkit import limits
from radkit.errors import CorruptFile, LimitExceeded, Problem

__all__ = [
    "EXPLICIT",
    "IMPLICIT",
    "Encoding",
    "Hook",
    "RawElement",
    "Rewriter",
    "element_header",
    "encode",
    "swapped",
    "vr_of",
]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, BITS_ALLOCATED, PIXEL_REPRESENTATION = 0x7FE00010, 0x00280100, 0x00280103
UNDEFINED = 0xFFFFFFFF
SHORT_LIMIT = 0xFFFE

# PS3.5 7.1.2: two reserved bytes and a 32-bit length follow these.
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
KNOWN_VRS = LONG_VRS | frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"}
    | {"LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)
WORD = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How element headers and binary values are written."""

    implicit: bool = False
    big: bool = False


EXPLICIT = Encoding()
IMPLICIT = Encoding(implicit=True)


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


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def vr_of(tag: int, length: int, *, signed: bool) -> str:
    """Give the VR that an element of an implicit data set has in an explicit one.

    Parameters
    ----------
    tag : int
        As ``0x00280106``.
    length : int
        Of the value in bytes; `UNDEFINED` for undefined.
    signed : bool
        Pixel Representation of the data set is 1: decides between US and SS.

    Returns
    -------
    str
        Two letters; ``"UN"`` for private and unknown elements.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1:
        return "LO" if 0x10 <= element <= 0xFF and length <= SHORT_LIMIT else "UN"
    vr = _dictionary_vr(tag)
    if " or " in vr:
        small = "SS" if signed else "US"
        if vr == "US or SS":
            vr = small
        elif vr == "US or SS or OW":
            vr = small if length == 2 else "OW"
        elif vr == "US or OW":
            vr = "US" if length == 2 else "OW"
        else:
            vr = "OW"  # OB or OW: implicit VR is always OW (PS3.5 A.1)
    if length == UNDEFINED:
        return "SQ" if vr == "SQ" else "UN"
    if vr not in KNOWN_VRS or (vr not in LONG_VRS and length > SHORT_LIMIT):
        return "UN"
    return vr


def element_header(tag: int, vr: str, length: int, encoding: Encoding = EXPLICIT) -> bytes:
    """Write tag, VR and length of an element, little endian.

    A value too long for the 16-bit length of its VR becomes UN.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if encoding.implicit:
        return struct.pack("<HHI", group, element, length)
    if vr not in LONG_VRS:
        if length <= SHORT_LIMIT:
            return struct.pack("<HH2sH", group, element, vr.encode("ascii"), length)
        vr = "UN"
    return struct.pack("<HH2sHI", group, element, vr.encode("ascii"), 0, length)


def encode(tag: int, vr: str, value: bytes | memoryview, encoding: Encoding = EXPLICIT) -> bytes:
    """Write a whole element of defined length; an odd value is padded as its VR asks."""
    if len(value) & 1:
        value = bytes(value) + (b"\0" if vr in ("UI", "OB", "UN") else b" ")
    return element_header(tag, vr, len(value), encoding) + bytes(value)


def swapped(value: bytes | memoryview, word: int) -> bytes:
    """Reverse the bytes of each word; a tail shorter than a word stays as it is."""
    if word == 1:
        return bytes(value)
    whole = len(value) - len(value) % word
    words = np.frombuffer(value, np.uint8, whole).reshape(-1, word)
    return words[:, ::-1].tobytes() + bytes(value[whole:])


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
        if group == 0xFFFE or self.source.implicit:
            vr, value = "", start + 8
            (length,) = struct.unpack_from(order + "I", data, start + 4)
        else:
            vr = str(bytes(data[start + 4 : start + 6]), "latin-1")
            if vr in LONG_VRS or vr not in KNOWN_VRS:
                # Unknown VRs of later editions have the long form (PS3.5 6.2.2).
                if stop - start < 12:
                    raise _past_end(start)
                (length,) = struct.unpack_from(order + "I", data, start + 8)
                value = start + 12
            else:
                (length,) = struct.unpack_from(order + "H", data, start + 6)
                value = start + 8
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
        if self.source.implicit:
            vr = vr_of(raw.tag, raw.length, signed=scope.signed)
        undefined = raw.length == UNDEFINED
        if raw.tag & 0xFFFF == 0 and raw.tag >> 16 not in (0, 2):  # retired group length
            return raw.end if not undefined else self._skip(data, raw, stop, len(path))
        if vr == "SQ":
            return self._sequence(data, raw, stop, out, path, scope)
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
            if not self.source.implicit:
                raise
            # By the dictionary a sequence, by its bytes not: UN carries it as it is.
            self._tell("not-items", "a sequence without items was carried as VR UN", raw.tag)
            out.append(element_header(raw.tag, "UN", raw.length, self.target))
            out.append(data[raw.value : raw.end])
            return raw.end
        out.append(element_header(raw.tag, "SQ", sum(map(len, inner)), self.target))
        out.extend(inner)
        return raw.end

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
