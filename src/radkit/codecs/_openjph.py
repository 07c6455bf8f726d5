"""The encoder of OpenJPH, through imagecodecs, made to write any precision.

imagecodecs codes at the depth of the container (8, 16, 32 bits). What stands in SIZ
only matters for the level shift of unsigned samples and for the scale of quantiser
steps, so both are prepared here and the byte in SIZ is set to the true precision:

* reversible: samples are coded as signed numbers with the level shift taken off;
* irreversible: samples are shifted up to fill the container. Steps are fractions of
  the range, so they mean the same in the true range.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from radkit.codecs._foreign import load
from radkit.codecs.options import Coding
from radkit.errors import EncodeError

__all__ = ["encode", "ready"]

_FIRST = threading.Lock()

FINEST = 1e-5  # smaller steps are ignored by imagecodecs
SSIZ = 40  # offset of the first Ssiz behind the marker of SIZ


def ready() -> Any:
    """Return imagecodecs with the tables of OpenJPH filled.

    OpenJPH 0.26 fills them at the first block that it codes, without a lock: of 25 starts of
    4 threads 2 wrote broken codestreams. So the first blocks of each kind are coded alone.
    """
    with _FIRST:
        return _warm()


@functools.cache
def _warm() -> Any:
    codecs = load("imagecodecs")
    for kind in (np.int16, np.int32):
        samples = np.arange(256, dtype=kind).reshape(16, 16)
        codecs.htj2k_decode(codecs.htj2k_encode(samples, reversible=True))
    codecs.htj2k_encode(np.arange(256, dtype=np.uint8).reshape(16, 16), reversible=False)
    return codecs


def encode(
    image: np.ndarray,
    *,
    bits: int,
    signed: bool,
    mct: bool,
    levels: int,
    coding: Coding,
    step: float | None = None,
) -> bytes:
    """Encode to a raw codestream; `step` in units of stored values, None = reversible."""
    _check(coding)
    if levels < 1:
        raise EncodeError("the HTJ2K encoder at hand writes at least one level")
    options: dict[str, Any] = {
        "rgb": mct,
        "resolutions": levels,
        "tlm": coding.tlm,
        "tilepart": 1 if coding.tile_parts else 0,
    }
    if coding.tile is not None:
        options["tile"] = coding.tile[::-1]  # imagecodecs wants columns first here
    if step is None:
        samples = _reversible(image, bits, signed)
        options["reversible"] = True
    else:
        samples = _irreversible(image, bits, signed)
        options |= {"reversible": False, "level": max(step / (1 << bits), FINEST)}
    if samples.ndim == 3 and not mct:
        # Interleaved input of three samples is always taken as colour.
        samples = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
        options["planar"] = True
    try:
        data = bytearray(ready().htj2k_encode(samples, **options))
    except (RuntimeError, ValueError, TypeError) as error:
        text = (str(error).splitlines() or [""])[0][:200]
        raise EncodeError(f"OpenJPH refuses to encode: {text}") from error
    count = 1 if image.ndim == 2 else image.shape[2]
    start = data.find(b"\xff\x51", 0, 64)
    if start < 0:
        raise EncodeError("OpenJPH wrote no SIZ")
    for index in range(count):
        data[start + SSIZ + 3 * index] = bits - 1 | (0x80 if signed else 0)
    return bytes(data)


def _check(coding: Coding) -> None:
    cannot = []
    if coding.progression != "RPCL":
        cannot.append(f"progression {coding.progression}")
    if coding.block != (64, 64):
        cannot.append(f"blocks of {coding.block}")
    if coding.layers:
        cannot.append("quality layers")
    if coding.precincts:
        cannot.append("precincts")
    if coding.plt:
        cannot.append("PLT")
    if cannot:
        raise EncodeError(
            f"the HTJ2K encoder at hand does not write {', '.join(cannot)}",
            hint="Leave these fields of Coding at their defaults",
        )


def _container(bits: int) -> int:
    return 8 if bits <= 8 else 16 if bits <= 16 else 32


def _reversible(image: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    kind = np.dtype(f"i{_container(bits) // 8}")
    if signed:
        return np.ascontiguousarray(image, dtype=kind)
    # Modulo the container: the values have `bits` bits at most, so the difference is exact.
    wrapping = np.dtype(f"u{kind.itemsize}")
    stored = np.ascontiguousarray(image, dtype=wrapping)
    shifted: np.ndarray = stored - wrapping.type(1 << bits - 1)
    return shifted.view(kind)


def _irreversible(image: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    width = _container(bits)
    kind = np.dtype(f"{'i' if signed else 'u'}{width // 8}")
    return np.ascontiguousarray(image.astype(np.int64) << width - bits, dtype=kind)
