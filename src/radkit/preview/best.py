"""The best picture of full size that the first bytes of a codestream allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from radkit.codecs._common import as_view
from radkit.codecs._j2k_decode import decode_prefix, prefix_share
from radkit.pixels.resize import check_size, fit, resize_values

__all__ = ["best"]


def best(data: Any, *, size: tuple[int, int] | None = None) -> tuple[np.ndarray, float]:
    """Decode what there is of a codestream to the full size of its image.

    Coefficients that have not come are 0, so the wavelet itself enlarges the resolutions
    that are whole, and the picture is sharper wherever code-blocks of the next one are
    there. Where a block of the lowest resolution is missing the picture is mid-grey.

    Parameters
    ----------
    data : bytes-like
        A JPEG 2000 or HTJ2K codestream, or JP2 file, from its start; as much as has come.
    size : (rows, cols), optional
        Fit inside, keeping the aspect in pixels. Default: the size of the image.

    Returns
    -------
    picture : ndarray
        As `radkit.codecs.jpeg2000.decode` gives it: (rows, cols) or (rows, cols,
        components).
    share : float
        The share of the codestream's bytes that is there, 0 to 1; where nothing says how
        many they are (several tile-parts without TLM) an estimate. Of all bytes the share
        of code-blocks that are sound.

    Raises
    ------
    TruncatedPixelData
        The main header is not whole yet.
    CorruptPixelData, LimitExceeded
        As `radkit.codecs.jpeg2000.decode`.
    OptionError
        `size` makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from radkit.codecs import htj2k
    >>> picture = np.add.outer(np.arange(256), np.arange(256)).astype(np.uint16)
    >>> stream = htj2k.encode(picture)
    >>> found, share = best(stream[: len(stream) // 2])
    >>> found.shape, 0 < share < 1
    ((256, 256), True)
    """
    box = check_size(size)
    view = as_view(data)
    reduce = 0
    if box is not None:
        reduce = _reduction(view, box)
    array, sound = decode_prefix(view, reduce=reduce)
    share = prefix_share(view)
    if share == 1.0:
        share = sound  # nothing is cut, something may be damaged
    if box is None:
        return array, share
    return resize_values(array, fit(array.shape[0], array.shape[1], box)), share


def _reduction(view: memoryview, box: tuple[int, int]) -> int:
    """Return how often both sides may be halved and still fill the box."""
    from radkit.codecs import _j2k_header

    stream = _j2k_header.parse(view, strict=False).stream
    rows, cols = stream.shape
    shape = fit(rows, cols, box)
    reduce = 0
    while (
        reduce < stream.reductions and (rows + 1) // 2 >= shape[0] and (cols + 1) // 2 >= shape[1]
    ):
        rows, cols, reduce = (rows + 1) // 2, (cols + 1) // 2, reduce + 1
    return reduce
