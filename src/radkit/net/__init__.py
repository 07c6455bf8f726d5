"""Objects on their way to other systems: C-STORE and STOW-RS."""

from __future__ import annotations

from radkit.net.peer import Peer
from radkit.net.results import SendReport, Sent
from radkit.net.sending import send

__all__ = ["Peer", "SendReport", "Sent", "send"]
