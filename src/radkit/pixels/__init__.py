"""Frames of an object: decode, label, values, pictures, and what is in there."""

from __future__ import annotations

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
