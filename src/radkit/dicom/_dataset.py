"""A `pydicom.Dataset` laid out as the bytes of a DICOM file, without its pixels copied.

The header is written by pydicom in the encoding that the data set has, so that
what was read from a file and not touched comes out as it was. The data set
itself is left as it is.
"""

from __future__ import annotations

import copy
import struct
import zlib
from typing import TYPE_CHECKING, Any

from radkit.dicom.uids import SYNTAXES, TransferSyntax
from radkit.errors import CorruptFile, RadkitError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["dataset_parts"]

_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


def _encoding(dataset: Dataset) -> tuple[str | None, bool, bool]:
    """Return (transfer syntax UID, implicit, big endian) of a data set."""
    meta = getattr(dataset, "file_meta", None)
    uid = meta.get("TransferSyntaxUID") if meta is not None else None
    implicit, little = dataset.original_encoding
    if uid is not None:
        known = SYNTAXES.get(str(uid))
        if known is not None:
            return str(uid), known.implicit, known.big_endian
        return str(uid), bool(implicit), little is False
    if implicit is None or little is None:
        return "1.2.840.10008.1.2.1", False, False
    if not little:
        return "1.2.840.10008.1.2.2", False, True
    return ("1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"), bool(implicit), False


def _written(dataset: Dataset, implicit: bool, big_endian: bool) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    # pydicom resolves ambiguous VRs in place when it converts: give it a copy then.
    if dataset.original_encoding != (implicit, not big_endian):
        dataset = copy.deepcopy(dataset)
    out = DicomBytesIO()
    out.is_implicit_VR = implicit
    out.is_little_endian = not big_endian
    write_dataset(out, dataset)
    return out.getvalue()


def _meta(dataset: Dataset, uid: str) -> bytes:
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info
    from pydicom.uid import UID

    meta = FileMetaDataset()
    stated = getattr(dataset, "file_meta", None)
    if stated is not None:
        for tag in list(stated.keys()):  # raw ones stay raw: nothing is converted, nothing warns
            meta[tag] = stated.get_item(tag)
    meta.TransferSyntaxUID = UID(uid)
    out = DicomBytesIO()
    write_file_meta_info(out, meta, enforce_standard=False)
    return b"\0" * 128 + b"DICM" + out.getvalue()


def _pixel_value(element: Any) -> Any:
    value = element.value
    if value is None:
        return b""
    if hasattr(value, "read"):
        value.seek(0)
        value = value.read()
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise CorruptFile(
            "the pixel data element of the data set holds no bytes", section="PS3.5 8.1"
        )
    return value


def _pixel_header(tag: int, size: int, vr: str, implicit: bool, big_endian: bool) -> bytes:
    order = ">" if big_endian else "<"
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack(f"{order}L", size)
    return head + vr.encode("ascii") + struct.pack(f"{order}HL", 0, size)


def dataset_parts(dataset: Dataset) -> list[Any]:
    """Return the buffers that, one after the other, are the data set as a file.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With or without `file_meta`.

    Returns
    -------
    list of bytes-like
        The buffer of the pixel data is the data set's own.

    Raises
    ------
    CorruptFile
        pydicom cannot write what the data set holds.
    """
    try:
        return _parts(dataset)
    except RadkitError:
        raise
    except Exception as error:
        raise CorruptFile(
            f"pydicom cannot lay out the data set ({type(error).__name__})",
            hint="Check the values of its elements, or pass the file itself",
        ) from error


def _parts(dataset: Dataset) -> list[Any]:
    uid, implicit, big_endian = _encoding(dataset)
    known = SYNTAXES.get(uid or "")
    meta, body = _meta(dataset, uid or ""), _body(dataset, known, implicit, big_endian)
    return [meta, *(_deflated(body) if known is not None and known.deflated else body)]


def _deflated(body: list[Any]) -> list[bytes]:
    """Deflate a data set as its transfer syntax says: what is passed on must be a file."""
    state = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [state.compress(part) for part in body] + [state.flush()]
    return [*parts, bytes(sum(map(len, parts)) & 1)]


def _body(
    dataset: Dataset, known: TransferSyntax | None, implicit: bool, big_endian: bool
) -> list[Any]:
    tag = next((t for t in _PIXELS if t in dataset), None)
    if tag is None:
        return [_written(dataset[0x00030000:], implicit, big_endian)]
    parts: list[Any] = [_written(dataset[0x00030000:tag], implicit, big_endian)]
    element = dataset.get_item(tag)
    value = _pixel_value(element)
    encapsulated = bool(getattr(element, "is_undefined_length", False))
    encapsulated |= known is not None and known.encapsulated
    vr = str(getattr(element, "VR", None) or "OW")
    if encapsulated:
        parts.append(_pixel_header(tag, 0xFFFFFFFF, "OB", implicit, big_endian))
        parts.append(value)
        if bytes(value[-8:]) != b"\xfe\xff\xdd\xe0\0\0\0\0":
            parts.append(b"\xfe\xff\xdd\xe0\0\0\0\0")
    else:
        size = len(value) + (len(value) & 1)
        if size >= 0xFFFFFFFF:
            raise CorruptFile("native pixel data of 4 GiB or more", section="PS3.5 8.2")
        vr = vr if vr in ("OB", "OW", "OF", "OD", "UN") else "OW"
        parts.append(_pixel_header(tag, size, vr, implicit, big_endian))
        parts.append(value)
        if len(value) & 1:
            parts.append(b"\0")
    parts.append(_written(dataset[tag + 1 :], implicit, big_endian))
    return parts
