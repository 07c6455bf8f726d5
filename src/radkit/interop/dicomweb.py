"""The query of a Rendered MPR Volume resource as a call (PS3.18 8.3.5.1 and 8.3.5.3).

A DICOMweb server finds and loads the volume, hands over the query, and encodes the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit.errors import OptionError
from radkit.geometry import Plane, Slab
from radkit.mpr import PlaneImage, reformat
from radkit.mpr.slices import grid_image, plane_affine
from radkit.volume.volume import Volume

__all__ = ["rendered_mpr"]

# Where the camera stands, and the plane that it sees: the up direction is superior, for
# views from head and feet it is anterior (8.3.5.3.4).
ORIENTATIONS = {
    "a": ((0, 1, 0), (0, 0, 1)),
    "p": ((0, -1, 0), (0, 0, 1)),
    "r": ((1, 0, 0), (0, 0, 1)),
    "l": ((-1, 0, 0), (0, 0, 1)),
    "h": ((0, 0, -1), (0, -1, 0)),
    "f": ((0, 0, 1), (0, -1, 0)),
}
METHODS: dict[str, Literal["max", "min", "mean"]] = {
    "maximum_ip": "max",
    "minimum_ip": "min",
    "average_ip": "mean",
}
VIEWPOINT = ("viewpointposition", "viewpointlookat", "viewpointup")
# Words that a server answers by itself: which volume, and how the picture is encoded.
SERVER = (
    "accept",
    "accept-charset",
    "animationrate",
    "annotation",
    "charset",
    "iccprofile",
    "match",
    "quality",
    "volumeinputreference",
)
KNOWN = (
    "orientation",
    "renderingmethod",
    "mprslab",
    "window",
    "viewport",
    "swivelrange",
    "animationstepsize",
    *VIEWPOINT,
)
MOST_FRAMES = 3600


def rendered_mpr(
    volume: Volume, query: str | Mapping[str, str], *, threads: int | None = None
) -> NDArray[np.uint8]:
    """Draw what the query of a Rendered MPR Volume resource asks for.

    Parameters
    ----------
    volume : Volume
        The volume data.
    query : str or mapping
        As ``"orientation=a&mprslab=10&renderingmethod=maximum_ip&viewport=512,512"``.
        ``orientation`` or the three ``viewpoint...`` words, ``renderingmethod`` (without
        one a slab is averaged), ``mprslab`` in mm (without it the plane is thin), ``window``
        (``centre,width[,function]``), ``viewport`` (``vw,vh[,sx,sy,sw,sh]``), and
        ``swivelrange`` with ``animationstepsize``, both in degrees.
    threads : int, optional
        The result does not depend on it. Default: 1.

    Returns
    -------
    ndarray
        uint8 (rows, cols), or (frames, rows, cols) with a swivel; (..., 3) for colour. It
        fits into the viewport and keeps the aspect in millimetres.

    Raises
    ------
    OptionError
        A word is unknown, not supported, given twice or malformed: an answer of 400.
    LimitExceeded
        The picture is too large.

    Notes
    -----
    `volume_rendered` and `volumetriccurvepoint` are not supported. Words about the volume and
    the encoding (`volumeinputreference`, `match`, `quality`, ...) are the server's and are
    not looked at. Without ``orientation`` the view is from the front. The viewpoint's up
    direction is up in the picture (PS3.3 C.11.30).

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.volume import Volume
    >>> volume = Volume.from_array(np.zeros((8, 10, 12), "int16"), np.eye(4)[[2, 1, 0, 3]])
    >>> rendered_mpr(volume, "orientation=f&viewport=24,24").shape
    (20, 24)
    """
    if not isinstance(volume, Volume):
        raise TypeError(f"volume must be a radkit volume, not {type(volume).__name__}")
    words = _words(query)
    plane = _plane(words).resolve(volume.centre)
    slab = _slab(words, volume, plane)
    grid = _grid(volume, plane, words.get("viewport"))
    window = _window(words.get("window"))
    angles = _angles(words)
    if angles is None:
        image = reformat(volume, plane, slab=slab, like=grid, threads=threads)
        return window.draw(image)
    rows, cols = grid.array.shape
    limits.check("max_memory_bytes", len(angles) * rows * cols * 3, "an animation")
    frames = []
    for angle in angles:
        turned = plane.rotate(angle, -np.array(plane.along_col))
        place = grid_image(plane_affine(turned, (rows, cols), grid.spacing), (rows, cols))
        image = reformat(volume, turned, slab=slab, like=place, threads=threads)
        window = window.fixed(image)  # all frames are drawn alike
        frames.append(window.draw(image))
    return np.stack(frames)


def _words(query: str | Mapping[str, str]) -> dict[str, str]:
    if isinstance(query, str):
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=64)
    else:
        pairs = [(str(key), str(value)) for key, value in query.items()]
    words: dict[str, str] = {}
    for key, value in pairs:
        name = key.strip()
        if name in words:
            raise OptionError(f"{name} is given twice")
        words[name] = value.strip()
    for name in words:
        if name not in KNOWN and name not in SERVER:
            raise OptionError(f"the query word {name[:40]!r} is not supported")
    return words


def _numbers(words: Mapping[str, str], name: str, *counts: int) -> list[float]:
    parts = words[name].split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in counts or not all(math.isfinite(number) for number in numbers):
        raise OptionError(f"{name} takes {' or '.join(map(str, counts))} numbers")
    return numbers


def _plane(words: Mapping[str, str]) -> Plane:
    given = [name for name in VIEWPOINT if name in words]
    if given and "orientation" in words:
        raise OptionError("orientation and the viewpoint words exclude each other")
    if given:
        if len(given) < 3:
            raise OptionError(f"{', '.join(VIEWPOINT)} go together")
        eye, target, up = (np.array(_numbers(words, name, 3)) for name in VIEWPOINT)
        return Plane.from_normal(target, target - eye, up=up)
    name = words.get("orientation", "a")
    if name not in ORIENTATIONS:
        raise OptionError(f"orientation is one of {', '.join(ORIENTATIONS)}")
    into, upward = ORIENTATIONS[name]
    made = Plane.from_normal((0, 0, 0), into, up=upward)
    return Plane(None, made.along_row, made.along_col)


def _slab(words: Mapping[str, str], volume: Volume, plane: Plane) -> Slab | None:
    method = words.get("renderingmethod", "average_ip")
    if method == "volume_rendered":
        raise OptionError("renderingmethod=volume_rendered is not supported")
    if method not in METHODS:
        raise OptionError(f"renderingmethod is one of {', '.join(METHODS)}")
    if "mprslab" not in words:
        return None
    mm = _numbers(words, "mprslab", 1)[0]
    # What is thicker than the volume has no more samples inside, only more work.
    away = math.dist(plane.centre or volume.centre, volume.centre)
    return Slab(mm=min(mm, 2 * away + 2 * math.hypot(*volume.extent)), project=METHODS[method])


def _grid(volume: Volume, plane: Plane, viewport: str | None) -> PlaneImage:
    """Return the pixel grid that fits the viewport: the plane is sampled just once."""
    probe = reformat(volume, plane, interpolation="nearest")
    if viewport is None:
        return grid_image(probe.affine, (probe.array.shape[0], probe.array.shape[1]))
    numbers = _numbers({"viewport": viewport}, "viewport", 2, 6)
    wide, tall = (int(number) for number in numbers[:2])
    if min(wide, tall) < 1 or max(wide, tall) > 1 << 16:
        raise OptionError("a viewport has at least 1 and at most 65536 pixels a side")
    rows, cols = probe.array.shape[:2]
    left, top, width, height = numbers[2:] if len(numbers) == 6 else (0.0, 0.0, cols, rows)
    if min(width, height) < 1 or left < 0 or top < 0 or left + width > cols or top + height > rows:
        raise OptionError("the region of the viewport is not inside of the picture")
    side = max(width * probe.spacing[1] / wide, height * probe.spacing[0] / tall)
    size = (
        max(1, round(height * probe.spacing[0] / side)),
        max(1, round(width * probe.spacing[1] / side)),
    )
    middle = probe.affine[:3] @ [top + (height - 1) / 2, left + (width - 1) / 2, 1]
    at = Plane.oblique(middle, plane.along_row, plane.along_col)
    return grid_image(plane_affine(at, size, (side, side)), size)


def _angles(words: Mapping[str, str]) -> list[float] | None:
    """Return the turns of a swivel, the initial view in the middle (8.3.5.3.9)."""
    if ("swivelrange" in words) != ("animationstepsize" in words):
        raise OptionError("swivelrange and animationstepsize go together")
    if "swivelrange" not in words:
        return None
    extent = _numbers(words, "swivelrange", 1)[0]
    step = _numbers(words, "animationstepsize", 1)[0]
    if not (0 < extent <= 360 and 0 < step <= extent):
        raise OptionError("swivelrange is up to 360 degrees, animationstepsize up to that range")
    count = int(extent / step + 1e-9)
    if count > MOST_FRAMES:
        raise OptionError(f"an animation has at most {MOST_FRAMES} frames")
    return [(number - (count - 1) / 2) * step for number in range(count)]


@dataclass(frozen=True, slots=True)
class _Window:
    """Centre, width and function (8.3.5.1.4); without centre the full contrast is found."""

    centre: float | None
    width: float
    function: str

    def fixed(self, image: PlaneImage) -> _Window:
        """Return the window itself, or that of a picture if it is still to be found."""
        if self.centre is not None:
            return self
        centre, width = image.window("auto")
        return _Window(centre, width, "linear")

    def draw(self, image: PlaneImage) -> NDArray[np.uint8]:
        if self.centre is None or image.array.ndim == 3:
            return image.render()
        if self.function == "linear":
            return image.render(window=(self.centre, self.width))
        if self.function == "linear-exact":
            return image.render(window=(self.centre + 0.5, self.width + 1))
        power = np.clip(-4 * (image.values() - self.centre) / self.width, -700, 700)
        picture = np.floor(255 / (1 + np.exp(power)) + 0.5).astype(np.uint8)
        if image.outside is not None:
            picture[image.outside] = 0
        return picture


def _window(text: str | None) -> _Window:
    if text is None:
        return _Window(None, 1.0, "linear")
    centre, width, *rest = [*text.split(","), "", ""][: max(2, text.count(",") + 1)]
    function = rest[0].strip().lower() if rest else "linear"
    if len(rest) > 1 or function not in ("linear", "linear-exact", "sigmoid"):
        raise OptionError("window takes centre,width and linear, linear-exact or sigmoid")
    pair = _numbers({"window": f"{centre},{width}"}, "window", 2)
    if pair[1] < (1 if function == "linear" else 1e-12):
        raise OptionError("the width of a window is at least 1, for other functions above 0")
    return _Window(pair[0], pair[1], function)
