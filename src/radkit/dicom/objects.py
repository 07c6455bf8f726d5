"""One DICOM object: preamble, meta header, encoding, and the table of its elements.

PS3.10 7.1 (preamble and meta header), PS3.5 Annex A (encodings). Faults that
real files have (no preamble, no meta header, an encoding that is not what the
label says) are found by looking, and listed; what is not a DICOM object is
refused. Pixel data are never read here.
"""

from __future__ import annotations

import threading
from typing import Any

from radkit import limits
from radkit._native import _scan
from radkit.dicom import uids
from radkit.dicom._fragments import Fragments, walk
from radkit.dicom._inflate import inflate
from radkit.dicom._looks import Looks, look
from radkit.dicom._windows import Windows, feed
from radkit.dicom.elements import Element, Elements
from radkit.dicom.source import BufferReader, Reader, open_reader
from radkit.dicom.uids import TransferSyntax
from radkit.errors import CorruptFile, Problem, RadkitError

__all__ = ["DicomObject", "open_object"]

_PREAMBLE = 132
_META_MAX = 1 << 16
_SYNTAX = 0x00020010


class DicomObject:
    """An opened object. Closing it closes its reader; a file object of the caller stays open.

    Attributes
    ----------
    reader : Reader
        Serves the offsets of all elements. For a deflated object: preamble and
        meta header as in the file, then the inflated data set.
    syntax : TransferSyntax
        As stated, or as found by looking if nothing is stated.
    problems : list of Problem
        Faults that were tolerated.
    meta, elements : Elements
        Group 2, and the top level of the data set.
    pixels : Element or None
        Pixel Data, Float or Double Float Pixel Data at top level.
    start : int
        Where the data set begins.
    fragments : Fragments or None
        Of encapsulated pixel data, once they were walked.
    """

    __slots__ = (
        "_lock",
        "_table",
        "_tail_done",
        "_tail_error",
        "_windows",
        "elements",
        "fragments",
        "meta",
        "pixels",
        "problems",
        "reader",
        "start",
        "strict",
        "syntax",
    )

    def __init__(
        self,
        reader: Reader,
        syntax: TransferSyntax,
        meta: Elements,
        start: int,
        *,
        implicit: bool,
        big_endian: bool,
        windows: Windows,
        problems: list[Problem],
        strict: bool,
    ) -> None:
        self.reader = reader
        self.syntax = syntax
        self.meta = meta
        self.start = start
        self.problems = problems
        self.strict = strict
        self._windows = windows
        self._lock = threading.Lock()
        self._tail_done = False
        self._tail_error: RadkitError | None = None
        self.fragments: Fragments | None = None
        now = limits.current()
        table = _scan.Table(
            start,
            reader.size,
            implicit=implicit,
            big_endian=big_endian,
            stop_at_pixels=True,
            max_depth=min(now.max_depth, 1 << 30),
            max_elements=now.max_elements,
        )
        self._table = table
        event = feed(table, windows, reader.size)
        if event == _scan.BAD:
            self._tolerate(table)
        self.elements = Elements(
            table,
            windows,
            start,
            reader.size,
            implicit=implicit,
            big_endian=big_endian,
            tail=self._read_tail,
        )
        self.pixels: Element | None = None
        if event == _scan.PIXELS:
            self.pixels = self.elements._element(table, len(table) - 1)
        else:
            self._tail_done = True
        self._note_table(table)

    def _tolerate(self, table: _scan.Table) -> None:
        error = table.error()
        if self.strict or not isinstance(error, CorruptFile):
            raise error
        self.problems.append(
            Problem(
                code="data-set-cut" if table.truncated else "data-set-broken",
                text=f"{error.message}; the elements before are kept",
                offset=error.offset,
            )
        )

    def _note_table(self, table: _scan.Table) -> None:
        known = {problem.code for problem in self.problems}
        for code, found, text in (
            ("tags-unordered", table.unordered, "tags do not ascend, or one stands twice"),
            ("stray-bytes", table.stray, "delimiters or zeros stand outside of any element"),
            ("odd-length", table.odd, "a value or item has an odd length"),
        ):
            if found and code not in known:
                self.problems.append(Problem(code=code, text=text))

    # -- behind pixel data --

    def pixels_end(self) -> int | None:
        """Return the first byte behind the pixel data, or None if they are cut short.

        Fragments are walked to their delimiter, by their headers only.
        """
        pixels = self.pixels
        if pixels is None:
            return None
        if pixels.end >= 0 or pixels.length >= 0:
            return pixels.end if pixels.end >= 0 else None
        if self.fragments is None:
            self.fragments = walk(self.reader, pixels)
        return self.fragments.end if self.fragments.closed else None

    def _read_tail(self) -> None:
        with self._lock:
            if self._tail_error is not None:
                raise self._tail_error
            if self._tail_done:
                return
            end = self.pixels_end()
            self._tail_done = True
            if end is None:
                return
            self._table.resume(end)
            if feed(self._table, self._windows, self.reader.size) == _scan.BAD:
                try:
                    self._tolerate(self._table)
                except RadkitError as error:
                    self._tail_error = error  # the walk is not made twice
                    raise
            self._note_table(self._table)

    # -- resource --

    def close(self) -> None:
        """Close the reader."""
        self.reader.close()

    def __enter__(self) -> DicomObject:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def open_object(source: Any, *, strict: bool = True) -> DicomObject:
    """Open a DICOM object and find its elements up to the pixel data.

    Parameters
    ----------
    source : path, bytes-like, binary file object, pydicom.Dataset or Reader
        See `radkit.dicom.source.open_reader`. An opened object is returned as
        it is.
    strict : bool, default True
        If False, a data set that is cut or broken before its pixel data is
        kept as far as it goes, and that is listed in `problems`.

    Returns
    -------
    DicomObject
        To be closed, also as a context manager. Its transfer syntax may be one
        that cannot be decoded.

    Raises
    ------
    CorruptFile
        No DICOM object, or one with a broken structure; `.offset` tells where.
    LimitExceeded
        Too many elements, nested too deep, or inflating to too much.
    TransferError, OptionError, MissingDependency
        The source cannot be opened.
    TypeError
        The source is of no known kind.
    """
    if isinstance(source, DicomObject):
        return source
    reader = open_reader(source)
    try:
        return _opened(reader, strict)
    except BaseException as error:
        if isinstance(error, RadkitError) and error.source is None:
            error.source = reader.name
        if reader is not source:
            reader.close()
        raise


