"""The reference table: file -> shape, dtype and hash of its samples, for every entry point.

Rows come from the manifest of the shared test files, where it is present, and from
`wheel.json` for the files inside the pydicom wheel. The hash is of the samples as
stored: C order, little endian, frames first when more than one, samples last, no
YCbCr to RGB, bits reduced to Bits Stored and sign-extended.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SHARED", "Row", "check", "digest", "refused", "rows", "series", "stored"]

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"

# Lossy codings leave rounding to the decoder: the largest difference to the hashed samples
# cannot be seen from a hash, so these are compared with a peer instead.
LOSSY_CODECS = {"made_jxl_lossy_rgb.dcm", "made_jxl_recompressed_jpeg.dcm"}
# The manifest's hash of this file is of the 15-bit fields; its own note, and PS3.5 8.2.3, ask for
# the sign-extended values, which are those of pydicom.
FIELDS = {
    "jpegls_signed15.dcm": "bb0a20c386271e836966f81064e1b439a2951b1faa35b48ddbd34e11fb926b6c",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One file and its samples."""

    name: str
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    sha256: str
    photometric: str
    samples: int
    peer: bool = False  # compare with imagecodecs, not with the hash

    def __str__(self) -> str:
        return self.name


def digest(array: np.ndarray) -> str:
    """Hash an array as the table does."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


@functools.cache
def _manifest() -> list[dict[str, Any]]:
    path = SHARED / "syntaxes" / "manifest.json"
    return json.loads(path.read_text())["entries"] if path.is_file() else []


@functools.cache
def rows() -> list[Row]:
    """Every file that must decode."""
    found = [
        Row(
            name=entry["file"],
            path=SHARED / "syntaxes" / entry["file"],
            shape=tuple(entry["shape"]),
            dtype=np.dtype(entry["dtype"]),
            sha256=FIELDS.get(entry["file"], entry["sha256"]),
            photometric=entry["photometric_interpretation"],
            samples=entry["samples"] or 1,
            peer=entry["file"] in LOSSY_CODECS,
        )
        for entry in _manifest()
        if entry["expect"] == "pixels"
    ]
    return found + _wheel()


def _wheel() -> list[Row]:
    from radkit.testing.samples import sample

    table = json.loads((Path(__file__).parent / "wheel.json").read_text())
    return [
        Row(
            name=f"pydicom:{name}",
            path=sample(name),
            shape=tuple(row["shape"]),
            dtype=np.dtype(row["dtype"]),
            sha256=row["sha256"],
            photometric=row["photometric"],
            samples=row["samples"],
        )
        for name, row in table.items()
    ]


def refused() -> list[tuple[Path, str, dict[str, Any]]]:
    """Every file that need not decode, what is expected of it, and its entry."""
    return [
        (SHARED / "syntaxes" / entry["file"], entry["expect"], entry)
        for entry in _manifest()
        if entry["expect"] != "pixels"
    ]


def series() -> list[dict[str, Any]]:
    """Every series with the hash of its stack."""
    path = SHARED / "series.json"
    return json.loads(path.read_text())["series"] if path.is_file() else []


def stored(path: Path, **options: Any) -> np.ndarray:
    """Decode samples as stored: signs put right, colour as coded."""
    from radkit.pixels.decoding import decode_frames
    from radkit.pixels.frames import Frames

    with Frames(path) as opened:
        return decode_frames(opened, colour="coded", **options).array


def check(row: Row, array: np.ndarray) -> None:
    """Compare samples with a row."""
    assert array.shape == row.shape
    assert array.dtype == row.dtype.newbyteorder("=")
    if row.peer:
        import imagecodecs

        from radkit.pixels.frames import Frames

        with Frames(row.path) as opened:
            theirs = imagecodecs.jpegxl_decode(bytes(opened.map.read(0)))
        assert np.abs(theirs.astype(int) - array).max() <= 1
    elif digest(array) != row.sha256:
        # The irreversible wavelet leaves rounding to the decoder; the table is OpenJPEG's.
        theirs = _openjpeg(row)
        assert theirs is not None and digest(theirs) == row.sha256
        assert np.abs(theirs.astype(np.int64) - array).max() <= 1


def _openjpeg(row: Row) -> np.ndarray | None:
    """Decode a file of irreversible JPEG 2000 by OpenJPEG; None if it is none."""
    import openjpeg

    from radkit.codecs import jpeg2000
    from radkit.pixels.frames import Frames

    with Frames(row.path) as opened:
        if opened.coding not in ("jpeg2000", "htj2k"):
            return None
        frames = [bytes(opened.map.read(i)) for i in range(opened.map.frames)]
    if jpeg2000.info(frames[0]).reversible:
        return None
    return np.stack([openjpeg.decode(frame) for frame in frames]).reshape(row.shape)
