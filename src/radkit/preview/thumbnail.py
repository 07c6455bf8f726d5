"""Small pictures of objects and series, as arrays or picture files.

A picture is what `radkit.render` gives: the window, the palette and the aspect in
millimetres of the header. The encoders are those of imagecodecs; Pillow writes files
with several pictures.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from radkit.errors import EncodeError, MissingDependency, OptionError
from radkit.preview.label import LABEL, labelled_file

if TYPE_CHECKING:
    from radkit.pixels.frames import Frames

__all__ = ["FORMATS", "Format", "Kind", "encode_picture", "thumbnail"]

Picture: TypeAlias = NDArray[np.uint8]
Format = Literal["jpeg", "png", "webp", "avif", "jxl"]
Kind = Literal["middle", "sheet", "animated"]

FORMATS = ("jpeg", "png", "webp", "avif", "jxl")
MOVING = ("png", "webp", "avif")
QUALITY = 90  # of the lossy ones; a picture to look at, never to measure
MOST_ON_A_SHEET = 20
MILLISECONDS = 66  # of a picture of an animated file
_REPRESENTATIVE_FRAME = 0x00286010


@overload
def thumbnail(
    source: Any,
    *,
    size: int = 256,
    window: Any = "header",
    format: Literal["array"] = "array",
    kind: Kind = "middle",
) -> Picture: ...


@overload
def thumbnail(
    source: Any, *, format: Format, size: int = 256, window: Any = "header", kind: Kind = "middle"
) -> bytes: ...


def thumbnail(
    source: Any,
    *,
    size: int = 256,
    window: Any = "header",
    format: str = "array",
    kind: Kind = "middle",
) -> Picture | bytes:
    """Make a small picture of an object or a series.

    Parameters
    ----------
    source : source, or sequence of sources, or a folder
        A DICOM object, or the objects of a series, ordered by their positions.
    size : int, default 256
        Longest side in pixels, 1 to 4096. The aspect in millimetres is kept; a
        smaller image is enlarged.
    window : default "header"
        As in `radkit.render`.
    format : {"array", "jpeg", "png", "webp", "avif", "jxl"}, default "array"
        PNG is exact; the others are lossy, for the eye.
    kind : {"middle", "sheet", "animated"}, default "middle"
        ``"middle"``: one frame. Of several frames of an object the representative one
        (0028,6010), else the middle one; of a series the middle slice. ``"sheet"``: up to
        20 frames from the first to the last, side by side. ``"animated"``: all frames;
        an array of (frames, rows, cols[, 3]), or a PNG, WebP or AVIF that moves.

    Returns
    -------
    ndarray or bytes
        uint8 of (rows, cols) or (rows, cols, 3), or an encoded file. The comment of a
        JPEG or PNG says that it is a preview.

    Raises
    ------
    OptionError
        `size`, `window`, `format` or `kind` makes no sense.
    MissingDependency
        An encoder is absent.
    RadkitError
        As `radkit.render`.

    Examples
    --------
    >>> from radkit.testing import sample
    >>> thumbnail(sample("ct"), size=64).shape
    (64, 64)
    """
    from radkit.pixels.selection import check_at_least

    side = check_at_least("size", size, 1, 4096)
    if format != "array" and format not in FORMATS:
        raise OptionError(f"format must be array or one of {', '.join(FORMATS)}, not {format!r}")
    if kind == "middle":
        picture = _middle(source, side, window)
        return picture if format == "array" else encode_picture(picture, format, label=LABEL)
    if kind == "sheet":
        picture = _sheet(source, side, window)
        return picture if format == "array" else encode_picture(picture, format, label=LABEL)
    if kind != "animated":
        raise OptionError(f"kind must be middle, sheet or animated, not {kind!r}")
    if format not in ("array", *MOVING):
        raise OptionError(f"a file that moves is one of {', '.join(MOVING)}, not {format!r}")
    pictures = _all(source, side, window)
    return pictures if format == "array" else _encode_moving(pictures, format)


def _is_series(source: Any) -> bool:
    if isinstance(source, str | os.PathLike):
        return os.path.isdir(source)
    return isinstance(source, Sequence) and not isinstance(source, bytes | bytearray | memoryview)


def _middle(source: Any, side: int, window: Any) -> Picture:
    from radkit.preview.series import in_order

    if _is_series(source):
        objects = in_order(source)
        source = objects[len(objects) // 2]
    return _draw(source, None, side, window)


def _draw(source: Any, frame: int | None, side: int, window: Any) -> Picture:
    """Draw a frame, None for the one that stands for its object."""
    from radkit.pixels.frames import Frames
    from radkit.pixels.rendering import render_frames

    with Frames(source) as opened, opened.named():
        number = _frame(opened) if frame is None else frame
        picture: Picture = render_frames(
            opened, frames=number, window=window, size=(side, side), threads=1
        )
    return picture


def _frame(opened: Frames) -> int:
    frames = opened.image.frames
    stated = opened.obj.elements.ints(_REPRESENTATIVE_FRAME) if frames > 1 else ()
    if stated and 1 <= stated[0] <= frames:
        return int(stated[0]) - 1
    return frames // 2


def _places(source: Any) -> list[tuple[Any, int]]:
    from radkit.pixels.frames import Frames
    from radkit.preview.series import frames_in_order

    if _is_series(source):
        return frames_in_order(source)
    with Frames(source) as opened:
        return [(source, number) for number in range(opened.image.frames)]


def _sheet(source: Any, side: int, window: Any) -> Picture:
    """Draw up to 20 frames, evenly from the first to the last, in a grid near to a square."""
    places = _places(source)
    count = min(len(places), MOST_ON_A_SHEET)
    chosen = [round(k * (len(places) - 1) / max(count - 1, 1)) for k in range(count)]
    across = math.ceil(math.sqrt(count))
    cell = max(1, side // across)
    pictures = [_draw(*places[number], cell, window) for number in chosen]
    colour = any(picture.ndim == 3 for picture in pictures)
    down = -(-count // across)
    sheet = np.zeros((down * cell, across * cell, *((3,) if colour else ())), np.uint8)
    for k, picture in enumerate(pictures):
        rows, cols = picture.shape[:2]
        top = k // across * cell + (cell - rows) // 2
        left = k % across * cell + (cell - cols) // 2
        shown = picture[..., None] if colour and picture.ndim == 2 else picture
        sheet[top : top + rows, left : left + cols] = shown
    return sheet


def _all(source: Any, side: int, window: Any) -> Picture:
    """Draw all frames; of one size, as one array."""
    from radkit import limits

    places = _places(source)
    limits.check("max_memory_bytes", len(places) * side * side * 3, "pictures of all frames")
    pictures = [_draw(one, frame, side, window) for one, frame in places]
    if len({picture.shape for picture in pictures}) > 1:
        raise OptionError("kind: the frames differ in size or colour, they make no moving picture")
    return np.stack(pictures)


def _encode_moving(pictures: Picture, format: str) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependency("a file that moves needs Pillow: pip install pillow") from None
    first, *rest = (Image.fromarray(picture) for picture in pictures)
    file = io.BytesIO()
    told: dict[str, Any] = {} if format == "png" else {"quality": QUALITY}
    try:
        first.save(
            file,
            format=format,
            save_all=True,
            append_images=rest,
            duration=MILLISECONDS,
            loop=0,
            **told,
        )
    except (OSError, KeyError, ValueError) as error:
        raise EncodeError(f"the {format} encoder refused: {error}") from error
    return labelled_file(file.getvalue(), format, LABEL)


def encode_picture(picture: Picture, format: str, *, label: str | None = None) -> bytes:
    """Encode an 8-bit picture of (rows, cols) or (rows, cols, 3) as a file.

    Parameters
    ----------
    picture : ndarray
        uint8.
    format : {"jpeg", "png", "webp", "avif", "jxl"}
    label : str, optional
        Words for the comment of a JPEG or PNG, ASCII of up to 1000 letters; other files carry none.

    Raises
    ------
    OptionError
        The format is unknown, or the array is no such picture.
    MissingDependency
        imagecodecs was built without the encoder.
    EncodeError
        The encoder refused, because of the size as a rule.
    """
    if format not in FORMATS:
        raise OptionError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    colour = picture.ndim == 3 and picture.shape[2] == 3
    if label is not None and not (label.isascii() and len(label) <= 1000):
        raise OptionError("label must be ASCII, up to 1000 letters")
    if picture.dtype != np.uint8 or not (picture.ndim == 2 or colour):
        raise OptionError("a picture is uint8, (rows, cols) or (rows, cols, 3)")
    import imagecodecs

    options: dict[str, Any] = {} if format == "png" else {"level": QUALITY}
    if format == "webp":
        # WebP knows no grey, and its encoder is lossless unless told otherwise.
        picture = picture if colour else np.repeat(picture[..., None], 3, axis=2)
        options["lossless"] = False
    name = {"jxl": "jpegxl", "jpeg": "jpeg8"}.get(format, format)
    try:
        data = bytes(
            getattr(imagecodecs, f"{name}_encode")(np.ascontiguousarray(picture), **options)
        )
    except ImportError:
        raise MissingDependency(f"imagecodecs was built without {name}") from None
    except (RuntimeError, ValueError) as error:
        raise EncodeError(f"the {format} encoder refused: {error}") from error
    return data if label is None else labelled_file(data, format, label)
