"""Render: frames as 8-bit pictures for the screen, grey or RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radkit import limits
from radkit.codecs import registry
from radkit.errors import CorruptFile, OptionError
from radkit.pixels import voi as voi_step
from radkit.pixels.colours import Supplement, read_supplement, through_palette, to_eight_bits
from radkit.pixels.display import Padding, Stage, auto_window, make_stage, value_counts
from radkit.pixels.frames import Frames, OneFrame
from radkit.pixels.modality import Modality, frame_modality
from radkit.pixels.places import Groups, frame_groups
from radkit.pixels.resize import check_size, fit, resize
from radkit.pixels.results import Source
from radkit.pixels.selection import (
    MAX_REDUCE,
    FrameChoice,
    allocate,
    check_at_least,
    check_out,
    choose_frames,
    grid_shape,
)
from radkit.pixels.spacing import pixel_aspect
from radkit.pixels.tables import Palette, read_palette
from radkit.pixels.workers import run_all, thread_count

__all__ = ["render", "render_frames"]

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
PADDING_VALUE, PADDING_LIMIT = 0x00280120, 0x00280121


def render(
    source: Source | np.ndarray,
    *,
    frames: FrameChoice = None,
    window: Any = "header",
    size: tuple[int, int] | None = None,
    reduce: int | Literal["auto"] = "auto",
    invert: bool | None = None,
    strict: bool = True,
    threads: int | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Make 8-bit pictures of frames: rescale, window, palette and polarity applied.

    Parameters
    ----------
    source : path, bytes, file object, pydicom.Dataset, or ndarray
        The object; or an array of numbers, (rows, cols), (frames, rows, cols), or
        uint8 or uint16 colour (..., rows, cols, 3), which has no header.
    frames : int, slice or sequence of int, optional
        As in `radkit.decode`.
    window : str or tuple, default "header"
        ``"header"``: the first VOI LUT or else the first window of the header,
        else the full range of Bits Stored. ``"auto"``: from the 1st to the 99th
        percentile of all frames asked for, padding left out. ``(centre, width)``
        in output units, with the VOI LUT Function of the header. ``("index", i)``:
        the i-th window, counted from 0; VOI LUTs follow the windows. Any other
        text: the window or VOI LUT with this explanation. Of an array,
        ``"header"`` means ``"auto"``. Colour has no window.
    size : (rows, cols), optional
        Fit inside, keeping the aspect in millimetres: averaged when smaller,
        interpolated when larger, after the window. Default: pixels as they are.
    reduce : int or "auto"
        Halvings while decoding, as in `radkit.decode`. ``"auto"``: as many as
        `size` and the codestream allow; none for palettes and 1-bit objects.
    invert : bool, optional
        Turn y into 255 - y. Default: for MONOCHROME1 only.
    strict : bool, default True
        If False, as in `radkit.decode`, and a window without meaning is left out.
        Both are told by a `CorrectionWarning`.
    threads : int, optional
        As in `radkit.decode`.
    out : ndarray, optional
        uint8, C-contiguous, writable, of the exact shape. Returned.

    Returns
    -------
    ndarray
        uint8, grey (rows, cols) or RGB (rows, cols, 3), with a frame axis as in
        `radkit.decode`. Grey images with a supplemental palette give RGB.

    Raises
    ------
    RadkitError, TypeError
        As `radkit.decode`.
    CorruptFile
        A window, look-up table or palette of the header makes no sense.
    OptionError
        The window that is asked for does not exist, or `reduce` is asked of a
        palette, whose indexes have no means.

    Notes
    -----
    PS3.3 C.11.1, C.11.2.1.2, C.11.2.1.3, C.7.6.19. Without `size` the result is
    floor(y + 0.5) of the formula in float64. Pixel Padding Value is background,
    0, also when inverted. RGB and palettes of 16 bits are scaled to 8. The result
    is not calibrated to a display (PS3.14).

    Examples
    --------
    >>> import radkit
    >>> from pydicom.data import get_testdata_file
    >>> picture = radkit.render(get_testdata_file("CT_small.dcm"), window=(40, 400), size=(64, 64))
    >>> picture.shape, picture.dtype
    ((64, 64), dtype('uint8'))
    """
    if isinstance(source, np.ndarray):
        from radkit.pixels.pictures import render_array

        wanted, box, halvings = _checked(window, size, reduce)
        return render_array(source, frames, wanted, box, halvings, invert, threads, out)
    _checked(window, size, reduce)
    with Frames(source, strict=strict) as opened, opened.named():
        return render_frames(
            opened,
            frames=frames,
            window=window,
            size=size,
            reduce=reduce,
            invert=invert,
            threads=threads,
            out=out,
        )


