"""A reader for MONAI that loads series with `radkit.load_volume`.

``monai.transforms.LoadImage(reader=RadkitReader())`` gives the same axes (column, row,
slice) and the same RAS affine as MONAI's own readers where these are right, and true ones
for what they get wrong: gantry tilt, slices whose numbers do not follow their positions,
enhanced multi-frame objects, slopes that differ by slice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import GeometryError, MissingDependency
from radkit.interop._common import values_of, xyz_affine
from radkit.volume import Volume, load_volume

__all__ = ["RadkitReader"]

if TYPE_CHECKING:
    _Base: Any = object
else:
    try:
        from monai.data import ImageReader as _Base
    except ImportError:
        _Base = None

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class RadkitReader(_Base or object):  # type: ignore[misc]  # MONAI's class, if it is there
    """Reads DICOM series for MONAI.

    Parameters
    ----------
    affine_lps_to_ras : bool, default True
        Give the affine in RAS, as MONAI's transforms expect it.
    **options
        Of `radkit.load_volume`. Uneven slices are resampled to a regular grid unless
        ``uneven`` says something else, as MONAI knows regular ones only.

    Raises
    ------
    MissingDependency
        MONAI is absent.
    """

    def __init__(self, *, affine_lps_to_ras: bool = True, **options: Any) -> None:
        if _Base is None:
            raise MissingDependency("RadkitReader needs MONAI: pip install monai")
        super().__init__()
        self.affine_lps_to_ras = affine_lps_to_ras
        self.options = {"uneven": "resample", **options}

    def verify_suffix(self, filename: Sequence[Any] | Any) -> bool:
        """Tell whether these are folders, or files that look like DICOM objects."""
        return all(_is_dicom(Path(os.fspath(name))) for name in _listed(filename))

    def read(self, data: Sequence[Any] | Any, **options: Any) -> list[Volume]:
        """Load one volume for each folder; files together are one series.

        Raises
        ------
        GeometryError, CorruptFile, LimitExceeded
            As `radkit.load_volume`.
        """
        names = _listed(data)
        options = {**self.options, **options}
        if all(Path(os.fspath(name)).is_file() for name in names):
            return [load_volume(names, **options)]
        return [load_volume(name, **options) for name in names]

    def get_data(self, img: Sequence[Volume] | Volume) -> tuple[NDArray[Any], dict[str, Any]]:
        """Return the values (column, row, slice) and what MONAI asks to be told of them.

        Several volumes of the same grid are stacked as channels, first.

        Raises
        ------
        GeometryError
            Several volumes have different grids.
        """
        volumes = [img] if isinstance(img, Volume) else list(img)
        first = volumes[0]
        for other in volumes[1:]:
            if not first.geometry.matches(other.geometry):
                raise GeometryError(
                    "volumes of different grids cannot become channels",
                    hint="Bring them onto one first: radkit.resample(volume, like=...)",
                )
        arrays = [_array(volume) for volume in volumes]
        channel: float | int = float("nan")  # MONAI's word for "there is none"
        array = arrays[0]
        if len(arrays) > 1:
            array, channel = np.stack(arrays), 0
        elif first.array.ndim == 4:
            channel = -1
        affine = xyz_affine(first)
        if self.affine_lps_to_ras:
            affine = TO_RAS @ affine
        return array, {
            "affine": affine,
            "original_affine": affine.copy(),
            "spatial_shape": np.array(first.array.shape[2::-1]),
            "space": "RAS" if self.affine_lps_to_ras else "LPS",
            "original_channel_dim": channel,
            "units": first.units,
            "corrections": [f"{one.code}: {one.text}" for one in first.corrections],
        }


def _listed(names: Sequence[Any] | Any) -> list[Any]:
    if isinstance(names, (str, os.PathLike)):
        return [names]
    return list(names)


def _is_dicom(path: Path) -> bool:
    if path.is_dir():
        return True
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _array(volume: Volume) -> NDArray[Any]:
    values = values_of(volume)
    return np.ascontiguousarray(values.transpose(2, 1, 0, *range(3, values.ndim)))
