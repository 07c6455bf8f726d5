"""The peers by name and version, and their calls, each up to the array a user would hold."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

import numpy as np

__all__ = ["decode", "encode", "peer_for", "version"]

Array = np.ndarray[Any, Any]

PEERS: dict[str, tuple[str, str, str]] = {
    # work: distribution, call, library inside (asked from imagecodecs where it tells)
    "rle-decode": ("imagecodecs", "dicomrle_decode", ""),
    "rle-encode": ("python-gdcm", "ImageChangeTransferSyntax", ""),
    "jpegll-decode": ("imagecodecs", "jpeg8_decode", "jpeg8_version"),
    "jpegll-encode": ("imagecodecs", "ljpeg_encode", "ljpeg_version"),
    "jpeg-decode": ("imagecodecs", "jpeg8_decode", "jpeg8_version"),
    "jpegls-decode": ("imagecodecs", "jpegls_decode", "jpegls_version"),
    "jpegls-encode": ("imagecodecs", "jpegls_encode", "jpegls_version"),
    "j2k-decode": ("imagecodecs", "jpeg2k_decode", "jpeg2k_version"),
    "j2k-encode": ("imagecodecs", "jpeg2k_encode", "jpeg2k_version"),
    "j2k-encode-lossy": ("pylibjpeg-openjpeg", "encode_array", ""),
    "htj2k-decode": ("imagecodecs", "htj2k_decode", "htj2k_version"),
    "htj2k-encode": ("imagecodecs", "htj2k_encode", "htj2k_version"),
}


@functools.cache
def version(distribution: str) -> str:
    """Return the installed version of a distribution."""
    return importlib.metadata.version(distribution)


@functools.cache
def peer_for(work: str) -> tuple[str, str]:
    """Return name and version of the peer of a kind of work, the library inside included."""
    distribution, call, inside = PEERS[work]
    text = version(distribution)
    if inside:
        import imagecodecs

        text = f"{text} ({getattr(imagecodecs, inside)()})"
    return f"{distribution} {call}", text


def rle_decode(data: bytes, like: Array) -> Array:
    """Decode RLE; the library gives little-endian words of one sample after the other."""
    import imagecodecs

    flat = imagecodecs.dicomrle_decode(data, like.dtype.newbyteorder("<"))
    planes = np.frombuffer(flat, like.dtype)
    if like.ndim == 2:
        return planes.reshape(like.shape)
    rows, cols, samples = like.shape
    return np.ascontiguousarray(planes.reshape(samples, rows, cols).transpose(1, 2, 0))


def jpeg_decode(data: bytes, like: Array) -> Array:
    import imagecodecs

    if like.ndim == 3:  # the coded components as they are
        return imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
    return imagecodecs.jpeg8_decode(data)


def jpegls_decode(data: bytes, like: Array) -> Array:
    import imagecodecs

    return imagecodecs.jpegls_decode(data)


def j2k_decode(data: bytes, like: Array) -> Array:
    import imagecodecs

    return imagecodecs.jpeg2k_decode(data, numthreads=1)


def htj2k_decode(data: bytes, like: Array, *, reduce: int = 0) -> Array:
    import imagecodecs

    return imagecodecs.htj2k_decode(data, **({"skipres": reduce} if reduce else {}))


def rle_encode(array: Array, bits: int) -> bytes:
    """Encode by GDCM, the fastest one; its two transfers through `str` are its users' cost too."""
    import gdcm

    samples = 1 if array.ndim == 2 else array.shape[2]
    names = gdcm.PhotometricInterpretation
    colour = names(names.GetPIType("MONOCHROME2" if samples == 1 else "RGB"))
    writer = gdcm.ImageWriter()  # owns the image
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((array.shape[1], array.shape[0], 1))
    image.SetPhotometricInterpretation(colour)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ImplicitVRLittleEndian))
    image.SetPixelFormat(gdcm.PixelFormat(samples, array.itemsize * 8, bits, bits - 1, 0))
    if samples > 1:
        image.SetPlanarConfiguration(0)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(array.tobytes())
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.RLELossless))
    change.SetInput(image)
    if not change.Change():
        raise RuntimeError("GDCM did not encode")
    coded = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    parts = (coded.GetFragment(i) for i in range(coded.GetNumberOfFragments()))
    return b"".join(p.GetByteValue().GetBuffer().encode("utf-8", "surrogateescape") for p in parts)


