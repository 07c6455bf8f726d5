"""The figures of the demonstration: bytes, times, and proof that nothing was lost."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import radkit
from radkit.errors import RadkitError
from radkit.transcoding import transcode_many

MAIN = "htj2k-lossless-rpcl"
MAIN_UID = "1.2.840.10008.1.2.4.202"
SYNTAXES = ("rle", "jpeg-lossless", "jpegls-lossless", "jpeg2000-lossless", "htj2k-lossless")
LINE_BIT_S = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transfer syntax over all objects."""

    syntax: str
    bytes: int
    encode_s: float | None  # verification included
    decode_s: float
    voxels: int
    different: int | None
    failed: int = 0

    @property
    def line_s(self) -> float:
        """Seconds on the slow line."""
        return self.bytes * 8 / LINE_BIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was compared, by whom."""

    objects: int
    voxels: int
    different: int
    digest_before: str
    digest_after: str
    second: str  # what the second opinion is
    second_objects: int
    second_different: int
    headers: int
    headers_changed: tuple[str, ...]


def stored_bytes(files: Sequence[Path]) -> int:
    """Return the size of files."""
    return sum(path.stat().st_size for path in files)


def images(files: Sequence[Path]) -> list[Path]:
    """Return the files whose pixels radkit can decode, by their headers."""
    found = []
    for path in files:
        try:
            radkit.inspect(path)
        except RadkitError:
            continue
        found.append(path)
    return found


def decode_seconds(files: Sequence[Path]) -> float:
    """Decode all files once, and return the seconds."""
    start = time.perf_counter()
    for result in radkit.decode_many(files):
        if isinstance(result, RadkitError):
            raise result
    return time.perf_counter() - start


def pairs(files: Sequence[Path], base: Path, dest: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each source beside its result, which is in the same place of the other tree."""
    for path in files:
        yield path, dest / path.relative_to(base)


