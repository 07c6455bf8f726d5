"""An independent sampler in NumPy, one voxel after the other: what the native engine is held to.

It is written from the formulas: the kernels are functions of distance, a value is the sum
over all voxels near enough, and nothing is shared with the native code.
"""

from __future__ import annotations

import itertools

import numpy as np

SNAP = 1e-6  # within this a coordinate is a voxel centre, and borders lie this much below the half


def cubic(t):
    """Keys (1981), a = -1/2."""
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


KERNELS = {
    "linear": (1, lambda t: np.clip(1 - np.abs(t), 0, None)),
    "cubic": (2, cubic),
    "lanczos": (3, lambda t: np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0.0)),
}


def true_slices(even, positions):
    """Turn slice indices of the mean grid into indices of slices at uneven positions."""
    count = len(positions)
    mm = positions[0] + even * ((positions[-1] - positions[0]) / (count - 1))
    slices = np.interp(mm, positions, np.arange(count, dtype=np.float64))
    first, last = positions[1] - positions[0], positions[-1] - positions[-2]
    slices = np.where(mm < positions[0], (mm - positions[0]) / first, slices)
    return np.where(mm > positions[-1], count - 1 + (mm - positions[-1]) / last, slices)


def _weigh(array, where, interpolation, held):
    """Return the weighted sums of voxels and of what is held, and whether all of them are."""
    reach, kernel = KERNELS[interpolation]
    low = np.floor(where).astype(int)
    offsets = np.arange(1 - reach, reach + 1)
    weights = kernel(where[:, :, None] - (low[:, :, None] + offsets))  # (n, 3, taps)
    weights = np.where(np.abs(weights) < 1e-15, 0, weights)  # sines of whole turns
    weights = weights / weights.sum(axis=2, keepdims=True)
    total, share, whole = 0.0, 0.0, np.ones(len(where), bool)
    for taps in itertools.product(range(len(offsets)), repeat=3):
        index = low + offsets[list(taps)]
        at = tuple(np.clip(index, 0, np.array(array.shape[:3]) - 1).T)
        weight = weights[:, 0, taps[0]] * weights[:, 1, taps[1]] * weights[:, 2, taps[2]]
        there = held[at]
        whole &= there | (weight == 0)
        kept = np.where(there, weight, 0)
        voxels = array[at].astype(np.float64).reshape(len(where), -1)
        total = total + kept[:, None] * np.where(kept[:, None] != 0, voxels, 0)
        share = share + kept
    return total, share, whole


def sample_at(array, index, *, interpolation, padding=None, positions=None):
    """Return float64 values (n, samples) at indices (n, 3), and where there is data."""
    index = np.array(index, dtype=np.float64)
    if positions is not None and len(positions) > 1:
        index[:, 0] = true_slices(index[:, 0], positions)
    sides = np.array(array.shape[:3])
    there = np.all((index >= -0.5 - SNAP) & (index < sides - 0.5 - SNAP), axis=1)
    where = np.where(there[:, None], index, 0)
    near = np.clip(np.floor(where + 0.5 + SNAP), 0, sides - 1)
    where = np.clip(np.where(np.abs(where - near) < SNAP, near, where), 0, sides - 1)
    held = np.ones(array.shape[:3], bool)
    if padding is not None:
        held = (array != padding).reshape(*array.shape[:3], -1).any(axis=3)
    at = tuple(near.astype(int).T)
    there = there & held[at]
    if interpolation == "nearest":
        values = array[at].astype(np.float64).reshape(len(index), -1)
    else:
        total, _, whole = _weigh(array, where, interpolation, held)
        if not whole.all():  # next to padding all interpolation is linear
            linear, part, _ = _weigh(array, where, "linear", held)
            linear = linear / np.where(part > 0, part, 1)[:, None]
            total = np.where(whole[:, None], total, linear)
        values = total
    return np.where(there[:, None], values, 0), there


def reduce(values, there, project):
    """Reduce (n, depth, samples) along depth to the values of pixels; 0 where there is nothing."""
    here = there[:, :, None]
    count = here.sum(axis=1)
    if project in ("mean", "sum"):
        total = np.where(here, values, 0).sum(axis=1)
        return total / np.maximum(count, 1) if project == "mean" else total
    far = -np.inf if project == "max" else np.inf
    found = np.where(here, values, far)
    found = found.max(axis=1) if project == "max" else found.min(axis=1)
    return np.where(count > 0, found, 0)
