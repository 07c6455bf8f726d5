"""Targets over the public calls: whatever the bytes, the answer is a result or a RadkitError.

Those here take a DICOM object, those of fuzz/surgery.py a codestream or an image.
The last two bytes of an input are options, so that one target drives a call in
all its ways. An input that breaks a property raises something else than
`RadkitError`, and that is a finding. So is a `VerificationError`: nothing was written,
but a codec or the way to it was wrong.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable

from tests.bad.build import PATIENT, PATIENT_ID

from fuzz import surgery

__all__ = ["TARGETS", "run"]

SMALL = {
    "max_pixels": 1 << 20,
    "max_frames": 64,
    "max_memory_bytes": 256 << 20,
    "max_inflated_bytes": 16 << 20,
    "max_elements": 1 << 16,
    "max_seconds": 5.0,
}


def decode(data: bytes, options: tuple[int, int], *, strict: bool) -> None:
    import radkit

    first, second = options
    more: dict[str, object] = {"strict": strict, "raw": bool(first & 1), "threads": 1}
    if first & 2:
        more["frames"] = second % 4
    if first & 4:
        more["reduce"] = second % 3
    if first & 8:
        more["region"] = (second % 8, 8 + second % 8, 0, 8)
    done = radkit.read(data, **more)
    done.array.sum()  # reads every sample, so that a sanitizer sees those never written
    if strict and not done.complete:
        raise AssertionError("strict and not complete")


def decode_strict(data: bytes, options: tuple[int, int]) -> None:
    decode(data, options, strict=True)


def decode_lenient(data: bytes, options: tuple[int, int]) -> None:
    decode(data, options, strict=False)


def inspect(data: bytes, options: tuple[int, int]) -> None:
    import radkit

    info = radkit.inspect(data, deep=bool(options[0] & 1))
    repr(info)


def render(data: bytes, options: tuple[int, int]) -> None:
    import radkit

    window = ("header", "auto", (40, 400), ("index", options[1] % 3))[options[0] % 4]
    size = (1 + options[1] % 40, 20) if options[0] & 4 else None
    radkit.render(data, window=window, size=size, strict=bool(options[0] & 8), threads=1)


def transcode(data: bytes, options: tuple[int, int]) -> None:
    """Transcode without loss and compare what both objects decode to."""
    import numpy as np

    import radkit

    first = ("explicit-le", "rle", "jpegls-lossless", "deflated")
    others = ("jpeg2000-lossless", "htj2k-lossless", "jpeg-lossless", "implicit-le")
    syntax = (others if options[0] & 8 else first)[options[0] % 4]
    done = radkit.transcode(data, None, syntax, strict=bool(options[0] & 4), threads=1)
    if done.data is None:
        raise AssertionError("no destination and no data")
    if done.way == "pixels" and options[0] & 4:
        before, after = radkit.decode(data, threads=1), radkit.decode(done.data, threads=1)
        if not np.array_equal(before, after):
            raise AssertionError("the samples differ after a lossless step")


def load_volume(data: bytes, options: tuple[int, int]) -> None:
    """Load the object beside whole slices of its series, from files in any order."""
    import tempfile
    from pathlib import Path

    import radkit

    first, second = options
    with tempfile.TemporaryDirectory() as folder:
        for k, whole in enumerate(_slices()[: second % 4]):
            Path(folder, f"{k}.dcm").write_bytes(whole)
        Path(folder, "9.dcm" if first & 1 else "-.dcm").write_bytes(data)
        found = radkit.load_volume(
            folder,
            split="auto" if first & 2 else "error",
            missing=("error", "keep", "fill")[(first >> 2) % 3],
            uneven="resample" if first & 32 else "keep",
            strict=bool(first & 64),
            threads=1,
        )
    for volume in found if isinstance(found, list) else [found]:
        volume.array.sum()
        if not (volume.spacing[0] > 0 and len(volume.instances) == len(volume.array)):
            raise AssertionError("a volume that does not fit itself")


@functools.cache
def _slices() -> list[bytes]:
    import tempfile

    from radkit.testing import write_series

    with tempfile.TemporaryDirectory() as folder:
        return [path.read_bytes() for path in sorted(write_series(folder, slices=4).iterdir())]


TARGETS: dict[str, Callable[[bytes, tuple[int, int]], None]] = {
    "decode-strict": decode_strict,
    "decode-lenient": decode_lenient,
    "inspect": inspect,
    "load-volume": load_volume,
    "render": render,
    "transcode": transcode,
    **surgery.TARGETS,
}


def run(target: str, data: bytes) -> str:
    """Run one input; return the class of its error, or raise what breaks a promise."""
    from radkit import limits
    from radkit.errors import RadkitError, VerificationError

    if len(data) < 2:
        return ""
    body, options = data[:-2], (data[-2], data[-1])
    try:
        with warnings.catch_warnings(), limits.use(**SMALL), contextlib.ExitStack():
            warnings.simplefilter("ignore")
            TARGETS[target](body, options)
    except VerificationError as error:  # nothing was written, but something made it wrong
        raise AssertionError(f"a result is not what it was made of: {error}") from error
    except RadkitError as error:
        text = str(error)
        if any(secret in text for secret in (PATIENT, PATIENT_ID)):
            raise AssertionError("a message tells a patient's value") from error
        if "internal error" in text:
            raise AssertionError(f"the impossible happened: {text}") from error
        return type(error).__name__
    return ""
