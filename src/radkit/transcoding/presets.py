"""Published lossy ratios by modality and body part, each with its source.

Limits that somebody recommended, not promises: thresholds depend on slice thickness,
noise and codec. The default of radkit is no lossy coding at all. Ratios are taken as
samples at Bits Allocated to coded bytes; what the publications counted as uncompressed
(16-bit words or the bits stored) is not stated in what was read, so every result
reports both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from radkit.codecs.options import Lossy
from radkit.errors import OptionError

__all__ = ["LossyPreset", "lossy_presets", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossyPreset:
    """One row of a published recommendation.

    Parameters
    ----------
    name : str
        As ``"drg-ct-body"``.
    ratio : float
        Samples at Bits Allocated to coded bytes.
    modality : str
        As in (0008,0060); several separated by a slash.
    body_part : str
        What it was recommended for; empty: any.
    source : str
        The publication.
    """

    name: str
    ratio: float
    modality: str
    body_part: str
    source: str


_DRG = (
    "Deutsche Roentgengesellschaft, consensus conference on lossy compression"
    " (RoeFo 2009; for JPEG and JPEG 2000)"
)
_CAR = (
    "Canadian Association of Radiologists, CAR Standards for Irreversible Compression in"
    " Digital Diagnostic Imaging within Radiology (2008), as published in a vendor's summary"
)
_RCR = (
    "Royal College of Radiologists, The adoption of lossy image data compression for the"
    " purpose of clinical interpretation (2008)"
)

_ROWS = (
    ("drg-ct-neuro", 5, "CT", "brain", _DRG),
    ("drg-ct-body", 8, "CT", "body, chest, musculoskeletal, paediatric, angiography", _DRG),
    ("drg-mr", 7, "MR", "", _DRG),
    ("drg-radiography", 10, "CR/DX", "", _DRG),
    ("drg-mammography", 15, "MG", "breast", _DRG),
    ("drg-angiography", 6, "RF/XA", "", _DRG),
    ("car-ct-neuro", 12, "CT", "brain", _CAR),
    ("car-ct-body", 15, "CT", "body, chest, musculoskeletal, paediatric, angiography", _CAR),
    ("car-mr", 24, "MR", "", _CAR),
    ("car-radiography", 30, "CR/DX", "", _CAR),
    ("car-mammography", 25, "MG", "breast", _CAR),
    ("car-ultrasound", 12, "US", "", _CAR),
    ("car-nuclear", 11, "NM", "", _CAR),
    ("rcr-ct", 5, "CT", "", _RCR),
    ("rcr-mr", 5, "MR", "", _RCR),
    ("rcr-radiography", 10, "CR/DX", "", _RCR),
    ("rcr-mammography", 20, "MG", "breast", _RCR),
    ("rcr-fluoroscopy", 6, "RF", "", _RCR),
    ("rcr-angiography", 10, "XA", "", _RCR),
    ("rcr-ultrasound", 10, "US", "", _RCR),
)
_PRESETS = MappingProxyType(
    {
        name: LossyPreset(
            name=name, ratio=float(ratio), modality=modality, body_part=part, source=source
        )
        for name, ratio, modality, part, source in _ROWS
    }
)


def lossy_presets() -> Mapping[str, LossyPreset]:
    """List the published ratios by name.

    Returns
    -------
    mapping of str to LossyPreset
        For `Lossy(preset=name)`. Nothing is chosen by default, and none is advice.

    Examples
    --------
    >>> from radkit.transcoding.presets import lossy_presets
    >>> lossy_presets()["drg-ct-body"].ratio
    8.0
    """
    return _PRESETS


def resolve(lossy: Lossy | None) -> Lossy | None:
    """Put the ratio of a preset in its place.

    Raises
    ------
    OptionError
        No preset has that name.
    """
    if lossy is None or lossy.preset is None:
        return lossy
    preset = _PRESETS.get(lossy.preset)
    if preset is None:
        raise OptionError(
            f"no lossy preset is called {lossy.preset!r}; there are {', '.join(_PRESETS)}"
        )
    return Lossy(ratio=preset.ratio)
