"""Objects between receipt and delivery, on disk: the folders are the state.

``incoming/`` holds what is still arriving, ``received/`` what was acknowledged and is not
delivered everywhere, ``sent/`` a record of each delivery, ``refused/`` what a receiver will never
take, with the reason. A file's name says how urgent it is, when it came, and what it is (a hash);
nothing of a header is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from radkit.dicom.write import AtomicFile, io_errors, sweep_parts, sync_folder
from radkit.errors import TransferError

__all__ = ["Held", "Incoming", "Spool"]

LOOK_EVERY_BYTES = 1 << 20  # that arrive, at the room that is left
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True)
class Held:
    """An object of the spool."""

    path: Path

    @property
    def key(self) -> str:
        """Its hash."""
        return self.path.stem.rpartition("-")[2]

    @property
    def urgent(self) -> bool:
        """It goes before others."""
        return self.path.name.startswith("0-")

    @property
    def bytes(self) -> int:
        """Its size; 0 if it is gone, which its delivery finds out."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


class Incoming:
    """An object that arrives piece by piece; it lies on disk, not in memory.

    Nothing is left of it unless `Spool.keep` takes it.

    Raises
    ------
    TransferError
        There is no room for it, or the disk refuses.
    """

    def __init__(self, spool: Spool) -> None:
        self.size = 0
        self.path = spool.folder / "incoming" / f"{os.urandom(16).hex()}.dcm"
        self._spool = spool
        self._hash = hashlib.sha256()
        self._unchecked = LOOK_EVERY_BYTES
        with io_errors("receiving an object", str(self.path)):
            self._file = self.path.open("xb", buffering=0)
        self._end = weakref.finalize(self, _remove, self._file, self.path)

    def key(self, instance: str) -> str:
        """Return the hash of what has come, and of the UID it came under."""
        both = instance.encode() + b"\0" + self._hash.digest()
        return hashlib.sha256(both).hexdigest()[:40]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next piece."""
        view = memoryview(data)
        self._unchecked += len(view)
        if self._unchecked >= LOOK_EVERY_BYTES:
            self._unchecked = 0
            self._spool.require_room(len(view))
        self._hash.update(view)
        self.size += len(view)
        with io_errors("receiving an object", str(self.path)):
            while view:
                view = view[self._file.write(view) :]

    def commit(self, dest: Path) -> None:
        """Make it durable under another name."""
        if self._file.closed:
            raise TransferError("the object was thrown away before it was kept")
        with io_errors("receiving an object", str(dest)):
            os.fsync(self._file.fileno())
            self._file.close()
            self.path.replace(dest)
            self._end.detach()
            sync_folder(dest.parent)

    def discard(self) -> None:
        """Remove it; harmless after `commit`."""
        self._end()


def _remove(file: IO[bytes], path: Path) -> None:
    with contextlib.suppress(OSError):  # the next start sweeps what cannot be removed now
        file.close()
        path.unlink(missing_ok=True)


class Spool:
    """A folder that one gateway owns.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    reserve_bytes : int
        Space that is left free on its disk; beyond it nothing is received.

    Raises
    ------
    TransferError
        The folder cannot be used.
    """

    def __init__(self, folder: Path, *, reserve_bytes: int = 1 << 30) -> None:
        self.folder = folder
        self.reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._records = threading.RLock()  # one at a time reads, changes and writes a record
        self._names: dict[str, Held] = {}
        with io_errors("opening the spool", str(folder)):
            for name in ("incoming", "received", "sent", "refused"):
                (folder / name).mkdir(parents=True, exist_ok=True)
                sweep_parts(folder / name)
            for path in (folder / "incoming").iterdir():  # never acknowledged
                path.unlink()
            self._take_stock()

    def _take_stock(self) -> None:
        for held in self.held():
            if self._names.setdefault(held.key, held) is not held:
                held.path.unlink()  # came twice at one time, and the process was killed
            elif self._record(held.key).get("released"):
                self.release(held)  # delivered, and killed before it was deleted

    def held(self) -> Iterator[Held]:
        """Yield what is to be delivered: the urgent first, then in the order of coming."""
        with io_errors("reading the spool", str(self.folder)):
            names = sorted(path for path in (self.folder / "received").glob("?-*-*.dcm"))
        yield from map(Held, names)

    def has_room(self, size: int = 0) -> bool:
        """Tell whether so many bytes may come."""
        return shutil.disk_usage(self.folder).free - size > self.reserve_bytes

    def require_room(self, size: int = 0) -> None:
        """Raise `TransferError` if there is no room."""
        if not self.has_room(size):
            raise TransferError("the spool is full")

    def receive(self, instance: str, data: bytes, *, urgent: bool = False) -> Held:
        """Keep an object that is in memory; see `keep`."""
        arriving = Incoming(self)
        try:
            arriving.write(data)
            return self.keep(arriving, instance, urgent=urgent)
        finally:
            arriving.discard()

    def keep(self, arriving: Incoming, instance: str, *, urgent: bool = False) -> Held:
        """Keep an object; when this returns it is on disk, whatever happens then.

        The same bytes under the same UID are one object, however often they come.

        Raises
        ------
        TransferError
            It could not be written; nothing is left of it.
        """
        key = arriving.key(instance)
        with self._lock:
            known = self._names.get(key)
        if known is not None:
            arriving.discard()
            return known
        name = f"{0 if urgent else 1}-{time.time_ns():020d}-{key}.dcm"
        held = Held(self.folder / "received" / name)
        arriving.commit(held.path)
        with self._lock:
            # Of two that came at the same time the first one stays.
            first = self._names.setdefault(key, held)
        if first is not held:
            held.path.unlink(missing_ok=True)
        return first

    def answers(self, held: Held) -> dict[str, Any]:
        """Return what receivers have said of an object, by their names."""
        with self._records:
            return dict(self._record(held.key).get("to", {}))

    def note(self, held: Held, to: str, answer: dict[str, Any]) -> None:
        """Write down what a receiver has said; several of them may do so at once."""
        with self._records:
            record = self._record(held.key)
            record.setdefault("to", {})[to] = answer
            self._write(self._place(held.key), record)

    def finish(self, held: Held, names: list[str]) -> bool:
        """Let an object go if all have answered: released, or put aside if one refused it.

        Returns whether it is gone.
        """
        with self._records:
            if not held.path.exists():
                return True  # another thread was first
            answers = self.answers(held)
            if any(name not in answers for name in names):
                return False
            refused = any("refused" in answers[name] for name in names)
            (self.put_aside if refused else self.release)(held)
            return True

    def release(self, held: Held) -> None:
        """Delete an object that all receivers have; its record stays."""
        with self._records:
            self._write(self._place(held.key), {**self._record(held.key), "released": True})
        held.path.unlink(missing_ok=True)
        self._forget(held)

    def put_aside(self, held: Held) -> None:
        """Keep an object that a receiver will never take, and what was said of it."""
        target = self.folder / "refused" / held.path.name
        with self._records:
            record = self._record(held.key)
            self._write(target.with_suffix(".json"), record)
            with io_errors("putting an object aside", str(target)):
                held.path.replace(target)
            # If it comes again, those that refused it are asked again.
            took = {to: said for to, said in record.get("to", {}).items() if "refused" not in said}
            self._write(self._place(held.key), {"to": took})
        self._forget(held)

    def _forget(self, held: Held) -> None:
        with self._lock:
            self._names.pop(held.key, None)

    def _place(self, key: str) -> Path:
        return self.folder / "sent" / f"{key}.json"

    def _record(self, key: str) -> dict[str, Any]:
        path = self._place(key)
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            # Damaged from outside: the object may be sent a second time, never lost.
            logger.error("a record of the spool makes no sense and is made anew")
            return {}
        except OSError as error:
            raise TransferError("a record of the spool cannot be read", source=str(path)) from error
        return found if isinstance(found, dict) else {}

    def _write(self, path: Path, record: dict[str, Any]) -> None:
        with AtomicFile(path) as file:
            file.write(json.dumps(record).encode())
            file.commit()
