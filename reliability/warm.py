# ruff: noqa: F401
"""Loaded once by the server that children are forked of: all that they would load themselves."""

from __future__ import annotations

import radkit
from radkit import cli
from radkit.codecs import htj2k, jpeg2000, rle
from radkit.transcoding import many, stores
from reliability.objects import native_object

for _syntax in ("rle", "htj2k-lossless-rpcl"):
    radkit.transcode(native_object(0), None, _syntax)
