"""What became of objects that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from radkit.dicom.uids import TransferSyntax
from radkit.errors import RadkitError

__all__ = ["SendReport", "Sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An object that the peer has taken.

    Parameters
    ----------
    instance : str
        SOP Instance UID under which it was sent.
    syntax : TransferSyntax
        In which it was sent.
    transcoded : bool
        It was brought into that syntax on the way.
    bytes : int
        Size of the object as it was sent.
    status : int
        Of the answer: 0, or a warning (PS3.4 B.2.3) with which it was stored.
    attempts : int
        Tries it took.
    committed : bool
        The peer has committed itself to keep it.
    """

    instance: str
    syntax: TransferSyntax
    transcoded: bool
    bytes: int
    status: int
    attempts: int
    committed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What became of all objects, in the order of the sources.

    Iterating gives ``(source, Sent | RadkitError)``.

    Parameters
    ----------
    entries : tuple
        The pairs.
    skipped : tuple
        Files of the folders given that are no DICOM objects.
    seconds : float
        Wall time.
    """

    entries: tuple[tuple[Any, Sent | RadkitError], ...]
    skipped: tuple[Any, ...] = ()
    seconds: float = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Sent | RadkitError]]:
        """Give the pairs of source and result."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.entries)

    @property
    def sent(self) -> tuple[Sent, ...]:
        """What the peer has."""
        return tuple(result for _, result in self.entries if isinstance(result, Sent))

    @property
    def failed(self) -> tuple[tuple[Any, RadkitError], ...]:
        """The sources that the peer does not have, with the reason."""
        return tuple((s, r) for s, r in self.entries if isinstance(r, RadkitError))

    def __str__(self) -> str:
        """Sum up in one line."""
        sent = self.sent
        recoded = sum(one.transcoded for one in sent)
        warned = sum(one.status != 0 for one in sent)
        text = f"{len(self)} objects: {len(sent)} sent ({recoded} transcoded)"
        if warned:
            text += f", {warned} with a warning"
        text += f", {len(self.failed)} failed"
        if self.skipped:
            text += f", {len(self.skipped)} other files skipped"
        size = sum(one.bytes for one in sent) / 1e6
        return f"{text}; {size:.1f} MB; {self.seconds:.1f} s"

    def to_json(self, *, indent: int | None = None) -> str:
        """Give the report as JSON: totals, and one entry per object."""
        objects = [{"source": str(source), **entry(result)} for source, result in self.entries]
        totals = {
            "sent": len(self.sent),
            "failed": len(self.failed),
            "skipped": [str(source) for source in self.skipped],
            "seconds": self.seconds,
        }
        return json.dumps({**totals, "objects": objects}, indent=indent, ensure_ascii=False)


def entry(result: Sent | RadkitError) -> dict[str, Any]:
    """Return a result as plain values."""
    if isinstance(result, RadkitError):
        return {"error": type(result).__name__, "message": str(result)}
    values = {name: getattr(result, name) for name in Sent.__dataclass_fields__}
    return values | {"syntax": result.syntax.uid}
