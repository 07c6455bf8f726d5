"""C-STORE (PS3.7 9.1.1): associations, presentation contexts, answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from radkit.dicom.uids import TransferSyntax
from radkit.errors import MissingDependency, RadkitError, TransferError
from radkit.net.commitment import PUSH_MODEL, WELL_KNOWN, Commitments
from radkit.net.objects import Outgoing, wishes
from radkit.net.peer import Peer
from radkit.net.throttle import Throttle

__all__ = ["Association", "Refused", "batches", "verdict"]

SUCCESS, NO_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
MOST_PDU_BYTES = 1 << 17  # that we ask peers for
PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]  # of messages that are no images
MOST_CONTEXTS = 128  # of an association (PS3.8 7.1.1.13)
Verdict = Literal["stored", "again", "refused"]

logger = logging.getLogger("radkit")


class Refused(TransferError):
    """The peer will not take it, now or later."""


def library() -> Any:
    """Return pynetdicom, set to send files as they lie on disk."""
    try:
        import pynetdicom
        from pynetdicom import _config
    except ImportError as error:
        raise MissingDependency("C-STORE needs pynetdicom: pip install radkit[net]") from error
    # Else each file would be read, taken apart, and written anew.
    _config.STORE_SEND_CHUNKED_DATASET = True
    return pynetdicom


def batches(
    work: Sequence[Outgoing], syntax: TransferSyntax | None, most: int = MOST_CONTEXTS
) -> Iterator[tuple[list[Outgoing], list[tuple[str, str]]]]:
    """Yield objects that fit one association, and its (SOP class, transfer syntax) pairs."""
    batch: list[Outgoing] = []
    pairs: dict[tuple[str, str], None] = {}
    for one in work:
        own = {(one.sop_class, wish.uid): None for wish in wishes(one, syntax)}
        if batch and len(pairs | own) > most:
            yield batch, list(pairs)
            batch, pairs = [], {}
        batch.append(one)
        pairs |= own
    if batch:
        yield batch, list(pairs)


def verdict(status: int | None) -> Verdict:
    """Tell what an answer means (PS3.4 B.2.3); None: there was none."""
    if status is None or 0xA700 <= status <= 0xA7FF:  # lost, or out of resources
        return "again"
    if status in (0x0000, 0xB000, 0xB006, 0xB007) or status in (0x0001, 0x0107, 0x0116):
        return "stored"
    return "refused"


class Association:
    """One association, for as long as its block lasts.

    Parameters
    ----------
    peer : Peer
        With whom.
    pairs : sequence of (str, str)
        SOP classes and transfer syntaxes to propose.
    commitments : Commitments, optional
        Propose storage commitment, too.
    throttle : Throttle, optional
        How fast to send.

    Raises
    ------
    Refused
        The peer rejects it for good: it does not know us, or itself by that name.
    TransferError
        There is none: nobody answers, or not in time, or not now.
    """

    def __init__(
        self,
        peer: Peer,
        pairs: Sequence[tuple[str, str]],
        commitments: Commitments | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.peer = peer
        self._pairs = pairs
        self._commitments, self._throttle = commitments, throttle
        self._handle: Any = None

    def __enter__(self) -> Association:
        """Open it."""
        net = library()
        from radkit.net import wire

        entity = wire.Entity(ae_title=self.peer.calling)
        entity.timeout_s, entity.throttle = self.peer.timeout_s, self._throttle
        entity.connection_timeout = entity.acse_timeout = self.peer.timeout_s
        entity.dimse_timeout = self.peer.timeout_s
        # Of a silent line; each wait of ours ends before, and pynetdicom's abort would cross it.
        entity.network_timeout = 2 * self.peer.timeout_s + 1
        context = net.presentation.build_context
        contexts = [context(sop_class, [uid]) for sop_class, uid in self._pairs]
        handlers: list[Any] = []
        if self._commitments is not None:
            contexts.append(context(PUSH_MODEL, PLAIN))
            handlers.append((net.evt.EVT_N_EVENT_REPORT, self._commitments.told))
        self._handle = entity.associate(
            self.peer.host,
            self.peer.port,
            contexts=contexts,
            evt_handlers=handlers,
            ae_title=self.peer.aet,
            max_pdu=MOST_PDU_BYTES,
            tls_args=None if self.peer.tls is None else (self.peer.tls, self.peer.host),
        )
        if not self._handle.is_established:
            raise self._why()
        return self

    def __exit__(self, *error: object) -> None:
        """Release it; end it at once if the block failed."""
        if self._handle is None or not self._handle.is_established:
            return
        try:
            (self._handle.release if error[0] is None else self._handle.abort)()
        except RuntimeError as gone:  # it ended meanwhile, which is what was wanted
            logger.info("release: %s", gone)

    def _why(self) -> TransferError:
        handle = self._handle
        if handle.rejected_contexts and not handle.accepted_contexts:
            return Refused(f"{self.peer} takes such objects in none of their transfer syntaxes")
        if not handle.is_rejected:
            # Refused connections, time-outs, TLS that does not come about, aborts.
            return TransferError(f"no association with {self.peer}")
        answer = handle.acceptor.primitive
        reason = f"{answer.result_str}, {answer.reason_str}"
        kind = Refused if answer.result == 1 else TransferError
        return kind(f"{self.peer} rejects the association: {reason}")

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""
        return bool(self._handle.is_established)

    def accepted(self, sop_class: str) -> frozenset[str]:
        """Return the transfer syntaxes that the peer takes a class of objects in."""
        return frozenset(
            str(context.transfer_syntax[0])
            for context in self._handle.accepted_contexts
            if context.abstract_syntax == sop_class
        )

    def store(self, path: Path) -> int | None:
        """Send a file; return the status of the answer, None if there was none."""
        try:
            answer = self._handle.send_c_store(path)
        except (RuntimeError, OSError) as error:  # the association went away meanwhile
            logger.info("C-STORE: %s", type(error).__name__)
            return None
        return None if "Status" not in answer else int(answer.Status)

    def commit(self, objects: Sequence[tuple[str, str]]) -> dict[str, int]:
        """Ask the peer to keep objects; return its answers by instance, 0 for yes.

        Raises
        ------
        Refused
            It knows no storage commitment.
        TransferError
            It does not answer, or refuses the question.
        """
        assert self._commitments is not None  # it was proposed
        if not self.accepted(PUSH_MODEL):
            raise Refused("stored, but the receiver knows no storage commitment")
        transaction, asked = self._commitments.ask(objects)
        try:
            answer, _ = self._handle.send_n_action(asked, 1, PUSH_MODEL, WELL_KNOWN)
        except (RuntimeError, OSError, ValueError) as error:  # the association went away
            self._commitments.wait(transaction, 0)
            raise TransferError("stored, but the receiver cannot be asked to keep it") from error
        if "Status" not in answer or answer.Status != 0:
            self._commitments.wait(transaction, 0)
            raise TransferError("stored, but the receiver does not answer whether it keeps it")
        return self._commitments.wait(transaction, self.peer.timeout_s)


def chosen(
    one: Outgoing,
    accepted: frozenset[str],
    syntax: TransferSyntax | None,
    make: Callable[[TransferSyntax], tuple[Path, bool]],
) -> tuple[Path, bool, TransferSyntax]:
    """Return a file of the object in the best transfer syntax that the peer takes and we make.

    Raises
    ------
    Refused
        The peer takes none that the object can be had in.
    RadkitError
        What kept it from being made in any of them.
    """
    failure: RadkitError | None = None
    for wish in wishes(one, syntax):
        if wish.uid not in accepted:
            continue
        try:
            path, made = make(wish)
        except RadkitError as error:
            failure = failure or error
            continue
        return path, made, wish
    raise failure or Refused(
        "the peer takes this class of objects in none of its transfer syntaxes"
    )