def render_frames(
    opened: Frames,
    *,
    frames: FrameChoice = None,
    window: Any = "header",
    size: tuple[int, int] | None = None,
    reduce: int | Literal["auto"] = "auto",
    invert: bool | None = None,
    threads: int | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Do what `render` does with an object that is open."""
    wanted, box, halvings = _checked(window, size, reduce)
    job = _Job.plan(opened, frames, wanted, box, halvings, invert)
    return job.run(thread_count(threads, len(job.numbers)), out)


def _checked(
    window: Any, size: Any, reduce: Any
) -> tuple[voi_step.Wanted, tuple[int, int] | None, int | Literal["auto"]]:
    """Return the options of a picture, checked before anything is read."""
    wanted = voi_step.check_window(window)
    box = check_size(size)
    if reduce != "auto":
        reduce = check_at_least("reduce", reduce, 0, MAX_REDUCE)
    return wanted, box, reduce


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One call: which frames, at which reduction, drawn how."""

    opened: Frames
    numbers: Sequence[int]
    alone: bool
    wanted: voi_step.Wanted
    size: tuple[int, int] | None
    reduce: int
    invert: bool
    groups: Groups
    palette: Palette | None
    padding: Padding | None
    supplements: dict[int, Supplement | None]  # by frame number; {} if all is grey or all colour

    @classmethod
    def plan(
        cls,
        opened: Frames,
        frames: FrameChoice,
        wanted: voi_step.Wanted,
        box: tuple[int, int] | None,
        reduce: int | Literal["auto"],
        invert: bool | None,
    ) -> _Job:
        """Read from the headers all that does not differ by frame."""
        image = opened.image
        numbers, alone = choose_frames(frames, image.frames)
        groups = frame_groups(opened)
        size = None
        if box is not None:
            aspect = pixel_aspect(groups, numbers[0] if len(numbers) else 0)
            size = fit(image.rows, image.cols, box, aspect)
        padding = _padding(opened) if image.photometric in GREY else None
        supplements = read_supplement(opened, groups, list(numbers), padding)
        indexed = image.photometric == "PALETTE COLOR" or bool(supplements)
        if reduce == "auto":
            reduce = _best_reduction(opened, numbers, size) if not indexed else 0
        elif reduce and indexed:
            raise OptionError("reduce must be 0 where there is a palette: indexes have no means")
        opened.check_ability(reduce=reduce, layers=None)
        opened.locate(numbers)
        elements = opened.obj.elements
        palette = None
        if indexed and not supplements:
            palette = read_palette(elements, signed=image.signed, big_endian=elements.big_endian)
        return cls(
            opened=opened,
            numbers=numbers,
            alone=alone,
            wanted=wanted,
            size=size,
            reduce=reduce,
            invert=image.photometric == "MONOCHROME1" if invert is None else bool(invert),
            groups=groups,
            palette=palette,
            padding=padding,
            supplements=supplements,
        )

    def run(self, threads: int, out: np.ndarray | None) -> np.ndarray:
        """Decode and draw all frames."""
        image = self.opened.image
        plane = self.size or grid_shape(image.rows, image.cols, None, self.reduce)
        colour = image.photometric not in GREY
        frame_shape = (*plane, 3) if colour or self.supplements else plane
        shape = frame_shape if self.alone else (len(self.numbers), *frame_shape)
        check_out(out, shape, np.dtype(np.uint8))
        self._check_memory(shape, threads)
        pictures = allocate(shape, np.dtype(np.uint8)) if out is None else out
        places = pictures[None] if self.alone else pictures
        deadline = limits.deadline()
        if self.wanted == "auto" and not colour:
            self._draw_together(places, threads, deadline)
            return pictures

        def work(i: int) -> None:
            frame = self._decode(i)
            if colour:
                self._place(self._colour(frame), places[i])
            else:
                self._draw(i, frame, self._stage(i, frame, stages), places[i])

        stages: dict[Any, Stage] = {}
        run_all(work, len(self.numbers), threads=threads, deadline=deadline)
        return pictures

    def _check_memory(self, shape: tuple[int, ...], threads: int) -> None:
        samples = 1
        for side in self.opened.frame_shape(None, self.reduce):
            samples *= side
        total = 1
        for side in shape:
            total *= side
        held = len(self.numbers) if self.wanted == "auto" else threads
        asked = total + samples * (held * self.opened.dtype.itemsize + threads * 8)
        limits.check("max_memory_bytes", asked, f"rendering {len(self.numbers)} frames")

    def _decode(self, i: int) -> OneFrame:
        return self.opened.decode(self.numbers[i], reduce=self.reduce)

    def _modality(self, i: int) -> Modality:
        number = self.numbers[i]
        return frame_modality(self.opened.obj, self.opened.image, self.groups, number)

    def _stage(self, i: int, frame: OneFrame, stages: dict[Any, Stage]) -> Stage:
        """Return the stage of a frame; frames with the same steps share it."""
        modality = self._modality(i)
        low, high = _stored_span(frame)
        span = modality.span(low, high)
        chosen = voi_step.pick(
            self.groups,
            self.numbers[i],
            self.wanted,
            signed=span[0] < 0,
            strict=self.opened.strict,
        )
        if chosen is None:
            if frame.array.dtype.kind == "f":  # no Bits Stored, no full range
                counted = self._counts(i, frame)
                chosen = auto_window(*counted, modality)
            else:
                chosen = voi_step.full_range(*span)
        return self._shared(modality, chosen, frame, stages)

    def _shared(
        self, modality: Modality, chosen: voi_step.Voi, frame: OneFrame, stages: dict[Any, Stage]
    ) -> Stage:
        tables = modality.lut is not None or chosen.lut is not None
        steps = (modality.slope, modality.intercept, chosen.kind, chosen.centre, chosen.width)
        key = None if tables else (*steps, frame.array.dtype, frame.bits)
        stage = stages.get(key) if key is not None else None
        if stage is None:
            stage = make_stage(
                modality,
                chosen,
                dtype=frame.array.dtype,
                bits=min(_bits(frame), 8 * frame.array.dtype.itemsize),
                invert=self.invert,
                padding=self.padding,
            )
            if key is not None:
                stages[key] = stage
        return stage

    def _draw_together(self, places: np.ndarray, threads: int, deadline: limits.Deadline) -> None:
        """Decode all frames, find one window for all of them, draw them."""
        made = run_all(self._decode, len(self.numbers), threads=threads, deadline=deadline)
        modalities = [self._modality(i) for i in range(len(made))]
        greys: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        for frame, modality in zip(made, modalities, strict=True):
            values, often = self._counts(len(greys), frame)
            greys.append(modality.apply(values))
            counts.append(often)
        together = np.concatenate(greys) if greys else np.empty(0)
        often = np.concatenate(counts) if counts else np.empty(0, np.int64)
        chosen = auto_window(together, often, Modality())
        stages: dict[Any, Stage] = {}

        def work(i: int) -> None:
            stage = self._shared(modalities[i], chosen, made[i], stages)
            self._draw(i, made[i], stage, places[i])

        run_all(work, len(made), threads=threads, deadline=deadline)

    def _counts(self, i: int, frame: OneFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the stored values that are shown as grey, and how often they occur."""
        values, often = value_counts(frame.array, self.padding)
        supplement = self.supplements.get(self.numbers[i])
        if supplement is None:
            return values, often
        grey = ~supplement.coloured(values)
        return values[grey], often[grey]

    def _draw(self, i: int, frame: OneFrame, stage: Stage, place: np.ndarray) -> None:
        if self.size is None and not self.supplements:
            stage.draw(frame.array, place)
            return
        levels = np.empty(frame.array.shape, np.uint8)
        stage.draw(frame.array, levels)
        if not self.supplements:
            self._place(levels, place)
            return
        supplement = self.supplements[self.numbers[i]]
        if supplement is None:
            self._place(np.repeat(levels[..., None], 3, axis=2), place)
        else:
            self._place(supplement.colour(frame.array, levels, invert=self.invert), place)

    def _place(self, picture: np.ndarray, place: np.ndarray) -> None:
        place[...] = picture if self.size is None else resize(picture, self.size)

    def _colour(self, frame: OneFrame) -> np.ndarray:
        """Return a colour frame as 8-bit RGB."""
        if self.palette is not None:
            rgb = through_palette(frame.array, self.palette)
        elif frame.photometric == "RGB" and frame.array.ndim == 3 and frame.array.shape[2] == 3:
            rgb = to_eight_bits(frame.array, frame.bits)
        else:
            raise CorruptFile(
                f"there is no picture of Photometric Interpretation {frame.photometric[:16]!r}"
                f" with {1 if frame.array.ndim == 2 else frame.array.shape[2]} samples per pixel",
                section="PS3.3 C.7.6.3.1.2",
            )
        return 255 - rgb if self.invert else rgb


def _bits(frame: OneFrame) -> int:
    """Return the bits of the inputs of a table: a narrow one only if no sample leaves it."""
    width = 8 * frame.array.dtype.itemsize
    if frame.array.dtype.kind not in "iu" or width > 16 or frame.bits >= width:
        return width
    return frame.bits


def _stored_span(frame: OneFrame) -> tuple[float, float]:
    if frame.array.dtype.kind == "i":
        return -float(1 << frame.bits - 1), float((1 << frame.bits - 1) - 1)
    return 0.0, float((1 << frame.bits) - 1)


def _best_reduction(opened: Frames, numbers: Sequence[int], size: tuple[int, int] | None) -> int:
    """Return the most halvings that still leave at least `size` pixels."""
    image = opened.image
    if size is None or not opened.obj.syntax.reduce or image.bits_allocated == 1 or not numbers:
        return 0
    most = 0
    while most < MAX_REDUCE:
        rows, cols = grid_shape(image.rows, image.cols, None, most + 1)
        if rows < size[0] or cols < size[1]:
            break
        most += 1
    if most:
        opened.locate(numbers[:1])
        info = registry.frame_info(opened.coding, opened.map.read(numbers[0]))
        if info is None or (image.signed and not info.signed):
            return 0  # low resolutions of bit fields are no means of values
        most = min(most, info.reductions)
    return most


def _padding(opened: Frames) -> Padding | None:
    """Return the stored values that mean padding (PS3.3 C.7.5.1.1.2), in order."""
    elements = opened.obj.elements
    values = [
        value
        for tag in (PADDING_VALUE, PADDING_LIMIT)
        if (value := padding_number(elements.raw(tag), opened)) is not None
    ]
    return (min(values), max(values)) if elements.get(PADDING_VALUE) and values else None


def padding_number(raw: memoryview | None, opened: Frames) -> float | None:
    """Return a padding value: US or SS by Pixel Representation, whatever VR it was written with."""
    if raw is None or len(raw) < 2:
        return None
    order: Literal["big", "little"] = "big" if opened.obj.elements.big_endian else "little"
    return float(int.from_bytes(raw[:2], order, signed=opened.image.signed))
