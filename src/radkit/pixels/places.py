"""Where an attribute of a frame may stand: its functional group, the shared one, the top level."""

from __future__ import annotations

from radkit.dicom.elements import Elements
from radkit.dicom.functional import FunctionalGroups

__all__ = ["places"]


def places(groups: FunctionalGroups, frame: int, macro: int) -> tuple[Elements, ...]:
    """Return the item of a macro for a frame, if there is one, and then the top level."""
    item = groups.macro(frame, macro)
    return (groups.top,) if item is None else (item, groups.top)
