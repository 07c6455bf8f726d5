"""Stores that fsspec reaches: objects in them as sources, and places in them for results.

A result is one put, whole or not at all: object stores replace an object in one step, other
systems get a part that is renamed. Small objects pass through memory, large ones through a
temporary file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radkit import limits
from radkit.dicom.write import is_own
from radkit.errors import MissingDependency, OptionError, RadkitError, TransferError

__all__ = ["Item", "Store", "fetched", "has_url", "listed", "local_path"]

# A put replaces an object in one step.
ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory", "oci", "oss"})
READ_ONLY = frozenset({"zip", "tar", "libarchive", "http", "https", "git", "github"})
ONE_AT_A_TIME = frozenset({"zip", "tar", "libarchive"})  # one file behind all members
IN_MEMORY = 32 << 20  # larger objects go through a temporary file
_CHUNK = 4 << 20
_LASTING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_STAMPS = (
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
_gate = threading.Lock()


def has_url(value: Any) -> bool:
    """Tell whether a text is a URL of fsspec, and no path."""
    return isinstance(value, str) and ("://" in value or "::" in value)


def local_path(value: Any) -> Path | None:
    """Return the path that a source or destination means; None for URLs of other places."""
    if isinstance(value, os.PathLike):
        return Path(value)
    if not isinstance(value, str):
        return None
    for start in ("file://", "local://"):
        if value.startswith(start) and "::" not in value:
            return Path(value[len(start) :])
    return None if has_url(value) else Path(value)


@dataclass(frozen=True, slots=True)
class Store:
    """A place that fsspec reaches."""

    fs: Any
    root: str
    protocols: frozenset[str]

    @staticmethod
    def of(url: str) -> Store:
        """Open the store of a URL; raises OptionError or MissingDependency."""
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise MissingDependency("URLs need fsspec: pip install radkit[archive]") from error
        try:
            fs, root = url_to_fs(url)
        except ImportError as error:
            raise MissingDependency(
                f"fsspec needs another package for this URL: {error}"
            ) from error
        except ValueError as error:
            raise OptionError("fsspec does not know this kind of URL", source=url) from error
        names = fs.protocol if isinstance(fs.protocol, (tuple, list)) else (fs.protocol,)
        return Store(fs, root.rstrip("/"), frozenset(names))

    @property
    def name(self) -> str:
        """Its URL, for messages."""
        return str(self.fs.unstrip_protocol(self.root))

    @property
    def of_this_process(self) -> bool:
        """Whether other processes see something else under the same name."""
        return "memory" in self.protocols

    @property
    def read_only(self) -> bool:
        """Whether it is a kind of store that nothing can be written to."""
        return bool(self.protocols & READ_ONLY)

    def path(self, place: str) -> str:
        """Return the path of a place in the store."""
        return "/".join(part for part in (self.root, place) if part)

    def place(self, path: str) -> str:
        """Return the place of a path."""
        return path.removeprefix(self.root).strip("/")

    def exists(self, place: str) -> bool:
        """Tell whether something is there."""
        with faults("looking", self.path(place)):
            return bool(self.fs.exists(self.path(place)))

    def get(self, place: str) -> bytes | None:
        """Read what is at a place; None if nothing is."""
        with faults("reading", self.path(place)):
            try:
                return bytes(self.fs.cat_file(self.path(place)))
            except FileNotFoundError:
                return None

    def find(self, place: str) -> dict[str, dict[str, Any]]:
        """Return what the store knows of all files below a place, by their paths."""
        with faults("listing", self.path(place)):
            self.fs.invalidate_cache()
            return dict(self.fs.find(self.path(place), detail=True))

    def remove(self, paths: list[str]) -> None:
        """Delete files; those that are gone already do no harm."""
        with faults("deleting", self.root):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    self.fs.rm_file(path)

    def put(self, place: str, data: bytes | Path) -> None:
        """Write an object or a file, whole or not at all."""
        path = self.path(place)
        with faults("writing", path):
            if self.protocols & ATOMIC:
                self._write(path, data)
                return
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            part = f"{path}.part-{os.urandom(8).hex()}"
            try:
                self._write(part, data)
                self.fs.mv(part, path)
            except BaseException:
                if self.fs.exists(part):
                    self.fs.rm_file(part)
                raise

    def _write(self, path: str, data: bytes | Path) -> None:
        if isinstance(data, Path):
            self.fs.put_file(os.fspath(data), path)
        else:
            self.fs.pipe_file(path, data)


@contextlib.contextmanager
def faults(what: str, path: str) -> Iterator[None]:
    """Turn what stores raise into `TransferError`; what may pass by itself is worth a retry."""
    try:
        yield
    except RadkitError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        kinds = (FileNotFoundError, PermissionError, NotImplementedError)
        lasting = isinstance(error, kinds) or getattr(error, "errno", None) in _LASTING
        raise TransferError(
            f"{what} failed: {reason}", source=path, retryable=not lasting
        ) from error


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a store, as a source.

    Parameters
    ----------
    store : Store
        Where it is.
    path : str
        In the store.
    size : int or None
        Of the object; None if the store does not tell.
    stamp : str
        What changes when the object changes.
    """

    store: Store
    path: str
    size: int | None
    stamp: str

    @property
    def name(self) -> str:
        """Its URL."""
        return str(self.store.fs.unstrip_protocol(self.path))

    def __str__(self) -> str:
        """Give its URL."""
        return self.name


