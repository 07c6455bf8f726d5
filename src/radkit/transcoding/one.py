"""One object into another transfer syntax, proven.

decode (pixels) -> encode (codecs) -> splice (dicom) -> decode again and compare. Frames
pass one by one, so memory stays within a few of them, whatever their number. The
bookkeeping is that of `radkit.dicom.rules`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radkit.codecs.options import Coding, Lossy
from radkit.dicom.objects import DicomObject, open_object
from radkit.dicom.source import BufferReader, PathReader, Reader, open_reader
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.write import Sink
from radkit.errors import OptionError, RadkitError, UnsupportedTransferSyntax
from radkit.transcoding.dest import deliver, final_path
from radkit.transcoding.options import NewUid, Options, Signatures, Verify
from radkit.transcoding.recode import Recoding
from radkit.transcoding.results import Transcoded
from radkit.transcoding.short import short_road

__all__ = ["Done", "copy_object", "run", "transcode"]

_CHUNK = 4 << 20
_SMALL_SOURCE = 4 << 20
# Faults by which the bytes are not what their label says: to pass them on would keep them.
_MISLABELLED = frozenset({"encoding-mislabelled", "not-deflated"})
PROVIDER_URL = 0x00287FE0


@dataclass(frozen=True, slots=True)
class Done:
    """A result with the instance UIDs before and after."""

    result: Transcoded
    old_uid: str | None
    new_uid: str | None


def transcode(
    source: Any,
    dest: Any = None,
    syntax: str = "htj2k-lossless-rpcl",
    *,
    lossy: Lossy | None = None,
    coding: Coding | None = None,
    verify: Verify = True,
    new_uid: NewUid = "as-needed",
    signatures: Signatures = "refuse",
    strict: bool = True,
    threads: int | None = None,
) -> Transcoded:
    """Bring one DICOM object into another transfer syntax.

    Every element that the rules do not own is carried byte for byte. A lossless result
    is decoded again and compared with the source, sample by sample, before it appears.

    Parameters
    ----------
    source : path, bytes, binary file or pydicom.Dataset
        The object. Never changed, unless it is also `dest`.
    dest : path, folder or binary file, optional
        Where to write. A folder gets a file named after the hash of the instance UID.
        Default: the object is returned as bytes.
    syntax : str, default "htj2k-lossless-rpcl"
        Short name or UID of a transfer syntax, see `radkit.syntaxes`.
    lossy : Lossy, optional
        What may be lost. Default: nothing, in every syntax.
    coding : Coding, optional
        Layout of JPEG 2000 and HTJ2K.
    verify : bool or "independent", default True
        Decode what was written and compare all samples. "independent" does so a second
        time with a decoder that shares no code with radkit.
    new_uid : {"as-needed", "always", "never"}
        A lossy result is a new instance, a lossless one keeps its UID.
    signatures : {"refuse", "remove"}
        What to do with a digitally signed object.
    strict : bool, default True
        False: repair what `radkit.decode` repairs with it, and list it.
    threads : int, optional
        Default: 1 for one frame, else the cores this process may use.

    Returns
    -------
    Transcoded
        `way` is "copied" for what is already in the syntax (unless `lossy`, `coding` or
        ``new_uid="always"`` ask for more) and for objects without pixel data.

    Raises
    ------
    OptionError
        Options make no sense together.
    UnsupportedTransferSyntax
        Of source or result.
    CorruptFile, CorruptPixelData, LimitExceeded
        The source cannot be read.
    EncodeError
        The syntax cannot hold these pixels, or the object is signed.
    VerificationError
        The result reads back differently; `dest` is as it was.
    TransferError
        The system refused to read or write; `dest` is as it was.

    Notes
    -----
    PS3.5 8.2 and A.4, PS3.3 C.7.6.1.1.5. Memory: the object without pixels, about
    2 * threads frames, and coded frames up to 32 MiB (more go to a temporary file);
    results of more than 64 MiB are proven from the file.
    """
    options = Options(
        syntax=syntax,
        lossy=lossy,
        coding=coding,
        verify=verify,
        new_uid=new_uid,
        signatures=signatures,
        strict=strict,
        threads=threads,
    )
    return run(source, dest, options).result


def run(source: Any, dest: Any, options: Options) -> Done:
    """Do what `transcode` says, for checked options."""
    started = time.perf_counter()
    if dest is source and hasattr(dest, "write"):
        raise OptionError("dest is the file object of the source: it would be read while written")
    reader = _in_memory(open_reader(source))
    try:
        done = _short(reader, dest, options)
        if done is None:
            with open_object(reader, strict=options.strict) as obj:
                done = _run(reader, obj, dest, options)
    except RadkitError as error:
        if error.source is None:
            error.source = reader.name
        raise
    finally:
        reader.close()
    return _timed(done, time.perf_counter() - started)


def _short(reader: Reader, dest: Any, options: Options) -> Done | None:
    done = short_road(reader, dest, options)
    return None if done is None else Done(done[0], done[1], done[1])


def _in_memory(reader: Reader) -> Reader:
    """Read a small file in one go: its pixels are looked at more than once."""
    if not isinstance(reader, PathReader) or reader.size > _SMALL_SOURCE:
        return reader
    with reader:
        data = reader.read(0, reader.size)
        reader.check_unchanged()
        return BufferReader(data, name=reader.name)


def _timed(done: Done, seconds: float) -> Done:
    return replace(done, result=replace(done.result, seconds=seconds))


def _run(reader: Reader, obj: DicomObject, dest: Any, options: Options) -> Done:
    target = options.target
    uid = obj.elements.text(0x00080018)
    if obj.pixels is None:
        if PROVIDER_URL in obj.elements:
            raise UnsupportedTransferSyntax(
                f"{obj.syntax.title}: the pixels are elsewhere", syntax=obj.syntax.uid
            )
        return Done(copy_object(reader, dest, obj.syntax, uid), uid, uid)
    if _is_there(obj, target, options):
        return Done(copy_object(reader, dest, obj.syntax, uid), uid, uid)
    with Recoding(obj, options) as recoding:
        folder = final_path(dest, uid)
        recoding.encode(folder.parent if folder is not None else None)
        path = final_path(dest, recoding.instance_uid)

        def prove(made: Any) -> None:
            recoding.prove(made)
            reader.check_unchanged()  # header and pixels were read at different moments

        written = deliver(dest, path, recoding.size, recoding.write, prove)
        result = recoding.result(bytes_in=reader.size, written=written)
        return Done(result, uid, recoding.instance_uid)


def _is_there(obj: DicomObject, target: TransferSyntax, options: Options) -> bool:
    more = options.lossy is not None or options.coding is not None or options.new_uid == "always"
    stated = obj.meta.text(0x00020010)
    honest = all(problem.code not in _MISLABELLED for problem in obj.problems)
    return stated == target.uid and honest and not more


def copy_object(
    reader: Reader, dest: Any, syntax: TransferSyntax, instance_uid: str | None
) -> Transcoded:
    """Pass an object on, byte for byte."""
    path: Path | None = final_path(dest, instance_uid)

    def make(out: Sink) -> None:
        for piece in _pieces(reader):
            out.write(piece)

    written = deliver(dest, path, reader.size, make, lambda made: reader.check_unchanged())
    return Transcoded(
        data=written.data,
        path=written.path,
        syntax=syntax,
        way="copied",
        bytes_in=reader.size,
        bytes_out=written.size,
    )


def _pieces(reader: Reader) -> Iterator[memoryview]:
    for at in range(0, reader.size, _CHUNK):
        yield reader.read(at, min(_CHUNK, reader.size - at))