def rle_encode_pylibjpeg(array: Array, bits: int) -> bytes:
    """Encode as pydicom's plug-in of pylibjpeg-rle does: the producer of the streams to decode."""
    import rle

    data = rle.encode_pixel_data(
        array.tobytes(),
        rows=array.shape[0],
        columns=array.shape[1],
        samples_per_pixel=1 if array.ndim == 2 else array.shape[2],
        bits_allocated=array.itemsize * 8,
        number_of_frames=1,
        byteorder="<",
    )
    return bytes(data)


def jpegll_encode(array: Array, bits: int) -> bytes:
    """Encode SV1: ljpeg is the faster for grey, libjpeg-turbo does colour."""
    import imagecodecs

    if array.ndim == 2:
        return bytes(imagecodecs.ljpeg_encode(array, bitspersample=bits))
    return jpegll_turbo_encode(array, bits)


def jpegll_turbo_encode(array: Array, bits: int) -> bytes:
    import imagecodecs

    colour = {"colorspace": "RGB", "outcolorspace": "RGB"} if array.ndim == 3 else {}
    data = imagecodecs.jpeg8_encode(array, lossless=True, predictor=1, bitspersample=bits, **colour)
    return bytes(data)


def jpeg_encode(array: Array, bits: int) -> bytes:
    import imagecodecs

    colour = {"colorspace": "RGB", "outcolorspace": "RGB"} if array.ndim == 3 else {}
    return bytes(imagecodecs.jpeg8_encode(array, level=90, bitspersample=bits, **colour))


def jpegls_encode(array: Array, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(array))


def j2k_encode(array: Array, bits: int) -> bytes:
    import imagecodecs

    data = imagecodecs.jpeg2k_encode(
        array, level=0, codecformat="J2K", bitspersample=bits, reversible=True, numthreads=1
    )
    return bytes(data)


def htj2k_encode(array: Array, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(array, reversible=True, resolutions=5))


def j2k_encode_lossy(array: Array, bits: int, ratio: float) -> bytes:
    """Encode by 9/7 at a ratio of the stored bytes, by OpenJPEG's rate allocation."""
    from openjpeg.utils import encode_array

    stored = 8 * array.itemsize
    data = encode_array(
        array, bits_stored=bits, photometric_interpretation=2, use_mct=False,
        compression_ratios=[ratio * bits / stored],
    )  # fmt: skip
    return bytes(data)


def htj2k_encode_at(array: Array, step: float) -> bytes:
    """Encode by 9/7 with a quantiser step, in units of the range."""
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(array, level=step, reversible=False, resolutions=5))


def htj2k_step_for(array: Array, ratio: float) -> float:
    """Return the step for a ratio of the stored bytes; OpenJPH has no rate allocation."""
    low, high, step = 1e-5, 0.2, 0.0
    for _ in range(12):
        step = (low * high) ** 0.5
        if len(htj2k_encode_at(array, step)) * ratio > array.nbytes:
            low = step
        else:
            high = step
    return step


def htj2k_encode_lossy(array: Array, bits: int, ratio: float) -> bytes:
    """Encode by 9/7 at about a ratio of the stored bytes."""
    return htj2k_encode_at(array, htj2k_step_for(array, ratio))


DECODERS = {
    "rle": rle_decode,
    "jpegll": jpeg_decode,
    "jpeg": jpeg_decode,
    "jpegls": jpegls_decode,
    "j2k": j2k_decode,
    "htj2k": htj2k_decode,
}
ENCODERS = {
    "rle": rle_encode,
    "jpegll": jpegll_encode,
    "jpeg": jpeg_encode,
    "jpegls": jpegls_encode,
    "j2k": j2k_encode,
    "htj2k": htj2k_encode,
}


def decode(kind: str, data: bytes, like: Array) -> Array:
    """Decode with the fastest peer of that kind."""
    return DECODERS[kind](data, like)


def encode(kind: str, array: Array, bits: int) -> bytes:
    """Encode with the fastest peer of that kind."""
    return ENCODERS[kind](array, bits)
