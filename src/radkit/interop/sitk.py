"""Volumes as SimpleITK images and back. SimpleITK owns its memory, so voxels are copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit.errors import GeometryError
from radkit.interop._common import check_even, check_square, optional, values_of
from radkit.volume.volume import Volume

__all__ = ["from_sitk", "to_sitk"]

FRAME_OF_REFERENCE = "0020|0052"


def to_sitk(volume: Volume) -> Any:
    """Return a `SimpleITK.Image` with values, as SimpleITK's own reader gives them.

    Raises
    ------
    GeometryError
        The slices are uneven or tilted, which an ITK image cannot hold.
    MissingDependency
        SimpleITK is absent.
    """
    sitk = optional("SimpleITK", "SimpleITK")
    check_even(volume, "a SimpleITK image")
    check_square(volume, "a SimpleITK image")
    array = values_of(volume)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=array.ndim == 4)
    image.SetOrigin(volume.origin)
    image.SetSpacing([float(side) for side in np.linalg.norm(volume.affine[:3, 2::-1], axis=0)])
    image.SetDirection([float(cosine) for cosine in volume.direction[:, ::-1].ravel()])
    if volume.frame_of_reference:
        image.SetMetaData(FRAME_OF_REFERENCE, volume.frame_of_reference)
    return image


def from_sitk(image: Any) -> Volume:
    """Return a volume of a three-dimensional `SimpleITK.Image`; its voxels are the values.

    Raises
    ------
    GeometryError
        The image does not have three dimensions.
    """
    sitk = optional("SimpleITK", "SimpleITK")
    if image.GetDimension() != 3:
        raise GeometryError(f"the image has {image.GetDimension()} dimensions, a volume has 3")
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = (direction * np.array(image.GetSpacing()))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    known = image.HasMetaDataKey(FRAME_OF_REFERENCE)
    return Volume(
        sitk.GetArrayFromImage(image),
        affine,
        frame_of_reference=image.GetMetaData(FRAME_OF_REFERENCE).strip("\0 ") if known else None,
    )
