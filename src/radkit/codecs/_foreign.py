"""Runs decoders that are not radkit's own as `limits.current().foreign` says.

In this process, in a child process, or not at all. What such a decoder raises
becomes `CorruptPixelData`; a child that dies does too, and one that takes longer
than `max_seconds` is killed. Children stay and are used again.

The child speaks JSON and raw bytes, never pickles: a decoder that a hostile
stream has taken over can send wrong pixels, but no code.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from radkit import limits
from radkit.errors import (
    CorruptPixelData,
    LimitExceeded,
    MissingDependency,
    RadkitError,
    UnsupportedTransferSyntax,
)

__all__ = ["load", "refuse", "run"]

# Name of a call -> module and function; the function takes bytes and options, returns arrays.
CALLS = {
    "jpeg": ("radkit.codecs._foreign", "_jpeg"),
    "jpegls": ("radkit.codecs._foreign", "_jpegls"),
    "jpegxl": ("radkit.codecs._foreign", "_jpegxl"),
}
LENGTHS = struct.Struct("<QQ")
MAX_HEAD = 1 << 16


def load(name: str) -> Any:
    """Import a package that radkit needs only here."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependency(f"this coding needs {name}: pip install {name}") from error


def _jpeg(data: bytes, *, colour: str) -> list[np.ndarray]:
    codecs = load("imagecodecs")
    return [codecs.jpeg8_decode(data, colorspace=colour, outcolorspace=colour)]


def _jpegls(data: bytes) -> list[np.ndarray]:
    return [load("imagecodecs").jpegls_decode(data)]


def _jpegxl(data: bytes) -> list[np.ndarray]:
    return [load("imagecodecs").jpegxl_decode(data, keeporientation=True, numthreads=1)]


def refuse(library: str) -> None:
    """Raise `UnsupportedTransferSyntax` if foreign codecs are forbidden."""
    if limits.current().foreign == "refuse":
        raise UnsupportedTransferSyntax(
            f"this coding needs {library}, and foreign codecs are refused",
            hint='Allow them with radkit.limits.use(foreign="process")',
        )


def run(name: str, library: str, data: Any, *, most: int, **options: Any) -> list[np.ndarray]:
    """Call a decoder by the name of `CALLS`.

    Parameters
    ----------
    name, library : str
        The call, and whose code it runs, for messages.
    data : bytes-like
        The codestream.
    most : int
        Bytes that all arrays may have, from the checked header.
    **options
        Of the call; plain JSON values.

    Returns
    -------
    list of ndarray

    Raises
    ------
    UnsupportedTransferSyntax, CorruptPixelData, LimitExceeded, MissingDependency
    """
    refuse(library)
    if limits.current().foreign == "process":
        arrays = _in_child(name, library, data, most, options)
    else:
        arrays = _here(name, library, bytes(data), options)
    if sum(array.nbytes for array in arrays) > most:
        raise CorruptPixelData(f"{library} returned more samples than the header states")
    return arrays


def _here(name: str, library: str, data: bytes, options: dict[str, Any]) -> list[np.ndarray]:
    module, function = CALLS[name]
    call: Callable[..., list[np.ndarray]] = getattr(importlib.import_module(module), function)
    try:
        return call(data, **options)
    except RadkitError:
        raise
    except MemoryError:
        raise _no_memory(library) from None
    except Exception as error:
        text = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise CorruptPixelData(f"{library} refuses the codestream: {text}") from error


def _no_memory(library: str) -> LimitExceeded:
    allowed = limits.current().max_memory_bytes
    return LimitExceeded(
        f"{library} found no memory", limit="max_memory_bytes", allowed=allowed, asked=allowed
    )


# The parent's side of child processes.

_idle: list[subprocess.Popen[bytes]] = []
_lock = threading.Lock()


