"""RLE Lossless: PackBits over byte planes (PS3.5 annex G), on radkit's own kernels.

Cells of 1, 2, 4 and 8 bytes, up to 15 segments, and 1-bit frames, which are the
packed bits of the frame coded as one plane of bytes. Plane order other than most
significant byte first exists in the wild and cannot be told from the stream; it is
not guessed at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radkit._native import _rle
from radkit._native import cpu as _cpu
from radkit.codecs import _common
from radkit.codecs._whole import output, room
from radkit.codecs.frame import CodedFrame, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    OptionError,
    Problem,
    TruncatedPixelData,
)

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["decode", "decode_frame", "encode", "encode_frame", "frame_info"]

_CELLS = (8, 16, 32, 64)
_MOST_PER_BYTE = 64  # a run of 128 takes two bytes: what cannot be there is not allocated
# A decoded component transform leaves RGB; RLE has names for RGB and YBR_FULL only (PS3.5 8.2.2).
_PHOTOMETRIC = {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}


def decode(
    data: Any,
    *,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Decode one RLE frame.

    The stream does not hold its own size, so the caller tells it. Colour comes
    interleaved, whatever Planar Configuration says.

    Parameters
    ----------
    data : bytes-like
        One frame: header and segments.
    shape : (rows, cols) or (rows, cols, samples)
        Size of the result.
    dtype : dtype
        Integer or float of 1, 2, 4 or 8 bytes, native byte order.
    out : ndarray, optional
        Writable, C-contiguous, of the exact shape and dtype. Returned.

    Returns
    -------
    ndarray
        Of `shape` and `dtype`, never a view on `data`.

    Raises
    ------
    CorruptPixelData
        The header does not fit the shape or its offsets do not ascend.
    TruncatedPixelData
        A segment is too short; `.decoded` is the share of bytes that were there.
    LimitExceeded
        The shape is above the limits in force.
    OptionError
        `shape`, `dtype` or `out` makes no sense.

    Notes
    -----
    PS3.5 annex G. Peak memory is output + as much again if there is more than one
    byte plane. The GIL is free while decoding.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.codecs import rle
    >>> ramp = np.arange(12, dtype=np.uint16).reshape(3, 4)
    >>> bool((rle.decode(rle.encode(ramp), shape=(3, 4), dtype="u2") == ramp).all())
    True
    """
    return _decode(data, tuple(shape), np.dtype(dtype), out, strict=True)[0]


def encode(array: np.ndarray) -> bytes:
    """Encode one frame as RLE.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, samples), integer or float of 1, 2, 4 or 8
        bytes; samples times bytes at most 15.

    Returns
    -------
    bytes
        Header and segments; of even length. Each row is coded on its own.

    Raises
    ------
    EncodeError
        The array has another form, or the result passes 4 GiB.

    Notes
    -----
    PS3.5 annex G. The GIL is free while encoding.
    """
    array = np.asarray(array)
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape:
        raise EncodeError(f"RLE needs (rows, cols) or (rows, cols, samples), not {shape}")
    width = array.dtype.itemsize
    if array.dtype.kind not in "iuf" or width * 8 not in _CELLS:
        raise EncodeError(f"RLE cannot code {array.dtype}", section="PS3.5 G.2")
    samples = 1 if array.ndim == 2 else shape[2]
    if samples * width > _rle.MAX_SEGMENTS:
        raise EncodeError(
            f"{samples} samples of {width} bytes need more than {_rle.MAX_SEGMENTS} segments",
            section="PS3.5 G.5",
        )
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return _encode(little.reshape(-1).view(np.uint8), shape[0], shape[1], samples, width)


