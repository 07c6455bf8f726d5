"""Finds the quantiser step that meets a `Lossy`, by coding, and decoding where needed.

The one knob is q, the step in units of stored values. Bytes and PSNR fall with it,
the largest error rises, none of them smoothly; so each search brackets, keeps the
best result that it has seen, and ends after a fixed count of runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from radkit.codecs.options import Lossy
from radkit.errors import EncodeError, OptionError, VerificationError

__all__ = ["LOWEST_STEP", "Coder", "code_lossy", "psnr", "target_bytes"]

RUNS = 10
RUNS_AFTER_MODEL = 5  # frames that were lossy before have steps where others have a curve
SHORT = 1.03  # what a size may be over its target in the end
PSNR_SHORT = 0.3  # dB that may be missing in the end
RATIO_TOLERANCE = 0.01
PSNR_TOLERANCE = 0.1
LOWEST_STEP = 0.05
LIKE_LOSSLESS = 0.72  # a step of 9/7 that takes about the bytes of lossless coding


@dataclass(frozen=True, slots=True)
class Coder:
    """One image and the ways to code it.

    `lossless` codes it reversibly, `code` with step q, `decode` brings a stream back. `trial`
    codes so that the same samples come back, if that is faster; `squares` gives about the mean
    square error of a step without coding.
    `code_to` codes in about so many bytes, where a coder can do that by itself. `larger` says
    whether the lossless stream is surely larger, without coding all of it; `guess` gives a step
    that takes about so many bytes.
    `stored_bytes` are those of Bits Allocated, `peak` is 2**bits - 1.
    """

    image: np.ndarray
    stored_bytes: int
    peak: int
    lossless: Callable[[], bytes]
    code: Callable[[float], bytes]
    decode: Callable[[bytes], np.ndarray]
    squares: Callable[[float], float]
    guess: Callable[[int], float]
    larger: Callable[[int], bool]
    trial: Callable[[float], bytes] | None = None
    code_to: Callable[[int], bytes] | None = None


def target_bytes(lossy: Lossy, stored_bytes: int) -> int:
    """Return the bytes that a `Lossy` of ratio or max_bytes asks for."""
    if lossy.max_bytes is not None:
        return lossy.max_bytes
    return max(int(stored_bytes / (lossy.ratio or 1.0)), 1)


def psnr(one: np.ndarray, other: np.ndarray, peak: int) -> float:
    """Return the peak signal-to-noise ratio in dB, infinite for equal images."""
    error = one.astype(np.float64) - other
    mean = float(np.mean(error * error))
    return math.inf if mean == 0 else 10 * math.log10(peak * peak / mean)


def code_lossy(coder: Coder, lossy: Lossy) -> tuple[bytes, bool]:
    """Return the codestream and whether it lost something.

    A target that the lossless stream meets gives the lossless stream.

    Raises
    ------
    EncodeError
        No step meets `max_bytes`.
    OptionError
        A preset: it must be turned into one of the others first.
    """
    if lossy.preset is not None:
        raise OptionError("a preset must be resolved before a frame is coded")
    if lossy.max_error is not None:
        return _by_error(coder, lossy.max_error)
    if lossy.psnr is not None:
        return _by_psnr(coder, lossy.psnr)
    return _by_bytes(coder, target_bytes(lossy, coder.stored_bytes), hard=lossy.ratio is None)


@dataclass(frozen=True, slots=True)
class _Curve:
    """How a miss depends on the natural logarithm of the step: it falls, about by `slope`."""

    slope: float
    flattest: float
    steepest: float


BYTES = _Curve(-0.65, -0.3, -2.5)  # log of bytes
DECIBELS = _Curve(-7.8, -1.5, -40.0)  # PSNR; steep where rounding hides what is left


def _solve(
    miss_of: Callable[[float], float],
    start: float,
    curve: _Curve,
    tolerance: float,
    known: tuple[float, float] | None = None,
    runs: int = RUNS,
) -> float:
    """Return the step whose miss is within `tolerance`, or the nearest of those tried.

    The slope is taken from the last two steps, within a bracket. `known` is a step and its miss.
    """
    low, high = math.log(LOWEST_STEP), math.log(float(1 << 20))
    at, slope = min(max(math.log(start), low), high), curve.slope
    before = None if known is None else (math.log(known[0]), known[1])
    best, nearest = at, math.inf
    sides: set[bool] = set()
    for _ in range(runs):
        miss = miss_of(math.exp(at))
        if abs(miss) < nearest:
            best, nearest = at, abs(miss)
        if nearest <= tolerance or high - low < 1e-3:
            break
        if before is not None and abs(at - before[0]) > 1e-6:
            found = (miss - before[1]) / (at - before[0])
            slope = min(max(found, curve.steepest), curve.flattest)
        before = at, miss
        sides.add(miss > 0)
        if miss > 0:
            low = at
        else:
            high = at
        # Within a bracket of two tries no guess is trusted to its ends: there may be jumps.
        margin = (0.2 if len(sides) == 2 else 0.03) * (high - low)
        at = min(max(at - miss / slope, low + margin), high - margin)
    return math.exp(best)


def _by_bytes(coder: Coder, target: int, *, hard: bool) -> tuple[bytes, bool]:
    """Aim at `target` bytes; never above if `hard`."""
    if not coder.larger(target):
        whole = coder.lossless()
        if len(whole) <= target:
            return whole, False
    if coder.code_to is not None:
        return _by_allocation(coder.code_to, target, hard=hard), True
    best = _by_steps(coder, target, hard=hard)
    if len(best) > SHORT * target:  # headers alone take too much: lose nothing for a few bytes
        whole = coder.lossless()
        if len(whole) <= 1.1 * len(best):
            return whole, False
    return best, True


def _by_steps(coder: Coder, target: int, *, hard: bool) -> bytes:
    """Search the step that takes `target` bytes."""
    best: bytes | None = None
    smallest: float = math.inf

    def size_of(q: float) -> int:
        nonlocal best, smallest
        data = coder.code(q)
        smallest = min(smallest, len(data))
        fits = len(data) <= target or not hard
        if fits and (best is None or abs(len(data) - target) < abs(len(best) - target)):
            best = data
        return len(data)

    # Of those that fit the nearest is taken, so a hard target is aimed at from below.
    aim = target - (target * RATIO_TOLERANCE / 2 if hard else 0)
    tolerance = RATIO_TOLERANCE / (2 if hard else 1)
    size = max(int(aim), 1)
    _by_guesses(size_of, size, coder.guess, tolerance)
    if best is None:
        raise _too_few(target, int(smallest))
    return best


def _by_guesses(
    size_of: Callable[[float], int], size: int, guess: Callable[[int], float], tolerance: float
) -> None:
    """Try steps that a model gives; what it is off by depends little on the step."""

    def miss_of(q: float) -> float:
        return math.log(max(size_of(q), 1) / size)

    first = guess(size)
    miss = miss_of(first)
    if abs(miss) > tolerance:
        second = guess(max(int(size * math.exp(-miss)), 1))
        _solve(miss_of, second, BYTES, tolerance, (first, miss), RUNS_AFTER_MODEL)


def _by_allocation(code_to: Callable[[int], bytes], target: int, *, hard: bool) -> bytes:
    """Let the coder allocate, and correct what it was asked for by what came out."""
    asked, best = target, None
    smallest = math.inf
    for _ in range(RUNS // 2):
        data = code_to(asked)
        smallest = min(smallest, len(data))
        miss = len(data) - target
        if (miss <= 0 or not hard) and (best is None or abs(miss) < abs(len(best) - target)):
            best = data
        if best is data and abs(miss) <= RATIO_TOLERANCE * target:
            break
        asked = max(asked - miss - (miss > 0 and hard), 1)
    if best is None:
        raise _too_few(target, int(smallest))
    return best


def _too_few(target: int, smallest: int) -> EncodeError:
    return EncodeError(
        f"the frame cannot be coded in {target} bytes; the smallest found has {smallest}",
        hint="Allow more bytes, or code with fewer levels or larger blocks",
    )


def _by_psnr(coder: Coder, wanted: float) -> tuple[bytes, bool]:
    """Aim at a PSNR within a tenth of a decibel; keep the nearest.

    The squared error of the coefficients says the step; what it is off by, which depends little
    on the step, shows when the samples of that step are looked at.
    """
    tried: dict[float, float] = {}
    sizes: dict[float, int] = {}

    def expected(q: float) -> float:
        return 10 * math.log10(coder.peak * coder.peak / coder.squares(q))

    def step_for(decibels: float, start: float) -> float:
        def miss(q: float) -> float:
            return expected(q) - decibels

        return _solve(miss, start, DECIBELS, PSNR_TOLERANCE / 10)

    def miss_of(q: float) -> float:
        data = (coder.trial or coder.code)(q)
        tried[q], sizes[q] = _decibels(coder, data), len(data)
        return tried[q] - wanted

    # A uniform error of q has a mean square of q * q / 12.
    first = step_for(wanted, coder.peak * 10 ** (0.54 - wanted / 20))
    if abs(miss_of(first)) > PSNR_TOLERANCE:
        second = step_for(wanted - (tried[first] - expected(first)), first)
        known = first, tried[first] - wanted
        # Such steps take more than no loss does, mostly.
        if first < LIKE_LOSSLESS and _is_smaller(coder, sizes[first]):
            return coder.lossless(), False
        if first < 4 * coder.peak or tried[first] < wanted:  # else met without any coefficient
            _solve(miss_of, second, DECIBELS, PSNR_TOLERANCE, known, RUNS_AFTER_MODEL)
    q = min(tried, key=lambda one: abs(tried[one] - wanted))
    if tried[q] < wanted - PSNR_SHORT:  # it falls in jumps here; less than asked for is no answer
        enough = [one for one in tried if tried[one] >= wanted]
        if not enough:
            return coder.lossless(), False
        q = min(enough, key=sizes.__getitem__)
    best = coder.code(q)
    if _is_smaller(coder, len(best)):
        return coder.lossless(), False
    if coder.trial is not None and _decibels(coder, best) != tried[q]:
        raise _unlike_trial()
    return best, True


def _decibels(coder: Coder, data: bytes) -> float:
    return min(psnr(coder.image, coder.decode(data), coder.peak), 200.0)


def _is_smaller(coder: Coder, size: int) -> bool:
    """Return whether the lossless stream has at most so many bytes."""
    return not coder.larger(size) and len(coder.lossless()) <= size


def _by_error(coder: Coder, most: int) -> tuple[bytes, bool]:
    """Find the smallest stream whose largest error, decoded, is within `most`."""
    q = 0.6 * most
    best: tuple[int, float] | None = None
    for _ in range(RUNS):
        data = (coder.trial or coder.code)(q)
        error = _largest_error(coder, data)
        if error <= most:
            if best is None or len(data) < best[0]:
                best = len(data), q
            if error >= most or q >= 2.0 * most:
                break
            q *= 1.2
        elif best is not None:
            break
        else:
            q *= 0.85
    if best is None:
        return coder.lossless(), False
    made = coder.code(best[1])
    if _is_smaller(coder, len(made)):
        return coder.lossless(), False
    if _largest_error(coder, made) > most:
        raise _unlike_trial()
    return made, True


def _largest_error(coder: Coder, data: bytes) -> int:
    return int(np.abs(coder.decode(data).astype(np.int64) - coder.image).max())


def _unlike_trial() -> VerificationError:
    return VerificationError("the codestream decodes to other samples than the trial of its step")
