"""Decodes a JPEG 2000 or HTJ2K codestream whose headers have been checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from radkit import limits
from radkit._native import cpu
from radkit.codecs import _j2k_header
from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_out,
    check_region,
    check_spec,
    dtype_for,
)
from radkit.codecs._j2k_header import Header
from radkit.codecs._j2k_model import shrink
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.errors import (
    CorruptPixelData,
    OptionError,
    Problem,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["decode_any", "decode_labelled"]

MOST_LAYERS = 65535


class _Wish(NamedTuple):
    """Which part of the image is wanted; `raw` leaves the component transform alone."""

    reduce: int
    region: Region | None
    layers: int | None
    raw: bool
    strict: bool


class _Made(NamedTuple):
    """Samples of some components, the share of them that is sound, and the first fault."""

    array: np.ndarray
    sound: float
    fault: RadkitError | None


def decode_any(
    data: Any,
    *,
    reduce: int,
    region: Region | None,
    layers: int | None,
    components: int | Sequence[int] | None,
    raw: bool,
    out: np.ndarray | None,
    strict: bool,
    threads: int | None,
) -> np.ndarray:
    """Do the work of `jpeg2000.decode` and `htj2k.decode`."""
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be >= 1, not {threads!r}")
    view = as_view(data)
    header = _j2k_header.parse(view, strict=strict)
    if header.mapping is not None and components is None:
        raise _mapped(header.mapping)
    wanted = _wanted(components, len(header.precisions))
    if len({header.steps[index] for index in wanted}) > 1:
        raise OptionError("the components have different grids; ask for one with components=i")
    subset = len(wanted) < len(header.precisions)
    wish = _Wish(reduce, region, layers, raw and subset, strict)
    flat = isinstance(components, int) or len(wanted) == 1
    return _decode(header, wanted, wish, _common_dtype(header, wanted), flat, out).array


def decode_labelled(
    data: Any,
    spec: FrameSpec,
    label: str,
    *,
    reduce: int,
    region: Region | None,
    layers: int | None,
    strict: bool,
) -> UncodedFrame:
    """Decode a frame of a DICOM object that is labelled ``"jpeg2000"`` or ``"htj2k"``."""
    view = as_view(data)
    header = _j2k_header.parse(view, strict=strict)
    if header.mapping is not None:
        raise _mapped(header.mapping)
    info = header.info()
    check_spec(info.rows, info.cols, info.components, spec)
    if len(set(zip(info.precisions, info.signs, strict=True))) > 1:
        raise UnsupportedTransferSyntax("components of unlike depth or sign are not decoded")
    precision, signed = info.precisions[0], info.signs[0]
    problems = list(info.problems)
    if info.coding != label:
        text = f"the label says {label}, the codestream is {info.coding}"
        problems.append(Problem(code="other-coding", text=text))
    if precision > spec.bits_stored:
        text = f"the codestream has {precision} bits per sample, Bits Stored is {spec.bits_stored}"
        problems.append(Problem(code="precision-above-bits-stored", text=text))
    if signed != spec.signed:
        text = "the codestream and Pixel Representation disagree on the sign"
        problems.append(Problem(code="sign-against-stream", text=text, tag=0x00280103))
    photometric = _photometric(header, spec, problems)
    made = _frame(header, _Wish(reduce, region, layers, False, strict), precision, signed)
    if made.sound < 1.0:
        damaged = made.fault is not None and not isinstance(made.fault, TruncatedPixelData)
        code, text = "truncated", "the codestream ends early"
        if damaged:
            code, text = "codestream-damaged", f"part of the codestream is lost: {made.fault}"
        if code not in {problem.code for problem in problems}:
            problems.append(Problem(code=code, text=text))
    return UncodedFrame(
        array=made.array,
        precision=precision,
        signed=signed,
        photometric=photometric,
        lossy=not info.reversible,
        sound=made.sound,
        problems=tuple(problems),
    )


def _frame(header: Header, wish: _Wish, precision: int, signed: bool) -> _Made:
    """Decode all components; those of a coarser grid are spread over the pixels."""
    dtype, count = dtype_for(precision, signed), len(header.steps)
    if all(step == (1, 1) for step in header.steps):
        return _decode(header, list(range(count)), wish, dtype, count == 1, None)
    if wish.reduce or wish.region is not None:
        raise UnsupportedTransferSyntax(
            "part of a frame with subsampled components is not decoded", hint="Decode it whole"
        )
    parts = [_decode(header, [index], wish, dtype, True, None) for index in range(count)]
    planes = [_spread(part.array, header, index) for index, part in enumerate(parts)]
    array = planes[0] if count == 1 else np.stack(planes, axis=-1)
    fault = next((part.fault for part in parts if part.fault is not None), None)
    return _Made(array, min(part.sound for part in parts), fault)


def _mapped(problem: Problem) -> CorruptPixelData:
    return CorruptPixelData(problem.text, offset=problem.offset, section="PS3.5 8.2.4")


def _photometric(header: Header, spec: FrameSpec, problems: list[Problem]) -> str:
    """Say what the samples are once the component transform is undone (PS3.5 8.2.4)."""
    said = spec.photometric
    if len(header.precisions) < 3:
        return said
    if header.mct:
        right = "YBR_RCT" if header.reversible else "YBR_ICT"
        if said != right:
            text = f"Photometric Interpretation is not the {right} of the codestream"
            problems.append(Problem(code="photometric-against-stream", text=text, tag=0x00280004))
        return "RGB"
    if said in ("YBR_RCT", "YBR_ICT"):
        text = f"Photometric Interpretation is {said}, the codestream has no such transform"
        problems.append(Problem(code="photometric-against-stream", text=text, tag=0x00280004))
        return "RGB"
    return "YBR_FULL" if said == "YBR_FULL_422" else said


def _wanted(components: int | Sequence[int] | None, count: int) -> list[int]:
    if components is None:
        return list(range(count))
    wanted = [components] if isinstance(components, int) else [int(index) for index in components]
    if not wanted or len(set(wanted)) != len(wanted):
        raise OptionError("components must name each component once")
    if min(wanted) < 0 or max(wanted) >= count:
        raise OptionError(f"components are 0 to {count - 1}, not {wanted}")
    return wanted


def _check(header: Header, wanted: list[int], wish: _Wish) -> None:
    reduce, layers = wish.reduce, wish.layers
    if reduce < 0 or (layers is not None and layers < 1):
        raise OptionError(f"reduce must be >= 0 and layers >= 1, not {reduce!r} and {layers!r}")
    if reduce > header.reductions:
        raise OptionError(
            f"reduce={reduce} is more than the {header.reductions} levels of the codestream"
        )
    if header.sound < 1.0 and wish.strict:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=header.sound,
            section="T.800 A.4",
            hint="strict=False gives what is there",
        )
    if max(header.precisions[index] for index in wanted) > 32:
        raise UnsupportedTransferSyntax("more than 32 bits per sample are not decoded")


def _decode(
    header: Header,
    wanted: list[int],
    wish: _Wish,
    dtype: np.dtype[Any],
    flat: bool,
    out: np.ndarray | None,
) -> _Made:
    """Decode components of one grid into a new array, or into `out`."""
    _check(header, wanted, wish)
    (x0, y0), (x1, y1) = header.origin, header.size
    box = check_region(wish.region, y1 - y0, x1 - x0)
    area = (box[2] + x0, box[0] + y0, box[3] + x0, box[1] + y0)
    rows, cols = _sides(area, header.steps[wanted[0]], wish.reduce)
    if rows < 1 or cols < 1:
        raise OptionError(f"no sample of the image reduced by {wish.reduce} lies in the region")
    count, size = len(wanted), dtype.itemsize
    check_cost(rows, cols, count, size)
    shape = (rows, cols) if flat else (rows, cols, count)
    if out is None:
        out = np.zeros(shape, dtype)
    else:
        check_out(out, shape, dtype)
        if not wish.strict:
            out[...] = 0
    places = [
        (comp, place * size, cols * count * size, count, rows, cols)
        for place, comp in enumerate(wanted)
    ]
    blocks, damaged, packets, missing, fault = header.stream.decode(
        out.reshape(-1).view(np.uint8),
        places,
        bits=8 * size,
        reduce=wish.reduce,
        layers=min(wish.layers or MOST_LAYERS, MOST_LAYERS),
        area=area,
        transform=not wish.raw,
        memory=max(limits.current().max_memory_bytes - out.nbytes, 0),
        cpu=cpu.USE,
    )
    sound = (1 - missing / max(packets, 1)) * (1 - damaged / max(blocks, 1))
    if not wish.reduce and wish.region is None and wish.layers is None:
        sound = min(sound, header.sound)
    return _Made(out, sound, fault)


def _sides(area: Region, step: tuple[int, int], reduce: int) -> tuple[int, int]:
    """Return (rows, cols) of a component in an area (x0, y0, x1, y1) of the reference grid."""
    x0, y0, x1, y1 = area
    cols = shrink(-(-x1 // step[0]), reduce) - shrink(-(-x0 // step[0]), reduce)
    return shrink(-(-y1 // step[1]), reduce) - shrink(-(-y0 // step[1]), reduce), cols


def _common_dtype(header: Header, wanted: list[int]) -> np.dtype[Any]:
    signed = any(header.signs[index] for index in wanted)
    # An unsigned component beside a signed one needs a bit more.
    bits = max(header.precisions[i] + (signed and not header.signs[i]) for i in wanted)
    return dtype_for(bits, signed)


def _spread(plane: np.ndarray, header: Header, index: int) -> np.ndarray:
    """Repeat the samples of a subsampled component over the pixels that they stand for."""
    for axis in (0, 1):
        step = header.steps[index][1 - axis]
        if step == 1:
            continue
        origin, size = header.origin[1 - axis], header.size[1 - axis]
        first = -(-origin // step)
        places = np.clip(np.arange(origin, size) // step - first, 0, plane.shape[axis] - 1)
        plane = plane.take(places, axis=axis)
    return plane