def _opened(reader: Reader, strict: bool) -> DicomObject:
    problems: list[Problem] = []
    windows = Windows(reader)
    start = _meta_start(reader, windows, problems)
    meta, start = _read_meta(reader, windows, start, problems)
    if start >= reader.size:
        raise CorruptFile("the object ends behind its meta header", offset=start)
    uid = meta.text(_SYNTAX)
    known = uids.SYNTAXES.get(uid) if uid is not None else None
    if known is not None and known.deflated and not reader.inflated:
        reader = _inflated(reader, start, problems)
        windows = Windows(reader)
        meta._windows = windows
    seen = _look_at(reader, windows, start)
    syntax, implicit, big_endian = _settle(uid, known, seen, problems)
    return DicomObject(
        reader,
        syntax,
        meta,
        start,
        implicit=implicit,
        big_endian=big_endian,
        windows=windows,
        problems=problems,
        strict=strict,
    )


def _meta_start(reader: Reader, windows: Windows, problems: list[Problem]) -> int:
    """Return where the meta header, or without one the data set, begins."""
    size = reader.size
    head = bytes(windows.at(0, min(_PREAMBLE, size), size)[0][:_PREAMBLE])
    if size >= _PREAMBLE and head[128:132] == b"DICM":
        return _PREAMBLE
    if head[:4] == b"DICM":
        problems.append(Problem(code="no-preamble", text="128 bytes are missing before DICM"))
        return 4
    if look(head) is None:
        raise CorruptFile(
            "no DICOM object: there is neither the mark DICM at byte 128 nor a data element at"
            " byte 0",
            offset=0,
            section="PS3.10 7.1",
        )
    problems.append(Problem(code="no-preamble", text="preamble and DICM are missing"))
    return 0