def decode_frame(
    data: Any,
    spec: FrameSpec,
    *,
    reduce: int = 0,
    region: tuple[int, int, int, int] | None = None,
    layers: int | None = None,
    raw: bool = False,
    strict: bool = True,
) -> UncodedFrame:
    """Decode one frame as its data set describes it.

    All bits of the cells are returned (`precision` is Bits Allocated): overlays
    and unused high bits are the caller's. One bit allocated gives uint8 0 and 1.
    `raw` changes nothing, since RLE transforms no colour.
    """
    _common.refuse_partial("RLE Lossless", reduce, layers)
    row0, row1, col0, col1 = _common.check_region(region, spec.rows, spec.cols)
    if spec.bits_allocated == 1:
        array, sound = _decode_bits(data, spec, strict)
    else:
        if spec.bits_allocated not in _CELLS:
            raise CorruptPixelData(
                f"RLE frames have cells of 1, 8, 16, 32 or 64 bits, not {spec.bits_allocated}",
                section="PS3.5 G.2",
            )
        shape = (spec.rows, spec.cols, spec.samples)[: 2 if spec.samples == 1 else 3]
        dtype = np.dtype(f"u{spec.bits_allocated // 8}")
        array, sound = _decode(data, shape, dtype, None, strict=strict)
    problems: tuple[Problem, ...] = ()
    if sound < 1:
        text = f"an RLE segment ends early; {sound:.1%} of the frame is there, the rest is 0"
        problems = (Problem(code="truncated", text=text),)
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    photometric = spec.photometric
    return UncodedFrame(
        array=array,
        precision=spec.bits_allocated,
        signed=False,
        photometric=_PHOTOMETRIC.get(photometric, photometric),
        lossy=False,
        sound=sound,
        problems=problems,
    )


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Encode one frame; `coding` has no meaning here and `lossy` is refused."""
    if lossy is not None:
        raise OptionError("RLE is lossless only", section="PS3.5 8.2.2")
    if spec.bits_allocated == 1:
        if array.ndim != 2 or array.size == 0:
            raise EncodeError(f"a 1-bit frame is (rows, cols), not {array.shape}")
        data = _encode_bits(array)
    else:
        if array.dtype.itemsize * 8 != spec.bits_allocated and spec.bits_allocated in _CELLS:
            kind = array.dtype.kind
            wide = np.dtype(f"{kind}{spec.bits_allocated // 8}")
            if not np.can_cast(array.dtype, wide, "safe"):
                raise EncodeError(f"{array.dtype} does not fit {spec.bits_allocated} bits")
            array = array.astype(wide)
        data = encode(array)
    photometric = spec.photometric
    return CodedFrame(data=data, photometric=_PHOTOMETRIC.get(photometric, photometric))


def frame_info(data: Any) -> None:
    """Return None: an RLE header tells nothing of the image."""
    return None


def _decode(
    data: Any, shape: tuple[int, ...], dtype: np.dtype[Any], out: np.ndarray | None, *, strict: bool
) -> tuple[np.ndarray, float]:
    if len(shape) not in (2, 3) or not all(isinstance(n, (int, np.integer)) for n in shape):
        raise OptionError(f"shape must be (rows, cols) or (rows, cols, samples), not {shape!r}")
    if min(shape) < 1:
        raise OptionError(f"shape must be positive, not {shape!r}")
    width = dtype.itemsize
    if dtype.kind not in "iuf" or width * 8 not in _CELLS or not dtype.isnative:
        raise OptionError(f"dtype must be a native integer or float, not {dtype}")
    samples = int(shape[2]) if len(shape) == 3 else 1
    planes = samples * width
    if planes > _rle.MAX_SEGMENTS:
        raise CorruptPixelData(
            f"{samples} samples of {width} bytes need more than {_rle.MAX_SEGMENTS} segments",
            section="PS3.5 G.5",
        )
    size = int(shape[0]) * int(shape[1]) * planes
    _common.check_cost(int(shape[0]), int(shape[1]), planes, 1, work=planes > 1)
    source = _common.as_view(data)
    if strict and size > _MOST_PER_BYTE * source.nbytes:
        raise TruncatedPixelData(
            f"{source.nbytes} bytes of RLE cannot hold {size} bytes of samples", section="PS3.5 G.3"
        )
    out, flat = output(out, shape, dtype)
    scratch = room(size if planes > 1 else 0, np.uint8)
    sound = _rle.decode(
        source, flat, scratch, samples=samples, width=width, cpu=_cpu.USE, strict=strict
    )
    if not np.little_endian and width > 1:
        out.byteswap(inplace=True)
    return out, sound


def _encode(flat: npt.NDArray[np.uint8], rows: int, cols: int, samples: int, width: int) -> bytes:
    most = _rle.bound(rows, cols, samples * width)
    if most == 0:
        raise EncodeError(f"{rows} x {cols} pixels are too many for RLE")
    coded = room(most, np.uint8)
    plane = room(cols, np.uint8)
    size = _rle.encode(
        flat,
        coded,
        plane,
        rows=rows,
        cols=cols,
        samples=samples,
        width=width,
        cpu=_cpu.USE,
    )
    if size == 0:
        raise EncodeError("the segments pass 4 GiB", section="PS3.5 G.5")
    return coded[:size].tobytes()


def _decode_bits(data: Any, spec: FrameSpec, strict: bool) -> tuple[np.ndarray, float]:
    """Decode a frame of one bit per pixel: its bits, lowest first, packed across rows."""
    if spec.samples != 1:
        raise CorruptPixelData("a 1-bit frame has one sample per pixel", section="PS3.5 8.1.1")
    count = spec.rows * spec.cols
    _common.check_cost(spec.rows, spec.cols, 1, 2)
    bits, sound = _decode(data, (1, (count + 7) // 8), np.dtype(np.uint8), None, strict=strict)
    pixels = np.unpackbits(bits.reshape(-1), count=count, bitorder="little")
    return pixels.reshape(spec.rows, spec.cols), sound


def _encode_bits(array: np.ndarray) -> bytes:
    rows, cols = array.shape
    packed = np.packbits(array.reshape(-1) != 0, bitorder="little")
    # A row is coded on its own (PS3.5 G.3.1), where rows are whole bytes.
    lines, size = (rows, cols // 8) if cols % 8 == 0 else (1, packed.size)
    return _encode(packed, lines, size, 1, 1)
