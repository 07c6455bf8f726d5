"""Some header values of many objects at once, as columns: the sorting of a series needs no more.

Plain objects (a path, explicit VR little endian) take one read of their head and
one native call each; all others are opened in the general way, with the same
values. The text of a decimal string becomes the double that `float` makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from radkit._native import _pick
from radkit.dicom.objects import open_object
from radkit.errors import OptionError, RadkitError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Headers", "scan_headers"]

_HEAD = 1 << 14
_UNKNOWN_SIZE = (1 << 64) - 1
_MOST_TAGS = 64
_MOST_VALUES = 1024
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Values of many objects; row i belongs to source i.

    Parameters
    ----------
    numbers : dict of int to ndarray
        For each tag float64 of shape (objects, values); NaN where a value is absent.
    texts : dict of int to tuple
        For each tag the first value, trimmed, or None.
    errors : dict of int to RadkitError
        Rows that could not be read: NaN and None there.
    """

    numbers: dict[int, npt.NDArray[np.float64]]
    texts: dict[int, tuple[str | None, ...]]
    errors: dict[int, RadkitError]


def _head(source: Any) -> bytes | None:
    """Return the first bytes of a file, or None if that is not as simple as it sounds."""
    if not isinstance(source, (str, os.PathLike)):
        return None
    try:
        fd = os.open(source, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        return os.pread(fd, _HEAD, 0)
    except OSError:
        return None
    finally:
        os.close(fd)


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    return data.decode("ascii").split("\\", 1)[0].strip(" \0\r\n\t") or None


def _opened(
    source: Any, numbers: Mapping[int, int], texts: Iterable[int], row: npt.NDArray[np.float64]
) -> list[str | None]:
    """Read one object in the general way."""
    row[:] = np.nan
    with open_object(source) as obj:
        place = 0
        for tag in sorted(numbers):
            values = obj.elements.floats(tag)[: numbers[tag]]
            row[place : place + len(values)] = values
            place += numbers[tag]
        return [obj.elements.text(tag) for tag in texts]


def scan_headers(
    sources: Iterable[Any], *, numbers: Mapping[int, int], texts: Iterable[int] = ()
) -> Headers:
    """Read some values of the top level of many objects.

    Parameters
    ----------
    sources : iterable of source
        Paths, or anything that `open_object` takes.
    numbers : mapping of int to int
        Tag of a number element (DS, IS or binary), and how many values of it
        are wanted, at least 1.
    texts : iterable of int
        Tags of text elements.

    Returns
    -------
    Headers
        An object that cannot be read is told in `errors` and stops nothing.

    Raises
    ------
    OptionError
        Nothing is asked for, a tag twice, or a count is out of range.
    """
    text_tags = sorted(set(texts))
    tags = sorted([*numbers, *text_tags])
    if not tags or len(tags) > _MOST_TAGS or len(set(tags)) < len(tags):
        raise OptionError(f"ask for 1 to {_MOST_TAGS} tags, each of them once")
    if not all(0 <= tag < 1 << 32 for tag in tags):
        raise OptionError("a tag is a number of 32 bits, as 0x00280010")
    if not all(1 <= count <= _MOST_VALUES for count in numbers.values()):
        raise OptionError(f"the values of a tag must be 1 to {_MOST_VALUES}")
    return _scan_all(list(sources), dict(numbers), text_tags, tags)


def _scan_all(
    sources: list[Any], numbers: dict[int, int], text_tags: list[int], tags: list[int]
) -> Headers:
    native_tags = np.array(tags, np.uint32)
    widths = np.array([numbers.get(tag, 0) for tag in tags], np.int32)
    table = np.full((len(sources), int(widths.sum())), np.nan)
    rows: list[list[str | None]] = []
    errors: dict[int, RadkitError] = {}
    for i, source in enumerate(sources):
        found: list[bytes | None] = []
        head = _head(source)
        if head is not None:
            size = len(head) if len(head) < _HEAD else _UNKNOWN_SIZE
            if _pick.pick(head, size, native_tags, widths, table[i], found) and all(
                data is None or data.isascii() for data in found
            ):
                rows.append([_text(data) for data in found])
                continue
        try:
            rows.append(_opened(source, numbers, text_tags, table[i]))
        except RadkitError as error:
            table[i] = np.nan
            rows.append([None] * len(text_tags))
            errors[i] = error
    return Headers(
        numbers=_columns(table, numbers),
        texts={tag: tuple(row[k] for row in rows) for k, tag in enumerate(text_tags)},
        errors=errors,
    )


def _columns(
    table: npt.NDArray[np.float64], numbers: Mapping[int, int]
) -> dict[int, npt.NDArray[np.float64]]:
    columns = {}
    place = 0
    for tag in sorted(numbers):
        columns[tag] = table[:, place : place + numbers[tag]]
        place += numbers[tag]
    return columns
