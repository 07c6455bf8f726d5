"""JPEG (T.81) baseline, extended and progressive, 8 and 12 bits, through libjpeg-turbo.

Samples stay in the colour space that they are stored in; subsampled chroma is
brought to full size ("fancy" upsampling), with the accurate integer IDCT.
libjpeg-turbo fills what is missing or broken with grey and says nothing, so
completeness is proven here: `_walk` follows the Huffman codes of sequential scans,
`_proof` tries progressive ones with two endings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit._native import _jpegscan
from radkit.codecs import _foreign, _markers
from radkit.codecs._common import (
    Region,
    as_view,
    check_cost,
    check_region,
    check_spec,
    deliver,
    dtype_for,
    refuse_partial,
)
from radkit.codecs.frame import CodedFrame, CodestreamInfo, FrameSpec, UncodedFrame
from radkit.codecs.options import Coding, Lossy
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    Problem,
    RadkitError,
    TruncatedPixelData,
    UnsupportedTransferSyntax,
)

__all__ = ["decode", "decode_frame", "encode_frame", "frame_info", "info"]

LIBRARY = "libjpeg-turbo"
PROCESSES = {
    0: "baseline",
    1: "extended",
    2: "progressive",
    3: "lossless",
    5: "hierarchical",
    6: "hierarchical",
    7: "hierarchical",
    9: "arithmetic",
    10: "arithmetic",
    11: "arithmetic",
    13: "hierarchical arithmetic",
    14: "hierarchical arithmetic",
    15: "hierarchical arithmetic",
}


def decode(data: Any, *, out: np.ndarray | None = None, strict: bool = True) -> np.ndarray:
    """Decode one JPEG image, lossy processes with Huffman coding.

    Parameters
    ----------
    data : bytes-like
        The stream, from SOI to EOI; bytes after EOI are ignored.
    out : ndarray, optional
        Receives the result; of its exact shape and dtype.
    strict : bool, default True
        If False, a truncated stream gives what libjpeg-turbo makes of it.

    Returns
    -------
    ndarray
        (rows, cols) or (rows, cols, 3), uint8, or uint16 for 12 bits. Colour is as
        stored: RGB or YCbCr.

    Raises
    ------
    CorruptPixelData, TruncatedPixelData
        The stream is broken, or not all of it is there.
    UnsupportedTransferSyntax
        Arithmetic, hierarchical or lossless process, or four components.
    LimitExceeded
        The size is above a limit; nothing was allocated.
    """
    found = _markers.parse(as_view(data))
    found.problems.clear()
    array, _, _ = _decode(as_view(data), found, strict=strict)
    return deliver(array, out)


def info(data: Any) -> CodestreamInfo:
    """Return what the headers say, also of a JPEG-LS stream; see `CodestreamInfo`."""
    found = _markers.parse(as_view(data))
    if found.sof == _markers.JPEGLS_SOF:
        from radkit.codecs import jpegls

        return jpegls.info(data)
    return CodestreamInfo(
        coding="jpeg" if found.sof != 3 else "jpeg-lossless",
        rows=found.rows,
        cols=found.cols,
        components=len(found.components),
        precisions=(found.precision,) * len(found.components),
        signs=(False,) * len(found.components),
        tile=(found.rows, found.cols),
        reversible=found.sof == 3,
        subsampling=_subsampling(found),
        problems=tuple(found.problems) + (() if found.eoi is not None else (_no_eoi(),)),
    )


def frame_info(data: Any) -> CodestreamInfo | None:
    """Return what the headers of a frame say."""
    return info(data)


def decode_frame(
    data: Any,
    spec: FrameSpec,
    *,
    reduce: int = 0,
    region: Region | None = None,
    layers: int | None = None,
    raw: bool = False,
    strict: bool = True,
) -> UncodedFrame:
    """Decode a frame of a DICOM object; see `radkit.codecs.registry.decode_frame`."""
    view = as_view(data)
    found = _markers.parse(view)
    other = {3: "jpeg-lossless", _markers.JPEGLS_SOF: "jpegls"}.get(found.sof)
    if other is not None:
        return _as_other(other, view, spec, reduce, region, layers, raw, strict)
    refuse_partial("JPEG", reduce, layers)
    if found.rows:
        check_spec(found.rows, found.cols, len(found.components), spec)
    row0, row1, col0, col1 = check_region(region, found.rows or spec.rows, found.cols)
    photometric = _photometric(found, spec)
    array, sound, problems = _decode(view, found, strict=strict)
    if region is not None:
        array = np.ascontiguousarray(array[row0:row1, col0:col1])
    if found.precision > spec.bits_stored:
        problems.append(
            Problem(
                code="precision-above-bits-stored",
                text=f"the stream has {found.precision} bits per sample, "
                f"Bits Stored is {spec.bits_stored}",
            )
        )
    return UncodedFrame(
        array=array,
        precision=found.precision,
        signed=False,
        photometric=photometric,
        lossy=True,
        sound=sound,
        problems=tuple(problems),
    )


def encode_frame(
    array: np.ndarray,
    spec: FrameSpec,
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    syntax_uid: str = "",
) -> CodedFrame:
    """Refuse: radkit reads lossy JPEG and does not write it."""
    raise EncodeError(
        "radkit does not write lossy JPEG",
        hint="Use htj2k or jpegls with lossy=, or a lossless syntax",
    )


def _as_other(
    coding: str,
    view: memoryview,
    spec: FrameSpec,
    reduce: int,
    region: Region | None,
    layers: int | None,
    raw: bool,
    strict: bool,
) -> UncodedFrame:
    """Decode a stream that is of another coding than its label: the stream knows better."""
    import dataclasses

    from radkit.codecs import registry

    frame = registry.decode_frame(
        coding, view, spec, reduce=reduce, region=region, layers=layers, raw=raw, strict=strict
    )
    problem = Problem(code="other-coding", text=f"labelled lossy JPEG, the stream is {coding}")
    return dataclasses.replace(frame, problems=(*frame.problems, problem))


def _no_eoi() -> Problem:
    return Problem(code="eoi-missing", text="the stream has no EOI marker [T.81 B.2.1]")


def _subsampling(found: _markers.Markers) -> tuple[tuple[int, int], ...]:
    across = max(part.horizontal for part in found.components)
    down = max(part.vertical for part in found.components)
    return tuple((down // part.vertical, across // part.horizontal) for part in found.components)


def _photometric(found: _markers.Markers, spec: FrameSpec) -> str:
    """Say what the stored components are, and note where stream and data set disagree.

    T.81 has no colour space. An Adobe or JFIF marker or component names decide, in
    this order; without them the data set does (PS3.5 8.2.1).
    """
    if len(found.components) == 1:
        return spec.photometric
    says_ybr = spec.photometric.startswith("YBR")
    names = tuple(part.id for part in found.components)
    subsampled = any(side != (1, 1) for side in _subsampling(found))
    if found.adobe is not None and found.adobe in (0, 1):
        is_ybr, why = found.adobe == 1, f"its Adobe marker has transform {found.adobe}"
    elif found.jfif:
        is_ybr, why = True, "it has a JFIF marker"
    elif names == (ord("R"), ord("G"), ord("B")):
        is_ybr, why = False, "its components are named R, G, B"
    elif subsampled and not says_ybr:
        is_ybr, why = True, "its chroma is subsampled"
    else:
        is_ybr, why = says_ybr, ""
    if is_ybr != says_ybr:
        found.problems.append(
            Problem(
                code="photometric-against-stream",
                text=f"Photometric Interpretation is {'YBR' if says_ybr else 'not YBR'}, the "
                f"stream is {'YCbCr' if is_ybr else 'RGB'}: {why}",
                tag=0x00280004,
            )
        )
    return "YBR_FULL" if is_ybr else "RGB"


def _check(found: _markers.Markers) -> None:
    if found.sof not in (0, 1, 2):
        process = PROCESSES.get(found.sof, f"SOF{found.sof:X}")
        raise UnsupportedTransferSyntax(
            f"JPEG of the {process} process is not decoded here", section="PS3.5 A.4.1"
        )
    if not found.rows:
        raise UnsupportedTransferSyntax("JPEG with its row count in a DNL segment")
    if found.precision not in (8, 12) or (found.sof == 0 and found.precision != 8):
        raise CorruptPixelData(
            f"{found.precision} bits per sample in this process", section="T.81 B.2.2"
        )
    if len(found.components) not in (1, 3):
        raise UnsupportedTransferSyntax(
            f"JPEG with {len(found.components)} components; DICOM has 1 or 3"
        )
    covered = {name for scan in found.scans for name in scan.components}
    if covered != {part.id for part in found.components}:
        raise TruncatedPixelData("some components have no scan", decoded=0.0, section="T.81 B.2.1")
    bad_stop = any(not scan.stop for scan in found.scans) and found.sof < 2
    if bad_stop:
        found.problems.append(
            Problem(
                code="spectral-end-zero",
                text="the scan header ends its spectrum at 0 where 63 must stand [T.81 B.2.3]",
            )
        )


def _decode(
    view: memoryview, found: _markers.Markers, *, strict: bool
) -> tuple[np.ndarray, float, list[Problem]]:
    _check(found)
    rows, cols, count = found.rows, found.cols, len(found.components)
    dtype = dtype_for(found.precision, False)
    # libjpeg keeps the coefficients of progressive streams, two bytes per sample.
    check_cost(rows, cols, count, dtype.itemsize, work=2 * dtype.itemsize + 2)
    # Colour is what we say; libjpeg must neither guess nor convert.
    colour = "GRAYSCALE" if count == 1 else "YCBCR"
    shape = (rows, cols) if count == 1 else (rows, cols, count)
    most = rows * cols * count * dtype.itemsize

    def make(stream: bytes | memoryview) -> np.ndarray:
        [array] = _foreign.run("jpeg", LIBRARY, stream, most=most, colour=colour)
        if array.shape != shape or array.dtype != dtype:
            raise CorruptPixelData(f"{LIBRARY} made another image than the header states")
        return array

    end = found.eoi if found.eoi is not None else found.size
    if found.sof == 2:
        array, sound = _proof(bytes(view[:end]), found, make)
        if found.eoi is None:
            sound = min(sound, _refined(found))
        fault: RadkitError | None = None
        if sound < 1.0:
            text = "the entropy-coded data end before the image is whole"
            fault = TruncatedPixelData(text, decoded=sound, section="T.81 B.1.1.5")
    else:
        sound, fault = _walk(view, found)
        if fault is None or not strict:
            complete = found.eoi is not None
            array = make(view[: end + 2] if complete else bytes(view[:end]) + b"\xff\xd9")
    if fault is not None:
        if strict:
            raise fault
        found.problems.append(Problem(code="truncated", text=fault.message))
    if found.eoi is None:
        found.problems.append(_no_eoi())
    return array, sound, found.problems


def _walk(view: memoryview, found: _markers.Markers) -> tuple[float, RadkitError | None]:
    """Count the MCUs of all scans of a sequential process; return their share, and the fault."""
    parts = {part.id: part for part in found.components}
    across = max(part.horizontal for part in found.components)
    down = max(part.vertical for part in found.components)
    whole = total = 0
    fault: RadkitError | None = None
    for scan in found.scans:
        members = [parts[name] for name in scan.components]
        if len(members) == 1:
            # A scan of one component has blocks of its own size, none for padding.
            cols = -(-found.cols * members[0].horizontal // across)
            rows = -(-found.rows * members[0].vertical // down)
            mcus = -(-cols // 8) * -(-rows // 8)
            repeats = [1]
        else:
            mcus = -(-found.cols // (8 * across)) * -(-found.rows // (8 * down))
            repeats = [part.horizontal * part.vertical for part in members]
        if sum(repeats) > 10:
            raise CorruptPixelData("more than 10 blocks in an MCU", section="T.81 B.2.3")
        keys: list[int] = []
        blocks: list[tuple[int, int]] = []
        for (dc, ac), count in zip(scan.selectors, repeats, strict=True):
            pair = (dc, 0x10 | ac)
            if any(key not in scan.huffman for key in pair):
                raise CorruptPixelData(
                    "a Huffman table is missing", offset=scan.offset, section="T.81 B.2.4.2"
                )
            keys += [key for key in pair if key not in keys]
            blocks += [(keys.index(pair[0]), keys.index(pair[1]))] * count
        found_mcus, spare, error = _jpegscan.walk(
            view[scan.offset : scan.end],
            tables=[scan.huffman[key] for key in keys],
            blocks=blocks,
            mcus=mcus,
            restart=scan.restart,
        )
        whole, total = whole + found_mcus, total + mcus
        fault = fault or error
        if spare and error is None:
            found.problems.append(
                Problem(
                    code="bytes-in-scan",
                    text=f"{spare} bytes of a scan belong to no block: damaged, or padded",
                )
            )
    share = whole / total
    if isinstance(fault, TruncatedPixelData):
        fault.decoded = share
    return (min(share, 1.0 - 2**-20) if fault else 1.0), fault


def _refined(found: _markers.Markers) -> float:
    """Return the share of coefficients that progressive scans brought to their last bit."""
    left = {part.id: [True] * 64 for part in found.components}
    for scan in found.scans:
        if scan.approximation & 15 == 0:
            for name in scan.components:
                count = min(scan.stop, 63) - scan.start + 1
                left[name][scan.start : scan.start + count] = [False] * max(count, 0)
    missing = sum(map(sum, left.values()))
    return 1.0 - missing / (64 * len(left))


def _proof(head: bytes, found: _markers.Markers, make: Any) -> tuple[np.ndarray, float]:
    """Decode, and return the share of rows that do not depend on what follows the data.

    libjpeg reads zero bits past the end. If the data are whole, bits put behind them
    change nothing; where two different fillings give different rows, data are missing.
    """
    head = head.rstrip(b"\xff")  # fill bytes before EOI would make a marker of the filler
    cells = found.rows * found.cols * len(found.components)
    filling = min(cells // 8 + 4096, 1 << 20)
    array = make(head + b"\xff\xd9")
    other = make(head + b"\x55\xaa\x7e\xbd" * (filling // 4) + b"\xff\xd9")
    if np.array_equal(array, other):
        return array, 1.0
    differ = np.flatnonzero((array != other).reshape(found.rows, -1).any(axis=1))
    return array, float(differ[0]) / found.rows
