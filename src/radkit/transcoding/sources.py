"""From what a caller names to a list of objects with their places in the result's tree.

A folder is walked in order of names, without following links to folders; a glob is
expanded; an iterable is taken as it comes. Files that are no DICOM are told apart by
their bytes, never by their names.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radkit.dicom.write import io_errors, is_own
from radkit.errors import OptionError, TransferError
from radkit.transcoding.stores import Item, Store, has_url, listed, local_path

__all__ = ["Task", "free_place", "is_dicom_by_magic", "refuse_own_sources", "tasks"]

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Task:
    """One object to be done.

    Parameters
    ----------
    source : Any
        As the caller gave it, or a path found in a folder.
    path : Path or None
        If it is a file.
    place : str or None
        Relative path of the result, with slashes. None: named after its instance UID.
    found : bool
        It was met while walking a folder or glob, so it may be something else than DICOM.
    bytes : int, optional
        Its size, once somebody has looked.
    """

    source: Any
    path: Path | None
    place: str | None
    found: bool
    bytes: int | None = None

    @property
    def name(self) -> Any:
        """What the report calls the source."""
        return self.source.name if isinstance(self.source, Item) else self.source

    def size(self) -> int:
        """Return its size in bytes, 0 if that is not known."""
        if self.bytes is not None:
            return self.bytes
        if isinstance(self.source, Item):
            return self.source.size or 0
        if isinstance(self.source, (bytes, bytearray, memoryview)):
            return len(self.source)
        status = _status(self.path) if self.path is not None else None
        return 0 if status is None else status.st_size


def tasks(sources: Any, *, leave_out: Path | None = None, urls: bool = False) -> list[Task]:
    """List the objects behind `sources`.

    Parameters
    ----------
    sources : path, glob or iterable of sources
        A folder keeps its tree; so does a glob, below its fixed part; of an iterable of
        files the part below their common folder is kept.
    leave_out : Path, optional
        A folder whose contents are not sources: the destination, if it lies inside.
    urls : bool
        Texts may also be URLs that fsspec knows.

    Raises
    ------
    OptionError
        Nothing is there.
    """
    if isinstance(sources, (str, os.PathLike)):
        path = local_path(sources) if urls else Path(sources)
        return _of_url(str(sources)) if path is None else _of_path(os.fspath(path), leave_out)
    if isinstance(sources, (bytes, bytearray, memoryview)) or not isinstance(sources, Iterable):
        return [Task(sources, None, None, found=False)]
    if hasattr(sources, "file_meta") or hasattr(sources, "read"):
        return [Task(sources, None, None, found=False)]
    given = [(local_path(s) or s) if urls and has_url(s) else s for s in sources]
    remote = [urls and has_url(source) for source in given]
    paths = [
        Path(source)
        for source, far in zip(given, remote, strict=True)
        if not far and isinstance(source, (str, os.PathLike))
    ]
    below = _common(paths)
    found: list[Task] = []
    for source, far in zip(given, remote, strict=True):
        if far:
            found += _of_url(str(source))
            continue
        if not isinstance(source, (str, os.PathLike)):
            found.append(Task(source, None, None, found=False))
            continue
        path = Path(source)
        if _is_folder(path):
            prefix = _relative(path, below)
            found += _walk(path, prefix, leave_out)
        else:
            found.append(Task(source, path, _relative(path, below), found=False))
    return _distinct(found)


def _of_url(url: str) -> list[Task]:
    return [Task(item, None, place, found=found) for item, place, found in listed(url)]


def _of_path(name: str, leave_out: Path | None) -> list[Task]:
    path = Path(name)
    if _is_folder(path):
        return _walk(path, "", leave_out)
    with io_errors("looking at the source", name):
        there = path.exists()
    if there:
        return [Task(path, path, path.name, found=False)]
    if not _GLOB & set(name):
        raise TransferError("the source does not exist", source=name)
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    if not matches:
        raise OptionError("no file matches the pattern", source=name)
    base = _fixed_part(path)
    leave_out = _strictly_below(base, leave_out)
    found: list[Task] = []
    for match in matches:
        if _is_folder(match):
            if "**" not in name:
                found += _walk(match, _relative(match, base), leave_out)
        elif not is_own(match.name) and not _inside(match, leave_out):
            found.append(Task(match, match, _relative(match, base), found=True))
    return _distinct(found)


def _fixed_part(pattern: Path) -> Path:
    fixed = []
    for part in pattern.parent.parts:
        if _GLOB & set(part):
            break
        fixed.append(part)
    return Path(*fixed) if fixed else Path()


def _walk(folder: Path, prefix: str, leave_out: Path | None) -> list[Task]:
    found = []
    leave_out = _strictly_below(folder, leave_out)

    def refuse(error: OSError) -> None:
        raise TransferError(
            f"a folder cannot be read: {os.strerror(error.errno or 0)}", source=str(error.filename)
        ) from error

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(
            f for f in folders if not is_own(f) and not _inside(Path(root, f), leave_out)
        )
        # What is linked is not lost silently: a dead link fails, a folder is skipped, and told.
        links = [f for f in folders if os.path.islink(os.path.join(root, f))]
        for name in sorted([*names, *links]):
            path = Path(root, name)
            if not is_own(name) and _is_for_a_worker(path):
                below = "/".join(path.relative_to(folder).parts)
                found.append(Task(path, path, f"{prefix}/{below}" if prefix else below, found=True))
    return found


def _is_folder(path: Path) -> bool:
    with io_errors("looking at a source", str(path)):
        return path.is_dir()


def _is_for_a_worker(path: Path) -> bool:
    """Tell files and links from pipes and the like; what the system hides is a worker's failure."""
    try:
        return path.is_file() or path.is_symlink()
    except OSError:
        return True


