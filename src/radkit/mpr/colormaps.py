"""Colour maps: tables of 256 colours, computed from a few corners.

`hot`, `bone`, `cool`, `copper`, `gray`, `jet` are those of these names in MATLAB and
matplotlib; `hot_iron` is a well-known palette of PS3.6 Annex B.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radkit.errors import OptionError

__all__ = ["COLORMAPS", "table"]

Corners: TypeAlias = tuple[tuple[float, float], ...]

# For each map the corners (place, intensity) of red, green and blue, all from 0 to 1.
_RAMP: Corners = ((0, 0), (1, 1))
_NONE: Corners = ((0, 0), (1, 0))
_BONE_1, _BONE_2 = 0.365079, 0.746032
_MAPS: dict[str, tuple[Corners, Corners, Corners]] = {
    "gray": (_RAMP, _RAMP, _RAMP),
    "red": (_RAMP, _NONE, _NONE),
    "green": (_NONE, _RAMP, _NONE),
    "blue": (_NONE, _NONE, _RAMP),
    "hot": (
        ((0, 0.0416), (_BONE_1, 1), (1, 1)),
        ((0, 0), (_BONE_1, 0), (_BONE_2, 1), (1, 1)),
        ((0, 0), (_BONE_2, 0), (1, 1)),
    ),
    "bone": (
        ((0, 0), (_BONE_2, 0.652778), (1, 1)),
        ((0, 0), (_BONE_1, 0.319444), (_BONE_2, 0.777778), (1, 1)),
        ((0, 0), (_BONE_1, 0.444444), (1, 1)),
    ),
    "cool": (_RAMP, ((0, 1), (1, 0)), ((0, 1), (1, 1))),
    "copper": (
        ((0, 0), (0.809524, 1), (1, 1)),
        ((0, 0), (1, 0.7812)),
        ((0, 0), (1, 0.4975)),
    ),
    "jet": (
        ((0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)),
        ((0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)),
        ((0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)),
    ),
}
COLORMAPS = (*_MAPS, "hot_iron")


@lru_cache(maxsize=32)
def _named(name: str) -> NDArray[np.uint8]:
    if name == "hot_iron":
        # PS3.6 B.1.1: red to the middle, then green, blue in the last quarter.
        i = np.arange(256)
        made = np.stack([2 * i, 2 * (i - 128), 4 * (i - 192)], axis=1).clip(0, 255)
        found = made.astype(np.uint8)
    else:
        places = np.linspace(0, 1, 256)
        corners = [np.array(corners, float) for corners in _MAPS[name]]
        parts = [np.interp(places, ends[:, 0], ends[:, 1]) for ends in corners]
        found = np.floor(np.stack(parts, axis=1) * 255 + 0.5).astype(np.uint8)
    found.flags.writeable = False
    return found


def table(colormap: str | ArrayLike) -> NDArray[np.uint8]:
    """Return the colours of a map.

    Parameters
    ----------
    colormap : str or array_like
        A name of `COLORMAPS`, or a table of its own: (n, 3), n >= 2, uint8.

    Returns
    -------
    ndarray
        uint8 (n, 3), red, green and blue; 256 colours for a name.

    Raises
    ------
    OptionError
        There is no such map, or the table is none.
    """
    if isinstance(colormap, str):
        if colormap not in COLORMAPS:
            raise OptionError(f"colormap must be one of {', '.join(COLORMAPS)}, or a table")
        return _named(colormap)
    found: NDArray[Any] = np.asarray(colormap)
    if found.ndim != 2 or found.shape[1] != 3 or len(found) < 2 or found.dtype != np.uint8:
        raise OptionError("a table of colours must be uint8 of (n, 3), n >= 2")
    return found
