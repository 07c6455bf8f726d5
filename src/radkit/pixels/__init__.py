"""Frames of an object: decode, label, values, pictures, and what is in there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radkit.pixels.catalogue import syntaxes
    from radkit.pixels.decoding import decode, read
    from radkit.pixels.frames import Frames, OneFrame
    from radkit.pixels.inspection import inspect
    from radkit.pixels.rendering import render
    from radkit.pixels.rescale import values
    from radkit.pixels.results import Decoded, ImageInfo, Request, Source, Values
    from radkit.pixels.streaming import decode_many, iter_frames

__all__ = [
    "Decoded",
    "Frames",
    "ImageInfo",
    "OneFrame",
    "Request",
    "Source",
    "Values",
    "decode",
    "decode_many",
    "inspect",
    "iter_frames",
    "read",
    "render",
    "syntaxes",
    "values",
]

_HOME = {
    "Decoded": "radkit.pixels.results",
    "Frames": "radkit.pixels.frames",
    "ImageInfo": "radkit.pixels.results",
    "OneFrame": "radkit.pixels.frames",
    "Request": "radkit.pixels.results",
    "Source": "radkit.pixels.results",
    "Values": "radkit.pixels.results",
    "decode": "radkit.pixels.decoding",
    "decode_many": "radkit.pixels.streaming",
    "inspect": "radkit.pixels.inspection",
    "iter_frames": "radkit.pixels.streaming",
    "read": "radkit.pixels.decoding",
    "render": "radkit.pixels.rendering",
    "syntaxes": "radkit.pixels.catalogue",
    "values": "radkit.pixels.rescale",
}


def __getattr__(name: str) -> Any:
    """Load a name on first use: a frame is decoded without what draws it."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
