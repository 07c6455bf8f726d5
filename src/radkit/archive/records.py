"""The ledger of a destination, for those who want to know what runs have done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radkit.errors import OptionError, TransferError
from radkit.transcoding.book import LEDGER
from radkit.transcoding.ledger import read_ledger
from radkit.transcoding.records import Record
from radkit.transcoding.stores import Store, local_path

__all__ = ["ledger"]


def ledger(dest: Any) -> Iterator[Record]:
    """Tell what runs of `transcode_many` have done in a destination.

    Parameters
    ----------
    dest : path or URL
        The destination of the runs. One of them may be at work: of a folder its rows are
        seen as they come, of a store when it ends.

    Yields
    ------
    Record
        A row for each object, in the order of their places.

    Raises
    ------
    TransferError
        There is no ledger, or it cannot be read.
    """
    path = local_path(dest)
    if path is not None:
        yield from read_ledger((path / LEDGER).resolve())
        return
    if not isinstance(dest, str):
        raise OptionError(f"dest must be a folder or URL, not {type(dest).__name__}")
    data = Store.of(dest).get(LEDGER)
    if data is None:
        raise TransferError("there is no ledger", source=dest)
    with tempfile.TemporaryDirectory(prefix="radkit-") as folder:
        copy = Path(folder, "ledger.sqlite")
        copy.write_bytes(data)
        yield from read_ledger(copy)
