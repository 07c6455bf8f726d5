"""Stored values as native bytes: little endian cells, bits packed across frames.

PS3.5 8.1.1 and 8.2, the writing side. One-bit frames follow each other without byte
alignment in native pixel data, and start at a byte when they are encapsulated.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import numpy as np

from radkit.dicom.encoding import EXPLICIT, Encoding, element_header
from radkit.dicom.rules import Outcome
from radkit.dicom.splice import LARGEST_NATIVE
from radkit.errors import EncodeError

__all__ = ["frame_bytes", "native_element", "native_size"]

PIXEL_DATA = 0x7FE00010


def frame_bytes(array: np.ndarray, outcome: Outcome) -> bytes | memoryview:
    """Give the native bytes of one frame, starting at a byte.

    Parameters
    ----------
    array : ndarray
        Stored values, (rows, cols) or (rows, cols, samples).
    outcome : Outcome
        Bits Allocated and Planar Configuration decide.
    """
    if array.ndim == 3 and outcome.planar:
        array = np.moveaxis(array, -1, 0)
    if outcome.bits_allocated == 1:
        return np.packbits(array.ravel() != 0, bitorder="little").tobytes()
    size = outcome.bits_allocated // 8
    if array.dtype.itemsize < size:
        wider = np.dtype(f"{array.dtype.kind}{1 << (size - 1).bit_length()}")
        array = array.astype(wider)
    exact = np.ascontiguousarray(array)
    if sys.byteorder == "big":
        exact = exact.byteswap()
    if exact.dtype.itemsize == size:
        return exact.data.cast("B") if exact.size else b""
    return exact.view(np.uint8).reshape(-1, exact.dtype.itemsize)[:, :size].tobytes()


def native_size(rows: int, cols: int, frames: int, outcome: Outcome) -> int:
    """Give the bytes of native pixel data, padded.

    Raises
    ------
    EncodeError
        They pass 2**32 - 2.
    """
    bits = rows * cols * outcome.samples * outcome.bits_allocated * frames
    size = (bits + 7) // 8
    size += size & 1
    if size > LARGEST_NATIVE:
        raise EncodeError(
            f"native pixel data end at 2**32 - 2 bytes, {size} are needed",
            section="PS3.5 8.2",
            hint="Choose encapsulated (1.2.840.10008.1.2.1.98) or a compressed syntax",
        )
    return size


def native_element(
    arrays: Iterable[np.ndarray], size: int, outcome: Outcome, encoding: Encoding = EXPLICIT
) -> Iterator[bytes | memoryview]:
    """Give the whole native Pixel Data element, frame by frame.

    Parameters
    ----------
    arrays : iterable of ndarray
        Stored values of the frames.
    size : int
        From `native_size`.
    outcome : Outcome
        Describes the cells.
    encoding : Encoding
        Of the data set.
    """
    vr = "OW" if outcome.bits_allocated > 8 else "OB"
    yield element_header(PIXEL_DATA, vr, size, encoding)
    written = 0
    pieces = (frame_bytes(array, outcome) for array in arrays)
    for data in _packed(arrays) if outcome.bits_allocated == 1 else pieces:
        written += len(data)
        yield data
    if size - written not in (0, 1):
        raise EncodeError(f"{written} bytes of pixels were made where {size} were announced")
    yield bytes(size - written)


def _packed(arrays: Iterable[np.ndarray]) -> Iterator[bytes]:
    """Pack one-bit frames back to back, least significant bit first."""
    rest = np.empty(0, np.bool_)
    for array in arrays:
        bits = np.concatenate([rest, array.ravel() != 0])
        whole = bits.size - bits.size % 8
        yield np.packbits(bits[:whole], bitorder="little").tobytes()
        rest = bits[whole:]
    if rest.size:
        yield np.packbits(rest, bitorder="little").tobytes()
