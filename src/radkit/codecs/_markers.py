"""Reads the marker segments of a JPEG or JPEG-LS stream (T.81 annex B, T.87 annex C).

Everything that decides colour, size and completeness is read here, so that no
foreign decoder sees a stream that was not checked, and no such decision is left
to its defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from radkit._native import _jpegscan
from radkit.errors import CorruptPixelData, Problem, TruncatedPixelData

__all__ = ["Component", "Markers", "Scan", "parse"]

JPEGLS_SOF = 0xF7


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the frame header: identifier, sampling factors."""

    id: int
    horizontal: int
    vertical: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: component ids, the three parameters, and its entropy-coded bytes."""

    components: tuple[int, ...]
    start: int  # Ss; NEAR in JPEG-LS
    stop: int  # Se; ILV in JPEG-LS
    approximation: int  # Ah and Al; point transform in JPEG-LS
    offset: int
    end: int
    restart: int  # restart interval in force, 0 = none
    selectors: tuple[tuple[int, int], ...] = ()  # DC and AC table of each component
    huffman: dict[int, bytes] = field(default_factory=dict)  # tables in force, by Tc << 4 | Th


@dataclass(slots=True)
class Markers:
    """What the markers say. `eoi` is the offset of EOI, None if there is none."""

    sof: int = -1
    precision: int = 0
    rows: int = 0
    cols: int = 0
    components: tuple[Component, ...] = ()
    scans: list[Scan] = field(default_factory=list)
    adobe: int | None = None
    jfif: bool = False
    mrfx: bool = False
    lse: tuple[int, ...] = ()
    near: int = 0
    huffman: dict[int, bytes] = field(default_factory=dict)
    eoi: int | None = None
    size: int = 0
    problems: list[Problem] = field(default_factory=list)


def parse(data: bytes | memoryview) -> Markers:
    """Walk the markers of one stream up to EOI.

    Raises
    ------
    CorruptPixelData
        No SOI, a length that makes no sense, a frame header missing or doubled.
    TruncatedPixelData
        The stream ends before the entropy-coded bytes of its first scan.
    """
    size = len(data)
    found = Markers(size=size)
    if size < 4 or bytes(data[:2]) != b"\xff\xd8":
        raise CorruptPixelData("no SOI marker at the start", offset=0, section="T.81 B.2.1")
    at, restart = 2, 0
    while True:
        if at >= size:
            break
        if data[at] != 0xFF:
            raise CorruptPixelData("no marker where one must be", offset=at, section="T.81 B.1.1.2")
        while at < size and data[at] == 0xFF:
            at += 1
        if at >= size:
            break
        marker = data[at]
        at += 1
        if marker == 0xD9:
            found.eoi = at - 2
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        if marker in (0x00, 0xD8):
            raise CorruptPixelData(
                f"marker FF{marker:02X} inside a stream", offset=at - 2, section="T.81 B.1.1.3"
            )
        if at + 2 > size:
            break
        length = data[at] << 8 | data[at + 1]
        if length < 2:
            raise CorruptPixelData(
                f"length {length} of marker FF{marker:02X}", offset=at, section="T.81 B.1.1.4"
            )
        if at + length > size:
            break
        body = bytes(data[at + 2 : at + length])
        if marker == 0xDD:
            # T.87 allows 2 to 4 bytes, T.81 two.
            if not 2 <= len(body) <= 4:
                raise CorruptPixelData("a restart interval of odd size", offset=at)
            restart = int.from_bytes(body, "big")
        elif marker == 0xDA:
            at = _scan(data, found, body, at, length, restart)
            continue
        else:
            _segment(found, marker, body, at)
        at += length
    if found.sof < 0 or not found.scans:
        raise TruncatedPixelData("the stream ends within its headers", offset=size, decoded=0.0)
    return found


def _segment(found: Markers, marker: int, body: bytes, at: int) -> None:
    is_sof = marker == JPEGLS_SOF or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))
    if is_sof:
        _frame(found, marker, body, at)
    elif marker == 0xC4:
        _tables(found, body, at)
    elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
        found.adobe = body[11]
    elif marker == 0xE0 and body[:5] == b"JFIF\0":
        found.jfif = True
    elif marker == 0xE8 and body[:4] == b"mrfx" and any(body[4:5]):
        found.mrfx = True
    elif marker == 0xF8 and body:
        found.lse += (body[0],)


def _frame(found: Markers, marker: int, body: bytes, at: int) -> None:
    if found.sof >= 0:
        raise CorruptPixelData("a second frame header", offset=at, section="T.81 B.2.1")
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or not body[5]:
        raise CorruptPixelData(
            "the frame header has a wrong length", offset=at, section="T.81 B.2.2"
        )
    parts = []
    for index in range(body[5]):
        name, sampling = body[6 + 3 * index], body[7 + 3 * index]
        if not (1 <= sampling >> 4 <= 4 and 1 <= sampling & 15 <= 4):
            raise CorruptPixelData("sampling factors are 1 to 4", offset=at, section="T.81 B.2.2")
        parts.append(Component(name, sampling >> 4, sampling & 15))
    if len({part.id for part in parts}) != len(parts):
        raise CorruptPixelData("two components of one name", offset=at, section="T.81 B.2.2")
    found.sof = marker & 0x0F if marker != JPEGLS_SOF else JPEGLS_SOF
    found.precision = body[0]
    found.rows = body[1] << 8 | body[2]
    found.cols = body[3] << 8 | body[4]
    found.components = tuple(parts)
    if not found.cols:
        raise CorruptPixelData("a frame of no columns", offset=at, section="T.81 B.2.2")


def _tables(found: Markers, body: bytes, at: int) -> None:
    """Keep the Huffman tables of a DHT segment: 16 counts and the symbols of each."""
    start = 0
    while start < len(body):
        count = sum(body[start + 1 : start + 17])
        stop = start + 17 + count
        if stop > len(body) or count > 256:
            raise CorruptPixelData(
                "a Huffman table ends too late", offset=at, section="T.81 B.2.4.2"
            )
        found.huffman[body[start]] = body[start + 1 : stop]
        start = stop


def _scan(
    data: bytes | memoryview, found: Markers, body: bytes, at: int, length: int, restart: int
) -> int:
    if found.sof < 0:
        raise CorruptPixelData("a scan before the frame header", offset=at, section="T.81 B.2.1")
    if len(body) < 6 or len(body) != 4 + 2 * body[0] or not 1 <= body[0] <= 4:
        raise CorruptPixelData(
            "the scan header has a wrong length", offset=at, section="T.81 B.2.3"
        )
    names = tuple(body[1 + 2 * index] for index in range(body[0]))
    known = {part.id for part in found.components}
    if not known.issuperset(names) or len(set(names)) != len(names):
        raise CorruptPixelData(
            "a scan of components that are not in the frame", offset=at, section="T.81 B.2.3"
        )
    if len(found.scans) >= 1024:
        raise CorruptPixelData("more than 1024 scans", offset=at)
    is_ls = found.sof == JPEGLS_SOF
    begin = at + length
    end = _jpegscan.next_marker(data, begin, jpegls=is_ls)
    start, stop, approximation = body[-3:]
    selectors = tuple((byte >> 4, byte & 15) for byte in body[2 : 2 + 2 * body[0] : 2])
    found.scans.append(
        Scan(names, start, stop, approximation, begin, end, restart, selectors, dict(found.huffman))
    )
    if is_ls:
        found.near = max(found.near, start)
    return end
