"""Attributes that belong to a frame: functional groups, per frame, shared, or at top level.

PS3.3 C.7.6.16. A macro is either shared or per frame. Where only some frames
have it, the others have no value: frame 0 is never asked in their place.
"""

from __future__ import annotations

from radkit.dicom.elements import Elements
from radkit.dicom.objects import DicomObject
from radkit.errors import CorruptFile

__all__ = [
    "FRAME_CONTENT",
    "FRAME_VOI_LUT",
    "PIXEL_MEASURES",
    "PIXEL_VALUE_TRANSFORMATION",
    "PLANE_ORIENTATION",
    "PLANE_POSITION",
    "REAL_WORLD_VALUE_MAPPING",
    "FunctionalGroups",
]

SHARED_GROUPS = 0x52009229
FRAME_GROUPS = 0x52009230

FRAME_CONTENT = 0x00209111
FRAME_VOI_LUT = 0x00289132
PIXEL_MEASURES = 0x00289110
PIXEL_VALUE_TRANSFORMATION = 0x00289145
PLANE_ORIENTATION = 0x00209116
PLANE_POSITION = 0x00209113
REAL_WORLD_VALUE_MAPPING = 0x00409096


class FunctionalGroups:
    """Look-up of attributes by frame in one object.

    Parameters
    ----------
    obj : DicomObject
        Any object; one without functional groups gives its top level.
    frames : int
        Frames of the object (`ImagePixel.frames`).

    Raises
    ------
    CorruptFile
        The number of per-frame items is not the number of frames.
    """

    __slots__ = ("_frames", "_per_frame", "_seen", "_shared", "top")

    def __init__(self, obj: DicomObject, frames: int) -> None:
        self.top = obj.elements
        self._frames = frames
        self._per_frame = self.top.items(FRAME_GROUPS)
        shared = self.top.items(SHARED_GROUPS)
        self._shared = shared[0] if shared else None
        self._seen: dict[int, bool] = {}
        if self._per_frame and len(self._per_frame) != frames:
            raise CorruptFile(
                f"there are functional groups for {len(self._per_frame)} frames, Number of"
                f" Frames says {frames}",
                section="PS3.3 C.7.6.16",
            )

    @property
    def present(self) -> bool:
        """The object has functional groups."""
        return self._shared is not None or bool(self._per_frame)

    def macro(self, frame: int, tag: int, *, gaps: bool = False) -> Elements | None:
        """Return the first item of a macro for a frame, or None if the object has none.

        Parameters
        ----------
        frame : int
            From 0.
        tag : int
            Sequence of the macro, as `PIXEL_MEASURES`.
        gaps : bool, default False
            Some frames may lack the macro: None for those.

        Raises
        ------
        CorruptFile
            Other frames have the macro, this one has not.
        """
        items = self.items(frame, tag, gaps=gaps)
        return items[0] if items else None

    def items(self, frame: int, tag: int, *, gaps: bool = False) -> tuple[Elements, ...]:
        """Return all items of a macro for a frame, per frame first, then shared; () if none."""
        self._check(frame)
        if self._per_frame:
            own = self._per_frame[frame].items(tag)
            if own:
                return own
        shared = self._shared.items(tag) if self._shared is not None else ()
        if not (shared or gaps) and self._per_frame and self._elsewhere(tag):
            raise CorruptFile(
                f"the functional group ({tag >> 16:04X},{tag & 0xFFFF:04X}) is there for other"
                " frames, not for this one",
                frame=frame,
                section="PS3.3 C.7.6.16",
            )
        return shared

    def find(self, frame: int, macro: int, tag: int) -> Elements | None:
        """Return the elements that hold an attribute for a frame: macro item, or top level.

        Parameters
        ----------
        frame : int
            From 0.
        macro : int
            Sequence of the macro.
        tag : int
            Attribute in it.

        Returns
        -------
        Elements or None
            Where `tag` stands; None if it is in none of the three places.
        """
        item = self.macro(frame, macro)
        if item is not None and tag in item:
            return item
        return self.top if tag in self.top else None

    def same_for_all(self, tag: int) -> bool:
        """Tell whether a macro is shared, or absent; False if it is per frame."""
        return not self._elsewhere(tag)

    def _elsewhere(self, tag: int) -> bool:
        seen = self._seen.get(tag)
        if seen is None:
            seen = any(item.items(tag) for item in self._per_frame)
            self._seen[tag] = seen
        return seen

    def _check(self, frame: int) -> None:
        if not 0 <= frame < self._frames:
            raise CorruptFile(f"there is no such frame: the object has {self._frames}", frame=frame)
