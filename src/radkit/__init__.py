"""Fast, exact decoding and proven transcoding of DICOM pixel data.

Everything public is here, and is loaded when it is first used: importing radkit
costs little more than importing NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radkit import archive as archive
    from radkit import codecs as codecs
    from radkit import dicom as dicom
    from radkit import errors as errors
    from radkit import interop as interop
    from radkit import limits as limits
    from radkit import net as net
    from radkit import preview as preview
    from radkit import pydicom as pydicom
    from radkit.codecs.frame import CodestreamInfo as CodestreamInfo
    from radkit.codecs.options import Coding as Coding
    from radkit.codecs.options import Lossy as Lossy
    from radkit.dicom.uids import TransferSyntax as TransferSyntax
    from radkit.errors import CorrectionWarning as CorrectionWarning
    from radkit.errors import CorruptFile as CorruptFile
    from radkit.errors import CorruptPixelData as CorruptPixelData
    from radkit.errors import EncodeError as EncodeError
    from radkit.errors import GeometryError as GeometryError
    from radkit.errors import LimitExceeded as LimitExceeded
    from radkit.errors import MissingDependency as MissingDependency
    from radkit.errors import OptionError as OptionError
    from radkit.errors import Problem as Problem
    from radkit.errors import RadkitError as RadkitError
    from radkit.errors import RadkitWarning as RadkitWarning
    from radkit.errors import TransferError as TransferError
    from radkit.errors import TruncatedPixelData as TruncatedPixelData
    from radkit.errors import UnsupportedTransferSyntax as UnsupportedTransferSyntax
    from radkit.errors import VerificationError as VerificationError
    from radkit.geometry import Plane as Plane
    from radkit.geometry import Slab as Slab
    from radkit.mpr import CurvedImage as CurvedImage
    from radkit.mpr import Interpolation as Interpolation
    from radkit.mpr import PlaneImage as PlaneImage
    from radkit.mpr import Projection as Projection
    from radkit.mpr.curved import curved_reformat as curved_reformat
    from radkit.mpr.overlay import overlay as overlay
    from radkit.mpr.project import project as project
    from radkit.mpr.reformat import reformat as reformat
    from radkit.mpr.resample import resample as resample
    from radkit.mpr.stack import reformat_stack as reformat_stack
    from radkit.pixels import Decoded as Decoded
    from radkit.pixels import ImageInfo as ImageInfo
    from radkit.pixels import Request as Request
    from radkit.pixels import Source as Source
    from radkit.pixels import Values as Values
    from radkit.pixels import decode as decode
    from radkit.pixels import decode_many as decode_many
    from radkit.pixels import inspect as inspect
    from radkit.pixels import iter_frames as iter_frames
    from radkit.pixels import read as read
    from radkit.pixels import render as render
    from radkit.pixels import syntaxes as syntaxes
    from radkit.pixels import values as values
    from radkit.transcoding import LossyPreset as LossyPreset
    from radkit.transcoding import Report as Report
    from radkit.transcoding import Transcoded as Transcoded
    from radkit.transcoding import lossy_presets as lossy_presets
    from radkit.transcoding import transcode as transcode
    from radkit.transcoding import transcode_many as transcode_many
    from radkit.volume import Correction as Correction
    from radkit.volume import Geometry as Geometry
    from radkit.volume import Volume as Volume
    from radkit.volume import load_volume as load_volume

__version__ = "0.1.0"

_ROOMS = ("archive", "codecs", "dicom", "errors", "interop", "limits", "net", "preview", "pydicom")
_NAMES = {
    "radkit.codecs.frame": ("CodestreamInfo",),
    "radkit.codecs.options": ("Coding", "Lossy"),
    "radkit.dicom.uids": ("TransferSyntax",),
    "radkit.errors": (
        "CorrectionWarning",
        "CorruptFile",
        "CorruptPixelData",
        "EncodeError",
        "GeometryError",
        "LimitExceeded",
        "MissingDependency",
        "OptionError",
        "Problem",
        "RadkitError",
        "RadkitWarning",
        "TransferError",
        "TruncatedPixelData",
        "UnsupportedTransferSyntax",
        "VerificationError",
    ),
    "radkit.geometry": ("Plane", "Slab"),
    "radkit.mpr": (
        "CurvedImage",
        "Interpolation",
        "PlaneImage",
        "Projection",
        "curved_reformat",
        "overlay",
        "project",
        "reformat",
        "reformat_stack",
        "resample",
    ),
    "radkit.pixels": (
        "Decoded",
        "ImageInfo",
        "Request",
        "Source",
        "Values",
        "decode",
        "decode_many",
        "inspect",
        "iter_frames",
        "read",
        "render",
        "syntaxes",
        "values",
    ),
    "radkit.transcoding": (
        "LossyPreset",
        "Report",
        "Transcoded",
        "lossy_presets",
        "transcode",
        "transcode_many",
    ),
    "radkit.volume": ("Correction", "Geometry", "Volume", "load_volume"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted([*_ROOMS, *_HOME])


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name in _ROOMS:
        return import_module(f"radkit.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'radkit' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
