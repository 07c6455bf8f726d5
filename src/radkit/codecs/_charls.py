"""Calls the encoder of CharLS directly: imagecodecs writes 16-bit precision for all uint16."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from radkit.codecs._foreign import load
from radkit.codecs._library import open_library
from radkit.errors import EncodeError

__all__ = ["encode"]


class _FrameInfo(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("bits_per_sample", ctypes.c_int32),
        ("component_count", ctypes.c_int32),
    )


@functools.cache
def _library() -> ctypes.CDLL | None:
    library = open_library("charls", "charls_jpegls_encoder_create")
    if library is None:
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "create": (pointer, []),
        "destroy": (None, [pointer]),
        "set_frame_info": (ctypes.c_int, [pointer, ctypes.POINTER(_FrameInfo)]),
        "set_near_lossless": (ctypes.c_int, [pointer, ctypes.c_int32]),
        "set_interleave_mode": (ctypes.c_int, [pointer, ctypes.c_int32]),
        "set_destination_buffer": (ctypes.c_int, [pointer, pointer, size]),
        "encode_from_buffer": (ctypes.c_int, [pointer, pointer, size, ctypes.c_uint32]),
        "get_bytes_written": (ctypes.c_int, [pointer, ctypes.POINTER(size)]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"charls_jpegls_encoder_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def encode(image: np.ndarray, bits: int, near: int) -> bytes:
    """Encode a C-contiguous uint8 or uint16 image with `bits` as its precision.

    Where the library of imagecodecs is not found, imagecodecs itself encodes, with
    8 or 16 as the precision: legal, and a few percent larger.
    """
    library = _library()
    if library is None:
        return bytes(load("imagecodecs").jpegls_encode(image, level=near))
    encoder = library.charls_jpegls_encoder_create()
    if not encoder:
        raise EncodeError("CharLS made no encoder")
    try:
        return _encode(library, encoder, image, bits, near)
    finally:
        library.charls_jpegls_encoder_destroy(encoder)


def _encode(library: ctypes.CDLL, encoder: int, image: np.ndarray, bits: int, near: int) -> bytes:
    def call(name: str, *arguments: Any) -> None:
        status = getattr(library, f"charls_jpegls_encoder_{name}")(encoder, *arguments)
        if status:
            raise EncodeError(f"CharLS refuses to encode: {name} returned {status}")

    components = 1 if image.ndim == 2 else image.shape[2]
    frame = _FrameInfo(image.shape[1], image.shape[0], bits, components)
    # Noise grows by less than a bit per sample; LIMIT bounds the rest (T.87 A.5.3).
    room = np.empty(image.nbytes * 2 + 1024, np.uint8)
    call("set_frame_info", ctypes.byref(frame))
    call("set_near_lossless", near)
    call("set_interleave_mode", 0 if components == 1 else 2)
    call("set_destination_buffer", room.ctypes.data, room.nbytes)
    call("encode_from_buffer", image.ctypes.data, image.nbytes, 0)
    written = ctypes.c_size_t()
    call("get_bytes_written", ctypes.byref(written))
    return room[: written.value].tobytes()
