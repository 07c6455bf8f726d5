"""Sends objects: each in the best transfer syntax that the receiver takes."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from radkit import limits
from radkit.codecs.options import Lossy
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.uids import syntax as find_syntax
from radkit.dicom.write import io_errors
from radkit.errors import OptionError, RadkitError, TransferError, UnsupportedTransferSyntax
from radkit.net import store
from radkit.net.commitment import Commitments
from radkit.net.leftover import Leftover
from radkit.net.objects import Outgoing, look, made_in
from radkit.net.peer import Peer
from radkit.net.posting import Courier
from radkit.net.results import SendReport, Sent
from radkit.net.service import Service
from radkit.net.throttle import Throttle
from radkit.transcoding.sources import Task, is_dicom_by_magic, tasks

__all__ = ["send", "send_with"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# Failure reasons of commitment that may pass: processing, no such instance (yet), resources.
PASSING = frozenset({0x0110, 0x0112, 0x0213})
Result = Sent | RadkitError


def send(
    sources: Any,
    to: Peer | str,
    *,
    syntax: str | None = None,
    lossy: Lossy | None = None,
    rate_kbit_s: float | None = None,
    retries: int = 5,
    commit: bool = False,
    spool: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SendReport:
    """Send objects by C-STORE or STOW-RS.

    Parameters
    ----------
    sources : folder, glob or iterable of sources
        As in `radkit.transcode_many`.
    to : Peer or str
        ``"AET@host:port"``, or the URL of a DICOMweb service, with or without
        ``/studies``.
    syntax : str, optional
        Transfer syntax to prefer. Default: compressed objects go as they are where that
        is taken; all else as lossless HTJ2K, JPEG 2000, JPEG-LS or JPEG Lossless, the
        first of these that the receiver takes, and uncompressed as the last resort.
        Whatever is made on the way is verified first.
    lossy : Lossy, optional
        How much may be lost in `syntax`, which is the only one then.
    rate_kbit_s : float, optional
        Send no faster, in thousands of bits per second: others share the line.
    retries : int, default 5
        Tries after the first, with growing pauses, of what did not arrive: nobody
        answered, the association broke, the receiver was out of resources. The same
        object sent twice is the same object to the receiver.
    commit : bool
        Ask the receiver to commit itself to keep the objects (PS3.4 Annex J), and count
        as sent only what it says yes to. By C-STORE only; the answer must come over the
        same association, within ``Peer.timeout_s``.
    spool : path, optional
        A folder that keeps what did not arrive (nobody answered, no resources), until a
        later call with the same `spool` and `to` brings it on its way, before its own
        sources; these may be none then. What the receiver refuses for good is not kept.
    progress : callable(done, total), optional
        Called in this thread after each object.

    Returns
    -------
    SendReport
        An object that failed is in it with the reason; the others go on.

    Raises
    ------
    OptionError
        An option makes no sense, or there is nothing to send.
    MissingDependency
        pynetdicom or requests is absent.

    Notes
    -----
    An object is proposed in one presentation context for each transfer syntax, so that
    the receiver says which of them it takes (PS3.8 9.3.2.2). At most one object at a
    time lies beside its source, in a temporary folder.
    """
    with contextlib.ExitStack() as stack:
        leftover = None if spool is None else stack.enter_context(Leftover(spool, str(to)))
        return send_with(
            sources,
            to,
            syntax=syntax,
            lossy=lossy,
            rate_kbit_s=rate_kbit_s,
            retries=retries,
            commitments=Commitments() if commit else None,
            leftover=leftover,
            progress=progress,
        )


def send_with(
    sources: Any,
    to: Peer | str,
    *,
    syntax: str | None = None,
    lossy: Lossy | None = None,
    rate_kbit_s: float | None = None,
    retries: int = 5,
    commitments: Commitments | None = None,
    service: Service | None = None,
    leftover: Leftover | None = None,
    progress: Callable[[int, int], None] | None = None,
    settled: Callable[[int, Result], None] = lambda number, result: None,
) -> SendReport:
    """Do what `send` says; `commitments` may be told elsewhere, too.

    `settled` is called with the number of a source and its result as soon as it is known.
    """
    start = time.monotonic()
    wish = _checked(syntax, lossy, retries)
    throttle = _throttle(rate_kbit_s)
    given = list(tasks(sources))
    if leftover is not None:
        given, settled = leftover.behind(given), leftover.settled
    if not given:
        raise OptionError("there is nothing to send")
    work, results, skipped = _looked_at(given)
    with (
        io_errors("sending"),
        _courier(to, commitments, service, throttle) as courier,
        tempfile.TemporaryDirectory(prefix="radkit-send-") as folder,
    ):
        trip = _Trip(courier, wish, lossy, Path(folder), results, progress, len(results))
        trip.settled = settled
        trip.run(work, retries)
    entries = tuple((given[number].source, results[number]) for number in sorted(results))
    return SendReport(entries=entries, skipped=tuple(skipped), seconds=time.monotonic() - start)


@contextlib.contextmanager
def _courier(
    to: Peer | str,
    commitments: Commitments | None,
    service: Service | None,
    throttle: Throttle | None,
) -> Iterator[Any]:
    """Give who takes objects to a receiver."""
    if not isinstance(to, str) or not to.startswith(("http://", "https://")):
        peer = Peer.parse(to) if isinstance(to, str) else to
        yield _Courier(peer, commitments, throttle)
        return
    if commitments is not None:
        raise OptionError("storage commitment is of C-STORE: a web service has none")
    own = Service(to) if service is None else service
    try:
        yield Courier(own, throttle)
    finally:
        if service is None:
            own.close()


def _checked(syntax: str | None, lossy: Lossy | None, retries: int) -> TransferSyntax | None:
    if not isinstance(retries, int) or not 0 <= retries <= 1000:
        raise OptionError(f"retries must be 0 to 1000, not {retries!r}")
    if syntax is None:
        if lossy is not None:
            raise OptionError("lossy needs a transfer syntax")
        return None
    found = find_syntax(syntax)
    if not found.encode:
        raise UnsupportedTransferSyntax("not written by radkit", syntax=found.uid)
    return found


def _throttle(rate_kbit_s: float | None) -> Throttle | None:
    if rate_kbit_s is None:
        return None
    if not 1 <= rate_kbit_s <= 1e9:
        raise OptionError(f"rate_kbit_s must be 1 or more, not {rate_kbit_s!r}")
    return Throttle(rate_kbit_s)


def _looked_at(given: Sequence[Task]) -> tuple[list[Outgoing], dict[int, Result], list[Any]]:
    """Return what can be sent, what cannot, and what is no DICOM."""
    work: list[Outgoing] = []
    results: dict[int, Result] = {}
    skipped: list[Any] = []
    for number, task in enumerate(given):
        source = task.source if task.path is None else task.path
        try:
            if task.found and task.path is not None and not is_dicom_by_magic(task.path):
                skipped.append(task.source)
                continue
            work.append(look(source, number))
        except RadkitError as error:
            results[number] = error
    return work, results, skipped


class _Courier:
    """Takes objects to a peer, one association for as many as fit."""

    def __init__(
        self, peer: Peer, commitments: Commitments | None, throttle: Throttle | None
    ) -> None:
        self.peer, self.commitments, self.throttle = peer, commitments, throttle
        store.library()

    def trips(self, work: Sequence[Outgoing], wish: TransferSyntax | None, trip: _Trip) -> None:
        trip.hold = self.commitments is not None
        most = store.MOST_CONTEXTS - trip.hold
        for batch, pairs in store.batches(work, wish, most):
            try:
                with store.Association(
                    self.peer, pairs, self.commitments, self.throttle
                ) as association:
                    for one in batch:
                        if not association.alive:
                            break
                        trip.deliver(one, association)
                    if trip.hold:
                        trip.commit(association)
            except store.Refused as error:
                for one in batch:
                    trip.fail(one, error)
            except TransferError as error:
                for one in batch:
                    trip.wait(one, error)


class _Trip:
    """All tries of one call."""

    def __init__(
        self,
        courier: Any,
        wish: TransferSyntax | None,
        lossy: Lossy | None,
        folder: Path,
        results: dict[int, Result],
        progress: Callable[[int, int], None] | None,
        done: int,
    ) -> None:
        self.courier, self.wish, self.lossy, self.folder = courier, wish, lossy, folder
        self.results, self.progress, self.done = results, progress, done
        self.attempt = 1
        self.reasons: dict[int, RadkitError] = {}  # of those that are tried again
        self.hold = False  # what is stored counts only when the peer says that it keeps it
        self.stored: list[tuple[Outgoing, Sent]] = []
        self.settled: Callable[[int, Result], None] = lambda number, result: None

    def run(self, work: Sequence[Outgoing], retries: int) -> None:
        self.total = len(work) + self.done
        deadline = limits.deadline()
        left = list(work)
        while left:
            self.courier.trips(left, self.wish, self)
            left = [one for one in left if one.number not in self.results]
            if not left or self.attempt > retries:
                break
            deadline.check()
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (self.attempt - 1))
            time.sleep(pause * random.uniform(0.5, 1.0))
            self.attempt += 1
        for one in left:
            lost = TransferError("the association ended before the object was sent")
            self.fail(one, self.reasons.get(one.number, lost))

    def make(self, one: Outgoing, target: TransferSyntax) -> tuple[Path, bool]:
        lossy = self.lossy if self.wish is not None and target.uid == self.wish.uid else None
        return made_in(one, target, self.folder, lossy)

    def deliver(self, one: Outgoing, association: store.Association) -> None:
        """Send one object, and note what the receiver says."""
        accepted = association.accepted(one.sop_class)
        if self.lossy is not None and self.wish is not None:
            accepted &= {self.wish.uid}
        try:
            path, made, target = store.chosen(
                one, accepted, self.wish, lambda wish: self.make(one, wish)
            )
        except RadkitError as error:
            self.fail(one, error)
            return
        size = path.stat().st_size
        instance = look(path, one.number).instance if made else one.instance
        status = association.store(path)
        if made:
            path.unlink(missing_ok=True)
        self.note(one, status, target=target, made=made, size=size, instance=instance)

    def note(
        self,
        one: Outgoing,
        status: int | None,
        *,
        target: TransferSyntax,
        made: bool,
        size: int,
        instance: str,
    ) -> None:
        """Write down an answer."""
        meaning = store.verdict(status)
        if meaning == "stored":
            assert status is not None  # else it is tried again
            sent = Sent(
                instance=instance,
                syntax=target,
                transcoded=made,
                bytes=size,
                status=status,
                attempts=self.attempt,
            )
            if self.hold:
                self.stored.append((one, sent))
            else:
                self._settle(one, sent)
        elif meaning == "again":
            told = "no answer" if status is None else f"out of resources ({status:04X})"
            self.wait(one, TransferError(f"{told} from the receiver"))
        else:
            self.fail(one, store.Refused(f"the receiver refuses the object: status {status:04X}"))

    def commit(self, association: store.Association) -> None:
        """Settle what was stored by what the peer says of keeping it."""
        stored, self.stored = self.stored, []
        if not stored:
            return
        try:
            answers = association.commit([(one.sop_class, sent.instance) for one, sent in stored])
        except store.Refused as error:
            for one, _ in stored:
                self.fail(one, error)
            return
        except TransferError as error:
            for one, _ in stored:
                self.wait(one, error)
            return
        for one, sent in stored:
            reason = answers.get(sent.instance)
            if reason == 0:
                self._settle(one, replace(sent, committed=True))
            elif reason is None or reason in PASSING:
                told = "in time" if reason is None else f"now ({reason:04X})"
                self.wait(one, TransferError(f"stored, but not committed {told}"))
            else:
                told = f"stored, but the receiver does not keep it ({reason:04X})"
                self.fail(one, store.Refused(told))

    def wait(self, one: Outgoing, error: RadkitError) -> None:
        """Leave an object for the next try, if it is not settled."""
        if one.number not in self.results:
            self.reasons[one.number] = error

    def fail(self, one: Outgoing, error: RadkitError) -> None:
        """Give an object up."""
        if one.number not in self.results:
            self._settle(one, error)

    def _settle(self, one: Outgoing, result: Result) -> None:
        self.results[one.number] = result
        self.settled(one.number, result)
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)
