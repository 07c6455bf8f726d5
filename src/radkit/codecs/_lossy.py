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
from radkit.errors import EncodeError, OptionError

__all__ = ["Coder", "code_lossy", "find_step", "psnr", "target_bytes"]

RUNS = 10
RATIO_TOLERANCE = 0.01
PSNR_TOLERANCE = 0.1
LOWEST_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Coder:
    """One image and the ways to code it.

    `lossless` codes it reversibly, `code` with step q, `decode` brings a stream back.
    `code_to` codes in about so many bytes, where a coder can do that by itself.
    `stored_bytes` are those of Bits Allocated, `peak` is 2**bits - 1.
    """

    image: np.ndarray
    stored_bytes: int
    peak: int
    lossless: Callable[[], bytes]
    code: Callable[[float], bytes]
    decode: Callable[[bytes], np.ndarray]
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


def find_step(size_of: Callable[[float], int], target: int, *, tolerance: float = 0.05) -> float:
    """Return a step with which `size_of` is within `tolerance` of `target`, or the nearest seen.

    Bytes fall about as a power of the step; the power is taken from the last two steps.
    """
    low, high = math.log(LOWEST_STEP), math.log(float(1 << 20))
    at, slope = math.log(2.0), -0.7
    before: tuple[float, float] | None = None
    best, nearest = at, math.inf
    for _ in range(RUNS):
        miss = math.log(max(size_of(math.exp(at)), 1) / target)
        if abs(miss) < nearest:
            best, nearest = at, abs(miss)
        if nearest <= tolerance:
            break
        if before is not None and at != before[0]:
            slope = min(max((miss - before[1]) / (at - before[0]), -2.5), -0.3)
        before = at, miss
        if miss > 0:
            low = at
        else:
            high = at
        margin = 0.05 * (high - low)
        at = min(max(at - miss / slope, low + margin), high - margin)
    return math.exp(best)


def _by_bytes(coder: Coder, target: int, *, hard: bool) -> tuple[bytes, bool]:
    """Aim at `target` bytes; never above if `hard`."""
    whole = coder.lossless()
    if len(whole) <= target:
        return whole, False
    if coder.code_to is not None:
        return _by_allocation(coder.code_to, target, hard=hard), True
    best: bytes | None = None
    smallest = len(whole)

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
    find_step(size_of, max(int(aim), 1), tolerance=RATIO_TOLERANCE / (2 if hard else 1))
    if best is None:
        raise _too_few(target, smallest)
    return best, True


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
    """Aim at a PSNR within a tenth of a decibel; keep the nearest."""
    low, high = math.log10(LOWEST_STEP), math.log10(4.0 * (coder.peak + 1))
    # A uniform error of q has a mean square of q * q / 12.
    log_q = math.log10(coder.peak) - wanted / 20 + 0.54
    log_q = min(max(log_q, low), high)
    best, nearest = None, math.inf
    for _ in range(RUNS):
        data = coder.code(10**log_q)
        found = psnr(coder.image, coder.decode(data), coder.peak)
        miss = min(found, 200.0) - wanted
        if abs(miss) < nearest:
            best, nearest = data, abs(miss)
        if nearest <= PSNR_TOLERANCE:
            break
        if miss > 0:
            low = log_q
        else:
            high = log_q
        margin = 0.1 * (high - low)
        log_q = min(max(log_q + miss / 18, low + margin), high - margin)
        if high - low < 1e-3:
            break
    whole = coder.lossless()
    if best is None or len(whole) <= len(best):
        return whole, False
    return best, True


def _by_error(coder: Coder, most: int) -> tuple[bytes, bool]:
    """Find the smallest stream whose largest error, decoded, is within `most`."""
    q = 0.6 * most
    best: bytes | None = None
    for _ in range(RUNS):
        data = coder.code(q)
        back = coder.decode(data).astype(np.int64)
        error = int(np.abs(back - coder.image).max())
        if error <= most:
            if best is None or len(data) < len(best):
                best = data
            if error >= most or q >= 2.0 * most:
                break
            q *= 1.2
        elif best is not None:
            break
        else:
            q *= 0.85
    whole = coder.lossless()
    if best is None or len(whole) <= len(best):
        return whole, False
    return best, True
