"""Volumes in Zarr (format 3): one array for each level, and all of the volume's geometry.

The group has the attributes of OME-Zarr 0.5 (axes, scales in mm) for viewers, which know no
directions in the patient, and those of radkit beside them, from which `from_zarr` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.errors import CorruptFile, GeometryError, OptionError
from radkit.interop._common import optional
from radkit.volume.volume import Correction, Volume

__all__ = ["check_even", "from_zarr", "halved", "to_zarr", "write_levels"]

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

    check_at_least("levels", levels, 1, 16)
    write_levels(store, _halvings(volume, levels))


def _halvings(volume: Volume, levels: int) -> Iterator[Volume]:
    if levels > 1:
        check_even(volume)
    yield volume
    for _ in range(1, levels):
        volume = halved(volume)
        yield volume


def check_even(volume: Volume) -> None:
    """Raise `GeometryError` if the slices are uneven: levels of these have no place."""
    if volume.positions is not None:
        raise GeometryError(
            "levels of uneven slices have no place of their own",
            hint="Make them even first: radkit.resample(volume, spacing=...)",
        )


def write_levels(
    store: Any,
    levels: Iterable[Volume],
    *,
    layout: Callable[[Volume], dict[str, Any]] | None = None,
    notes: dict[str, Any] | None = None,
) -> list[int]:
    """Write volumes as the levels of an OME-Zarr group, finest first.

    Parameters
    ----------
    store : path, URL or zarr store
        What is there is replaced.
    levels : iterable of Volume
        Taken one by one, so that only one is in memory.
    layout : callable, optional
        What ``zarr.create_array`` is told of a volume besides its data.
    notes : dict, optional
        More attributes of the group.

    Returns
    -------
    list of int
        Bytes stored of each level.

    Raises
    ------
    MissingDependency
        zarr is absent.
    """
    zarr = optional("zarr", "zarr")
    group = zarr.open_group(store, mode="w", zarr_format=3)
    entries, sizes = [], []
    origin = None
    for number, volume in enumerate(levels):
        names = ("z", "y", "x", "c")[: volume.array.ndim]
        stored = group.create_array(
            str(number),
            data=np.ascontiguousarray(volume.array),
            dimension_names=names,
            **(layout(volume) if layout else {}),
        )
        stored.attrs["radkit"] = _attributes(volume)
        sizes.append(int(stored.nbytes_stored()))
        origin = volume.affine[:3, 3].copy() if origin is None else origin
        entries.append(_level(volume, number, origin))
    group.attrs.update(notes or {})
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(volume, entries)]}
    return sizes


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


def halved(volume: Volume, axes: tuple[bool, bool, bool] = (True, True, True)) -> Volume:
    """Return means of pairs of voxels along some axes; of an odd number the last stands alone."""
    array = volume.array
    steps = tuple(2 if n > 1 and along else 1 for n, along in zip(array.shape, axes, strict=False))
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


def _level(volume: Volume, number: int, origin: NDArray[np.float64]) -> dict[str, Any]:
    """Say where a level lies: spacing, and first voxel from that of the finest, along the axes."""
    count = volume.array.ndim
    directions = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    shift = np.linalg.solve(directions, volume.affine[:3, 3] - origin)
    return {
        "path": str(number),
        "coordinateTransformations": [
            {"type": "scale", "scale": [*volume.spacing, 1.0][:count]},
            {"type": "translation", "translation": [*(float(x) for x in shift), 0.0][:count]},
        ],
    }


def _multiscale(volume: Volume, entries: list[dict[str, Any]]) -> dict[str, Any]:
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    if volume.array.ndim == 4:
        axes.append({"name": "c", "type": "channel"})
    return {"axes": axes, "datasets": entries, "type": "mean"}
