"""What encoding to JPEG 2000 and to HTJ2K have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radkit import limits
from radkit.codecs import _foreign, _j2k_header
from radkit.codecs._common import as_image
from radkit.codecs._lossy import Coder, code_lossy
from radkit.codecs.frame import CodedFrame, FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import EncodeError, OptionError, VerificationError

__all__ = ["Colour", "Job", "encode_array", "encode_labelled", "levels_for"]

FEWEST_HT_LEVELS = 1  # imagecodecs takes 0 for "default"
Colour = Literal["auto", "rgb", "none"]


@dataclass(frozen=True, slots=True)
class Job:
    """One image to code: `image` is C-contiguous and its values fit in `bits`."""

    image: np.ndarray
    bits: int
    signed: bool
    mct: bool
    levels: int
    coding: Coding
    stored_bits: int  # Bits Allocated, the base of ratios


Code = Callable[[Job, "float | None"], bytes]  # step q, None = reversible
CodeTo = Callable[[Job, int], bytes]  # about so many bytes


def levels_for(rows: int, cols: int) -> int:
    """Return the fewest levels that bring both sides of the lowest resolution to 64."""
    levels = 0
    while -(-max(rows, cols) // (1 << levels)) > 64:
        levels += 1
    return levels


def usual_levels(rows: int, cols: int) -> int:
    """Return five levels, or as many as leave four samples on the shorter side.

    The samples of the lowest resolution cost nearly their full depth, above all in HT;
    docs/notes/levels.md has what the levels below 64 samples save.
    """
    return max(0, min(5, min(rows, cols).bit_length() - 3))


def _job(
    array: Any,
    bits: int,
    signed: bool,
    mct: bool,
    coding: Coding | None,
    stored_bits: int,
    fewest: int,
) -> Job:
    image = as_image(array, bits, signed)
    rows, cols = image.shape[:2]
    if image.ndim == 3 and image.shape[2] == 1:
        image = np.ascontiguousarray(image[..., 0])
    layout = coding or Coding()
    levels = layout.levels
    if levels is None:
        tile = layout.tile or (rows, cols)
        sides = min(rows, tile[0]), min(cols, tile[1])
        levels = max(levels_for(*sides), usual_levels(*sides), fewest)
        if not fewest:  # OpenJPEG wants no resolution below one sample on either side
            levels = min(levels, min(sides).bit_length() - 1)
    limits.check("max_pixels", rows * cols, "rows times columns of a frame")
    # An int32 copy and the coefficients.
    limits.check("max_memory_bytes", image.size * 12, "bytes to encode a frame")
    return Job(image, bits, signed, mct, levels, layout, stored_bits)


def _run(
    job: Job,
    code: Code,
    lossy: Lossy | None,
    decode: Callable[[bytes], np.ndarray],
    code_to: CodeTo | None,
) -> tuple[bytes, bool]:
    if lossy is None:
        return code(job, None), False
    if job.coding.layers:
        raise OptionError("quality layers are written with lossless coding only")
    if job.bits > 16:
        raise EncodeError(f"lossy coding takes at most 16 bits, not {job.bits}")
    coder = Coder(
        image=job.image,
        stored_bytes=job.image.size * job.stored_bits // 8,
        peak=(1 << job.bits) - 1,
        lossless=lambda: code(job, None),
        code=lambda q: code(job, q),
        decode=decode,
        code_to=None if code_to is None else lambda size: code_to(job, size),
    )
    return code_lossy(coder, lossy)


def _checked(data: bytes, job: Job, ht: bool, lossy: bool) -> bytes:
    """Hold the headers of a new codestream against what was asked for."""
    header = _j2k_header.parse(memoryview(data))
    info = header.info()
    right = (
        info.rows == job.image.shape[0]
        and info.cols == job.image.shape[1]
        and info.precisions == (job.bits,) * info.components
        and info.signs == (job.signed,) * info.components
        and info.ht == ht == header.facts["cap"]
        and info.reversible != lossy
        and info.mct == job.mct
        and info.reductions == job.levels
        and info.tile == (job.coding.tile or job.image.shape[:2])
        and info.tlm == job.coding.tlm
        and info.progression == job.coding.progression
        and header.stream.sound == 1.0
        and not info.problems
    )
    if not right:
        raise VerificationError("the encoder wrote other headers than were asked for")
    return data


def encode_array(
    array: Any,
    code: Code,
    decode: Callable[[bytes], np.ndarray],
    *,
    code_to: CodeTo | None = None,
    ht: bool,
    lossy: Lossy | None,
    coding: Coding | None,
    bits: int | None,
    signed: bool | None,
    colour: str,
) -> bytes:
    """Do the work of `jpeg2000.encode` and `htj2k.encode`."""
    image = np.asarray(array)
    if colour not in ("auto", "rgb", "none"):
        raise OptionError(f'colour must be "auto", "rgb" or "none", not {colour!r}')
    if signed is None:
        signed = image.dtype.kind == "i"
    if bits is None:
        bits = 1 if image.dtype == np.bool_ else 8 * image.dtype.itemsize
    three = image.ndim == 3 and image.shape[2] == 3
    if colour == "rgb" and not three:
        raise OptionError('colour="rgb" needs three samples per pixel')
    stored = max(8 * image.dtype.itemsize, 8)
    _foreign.refuse("OpenJPH" if ht else "OpenJPEG")
    mct = three and colour != "none"
    job = _job(image, bits, bool(signed), mct, coding, stored, FEWEST_HT_LEVELS if ht else 0)
    data, lost = _run(job, code, lossy, decode, code_to)
    return _checked(data, job, ht, lost)


def encode_labelled(
    array: np.ndarray,
    spec: FrameSpec,
    code: Code,
    decode: Callable[[bytes], np.ndarray],
    *,
    code_to: CodeTo | None = None,
    ht: bool,
    lossy: Lossy | None,
    coding: Coding | None,
    lossless_only: bool,
    method: str,
) -> CodedFrame:
    """Do the work of `encode_frame` of both codings (PS3.5 8.2.4, 8.2.14)."""
    if lossy is not None and lossless_only:
        raise OptionError("this transfer syntax is lossless only", section="PS3.5 A.4.4")
    if lossy is not None and spec.photometric == "PALETTE COLOR":
        raise OptionError("palette indexes cannot be coded lossily", section="PS3.5 8.2.4")
    image = np.asarray(array)
    wanted = (spec.rows, spec.cols) + ((spec.samples,) if spec.samples > 1 else ())
    if image.shape != wanted:
        raise EncodeError(f"the frame has shape {image.shape}, the data set says {wanted}")
    _foreign.refuse("OpenJPH" if ht else "OpenJPEG")
    mct = spec.samples == 3 and spec.photometric == "RGB"
    stored = max(spec.bits_allocated, 1)
    fewest = FEWEST_HT_LEVELS if ht else 0
    job = _job(image, spec.bits_stored, spec.signed, mct, coding, stored, fewest)
    data, lost = _run(job, code, lossy, decode, code_to)
    photometric = spec.photometric
    if mct:
        photometric = "YBR_ICT" if lost else "YBR_RCT"
    return CodedFrame(
        data=_checked(data, job, ht, lost),
        photometric=photometric,
        lossy=lost,
        method=method if lost else "",
    )
