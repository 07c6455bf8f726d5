"""What a row of the bad-input table is, and the list of them that the row modules fill."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ROWS", "Row", "row"]

Do = Literal["decode", "render", "transcode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bad file and the one right answer.

    `error` names the class that must be raised; empty: it decodes, and a problem
    whose code or text matches `says` is listed by `inspect` or the decode.
    """

    name: str
    wrong: str
    rule: str
    make: Callable[[], bytes]
    error: str = ""
    says: str = ""
    do: Do = "decode"
    lenient: Literal["same", "decodes", "any"] = "any"
    seconds: float = 5.0
    memory_mib: int = 96
    limits: Mapping[str, Any] = field(default_factory=dict)

    def says_so(self, text: str) -> bool:
        """Whether a message or the text of a problem names the cause."""
        return re.search(self.says, text, re.IGNORECASE) is not None


ROWS: dict[str, Row] = {}


def row(
    name: str, wrong: str, rule: str, error: str, says: str, **more: Any
) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Add the decorated function, which makes the file, to the table."""

    def add(make: Callable[[], bytes]) -> Callable[[], bytes]:
        if name in ROWS:
            raise ValueError(f"two rows are called {name}")
        ROWS[name] = Row(
            name=name, wrong=wrong, rule=rule, make=make, error=error, says=says, **more
        )
        return make

    return add
