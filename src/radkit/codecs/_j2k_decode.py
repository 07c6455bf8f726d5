"""Decodes a JPEG 2000 or HTJ2K codestream whose headers have been checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radkit.codecs import _foreign, _j2k_header
from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_region,
    check_spec,
    deliver,
    dtype_for,
)
from radkit.codecs._j2k_header import Header
from radkit.codecs._j2k_model import shrink
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.errors import (
    CorruptPixelData,
    OptionError,
    Problem,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["decode_any", "decode_labelled"]

LIBRARY = "OpenJPEG"


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
    view = as_view(data)
    header = _j2k_header.parse(view)
    wanted = _wanted(components, len(header.precisions))
    alone = isinstance(components, int)
    grids = {header.steps[index] for index in wanted}
    if len(grids) > 1:
        raise OptionError("the components have different grids; ask for one with components=i")
    if region is not None and grids != {(1, 1)}:
        raise UnsupportedTransferSyntax("a region of subsampled components is not decoded")
    planes = _planes(
        view,
        header,
        wanted,
        reduce=reduce,
        region=region,
        layers=layers,
        raw=raw,
        strict=strict,
        threads=threads,
    )
    dtype = _common_dtype(header, wanted)
    return deliver(_join(planes, dtype, alone or len(wanted) == 1), out)


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
    header = _j2k_header.parse(view)
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
    subsampled = any(step != (1, 1) for step in header.steps)
    if subsampled and (reduce or region is not None):
        raise UnsupportedTransferSyntax(
            "part of a frame with subsampled components is not decoded",
            hint="Decode it whole",
        )
    planes = _planes(
        view,
        header,
        list(range(info.components)),
        reduce=reduce,
        region=region,
        layers=layers,
        raw=False,
        strict=strict,
        threads=None,
    )
    if subsampled:
        planes = [_spread(plane, header, index) for index, plane in enumerate(planes)]
    if header.sound < 1.0:
        problems.append(Problem(code="truncated", text="the codestream ends early"))
    return UncodedFrame(
        array=_join(planes, dtype_for(precision, signed), info.components == 1),
        precision=precision,
        signed=signed,
        photometric=photometric,
        lossy=not info.reversible,
        sound=header.sound,
        problems=tuple(problems),
    )


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


def _planes(
    view: memoryview,
    header: Header,
    wanted: list[int],
    *,
    reduce: int,
    region: Region | None,
    layers: int | None,
    raw: bool,
    strict: bool,
    threads: int | None,
) -> list[np.ndarray]:
    """Return the wanted components as int32, checked against what the header promises."""
    if reduce < 0 or (layers is not None and layers < 1):
        raise OptionError(f"reduce must be >= 0 and layers >= 1, not {reduce!r} and {layers!r}")
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be >= 1, not {threads!r}")
    if reduce > header.reductions:
        raise OptionError(
            f"reduce={reduce} is more than the {header.reductions} levels of the codestream"
        )
    if header.sound < 1.0 and strict:
        raise TruncatedPixelData(
            "the codestream ends early, or tile-parts are missing",
            decoded=header.sound,
            section="T.800 A.4",
            hint="strict=False gives what is there",
        )
    if max(header.precisions[index] for index in wanted) > 32:
        raise UnsupportedTransferSyntax("more than 32 bits per sample are not decoded")
    full = (header.size[1] - header.origin[1], header.size[0] - header.origin[0])
    box = check_region(region, *full)
    # OpenJPEG decodes windows of HT code-blocks wrongly, without a word.
    window = box if region is not None and not header.ht else None
    count = len(header.precisions)
    subset = raw and len(wanted) < count
    picked = wanted if subset else list(range(count))
    made = [_shape(header, index, reduce, window) for index in picked]
    if region is not None and min(_shape(header, wanted[0], reduce, box)) < 1:
        raise OptionError(f"no sample of the image reduced by {reduce} lies in the region")
    samples = sum(rows * cols for rows, cols in made)
    # int32 in the tile, int32 in the image, int32 here, and the result.
    check_cost(1, samples, 1, 4, work=12)
    options: dict[str, Any] = {"reduce": reduce, "strict": strict}
    name, library = "openjph", "OpenJPH"
    if not _is_deep(header):
        name, library = "openjpeg", LIBRARY
        x0, y0 = header.origin
        options["layers"] = min(layers or 0, header.layers)
        options["components"] = wanted if subset else None
        options["threads"] = threads or 1
        if window is not None:
            options["area"] = [box[2] + x0, box[0] + y0, box[3] + x0, box[1] + y0]
    planes = _foreign.run(name, library, _mended(view, header), most=4 * samples, **options)
    if len(planes) == count != len(picked):
        planes = [planes[index] for index in picked]
    if [plane.shape for plane in planes] != made:
        raise CorruptPixelData(f"{library} made another image than the header states")
    found = dict(zip(picked, planes, strict=True))
    planes = [found[index] for index in wanted]
    if region is not None and window is None:
        planes = [_cut(plane, header, reduce, box) for plane in planes]
    return planes


def _cut(plane: np.ndarray, header: Header, reduce: int, box: Region) -> np.ndarray:
    """Cut the region out of a component that was decoded whole."""
    sides = []
    for low, high, origin in (
        (box[0], box[1], header.origin[1]),
        (box[2], box[3], header.origin[0]),
    ):
        first = shrink(origin, reduce)
        sides.append(
            slice(shrink(low + origin, reduce) - first, shrink(high + origin, reduce) - first)
        )
    return plane[sides[0], sides[1]]


def _mended(view: memoryview, header: Header) -> bytes:
    """Return the codestream with EOC, and with right counts of tile-parts.

    OpenJPEG refuses a stream without the one, and in strict mode leaves out, without
    a word, the tile-parts above a count that is too low.
    """
    stream = bytes(view[header.start : header.end])
    if not header.eoc:
        stream += b"\xff\xd9"
    if header.recount:
        patched = bytearray(stream)
        for at, count in header.recount.items():
            patched[at - header.start + 11] = min(count, 255)
        return bytes(patched)
    return stream


def _is_deep(header: Header) -> bool:
    """Return whether OpenJPEG would refuse the HT blocks for their depth; OpenJPH does not."""
    return header.ht and header.reversible and max(header.precisions) > 16


def _shape(header: Header, index: int, reduce: int, box: Region | None) -> tuple[int, int]:
    if box is None:
        return header.shape(index, reduce)
    sides = []
    for low, high, origin, step in (
        (box[0], box[1], header.origin[1], header.steps[index][1]),
        (box[2], box[3], header.origin[0], header.steps[index][0]),
    ):
        first, last = -(-(low + origin) // step), -(-(high + origin) // step)
        sides.append(shrink(last, reduce) - shrink(first, reduce))
    return sides[0], sides[1]


def _common_dtype(header: Header, wanted: list[int]) -> np.dtype[Any]:
    signed = any(header.signs[index] for index in wanted)
    # An unsigned component beside a signed one needs a bit more.
    bits = max(header.precisions[i] + (signed and not header.signs[i]) for i in wanted)
    return dtype_for(bits, signed)


def _join(planes: list[np.ndarray], dtype: np.dtype[Any], flat: bool) -> np.ndarray:
    if flat:
        return planes[0].astype(dtype)
    array = np.empty((*planes[0].shape, len(planes)), dtype)
    for index, plane in enumerate(planes):
        array[..., index] = plane
    return array


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
