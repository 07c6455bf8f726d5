"""One object of many, in whatever thread or process: done, passed on, or told apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.dicom.source import Reader, open_reader
from radkit.dicom.uids import syntax as find_syntax
from radkit.dicom.write import io_errors
from radkit.errors import CorruptFile, RadkitError, TransferError
from radkit.transcoding.manifest import MANIFEST, file_sha256, source_stamp
from radkit.transcoding.one import Done, copy_object, run
from radkit.transcoding.options import Options
from radkit.transcoding.results import Transcoded
from radkit.transcoding.sources import is_dicom_by_magic, named_after

__all__ = ["Answer", "Job", "OnError", "do"]

OnError = Literal["raise", "copy", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One object, as it travels to a worker, which may be another process."""

    source: Any
    folder: Path
    place: str | None
    number: int
    found: bool
    options: Options
    on_error: OnError
    limits: limits.Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it. `result` None: it is no DICOM object."""

    result: Transcoded | RadkitError | None
    place: str | None
    stamp: str
    sha256: str = ""
    old_uid: str | None = None
    new_uid: str | None = None


def do(job: Job) -> Answer:
    """Do one object, in whatever thread or process."""
    with limits.use(job.limits):
        path = job.source if isinstance(job.source, Path) else None
        stamp = ""
        try:
            stamp = source_stamp(path) if path is not None else "none"
            place, is_object = _place(job)
            if not is_object:
                return Answer(result=None, place=None, stamp=stamp)
            target = _safe_join(job.folder, place)
            done = _run_or_copy(job, target)
        except RadkitError as error:
            return Answer(result=_portable(error), place=None, stamp=stamp)
        return Answer(
            result=done.result,
            place=place if path is not None else None,
            stamp=stamp,
            sha256=file_sha256(target) if path is not None else "",
            old_uid=done.old_uid,
            new_uid=done.new_uid,
        )


def _place(job: Job) -> tuple[str, bool]:
    """Give the relative path of the result, and whether the source is DICOM at all."""
    if job.found and not is_dicom_by_magic(job.source):
        if job.source.name == MANIFEST:
            return "", False
        try:
            with open_object(job.source):
                pass
        except CorruptFile:
            return "", False
    if job.place is not None:
        return job.place, True
    with open_object(job.source) as obj:
        return named_after(obj.elements.text(0x00080018), job.number), True


def _safe_join(folder: Path, place: str) -> Path:
    path = folder / place
    with io_errors("making a folder of the destination", str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(folder):
        raise TransferError("the result would lie outside of the destination", source=str(path))
    return path


def _run_or_copy(job: Job, target: Path) -> Done:
    try:
        return run(job.source, target, job.options)
    except RadkitError as error:
        if job.on_error == "copy":
            _pass_on(job.source, target, error)
        raise


def _pass_on(source: Any, target: Path, error: RadkitError) -> None:
    """Copy what failed, as it is: the image matters more than the bytes saved."""
    try:
        reader: Reader = open_reader(source)
        with reader:
            copy_object(reader, target, find_syntax("explicit-le"), None)
    except RadkitError as second:
        error.hint = f"{error.hint + '. ' if error.hint else ''}It could not be copied either"
        raise error from second


def _portable(error: RadkitError) -> RadkitError:
    """Drop the traceback, which holds frames of pixels alive as long as the report."""
    error.__traceback__ = None
    cause = error.__cause__
    if cause is not None:
        cause.__traceback__ = None
    return error
