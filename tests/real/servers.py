"""Servers that tests start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Orthanc:
    """Where it listens."""

    http: str
    dicom: int
    aet: str = "ORTHANC"
