"""Objects between receipt and delivery, on disk: the folders are the state.

``received/`` holds what was acknowledged and is not delivered everywhere, ``sent/`` a record of
each delivery, ``refused/`` what a receiver will never take, with the reason. A file's name says
how urgent it is, when it came, and what it is (a hash); nothing of a header is in it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radkit.dicom.write import AtomicFile, io_errors, sweep_parts
from radkit.errors import TransferError

__all__ = ["Held", "Spool"]

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


class Spool:
    """A folder that one gateway owns.

    Parameters
    ----------
    folder : Path
        Made if it is not there. What an earlier run left is found again: objects that
        were acknowledged are delivered, parts of files that never were are deleted.
    reserve_bytes : int
        Space that is left free: nothing is received beyond it.

    Raises
    ------
    TransferError
        The folder cannot be made or read.
    """

    def __init__(self, folder: Path, *, reserve_bytes: int = 1 << 30) -> None:
        self.folder = folder
        self.reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._records = threading.RLock()
        with io_errors("opening the spool", str(folder)):
            for name in ("received", "sent", "refused"):
                (folder / name).mkdir(parents=True, exist_ok=True)
                sweep_parts(folder / name)
        self._names = {held.key: held for held in self.held()}
        for held in list(self._names.values()):  # delivered, and killed before it was deleted
            if self._record(held.key).get("released"):
                self.release(held)

    def held(self) -> Iterator[Held]:
        """Yield what is to be delivered: the urgent first, then in the order of coming."""
        with io_errors("reading the spool", str(self.folder)):
            names = sorted(path for path in (self.folder / "received").glob("?-*-*.dcm"))
        yield from map(Held, names)

    def has_room(self, size: int = 0) -> bool:
        """Tell whether an object of so many bytes may come."""
        return shutil.disk_usage(self.folder).free - size > self.reserve_bytes

    def receive(self, instance: str, data: bytes, *, urgent: bool = False) -> Held:
        """Keep an object; when this returns it is on disk, whatever happens then.

        The same bytes under the same UID are one object, however often they come.

        Raises
        ------
        TransferError
            It could not be written; nothing is left of it.
        """
        key = hashlib.sha256(instance.encode() + b"\0" + data).hexdigest()[:40]
        with self._lock:
            known = self._names.get(key)
        if known is not None:
            return known
        if not self.has_room(len(data)):
            raise TransferError("the spool is full")
        name = f"{0 if urgent else 1}-{time.time_ns():020d}-{key}.dcm"
        held = Held(self.folder / "received" / name)
        with AtomicFile(held.path) as file:
            file.write(data)
            file.commit()
        with self._lock:
            # Of two that came at the same time the first one stays.
            first = self._names.setdefault(key, held)
        if first is not held:
            held.path.unlink(missing_ok=True)
        return first

    def answers(self, held: Held) -> dict[str, Any]:
        """Return what receivers have said of an object, by their names."""
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
        self._write(self._place(held.key), {**self._record(held.key), "released": True})
        held.path.unlink(missing_ok=True)
        self._forget(held)

    def put_aside(self, held: Held) -> None:
        """Keep an object that a receiver will never take, and what was said of it."""
        target = self.folder / "refused" / held.path.name
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
