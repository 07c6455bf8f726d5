"""Objects into other transfer syntaxes, proven: one, or many with a report."""

from __future__ import annotations

from radkit.codecs.options import Coding, Lossy
from radkit.transcoding.many import transcode_many
from radkit.transcoding.one import transcode
from radkit.transcoding.presets import LossyPreset, lossy_presets
from radkit.transcoding.results import Report, Transcoded

__all__ = [
    "Coding",
    "Lossy",
    "LossyPreset",
    "Report",
    "Transcoded",
    "lossy_presets",
    "transcode",
    "transcode_many",
]
