"""What the functions of this room return, and the row of a batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

import numpy as np

from radkit.errors import Problem

if TYPE_CHECKING:
    import pydicom

    from radkit.codecs.frame import CodestreamInfo
    from radkit.dicom.uids import TransferSyntax

__all__ = ["Decoded", "ImageInfo", "Request", "Source", "Values"]

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | pydicom.Dataset"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """Samples with their label.

    Parameters
    ----------
    array : ndarray
        As `radkit.decode` returns it.
    photometric : str
        Photometric Interpretation of `array`: ``"MONOCHROME2"``, ``"RGB"``,
        ``"YBR_FULL"``, ``"PALETTE COLOR"`` ...
    reduce : int
        Halvings of each side.
    layers : int or None
        Quality layers that were asked for; None: all.
    region : (row0, row1, col0, col1)
        What `array` shows, in pixels of the full resolution.
    complete : bool
        False only with ``strict=False``: something was missing.
    sound : tuple of float
        Per frame, the share of it that was there and intact.
    corrections : tuple of str
        Faults that were tolerated or repaired, one sentence each.
    bytes_read : int
        Pixel bytes of the object that were read for it.
    """

    array: np.ndarray
    photometric: str
    reduce: int
    layers: int | None
    region: tuple[int, int, int, int]
    complete: bool
    sound: tuple[float, ...]
    corrections: tuple[str, ...]
    bytes_read: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """One row of `radkit.decode_many`: a source with its own options, as in `radkit.decode`."""

    source: Source
    frames: int | slice | Sequence[int] | None = None
    reduce: int = 0
    region: tuple[int, int, int, int] | None = None
    layers: int | None = None
    out: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Pixel values in their unit.

    Parameters
    ----------
    array : ndarray
        Values, the modality step applied (PS3.3 C.11.1).
    units : str
        UCUM code: ``"[hnsf'U]"``, ``"Bq/ml"``, ``"1"``; empty if unknown.
    slope, intercept : float
        The step that was applied, ``array = slope * stored + intercept``, if one
        step holds for all frames. 1 and 0 if frames differ or a table was applied.
    """

    array: np.ndarray
    units: str
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What an object holds, told without decoding it.

    Parameters
    ----------
    sop_class : str
        SOP Class UID; empty if absent.
    syntax : TransferSyntax
        The transfer syntax.
    shape : tuple of int
        (frames, rows, cols) or (frames, rows, cols, samples).
    dtype : dtype
        Of what `radkit.decode` returns.
    bits_stored : int
        Of the header; 32 or 64 for float pixel data.
    photometric : str
        Photometric Interpretation of the header.
    lossy : bool
        The header says so, or the codestream is irreversible.
    lossy_ratio : float or None
        The largest of the compression ratios that the header lists.
    pixel_bytes : int
        Bytes of the pixel data as coded, item headers not counted.
    offsets : {"native", "basic", "extended", "none"}
        The table that tells where frames begin.
    codestream : CodestreamInfo or None
        Header of the first frame's codestream, if it has one.
    problems : tuple of Problem
        What is wrong but does not prevent reading, or what prevents it.
    coded_bytes : tuple
        With ``deep=True``, bytes of each frame by resolution, smallest first, and quality
        layer: ``coded_bytes[frame][resolution][layer]``. They are those of packets; a
        coding without resolutions and layers has one of each. Else empty.
    """

    sop_class: str
    syntax: TransferSyntax
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    bits_stored: int
    photometric: str
    lossy: bool
    lossy_ratio: float | None
    pixel_bytes: int
    offsets: Literal["native", "basic", "extended", "none"]
    codestream: CodestreamInfo | None
    problems: tuple[Problem, ...]
    coded_bytes: tuple[tuple[tuple[int, ...], ...], ...] = ()