def _read_meta(
    reader: Reader, windows: Windows, start: int, problems: list[Problem]
) -> tuple[Elements, int]:
    """Walk group 2, which is explicit little endian, by its tags; its stated length may lie."""
    size = reader.size
    end = min(size, start + _META_MAX)
    seen = _look_at(reader, windows, start)
    implicit = seen is not None and seen.group == 2 and seen.implicit
    if implicit:
        problems.append(
            Problem(code="meta-implicit", text="the meta header is in implicit VR", offset=start)
        )
    table = _scan.Table(start, end, implicit=implicit, stop_group=2, max_depth=1, max_elements=1024)
    event = feed(table, windows, end)
    if end < size and (event == _scan.DONE or (event == _scan.BAD and table.truncated)):
        raise CorruptFile(
            f"the meta header is larger than {_META_MAX} bytes", offset=start, section="PS3.10 7.1"
        )
    if event == _scan.BAD:
        raise table.error()
    meta = Elements(table, windows, start, table.pos, implicit=implicit)
    if not len(table):
        problems.append(Problem(code="no-meta", text="the meta header is missing", offset=start))
        return meta, start
    _check_group_length(meta, table.pos, problems)
    return meta, table.pos


def _check_group_length(meta: Elements, end: int, problems: list[Problem]) -> None:
    text = "(0002,0000) is missing"
    place = meta._rows().locate(0x00020000)
    if place is not None:
        _, value, length, stop = place
        stated = meta._bytes(0x00020000, value, length, stop)
        if int.from_bytes(stated, "little") == end - stop:
            return
        text = "(0002,0000) is not the length of the meta header"
    problems.append(Problem(code="meta-length", text=text, tag=0x00020000))


def _look_at(reader: Reader, windows: Windows, pos: int) -> Looks | None:
    left = reader.size - pos
    if left < 8:
        return None
    need = min(left, 16)
    window, base = windows.at(pos, need, reader.size)
    return look(window[pos - base : pos - base + need])


def _inflated(reader: Reader, start: int, problems: list[Problem]) -> Reader:
    data = inflate(reader, start, problems)
    return BufferReader(data, name=reader.name, inflated=True) if data is not None else reader


def _settle(
    uid: str | None, known: TransferSyntax | None, seen: Looks | None, problems: list[Problem]
) -> tuple[TransferSyntax, bool, bool]:
    """Return transfer syntax and encoding: what is stated, corrected by what is seen."""
    if uid is None:
        if seen is None:
            raise CorruptFile(
                "no transfer syntax is stated, and the data set does not tell it",
                section="PS3.10 7.1",
            )
        name = "implicit-le" if seen.implicit else "explicit-be" if seen.big_endian else None
        problems.append(
            Problem(
                code="no-transfer-syntax",
                text="no transfer syntax is stated; the encoding was found by looking",
                tag=_SYNTAX,
            )
        )
        return uids.syntax(name or "explicit-le"), seen.implicit, seen.big_endian
    if known is None:
        problems.append(
            Problem(
                code="unknown-transfer-syntax",
                text="the transfer syntax is not known; its pixels cannot be decoded",
                tag=_SYNTAX,
            )
        )
        if seen is None:
            return uids.unknown_syntax(uid), False, False
        return uids.unknown_syntax(uid), seen.implicit, seen.big_endian
    if seen is None or (seen.implicit, seen.big_endian) == (known.implicit, known.big_endian):
        return known, known.implicit, known.big_endian
    problems.append(
        Problem(
            code="encoding-mislabelled",
            text="the data set is not in the encoding that its transfer syntax states",
            tag=_SYNTAX,
        )
    )
    return known, seen.implicit, seen.big_endian
