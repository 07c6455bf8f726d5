"""One object of many, in whatever thread or process: done, passed on, or told apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.dicom.source import open_reader
from radkit.dicom.uids import syntax as find_syntax
from radkit.dicom.write import io_errors
from radkit.errors import CorruptFile, RadkitError, TransferError
from radkit.transcoding.manifest import file_sha256, source_stamp
from radkit.transcoding.one import copy_object, run
from radkit.transcoding.options import Options
from radkit.transcoding.results import Transcoded
from radkit.transcoding.sources import is_dicom_by_magic

__all__ = ["Answer", "Job", "OnError", "do", "give_up"]

OnError = Literal["raise", "copy", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One object, as it travels to a worker, which may be another process."""

    source: Any
    folder: Path
    place: str
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
        stamp = ""
        try:
            path = job.source if isinstance(job.source, Path) else None
            stamp = source_stamp(path) if path is not None else "none"
            if job.found and not _is_object(job.source):
                return Answer(result=None, place=None, stamp=stamp)
            target = _safe_join(job.folder, job.place)
            done = run(job.source, target, job.options)
            return Answer(
                result=done.result,
                place=job.place if path is not None else None,
                stamp=stamp,
                sha256=file_sha256(target) if path is not None else "",
                old_uid=done.old_uid,
                new_uid=done.new_uid,
            )
        except RadkitError as error:
            return give_up(job, error, stamp)
        except Exception as error:  # whatever it is, it is the end of one object, not of the run
            fault = RadkitError(f"a fault inside radkit or a library: {type(error).__name__}")
            fault.__cause__ = error
            return give_up(job, fault, stamp)


def give_up(job: Job, error: RadkitError, stamp: str = "") -> Answer:
    """Report an object that cannot be done and, if so asked, pass it on as it is."""
    if job.on_error == "copy":
        try:
            with open_reader(job.source) as reader:
                target = _safe_join(job.folder, job.place)
                copy_object(reader, target, find_syntax("explicit-le"), None)
        except Exception:  # the first error is the one to report
            error.hint = f"{error.hint + '. ' if error.hint else ''}It could not be copied either"
    return Answer(result=_portable(error), place=None, stamp=stamp)


def _is_object(path: Path) -> bool:
    """Tell whether a file met on the way is a DICOM object, a damaged one included."""
    if path.is_dir():
        return False  # a link to a folder, which is not followed
    if is_dicom_by_magic(path):
        return True
    try:
        with open_object(path):
            return True
    except CorruptFile:
        return False


def _safe_join(folder: Path, place: str) -> Path:
    path = folder / place
    with io_errors("making a folder of the destination", str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(folder):
        raise TransferError("the result would lie outside of the destination", source=str(path))
    return path


def _portable(error: RadkitError) -> RadkitError:
    """Drop the traceback, which holds frames of pixels alive as long as the report."""
    error.__traceback__ = None
    cause = error.__cause__
    if cause is not None:
        cause.__traceback__ = None
    return error
