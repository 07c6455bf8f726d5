"""What goes into and comes out of the coding of one frame, whatever the codec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radkit.errors import Problem

__all__ = ["CodedFrame", "CodestreamInfo", "FrameSpec", "UncodedFrame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpec:
    """What the data set says of a frame; the codestream is checked against it.

    Parameters
    ----------
    rows, cols, samples : int
        Shape. `samples` is Samples per Pixel.
    bits_allocated, bits_stored : int
        As in the data set.
    signed : bool
        Pixel Representation is 1.
    photometric : str
        Photometric Interpretation, as ``"YBR_RCT"``.
    planar : bool
        Planar Configuration is 1.
    """

    rows: int
    cols: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool = False
    photometric: str = "MONOCHROME2"
    planar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UncodedFrame:
    """A decoded frame and what it is.

    Parameters
    ----------
    array : ndarray
        (rows, cols) or (rows, cols, samples), interleaved, native byte order,
        as the stream has it: dtype is the smallest of uint8 ... int32 that holds
        `precision` and `signed`.
    precision : int
        Bits per sample that the stream states.
    signed : bool
        The stream states signed samples. A codec without signs says False, and
        the caller reinterprets the lowest `precision` bits.
    photometric : str
        Of `array`: the data set's, except where the stream states or undid a
        colour transform (then RGB, or YBR_FULL).
    lossy : bool
        The coding of this frame lost something, as far as the stream tells.
    sound : float
        Share of the frame that was there and intact; 1.0 unless `strict=False`.
    problems : tuple of Problem
        Faults that were tolerated, without `.tag`.
    """

    array: np.ndarray
    precision: int
    signed: bool
    photometric: str
    lossy: bool
    sound: float = 1.0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedFrame:
    """An encoded frame and what the data set must say of it.

    Parameters
    ----------
    data : bytes
        The codestream, unpadded.
    photometric : str
        Photometric Interpretation of the coded frame (``"YBR_RCT"``, ``"RGB"``, ...).
    lossy : bool
        Something was lost.
    method : str
        Lossy Image Compression Method, as ``"ISO_15444_1"``; empty if not lossy.
    """

    data: bytes
    photometric: str
    lossy: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodestreamInfo:
    """What the headers of one codestream say, without decoding. Sides are (rows, cols).

    Codings without resolutions, layers or tiles say 0 reductions, 1 layer, 1 tile.

    Parameters
    ----------
    coding : str
        ``"jpeg2000"``, ``"htj2k"``, ``"jpeg"``, ``"jpegls"``, ...: what the stream is,
        whatever label it came under.
    rows, cols, components : int
        Size of the image and count of its components.
    precisions, signs : tuple
        Bits and sign of each component.
    reductions : int
        Largest `reduce`: the fewest wavelet levels of any tile and component.
    layers : int
        Quality layers.
    progression : str
        Order of packets, empty where there are none.
    tiles : int
        Count of tiles; `tile` is the size of one.
    tile, block : (rows, cols)
        Size of a tile, of a code-block.
    reversible : bool
        Nothing is lost by the transform and quantisation that the headers state.
        Passes may still have been cut: no proof that nothing was lost.
    mct : bool
        A component transform (RCT, ICT) is used.
    ht : bool
        High-throughput code-blocks.
    plt, tlm : bool
        Packet lengths, tile-part lengths are in the stream.
    subsampling : tuple of (rows, cols)
        Distance of the samples of each component.
    jp2 : bool
        The codestream lies in a JP2 or JPH file.
    problems : tuple of Problem
        Faults of the headers that do not hinder decoding.
    """

    coding: str
    rows: int
    cols: int
    components: int
    precisions: tuple[int, ...]
    signs: tuple[bool, ...]
    reductions: int = 0
    layers: int = 1
    progression: str = ""
    tiles: int = 1
    tile: tuple[int, int] = (0, 0)
    block: tuple[int, int] = (0, 0)
    reversible: bool = False
    mct: bool = False
    ht: bool = False
    plt: bool = False
    tlm: bool = False
    subsampling: tuple[tuple[int, int], ...] = ()
    jp2: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def precision(self) -> int:
        """Bits per sample of the deepest component."""
        return max(self.precisions)

    @property
    def signed(self) -> bool:
        """Any component is signed."""
        return any(self.signs)
