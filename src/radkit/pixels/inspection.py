"""Inspect: what an object holds, from its headers and the first frame's codestream header.

Nothing is decoded. What is wrong is listed, not raised, as long as the object can
be described at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from radkit import limits
from radkit.codecs import registry
from radkit.codecs.frame import CodestreamInfo
from radkit.errors import LimitExceeded, Problem, RadkitError
from radkit.pixels import samples
from radkit.pixels.frames import WORDS, Frames
from radkit.pixels.results import ImageInfo, Source

__all__ = ["inspect"]

SOP_CLASS, LOSSY, LOSSY_RATIO = 0x00080016, 0x00282110, 0x00282112
PIXEL_DATA = 0x7FE00010
MEDIA_SOP_CLASS = 0x00020002

# Transfer syntaxes whose name already says that something was lost.
ALWAYS_LOSSY = frozenset({"jpeg"})


def inspect(source: Source, *, deep: bool = False) -> ImageInfo:
    """Say what an object holds, without decoding it.

    Parameters
    ----------
    source : path, bytes, file object, or pydicom.Dataset
        The object. Only its elements and one codestream header are read.
    deep : bool, default False
        Also read all packet headers of all frames: `coded_bytes`, and faults of them.

    Returns
    -------
    ImageInfo
        Shape, dtype, coding, and `problems`: everything that is wrong.

    Raises
    ------
    CorruptFile
        No DICOM object, no pixel data, or a header without Rows, Columns or bits.
    LimitExceeded
        The header alone asks for more than `radkit.limits` allows.
    TransferError
        The source cannot be opened or read.
    TypeError
        The source is of no known kind.

    Notes
    -----
    Of a transfer syntax that cannot be decoded the header is told all the same,
    with a problem ``"unsupported-syntax"``.

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> info = radkit.inspect(get_testdata_file("CT_small.dcm"))
    >>> info.syntax.name, info.shape, info.lossy
    ('explicit-le', (1, 128, 128), False)
    """
    with Frames(source, strict=False) as opened, opened.named():
        return _describe(opened, deep)


def _describe(opened: Frames, deep: bool) -> ImageInfo:
    obj, image = opened.obj, opened.image
    problems = [*obj.problems, *image.problems]
    offsets, pixel_bytes = _pixel_bytes(opened, problems)
    stream = _codestream(opened, problems)
    if stream is not None:
        problems += stream.problems
        problems += _disagreements(opened, stream)
    coded_bytes = _coded_bytes(opened, problems) if deep else ()
    bits = image.bits_allocated if image.kind != "int" else image.bits_stored
    return ImageInfo(
        sop_class=obj.elements.text(SOP_CLASS) or obj.meta.text(MEDIA_SOP_CLASS) or "",
        syntax=obj.syntax,
        shape=opened.shape,
        dtype=_dtype(opened, stream),
        bits_stored=bits,
        photometric=image.photometric,
        lossy=_lossy(opened, stream),
        lossy_ratio=_ratio(opened),
        pixel_bytes=pixel_bytes,
        offsets=offsets,
        codestream=stream,
        problems=tuple(dict.fromkeys(problems)),
        coded_bytes=coded_bytes,
    )


def _coded_bytes(
    opened: Frames, problems: list[Problem]
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Return bytes by frame, resolution and layer; what is wrong with packets is listed."""
    if opened.obj.pixels is None or any(p.code == "frames-not-found" for p in problems):
        return ()
    deadline = limits.deadline()
    with limits.running(deadline):
        return tuple(_frame_bytes(opened, i, problems, deadline) for i in range(opened.shape[0]))


def _frame_bytes(
    opened: Frames, frame: int, problems: list[Problem], deadline: limits.Deadline
) -> tuple[tuple[int, ...], ...]:
    deadline.check(frame=frame)
    coding = opened.obj.syntax.coding
    try:
        size = sum(size for _, size in opened.map.ranges(frame))
        if coding not in registry.DIRECT:
            return ((size,),)
        index = registry.frame_index(coding, opened.map.read(frame))
    except LimitExceeded:
        raise
    except RadkitError as error:
        text = f"frame {frame}: {error.message}"
        problems.append(
            Problem(code="packets-not-read", text=text, tag=PIXEL_DATA, offset=error.offset)
        )
        return ()
    problems += index.problems
    return tuple(tuple(row) for row in index.table().tolist())


def _pixel_bytes(
    opened: Frames, problems: list[Problem]
) -> tuple[Literal["native", "basic", "extended", "none"], int]:
    """Return the kind of offsets, and the bytes of all frames as coded."""
    element = opened.obj.pixels
    if element is None or not opened.obj.syntax.encapsulated:
        return "native", 0 if element is None else max(element.length, 0)
    try:
        found = opened.map
        problems += found.problems
        sizes = (size for i in range(found.frames) for _, size in found.ranges(i))
        return found.offsets, sum(sizes)
    except LimitExceeded:
        raise
    except RadkitError as error:
        problems.append(
            Problem(
                code="frames-not-found",
                text=error.message,
                tag=PIXEL_DATA,
                offset=error.offset,
            )
        )
        return "none", 0


