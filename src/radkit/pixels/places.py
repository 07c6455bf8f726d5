"""Where an attribute of a frame may stand: its functional group, the shared one, the top level."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

from radkit.dicom.elements import Elements
from radkit.dicom.functional import FunctionalGroups
from radkit.errors import CorrectionWarning, CorruptFile

if TYPE_CHECKING:
    from radkit.pixels.frames import Frames

__all__ = ["Groups", "frame_groups", "places"]


class Groups(Protocol):
    """What is asked of functional groups here."""

    top: Elements

    def macro(self, frame: int, tag: int, *, gaps: bool = False) -> Elements | None:
        """Return the item of a macro for a frame; `gaps`: some frames may lack it."""
        ...


class _TopLevel:
    """An object whose functional groups fit no frame: its top level alone."""

    def __init__(self, top: Elements) -> None:
        self.top = top

    def macro(self, frame: int, tag: int, *, gaps: bool = False) -> Elements | None:
        del frame, tag, gaps
        return None


def frame_groups(opened: Frames) -> Groups:
    """Return the functional groups of an object.

    If they are not as many as its frames, they cannot be told apart: an error, or
    without `strict` they are left out with a `CorrectionWarning`.
    """
    try:
        return FunctionalGroups(opened.obj, opened.image.frames)
    except CorruptFile as error:
        if opened.strict:
            raise
        warnings.warn(
            f"functional groups are left out: {error.message}", CorrectionWarning, stacklevel=4
        )
        return _TopLevel(opened.obj.elements)


def places(groups: Groups, frame: int, macro: int, *, gaps: bool = False) -> tuple[Elements, ...]:
    """Return the item of a macro for a frame, if there is one, and then the top level.

    A frame without a macro that others have is an error, unless `gaps`.
    """
    item = groups.macro(frame, macro, gaps=gaps)
    return (groups.top,) if item is None else (item, groups.top)
