"""Objects on their way to other systems: C-STORE and STOW-RS."""

from __future__ import annotations

from radkit.net import web as web
from radkit.net.gateway import Gateway, Route
from radkit.net.listen import Listen
from radkit.net.peer import Peer
from radkit.net.results import SendReport, Sent
from radkit.net.rules import Rule
from radkit.net.sending import send
from radkit.net.web_listen import WebListen

__all__ = [
    "Gateway",
    "Listen",
    "Peer",
    "Route",
    "Rule",
    "SendReport",
    "Sent",
    "WebListen",
    "send",
    "web",
]
