"""Planes, slabs, stacks, curves and projections out of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radkit.mpr.colormaps import COLORMAPS
from radkit.mpr.image import PlaneImage
from radkit.mpr.overlay import overlay
from radkit.mpr.project import Projection, project
from radkit.mpr.reformat import reformat
from radkit.mpr.resample import resample
from radkit.mpr.stack import reformat_stack
from radkit.mpr.windows import WINDOWS
from radkit.volume.sample import Interpolation

if TYPE_CHECKING:
    from radkit.mpr.curved import CurvedImage, curved_reformat

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


def __getattr__(name: str) -> Any:
    """Load what few ask for on first use: a first plane is there sooner."""
    if name not in ("CurvedImage", "curved_reformat"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from radkit.mpr import curved

    return getattr(curved, name)
