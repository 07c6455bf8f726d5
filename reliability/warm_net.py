# ruff: noqa: F401
"""Loaded once by the server that gateways are forked of."""

from __future__ import annotations

import pynetdicom

import reliability.warm
from radkit import net
from radkit.net import gateway, listen, sending, spool
