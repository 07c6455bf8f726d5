"""Frames of the shared files, as the codecs get them."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from radkit.codecs.frame import FrameSpec, UncodedFrame

SHARED = Path(__file__).parents[3] / "shared" / "data"
SYNTAXES = SHARED / "syntaxes"
CONFORMANCE = SHARED / "conformance"


# A sanitizer needs memory and time of its own.
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
measures = pytest.mark.skipif(SANITIZED, reason="figures of a sanitizer say nothing")


class Sample(NamedTuple):
    frames: list[bytes]
    spec: FrameSpec
    entry: dict[str, Any]


@cache
def manifest() -> dict[str, dict[str, Any]]:
    entries = json.loads((SYNTAXES / "manifest.json").read_text())["entries"]
    return {entry["file"].removesuffix(".dcm"): entry for entry in entries}


def named(prefix: str) -> list[str]:
    """Return the names of shared files that begin so; none where the files are not here."""
    return (
        sorted(name for name in manifest() if name.startswith(prefix)) if SYNTAXES.exists() else []
    )


@cache
def load(name: str) -> Sample:
    if not SYNTAXES.exists():
        pytest.skip("the shared files are not here")
    import pydicom
    from pydicom.encaps import generate_frames

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(SYNTAXES / f"{name}.dcm", force=True)
        frames = list(
            generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1) or 1))
        )
        spec = FrameSpec(
            rows=ds.Rows,
            cols=ds.Columns,
            samples=ds.get("SamplesPerPixel", 1),
            bits_allocated=ds.BitsAllocated,
            bits_stored=ds.BitsStored,
            signed=bool(ds.PixelRepresentation),
            photometric=ds.PhotometricInterpretation,
        )
    return Sample(frames, spec, manifest()[name])


def stored(frame: UncodedFrame, spec: FrameSpec) -> np.ndarray:
    """Stored values: the sign put right where the stream has none."""
    array = frame.array
    if spec.signed and not frame.signed:
        spare = 8 * array.dtype.itemsize - frame.precision
        array = (array << spare).view(array.dtype.str.replace("u", "i")) >> spare
    return array


def digest(arrays: list[np.ndarray], dtype: str) -> str:
    whole = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    return hashlib.sha256(np.ascontiguousarray(whole.astype(dtype)).tobytes()).hexdigest()


def smooth(rows: int, cols: int, bits: int, seed: int = 3) -> np.ndarray:
    """A picture with edges, slopes and a little noise, unsigned."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :cols]
    top = (1 << bits) - 1
    picture = 0.5 + 0.3 * np.sin(x / 17) * np.cos(y / 23) + 0.2 * ((x // 31 + y // 29) % 2)
    picture += rng.normal(0, 0.004, (rows, cols))
    return np.clip(picture * top, 0, top).astype(np.uint8 if bits <= 8 else np.uint16)
