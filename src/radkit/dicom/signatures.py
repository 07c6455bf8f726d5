"""Digital signatures: found and, if asked, taken out (PS3.3 C.12.1.1.3).

A MAC over Pixel Data covers the encoded form, so every transcoding breaks it. A broken
signature is worse than none: the object is refused, or the signature goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from radkit.errors import EncodeError

if TYPE_CHECKING:
    from radkit.dicom.objects import DicomObject

__all__ = ["SIGNATURE_TAGS", "removed_signatures"]

SIGNATURE_TAGS = (0x4FFE0001, 0xFFFAFFFA)


def removed_signatures(obj: DicomObject, policy: Literal["refuse", "remove"]) -> tuple[int, ...]:
    """Give the tags to leave out, or refuse a signed object.

    Parameters
    ----------
    obj : DicomObject
        The source.
    policy : {"refuse", "remove"}
        What to do with a signed object.

    Raises
    ------
    EncodeError
        The object is signed and `policy` is ``"refuse"``.
    """
    present = tuple(tag for tag in SIGNATURE_TAGS if tag in obj.elements)
    if present and policy == "refuse":
        raise EncodeError(
            "the data set is digitally signed, and transcoding would break the signature",
            section="PS3.3 C.12.1.1.3",
            hint='Pass signatures="remove" to take the signatures out',
        )
    return present