def _forget() -> None:
    # After a fork the pipes belong to the parent; two speakers would mix their frames.
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _close() -> None:
    with _lock:
        children = list(_idle)
        _idle.clear()
    for child in children:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # unsent bytes of a dead child


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "radkit.codecs._foreign"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _in_child(
    name: str, library: str, data: Any, most: int, options: dict[str, Any]
) -> list[np.ndarray]:
    with _lock:
        child = _idle.pop() if _idle else None
    child = child or _start()
    seconds = limits.current().max_seconds
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(seconds, stop) if seconds is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        answer, arrays = _ask(
            child, {"name": name, "library": library, "options": options}, data, most
        )
    except (OSError, EOFError, ValueError) as error:
        _end(child)
        if late.is_set():
            raise LimitExceeded(
                f"{library} took longer than max_seconds allows",
                limit="max_seconds",
                allowed=seconds or 0,
                asked=seconds or 0,
            ) from None
        raise CorruptPixelData(f"{library} died of the codestream in its child process") from error
    except BaseException:
        _end(child)
        raise
    finally:
        if timer:
            timer.cancel()
    if late.is_set():
        _end(child)
    else:
        with _lock:
            _idle.append(child)
    _raise_answer(answer, library)
    return arrays


def _raise_answer(answer: dict[str, Any], library: str) -> None:
    kind = answer.get("error")
    if kind is None:
        return
    text = str(answer.get("text", ""))[:300]
    if kind == "LimitExceeded":
        raise _no_memory(library)
    if kind == "MissingDependency":
        raise MissingDependency(text)
    if kind == "UnsupportedTransferSyntax":
        raise UnsupportedTransferSyntax(text)
    raise CorruptPixelData(text)


def _ask(
    child: subprocess.Popen[bytes], head: dict[str, Any], data: Any, most: int
) -> tuple[dict[str, Any], list[np.ndarray]]:
    if child.stdin is None or child.stdout is None:
        raise EOFError
    _send(child.stdin, head, [data])
    answer, size = _receive_head(child.stdout)
    arrays = []
    for dtype, shape in answer.get("arrays", ()):
        kind = np.dtype(str(dtype))
        sides = tuple(int(side) for side in shape)
        if kind.kind not in "iuf" or min(sides, default=1) < 0:
            raise ValueError("a child process sent something that is no image")
        count = 1
        for side in sides:
            count *= side
        most -= count * kind.itemsize
        size -= count * kind.itemsize
        if most < 0 or size < 0:
            raise ValueError("a child process sent more than was asked")
        arrays.append(np.frombuffer(_exactly(child.stdout, count * kind.itemsize), kind))
        arrays[-1] = arrays[-1].reshape(sides)
    if size:
        raise ValueError("a child process sent more than it announced")
    return answer, arrays


def _send(pipe: Any, head: dict[str, Any], blobs: list[Any]) -> None:
    text = json.dumps(head).encode()
    views = [memoryview(blob).cast("B") for blob in blobs if memoryview(blob).nbytes]
    pipe.write(LENGTHS.pack(len(text), sum(view.nbytes for view in views)))
    pipe.write(text)
    for view in views:
        pipe.write(view)
    pipe.flush()


def _exactly(pipe: Any, size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        count = pipe.readinto(view[done:])
        if not count:
            raise EOFError
        done += count
    return buffer


def _receive_head(pipe: Any) -> tuple[dict[str, Any], int]:
    length, size = LENGTHS.unpack(_exactly(pipe, LENGTHS.size))
    if length > MAX_HEAD:
        raise ValueError("a child process sent a head that is too long")
    head = json.loads(bytes(_exactly(pipe, length)))
    if not isinstance(head, dict):
        raise ValueError("a child process sent no head")
    return head, size


def _serve() -> None:
    """Answer one request after another until the parent closes the pipe."""
    source = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as dest:
        os.dup2(2, 1)  # what a library prints must not get between the answers
        while True:
            try:
                head, size = _receive_head(source)
            except EOFError:
                return
            data = bytes(_exactly(source, size))
            try:
                found = _here(head["name"], head["library"], data, head["options"])
            except RadkitError as error:
                _send(dest, {"error": type(error).__name__, "text": error.message}, [])
                continue
            arrays = [np.ascontiguousarray(array) for array in found]
            kinds = [[array.dtype.str, list(array.shape)] for array in arrays]
            _send(dest, {"arrays": kinds}, list(arrays))


if __name__ == "__main__":
    _serve()
