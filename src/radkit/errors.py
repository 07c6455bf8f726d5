"""The error tree, the warnings, and the record of a repaired or tolerated fault.

Every public function of radkit raises one of these, or `TypeError` for a wrong
type, and nothing else. Most have a second, builtin base, so that code written
for pydicom (`except ValueError`, `except NotImplementedError`) keeps working.

A message says what, where, by which rule, and what to do. It never contains
the value of an element: names of files and instance UIDs are attributes, so
that logs stay free of patient data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "CorrectionWarning",
    "CorruptFile",
    "CorruptPixelData",
    "EncodeError",
    "GeometryError",
    "LimitExceeded",
    "MissingDependency",
    "OptionError",
    "Problem",
    "RadkitError",
    "RadkitWarning",
    "TransferError",
    "TruncatedPixelData",
    "UnsupportedTransferSyntax",
    "VerificationError",
]


class RadkitError(Exception):
    """Base of all errors of radkit.

    Parameters
    ----------
    message : str
        What is wrong, without patient values.
    source : str, optional
        Name of the object concerned; an attribute only, never in the text.
    frame : int, optional
        Frame concerned, counted from 0.
    offset : int, optional
        Byte offset in the object or, if the text says so, in the codestream.
    section : str, optional
        Paragraph of the standard that is broken, as "PS3.5 A.4".
    hint : str, optional
        What the caller can do.
    """

    def __init__(
        self,
        message: str = "",
        *,
        source: str | None = None,
        frame: int | None = None,
        offset: int | None = None,
        section: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.frame = frame
        self.offset = offset
        self.section = section
        self.hint = hint

    def __str__(self) -> str:
        where = []
        if self.frame is not None:
            where.append(f"frame {self.frame}")
        if self.offset is not None:
            where.append(f"byte {self.offset}")
        text = self.message
        if where:
            text += f" (at {', '.join(where)})"
        if self.section:
            text += f" [{self.section}]"
        if self.hint:
            text += f". {self.hint}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel between worker processes; keyword-only arguments need help there.
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(kind: type[RadkitError], message: str, state: dict[str, Any]) -> RadkitError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UnsupportedTransferSyntax(RadkitError, NotImplementedError):
    """The transfer syntax is unknown, or known and not handled; `.syntax` is its UID."""

    def __init__(self, message: str = "", *, syntax: str | None = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.syntax = syntax


class CorruptFile(RadkitError, ValueError):
    """The DICOM structure itself is broken: lengths, tags, the meta header, header values."""


class CorruptPixelData(RadkitError, ValueError):
    """A codestream or the structure of the frames is broken."""


class TruncatedPixelData(CorruptPixelData):
    """Pixel data end too early; `.decoded` is the share of them that is sound (0 to 1)."""

    def __init__(self, message: str = "", *, decoded: float = 0.0, **where: Any) -> None:
        super().__init__(message, **where)
        self.decoded = decoded


class GeometryError(RadkitError, ValueError):
    """Positions, orientations, gaps or a mixture of series forbid a volume.

    `.instances` holds the SOP Instance UIDs concerned, `.groups` what was found.
    """

    def __init__(
        self,
        message: str = "",
        *,
        instances: tuple[str, ...] = (),
        groups: tuple[Any, ...] = (),
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.instances = instances
        self.groups = groups


class OptionError(RadkitError, ValueError):
    """An option makes no sense, by itself or with the others."""


class LimitExceeded(RadkitError):
    """A limit of `radkit.limits` forbids it; nothing was allocated.

    `.limit` is the field of `Limits`, `.allowed` its value, `.asked` what was wanted.
    """

    def __init__(
        self,
        message: str = "",
        *,
        limit: str = "",
        allowed: float = 0,
        asked: float = 0,
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.limit = limit
        self.allowed = allowed
        self.asked = asked


class EncodeError(RadkitError, ValueError):
    """The array or object cannot be coded as asked (depth, size, colour, signatures)."""


class VerificationError(RadkitError):
    """What was written reads back differently; nothing was replaced."""


class TransferError(RadkitError, OSError):
    """A file, store or network peer refused; `.retryable` says whether to try again."""

    def __init__(self, message: str = "", *, retryable: bool = False, **where: Any) -> None:
        super().__init__(message, **where)
        self.retryable = retryable


class MissingDependency(RadkitError, ImportError):
    """An optional package is absent; the message names the extra that brings it."""


class RadkitWarning(UserWarning):
    """Base of all warnings of radkit."""


class CorrectionWarning(RadkitWarning):
    """`strict=False` repaired something; it is listed in `.corrections` of the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A fault that was tolerated or repaired, by its stable code.

    Parameters
    ----------
    code : str
        Stable word for programs, as ``"offset-table-wrong"``.
    text : str
        One sentence for people, without patient values.
    tag : int, optional
        Data element concerned, as ``0x7FE00010``.
    offset : int, optional
        Byte in the object where it was noticed.
    """

    code: str
    text: str
    tag: int | None = None
    offset: int | None = None
