"""Decodes a JPEG 2000 or HTJ2K codestream whose headers have been checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from radkit._native import cpu
from radkit.codecs import _j2k_header
from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_out,
    check_region,
    check_spec,
    deliver,
    dtype_for,
)
from radkit.codecs._j2k_header import Header
from radkit.codecs._j2k_lengths import promised_bytes
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.errors import (
    CorruptPixelData,
    OptionError,
    Problem,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["decode_any", "decode_labelled", "decode_prefix", "prefix_share"]

MOST_LAYERS = 65535


class _Wish(NamedTuple):
    """Which part of the image is wanted; `raw` leaves the component transform alone."""

    reduce: int
    region: Region | None
    layers: int | None
    raw: bool
    strict: bool
    threads: int


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
    header = _j2k_header.parse(as_view(data), strict=strict)
    stream = header.stream
    if header.boxes and components is None and header.mapping is not None:
        raise _mapped(header.mapping)
    wanted = None if components is None else _wanted(components, stream.count)
    bits, signed, _, _, one = stream.samples(wanted)
    if not one:
        raise OptionError("the components have different grids; ask for one with components=i")
    count = stream.count if wanted is None else len(wanted)
    wish = _Wish(reduce, region, layers, raw and count < stream.count, strict, threads or 1)
    flat = count == 1
    return _decode(header, wanted, wish, dtype_for(bits, signed), flat, out).array


def decode_labelled(
    data: Any,
    spec: FrameSpec,
    label: str,
    *,
    reduce: int,
    region: Region | None,
    layers: int | None,
    strict: bool,
    out: np.ndarray | None,
    threads: int,
) -> UncodedFrame:
    """Decode a frame of a DICOM object that is labelled ``"jpeg2000"`` or ``"htj2k"``."""
    header = _j2k_header.parse(as_view(data), strict=strict)
    stream = header.stream
    if header.boxes and header.mapping is not None:
        raise _mapped(header.mapping)
    check_spec(*stream.shape, stream.count, spec)
    precision, signed, alike, whole, _ = stream.samples(None)
    if not alike:
        raise UnsupportedTransferSyntax("components of unlike depth or sign are not decoded")
    problems = list(header.problems)
    coding = "htj2k" if stream.ht else "jpeg2000"
    if coding != label:
        text = f"the label says {label}, the codestream is {coding}"
        problems.append(Problem(code="other-coding", text=text))
    if precision > spec.bits_stored:
        text = f"the codestream has {precision} bits per sample, Bits Stored is {spec.bits_stored}"
        problems.append(Problem(code="precision-above-bits-stored", text=text))
    if signed != spec.signed:
        text = "the codestream and Pixel Representation disagree on the sign"
        problems.append(Problem(code="sign-against-stream", text=text, tag=0x00280103))
    photometric = _photometric(header, spec, problems)
    wish = _Wish(reduce, region, layers, False, strict, threads)
    dtype = dtype_for(precision, signed)
    made = (_decode_usable if whole else _decode_coarse)(header, wish, dtype, out)
    if made.sound < 1.0:
        _tell_damage(made, problems)
    return UncodedFrame(
        array=made.array,
        precision=precision,
        signed=signed,
        photometric=photometric,
        lossy=not stream.reversible,
        sound=made.sound,
        problems=tuple(problems),
    )


def decode_prefix(
    data: Any, *, reduce: int = 0, layers: int | None = None
) -> tuple[np.ndarray, float]:
    """Decode what there is of a codestream; return it and the share of it that is there, 0 to 1.

    (rows, cols) or (rows, cols, components). Samples of blocks that are not there come from
    the resolutions below; components of coarser grids are spread over the pixels.
    """
    header = _j2k_header.parse(as_view(data), strict=False)
    stream = header.stream
    if header.boxes and header.mapping is not None:
        raise _mapped(header.mapping)
    bits, signed, _, whole, _ = stream.samples(None)
    wish = _Wish(reduce, None, layers, False, False, 1)
    made = (_decode_usable if whole else _decode_coarse)(
        header, wish, dtype_for(bits, signed), None
    )
    return made.array, made.sound


def prefix_share(data: Any) -> float:
    """Return the share of a codestream's bytes that is there, 0 to 1.

    All of them are known by TLM, or if there is one tile-part only; else it is an estimate
    by the tile-parts that have begun.
    """
    view = as_view(data)
    header = _j2k_header.parse(view, strict=False)
    if header.stream.sound == 1.0:
        return 1.0
    start, parts = header.facts["start"], header.stream.parts()
    place = (start, (parts[0][1] if parts else header.facts["end"]) - start)
    total = promised_bytes(view, place)
    if total is None:
        return float(header.stream.sound)
    share: float = (len(view) - start) / total
    return min(share, 1.0 - 2.0**-20)


def _tell_damage(made: _Made, problems: list[Problem]) -> None:
    code, text = "truncated", "the codestream ends early"
    if made.fault is not None and not isinstance(made.fault, TruncatedPixelData):
        code, text = "codestream-damaged", f"part of the codestream is lost: {made.fault}"
    if code not in {problem.code for problem in problems}:
        problems.append(Problem(code=code, text=text))


def _decode_usable(
    header: Header, wish: _Wish, dtype: np.dtype[Any], out: np.ndarray | None
) -> _Made:
    """Decode all components, into `out` if its type holds their values."""
    if out is not None:
        if out.dtype.kind == dtype.kind and dtype.itemsize <= out.dtype.itemsize <= 4:
            dtype = out.dtype
        else:
            out = None
    return _decode(header, None, wish, dtype, header.stream.count == 1, out)


def _decode_coarse(
    header: Header, wish: _Wish, dtype: np.dtype[Any], out: np.ndarray | None
) -> _Made:
    """Decode components of unlike grids; those of coarser ones are spread over the pixels."""
    count = header.stream.count
    rows, cols = header.stream.shape
    box = check_region(wish.region, rows, cols)
    _check(header, wish)
    check_cost(box[1] - box[0], box[3] - box[2], 2 * count, dtype.itemsize)
    parts = [_spread(header, index, wish._replace(region=box), dtype) for index in range(count)]
    planes = [part.array for part in parts]
    array = planes[0] if count == 1 else np.stack(planes, axis=-1)
    if out is not None and out.dtype == dtype:
        array = deliver(array, out)
    fault = next((part.fault for part in parts if part.fault is not None), None)
    return _Made(array, min(part.sound for part in parts), fault)


def _spread(header: Header, index: int, wish: _Wish, dtype: np.dtype[Any]) -> _Made:
    """Decode one component and repeat its samples over the pixels that they stand for."""
    facts, box = header.facts, wish.region
    assert box is not None  # set by the caller
    step, origin, end = facts["steps"][index], facts["origin"], facts["size"]
    part: list[int] = []
    places: list[np.ndarray] = []
    for axis in (0, 1):
        sides = (box[2 * axis], box[2 * axis + 1])
        at = 1 - axis  # facts are (x, y)
        wanted, place = _samples_of(sides, origin[at], end[at], step[at], wish.reduce)
        part += wanted
        places.append(place)
    region = (part[0], part[1], part[2], part[3])
    made = _decode(header, [index], wish._replace(region=region), dtype, True, None)
    return made._replace(array=made.array.take(places[0], axis=0).take(places[1], axis=1))


def _samples_of(
    sides: tuple[int, int], origin: int, end: int, step: int, reduce: int
) -> tuple[tuple[int, int], np.ndarray]:
    """Return the pixels to decode for the samples of a row or column, and which pixel has which.

    `sides` and the result are in pixels of full resolution, `origin` and `end` on the
    reference grid. A sample stands for the pixels from its own place on; those before the
    first sample have that one.
    """
    scale = step << reduce
    first, last = -(-origin // scale), -(-end // scale) - 1
    pixels = [-(-(origin + side) // (1 << reduce)) for side in sides]
    if pixels[0] >= pixels[1]:
        raise OptionError(f"no sample of the image reduced by {reduce} lies in the region")
    if first > last:
        raise UnsupportedTransferSyntax("a component without samples is not decoded")
    places = np.clip(np.arange(*pixels) // step, first, last)
    low, high = int(places[0]), int(places[-1])
    return (low * scale - origin, high * scale + 1 - origin), places - low


def _mapped(problem: Problem) -> CorruptPixelData:
    return CorruptPixelData(problem.text, offset=problem.offset, section="PS3.5 8.2.4")


def _photometric(header: Header, spec: FrameSpec, problems: list[Problem]) -> str:
    """Say what the samples are once the component transform is undone (PS3.5 8.2.4)."""
    said = spec.photometric
    if header.stream.count < 3:
        return said
    if header.stream.mct:
        right = "YBR_RCT" if header.stream.reversible else "YBR_ICT"
        if said != right:
            text = f"Photometric Interpretation is not the {right} of the codestream"
            problems.append(Problem(code="photometric-against-stream", text=text, tag=0x00280004))
        return "RGB"
    if said in ("YBR_RCT", "YBR_ICT"):
        text = f"Photometric Interpretation is {said}, the codestream has no such transform"
        problems.append(Problem(code="photometric-against-stream", text=text, tag=0x00280004))
        return "RGB"
    return "YBR_FULL" if said == "YBR_FULL_422" else said


def _wanted(components: int | Sequence[int], count: int) -> list[int]:
    wanted = [components] if isinstance(components, int) else [int(index) for index in components]
    if not wanted or len(set(wanted)) != len(wanted):
        raise OptionError("components must name each component once")
    if min(wanted) < 0 or max(wanted) >= count:
        raise OptionError(f"components are 0 to {count - 1}, not {wanted}")
    return wanted


def _check(header: Header, wish: _Wish) -> None:
    reduce, layers, stream = wish.reduce, wish.layers, header.stream
    if reduce < 0 or (layers is not None and layers < 1):
        raise OptionError(f"reduce must be >= 0 and layers >= 1, not {reduce!r} and {layers!r}")
    if reduce > stream.reductions:
        raise OptionError(
            f"reduce={reduce} is more than the {stream.reductions} levels of the codestream"
        )
    if wish.strict and stream.sound < 1.0:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=stream.sound,
            section="T.800 A.4",
            hint="strict=False gives what is there",
        )


def _decode(
    header: Header,
    wanted: list[int] | None,
    wish: _Wish,
    dtype: np.dtype[Any],
    flat: bool,
    out: np.ndarray | None,
) -> _Made:
    """Decode components of one grid, None for all, into a new array or into `out`."""
    _check(header, wish)
    stream, region = header.stream, wish.region
    if region is not None:
        region = check_region(region, *stream.shape)
    count = stream.count if wanted is None else len(wanted)
    y0, y1, x0, x1 = stream.rect(wanted[0] if wanted else 0, wish.reduce, region)
    rows, cols = y1 - y0, x1 - x0
    if rows < 1 or cols < 1:
        raise OptionError(f"no sample of the image reduced by {wish.reduce} lies in the region")
    check_cost(rows, cols, count, dtype.itemsize)
    shape = (rows, cols) if flat else (rows, cols, count)
    if out is not None:
        check_out(out, shape, dtype)
        if not wish.strict:
            out[...] = 0
    else:  # a strict decoder writes every sample or fails
        out = np.empty(shape, dtype) if wish.strict else np.zeros(shape, dtype)
    blocks, damaged, packets, missing, fault = stream.decode(
        out,
        wanted,
        wish.reduce,
        region,
        MOST_LAYERS if wish.layers is None else min(wish.layers, MOST_LAYERS),
        not wish.raw,
        cpu.USE,
        wish.threads,
    )
    sound = (1 - missing / max(packets, 1)) * (1 - damaged / max(blocks, 1))
    if not wish.reduce and region is None and wish.layers is None:
        sound = min(sound, stream.sound)
    return _Made(out, sound, fault)
