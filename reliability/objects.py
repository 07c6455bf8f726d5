"""Small objects for the campaigns, made by the builder of the bad-input table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from reliability.told import import_tests

import_tests()

from tests.bad import build as b  # noqa: E402

__all__ = ["b", "frames_object", "native_object", "study", "tree"]


def native_object(number: int, *, rows: int = 20, cols: int = 24, text: bool = False) -> bytes:
    """Return an object with one native frame; with `text` one without pixels."""
    extra = {0x00080018: b.text("UI", f"1.2.3.{number}")}
    if text:
        sr = {0x00080016: b.text("UI", "1.2.840.10008.5.1.4.1.1.88.11")}
        return b.made(b.EXPLICIT, {}, b"", extra=extra | sr)
    pixels = b.native(b.picture(rows, cols, seed=number).tobytes())
    return b.made(b.EXPLICIT, b.grey(rows, cols), pixels, extra=extra)


def frames_object(number: int, frames: int = 3) -> bytes:
    """Return an object with several native frames, which takes the general road."""
    extra = {0x00080018: b.text("UI", f"1.2.4.{number}")}
    samples = np.stack([b.picture(20, 24, seed=number + k) for k in range(frames)])
    return b.made(b.EXPLICIT, b.grey(20, 24, frames), b.native(samples.tobytes()), extra=extra)


@cache
def coded_object(syntax: str = "jpeg2000-lossless") -> bytes:
    """Return an object in another syntax."""
    import radkit

    data = radkit.transcode(native_object(99), None, syntax).data
    assert data is not None
    return data


def study(folder: Path, count: int = 6) -> Path:
    """Write a small tree: single frames, several, without pixels, coded, and a note."""
    made = {f"a/{k:02}.dcm": native_object(k) for k in range(max(1, count - 3))}
    made["b/frames.dcm"] = frames_object(1)
    made["b/report.dcm"] = native_object(50, text=True)
    made["b/coded.dcm"] = coded_object()
    made["notes.txt"] = b"not an object, and long enough to be looked at" * 10
    for name, data in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder but radkit's own records, parts included."""
    own = {".radkit-manifest.jsonl", ".radkit"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not own & set(path.relative_to(folder).parts)
    }
