"""Find, cut and splice data elements; know transfer syntaxes and where frames are.

Light to import: no pydicom. What is public is listed in `__all__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radkit.dicom.source import open_reader, safe_name
from radkit.dicom.uids import SYNTAXES, TransferSyntax, syntax

if TYPE_CHECKING:
    from radkit.dicom.objects import DicomObject, open_object
    from radkit.dicom.rereference import rereference

__all__ = [
    "SYNTAXES",
    "DicomObject",
    "TransferSyntax",
    "open_object",
    "open_reader",
    "rereference",
    "safe_name",
    "syntax",
]

_LATER = {
    "DicomObject": "radkit.dicom.objects",
    "open_object": "radkit.dicom.objects",
    "rereference": "radkit.dicom.rereference",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
