"""The receiving end of a gateway: who may send, and what is taken."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from radkit.errors import OptionError, TransferError
from radkit.net import store
from radkit.net.commitment import PUSH_MODEL, Commitments
from radkit.net.door import guarded, networks_of
from radkit.net.peer import Peer
from radkit.net.rules import Rule, is_urgent
from radkit.net.spool import Held, Spool
from radkit.net.store import MOST_PDU_BYTES, NO_RESOURCES, NOT_UNDERSTOOD, SUCCESS

__all__ = ["Listen", "serve"]

GREETING_S = 10.0
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where a gateway listens, and to whom.

    Parameters
    ----------
    aet : str
        Its AE title; associations that call another one are rejected.
    host : str, default "127.0.0.1"
        Address to listen at.
    port : int, default 11112
        0: any free one.
    titles : tuple of str, optional
        Calling AE titles that are let in. Default: all.
    addresses : tuple of str, optional
        Addresses or networks (``"10.1.0.0/16"``) that are let in. Default: all.
    urgent : tuple of str
        Calling AE titles whose objects go first.
    urgent_if : callable or Rule, optional
        Is given values of the header by their keywords (`Rule` says which), and the
        calling title as ``CallingAETitle``; objects of which it says True go first.
    tls : ssl.SSLContext, optional
        Of a server. With ``verify_mode = CERT_REQUIRED`` senders must show a certificate.
    max_associations : int
        At a time; more are rejected for now.
    max_object_bytes : int
        A larger object is not kept, and refused when it ends.
    timeout_s : float
        Longest silence of a sender.

    Raises
    ------
    OptionError
        A title, address or figure makes no sense.
    """

    aet: str
    host: str = "127.0.0.1"
    port: int = 11112
    titles: tuple[str, ...] | None = None
    addresses: tuple[str, ...] | None = None
    urgent: tuple[str, ...] = ()
    urgent_if: Callable[[Mapping[str, str]], bool] | Rule | None = None
    tls: ssl.SSLContext | None = None
    max_associations: int = 16
    max_object_bytes: int = 2 << 30
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Check all of it."""
        for title in (self.aet, *(self.titles or ()), *self.urgent):
            Peer(aet=title, host=self.host, port=self.port or 1, timeout_s=self.timeout_s)
        if min(self.max_associations, self.max_object_bytes) < 1:
            raise OptionError("max_associations and max_object_bytes must be at least 1")
        networks_of(self.addresses)


def serve(
    listen: Listen, spool: Spool, arrived: Callable[[Held], None], commitments: Commitments
) -> Any:
    """Start to listen in threads of its own; return the server.

    Raises
    ------
    TransferError
        The address cannot be listened at.
    """
    net = store.library()
    entity = net.AE(ae_title=listen.aet)
    entity.require_called_aet = True
    entity.require_calling_aet = list(listen.titles or ())
    entity.maximum_associations = listen.max_associations
    entity.dimse_timeout = entity.network_timeout = listen.timeout_s
    # A connection that asks for nothing counts as an association until then.
    entity.acse_timeout = min(listen.timeout_s, GREETING_S)
    for context in net.AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, _taken())
    entity.add_supported_context(net.sop_class.Verification)
    # Receivers call back as providers of the service to say what they keep.
    entity.add_supported_context(PUSH_MODEL, store.PLAIN, scu_role=True, scp_role=True)
    entity.maximum_pdu_size = MOST_PDU_BYTES  # the door lets no longer ones in
    try:
        server = entity.make_server(
            (listen.host, listen.port),
            ssl_context=listen.tls,
            evt_handlers=[
                (net.evt.EVT_C_STORE, lambda event: _store(event, listen, spool, arrived)),
                (net.evt.EVT_CONN_CLOSE, _closed),
                (net.evt.EVT_N_EVENT_REPORT, commitments.told),
            ],
            server_class=guarded(listen, spool),
        )
    except OSError as error:
        raise TransferError(f"cannot listen at {listen.host}:{listen.port}") from error
    threading.Thread(target=server.serve_forever, name="radkit-door", daemon=True).start()
    return server


def _taken() -> list[str]:
    """Return the transfer syntaxes that objects may come in: all that can be passed on."""
    from radkit.pixels import syntaxes

    return [one.uid for one in syntaxes() if one.decode]


def _closed(event: Any) -> None:
    """Throw away what a connection has not sent to its end, and tell the door that it is over."""
    event.assoc.dimse.discard()
    sender = event.assoc.requestor
    event.assoc._server.closed((sender.address, sender.port))


def _store(event: Any, listen: Listen, spool: Spool, arrived: Callable[[Held], None]) -> int:
    """Keep an object that lies in the spool already; the answer goes out when it is safe there."""
    arriving = event.request._dataset_file
    if arriving is None:
        logger.warning("refused: a request without an object")
        return NOT_UNDERSTOOD
    if arriving.status:
        return int(arriving.status)
    calling = event.assoc.requestor.ae_title.strip()
    instance, path = str(event.request.AffectedSOPInstanceUID), arriving.incoming.path
    urgent = calling in listen.urgent or is_urgent(listen.urgent_if, path, calling)
    try:
        held = spool.keep(arriving.incoming, instance, urgent=urgent)
    except TransferError as error:
        logger.error("not received: %s", error)
        return NO_RESOURCES
    arrived(held)
    return SUCCESS
