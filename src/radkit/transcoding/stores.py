"""Many objects from one store to another, by fsspec: what `transcode_many` does with URLs.

Each result is one put, whole or not at all: object stores replace an object in one step, file
systems get a part that is renamed. Beside the results lies ``.radkit/``, a small record for each,
by which a later run leaves out what is done.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.dicom.uids import syntax as find_syntax
from radkit.errors import (
    CorruptFile,
    MissingDependency,
    OptionError,
    RadkitError,
    TransferError,
    UnsupportedTransferSyntax,
)
from radkit.transcoding.one import run
from radkit.transcoding.options import Options
from radkit.transcoding.results import Report, Transcoded, transcoded_dict
from radkit.transcoding.sources import free_place
from radkit.transcoding.worker import OnError

__all__ = ["has_url", "transcode_stores"]

RECORDS = ".radkit"
# A put replaces an object in one step.
ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory", "oci", "oss"})
READ_ONLY = frozenset({"zip", "tar", "libarchive", "http", "https", "git", "github"})
ONE_AT_A_TIME = frozenset({"zip", "tar", "libarchive"})  # one file behind all members

Outcome = Transcoded | RadkitError | None
# A result of an earlier run, and the instance UID that it changed.
_Known = tuple[Transcoded, dict[str, str]]


def has_url(value: Any) -> bool:
    """Tell whether sources or a destination are named by a URL, or some of them."""
    if isinstance(value, str):
        return "://" in value or "::" in value
    return isinstance(value, (list, tuple)) and any(map(has_url, value))


@dataclass(frozen=True, slots=True)
class Store:
    """A place that fsspec reaches."""

    fs: Any
    root: str
    protocols: frozenset[str]

    @staticmethod
    def of(url: str | os.PathLike[str]) -> Store:
        """Open the store of a URL or path; raises OptionError or MissingDependency."""
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise MissingDependency("URLs need fsspec: pip install radkit[archive]") from error
        try:
            fs, root = url_to_fs(os.fspath(url))
        except ImportError as error:
            raise MissingDependency(
                f"fsspec needs another package for this URL: {error}"
            ) from error
        except ValueError as error:
            raise OptionError("fsspec does not know this kind of URL", source=str(url)) from error
        names = fs.protocol if isinstance(fs.protocol, (tuple, list)) else (fs.protocol,)
        return Store(fs, root.rstrip("/"), frozenset(names))

    def path(self, place: str) -> str:
        """Return the path of a place in the store."""
        return f"{self.root}/{place}" if self.root else place

    def get(self, path: str) -> bytes:
        """Read an object whole."""
        with _faults("reading", path):
            return bytes(self.fs.cat_file(path))

    def put(self, place: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        path = self.path(place)
        with _faults("writing", path):
            if self.protocols & ATOMIC:
                self.fs.pipe_file(path, data)
                return
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            part = f"{path}.part-{os.urandom(8).hex()}"
            try:
                self.fs.pipe_file(part, data)
                self.fs.mv(part, path)
            except BaseException:
                if self.fs.exists(part):
                    self.fs.rm_file(part)
                raise


class _faults:
    """Turns what stores raise into `TransferError`."""

    def __init__(self, what: str, path: str) -> None:
        self.what, self.path = what, path

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, RadkitError):
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise TransferError(f"{self.what} failed: {reason}", source=self.path) from error


@dataclass(frozen=True, slots=True)
class _Item:
    """An object of a source store."""

    store: Store
    path: str
    name: str  # as the report has it
    place: str
    size: int
    stamp: str
    found: bool


def transcode_stores(
    sources: Any,
    dest: Any,
    options: Options,
    *,
    workers: int,
    on_error: OnError,
    resume: bool,
    tell: Callable[[int, int], None],
) -> Report:
    """Do what `transcode_many` says, where a source or the destination is a URL.

    Raises
    ------
    OptionError
        The destination cannot be written to, or there is nothing to do.
    TransferError
        A store cannot be listed.
    """
    to = Store.of(dest)
    if to.protocols & READ_ONLY:
        raise OptionError("nothing can be written to a store of this kind", source=str(dest))
    items = list(_items(sources))
    _refuse_own_sources(items, to)
    done = _Records(to, options.digest(on_error), resume)
    gate = threading.Lock()
    now = limits.current()
    entries: list[tuple[Any, Transcoded | RadkitError]] = []
    skipped: list[Any] = []
    uid_map: dict[str, str] = {}
    resumed = 0

    def work(item: _Item) -> tuple[Outcome, dict[str, str]]:
        with limits.use(now):
            return _one(item, to, done, options, on_error, gate)

    with ThreadPoolExecutor(workers, thread_name_prefix="radkit") as pool:
        waiting: deque[tuple[_Item, _Known | Future[tuple[Outcome, dict[str, str]]]]] = deque()
        coming = iter(items)
        while True:
            while len(waiting) < 2 * workers and (item := next(coming, None)) is not None:
                known = done.finished(item)
                waiting.append((item, known or pool.submit(work, item)))
            if not waiting:
                break
            item, known_or_future = waiting.popleft()
            outcome: Outcome
            if isinstance(known_or_future, tuple):
                outcome, uids = known_or_future
                resumed += 1
            else:
                outcome, uids = known_or_future.result()
            uid_map |= uids
            if outcome is None:
                skipped.append(item.name)
            else:
                entries.append((item.name, outcome))
            tell(len(entries) + len(skipped), len(items))
            if isinstance(outcome, RadkitError) and on_error == "raise":
                for _, other in waiting:
                    if isinstance(other, Future):
                        other.cancel()
                raise outcome
    return Report(entries=tuple(entries), uid_map=uid_map, skipped=tuple(skipped), resumed=resumed)


def _items(sources: Any) -> Iterator[_Item]:
    given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    taken: set[str] = set()
    for url in given:
        if not isinstance(url, (str, os.PathLike)):
            raise OptionError("sources beside a URL must be URLs or paths")
        store = Store.of(url)
        with _faults("listing", str(url)):
            folder = store.fs.isdir(store.root)
            listed = store.fs.find(store.root, detail=True) if folder else {}
            if not folder:
                listed = {store.root: store.fs.info(store.root)}
        for path, info in sorted(listed.items()):
            place = path[len(store.root) :].strip("/") if folder else path.rpartition("/")[2]
            if f"{RECORDS}/" in f"/{place}" or ".." in place.split("/"):
                continue
            yield _Item(
                store=store,
                path=path,
                name=store.fs.unstrip_protocol(path),
                place=free_place(place, taken),
                size=int(info.get("size") or 0),
                stamp=_stamp(info),
                found=folder,
            )


def _refuse_own_sources(items: list[_Item], to: Store) -> None:
    """Raise `OptionError` if a result would take the place of a source."""
    known = {item.path for item in items if item.store.fs == to.fs}
    for item in items:
        if to.path(item.place) in known:
            raise OptionError(
                "results would replace their own sources in dest: choose another place",
                source=item.name,
            )


def _stamp(info: dict[str, Any]) -> str:
    """Return what changes when an object changes, as far as its store tells."""
    names = (
        "size",
        "ETag",
        "etag",
        "md5Hash",
        "LastModified",
        "mtime",
        "created",
        "CRC",
        "date_time",
    )
    return "|".join(f"{name}={info[name]}" for name in names if info.get(name) is not None)


def _one(
    item: _Item,
    to: Store,
    records: _Records,
    options: Options,
    on_error: OnError,
    gate: threading.Lock,
) -> tuple[Outcome, dict[str, str]]:
    data = b""
    try:
        # The object, its result, and what coding takes.
        limits.check("max_memory_bytes", 2 * item.size, "an object of a store")
        if item.store.protocols & ONE_AT_A_TIME:
            with gate:
                data = item.store.get(item.path)
        else:
            data = item.store.get(item.path)
        if item.found and not _is_object(data):
            return None, {}
        done = run(data, None, options)
        made = done.result.data
        assert made is not None  # without a destination the object is returned
        to.put(item.place, made)
        result = dataclasses.replace(done.result, data=None, path=None)
        uids: dict[str, str] = {}
        if done.old_uid and done.new_uid and done.old_uid != done.new_uid:
            uids[done.old_uid] = done.new_uid
        records.add(item, made, result, uids)
        return result, uids
    except RadkitError as error:
        error.__traceback__ = None
        error.source = error.source or item.name
        if on_error == "copy" and data:
            try:
                to.put(item.place, data)
            except TransferError:  # the first error is the one to report
                error.hint = (
                    f"{error.hint + '. ' if error.hint else ''}It could not be copied either"
                )
        return error, {}


def _is_object(data: bytes) -> bool:
    if data[128:132] == b"DICM":
        return True
    try:
        with open_object(data):
            return True
    except CorruptFile:
        return False


class _Records:
    """What earlier runs with the same options have finished."""

    def __init__(self, to: Store, digest: str, resume: bool) -> None:
        self.to, self.digest = to, digest
        self.known: dict[str, dict[str, Any]] = {}
        self.sizes: dict[str, int] = {}
        if not resume:
            return
        with _faults("listing", to.root):
            if not to.fs.exists(to.path(RECORDS)):
                return
            listed = to.fs.find(to.root, detail=True)
            paths = [path for path in listed if f"/{RECORDS}/" in f"/{path}"]
            found = to.fs.cat(paths, on_error="omit") if paths else {}
        self.sizes = {path: int(info.get("size") or 0) for path, info in listed.items()}
        for text in found.values():
            record = _parsed(text)
            if record is not None:  # else its object is done again
                self.known[record["place"]] = record

    def finished(self, item: _Item) -> _Known | None:
        """Return the result of an earlier run if source and result are as they were."""
        record = self.known.get(item.place)
        if record is None or (record["options"], record["stamp"]) != (self.digest, item.stamp):
            return None
        if self.sizes.get(self.to.path(item.place)) != record["bytes"]:
            return None
        result = _restored(record["result"])
        return None if result is None else (result, record["uids"])

    def add(self, item: _Item, made: bytes, result: Transcoded, uids: dict[str, str]) -> None:
        """Write down a result that is in its place."""
        record = {
            "place": item.place,
            "stamp": item.stamp,
            "options": self.digest,
            "bytes": len(made),
            "sha256": hashlib.sha256(made).hexdigest(),
            "result": transcoded_dict(result),
            "uids": uids,
        }
        name = hashlib.sha256(item.place.encode()).hexdigest()[:32]
        self.to.put(f"{RECORDS}/{name}.json", json.dumps(record).encode())


def _parsed(text: bytes) -> dict[str, Any] | None:
    """Return a record, or None if that is not what the text holds."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if any(not isinstance(record.get(name), str) for name in ("place", "stamp", "options")):
        return None
    if any(not isinstance(record.get(name), dict) for name in ("result", "uids")):
        return None
    if not isinstance(record.get("bytes"), int):
        return None
    return record


def _restored(values: dict[str, Any]) -> Transcoded | None:
    """Return the result that a record holds, or None if another version wrote it."""
    try:
        kept = dict(values)
        kept["syntax"], kept["path"] = find_syntax(kept["syntax"]), None
        kept["corrections"] = tuple(kept["corrections"])
        return Transcoded(**kept)
    except (KeyError, TypeError, UnsupportedTransferSyntax):
        return None
