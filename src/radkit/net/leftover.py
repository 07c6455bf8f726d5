"""What did not arrive, kept in a folder until a later call of `send` brings it on its way."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit.dicom.uids import syntax as known
from radkit.dicom.write import io_errors
from radkit.errors import CorruptFile, RadkitError, TransferError
from radkit.net.objects import look, made_in
from radkit.net.results import Sent
from radkit.net.spool import Held, Incoming, Spool
from radkit.net.store import Refused
from radkit.transcoding.sources import Task

__all__ = ["Leftover"]

PIECE_BYTES = 1 << 20
PLAIN = "explicit-le"  # of an object that is no file: its samples are kept as they are
logger = logging.getLogger("radkit")


class Leftover:
    """The objects that wait for one receiver, in a folder of its own below the one given.

    Parameters
    ----------
    folder : path
        For all receivers; made if it is not there.
    to : str
        The receiver.

    Raises
    ------
    TransferError
        The folder cannot be used, or another call uses it.
    """

    def __init__(self, folder: str | Path, to: str) -> None:
        # Not the name itself: a URL may hold anything.
        self._place = Path(folder) / hashlib.sha256(to.encode()).hexdigest()[:16]
        self._lock: Any = None
        self._given: Sequence[Task] = ()
        self._first = 0

    def __enter__(self) -> Self:
        """Lock the folder, and look what waits."""
        with io_errors("opening the spool", str(self._place)):
            self._place.mkdir(parents=True, exist_ok=True)
            self._lock = (self._place / "lock").open("ab")
        try:
            _lock(self._lock)
            self._spool = Spool(self._place, reserve_bytes=0)
            self._held = list(self._spool.held())
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()

    def behind(self, given: Sequence[Task]) -> list[Task]:
        """Return what is to be sent: what waits, then what is given."""
        self._first = len(self._held)
        waits = [Task(held.path, held.path, None, found=False) for held in self._held]
        self._given = [*waits, *given]
        return list(self._given)

    def settled(self, number: int, result: Sent | RadkitError) -> None:
        """Keep what may arrive another time, and let go what has arrived."""
        if number < self._first:
            self._of_held(self._held[number], result)
        elif isinstance(result, TransferError) and not isinstance(result, Refused):
            self._keep(self._given[number])

    def _of_held(self, held: Held, result: Sent | RadkitError) -> None:
        if isinstance(result, Sent):
            held.path.unlink(missing_ok=True)  # no record: it may be sent again some day
        elif isinstance(result, Refused | CorruptFile):
            logger.error("an object that waited is put aside: %s", result)
            self._spool.put_aside(held)

    def _keep(self, task: Task) -> None:
        """Copy an object into the folder; if that fails too, the caller has its source."""
        source = task.source if task.path is None else task.path
        incoming = Incoming(self._spool)
        try:
            _write(source, self._place, incoming)
            self._spool.keep(incoming, look(incoming.path, 0).instance)
        except (RadkitError, OSError) as error:
            logger.error("an object is not kept for later: %s", type(error).__name__)
        finally:
            incoming.discard()


def _write(source: Any, folder: Path, incoming: Incoming) -> None:
    """Write an object as a file of PS3.10, as it is if it is one."""
    outgoing = look(source, 0)
    made = not outgoing.whole
    path = made_in(outgoing, known(PLAIN), folder)[0] if made else Path(source)
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                incoming.write(piece)
    finally:
        if made:
            path.unlink(missing_ok=True)


def _lock(file: Any) -> None:
    """Take a lock that ends with the process, where there are such."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TransferError(
            "another call uses the spool for this receiver", retryable=True
        ) from None
    except OSError as error:  # a file system without locks
        logger.warning("the spool cannot be locked: %s", type(error).__name__)
