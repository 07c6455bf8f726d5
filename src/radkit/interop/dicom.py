"""Volumes as series of derived DICOM images."""

from __future__ import annotations

import os
import time
from typing import Any

from radkit.dicom.uids import syntax as syntax_of
from radkit.pixels.derived import DerivedStack, write_derived
from radkit.transcoding.results import Report, Transcoded
from radkit.volume.volume import Volume

__all__ = ["Report", "write_volume"]


def write_volume(
    volume: Volume,
    dest: str | os.PathLike[str],
    *,
    like: Any,
    syntax: str = "explicit-le",
    series_description: str | None = None,
) -> Report:
    """Write a volume as `radkit.Volume.to_dicom` says."""
    started = time.perf_counter()
    target = syntax_of(syntax)
    step = volume.affine[:3, 0]
    places = None
    if volume.positions is not None and len(volume.positions) > 1:
        along = volume.positions - volume.positions[0]
        along = along / along[-1] * (len(along) - 1)
        places = volume.affine[:3, 3] + along[:, None] * step
    stack = DerivedStack(
        array=volume.array,
        origin=volume.affine[:3, 3],
        step=step,
        down=volume.affine[:3, 1],
        right=volume.affine[:3, 2],
        places=places,
        thickness=abs(volume.spacing[0]),
        slope=volume.slope,
        intercept=volume.intercept,
        units=volume.units,
        padding=volume.padding,
        frame_of_reference=volume.frame_of_reference,
        instances=volume.sources or volume.instances,
        own_instances=not volume.sources and len(volume.instances) == len(volume.array),
    )
    written = write_derived(
        stack, dest, like=like, syntax=syntax, series_description=series_description, folder=True
    )
    entries = tuple(
        (
            k,
            Transcoded(
                path=image.path,
                syntax=target,
                way="pixels",
                bytes_in=image.pixel_bytes,
                bytes_out=image.size,
                max_error=0 if target.encapsulated else None,  # decoded again, and equal
                ratio=image.pixel_bytes / max(image.coded_bytes, 1),
                ratio_stored=image.pixel_bytes / max(image.coded_bytes, 1),
            ),
        )
        for k, image in enumerate(written)
    )
    uids = {
        old: image.instance_uid
        for old, image in zip(volume.instances, written, strict=False)
        if old and volume.instances.count(old) == 1
    }
    return Report(entries=entries, uid_map=uids, seconds=time.perf_counter() - started)