def differences(before: np.ndarray, after: np.ndarray) -> int:
    """Return how many values differ; all of them if even the shapes do."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return before.size
    if np.array_equal(before, after):
        return 0
    return int(np.count_nonzero(before != after))


def transcode(
    files: Sequence[Path],
    base: Path,
    dest: Path,
    syntax: str,
    progress: Any,
) -> tuple[Row, list[Path]]:
    """Transcode a folder, decode the results, and compare every value with the source.

    Returns the figures, and those of `files` that did not fail.
    """
    report = transcode_many(base, dest, syntax, resume=False, progress=progress)
    failed = {Path(str(source)).resolve() for source, _ in report.failed}
    done = [path for path in files if path.resolve() not in failed]
    results = [dest / path.relative_to(base) for path in done]
    seconds = decode_seconds(results)
    voxels = different = 0
    for first, second in zip(done, results, strict=True):
        before, after = radkit.decode(first), radkit.decode(second)
        voxels += before.size
        different += differences(before, after)
    row = Row(
        syntax=syntax,
        bytes=stored_bytes(results),
        encode_s=report.seconds,
        decode_s=seconds,
        voxels=voxels,
        different=different,
        failed=len(files) - len(done),
    )
    return row, done


def compare_syntaxes(
    files: Sequence[Path], base: Path, progress: Any, budget_s: float
) -> list[Row]:
    """Return a row for each other syntax; what the time does not allow is left out."""
    rows = []
    start = time.perf_counter()
    for syntax in SYNTAXES:
        if time.perf_counter() - start > budget_s:
            break
        with tempfile.TemporaryDirectory(prefix="radkit-demo-") as folder:
            row, _ = transcode(files, base, Path(folder), syntax, progress)
            rows.append(row)
    return rows


def prove(files: Sequence[Path], base: Path, dest: Path) -> Proof:
    """Compare sources and results again, by radkit and by programs that are not radkit."""
    import pydicom

    before_sha, after_sha = hashlib.sha256(), hashlib.sha256()
    voxels = different = second_objects = second_different = headers = 0
    changed: set[str] = set()
    for first, second in pairs(files, base, dest):
        before, after = radkit.decode(first), radkit.decode(second)
        voxels += before.size
        different += differences(before, after)
        before_sha.update(np.ascontiguousarray(before))
        after_sha.update(np.ascontiguousarray(after))
        old, new = (pydicom.dcmread(path, force=True) for path in (first, second))
        opinion = second_opinion(old, new)
        if opinion is not None:
            second_objects += 1
            second_different += opinion
        headers += 1
        changed |= changed_elements(old, new)
    return Proof(
        objects=headers,
        voxels=voxels,
        different=different,
        digest_before=before_sha.hexdigest(),
        digest_after=after_sha.hexdigest(),
        second="pydicom (file) and OpenJPEG (codestream)",
        second_objects=second_objects,
        second_different=second_different,
        headers=headers,
        headers_changed=tuple(sorted(changed)),
    )


def changed_elements(old: Any, new: Any) -> set[str]:
    """Return the tags outside group 2 whose elements differ, pixel data left out."""
    changed = set()
    for tag in {*old.keys(), *new.keys()} - {0x7FE00010}:
        try:
            same = old.get(tag) == new.get(tag)
        except Exception:  # pydicom fails in many ways on values that break their VR
            continue
        if not same:
            changed.add(str(tag))
    return changed


def second_opinion(old: Any, new: Any) -> int | None:
    """Count differences without radkit: frames by pydicom, codestreams by OpenJPEG.

    None where the source needs a decoder, or there are several frames or samples.
    """
    import openjpeg
    from pydicom.encaps import generate_frames

    if new.file_meta.TransferSyntaxUID != MAIN_UID or "PixelData" not in old:
        return None
    if old.file_meta.get("TransferSyntaxUID", MAIN_UID).is_compressed or not single(new):
        return None
    frame = next(generate_frames(new.PixelData, number_of_frames=1))
    found = np.asarray(openjpeg.decode(frame)).astype(np.int64)
    return differences(old.pixel_array.astype(np.int64), found)


def single(ds: Any) -> bool:
    """Whether an object is one grey frame."""
    return ds.SamplesPerPixel == 1 and int(ds.get("NumberOfFrames", 1) or 1) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is on the screen once so many bytes of each codestream have come."""

    reduce: int
    rows: int
    cols: int
    bytes: int

    @property
    def line_s(self) -> float:
        """Seconds on the slow line."""
        return self.bytes * 8 / LINE_BIT_S


def levels(files: Sequence[Path]) -> list[Level]:
    """Return the bytes up to each resolution, over all files: their tile-parts, added up.

    The transcoded codestreams have one tile-part per resolution (T.800 A.4.2), so
    the small picture is the beginning of the file. Empty if the files are unlike.
    """
    import pydicom
    from pydicom.encaps import generate_frames

    sums: dict[int, int] = {}
    shapes = set()
    for path in files:
        ds = pydicom.dcmread(path)
        if ds.file_meta.TransferSyntaxUID != MAIN_UID or not single(ds):
            return []
        shapes.add((int(ds.Rows), int(ds.Columns)))
        ends = tile_part_ends(next(generate_frames(ds.PixelData, number_of_frames=1)))
        for number, end in enumerate(ends):
            reduce = len(ends) - 1 - number
            sums[reduce] = sums.get(reduce, 0) + end
    if len(shapes) != 1:
        return []
    rows, cols = shapes.pop()
    return [
        Level(reduce=n, rows=-(-rows >> n), cols=-(-cols >> n), bytes=sums[n])
        for n in sorted(sums, reverse=True)
    ]


def tile_part_ends(codestream: bytes) -> list[int]:
    """Return where the tile-parts of a codestream of one tile end."""
    ends = []
    place = codestream.find(b"\xff\x90\x00\x0a")
    while place >= 0 and codestream[place : place + 4] == b"\xff\x90\x00\x0a":
        length = int.from_bytes(codestream[place + 6 : place + 10], "big")
        if length < 14 or place + length > len(codestream):
            break
        place += length
        ends.append(place)
    return ends or [len(codestream)]
