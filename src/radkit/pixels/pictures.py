"""Pictures of plain arrays, which have no header: window, polarity and size only."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from radkit import limits
from radkit.errors import OptionError
from radkit.pixels.colours import to_eight_bits
from radkit.pixels.display import auto_window, make_stage, value_counts
from radkit.pixels.modality import Modality
from radkit.pixels.resize import fit, resize
from radkit.pixels.selection import FrameChoice, allocate, check_out, choose_frames
from radkit.pixels.voi import Voi, Wanted
from radkit.pixels.workers import run_all, thread_count

__all__ = ["render_array"]

_AS_STORED = Modality()
_GREY = np.dtype(np.uint8)


def render_array(
    array: np.ndarray,
    frames: FrameChoice,
    wanted: Wanted,
    box: tuple[int, int] | None,
    reduce: int | Literal["auto"],
    invert: bool | None,
    threads: int | None,
    out: np.ndarray | None,
) -> np.ndarray:
    """Render an array; see `radkit.render`. One window, from all frames that are asked for."""
    if reduce not in ("auto", 0):
        raise OptionError("reduce is for coded frames; give size= to make an array smaller")
    colour = _is_colour(array)
    plane = 3 if colour else 2
    if array.ndim not in (plane, plane + 1) or 0 in array.shape[-plane:]:
        raise OptionError(
            f"an array to render is (rows, cols) or (frames, rows, cols), or colour of uint8 or"
            f" uint16 with 3 samples last, not {array.dtype} {array.shape}"
        )
    stack = array if array.ndim == plane + 1 else array[None]
    numbers, alone = choose_frames(frames, len(stack))
    alone = alone and (frames is not None or array.ndim == plane)
    rows, cols = stack.shape[1:3]
    size = fit(rows, cols, box) if box is not None else (rows, cols)
    shape = ((len(numbers),) if not alone else ()) + size + ((3,) if colour else ())
    check_out(out, shape, _GREY)
    limits.check("max_memory_bytes", _product(shape) + 8 * _product(stack.shape[1:]), "rendering")
    pictures = allocate(shape, _GREY) if out is None else out
    places = pictures[None] if alone else pictures
    draw = _colours(invert) if colour else _greys(stack, numbers, wanted, bool(invert))

    def work(i: int) -> None:
        frame = np.asarray(stack[numbers[i]])
        if size == (rows, cols):
            draw(frame, places[i])
            return
        picture = np.empty(frame.shape, np.uint8)
        draw(frame, picture)
        places[i] = resize(picture, size)

    run_all(
        work,
        len(numbers),
        threads=thread_count(threads, len(numbers)),
        deadline=limits.deadline(),
    )
    return pictures


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _is_colour(array: np.ndarray) -> bool:
    return array.ndim >= 3 and array.shape[-1] == 3 and array.dtype in (np.uint8, np.uint16)


def _colours(invert: bool | None) -> Any:
    def draw(frame: np.ndarray, place: np.ndarray) -> None:
        rgb = to_eight_bits(frame, 8 * frame.dtype.itemsize)
        place[...] = 255 - rgb if invert else rgb

    return draw


def _greys(stack: np.ndarray, numbers: Any, wanted: Wanted, invert: bool) -> Any:
    if stack.dtype == np.bool_:
        stack = stack.view(np.uint8)
    if stack.dtype.kind not in "iuf":
        raise OptionError(f"an array to render must be of numbers, not {stack.dtype}")
    if isinstance(wanted, tuple) and wanted[0] != "index":
        centre, width = float(wanted[0]), float(wanted[1])
        chosen = Voi("LINEAR" if width >= 1 else "LINEAR_EXACT", centre, width)
    elif wanted in ("header", "auto"):
        chosen = auto_window(*value_counts(stack[numbers], None), _AS_STORED)
    else:
        raise OptionError("an array has no header with windows: give (centre, width) or 'auto'")
    kept = stack.dtype.newbyteorder("=")
    if kept.kind == "f" and kept.itemsize not in (4, 8):
        kept = np.dtype(np.float32)
    stage = make_stage(
        _AS_STORED, chosen, dtype=kept, bits=8 * kept.itemsize, invert=invert, padding=None
    )

    def draw(frame: np.ndarray, place: np.ndarray) -> None:
        stage.draw(frame.astype(kept, copy=False), place)

    return draw
