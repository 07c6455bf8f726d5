"""Volumes as `highdicom.Volume` and back: the same axes and the same LPS affine."""

from __future__ import annotations

from typing import Any

from radkit.errors import GeometryError
from radkit.interop._common import check_even, check_square, optional
from radkit.volume.volume import Volume

__all__ = ["from_highdicom", "to_highdicom"]


def to_highdicom(volume: Volume) -> Any:
    """Return a `highdicom.Volume` that shares the stored values.

    Raises
    ------
    GeometryError
        The slices are uneven or tilted.
    MissingDependency
        highdicom is absent.
    """
    hd = optional("highdicom", "highdicom")
    check_even(volume, "a highdicom volume")
    check_square(volume, "a highdicom volume")
    colour = None
    if volume.array.ndim == 4:
        from highdicom.volume import RGB_COLOR_CHANNEL_DESCRIPTOR as descriptor

        colour = {descriptor: ["R", "G", "B"]}
    return hd.Volume(
        array=volume.array,
        affine=volume.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=volume.frame_of_reference,
        channels=colour,
    )


def from_highdicom(volume: Any) -> Volume:
    """Return a volume that shares the voxels of a `highdicom.Volume`.

    Raises
    ------
    GeometryError
        It is one of a slide, or has channels that are not colour.
    """
    system = str(getattr(volume.coordinate_system, "value", volume.coordinate_system))
    if system != "PATIENT":
        raise GeometryError(f"the coordinates are those of a {system.lower()}, not of a patient")
    if volume.array.ndim not in (3, 4) or (volume.array.ndim == 4 and volume.array.shape[3] != 3):
        raise GeometryError("a volume has three dimensions, and RGB as its only channels")
    uid = volume.frame_of_reference_uid
    return Volume(volume.array, volume.affine, frame_of_reference=str(uid) if uid else None)
