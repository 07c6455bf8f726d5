"""Volumes in Zarr (format 3): one array for each level, and all of the volume's geometry.

The group has the attributes of OME-Zarr 0.5 (axes, scales in mm) for viewers, which know no
directions in the patient, and those of radkit beside them, from which `from_zarr` reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.errors import CorruptFile, GeometryError, OptionError
from radkit.interop._common import optional
from radkit.volume.volume import Correction, Volume

__all__ = ["from_zarr", "halved", "to_zarr"]

VERSION = 1


def to_zarr(volume: Volume, store: Any, *, levels: int = 1) -> None:
    """Write a volume to a Zarr store.

    Parameters
    ----------
    volume : Volume
        What to write.
    store : path, URL or zarr store
        What is there is replaced.
    levels : int
        Level n is halved n times along each axis, by means of 2 x 2 x 2 voxels.

    Raises
    ------
    OptionError
        `levels` is out of range.
    GeometryError
        More than one level of uneven slices.
    MissingDependency
        zarr is absent.
    """
    from radkit.pixels.selection import check_at_least

    zarr = optional("zarr", "zarr")
    check_at_least("levels", levels, 1, 16)
    if levels > 1 and volume.positions is not None:
        raise GeometryError(
            "levels of uneven slices have no place of their own",
            hint="Make them even first: radkit.resample(volume, spacing=...)",
        )
    group = zarr.open_group(store, mode="w", zarr_format=3)
    entries = []
    for number in range(levels):
        if number:
            volume = halved(volume)
        names = ("z", "y", "x", "c")[: volume.array.ndim]
        group.create_array(
            str(number), data=np.ascontiguousarray(volume.array), dimension_names=names
        ).attrs["radkit"] = _attributes(volume)
        entries.append(_level(volume, number))
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(volume, entries)]}


def from_zarr(store: Any, *, level: int = 0) -> Volume:
    """Read a volume that `to_zarr` wrote.

    Raises
    ------
    CorruptFile
        There is no such level, or no volume of radkit.
    LimitExceeded
        It needs more memory than `radkit.limits` allows.
    MissingDependency
        zarr is absent.
    """
    zarr = optional("zarr", "zarr")
    if not isinstance(level, int) or level < 0:
        raise OptionError(f"level must be 0 or more, not {level!r}")
    try:
        stored = zarr.open_group(store, mode="r", zarr_format=3)[str(level)]
        told = dict(stored.attrs["radkit"])
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise CorruptFile(f"there is no volume of radkit at level {level}") from error
    size = int(np.prod(stored.shape, dtype=np.int64)) * stored.dtype.itemsize
    limits.check("max_memory_bytes", size, "a volume")
    try:
        return _volume(np.array(stored[...]), told)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptFile("the attributes of the volume are not those of radkit") from error


def halved(volume: Volume) -> Volume:
    """Return the means of 2 x 2 x 2 voxels; of an odd number of them the last stands alone."""
    array = volume.array
    steps = tuple(2 if n > 1 else 1 for n in array.shape[:3])
    total = np.zeros(
        (*(-(-n // s) for n, s in zip(array.shape, steps, strict=False)), *array.shape[3:])
    )
    for offset in np.ndindex(*steps):
        # The last voxel of an odd number is taken twice.
        part = [
            np.minimum(np.arange(o, n + (s - 1) * (n % s), s), n - 1)
            for o, n, s in zip(offset, array.shape, steps, strict=False)
        ]
        total += array[np.ix_(*part)]
    total /= np.prod(steps)
    if array.dtype.kind in "iu":
        total = np.rint(total)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [(s - 1) / 2 for s in steps]
    affine[:3, :3] *= steps
    return replace(
        volume,
        array=total.astype(array.dtype),
        affine=affine,
        instances=(),
        sources=volume.sources or tuple(dict.fromkeys(filter(None, volume.instances))),
        missing=(),
    )


def _attributes(volume: Volume) -> dict[str, Any]:
    positions = volume.positions
    return {
        "version": VERSION,
        "affine": volume.affine.tolist(),
        "slope": volume.slope,
        "intercept": volume.intercept,
        "units": volume.units,
        "padding": volume.padding,
        "frame_of_reference": volume.frame_of_reference,
        "instances": list(volume.instances),
        "sources": list(volume.sources),
        "labels": dict(volume.labels),
        "positions": None if positions is None else positions.tolist(),
        "missing": list(volume.missing),
        "corrections": [[one.code, one.text, list(one.instances)] for one in volume.corrections],
    }


def _volume(array: NDArray[Any], told: dict[str, Any]) -> Volume:
    positions = told["positions"]
    return Volume(
        array,
        np.array(told["affine"], dtype=np.float64),
        float(told["slope"]),
        float(told["intercept"]),
        str(told["units"]),
        None if told["padding"] is None else int(told["padding"]),
        told["frame_of_reference"],
        tuple(told["instances"]),
        None if positions is None else np.array(positions, dtype=np.float64),
        tuple(told["missing"]),
        tuple(
            Correction(code=code, text=text, instances=tuple(uids))
            for code, text, uids in told["corrections"]
        ),
        {str(name): str(text) for name, text in told["labels"].items()},
        tuple(told["sources"]),
    )


def _level(volume: Volume, number: int) -> dict[str, Any]:
    spacing: list[float] = [*volume.spacing, 1.0][: volume.array.ndim]
    return {
        "path": str(number),
        "coordinateTransformations": [{"type": "scale", "scale": spacing}],
    }


def _multiscale(volume: Volume, entries: list[dict[str, Any]]) -> dict[str, Any]:
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    if volume.array.ndim == 4:
        axes.append({"name": "c", "type": "channel"})
    return {"axes": axes, "datasets": entries, "type": "mean"}
