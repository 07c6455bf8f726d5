"""DICOMweb (PS3.18): objects stored, found and fetched; what is stored is one in a request."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from radkit.dicom.uids import TransferSyntax
from radkit.errors import MissingDependency, OptionError, RadkitError, TransferError
from radkit.net import store
from radkit.net.objects import Outgoing, wishes
from radkit.net.results import SendReport
from radkit.net.throttle import Throttle

__all__ = ["Client", "Courier"]

logger = logging.getLogger("radkit")

# What a service says of an object that it cannot take in this transfer syntax (PS3.18 10.5.3).
_NOT_LIKE_THIS = (0x0122, 0xC122, 0xA900, 0xC000, 0x0110)
_SYNTAX = (0x0122, 0xC122)  # of these, what holds for all objects of a class


class Client:
    """A DICOMweb service.

    Parameters
    ----------
    base_url : str
        With or without ``/studies``.
    auth : str or (str, str), optional
        A bearer token, or a name and a password.
    timeout_s : float
        Longest wait for a connection, and for each piece of an answer.

    Raises
    ------
    OptionError
        That is no URL, or no time.
    MissingDependency
        dicomweb-client is absent.

    Notes
    -----
    UIDs are as the service has them; frames are counted from 0, as everywhere in radkit.
    All methods raise `TransferError` if the service refuses, or does not answer;
    `.retryable` says whether to try again.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: str | tuple[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        try:
            import requests
            from dicomweb_client.web import DICOMwebClient
        except ImportError as error:
            raise MissingDependency(
                "DICOMweb needs dicomweb-client: pip install radkit[net]"
            ) from error
        if not 0 < timeout_s < 86400:
            raise OptionError(f"timeout_s must be above 0, not {timeout_s!r}")
        session = requests.Session()
        if isinstance(auth, str):
            session.headers["Authorization"] = f"Bearer {auth}"
        elif auth is not None:
            session.auth = auth
        self.url = base_url.rstrip("/").removesuffix("/studies")
        try:
            self.raw = DICOMwebClient(self.url, session=session, timeout=timeout_s)
        except (TypeError, ValueError) as error:
            raise OptionError(f"no URL of a service: {error}") from None
        self.raw.set_http_retry_params(retry=False)

    def store(self, sources: Any, *, syntax: str | None = None, retries: int = 5) -> SendReport:
        """Store objects by STOW-RS, as `radkit.net.send` does."""
        from radkit.net.sending import send_with

        return send_with(sources, self, syntax=syntax, retries=retries)

    def search(
        self,
        level: Literal["studies", "series", "instances"] = "studies",
        *,
        study: str | None = None,
        series: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        fields: Sequence[str] = (),
        **filters: str,
    ) -> list[Any]:
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
            Keywords of more attributes to return.
        **filters
            Keywords and values to match, as ``ModalitiesInStudy="CT"``.

        Returns
        -------
        list of pydicom.Dataset
        """
        from pydicom import Dataset

        words: dict[str, Any] = {"limit": limit, "offset": offset, "fields": list(fields) or None}
        words["search_filters"] = filters or None
        find: Callable[..., list[Any]]
        if level == "studies":
            find = self.raw.search_for_studies
        elif level == "series":
            find, words["study_instance_uid"] = self.raw.search_for_series, study
        elif level == "instances":
            find = self.raw.search_for_instances
            words |= {"study_instance_uid": study, "series_instance_uid": series}
        else:
            raise OptionError(f"level must be studies, series or instances, not {level!r}")
        with _answers(self.url):
            return [Dataset.from_json(one) for one in find(**words)]

    def retrieve(
        self, study: str, series: str | None = None, instance: str | None = None
    ) -> Iterator[Any]:
        """Fetch objects in the transfer syntax that they are stored in (WADO-RS, PS3.18 10.4).

        Yields
        ------
        pydicom.Dataset
            One at a time; each is a source of `radkit.decode`.
        """
        kinds = (("application/dicom", "*"),)
        with _answers(self.url):
            if series is None:
                yield from self.raw.iter_study(study, media_types=kinds)
            elif instance is None:
                yield from self.raw.iter_series(study, series, media_types=kinds)
            else:
                yield self.raw.retrieve_instance(study, series, instance, media_types=kinds)

    def frames(
        self, study: str, series: str, instance: str, numbers: Sequence[int] = (0,)
    ) -> list[bytes]:
        """Fetch coded frames, as they are stored.

        Parameters
        ----------
        study, series, instance : str
            UIDs.
        numbers : sequence of int
            Of the frames, from 0.
        """
        if not numbers or min(numbers) < 0:
            raise OptionError("frames are counted from 0, and at least one is wanted")
        asked = [number + 1 for number in numbers]
        with _answers(self.url):
            return list(
                self.raw.retrieve_instance_frames(
                    study, series, instance, asked, media_types=(("application/octet-stream", "*"),)
                )
            )


@contextlib.contextmanager
def _answers(url: str) -> Iterator[None]:
    """Turn what a service and its library raise into `TransferError`."""
    import requests

    try:
        yield
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else 500
        raise TransferError(
            f"the service answers HTTP {code}",
            source=url,
            retryable=code in (408, 429) or code >= 500,
        ) from error
    except (requests.RequestException, OSError) as error:
        raise TransferError(
            f"no answer from the service: {type(error).__name__}", source=url, retryable=True
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # an answer that is none
        raise TransferError(
            f"the answer of the service makes no sense: {type(error).__name__}", source=url
        ) from error


class Courier:
    """Takes objects to a service; what it does not take in one syntax is offered in the next."""

    def __init__(self, to: Client | str, throttle: Throttle | None = None) -> None:
        self._throttle = throttle
        # Trips are tried again as a whole, so requests are not.
        self.client = (to if isinstance(to, Client) else Client(to, timeout_s=20.0)).raw
        self._known: dict[tuple[str, str], bool] = {}  # by class and syntax: whether it is taken

    def trips(self, work: Sequence[Outgoing], wish: TransferSyntax | None, trip: Any) -> None:
        """Try to deliver each object."""
        for one in work:
            self._deliver(one, wish, trip)

    def _deliver(self, one: Outgoing, wish: TransferSyntax | None, trip: Any) -> None:
        told: RadkitError = store.Refused("the service takes the object in no transfer syntax")
        for target in [wish] if trip.lossy is not None else wishes(one, wish):
            assert target is not None  # lossy needs one
            if self._known.get((one.sop_class, target.uid), True) is False:
                continue
            try:
                path, made = trip.make(one, target)
            except RadkitError as error:
                told = error
                continue
            data = path.read_bytes()
            if made:
                path.unlink(missing_ok=True)
            if self._throttle is not None:
                self._throttle.sent(len(data))
            try:
                status = self._post(data)
            except TransferError as error:
                trip.fail(one, error)
                return
            if status in _NOT_LIKE_THIS:
                if status in _SYNTAX:  # else it may be this object only
                    self._known.setdefault((one.sop_class, target.uid), False)
                told = store.Refused(f"the service refuses the object: status {status:04X}")
                continue
            self._known[one.sop_class, target.uid] = True
            trip.note(
                one, status, target=target, made=made, size=len(data), instance=_instance(data)
            )
            return
        trip.fail(one, told)

    def _post(self, data: bytes) -> int | None:
        """Post one object; return its status, None if the service gave none."""
        import requests
        from pydicom import dcmread

        dataset = dcmread(io.BytesIO(data), force=True)
        try:
            answer = self.client.store_instances([dataset])
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 500
            if code in (401, 403):
                raise TransferError(f"the service does not let us in: HTTP {code}") from None
            if code in (406, 415):
                return 0x0122
            return 0xC000 if code in (400, 409, 413) else None
        except (requests.RequestException, OSError) as error:
            logger.info("STOW-RS: %s", type(error).__name__)
            return None
        failed = answer.get("FailedSOPSequence") or []
        if failed:
            return int(failed[0].get("FailureReason", 0xC000))
        stored = answer.get("ReferencedSOPSequence") or []
        return int(stored[0].get("WarningReason", 0)) if stored else 0


def _instance(data: bytes) -> str:
    from radkit.net.objects import look

    return look(data, 0).instance
