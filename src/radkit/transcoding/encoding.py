"""Encodes a frame; the first one of each kind alone.

OpenJPH 0.26 fills its tables at the first block it encodes, without a lock: two threads
that begin together write broken codestreams (25 starts of 4 threads: 2 broken ones).
Once one frame of a kind is through, encoding is free for all threads.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from radkit.codecs import registry
from radkit.codecs.frame import CodedFrame, FrameSpec

__all__ = ["encode_frame"]

_FIRST = threading.Lock()
_through: set[tuple[str, bool, bool]] = set()


def encode_frame(
    coding: str, array: np.ndarray, spec: FrameSpec, *, lossy: Any, **options: Any
) -> CodedFrame:
    """Encode one frame, as `radkit.codecs.registry.encode_frame`."""
    kind = (coding, lossy is None, array.dtype.itemsize > 2)
    if kind in _through:
        return registry.encode_frame(coding, array, spec, lossy=lossy, **options)
    with _FIRST:
        coded = registry.encode_frame(coding, array, spec, lossy=lossy, **options)
        _through.add(kind)
    return coded
