"""Whom objects are sent to."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from radkit.errors import OptionError

__all__ = ["Peer"]

_TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # no control characters, no backslash: PS3.5 6.2, AE
_ADDRESS = re.compile(r"(?P<aet>[^@]+)@(?P<host>\[[^\]]+\]|[^@:]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A DICOM application that stores objects.

    Parameters
    ----------
    aet : str
        Its AE title, 1 to 16 characters.
    host : str
        Name or address.
    port : int
    calling : str, default "RADKIT"
        AE title to present.
    tls : ssl.SSLContext, optional
        Speak TLS: a context that knows the authorities to trust, and a certificate of
        one's own if the peer wants one. Host names are checked as the context says.
    timeout_s : float, default 60
        Longest wait for a connection, for an association, and for each answer.

    Raises
    ------
    OptionError
        A title, port or time makes no sense.
    """

    aet: str
    host: str
    port: int
    calling: str = "RADKIT"
    tls: ssl.SSLContext | None = None
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Check titles, port and time."""
        for title in (self.aet, self.calling):
            if not _TITLE.fullmatch(title) or not title.strip():
                raise OptionError(f"an AE title has 1 to 16 characters, not {title!r}")
        if not self.host or not 1 <= self.port <= 65535:
            raise OptionError(f"no address: {self.host!r}, port {self.port!r}")
        if not 0 < self.timeout_s < 86400:
            raise OptionError(f"timeout_s must be above 0, not {self.timeout_s!r}")

    @staticmethod
    def parse(text: str) -> Peer:
        """Make a peer of ``AET@host:port``; an IPv6 address stands in brackets.

        Raises
        ------
        OptionError
            The text is no address of this form.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise OptionError(f"a peer is AET@host:port or a URL, not {text!r}")
        host = found["host"].strip("[]")
        return Peer(aet=found["aet"], host=host, port=int(found["port"]))

    def __str__(self) -> str:
        """Return ``AET@host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.aet}@{host}:{self.port}"
