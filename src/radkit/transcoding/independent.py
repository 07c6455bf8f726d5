"""A second opinion: frames decoded by libraries that share no code with radkit.

OpenJPEG through pylibjpeg-openjpeg for JPEG 2000 and HTJ2K, one frame at a time since
it is not known to be safe in threads; libjpeg-turbo and CharLS through imagecodecs;
pydicom's own RLE; zlib and NumPy for what is not compressed. Samples are compared in
their stored bits, whatever sign and container the library gives.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from radkit.dicom.rules import Outcome
from radkit.errors import (
    LimitExceeded,
    MissingDependency,
    UnsupportedTransferSyntax,
    VerificationError,
)
from radkit.pixels.frames import Frames

__all__ = ["decoder_for"]

Check = Callable[[int, np.ndarray], None]
_ONE_AT_A_TIME = threading.Lock()


def decoder_for(verify: object, result: Frames, outcome: Outcome) -> Check | None:
    """Give a function that decodes frame i once more and compares it; None if not asked.

    Raises
    ------
    MissingDependency
        The library is not installed.
    """
    if verify != "independent":
        return None
    decode = _DECODERS.get(result.coding)
    if decode is None:
        raise UnsupportedTransferSyntax(
            f"no independent decoder is known for {result.obj.syntax.name}",
            syntax=result.obj.syntax.uid,
        )

    def check(index: int, after: np.ndarray) -> None:
        data = bytes(_raw(result, index))
        try:
            other = decode(data, result, outcome)
        except (MissingDependency, LimitExceeded):
            raise
        except Exception as error:  # whatever a foreign library raises says the same thing
            raise VerificationError(
                f"the independent decoder refuses the frame: {type(error).__name__};"
                " nothing was written",
                frame=index,
            ) from error
        if not _equal(after, other, outcome.bits_stored):
            raise VerificationError(
                "the independent decoder reads other samples; nothing was written", frame=index
            )

    return check


def _raw(result: Frames, index: int) -> Any:
    if result.coding == "native":
        layout = result.layout
        first = index * layout.frame_bits
        stop = (first + layout.frame_bits + 7) // 8
        return result.obj.reader.read(layout.offset + first // 8, stop - first // 8)
    return result.map.read(index)


def _equal(ours: np.ndarray, theirs: np.ndarray, bits: int) -> bool:
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind == "f":
        return np.array_equal(ours, theirs, equal_nan=True)
    mask = (1 << bits) - 1
    return bool(np.array_equal(ours.astype(np.int64) & mask, theirs.astype(np.int64) & mask))


def _load(name: str, package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependency(
            f'verify="independent" needs {package} here: pip install {package}'
        ) from error


def _openjpeg(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    with _ONE_AT_A_TIME:
        decoded: np.ndarray = _load("openjpeg", "pylibjpeg-openjpeg").decode(data)
    return decoded


def _jpeg_lossless(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    decoded: np.ndarray = _load("imagecodecs", "imagecodecs").ljpeg_decode(data)
    return decoded


def _jpegls(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    decoded: np.ndarray = _load("imagecodecs", "imagecodecs").jpegls_decode(data)
    return decoded


def _rle(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    image = result.image
    decode = _load("pydicom.pixels.decoders.rle", "pydicom")._rle_decode_frame
    planes = decode(data, image.rows, image.cols, image.samples, image.bits_allocated, ">")
    cells = np.frombuffer(planes, f"<u{image.bits_allocated // 8}")
    if image.samples == 1:
        return cells.reshape(image.rows, image.cols)
    return np.moveaxis(cells.reshape(image.samples, image.rows, image.cols), 0, -1)


def _cells(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    image = result.image
    shape = (image.rows, image.cols)
    if image.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[: image.rows * image.cols].reshape(shape)
    kind = "f" if image.kind != "int" else "u"
    cells = np.frombuffer(data, f"<{kind}{image.bits_allocated // 8}")
    cells = cells[: image.rows * image.cols * image.samples]
    if image.samples > 1 and image.planar:
        return np.moveaxis(cells.reshape(image.samples, *shape), 0, -1)
    cells = cells.reshape(shape if image.samples == 1 else (*shape, image.samples))
    return cells >> (image.high_bit + 1 - image.bits_stored) if kind == "u" else cells


def _native(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    if result.image.photometric == "YBR_FULL_422" or result.image.bits_allocated == 1:
        raise UnsupportedTransferSyntax(
            "native one-bit and subsampled pixels have no independent decoder"
        )
    return _cells(data, result, outcome)


def _deflated(data: bytes, result: Frames, outcome: Outcome) -> np.ndarray:
    image = result.image
    need = (image.rows * image.cols * image.samples * image.bits_allocated + 7) // 8
    return _cells(zlib.decompressobj(-15).decompress(data, need), result, outcome)


_DECODERS: dict[str, Callable[[bytes, Frames, Outcome], np.ndarray]] = {
    "jpeg2000": _openjpeg,
    "htj2k": _openjpeg,
    "jpeg-lossless": _jpeg_lossless,
    "jpegls": _jpegls,
    "rle": _rle,
    "uncompressed-frame": _cells,
    "deflated-frame": _deflated,
    "native": _native,
}
