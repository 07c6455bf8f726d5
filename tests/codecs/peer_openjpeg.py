"""OpenJPEG by its C interface, for the layout that its encoder can write.

imagecodecs does not pass it on. The library is the one that imagecodecs, or
pylibjpeg-openjpeg, brings. ctypes lets go of the GIL during every call.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

from radkit.codecs._library import open_library
from radkit.errors import MissingDependency

__all__ = ["Plan", "library"]

WRITE = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
SKIP = ctypes.CFUNCTYPE(c_int64, c_int64, c_void_p)
SEEK = ctypes.CFUNCTYPE(c_int, c_int64, c_void_p)
CHUNK = 1 << 20
RAW_CODESTREAM = 0


class Component(ctypes.Structure):
    """opj_image_comp_t."""

    _fields_ = (
        *((name, c_uint32) for name in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd")),
        ("resno_decoded", c_uint32),
        ("factor", c_uint32),
        ("data", c_void_p),
        ("alpha", ctypes.c_uint16),
    )


class Image(ctypes.Structure):
    """opj_image_t."""

    _fields_ = (
        *((name, c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", c_int),
        ("comps", POINTER(Component)),
        ("icc_profile_buf", c_void_p),
        ("icc_profile_len", c_uint32),
    )


@functools.cache
def library() -> ctypes.CDLL:
    """Load OpenJPEG 2.5 and declare what is called.

    Raises
    ------
    MissingDependency
        No OpenJPEG 2.5 is found.
    """
    lib = open_library("openjp2", "opj_encoder_set_extra_options", extension="_openjpeg")
    if lib is None:
        raise MissingDependency(
            "encoding JPEG 2000 needs OpenJPEG 2.5: pip install imagecodecs pylibjpeg-openjpeg"
        )
    image = POINTER(Image)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "version": (c_char_p, []),
        "stream_create": (c_void_p, [c_size_t, c_int]),
        "stream_destroy": (None, [c_void_p]),
        "stream_set_write_function": (None, [c_void_p, WRITE]),
        "stream_set_skip_function": (None, [c_void_p, SKIP]),
        "stream_set_seek_function": (None, [c_void_p, SEEK]),
        "create_compress": (c_void_p, [c_int]),
        "destroy_codec": (None, [c_void_p]),
        "set_default_encoder_parameters": (None, [c_void_p]),
        "image_create": (image, [c_uint32, c_void_p, c_int]),
        "image_destroy": (None, [image]),
        "setup_encoder": (c_int, [c_void_p, c_void_p, image]),
        "encoder_set_extra_options": (c_int, [c_void_p, POINTER(c_char_p)]),
        "start_compress": (c_int, [c_void_p, image, c_void_p]),
        "encode": (c_int, [c_void_p, c_void_p]),
        "end_compress": (c_int, [c_void_p, c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, f"opj_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


class Plan:
    """The memory that a stream of OpenJPEG writes to."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.at = 0
        # A callback must live as long as the stream that calls it.
        self._calls = (WRITE(self._write), SKIP(self._skip), SEEK(self._seek))

    def _write(self, buffer: int, size: int, _: Any) -> int:
        self.written[self.at : self.at + size] = ctypes.string_at(buffer, size)
        self.at += size
        return size

    def _skip(self, size: int, _: Any) -> int:
        if self.at + size > len(self.written):
            self.written.extend(bytes(self.at + size - len(self.written)))
        self.at += size
        return size

    def _seek(self, place: int, _: Any) -> int:
        if not 0 <= place <= len(self.written):
            return 0
        self.at = place
        return 1

    @contextmanager
    def stream(self, lib: ctypes.CDLL) -> Iterator[int]:
        """Give the stream for the time of a `with` block."""
        handle = lib.opj_stream_create(CHUNK, False)
        if not handle:
            raise MemoryError
        try:
            write, skip, seek = self._calls
            lib.opj_stream_set_write_function(handle, write)
            lib.opj_stream_set_skip_function(handle, skip)
            lib.opj_stream_set_seek_function(handle, seek)
            yield handle
        finally:
            lib.opj_stream_destroy(handle)
