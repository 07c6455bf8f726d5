"""What is remembered of one object: the line of a ledger, and of the journals that fill it."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from radkit.dicom.uids import syntax as find_syntax
from radkit.errors import RadkitError
from radkit.transcoding.results import Transcoded, transcoded_dict

__all__ = ["Record", "State", "parsed", "restored", "this_worker"]

State = Literal["done", "failed", "skipped"]
_VERSION = 2
_TEXTS = ("place", "source", "stamp", "job", "state", "sha256", "md5", "error", "message", "worker")
_COUNTS = ("bytes_in", "bytes_out")
_MOST_BYTES = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What became of one object.

    Parameters
    ----------
    place : str
        Of the result, below the destination.
    source : str
        Path or URL.
    stamp : str
        State of the source that was read: size, and time or ETag.
    job : str
        Digest of the options.
    state : {"done", "failed", "skipped"}
        Skipped: no DICOM object.
    bytes_in, bytes_out : int
        Sizes of source and result.
    sha256, md5 : str
        Of the result's bytes; empty unless done. MD5 is what stores list, and for them only.
    seconds : float
        That it took.
    error, message : str
        Class and text of what failed.
    worker : str
        Host and process.
    at : float
        When, in seconds since 1970.
    result : dict
        `Transcoded` as plain values, and the instance UIDs before and after.
    """

    place: str
    source: str
    stamp: str
    job: str
    state: State
    bytes_in: int = 0
    bytes_out: int = 0
    sha256: str = ""
    md5: str = ""
    seconds: float = 0.0
    error: str = ""
    message: str = ""
    worker: str = ""
    at: float = field(default_factory=time.time)
    result: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(
        result: Transcoded | RadkitError | None,
        *,
        uids: tuple[str | None, str | None] = (None, None),
        **known: Any,
    ) -> Record:
        """Make the record of an outcome; `known` are fields that it does not tell."""
        if result is None:
            return Record(state="skipped", **known)
        if isinstance(result, RadkitError):
            return Record(state="failed", error=type(result).__name__, message=str(result), **known)
        values = transcoded_dict(result)
        values.pop("path")
        return Record(
            state="done",
            bytes_in=result.bytes_in,
            bytes_out=result.bytes_out,
            seconds=result.seconds,
            result=values | {"old_uid": uids[0], "new_uid": uids[1]},
            **known,
        )

    def line(self) -> bytes:
        """Return it as a line of JSON."""
        text = json.dumps({"v": _VERSION, **asdict(self)}, ensure_ascii=True)
        return text.encode("ascii") + b"\n"

    @property
    def uids(self) -> tuple[str | None, str | None]:
        """The instance UID before and after."""
        old, new = self.result.get("old_uid"), self.result.get("new_uid")
        return (old if isinstance(old, str) else None, new if isinstance(new, str) else None)


def this_worker() -> str:
    """Name this process among those of a run."""
    return f"{socket.gethostname()}:{os.getpid()}"


def parsed(lines: bytes) -> Iterator[Record]:
    """Yield the records that a journal holds; what makes no sense is left out.

    A killed writer leaves a torn line; its object is done again.
    """
    for line in lines.split(b"\n"):
        record = _parsed(line) if line.strip() else None
        if record is not None:
            yield record


def _parsed(line: bytes) -> Record | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.pop("v", None) != _VERSION:
        return None
    if any(not isinstance(entry.get(name), str) for name in _TEXTS):
        return None
    if any(not _is_count(entry.get(name)) for name in _COUNTS):
        return None
    if any(not _is_time(entry.get(name)) for name in ("seconds", "at")):
        return None
    if entry["state"] not in ("done", "failed", "skipped"):
        return None
    if not isinstance(entry.get("result"), dict):
        return None
    try:
        return Record(**entry)
    except TypeError:  # a field that is not known
        return None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _MOST_BYTES


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def restored(record: Record, path: Any) -> Transcoded | None:
    """Make the result of a record again; None if another version wrote it."""
    known = set(Transcoded.__dataclass_fields__) - {"data", "path", "syntax"}
    kept = {name: record.result[name] for name in known if name in record.result}
    try:
        kept["corrections"] = tuple(kept.get("corrections", ()))
        target = find_syntax(cast("str", record.result["syntax"]))
        return Transcoded(path=path, syntax=target, **kept)
    except (TypeError, KeyError, RadkitError):
        return None
