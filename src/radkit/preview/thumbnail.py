"""Thumbnails: one frame, windowed and made small, as an array or a picture file.

The picture is what `radkit.render` gives: the window, the palette and the aspect in
millimetres of the header. The encoders are those of imagecodecs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from radkit.errors import EncodeError, MissingDependency, OptionError

if TYPE_CHECKING:
    from radkit.pixels.frames import Frames

__all__ = ["FORMATS", "encode_picture", "thumbnail"]

Picture: TypeAlias = NDArray[np.uint8]
Format = Literal["jpeg", "png", "webp", "avif", "jxl"]

FORMATS = ("jpeg", "png", "webp", "avif", "jxl")
QUALITY = 90  # of the lossy ones; a picture to look at, never to measure
_REPRESENTATIVE_FRAME = 0x00286010


@overload
def thumbnail(
    source: Any, *, size: int = 256, window: Any = "header", format: Literal["array"] = "array"
) -> Picture: ...


@overload
def thumbnail(source: Any, *, format: Format, size: int = 256, window: Any = "header") -> bytes: ...


def thumbnail(
    source: Any, *, size: int = 256, window: Any = "header", format: str = "array"
) -> Picture | bytes:
    """Make a small picture of an object.

    Parameters
    ----------
    source : source
        A DICOM object. Of several frames the representative one is taken
        (0028,6010), else the middle one.
    size : int, default 256
        Longest side in pixels, 1 to 4096. The aspect in millimetres is kept; a
        smaller image is enlarged.
    window : default "header"
        As in `radkit.render`.
    format : {"array", "jpeg", "png", "webp", "avif", "jxl"}, default "array"
        PNG is exact; the others are lossy, for the eye.

    Returns
    -------
    ndarray or bytes
        uint8 of (rows, cols) or (rows, cols, 3), or an encoded file.

    Raises
    ------
    OptionError
        `size`, `window` or `format` makes no sense.
    MissingDependency
        imagecodecs was built without the encoder.
    RadkitError
        As `radkit.render`.

    Examples
    --------
    >>> from radkit.testing import sample
    >>> thumbnail(sample("ct"), size=64).shape
    (64, 64)
    """
    from radkit.pixels import render
    from radkit.pixels.frames import Frames
    from radkit.pixels.selection import check_at_least

    side = check_at_least("size", size, 1, 4096)
    if format != "array" and format not in FORMATS:
        raise OptionError(f"format must be array or one of {', '.join(FORMATS)}, not {format!r}")
    with Frames(source) as opened, opened.named():
        obj: Any = opened.obj  # opened once, whatever the source
        picture: Picture = render(
            obj, frames=_frame(opened), window=window, size=(side, side), threads=1
        )
    return picture if format == "array" else encode_picture(picture, format)


def _frame(opened: Frames) -> int:
    frames = opened.image.frames
    stated = opened.obj.elements.ints(_REPRESENTATIVE_FRAME) if frames > 1 else ()
    if stated and 1 <= stated[0] <= frames:
        return int(stated[0]) - 1
    return frames // 2


def encode_picture(picture: Picture, format: str) -> bytes:
    """Encode an 8-bit picture of (rows, cols) or (rows, cols, 3) as a file.

    Parameters
    ----------
    picture : ndarray
        uint8.
    format : {"jpeg", "png", "webp", "avif", "jxl"}

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
        return bytes(
            getattr(imagecodecs, f"{name}_encode")(np.ascontiguousarray(picture), **options)
        )
    except ImportError:
        raise MissingDependency(f"imagecodecs was built without {name}") from None
    except (RuntimeError, ValueError) as error:
        raise EncodeError(f"the {format} encoder refused: {error}") from error
