"""The Zarr codec ``radkit.htj2k``: chunks of slices as HTJ2K codestreams (T.814).

zarr finds it by an entry point wherever radkit is installed. A chunk of one slice is a
bare codestream, which any HTJ2K decoder reads. One of several slices is a list: the
text ``RKHT``, the count and the length of each codestream as little-endian uint32, then
the codestreams.
"""

from __future__ import annotations

import asyncio
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.common import parse_named_configuration
from zarr.registry import register_codec

from radkit import limits
from radkit.codecs import htj2k
from radkit.codecs.options import Lossy
from radkit.errors import CorruptPixelData, OptionError

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

__all__ = ["HTJ2K", "NAME"]

NAME = "radkit.htj2k"
MAGIC = b"RKHT"
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4")
AIMS = ("ratio", "psnr", "max_error")


@dataclass(frozen=True)
class HTJ2K(ArrayBytesCodec):
    """Chunks as HTJ2K, lossless unless an aim is given.

    Parameters
    ----------
    samples : int
        1: the last two axes are rows and columns. 3: the last three are rows, columns
        and colour.
    ratio, psnr, max_error : float, optional
        As `radkit.Lossy`; at most one.
    """

    is_fixed_size = False

    samples: int = 1
    ratio: float | None = None
    psnr: float | None = None
    max_error: int | None = None

    def __post_init__(self) -> None:
        """Check the aim."""
        if self.samples not in (1, 3):
            raise OptionError(f"samples must be 1 or 3, not {self.samples!r}")
        self._lossy()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make the codec from the metadata of an array."""
        _, told = parse_named_configuration(data, NAME, require_configuration=False)
        options: dict[str, Any] = dict(told or {})
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata."""
        told = {"samples": self.samples, **{name: getattr(self, name) for name in AIMS}}
        return {
            "name": NAME,
            "configuration": {name: value for name, value in told.items() if value is not None},
        }

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise `NotImplementedError`, as zarr asks of codecs whose size depends on the data."""
        raise NotImplementedError("the size of HTJ2K depends on the data")

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays that are no stacks of slices of integers."""
        kind = dtype.to_native_dtype()
        if kind.str[1:] not in DTYPES:
            raise OptionError(f"{NAME} codes integers of 8, 16 and 32 bits, not {kind}")
        axes = 3 if self.samples == 3 else 2
        if len(shape) < axes or (self.samples == 3 and shape[-1] != 3):
            raise OptionError(f"{NAME} codes slices of {axes} axes, not arrays of shape {shape}")

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        array = np.asarray(chunk_data.as_numpy_array())
        data = await asyncio.to_thread(self._encode, array)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        data = chunk_data.to_bytes()
        dtype = chunk_spec.dtype.to_native_dtype()
        array = await asyncio.to_thread(self._decode, data, chunk_spec.shape, dtype)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(array)

    def _lossy(self) -> Lossy | None:
        given = {name: getattr(self, name) for name in AIMS if getattr(self, name) is not None}
        return Lossy(**given) if given else None

    def _plane(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[-3:] if self.samples == 3 else shape[-2:]

    def _encode(self, array: np.ndarray) -> bytes:
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        slices = np.ascontiguousarray(array).reshape(-1, *self._plane(array.shape))
        streams = [htj2k.encode(one, lossy=self._lossy()) for one in slices]
        if len(streams) == 1:
            return streams[0]
        lengths = struct.pack(f"<{1 + len(streams)}I", len(streams), *map(len, streams))
        return b"".join([MAGIC, lengths, *streams])

    def _decode(self, data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        plane = self._plane(shape)
        count = math.prod(shape) // max(math.prod(plane), 1)
        native = dtype.newbyteorder("=")
        limits.check("max_memory_bytes", math.prod(shape) * native.itemsize, "a chunk")
        made = np.empty((count, *plane), native)
        streams = [data] if count == 1 else _split(data, count)
        for stream, place in zip(streams, made, strict=True):
            found = htj2k.decode(stream)
            if found.shape != plane or not np.can_cast(found.dtype, native, "safe"):
                raise CorruptPixelData(
                    f"a chunk holds {found.shape} of {found.dtype}, not {plane} of {native}"
                )
            place[...] = found
        return made.reshape(shape)


def _split(data: bytes, count: int) -> list[bytes]:
    """Return the codestreams of a list."""
    head = len(MAGIC) + 4 * (1 + count)
    if data[: len(MAGIC)] != MAGIC or len(data) < head:
        raise CorruptPixelData(f"a chunk is no list of {count} codestreams")
    told, *lengths = struct.unpack_from(f"<{1 + count}I", data, len(MAGIC))
    if told != count or head + sum(lengths) != len(data):
        raise CorruptPixelData(f"a chunk is no list of {count} codestreams")
    streams, start = [], head
    for length in lengths:
        streams.append(data[start : start + length])
        start += length
    return streams


# For those who import this where the package's entry points are not installed.
register_codec(NAME, HTJ2K)
