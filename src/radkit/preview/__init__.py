"""Small pictures of large objects, and large objects sent coarse picture first."""

from __future__ import annotations

from radkit.preview.best import best
from radkit.preview.plan import plan
from radkit.preview.progressive import Progressive
from radkit.preview.pyramid import Level, Pyramid, pyramid
from radkit.preview.quality import Quality, compare
from radkit.preview.remote import Remote, open_sidecar
from radkit.preview.report import report
from radkit.preview.schedule import schedule
from radkit.preview.sidecar import Sidecar, sidecar
from radkit.preview.steps import Plan, Step
from radkit.preview.thumbnail import FORMATS, encode_picture, thumbnail
from radkit.preview.volume_pyramid import VolumePyramid, volume_pyramid
from radkit.preview.windowed import Windowed, windowed

__all__ = [
    "FORMATS",
    "Level",
    "Plan",
    "Progressive",
    "Pyramid",
    "Quality",
    "Remote",
    "Sidecar",
    "Step",
    "VolumePyramid",
    "Windowed",
    "best",
    "compare",
    "encode_picture",
    "open_sidecar",
    "plan",
    "pyramid",
    "report",
    "schedule",
    "sidecar",
    "thumbnail",
    "volume_pyramid",
    "windowed",
]
