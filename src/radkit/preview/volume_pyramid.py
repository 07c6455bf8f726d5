"""A series as an OME-Zarr volume in several resolutions, its slices coded as HTJ2K."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radkit.codecs.options import Lossy
from radkit.errors import OptionError
from radkit.preview.label import LABEL

if TYPE_CHECKING:
    from radkit.volume.volume import Volume

__all__ = ["VolumePyramid", "volume_pyramid"]

# An axis is halved as long as its voxels are not this much longer than the shortest.
NEARLY_EQUAL = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePyramid:
    """What `preview.volume_pyramid` wrote.

    Parameters
    ----------
    store : path, URL or zarr store
    shapes : tuple of (slices, rows, cols)
        Of the levels, the finest first.
    spacings : tuple of (float, float, float)
        mm between slices, rows and columns.
    sizes : tuple of int
        Bytes stored of each level.
    """

    store: Any
    shapes: tuple[tuple[int, ...], ...]
    spacings: tuple[tuple[float, float, float], ...]
    sizes: tuple[int, ...]

    def volume(self, level: int = 0) -> Volume:
        """Read a level with its geometry.

        Raises
        ------
        OptionError
            There is no such level.
        RadkitError
            As `Volume.from_zarr`.
        """
        from radkit.volume.volume import Volume

        if not 0 <= level < len(self.shapes):
            raise OptionError(f"level must be 0 to {len(self.shapes) - 1}, not {level!r}")
        return Volume.from_zarr(self.store, level=level)


def volume_pyramid(
    series: Any,
    dest: Any,
    *,
    levels: int = 3,
    lossy: Lossy | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VolumePyramid:
    """Write a series as OME-Zarr 0.5 (Zarr 3), in several resolutions.

    Parameters
    ----------
    series : source, sequence of sources, folder or Volume
        As in `radkit.load_volume`.
    dest : path, URL or zarr store
        What is there is replaced.
    levels : int, default 3
        Resolutions, the full one included, 1 to 16. Rows and columns are halved from one
        to the next, slices only where they are about as near to each other.
    lossy : Lossy, optional
        ``ratio``, ``psnr`` or ``max_error`` of each slice. Default: lossless.
    progress : callable, optional
        Called with (levels done, levels).

    Returns
    -------
    VolumePyramid

    Raises
    ------
    OptionError
        An option is out of range.
    GeometryError
        The series is no volume, or its slices are uneven.
    MissingDependency
        zarr is absent.

    Notes
    -----
    Each slice is a chunk, coded by the Zarr codec ``radkit.htj2k``; values that are no
    integers are stored by zarr's own codec. Coarser voxels are means of the finer ones.
    ``scale`` and ``translation`` are millimetres along the axes of the volume, from the
    centre of its first voxel; the affine of the patient is in the attribute ``radkit``.
    The group's attribute ``preview`` says from which level on the values are a preview.
    """
    from radkit.interop.store import check_even, write_levels
    from radkit.pixels.selection import check_at_least
    from radkit.volume.load import load_volume
    from radkit.volume.volume import Volume

    check_at_least("levels", levels, 1, 16)
    aim = _aim(lossy)
    volume = series if isinstance(series, Volume) else load_volume(series)
    check_even(volume)
    shapes: list[tuple[int, ...]] = []
    spacings: list[tuple[float, float, float]] = []

    def each() -> Iterator[Volume]:
        for number, level in enumerate(_levels(volume, levels)):
            shapes.append(level.array.shape)
            spacings.append(level.spacing)
            yield level
            if progress is not None:
                progress(number + 1, levels)

    sizes = write_levels(
        dest, each(), layout=lambda level: _layout(level, aim), notes={"preview": _note(aim)}
    )
    return VolumePyramid(
        store=dest, shapes=tuple(shapes), spacings=tuple(spacings), sizes=tuple(sizes)
    )


def _aim(lossy: Lossy | None) -> dict[str, Any]:
    if lossy is None:
        return {}
    from radkit.interop.zarr_htj2k import AIMS

    given = {name: getattr(lossy, name) for name in AIMS if getattr(lossy, name) is not None}
    if not given:
        raise OptionError(f"lossy: a volume takes one of {', '.join(AIMS)}")
    return given


def _note(aim: dict[str, Any]) -> dict[str, Any]:
    """Say which levels are previews: of a lossy pyramid all, else those below the first."""
    return {"label": LABEL, "levels_from": 0 if aim else 1, "lossy": aim or None}


def _levels(volume: Volume, levels: int) -> Iterator[Volume]:
    from radkit.interop.store import halved

    yield volume
    for _ in range(1, levels):
        shortest = min(volume.spacing[1:])
        slices = volume.spacing[0] <= NEARLY_EQUAL * shortest
        volume = halved(volume, (slices, True, True))
        yield volume


def _layout(volume: Volume, aim: dict[str, Any]) -> dict[str, Any]:
    """Return how zarr stores a level: one chunk for each slice."""
    chunks = (1, *volume.array.shape[1:])
    if volume.array.dtype.kind not in "iu":
        if aim:
            raise OptionError("lossy: values that are no integers are stored without loss")
        return {"chunks": chunks}
    from radkit.interop.zarr_htj2k import HTJ2K

    samples = 3 if volume.array.ndim == 4 else 1
    return {
        "chunks": chunks,
        "serializer": HTJ2K(samples=samples, **aim),
        "compressors": None,
        "filters": None,
    }
