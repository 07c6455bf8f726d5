"""References that follow instances to their new UIDs, in KO, PR, SR and SEG objects.

A lossy copy is a new instance (PS3.3 C.7.6.1.1.5), so what pointed at the old one must be
told. Only Referenced SOP Instance UID (0008,1155), at any depth, is changed, and only
where the map knows its value; all else is carried byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radkit.dicom.objects import DicomObject, open_object
from radkit.dicom.rewrite import Hook
from radkit.dicom.signatures import removed_signatures
from radkit.dicom.source import safe_name
from radkit.dicom.splice import Edit, plan, write
from radkit.dicom.write import write_file
from radkit.errors import EncodeError, OptionError, RadkitError

__all__ = ["Rereferenced", "rereference"]

REFERENCED_INSTANCE = 0x00081155


@dataclass(frozen=True, slots=True, kw_only=True)
class Rereferenced:
    """One object whose references were looked at.

    Parameters
    ----------
    source : Any
        As given.
    data : bytes or None
        The object with its references followed, if `dest` was None and some were; None
        for one without such references.
    path : Path or None
        Where it was written.
    replaced : int
        References that were changed.
    """

    source: Any
    data: bytes | None
    path: Path | None
    replaced: int


def rereference(
    sources: Any, uid_map: Mapping[str, str], *, dest: str | os.PathLike[str] | None = None
) -> Iterator[Rereferenced | RadkitError]:
    """Follow instances to their new UIDs in the objects that refer to them.

    Parameters
    ----------
    sources : folder or iterable of sources
        Objects that may refer to others: key object selections, presentation states,
        structured reports, segmentations. A folder is walked.
    uid_map : mapping of str to str
        Old to new SOP Instance UIDs, as in `Report.uid_map`.
    dest : folder, optional
        Where changed objects are written, under the name they had or, without one, under
        the hash of their instance UID. It may be the folder they came from. Default:
        they are returned as bytes.

    Yields
    ------
    Rereferenced or RadkitError
        One for each source, in order; an object that fails does not stop the others.

    Raises
    ------
    OptionError
        The map is empty or holds something that is no UID.

    Notes
    -----
    The instances keep their own UIDs: what they say has not changed, only the names of
    what they speak of. A signed object that would change is an `EncodeError`.
    """
    followed = _checked(uid_map)
    folder = Path(dest) if dest is not None else None
    return _each(sources, followed, folder)


def _checked(uid_map: Mapping[str, str]) -> dict[bytes, bytes]:
    followed = {}
    for old, new in uid_map.items():
        for uid in (old, new):
            if not isinstance(uid, str) or not 0 < len(uid) <= 64 or set(uid) - set("0123456789."):
                raise OptionError("uid_map must map UIDs to UIDs", section="PS3.5 9.1")
        followed[old.encode("ascii")] = new.encode("ascii")
    if not followed:
        raise OptionError("uid_map is empty: there is nothing to follow")
    return followed


def _each(
    sources: Any, followed: dict[bytes, bytes], folder: Path | None
) -> Iterator[Rereferenced | RadkitError]:
    for source, place in _listed(sources):
        try:
            with open_object(source) as obj:
                yield _one(source, obj, followed, folder, place)
        except RadkitError as error:
            yield error


def _listed(sources: Any) -> Iterable[tuple[Any, str | None]]:
    if isinstance(sources, (str, os.PathLike)) and os.path.isdir(sources):
        top = Path(sources)
        found = sorted(path for path in top.rglob("*") if path.is_file())
        return [(path, str(path.relative_to(top))) for path in found]
    if isinstance(sources, (str, os.PathLike, bytes, bytearray, memoryview)):
        sources = [sources]
    return [
        (source, Path(source).name if isinstance(source, (str, os.PathLike)) else None)
        for source in sources
    ]


def _one(
    source: Any,
    obj: DicomObject,
    followed: dict[bytes, bytes],
    folder: Path | None,
    place: str | None,
) -> Rereferenced:
    count = 0

    def hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
        nonlocal count
        if path[-1] != REFERENCED_INSTANCE:
            return None
        new = followed.get(bytes(value).strip(b" \0"))
        if new is None:
            return None
        count += 1
        return new + bytes(len(new) & 1)

    data = _rewritten(obj, hook, lambda: count)
    if data is None:
        return Rereferenced(source=source, data=None, path=None, replaced=0)
    if folder is None:
        return Rereferenced(source=source, data=data, path=None, replaced=count)
    name = place or safe_name(obj.elements.text(0x00080018) or "") + ".dcm"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, data)
    return Rereferenced(source=source, data=None, path=path, replaced=count)


def _rewritten(obj: DicomObject, hook: Hook, count: Any) -> bytes | None:
    if obj.syntax.big_endian or obj.syntax.big_endian_pixels:
        raise EncodeError(
            "references in a big endian object are not followed",
            hint="Transcode it to explicit-le first",
        )
    hooks = {e.tag: hook for e in obj.elements if _may_refer(e.vr, e.length)}
    edits: dict[int, Edit | None] = {}
    own = obj.elements.raw(REFERENCED_INSTANCE)
    if own is not None:
        new = hook((REFERENCED_INSTANCE,), "UI", own)
        if new is not None:
            edits[REFERENCED_INSTANCE] = Edit("UI", new)
    laid = plan(obj, obj.syntax, edits, hooks=hooks, keep_pixels=True)
    if not count():
        return None
    removed_signatures(obj, "refuse")
    pieces = _Pieces()
    write(laid, obj.reader, (), pieces)
    return b"".join(pieces.parts)


def _may_refer(vr: str, length: int) -> bool:
    return vr in ("SQ", "UN", "") and length != 0


class _Pieces:
    def __init__(self) -> None:
        self.parts: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.parts.append(data)
