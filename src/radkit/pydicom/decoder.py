"""The decoding plug-in: one coded frame in pydicom's layout.

pydicom calls `decode_frame` with the joined fragments of a frame and its runner.
Samples come back little endian, interleaved, with signs put right; the runner is
told their colour, precision and sign. What pydicom does afterwards (YBR to RGB,
unused bits of RLE) is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radkit.codecs import registry
from radkit.codecs.frame import FrameSpec, UncodedFrame
from radkit.dicom.uids import SYNTAXES
from radkit.errors import UnsupportedTransferSyntax
from radkit.pixels import samples
from radkit.pixels.frames import WORDS

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

__all__ = ["DECODER_DEPENDENCIES", "decode_frame", "is_available"]

DECODER_DEPENDENCIES = {
    uid: ("radkit",) for uid, known in SYNTAXES.items() if known.encapsulated and known.decode
}


def is_available(uid: str) -> bool:
    """Say whether radkit decodes a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame; see pydicom's guide on decoding plug-ins.

    Raises
    ------
    UnsupportedTransferSyntax
        The stream has more bits than Bits Allocated, which pydicom cannot hold.
    RadkitError
        As `radkit.decode`; pydicom then asks the next plug-in.
    """
    known = SYNTAXES[str(runner.transfer_syntax)]
    coding = known.coding
    assert coding is not None  # of all in DECODER_DEPENDENCIES
    spec = FrameSpec(
        rows=runner.rows,
        cols=runner.columns,
        samples=runner.samples_per_pixel,
        bits_allocated=runner.bits_allocated,
        bits_stored=runner.bits_stored,
        signed=bool(runner.pixel_representation),
        photometric=str(runner.photometric_interpretation),
    )
    frame = registry.decode_frame(coding, src, spec, raw=True)
    if coding in WORDS:
        array = frame.array
    else:
        array, _ = samples.fit_codestream(frame, spec, raw=False)
        if 8 * array.dtype.itemsize > max(8, spec.bits_allocated):
            raise UnsupportedTransferSyntax(
                f"the codestream has {frame.precision} bits, Bits Allocated is"
                f" {spec.bits_allocated}: pydicom cannot hold them",
                syntax=known.uid,
                hint="radkit.decode can",
            )
        _tell_precision(runner, frame, spec)
    _tell_colour(runner, frame, spec)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _tell_precision(runner: DecodeRunner, frame: UncodedFrame, spec: FrameSpec) -> None:
    """Tell what the samples are, so that pydicom corrects neither sign nor bits once more."""
    if frame.precision > spec.bits_stored:
        runner.set_option("bits_stored", frame.precision)
    runner.set_option("j2k_is_signed", int(spec.signed))
    runner.set_option("j2k_precision", frame.precision)
    runner.set_option("jls_precision", frame.precision)


def _tell_colour(runner: DecodeRunner, frame: UncodedFrame, spec: FrameSpec) -> None:
    if spec.samples > 1:
        runner.set_option("planar_configuration", 0)
    if frame.photometric != spec.photometric:
        runner.set_option("photometric_interpretation", frame.photometric)
