"""Objects that are to be sent, and the transfer syntaxes that suit them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radkit.codecs.options import Lossy
from radkit.dicom.objects import open_object
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.uids import syntax as known
from radkit.errors import CorruptFile, EncodeError

__all__ = ["Outgoing", "look", "made_in", "wishes"]

_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_META = (0x00020002, 0x00020003, 0x00020010)  # without them a file is no file of PS3.10

# The smallest first, then what old systems know; each keeps every sample.
_LOSSLESS = (
    "htj2k-lossless-rpcl",
    "htj2k-lossless",
    "jpeg2000-lossless",
    "jpegls-lossless",
    "jpeg-lossless",
)
_PLAIN = ("explicit-le", "implicit-le")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An object, as its headers tell.

    Parameters
    ----------
    source : Any
        As the caller gave it.
    number : int
        Its place among all sources.
    sop_class, instance : str
        UIDs.
    syntax : TransferSyntax
        What it is in.
    pixels : bool
        It has an image that can be transcoded.
    whole : bool
        It is a file as PS3.10 wants it, so that it can go as it is.
    """

    source: Any
    number: int
    sop_class: str
    instance: str
    syntax: TransferSyntax
    pixels: bool
    whole: bool


def look(source: Any, number: int) -> Outgoing:
    """Read the headers of a source.

    Raises
    ------
    RadkitError
        It cannot be read, or lacks its UIDs.
    """
    with open_object(source) as obj:
        sop_class, instance = (obj.elements.text(tag) for tag in (_SOP_CLASS, _SOP_INSTANCE))
        if not sop_class or not instance:
            raise CorruptFile(
                "SOP Class UID or SOP Instance UID is missing", section="PS3.3 C.12.1"
            )
        meta = [obj.meta.text(tag) for tag in _META]
        return Outgoing(
            source=source,
            number=number,
            sop_class=sop_class,
            instance=instance,
            syntax=obj.syntax,
            pixels=obj.pixels is not None,
            whole=isinstance(source, Path) and meta == [sop_class, instance, obj.syntax.uid],
        )


def wishes(one: Outgoing, syntax: TransferSyntax | None = None) -> list[TransferSyntax]:
    """Return the transfer syntaxes an object may be sent in, the best first.

    What is compressed already goes as it is where that is taken: no step is lost, and
    nothing is coded again.
    """
    own = [one.syntax] if one.whole else []
    plain = [known(name) for name in _PLAIN]
    if not one.pixels:
        return _distinct([*own, *plain])
    lossless = [known(name) for name in _LOSSLESS]
    better = [*own, *lossless] if one.syntax.encapsulated else [*lossless, *own]
    return _distinct([*([syntax] if syntax is not None else []), *better, *plain])


def _distinct(syntaxes: list[TransferSyntax]) -> list[TransferSyntax]:
    return list({one.uid: one for one in syntaxes}.values())


def made_in(
    one: Outgoing, target: TransferSyntax, folder: Path, lossy: Lossy | None = None
) -> tuple[Path, bool]:
    """Return a file of the object in a transfer syntax, and whether it was made for that.

    Raises
    ------
    RadkitError
        As `radkit.transcode`; nothing is left behind then.
    """
    from radkit.transcoding import transcode

    if one.whole and target.uid == one.syntax.uid and lossy is None:
        return Path(one.source), False
    path = folder / f"{one.number}.dcm"
    try:
        transcode(one.source, path, target.uid, lossy=lossy)
        made = look(path, one.number)
        if not made.whole or made.syntax.uid != target.uid:
            _rewrite(path, made, target)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, True


def _rewrite(path: Path, made: Outgoing, target: TransferSyntax) -> None:
    """Write an object anew that `transcode` passes on as it is: no image, or no meta header."""
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    if made.pixels and made.syntax.uid != target.uid:
        raise EncodeError(f"the object cannot be brought into {target.title}")
    try:
        dataset = dcmread(path, force=True)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.MediaStorageSOPClassUID = UID(made.sop_class)
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(made.instance)
        dataset.file_meta.TransferSyntaxUID = UID(target.uid)
        dataset.save_as(
            path, implicit_vr=target.implicit, little_endian=True, enforce_file_format=True
        )
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError) as error:
        raise EncodeError(f"the object cannot be written: {type(error).__name__}") from error
