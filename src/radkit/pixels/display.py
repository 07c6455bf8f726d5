"""Grey levels for the screen: stored value -> padding -> modality -> VOI -> polarity -> 8 bits.

PS3.4 annex N has the order, PS3.3 C.11.1 and C.11.2 the steps, C.7.5.1.1.2 the
padding. The result is floor(y + 0.5) of the formulas in float64. Integers of up
to 16 bits go through a table of all inputs, made once for all frames that share
their steps; everything else is computed sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from radkit._native import _pixels
from radkit._native import cpu as _cpu
from radkit.pixels.modality import Modality
from radkit.pixels.voi import Voi, VoiKind, full_range, quantile

__all__ = ["AUTO_SHARES", "Padding", "Stage", "auto_window", "make_stage", "value_counts"]

AUTO_SHARES = (0.01, 0.99)
_CHUNK = 1 << 16  # samples at a time where there is no table
_PLANS = 16  # windows whose tables are kept, at most 128 KiB each
Padding = tuple[float, float]  # first and last stored value that means "nothing here"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """All steps of one kind of frame.

    Parameters
    ----------
    modality, voi : Modality, Voi
        The steps.
    invert : bool
        Turn y into 255 - y at the end.
    padding : (low, high), optional
        Stored values that become background (0).
    plan : WindowPlan, optional
        The table of all inputs, for integers of up to 16 bits.
    """

    modality: Modality
    voi: Voi
    invert: bool
    padding: Padding | None
    plan: _pixels.WindowPlan | None

    def draw(self, stored: np.ndarray, out: np.ndarray) -> None:
        """Write the grey levels of stored values into `out`, of the same shape."""
        flat = np.ascontiguousarray(stored).reshape(-1)
        levels = out.reshape(-1)
        if self.plan is not None:
            _pixels.apply_window(flat, levels, self.plan, cpu=_cpu.USE)
            return
        plain = self.padding is None and self.modality.lut is None and self.voi.lut is None
        if plain and flat.dtype in (np.float32, np.float64, np.int32, np.uint32):
            _pixels.window_float(flat, levels, **self._linear(), cpu=_cpu.USE)
            return
        for start in range(0, flat.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            levels[start : start + _CHUNK] = self.levels(part)

    def _linear(self) -> dict[str, Any]:
        return {
            "kind": self.voi.kind,
            "centre": self.voi.centre,
            "width": self.voi.width,
            "slope": self.modality.slope,
            "intercept": self.modality.intercept,
            "invert": self.invert,
        }

    def levels(self, stored: np.ndarray) -> np.ndarray:
        """Return the grey levels by the formulas themselves."""
        values = self.modality.apply(stored)
        y = self.voi.output(values)
        if self.invert:
            y = 255.0 - y
        y = np.where(np.isnan(values), 0.0, y)
        levels = np.clip(np.floor(y + 0.5), 0, 255).astype(np.uint8)
        if self.padding is not None:
            low, high = self.padding
            levels[(stored >= low) & (stored <= high)] = 0
        return levels


@lru_cache(maxsize=_PLANS)
def _window_plan(
    kind: VoiKind,
    centre: float,
    width: float,
    slope: float,
    intercept: float,
    invert: bool,
    bits: int,
    signed: bool,
    cpu: int,
) -> _pixels.WindowPlan:
    """Return the plan of a window. Making it costs more than drawing a slice with it."""
    return _pixels.window_plan(
        kind,
        centre,
        width,
        slope=slope,
        intercept=intercept,
        bits=bits,
        signed=signed,
        invert=invert,
        cpu=cpu,
    )


def make_stage(
    modality: Modality,
    voi: Voi,
    *,
    dtype: np.dtype[Any],
    bits: int,
    invert: bool,
    padding: Padding | None,
) -> Stage:
    """Return the stage of frames of that dtype whose samples have at most `bits` bits."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        return Stage(modality, voi, invert, padding, None)
    signed = dtype.kind == "i"
    if padding is None and modality.lut is None and voi.lut is None:
        plan = _window_plan(
            voi.kind,
            float(voi.centre),
            float(voi.width),
            float(modality.slope),
            float(modality.intercept),
            bool(invert),
            bits,
            signed,
            _cpu.USE,
        )
    else:
        first = -(1 << bits - 1) if signed else 0
        inputs = np.arange(first, first + (1 << bits), dtype=np.int64)
        table = Stage(modality, voi, invert, padding, None).levels(inputs)
        plan = _pixels.table_plan(table, bits=bits, signed=signed, first=first, cpu=_cpu.USE)
    return Stage(modality, voi, invert, padding, plan)


def value_counts(stored: np.ndarray, padding: Padding | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the stored values that occur, ascending, and how often, without padding and NaN."""
    flat = np.ascontiguousarray(stored).reshape(-1)
    if flat.dtype.kind in "iu" and flat.dtype.itemsize <= 2:
        low = int(np.iinfo(flat.dtype).min)
        unsigned = flat.view(f"u{flat.dtype.itemsize}")
        if low:  # order of the signed values: turn the sign bit
            unsigned = unsigned ^ unsigned.dtype.type(-low)
        counts = np.bincount(unsigned, minlength=1)
        values = np.flatnonzero(counts)
        counts = counts[values]
        values = values + low
    else:
        flat = flat[np.isfinite(flat)] if flat.dtype.kind == "f" else flat
        values, counts = np.unique(flat, return_counts=True)
    if padding is not None:
        kept = (values < padding[0]) | (values > padding[1])
        values, counts = values[kept], counts[kept]
    return values, counts


def auto_window(values: np.ndarray, counts: np.ndarray, modality: Modality) -> Voi:
    """Return the window from the 1st to the 99th percentile of the modality values."""
    if not values.size:
        return full_range(0.0, 1.0)
    grey = modality.apply(values)
    order = np.argsort(grey, kind="stable")
    low, high = (quantile(grey[order], counts[order], share) for share in AUTO_SHARES)
    return full_range(low, high)
