"""Series of slices as volumes in patient millimetres, with gaps, tilt and units told."""

from __future__ import annotations

from radkit.volume.load import load_volume
from radkit.volume.sort import Group
from radkit.volume.volume import Correction, Geometry, Volume

__all__ = ["Correction", "Geometry", "Group", "Volume", "load_volume"]
