"""OpenJPEG by its C interface: resolutions, layers, regions, components, and its encoder's layout.

imagecodecs passes none of these on, converts colour on its own, and reads a
truncated stream only as an error. The library is the one that imagecodecs, or
pylibjpeg-openjpeg, brings. ctypes lets go of the GIL during every call.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

import numpy as np

from radkit.codecs._library import open_library
from radkit.errors import CorruptPixelData, MissingDependency

__all__ = ["Plan", "decode", "library"]

READ = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
SKIP = ctypes.CFUNCTYPE(c_int64, c_int64, c_void_p)
SEEK = ctypes.CFUNCTYPE(c_int, c_int64, c_void_p)
END = c_size_t(-1).value
CHUNK = 1 << 20
RAW_CODESTREAM = 0
PARAMETERS_SIZE = 1 << 16  # more than any version's opj_dparameters_t


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
    lib = open_library("openjp2", "opj_decoder_set_strict_mode", extension="_openjpeg")
    if lib is None:
        raise MissingDependency(
            "JPEG 2000 needs OpenJPEG 2.5: pip install imagecodecs pylibjpeg-openjpeg"
        )
    image = POINTER(Image)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "version": (c_char_p, []),
        "stream_create": (c_void_p, [c_size_t, c_int]),
        "stream_destroy": (None, [c_void_p]),
        "stream_set_read_function": (None, [c_void_p, READ]),
        "stream_set_write_function": (None, [c_void_p, READ]),
        "stream_set_skip_function": (None, [c_void_p, SKIP]),
        "stream_set_seek_function": (None, [c_void_p, SEEK]),
        "stream_set_user_data_length": (None, [c_void_p, ctypes.c_uint64]),
        "create_decompress": (c_void_p, [c_int]),
        "create_compress": (c_void_p, [c_int]),
        "destroy_codec": (None, [c_void_p]),
        "set_default_decoder_parameters": (None, [c_void_p]),
        "set_default_encoder_parameters": (None, [c_void_p]),
        "setup_decoder": (c_int, [c_void_p, c_void_p]),
        "decoder_set_strict_mode": (c_int, [c_void_p, c_int]),
        "codec_set_threads": (c_int, [c_void_p, c_int]),
        "read_header": (c_int, [c_void_p, c_void_p, POINTER(image)]),
        "set_decoded_components": (c_int, [c_void_p, c_uint32, POINTER(c_uint32), c_int]),
        "set_decode_area": (c_int, [c_void_p, image, c_int32, c_int32, c_int32, c_int32]),
        "decode": (c_int, [c_void_p, c_void_p, image]),
        "end_decompress": (c_int, [c_void_p, c_void_p]),
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
    """The memory that a stream of OpenJPEG reads from or writes to."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data = data
        self.written = bytearray()
        self.at = 0
        # A callback must live as long as the stream that calls it.
        self._calls = (READ(self._read), READ(self._write), SKIP(self._skip), SEEK(self._seek))

    def _size(self) -> int:
        return len(self.written) if self.data is None else len(self.data)

    def _read(self, buffer: int, size: int, _: Any) -> int:
        piece = (self.data or b"")[self.at : self.at + size]
        if not piece:
            return END
        ctypes.memmove(buffer, piece, len(piece))
        self.at += len(piece)
        return len(piece)

    def _write(self, buffer: int, size: int, _: Any) -> int:
        self.written[self.at : self.at + size] = ctypes.string_at(buffer, size)
        self.at += size
        return size

    def _skip(self, size: int, _: Any) -> int:
        if self.data is not None:
            size = max(-self.at, min(size, self._size() - self.at))
        elif self.at + size > len(self.written):
            self.written.extend(bytes(self.at + size - len(self.written)))
        self.at += size
        return size

    def _seek(self, place: int, _: Any) -> int:
        if not 0 <= place <= self._size():
            return 0
        self.at = place
        return 1

    @contextmanager
    def stream(self, lib: ctypes.CDLL) -> Iterator[int]:
        """Give the stream for the time of a `with` block."""
        handle = lib.opj_stream_create(CHUNK, self.data is not None)
        if not handle:
            raise MemoryError
        try:
            read, write, skip, seek = self._calls
            if self.data is not None:
                lib.opj_stream_set_read_function(handle, read)
                lib.opj_stream_set_user_data_length(handle, len(self.data))
            else:
                lib.opj_stream_set_write_function(handle, write)
            lib.opj_stream_set_skip_function(handle, skip)
            lib.opj_stream_set_seek_function(handle, seek)
            yield handle
        finally:
            lib.opj_stream_destroy(handle)


def decode(
    data: bytes,
    *,
    reduce: int = 0,
    layers: int = 0,
    area: list[int] | None = None,
    components: list[int] | None = None,
    strict: bool = True,
    threads: int = 1,
) -> list[np.ndarray]:
    """Decode a raw codestream to one int32 array per component, each on its own grid.

    `area` is (x0, y0, x1, y1) on the reference grid, `layers` 0 for all. The component
    transform is undone unless `components` picks some.
    """
    lib = library()
    parameters = ctypes.create_string_buffer(PARAMETERS_SIZE)
    lib.opj_set_default_decoder_parameters(parameters)
    ctypes.memmove(parameters, (c_uint32 * 2)(reduce, layers), 8)  # cp_reduce, cp_layer
    codec = lib.opj_create_decompress(RAW_CODESTREAM)
    if not codec:
        raise MemoryError
    image = POINTER(Image)()

    def must(done: int, what: str) -> None:
        if not done:
            raise CorruptPixelData(f"OpenJPEG refuses the codestream: {what}")

    try:
        with Plan(data).stream(lib) as stream:
            must(lib.opj_setup_decoder(codec, parameters), "setup")
            must(lib.opj_decoder_set_strict_mode(codec, strict), "setup")
            if threads > 1:
                lib.opj_codec_set_threads(codec, threads)
            must(lib.opj_read_header(stream, codec, byref(image)), "its header")
            if components is not None:
                picked = (c_uint32 * len(components))(*components)
                must(
                    lib.opj_set_decoded_components(codec, len(components), picked, 0),
                    "components",
                )
            if area is not None:
                must(lib.opj_set_decode_area(codec, image, *area), "region")
            must(lib.opj_decode(codec, stream, image), "its packets or blocks")
            must(lib.opj_end_decompress(codec, stream) or not strict, "its end")
            return _planes(image.contents, components)
    finally:
        if image:
            lib.opj_image_destroy(image)
        lib.opj_destroy_codec(codec)


def _planes(image: Image, components: list[int] | None) -> list[np.ndarray]:
    planes = []
    for index in components if components is not None else range(image.numcomps):
        part = image.comps[index]
        if not part.data:
            raise CorruptPixelData(f"OpenJPEG made nothing of component {index}")
        pixels = ctypes.cast(part.data, POINTER(c_int32))
        planes.append(np.ctypeslib.as_array(pixels, (part.h, part.w)).copy())
    return planes
