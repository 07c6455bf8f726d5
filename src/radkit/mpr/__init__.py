"""Planes, slabs, stacks, curves and projections out of a volume."""

from __future__ import annotations

from radkit.mpr.colormaps import COLORMAPS
from radkit.mpr.curved import CurvedImage, curved_reformat
from radkit.mpr.image import PlaneImage
from radkit.mpr.overlay import overlay
from radkit.mpr.project import Projection, project
from radkit.mpr.reformat import reformat
from radkit.mpr.resample import resample
from radkit.mpr.stack import reformat_stack
from radkit.mpr.windows import WINDOWS
from radkit.volume.sample import Interpolation

__all__ = [
    "COLORMAPS",
    "WINDOWS",
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
]
