"""DICOMweb as a client: search (QIDO-RS), retrieve (WADO-RS), store (STOW-RS); PS3.18 10."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydicom import Dataset, dcmread

from radkit import limits
from radkit.codecs.options import Lossy
from radkit.dicom.objects import open_object
from radkit.dicom.source import safe_name
from radkit.dicom.write import AtomicFile, io_errors, sync_folder
from radkit.errors import CorruptFile, OptionError, TransferError
from radkit.net.results import SendReport
from radkit.net.sending import send_with
from radkit.net.service import JSON, Answer, Service, uid_path

__all__ = ["Client"]

_SOP_INSTANCE = 0x00080018
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
# As they are stored: only this is asked for, since Orthanc refuses a choice of several types.
_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


class Client:
    """A DICOMweb service.

    Parameters
    ----------
    base_url : str
        ``http://`` or ``https://``, with or without ``/studies``.
    auth : (str, str), str or object, optional
        Name and password, a bearer token, or an authentication of ``requests``.
    timeout_s : float, default 30
        Longest wait for a connection and for an answer; an answer that comes slower than
        1 kB/s is given up, too.

    Notes
    -----
    What comes is bounded by `radkit.limits` (``max_inflated_bytes`` for an object or a
    frame), and never more than one of them is in memory. UIDs are as the service has
    them; frames are counted from 0, as everywhere in radkit. All methods raise
    `TransferError` if the service refuses, does not answer or talks nonsense
    (`.retryable` says whether to try again), `LimitExceeded` if it says too much,
    `OptionError` for a UID that is none. Use it as a context manager, or `close` it.

    Raises
    ------
    OptionError
        The address or the time makes no sense.
    MissingDependency
        requests is absent.
    """

    def __init__(self, base_url: str, *, auth: Any = None, timeout_s: float = 30.0) -> None:
        self._service = Service(base_url, auth=auth, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._service.close()

    def store(
        self,
        sources: Any,
        *,
        syntax: str | None = None,
        lossy: Lossy | None = None,
        rate_kbit_s: float | None = None,
        retries: int = 5,
    ) -> SendReport:
        """Send objects; everything is as in `radkit.net.send`."""
        return send_with(
            sources,
            self._service.base_url,
            syntax=syntax,
            lossy=lossy,
            rate_kbit_s=rate_kbit_s,
            retries=retries,
            service=self._service,
        )

    def search(
        self,
        level: Literal["studies", "series", "instances"] = "studies",
        *,
        study: str | None = None,
        series: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        fields: Sequence[str] = (),
        **filters: str | int | float,
    ) -> list[Dataset]:
        """Find studies, series or instances (QIDO-RS, PS3.18 10.6).

        Parameters
        ----------
        level : {"studies", "series", "instances"}
            What to find.
        study, series : str, optional
            UIDs below which to look.
        limit, offset : int, optional
            How many, and after how many.
        fields : sequence of str
            Keywords of more elements to be told.
        **filters
            Keywords and values to match, as ``ModalitiesInStudy="CT"``.

        Returns
        -------
        list of pydicom.Dataset
        """
        levels = ("studies", "series", "instances")
        if level not in levels:
            raise OptionError(f"level must be studies, series or instances, not {level!r}")
        path = uid_path(studies=study, series=series)
        if path.count("/") // 2 > levels.index(level):
            raise OptionError(f"level {level} is not below that")
        query: dict[str, Any] = dict(filters)
        query |= {k: v for k, v in (("limit", limit), ("offset", offset)) if v is not None}
        if fields:
            query["includefield"] = ",".join(fields)
        with self._service.get(f"{path}/{level}", JSON, query) as answer:
            answer.require()
            return [] if answer.status == 204 else _datasets(answer.json())

    def retrieve(
        self,
        study: str,
        series: str | None = None,
        instance: str | None = None,
        *,
        dest: str | Path | None = None,
    ) -> Iterator[Any]:
        """Fetch objects in the transfer syntax that they are stored in (WADO-RS, PS3.18 10.4).

        Parameters
        ----------
        study, series, instance : str
            UIDs.
        dest : path, optional
            A folder for them, made if it is not there: what comes goes to disk, not to
            memory. Files are named after a hash of the UID, and each is whole.

        Yields
        ------
        pydicom.Dataset or Path
            One at a time; each is a source of `radkit.decode`.
        """
        path = uid_path(studies=study, series=series, instances=instance)
        most = limits.current().max_inflated_bytes
        with self._service.get(path, _DICOM) as answer:
            answer.require()
            if dest is not None:
                yield from _files(answer, most, Path(dest))
                return
            for part in answer.parts(most, io.BytesIO):
                part.seek(0)
                yield _dataset(part)

    def frames(
        self, study: str, series: str, instance: str, numbers: Sequence[int] = (0,)
    ) -> Iterator[bytes]:
        """Fetch frames, coded as they are stored.

        Parameters
        ----------
        study, series, instance : str
            UIDs.
        numbers : sequence of int
            Of the frames, from 0.

        Returns
        -------
        iterator of bytes
            One at a time.
        """
        if not numbers or min(numbers) < 0:
            raise OptionError("frames are counted from 0, and at least one is wanted")
        path = uid_path(studies=study, series=series, instances=instance)
        path += "/frames/" + ",".join(str(int(number) + 1) for number in numbers)
        answer = self._service.get(path, _FRAMES)
        try:
            answer.require()
        except TransferError:
            answer.close()
            raise
        return _frames(answer, len(numbers))


def _frames(answer: Answer, wanted: int) -> Iterator[bytes]:
    count = 0
    with answer:
        for frame in answer.parts(limits.current().max_inflated_bytes, io.BytesIO):
            count += 1
            if count > wanted:
                raise TransferError("the service sends more frames than it was asked for")
            yield frame.getvalue()
    if count < wanted:
        raise TransferError("the service sends fewer frames than it was asked for")


def _files(answer: Answer, most: int, folder: Path) -> Iterator[Path]:
    """Write what comes, and yield where it is when it is there whole."""
    under_way: list[AtomicFile] = []

    def begin() -> AtomicFile:
        under_way[:] = [AtomicFile(folder / f"{os.urandom(8).hex()}.dcm")]
        return under_way[0]

    with io_errors("making a folder", str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        for file in answer.parts(most, begin):
            final = folder / f"{safe_name(_instance_of(file.part))}.dcm"
            file.commit()
            with io_errors("completing an object", str(final)):
                file.dest.replace(final)
                sync_folder(folder)
            yield final
    finally:
        for left in under_way:
            left.discard()


def _dataset(part: io.BytesIO) -> Dataset:
    try:
        return dcmread(part)
    except Exception as error:  # whatever pydicom makes of a stranger's bytes
        raise TransferError(
            f"what the service sends is no object: {type(error).__name__}"
        ) from None


def _datasets(found: Any) -> list[Dataset]:
    """Return data sets of the DICOM JSON model (PS3.18 F)."""
    if found is None:
        return []
    try:
        return [Dataset.from_json(one) for one in found]
    except Exception as error:  # whatever pydicom makes of a stranger's JSON
        raise TransferError(f"the answer is no DICOM JSON: {type(error).__name__}") from None


def _instance_of(path: Path) -> str:
    """Return the UID of what has come."""
    with limits.use(limits.UNTRUSTED), open_object(path) as obj:
        instance = obj.elements.text(_SOP_INSTANCE)
    if not instance:
        raise CorruptFile("an object without its SOP Instance UID", section="PS3.3 C.12.1")
    return instance
