"""A small index beside an object, with which any web server can serve previews of it.

The sidecar says which bytes of the object are its header, and for each frame which of
them give which resolution or layer. A client reads the sidecar once and then asks the
server for ranges (RFC 9110, 14); the server runs no code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radkit.dicom.write import write_file
from radkit.errors import CorruptFile, OptionError, UnsupportedTransferSyntax
from radkit.preview.coded import CodedObject, Cut, Ranges, file_ranges

__all__ = ["Sidecar", "SidecarFrame", "sidecar"]

FORM = "radkit sidecar 1"
NOTE = "less than the last cut of a frame is a preview, not for diagnosis"


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarFrame:
    """Where a frame is.

    Parameters
    ----------
    pieces : tuple of (offset, length)
        Its bytes in the object; several if it lies in fragments.
    cuts : tuple of (reduce, layers, size)
        The first `size` bytes give the frame with so many halvings and layers (None:
        all). From coarse to fine, the last one is the whole frame.
    """

    pieces: tuple[tuple[int, int], ...]
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """The index of an object.

    Parameters
    ----------
    size : int
        Bytes of the object.
    header : int
        Bytes before the value of its pixel data: the attributes.
    instance : str
        SOP Instance UID.
    syntax : str
        UID of the transfer syntax.
    frames : tuple of SidecarFrame
    """

    size: int
    header: int
    instance: str
    syntax: str
    frames: tuple[SidecarFrame, ...]

    def ranges(self, frame: int = 0, *, reduce: int = 0, layers: int | None = None) -> Ranges:
        """Return the ranges of the object that show a frame.

        Raises
        ------
        OptionError
            There is no such frame, or it cannot be had so small.
        """
        pieces, cut = self.frame(frame).pieces, self.cut(frame, reduce=reduce, layers=layers)
        return file_ranges(pieces, [(0, cut.size)])

    def frame(self, number: int) -> SidecarFrame:
        """Return a frame; `OptionError` if there is none of that number."""
        if not 0 <= number < len(self.frames):
            raise OptionError(f"frame must be 0 to {len(self.frames) - 1}, not {number!r}")
        return self.frames[number]

    def cut(self, frame: int = 0, *, reduce: int = 0, layers: int | None = None) -> Cut:
        """Return the smallest cut of a frame that holds what is asked for."""
        for cut in self.frame(frame).cuts:
            enough = cut.layers is None or (layers is not None and layers <= cut.layers)
            if cut.reduce <= reduce and enough:
                return cut
        raise OptionError(f"reduce must be 0 or more, not {reduce!r}")

    def to_bytes(self) -> bytes:
        """Return the sidecar as JSON."""
        made: dict[str, Any] = {"form": FORM, "note": NOTE}
        for name in ("size", "header", "instance", "syntax"):
            made[name] = getattr(self, name)
        made["frames"] = [{"pieces": one.pieces, "cuts": one.cuts} for one in self.frames]
        return json.dumps(made, separators=(",", ":")).encode()

    @staticmethod
    def from_bytes(data: Any) -> Sidecar:
        """Return the sidecar that `to_bytes` wrote.

        Raises
        ------
        CorruptFile
            The data are no such sidecar.
        """
        try:
            return _from_json(json.loads(bytes(data)))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, OptionError):
            raise CorruptFile("not a sidecar") from None


def _from_json(made: Mapping[str, Any]) -> Sidecar:
    if made["form"] != FORM:
        raise ValueError("another form")
    size, header = int(made["size"]), int(made["header"])
    frames = tuple(_frame_from_json(one, size) for one in made["frames"])
    if not frames or not 0 <= header <= size:
        raise ValueError("figures that cannot be")
    instance, uid = made["instance"], made["syntax"]
    if not isinstance(instance, str) or not isinstance(uid, str):
        raise TypeError("UIDs are text")
    return Sidecar(size=size, header=header, instance=instance, syntax=uid, frames=frames)


def _frame_from_json(made: Mapping[str, Any], size: int) -> SidecarFrame:
    pieces = tuple((int(offset), int(length)) for offset, length in made["pieces"])
    if any(offset < 0 or length < 0 or offset + length > size for offset, length in pieces):
        raise ValueError("ranges outside of the object")
    cuts = tuple(
        Cut(int(reduce), None if layers is None else int(layers), int(length))
        for reduce, layers, length in made["cuts"]
    )
    sizes = [0, *(cut.size for cut in cuts)]
    whole = sum(length for _, length in pieces)
    if not cuts or sizes != sorted(sizes) or cuts[-1] != Cut(0, None, whole):
        raise ValueError("cuts that do not end in the whole frame")
    return SidecarFrame(pieces=pieces, cuts=cuts)


def sidecar(source: Any, dest: str | os.PathLike[str] | None = None) -> Sidecar:
    """Make the index of an object.

    Parameters
    ----------
    source : source
        A DICOM object. One that cannot be sent in parts has one cut for each frame, all
        of it.
    dest : path, optional
        Where to write it as JSON; by habit the object's name and ``.radkit.json``. A file
        that is there is replaced as a whole.

    Returns
    -------
    Sidecar

    Raises
    ------
    UnsupportedTransferSyntax
        The data set is deflated, or its frames cannot be decoded.
    TransferError
        `dest` cannot be written; it is as it was.
    RadkitError
        The object cannot be read.

    Examples
    --------
    >>> import radkit
    >>> from radkit.testing import sample
    >>> coded = radkit.transcode(sample("ct"), None, "htj2k-lossless-rpcl").data
    >>> made = sidecar(coded)
    >>> made.ranges(reduce=1)[0][1] < made.ranges()[0][1]
    True
    """
    with CodedObject(source) as coded, coded.opened.named():
        if coded.deflated:
            raise UnsupportedTransferSyntax(
                "a deflated data set can be read only from its start to its end",
                syntax=coded.opened.obj.syntax.uid,
                section="PS3.5 A.5",
                hint="Transcode to explicit-le or HTJ2K first",
            )
        made = _describe(coded)
    if dest is not None:
        write_file(Path(dest), made.to_bytes())
    return made


def _describe(coded: CodedObject) -> Sidecar:
    obj, pixels = coded.opened.obj, coded.opened.obj.pixels
    assert pixels is not None  # coded objects have frames
    return Sidecar(
        size=obj.reader.size,
        header=pixels.value,
        instance=obj.elements.text(0x00080018) or "",
        syntax=obj.syntax.uid,
        frames=tuple(
            SidecarFrame(pieces=tuple(coded.pieces(number)), cuts=tuple(coded.cuts(number)))
            for number in range(coded.frames)
        ),
    )
