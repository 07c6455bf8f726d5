"""What a transcoding gives back: one `Transcoded`, or a `Report` over many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from radkit.dicom.uids import TransferSyntax
from radkit.errors import RadkitError

__all__ = ["Report", "Transcoded", "Way", "readable_bytes"]

Way = Literal["copied", "blocks", "pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcoded:
    """One object in its new transfer syntax, and what is known of it.

    Parameters
    ----------
    data : bytes or None
        The object, if `dest` was None.
    path : Path or None
        Where it was written, if `dest` was a path.
    syntax : TransferSyntax
        Of the result.
    way : {"copied", "blocks", "pixels"}
        Untouched; re-coded block by block; decoded and encoded.
    bytes_in, bytes_out : int
        Size of the source and of the result, headers included.
    ratio : float
        Of this step: samples at Bits Allocated to coded bytes. 1 for native results
        and for copies.
    ratio_stored : float
        The same, to the bits of Bits Stored.
    total_ratio : float or None
        Product with the ratios of earlier lossy steps in the header; None if there was
        such a step and its ratio is not known.
    max_error : int or None
        Largest difference in stored values; 0 = proven lossless, None = not verified.
    psnr : float or None
        dB over the range of Bits Stored; None if nothing was lost or it was not verified.
    ssim : float or None
        Mean structural similarity of the frames; lossy only.
    sha256 : str or None
        Of the stored values that the result decodes to: C order, little endian, frames
        first when more than one. None if not verified.
    seconds : float
        Wall time.
    corrections : tuple of str
        What was repaired, changed or left out.
    """

    data: bytes | None = None
    path: Path | None = None
    syntax: TransferSyntax
    way: Way
    bytes_in: int
    bytes_out: int
    ratio: float = 1.0
    ratio_stored: float = 1.0
    total_ratio: float | None = 1.0
    max_error: int | None = None
    psnr: float | None = None
    ssim: float | None = None
    sha256: str | None = None
    seconds: float = 0.0
    corrections: tuple[str, ...] = ()


def transcoded_dict(result: Transcoded) -> dict[str, Any]:
    """Give a result as plain values, without the data."""
    values: dict[str, Any] = {}
    for name in Transcoded.__dataclass_fields__:
        value = getattr(result, name)
        if name == "data":
            continue
        if isinstance(value, Path):
            value = _text(value)
        elif isinstance(value, TransferSyntax):
            value = value.uid
        elif isinstance(value, tuple):
            value = list(value)
        values[name] = value
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of many objects, in the order of the sources.

    Iterating gives `(source, Transcoded | RadkitError)`.

    Parameters
    ----------
    entries : tuple
        The pairs.
    uid_map : mapping of str to str
        Old to new SOP Instance UIDs, for `radkit.dicom.rereference`.
    skipped : tuple
        Files of the folders given that are no DICOM objects.
    duplicates : tuple of tuples
        Sources of one SOP Instance UID, two or more each. All of them are kept, each in
        its place; of those that got new UIDs `uid_map` knows the last one only.
    resumed : int
        How many of the entries an earlier run had finished.
    seconds : float
        Wall time.
    """

    entries: tuple[tuple[Any, Transcoded | RadkitError], ...]
    uid_map: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[Any, ...] = ()
    duplicates: tuple[tuple[Any, ...], ...] = ()
    resumed: int = 0
    seconds: float = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Transcoded | RadkitError]]:
        """Give the pairs of source and result."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.entries)

    def _done(self) -> Sequence[Transcoded]:
        return [result for _, result in self.entries if isinstance(result, Transcoded)]

    @property
    def failed(self) -> tuple[tuple[Any, RadkitError], ...]:
        """The sources that failed, with the reason."""
        return tuple((s, r) for s, r in self.entries if isinstance(r, RadkitError))

    @property
    def transcoded(self) -> int:
        """How many were brought into the asked syntax."""
        return sum(result.way != "copied" for result in self._done())

    @property
    def copied(self) -> int:
        """How many were passed on untouched; failed ones are not counted."""
        return sum(result.way == "copied" for result in self._done())

    @property
    def bytes_in(self) -> int:
        """Bytes of the sources that did not fail."""
        return sum(result.bytes_in for result in self._done())

    @property
    def bytes_out(self) -> int:
        """Bytes of their results."""
        return sum(result.bytes_out for result in self._done())

    def __str__(self) -> str:
        """Sum up in one line."""
        parts = f"{self.transcoded} transcoded, {self.copied} copied, {len(self.failed)} failed"
        text = f"{len(self.entries)} objects: {parts}"
        if self.skipped:
            text += f", {len(self.skipped)} other files skipped"
        if self.duplicates:
            text += f", {len(self.duplicates)} instance UIDs more than once"
        if self.resumed:
            text += f" ({self.resumed} of them by an earlier run)"
        text += f"; {readable_bytes(self.bytes_in)} -> {readable_bytes(self.bytes_out)}"
        return f"{text}; {self.seconds:.1f} s"

    def to_json(self, *, indent: int | None = None) -> str:
        """Give the report as JSON: totals, one entry per object, the UID map.

        Sources are named by their path or, if they have none, by their place.
        """
        objects = []
        for number, (source, result) in enumerate(self.entries):
            entry: dict[str, Any] = {"source": _name(source, number)}
            if isinstance(result, Transcoded):
                entry |= transcoded_dict(result)
            else:
                entry |= {"error": type(result).__name__, "message": str(result)}
            objects.append(entry)
        totals = {
            "transcoded": self.transcoded,
            "copied": self.copied,
            "failed": len(self.failed),
            "skipped": [_name(source, -1) for source in self.skipped],
            "duplicates": [[_name(one, -1) for one in group] for group in self.duplicates],
            "resumed": self.resumed,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "seconds": self.seconds,
        }
        whole = {**totals, "objects": objects, "uid_map": dict(self.uid_map)}
        return json.dumps(whole, indent=indent, ensure_ascii=False)


def _name(source: Any, number: int) -> str:
    return _text(source) if isinstance(source, (str, Path)) else f"source {number}"


def _text(path: str | Path) -> str:
    """Write a path so that it can be encoded: bytes that are no text get a backslash."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def readable_bytes(count: float) -> str:
    """Write a number of bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} TB"
