"""Planes and slabs out of a volume."""

from __future__ import annotations

from radkit.mpr.image import PlaneImage
from radkit.mpr.reformat import reformat
from radkit.volume.sample import Interpolation

__all__ = ["Interpolation", "PlaneImage", "reformat"]
