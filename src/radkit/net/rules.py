"""Which objects go first: a rule over a few values of their headers."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from radkit import limits
from radkit.dicom.objects import open_object
from radkit.errors import OptionError, RadkitError

__all__ = ["KEYWORDS", "Rule", "is_urgent"]

KEYWORDS: Mapping[str, int] = {
    "Modality": 0x00080060,
    "InstitutionName": 0x00080080,
    "StationName": 0x00081010,
    "StudyDescription": 0x00081030,
    "SeriesDescription": 0x0008103E,
    "InstitutionalDepartmentName": 0x00081040,
    "BodyPartExamined": 0x00180015,
    "ProtocolName": 0x00181030,
    "RequestedProcedurePriority": 0x00401003,
}
logger = logging.getLogger("radkit")


@dataclass(frozen=True, slots=True)
class Rule:
    """Objects whose values match the patterns, all of one of its cases.

    Parameters
    ----------
    cases : tuple of mappings
        Keywords of DICOM (``Modality``, ``StudyDescription`` …), or ``CallingAETitle``, to
        patterns with ``*`` and ``?``; capitals and small letters are the same.

    Raises
    ------
    OptionError
        A keyword is not among those that are looked at, or a case is empty.
    """

    cases: tuple[Mapping[str, str], ...]

    def __post_init__(self) -> None:
        """Check the keywords."""
        for case in self.cases:
            strange = sorted(set(case) - set(KEYWORDS) - {"CallingAETitle"})
            if strange or not case:
                known = ", ".join(["CallingAETitle", *KEYWORDS])
                raise OptionError(f"a rule knows {known}, not {', '.join(strange) or 'nothing'}")

    def __call__(self, values: Mapping[str, str]) -> bool:
        """Tell whether a case matches."""
        return any(
            all(
                fnmatch.fnmatchcase(values.get(keyword, "").upper(), pattern.upper())
                for keyword, pattern in case.items()
            )
            for case in self.cases
        )


def is_urgent(
    rule: Callable[[Mapping[str, str]], bool] | None, data: bytes | Path, calling: str
) -> bool:
    """Ask a rule about an object; one that fails makes nothing urgent, and loses nothing."""
    if rule is None:
        return False
    values = {"CallingAETitle": calling}
    try:
        with limits.use(limits.UNTRUSTED), open_object(data) as obj:
            for keyword, tag in KEYWORDS.items():
                values[keyword] = obj.elements.text(tag) or ""
    except RadkitError as error:
        logger.warning("a header cannot be read for the rule: %s", type(error).__name__)
        return False
    try:
        return bool(rule(MappingProxyType(values)))
    except Exception as error:  # of the caller's rule, whatever it is
        logger.error("the rule of urgency failed: %s", type(error).__name__)
        return False
