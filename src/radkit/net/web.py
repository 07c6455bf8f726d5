"""DICOMweb as a client: search (QIDO-RS), retrieve (WADO-RS), store (STOW-RS); PS3.18 10."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydicom import Dataset

from radkit import limits
from radkit.codecs.options import Lossy
from radkit.dicom.objects import open_object
from radkit.dicom.source import safe_name
from radkit.dicom.write import AtomicFile, io_errors, sync_folder
from radkit.errors import CorruptFile, OptionError
from radkit.net.results import SendReport
from radkit.net.sending import send_with
from radkit.net.service import JSON, Service, uid_path

__all__ = ["Client"]

_SOP_INSTANCE = 0x00080018
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_OTHERS = ("image/jp2", "image/jph", "image/jphc", "image/jls", "image/jpeg", "image/dicom-rle")
_FRAMES += "".join(f', multipart/related; type="{kind}"; transfer-syntax=*' for kind in _OTHERS)


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
    frame), goes to disk or is handed on piece by piece, and is never more than one object
    in memory. Use it as a context manager, or `close` it.

    Raises
    ------
    OptionError
        The address or the time makes no sense.
    MissingDependency
        requests is absent.
    """

    def __init__(self, base_url: str, *, auth: Any = None, timeout_s: float = 30) -> None:
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
        fields: Sequence[str] = (),
        limit: int = 100,
        offset: int = 0,
        **filters: str | int | float,
    ) -> list[Dataset]:
        """Look for studies, series or instances.

        Parameters
        ----------
        level : {"studies", "series", "instances"}
            What is looked for.
        study, series : str, optional
            UIDs of what it is in.
        fields : sequence of str
            Keywords of elements to be told besides those the service tells anyway.
        limit, offset : int
            How many, and after how many others.
        **filters
            Keywords and what they must be, as ``PatientID="4711"``, ``StudyDate="20260101-"``.

        Raises
        ------
        TransferError
            The service does not answer, or refuses.
        CorruptFile
            What it says makes no sense.
        OptionError
            A level, a UID or a figure makes no sense.
        """
        if level not in ("studies", "series", "instances") or limit < 1 or offset < 0:
            raise OptionError("search: a level, limit or offset that makes no sense")
        path = uid_path(studies=study, series=series)
        if path.count("/") // 2 > ("studies", "series", "instances").index(level):
            raise OptionError(f"{level} are not inside of that")
        query: dict[str, Any] = {**filters, "limit": limit, "offset": offset}
        if fields:
            query["includefield"] = ",".join(fields)
        with self._service.get(f"{path}/{level}", JSON, query) as answer:
            if answer.status == 204:
                return []
            answer.require()
            return _datasets(answer.json())

    def retrieve(
        self,
        study: str,
        series: str | None = None,
        instance: str | None = None,
        *,
        dest: str | Path,
    ) -> tuple[Path, ...]:
        """Bring the objects of a study, a series, or one object into a folder, as they are stored.

        Parameters
        ----------
        study, series, instance : str
            UIDs.
        dest : path
            A folder, made if it is not there. Files are named after a hash of the UID;
            what is there already under such a name is replaced.

        Returns
        -------
        tuple of Path
            What came. Each file is whole; what was under way when an error occurred is not there.

        Raises
        ------
        TransferError
            The service does not answer, or refuses; the disk does.
        CorruptFile
            What it says makes no sense, or is no DICOM object.
        LimitExceeded
            An object is too large.
        OptionError
            A UID is none.
        """
        path = uid_path(studies=study, series=series, instances=instance)
        folder = Path(dest)
        with io_errors("making a folder", str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
        most = limits.current().max_inflated_bytes
        came: list[Path] = []
        under_way: list[AtomicFile] = []

        def begin() -> AtomicFile:
            under_way[:] = [AtomicFile(folder / f"{os.urandom(8).hex()}.dcm")]
            return under_way[0]

        with self._service.get(path, _DICOM) as answer:
            answer.require()
            try:
                for file in answer.parts(most, begin):
                    final = folder / f"{safe_name(_instance_of(file.part))}.dcm"
                    file.commit()
                    with io_errors("completing an object", str(final)):
                        file.dest.replace(final)
                        sync_folder(folder)
                    came.append(final)
            finally:
                for file in under_way:
                    file.discard()
        return tuple(came)

    def frames(
        self, study: str, series: str, instance: str, numbers: Sequence[int]
    ) -> Iterator[bytes]:
        """Yield frames of an object as the service has them, coded or not.

        Parameters
        ----------
        study, series, instance : str
            UIDs.
        numbers : sequence of int
            Which frames, the first is 1.

        Raises
        ------
        TransferError, CorruptFile, LimitExceeded
            As in `retrieve`.
        OptionError
            A UID is none, or a number is below 1.
        """
        if not numbers or min(numbers) < 1:
            raise OptionError("frames are counted from 1")
        path = uid_path(studies=study, series=series, instances=instance)
        path += "/frames/" + ",".join(str(int(number)) for number in numbers)
        count = 0
        with self._service.get(path, _FRAMES) as answer:
            answer.require()
            for frame in answer.parts(limits.current().max_inflated_bytes, io.BytesIO):
                count += 1
                if count > len(numbers):
                    raise CorruptFile("the service sends more frames than it was asked for")
                yield frame.getvalue()
        if count < len(numbers):
            raise CorruptFile("the service sends fewer frames than it was asked for")


def _datasets(found: Any) -> list[Dataset]:
    """Return data sets of the DICOM JSON model (PS3.18 F)."""
    if found is None:
        return []
    try:
        return [Dataset.from_json(one) for one in found]
    except Exception as error:  # whatever pydicom makes of a stranger's JSON
        raise CorruptFile(f"the answer is no DICOM JSON: {type(error).__name__}") from None


def _instance_of(path: Path) -> str:
    """Return the UID of what has come."""
    with limits.use(limits.UNTRUSTED), open_object(path) as obj:
        instance = obj.elements.text(_SOP_INSTANCE)
    if not instance:
        raise CorruptFile("an object without its SOP Instance UID", section="PS3.3 C.12.1")
    return instance
