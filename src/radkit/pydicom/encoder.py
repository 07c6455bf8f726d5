"""The encoding plug-in: one frame in pydicom's layout as a codestream.

pydicom calls `encode_frame` with the bytes of a frame (1, 2 or 4 bytes per sample,
by Bits Stored, little endian) and its runner. Photometric Interpretation is, as
pydicom has it, that of the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radkit._native import _pixels
from radkit.codecs import registry
from radkit.codecs.frame import FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.dicom.uids import SYNTAXES
from radkit.errors import EncodeError, OptionError
from radkit.pixels.samples import container

if TYPE_CHECKING:
    from pydicom.pixels.encoders.base import EncodeRunner

__all__ = ["ENCODER_DEPENDENCIES", "encode_frame", "is_available"]

ENCODER_DEPENDENCIES = {
    uid: ("radkit",) for uid, known in SYNTAXES.items() if known.encapsulated and known.encode
}
TRANSFORMS = {"YBR_RCT": False, "YBR_ICT": True}  # component transform -> irreversible


def is_available(uid: str) -> bool:
    """Say whether radkit encodes a transfer syntax."""
    return uid in ENCODER_DEPENDENCIES


def encode_frame(src: bytes, runner: EncodeRunner) -> bytes:
    """Encode one frame; see pydicom's guide on encoding plug-ins.

    Raises
    ------
    EncodeError
        The frame cannot be coded so, or the label would not be that of the stream.
    OptionError
        The options of `compress` make no sense for the transfer syntax.
    """
    known = SYNTAXES[str(runner.transfer_syntax)]
    coding = known.coding
    assert coding is not None  # of all in ENCODER_DEPENDENCIES
    lossy, layout = _options(runner)
    label = str(runner.photometric_interpretation)
    spec = FrameSpec(
        rows=runner.rows,
        cols=runner.columns,
        samples=runner.samples_per_pixel,
        bits_allocated=runner.bits_allocated,
        bits_stored=runner.bits_stored,
        signed=bool(runner.pixel_representation),
        photometric=_colour_to_code(label, coding),
    )
    coded = registry.encode_frame(
        coding,
        _array(src, runner, spec),
        spec,
        lossy=lossy,
        coding_options=layout,
        syntax_uid=known.uid,
    )
    if label in TRANSFORMS and coded.photometric != label:
        raise EncodeError(
            f"Photometric Interpretation is {label}, the codestream would be {coded.photometric}",
            section="PS3.5 8.2.4",
            hint=f"Set it to {coded.photometric} before compressing",
        )
    return coded.data


def _colour_to_code(label: str, coding: str) -> str:
    """Return the label that makes the codec do what pydicom's label asks for."""
    if coding not in ("jpeg2000", "htj2k"):
        return label
    if label in TRANSFORMS:
        return "RGB"  # its samples are, and the codec transforms RGB
    return "YBR_FULL" if label == "RGB" else label  # no transform: components as they are


def _array(src: bytes, runner: EncodeRunner, spec: FrameSpec) -> np.ndarray:
    """Return the bytes as (rows, cols[, samples]), bits above Bits Stored put right."""
    cells = np.frombuffer(src, container(spec.bits_stored, False).newbyteorder("<"))
    count = spec.rows * spec.cols * spec.samples
    if len(cells) < count:
        raise EncodeError(f"a frame of {count} samples is needed, {len(cells)} are there")
    cells = np.asarray(cells[:count], cells.dtype.newbyteorder("="))
    out = np.empty(cells.shape, container(spec.bits_stored, spec.signed))
    _pixels.finish(
        cells,
        out,
        bits_stored=spec.bits_stored,
        high_bit=spec.bits_stored - 1,
        signed=spec.signed,
    )
    if spec.samples == 1:
        return out.reshape(spec.rows, spec.cols)
    # Arrays come interleaved whatever Planar Configuration says, except for JPEG-LS.
    known = SYNTAXES[str(runner.transfer_syntax)]
    by_plane = runner.planar_configuration == 1 and (
        not runner.is_array or known.coding == "jpegls"
    )
    if by_plane:
        planes = out.reshape(spec.samples, spec.rows, spec.cols)
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    return out.reshape(spec.rows, spec.cols, spec.samples)


def _options(runner: EncodeRunner) -> tuple[Lossy | None, Coding | None]:
    """Return what may be lost and the layers, from pydicom's words or radkit's."""
    given = {
        name: value
        for name in ("ratio", "max_bytes", "psnr", "max_error")
        if (value := runner.get_option(name, None)) is not None
    }
    layers: tuple[float, ...] = ()
    ratios = _numbers("j2k_cr", runner.get_option("j2k_cr", None))
    if ratios:
        *coarser, last = ratios
        layers = tuple(coarser)
        if last > 1:
            given["ratio"] = last
    levels = _numbers("j2k_psnr", runner.get_option("j2k_psnr", None))
    if len(levels) > 1:
        raise OptionError("j2k_psnr: radkit takes one value; layers are given by j2k_cr")
    if levels:
        given["psnr"] = levels[0]
    if error := runner.get_option("jls_error", 0):
        given["max_error"] = int(error)
    return (Lossy(**given) if given else None), (Coding(layers=layers) if layers else None)


def _numbers(name: str, value: Any) -> list[float]:
    if value is None:
        return []
    try:
        return [float(one) for one in (value if hasattr(value, "__iter__") else [value])]
    except (TypeError, ValueError):
        raise OptionError(f"{name} must be a list of numbers") from None
