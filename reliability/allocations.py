"""The n-th allocation of radkit's native code fails, n = 1, 2, 3 … until the call succeeds.

Once it fails once, once all later ones fail too. The answer is a typed error or `MemoryError`,
the process lives, and the same call is right afterwards. Each round has other pictures.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import radkit
from radkit.codecs import htj2k, jpeg2000, jpeg_lossless, rle
from radkit.codecs.options import Coding, Lossy
from radkit.errors import RadkitError
from reliability.inputs import quiet
from reliability.objects import b, frames_object, native_object
from reliability.soak import resident
from reliability.told import ROOT, Budget, Told

__all__ = ["build", "calls", "run", "try_call"]

SOURCE = ROOT / "reliability" / "failing_malloc.c"
MOST = 3000  # allocations of a call that are let fail
GROWN = 8 << 20  # bytes that all calls may leave: caches, and what errors hold on to
_MARK = "RADKIT_FAILING_MALLOC"


def build(folder: Path) -> Path | None:
    """Build the library; None where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    made = folder / "failing_malloc.so"
    line = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(line, check=True)
    return made


def calls(dice: Random) -> dict[str, Callable[[], Any]]:
    """Return calls that reach native code, each with the same result every time."""
    rows, cols = dice.randint(3, 60), dice.randint(3, 60)
    grey = b.picture(rows, cols, seed=dice.getrandbits(30))
    colour = np.dstack([b.picture(rows, cols, seed=k, bits=8) for k in range(3)])
    coding = Coding(levels=dice.randint(0, 4), tile=(rows // 2 + 1, cols // 3 + 1))
    loss, number = Lossy(ratio=dice.choice((2, 6, 20))), dice.getrandbits(20)
    made: dict[str, Callable[[], Any]] = {
        "encode j2k": lambda: jpeg2000.encode(grey, bits=12),
        "encode j2k tiles": lambda: jpeg2000.encode(colour, coding=coding),
        "encode j2k lossy": lambda: jpeg2000.encode(grey, bits=12, lossy=loss),
        "encode htj2k": lambda: htj2k.encode(grey, bits=12),
        "encode htj2k lossy": lambda: htj2k.encode(grey, bits=12, lossy=loss),
        "encode jpeg lossless": lambda: jpeg_lossless.encode(grey, bits=12),
        "encode rle": lambda: rle.encode(colour),
    }
    streams = {name.removeprefix("encode "): make() for name, make in made.items() if "j2k" in name}
    for name, data in streams.items():
        made |= _of_stream(name, data)
    return made | {
        "inspect": lambda: repr(radkit.inspect(native_object(number))),
        "render": lambda: radkit.render(native_object(number), threads=1),
        "transcode short": lambda: radkit.transcode(native_object(number), None).data,
        "transcode frames": lambda: (
            radkit.transcode(frames_object(number), None, "jpeg2000-lossless", threads=1).data
        ),
    }


def _of_stream(name: str, data: bytes) -> dict[str, Callable[[], Any]]:
    """Return what can be done to a codestream."""
    half = data[: len(data) * 3 // 4]
    return {
        f"decode {name}": lambda: jpeg2000.decode(data),
        f"decode {name} by two": lambda: jpeg2000.decode(data, threads=2),
        f"decode half of {name}": lambda: jpeg2000.decode(half, strict=False),
        f"index {name}": lambda: repr(jpeg2000.index(data)),
        f"truncate {name}": lambda: jpeg2000.truncate(data, max_bytes=len(half)),
        f"blocks of {name}": lambda: jpeg2000.transcode(data, "htj2k"),
    }


class Library:
    """The handles of the library that this process was started with."""

    def __init__(self) -> None:
        self._own = ctypes.CDLL(os.environ[_MARK])
        self._own.rk_fail_no_more.restype = ctypes.c_long
        self._own.rk_fail_from.argtypes = [ctypes.c_long, ctypes.c_int]

    def attempt(self, call: Callable[[], Any], at: int, persistent: bool) -> tuple[str, int]:
        """Call with failing allocations; return what was wrong, and how many failed."""
        wrong = ""
        self._own.rk_fail_from(at, persistent)
        try:
            call()
        except (RadkitError, MemoryError) as error:
            self._own.rk_fail_no_more()
            if "internal error" in str(error):
                wrong = str(error)
        except BaseException as error:
            self._own.rk_fail_no_more()
            wrong = f"{type(error).__name__} escapes: {error}"
        return wrong, int(self._own.rk_fail_no_more())


def alike(first: Any, second: Any) -> bool:
    """Compare two results of a call."""
    if isinstance(first, np.ndarray):
        return bool(np.array_equal(first, second))
    return bool(first == second)


def result_of(call: Callable[[], Any]) -> Any:
    """Return the result, or the error that it always gives."""
    try:
        return call()
    except RadkitError as error:
        return str(error)


def try_call(
    library: Library, name: str, call: Callable[[], Any], told: Told, budget: Budget
) -> bool:
    """Let each allocation of a call fail; False if the time was up before."""
    right = result_of(call)
    for persistent in (False, True):
        for at in range(1, MOST):
            if budget.over:
                return False
            say = f"{name}: allocation {at}{' and all later' * persistent}"
            budget.note(say)
            wrong, fired = library.attempt(call, at, persistent)
            if not fired:
                break
            told.counts["injections"] += 1
            if wrong:
                told.fault(f"{say}: {wrong}")
            if not alike(result_of(call), right):
                told.fault(f"{say}: another result afterwards")
    return True


def campaign(budget: Budget) -> Told:
    """Go through the calls, again and again while there is time: memory must not grow."""
    told, library = Told(), Library()
    sizes: list[int] = []
    with quiet():
        while not budget.over:
            for name, call in calls(budget.dice).items():
                result_of(call)  # what is loaded at the first use
                try_call(library, name, call, told, budget)
            sizes.append(resident())
    settled = sizes[len(sizes) // 2]
    told.facts = {"rounds": len(sizes), "grown_bytes": sizes[-1] - settled}
    if sizes[-1] - settled > GROWN:
        told.fault(f"resident memory grew by {sizes[-1] - settled} bytes in half of the rounds")
    return told


def run(budget: Budget) -> Told:
    """Start again with the library loaded before all others."""
    if _MARK in os.environ:
        return campaign(budget)
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        if library is None:
            return Told(facts={"skipped": "no C compiler"})
        note = Path(folder) / "note"
        line = [sys.executable, "-m", "reliability.run", "--child", str(note), "--seed"]
        line += [str(budget.seed), "--seconds", str(budget.seconds), "allocations"]
        # Python's own small blocks come from its pools, which are not in the way.
        env = os.environ | {_MARK: str(library), "LD_PRELOAD": str(library)}
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-300:]
            at = note.read_bytes().rstrip(b"\0").decode(errors="replace")
            return Told(found=[f"died ({done.returncode}) at: {at}; {said}"])
        return Told.of_json(done.stdout.decode().splitlines()[-1])
