"""What was asked of a transcoding, checked once, before anything is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from radkit.codecs.options import Coding, Lossy
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.uids import syntax as find_syntax
from radkit.errors import OptionError, UnsupportedTransferSyntax
from radkit.transcoding.presets import resolve

__all__ = ["NewUid", "Options", "Signatures", "Verify"]

Verify = bool | Literal["independent"]
NewUid = Literal["as-needed", "always", "never"]
Signatures = Literal["refuse", "remove"]
# JPEG-LS is steered by its largest error; rate and quality have no handle there.
_AIMS = {"jpegls": ("max_error",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `transcode`, resolved.

    Raises
    ------
    OptionError
        A value is unknown, or two contradict each other.
    UnsupportedTransferSyntax
        The syntax is unknown, or not written by radkit.
    """

    syntax: str
    lossy: Lossy | None = None
    coding: Coding | None = None
    verify: Verify = True
    new_uid: NewUid = "as-needed"
    signatures: Signatures = "refuse"
    strict: bool = True
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check them against each other."""
        object.__setattr__(self, "lossy", resolve(self.lossy))
        for name, allowed in (
            ("verify", (True, False, "independent")),
            ("new_uid", ("as-needed", "always", "never")),
            ("signatures", ("refuse", "remove")),
        ):
            if getattr(self, name) not in allowed:
                raise OptionError(f"{name} must be one of {allowed}, not {getattr(self, name)!r}")
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 1):
            raise OptionError(f"threads must be at least 1 or None, not {self.threads!r}")
        target = self.target
        if not target.encode:
            raise UnsupportedTransferSyntax(
                f"{target.title} ({target.uid}) is read, not written",
                syntax=target.uid,
                hint=f"Choose {_instead(target)}",
            )
        if self.coding is not None and target.coding not in ("jpeg2000", "htj2k"):
            raise OptionError(f"coding= lays out JPEG 2000 and HTJ2K, not {target.name}")
        if self.lossy is not None:
            self._check_lossy(target)

    def _check_lossy(self, target: TransferSyntax) -> None:
        if target.lossless_only or not target.lossy_capable:
            raise OptionError(
                f"{target.name} loses nothing: leave lossy= out, or choose"
                f" {target.name.split('-')[0] if target.coding in _LOSSY_NAMES else 'jpeg2000'}"
            )
        aims = _AIMS.get(target.coding or "")
        if aims and all(getattr(self.lossy, aim) is None for aim in aims):
            raise OptionError(f"{target.name} can aim at Lossy({aims[0]}=) only")
        if self.new_uid == "never":
            raise OptionError(
                'new_uid="never" with a lossy step: a lossy copy is another instance'
                " (PS3.3 C.7.6.1.1.5)"
            )

    @property
    def target(self) -> TransferSyntax:
        """The transfer syntax asked for."""
        return find_syntax(self.syntax)

    def digest(self, *more: object) -> str:
        """Give a digest of all that decides what a result looks like; threads do not."""
        values = asdict(self)
        values.pop("threads")
        values["syntax"] = self.target.uid
        text = json.dumps([values, *more], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


_LOSSY_NAMES = ("jpeg2000", "htj2k", "jpegls")


def _instead(target: TransferSyntax) -> str:
    if target.coding == "jpeg-lossless":
        return "jpeg-lossless"
    if target.coding == "native":
        return "explicit-le"
    return "jpeg2000 or htj2k"