def _codestream(opened: Frames, problems: list[Problem]) -> CodestreamInfo | None:
    syntax = opened.obj.syntax
    if syntax.coding is None or not syntax.decode:
        text = f"{syntax.title} cannot be decoded"
        if syntax.refusal:
            text += f". {syntax.refusal}"
        problems.append(Problem(code="unsupported-syntax", text=text, tag=0x00020010))
        return None
    if syntax.coding in WORDS or any(p.code == "frames-not-found" for p in problems):
        return None
    try:
        return registry.frame_info(syntax.coding, opened.map.read(0))
    except LimitExceeded:
        raise
    except RadkitError as error:
        problems.append(
            Problem(
                code="codestream-broken", text=error.message, tag=PIXEL_DATA, offset=error.offset
            )
        )
        return None


def _disagreements(opened: Frames, stream: CodestreamInfo) -> Iterator[Problem]:
    """Yield what header and codestream say differently (PS3.5 8.2)."""
    image, syntax = opened.image, opened.obj.syntax
    stated = (image.rows, image.cols, image.samples)
    found = (stream.rows, stream.cols, stream.components)
    if stated != found:
        yield Problem(
            code="size-disagrees",
            text=f"the header says {stated[0]} rows, {stated[1]} columns, {stated[2]} samples,"
            f" the codestream {found[0]}, {found[1]}, {found[2]}",
            tag=0x00280010,
        )
    if stream.coding != syntax.coding and {stream.coding, syntax.coding} != {"jpeg2000", "htj2k"}:
        yield Problem(
            code="coding-disagrees",
            text=f"the transfer syntax is {syntax.title}, the codestream {stream.coding}",
            tag=0x00020010,
        )
    if stream.ht != (syntax.coding == "htj2k") and stream.coding in ("jpeg2000", "htj2k"):
        kind = "has" if stream.ht else "has no"
        yield Problem(
            code="ht-disagrees",
            text=f"the transfer syntax is {syntax.title}, the codestream {kind} high-throughput"
            " blocks",
            tag=0x00020010,
        )
    if stream.precision != image.bits_stored:
        yield Problem(
            code="precision-disagrees",
            text=f"Bits Stored is {image.bits_stored}, the codestream has {stream.precision} bits",
            tag=0x00280101,
        )
    if stream.coding in ("jpeg2000", "htj2k") and stream.signed != image.signed:
        kind = "signed" if stream.signed else "unsigned"
        yield Problem(
            code="sign-disagrees",
            text=f"Pixel Representation is {int(image.signed)}, the codestream is {kind}",
            tag=0x00280103,
        )
    if syntax.lossless_only and not stream.reversible:
        yield Problem(
            code="lossy-in-lossless",
            text=f"{syntax.title} is lossless only, the codestream is irreversible",
            tag=0x00020010,
        )
    yield from _colour_disagreement(opened, stream)


def _colour_disagreement(opened: Frames, stream: CodestreamInfo) -> Iterator[Problem]:
    label = opened.image.photometric
    if stream.coding not in ("jpeg2000", "htj2k") or stream.components != 3:
        return
    expected = ("YBR_RCT" if stream.reversible else "YBR_ICT") if stream.mct else label
    if label != expected or (not stream.mct and label in ("YBR_RCT", "YBR_ICT")):
        yield Problem(
            code="photometric-disagrees",
            text=f"Photometric Interpretation is {label}, the codestream has"
            f" {'a' if stream.mct else 'no'} component transform (PS3.5 8.2.4)",
            tag=0x00280004,
        )


def _dtype(opened: Frames, stream: CodestreamInfo | None) -> np.dtype[np.generic]:
    if stream is None or opened.image.kind != "int":
        return opened.dtype
    bits = max(opened.image.bits_allocated, stream.precision)
    return samples.container(bits, opened.image.signed)


def _lossy(opened: Frames, stream: CodestreamInfo | None) -> bool:
    if (opened.obj.elements.text(LOSSY) or "") == "01":
        return True
    if stream is not None:
        return not stream.reversible
    return opened.obj.syntax.coding in ALWAYS_LOSSY


def _ratio(opened: Frames) -> float | None:
    try:
        ratios = [ratio for ratio in opened.obj.elements.floats(LOSSY_RATIO) if ratio > 0]
    except RadkitError:
        return None  # not a number: there is no ratio to tell, and nothing else depends on it
    return max(ratios, default=None)