def listed(url: str) -> Iterator[tuple[Item, str, bool]]:
    """Yield the objects at a URL: the item, its place below the URL, whether it was met there.

    Raises
    ------
    TransferError
        Nothing is there, or it cannot be listed.
    """
    store = Store.of(url)
    with faults("listing", url):
        store.fs.invalidate_cache()
        folder = store.fs.isdir(store.root)
        found = store.fs.find(store.root, detail=True) if folder else {}
        if not folder:
            found = {store.root: store.fs.info(store.root)}
    for path, info in sorted(found.items()):
        place = store.place(path) if folder else path.rpartition("/")[2]
        parts = place.split("/")
        if ".." in parts or any(map(is_own, parts)):
            continue
        size = info.get("size")
        known = int(size) if isinstance(size, int) else None
        yield Item(store, path, known, _stamp(info)), place, folder


def _stamp(info: dict[str, Any]) -> str:
    """Return what changes when an object changes, as far as its store tells."""
    return "|".join(f"{name}={info[name]}" for name in _STAMPS if info.get(name) is not None)


@contextlib.contextmanager
def fetched(item: Item) -> Iterator[bytes | Path]:
    """Give an object: its bytes if it is small, else a temporary file with them.

    Raises
    ------
    TransferError
        The store, or the disk of temporary files, fails.
    LimitExceeded
        It is a member of an archive, or of unknown size, and larger than the limits allow.
    """
    gate = _gate if item.store.protocols & ONE_AT_A_TIME else contextlib.nullcontext()
    most = _most(item)
    if item.size is not None and item.size <= min(
        IN_MEMORY, limits.current().max_memory_bytes // 4
    ):
        with gate, faults("reading", item.name):
            data = bytes(item.store.fs.cat_file(item.path))
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="radkit-") as folder:
        path = Path(folder, "object.dcm")
        with gate, faults("reading", item.name):
            _download(item, path, most)
        yield path


def _most(item: Item) -> int | None:
    """Return the most bytes that an object may have; a size that is told is held against it."""
    if item.store.protocols & ONE_AT_A_TIME:
        limits.check("max_inflated_bytes", item.size or 0, "a member of an archive")
        return limits.current().max_inflated_bytes
    return None if item.size is not None else limits.current().max_memory_bytes


def _download(item: Item, path: Path, most: int | None) -> None:
    limit = "max_inflated_bytes" if item.store.protocols & ONE_AT_A_TIME else "max_memory_bytes"
    done = 0
    with item.store.fs.open(item.path, "rb", block_size=_CHUNK) as source, path.open("wb") as file:
        while piece := source.read(_CHUNK):
            done += len(piece)
            if most is not None:
                limits.check(limit, done, "an object of a store")
            file.write(piece)
