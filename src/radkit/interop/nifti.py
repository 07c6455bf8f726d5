"""Volumes as nibabel images and back: (column, row, slice) indices, RAS millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radkit.errors import GeometryError
from radkit.interop._common import check_even, optional, xyz_affine
from radkit.volume.volume import Volume

__all__ = ["from_nibabel", "to_nibabel"]

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT


class _Scaled:
    """Stored values that look like values: what nibabel calls an array proxy."""

    is_proxy = True

    def __init__(self, stored: NDArray[Any], slope: float, intercept: float) -> None:
        self._stored = stored
        self.slope, self.inter = slope, intercept
        self.shape, self.ndim, self.dtype = stored.shape, stored.ndim, stored.dtype

    def get_unscaled(self) -> NDArray[Any]:
        return self._stored

    def get_scaled(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        return self._scale(self._stored, dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("values cannot be had without a copy of the stored ones")
        return self._scale(self._stored, dtype)

    def __getitem__(self, part: Any) -> NDArray[Any]:
        return self._scale(self._stored[part], None)

    def _scale(self, stored: NDArray[Any], dtype: DTypeLike | None) -> NDArray[Any]:
        values: NDArray[Any] = stored * np.float64(self.slope) + np.float64(self.inter)
        return values if dtype is None else values.astype(dtype)


def _scaled_image(nibabel: Any, data: _Scaled, affine: NDArray[np.float64], header: Any) -> Any:
    """Return an image that reads as values and is written as stored integers with slope."""

    class ScaledImage(nibabel.Nifti1Image):  # type: ignore[misc]  # nibabel is not imported above
        def to_file_map(self, file_map: Any = None, dtype: DTypeLike | None = None) -> None:
            """Write the stored values, which nibabel itself would scale anew."""
            stored = nibabel.Nifti1Image(self.dataobj.get_unscaled(), None, self.header)
            stored.header.set_slope_inter(self.dataobj.slope, self.dataobj.inter)
            stored.to_file_map(self.file_map if file_map is None else file_map, dtype=dtype)

    return ScaledImage(data, affine, header)


def to_nibabel(volume: Volume) -> Any:
    """Return a `nibabel.Nifti1Image` that shares the stored values; slope and intercept are kept.

    Raises
    ------
    GeometryError
        The slices are uneven.
    MissingDependency
        nibabel is absent.
    """
    nibabel = optional("nibabel", "nibabel")
    check_even(volume, "a NIfTI image")
    stored = volume.array
    if stored.ndim == 4:
        if stored.dtype != np.uint8:
            raise GeometryError("NIfTI holds colour of 8 bits only")
        stored = np.ascontiguousarray(stored).view(RGB)[..., 0]
    stored = stored.transpose(2, 1, 0)
    affine = TO_RAS @ xyz_affine(volume)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(stored.dtype)
    if volume.slope == 1 and volume.intercept == 0:
        image = nibabel.Nifti1Image(stored, affine, header)
    else:
        scaled = _Scaled(stored, volume.slope, volume.intercept)
        image = _scaled_image(nibabel, scaled, affine, header)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=SCANNER)
    # A quaternion cannot hold a gantry tilt; the affine of the sform can.
    image.set_qform(None if volume.sheared else affine, code=0 if volume.sheared else SCANNER)
    return image


def from_nibabel(image: Any) -> Volume:
    """Return a volume of a three-dimensional nibabel image.

    Stored values are not scaled if nibabel keeps them apart from slope and intercept (as
    for what it loaded from a file); an array in memory is shared.

    Raises
    ------
    GeometryError
        The image does not have three dimensions.
    """
    data, slope, intercept = image.dataobj, 1.0, 0.0
    if getattr(data, "is_proxy", False):
        stored = data.get_unscaled()
        slope, intercept = float(data.slope), float(data.inter)
    else:
        stored = np.asanyarray(data)
    while stored.ndim > 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    if stored.ndim != 3:
        raise GeometryError(
            f"the image has the shape {stored.shape}, a volume has 3 dimensions",
            hint="Take one part of it: image.slicer[..., i]",
        )
    array = stored.transpose(2, 1, 0)
    if array.dtype.names == RGB.names:
        array = np.stack([array[name] for name in array.dtype.names], axis=-1)
    elif array.dtype.names is not None or array.dtype.kind not in "iuf":
        raise GeometryError(f"voxels of {array.dtype} are no grey values or RGB")
    affine = (TO_RAS @ np.asarray(image.affine, dtype=np.float64))[:, [2, 1, 0, 3]]
    return Volume(array, affine, slope, intercept)