def _strictly_below(top: Path, folder: Path | None) -> Path | None:
    """Give `folder` if it lies below `top`: one around `top` holds all sources."""
    if folder is None:
        return None
    above = top.resolve()
    return folder if folder != above and folder.is_relative_to(above) else None


def _inside(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder)


def _common(paths: list[Path]) -> Path | None:
    if not paths:
        return None
    parents = [str(path.absolute().parent) for path in paths]
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:  # different drives
        return None


def _relative(path: Path, base: Path | None) -> str:
    """Give the part below `base`; never one that climbs out."""
    if base is not None:
        try:
            parts = path.absolute().relative_to(base.absolute()).parts
        except ValueError:
            parts = (path.name,)
    else:
        parts = (path.name,)
    return "/".join(part for part in parts if part not in ("..", "/", ""))


def _distinct(found: list[Task]) -> list[Task]:
    """Two files of one name (`a/x/../1`, `1`) get places of their own, in order."""
    seen: set[str] = set()
    return [
        task if task.place is None else replace(task, place=free_place(task.place, seen))
        for task in found
    ]


def free_place(place: str, taken: set[str]) -> str:
    """Give a place that is not taken, `a/1-2.dcm` for `a/1.dcm`, and take it."""
    folder, slash, name = place.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 1
    while place in taken:
        number += 1
        place = f"{folder}{slash}{stem}-{number}{dot}{ending}"
    taken.add(place)
    return place


def refuse_own_sources(work: Iterable[Task], to: Path | Store) -> None:
    """Raise `OptionError` if a result would take the place of a source."""
    if isinstance(to, Store):
        _refuse_in_store(work, to)
    else:
        _refuse_in_folder(work, to)


def _refuse_in_store(work: Iterable[Task], to: Store) -> None:
    items = [task.source for task in work if isinstance(task.source, Item)]
    known = {item.path for item in items if item.store.fs == to.fs}
    for task in work:
        if task.place is not None and to.path(task.place) in known:
            raise OptionError(
                "results would replace their own sources in dest: choose another place",
                source=to.path(task.place),
            )


def _refuse_in_folder(work: Iterable[Task], folder: Path) -> None:
    known: dict[tuple[int, int], Path] = {}
    for task in work:
        if task.path is not None and (status := _status(task.path)) is not None:
            known[status.st_dev, status.st_ino] = task.path
    for task in work:
        if task.place is None or (status := _status(folder / task.place)) is None:
            continue
        source = known.get((status.st_dev, status.st_ino))
        target = folder / task.place
        # A hard link, or a link to the source, is only replaced itself.
        if source is not None and source.resolve() == target.parent.resolve() / target.name:
            raise OptionError(
                "results would replace their own sources in dest: choose another folder",
                source=str(source),
            )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # not there: nothing that could be replaced, or the worker's failure
        return None


def is_dicom_by_magic(path: Path) -> bool:
    """Tell whether a file has the DICM prefix."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise TransferError(
            f"a file cannot be read: {os.strerror(error.errno or 0)}", source=str(path)
        ) from error
