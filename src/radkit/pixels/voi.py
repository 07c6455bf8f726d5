"""Windows and VOI tables: which ones a frame has, and which one is meant (PS3.3 C.11.2).

A frame's own Frame VOI LUT Sequence counts first, then the shared one, then the
top level. Windows and tables are alternatives; "the first" is a table if there is
one, as tables are made for the image at hand and windows are their stand-in.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from radkit.dicom.elements import Elements
from radkit.dicom.functional import FRAME_VOI_LUT
from radkit.errors import CorrectionWarning, CorruptFile, OptionError
from radkit.pixels.places import Groups, places
from radkit.pixels.tables import Lut, read_lut

__all__ = ["Voi", "VoiKind", "Wanted", "check_window", "full_range", "pick", "quantile"]

CENTRE, WIDTH, EXPLANATION, FUNCTION = 0x00281050, 0x00281051, 0x00281055, 0x00281056
VOI_LUT_SEQUENCE, LUT_EXPLANATION = 0x00283010, 0x00283003

VoiKind: TypeAlias = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
Wanted: TypeAlias = "str | tuple[float, float] | tuple[Literal['index'], int]"


@dataclass(frozen=True, slots=True, eq=False)
class Voi:
    """One window, or one table; acts on the output of the modality step."""

    kind: VoiKind = "LINEAR"
    centre: float = 0.0
    width: float = 1.0
    lut: Lut | None = None
    explanation: str = ""

    def output(self, values: np.ndarray) -> np.ndarray:
        """Return the formula itself in float64, spanning 0 to 255, not rounded."""
        if self.lut is not None:
            return self.lut.apply(values) * (255.0 / ((1 << self.lut.bits) - 1))
        c, w = self.centre, self.width
        with np.errstate(over="ignore"):
            if self.kind == "SIGMOID":
                return np.asarray(255.0 / (1.0 + np.exp(-4.0 * (values - c) / w)))
            if self.kind == "LINEAR":
                c, w = c - 0.5, w - 1.0
            if w == 0:
                return np.where(values <= c, 0.0, 255.0)
            y = ((values - c) / w + 0.5) * 255.0
        y[values <= c - w / 2] = 0.0
        y[values > c + w / 2] = 255.0
        return np.asarray(y)


def check_window(window: Any) -> Wanted:
    """Return the `window` option, or refuse it.

    Raises
    ------
    OptionError
        Not a name, (centre, width) of finite numbers with width > 0, or ("index", i).
    """
    if isinstance(window, str):
        return window
    try:
        first, second = window
    except (TypeError, ValueError):
        raise OptionError(
            'window must be "header", "auto", (centre, width), ("index", i) or an explanation'
        ) from None
    if first == "index":
        if isinstance(second, bool) or not isinstance(second, int) or second < 0:
            raise OptionError(f'window ("index", i) needs an integer i >= 0, not {second!r}')
        return "index", second
    try:
        centre, width = float(first), float(second)
    except (TypeError, ValueError):
        raise OptionError("window (centre, width) must be two numbers") from None
    if not (math.isfinite(centre) and math.isfinite(width) and width > 0):
        raise OptionError(f"window needs a finite centre and a width above 0, not {window!r}")
    return centre, width


def full_range(low: float, high: float) -> Voi:
    """Return the straight line from `low`, which becomes black, to `high`, which becomes white."""
    return Voi("LINEAR_EXACT", (low + high) / 2, max(high - low, np.finfo(np.float64).tiny))


def pick(
    groups: Groups,
    frame: int,
    wanted: Wanted,
    *,
    signed: bool,
    strict: bool,
) -> Voi | None:
    """Return the VOI of a frame that is meant, or None if "header" is asked and there is none.

    Parameters
    ----------
    groups, frame
        Whose.
    wanted : Wanted
        Checked by `check_window`; not ``"auto"``.
    signed : bool
        The modality step can give negative values.
    strict : bool
        A window without meaning is an error; else it is left out, with a warning.
    """
    windows, luts = _choices(groups, frame, signed=signed)
    if isinstance(wanted, tuple):
        if wanted[0] == "index":
            return _numbered([*windows, *luts], int(wanted[1]), strict=strict)
        kind = windows[0].kind if windows else "LINEAR"
        return _sound(Voi(kind, float(wanted[0]), float(wanted[1])), strict=strict)
    if wanted != "header":
        for choice in (*windows, *luts):
            if choice.explanation == wanted:
                return _sound(choice, strict=strict)
        raise OptionError(
            "window: no window or VOI LUT of the header has this explanation;"
            f" it has {len(windows)} windows and {len(luts)} tables"
        )
    for choice in (*luts, *windows):
        if (sound := _sound(choice, strict=strict)) is not None:
            return sound
    return None


def _numbered(choices: list[Voi], index: int, *, strict: bool) -> Voi | None:
    if index >= len(choices):
        raise OptionError(f'window ("index", {index}): the header has {len(choices)} of them')
    return _sound(choices[index], strict=strict)


def _sound(voi: Voi, *, strict: bool) -> Voi | None:
    """Return the VOI if its function is defined for its width."""
    if voi.lut is not None:
        return voi
    if math.isfinite(voi.centre) and math.isfinite(voi.width):
        if voi.kind == "LINEAR" and 0 < voi.width < 1:
            # Not defined for LINEAR, and meant as LINEAR_EXACT by writers of small float values.
            return Voi("LINEAR_EXACT", voi.centre, voi.width, None, voi.explanation)
        if voi.width > 0:
            return voi
    text = "Window Width (0028,1051) is not above 0, or a window is not a number"
    if strict:
        raise CorruptFile(
            text,
            section="PS3.3 C.11.2.1.2",
            hint='Give window=(centre, width) or "auto", or strict=False to leave it out',
        )
    warnings.warn(f"{text}: left out [PS3.3 C.11.2.1.2]", CorrectionWarning, stacklevel=2)
    return None


def _choices(groups: Groups, frame: int, *, signed: bool) -> tuple[list[Voi], list[Voi]]:
    """Return windows and tables of the first place that has any."""
    # The macro is optional (PS3.3 A.36 ff.): a frame may have no window where others have one.
    for place in places(groups, frame, FRAME_VOI_LUT, gaps=True):
        windows = _windows(place)
        luts = [
            Voi(
                lut=read_lut(item, signed=signed, big_endian=item.big_endian),
                explanation=item.text(LUT_EXPLANATION) or "",
            )
            for item in place.items(VOI_LUT_SEQUENCE)
        ]
        if windows or luts:
            return windows, luts
    return [], []


def _windows(place: Elements) -> list[Voi]:
    centres, widths = place.floats(CENTRE), place.floats(WIDTH)
    names = place.texts(EXPLANATION)
    function = place.text(FUNCTION) or "LINEAR"
    kind: VoiKind = "LINEAR"
    if function == "SIGMOID":
        kind = "SIGMOID"
    elif function == "LINEAR_EXACT":
        kind = "LINEAR_EXACT"
    return [
        Voi(kind, centre, width, None, names[i] if i < len(names) else "")
        for i, (centre, width) in enumerate(zip(centres, widths, strict=False))
    ]


def quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """Return the quantile of ascending values that occur `counts` times, linear in between.

    Equal to `numpy.quantile` of the repeated values.
    """
    until = np.cumsum(counts)
    place = share * (int(until[-1]) - 1)
    low, high = math.floor(place), math.ceil(place)
    below = float(values[np.searchsorted(until, low, side="right")])
    above = float(values[np.searchsorted(until, high, side="right")])
    return below + (above - below) * (place - low)
