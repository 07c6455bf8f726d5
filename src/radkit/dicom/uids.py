"""Transfer syntaxes: what they are, how radkit reads and writes them, why it refuses some.

PS3.6 Annex A (names), PS3.5 Annex A (encodings), PS3.5 8.2 (what may be in them).
What is not known here is still described, so that its headers can be read; only
its pixels cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from radkit.errors import UnsupportedTransferSyntax

__all__ = ["SYNTAXES", "TransferSyntax", "is_uid", "syntax", "unknown_syntax"]

_DICOM = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSyntax:
    """A transfer syntax and what radkit does with it.

    Parameters
    ----------
    uid : str
        Transfer Syntax UID.
    name : str
        Short name, as ``"htj2k-lossless-rpcl"``; the UID if there is none.
    title : str
        Name in the registry.
    coding : str or None
        Kind of the frames: "native", "jpeg", "jpeg-lossless", "jpegls",
        "jpeg2000", "htj2k", "jpegxl", "rle", "deflated-frame",
        "uncompressed-frame". None: cannot be decoded.
    encapsulated : bool
        Pixel data are fragments.
    implicit, big_endian : bool
        Of the data set.
    big_endian_pixels : bool
        Of native pixel data.
    deflated : bool
        The whole data set is deflated.
    lossy_capable, lossless_only : bool
        What the coding may lose.
    decode, encode : bool
        What radkit can do.
    reduce, layers : bool
        Decoding may leave out resolutions or quality layers.
    module : str or None
        The module of radkit that codes its frames.
    refusal : str or None
        For those that are not decoded: why, and what to do.
    """

    uid: str
    name: str
    title: str
    coding: str | None
    encapsulated: bool = True
    implicit: bool = False
    big_endian: bool = False
    big_endian_pixels: bool = False
    deflated: bool = False
    lossy_capable: bool = False
    lossless_only: bool = True
    decode: bool = True
    encode: bool = False
    reduce: bool = False
    layers: bool = False
    module: str | None = None
    refusal: str | None = None


_MODULES = {
    "native": "radkit.dicom",
    "uncompressed-frame": "radkit.dicom",
    "deflated-frame": "radkit.codecs.deflated",
    "jpeg": "radkit.codecs.jpeg",
    "jpeg-lossless": "radkit.codecs.jpeg_lossless",
    "jpegls": "radkit.codecs.jpegls",
    "jpeg2000": "radkit.codecs.jpeg2000",
    "htj2k": "radkit.codecs.htj2k",
    "jpegxl": "radkit.codecs.jpegxl",
    "rle": "radkit.codecs.rle",
}


def _native(tail: str, name: str, title: str, **flags: Any) -> TransferSyntax:
    uid = tail if tail.startswith("1.") else _DICOM + tail
    return TransferSyntax(
        uid=uid,
        name=name,
        title=title,
        coding="native",
        encapsulated=False,
        module=_MODULES["native"],
        **flags,
    )


def _coded(
    tail: str, name: str, title: str, coding: str, *, lossy: bool = False, encode: bool = True
) -> TransferSyntax:
    wavelet = coding in ("jpeg2000", "htj2k")
    return TransferSyntax(
        uid=_DICOM + tail,
        name=name,
        title=title,
        coding=coding,
        lossy_capable=lossy,
        lossless_only=not lossy,
        encode=encode,
        reduce=wavelet,
        layers=wavelet,
        module=_MODULES[coding],
    )


def _refused(
    tail: str, title: str, why: str, *, encapsulated: bool = True, lossy: bool = True, **flags: Any
) -> TransferSyntax:
    uid = tail if tail.startswith("1.") else _DICOM + tail
    return TransferSyntax(
        uid=uid,
        name=uid,
        title=title,
        coding=None,
        encapsulated=encapsulated,
        lossy_capable=lossy,
        lossless_only=not lossy,
        decode=False,
        refusal=why,
        **flags,
    )


_JPIP = (
    "the pixels are elsewhere: the object holds only Pixel Data Provider URL (0028,7FE0); ask the"
    " archive for the object in another transfer syntax (radkit never follows that URL by itself)"
)
_VIDEO = (
    "it is one video stream, not frames; write the fragments of Pixel Data to a file and decode it"
    " with a video decoder such as FFmpeg"
)
_ARITHMETIC = (
    "arithmetic-coded JPEG was retired from DICOM and no decoder at hand reads it; convert the"
    " object with the system that wrote it"
)
_HIERARCHICAL = (
    "hierarchical JPEG was retired from DICOM and no decoder at hand reads it; convert the object"
    " with the system that wrote it"
)
_ST2110 = "it is a real-time stream over a network (PS3.22), never a file"
_RETIRED = "it is retired and its pixels are not in a DICOM pixel data element; convert the object"


_J2K = "JPEG 2000 Image Compression"
_HTJ2K = "High-Throughput JPEG 2000"
_SV1 = "First-Order Prediction (Process 14 [Selection Value 1])"
_UNCOMPRESSED = "Encapsulated Uncompressed Explicit VR Little Endian"

# End of the UID, short name, name in the registry, coding.
_LOSSLESS = (
    (".1.98", "encapsulated", _UNCOMPRESSED, "uncompressed-frame"),
    (".8.1", "deflated-frame", "Deflated Image Frame Compression", "deflated-frame"),
    (".5", "rle", "RLE Lossless", "rle"),
    (
        ".4.57",
        "jpeg-lossless-p14",
        "JPEG Lossless, Non-Hierarchical (Process 14)",
        "jpeg-lossless",
    ),
    (".4.70", "jpeg-lossless", f"JPEG Lossless, Non-Hierarchical, {_SV1}", "jpeg-lossless"),
    (".4.80", "jpegls-lossless", "JPEG-LS Lossless Image Compression", "jpegls"),
    (".4.90", "jpeg2000-lossless", f"{_J2K} (Lossless Only)", "jpeg2000"),
    (".4.110", "jpegxl-lossless", "JPEG XL Lossless", "jpegxl"),
    (".4.201", "htj2k-lossless", f"{_HTJ2K} Image Compression (Lossless Only)", "htj2k"),
    (
        ".4.202",
        "htj2k-lossless-rpcl",
        f"{_HTJ2K} with RPCL Options Image Compression (Lossless Only)",
        "htj2k",
    ),
)
_LOSSY = (
    (".4.50", "jpeg-baseline", "JPEG Baseline (Process 1)", "jpeg"),
    (".4.51", "jpeg-extended", "JPEG Extended (Process 2 and 4)", "jpeg"),
    (
        ".4.53",
        "jpeg-spectral",
        "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)",
        "jpeg",
    ),
    (
        ".4.55",
        "jpeg-progressive",
        "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)",
        "jpeg",
    ),
    (".4.81", "jpegls", "JPEG-LS Lossy (Near-Lossless) Image Compression", "jpegls"),
    (".4.91", "jpeg2000", _J2K, "jpeg2000"),
    (".4.111", "jpegxl-recompressed", "JPEG XL JPEG Recompression", "jpegxl"),
    (".4.112", "jpegxl", "JPEG XL", "jpegxl"),
    (".4.203", "htj2k", f"{_HTJ2K} Image Compression", "htj2k"),
)


def _all_syntaxes() -> Iterator[TransferSyntax]:
    yield _native("", "implicit-le", "Implicit VR Little Endian", implicit=True, encode=True)
    yield _native(".1", "explicit-le", "Explicit VR Little Endian", encode=True)
    yield _native(
        ".1.99", "deflated", "Deflated Explicit VR Little Endian", deflated=True, encode=True
    )
    yield _native(
        ".2",
        "explicit-be",
        "Explicit VR Big Endian",
        big_endian=True,
        big_endian_pixels=True,
    )
    yield _native(
        "1.2.840.113619.5.2",
        "ge-be",
        "GE Private Implicit VR Little Endian with big-endian pixels",
        implicit=True,
        big_endian_pixels=True,
    )
    for tail, name, title, coding in _LOSSLESS:
        yield _coded(tail, name, title, coding, encode=coding != "jpegxl" and tail != ".4.57")
    for tail, name, title, coding in _LOSSY:
        encode = coding not in ("jpeg", "jpegxl")
        yield _coded(tail, name, title, coding, lossy=True, encode=encode)
    for tail, kind in (
        (".4.52", "Extended (Process 3 and 5)"),
        (".4.54", "Spectral Selection, Non-Hierarchical (Process 7 and 9)"),
        (".4.56", "Full Progression, Non-Hierarchical (Process 11 and 13)"),
        (".4.58", "Lossless, Non-Hierarchical (Process 15)"),
    ):
        yield _refused(tail, f"JPEG {kind}", _ARITHMETIC, lossy=tail != ".4.58")
    for tail, kind in (
        (".4.59", "Extended, Hierarchical (Process 16 and 18)"),
        (".4.60", "Extended, Hierarchical (Process 17 and 19)"),
        (".4.61", "Spectral Selection, Hierarchical (Process 20 and 22)"),
        (".4.62", "Spectral Selection, Hierarchical (Process 21 and 23)"),
        (".4.63", "Full Progression, Hierarchical (Process 24 and 26)"),
        (".4.64", "Full Progression, Hierarchical (Process 25 and 27)"),
        (".4.65", "Lossless, Hierarchical (Process 28)"),
        (".4.66", "Lossless, Hierarchical (Process 29)"),
    ):
        yield _refused(tail, f"JPEG {kind}", _HIERARCHICAL, lossy=tail < ".4.65")
    # Decoded where the codestream needs nothing of Part 2; the codec refuses the others.
    part2 = "JPEG 2000 Part 2 Multi-component Image Compression"
    for tail, title in ((".4.92", f"{part2} (Lossless Only)"), (".4.93", part2)):
        lossy = tail == ".4.93"
        yield _coded(tail, _DICOM + tail, title, "jpeg2000", lossy=lossy, encode=False)
    for tail, kind, deflated in (
        (".4.94", "JPIP Referenced", False),
        (".4.95", "JPIP Referenced Deflate", True),
        (".4.204", "JPIP HTJ2K Referenced", False),
        (".4.205", "JPIP HTJ2K Referenced Deflate", True),
    ):
        yield _refused(tail, kind, _JPIP, encapsulated=False, deflated=deflated)
    for tail, kind in (
        (".4.100", "MPEG2 Main Profile / Main Level"),
        (".4.101", "MPEG2 Main Profile / High Level"),
        (".4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
        (".4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
        (".4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
        (".4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
        (".4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
    ):
        yield _refused(tail, kind, _VIDEO)
        yield _refused(f"{tail}.1", f"Fragmentable {kind}", _VIDEO)
    yield _refused(".4.107", "HEVC/H.265 Main Profile / Level 5.1", _VIDEO)
    yield _refused(".4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", _VIDEO)
    yield _refused(".7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", _ST2110)
    yield _refused(".7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", _ST2110)
    yield _refused(".7.3", "SMPTE ST 2110-30 PCM Digital Audio", _ST2110)
    papyrus = "Papyrus 3 Implicit VR Little Endian"
    yield _refused("1.2.840.10008.1.20", papyrus, _RETIRED, encapsulated=False, implicit=True)
    yield _refused(".6.1", "RFC 2557 MIME encapsulation", _RETIRED, encapsulated=False)
    yield _refused(".6.2", "XML Encoding", _RETIRED, encapsulated=False)


SYNTAXES: Mapping[str, TransferSyntax] = MappingProxyType({s.uid: s for s in _all_syntaxes()})
_BY_NAME = {s.name: s for s in SYNTAXES.values()}


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID by PS3.5 9.1: digits and dots, no leading zeros, at most 64.

    Examples
    --------
    >>> is_uid("1.2.840.10008.1.2"), is_uid(".."), is_uid("1.02")
    (True, False, False)
    """
    return len(text) <= 64 and all(
        part.isascii() and part.isdigit() and (part == "0" or part[0] != "0")
        for part in text.split(".")
    )


def unknown_syntax(uid: str, *, encapsulated: bool = True) -> TransferSyntax:
    """Describe a transfer syntax that is not in the table; its pixels cannot be decoded.

    Parameters
    ----------
    uid : str
        As in the file, possibly no UID at all.
    encapsulated : bool, default True
        What its pixel data look like.
    """
    return TransferSyntax(
        uid=uid,
        name=uid,
        title="Unknown or private transfer syntax",
        coding=None,
        encapsulated=encapsulated,
        lossy_capable=True,
        lossless_only=False,
        decode=False,
        refusal="it is private or newer than this version of radkit; export the object in Explicit"
        " VR Little Endian (explicit-le) from the system that wrote it",
    )


def _nearest(text: str) -> str:
    import difflib

    names = [s.name for s in SYNTAXES.values() if s.decode]
    uids = [s.uid for s in SYNTAXES.values() if s.decode]
    if text[:1].isdigit():
        found = difflib.get_close_matches(text[:64], uids, n=1, cutoff=0.0)
        return SYNTAXES[found[0]].name if found else "explicit-le"
    found = difflib.get_close_matches(text[:64].lower(), names, n=1, cutoff=0.0)
    return found[0] if found else "explicit-le"


def syntax(name_or_uid: str) -> TransferSyntax:
    """Return the transfer syntax of that short name or UID.

    Parameters
    ----------
    name_or_uid : str
        As ``"jpeg2000-lossless"`` or ``"1.2.840.10008.1.2.4.90"``.

    Returns
    -------
    TransferSyntax
        Also one that cannot be decoded; `decode` and `encode` tell.

    Raises
    ------
    UnsupportedTransferSyntax
        Neither a name nor a UID of the table; the message has the nearest
        that is supported.

    Examples
    --------
    >>> syntax("rle").uid
    '1.2.840.10008.1.2.5'
    """
    if not isinstance(name_or_uid, str):
        raise TypeError(f"a transfer syntax is a name or a UID, not {type(name_or_uid).__name__}")
    found = _BY_NAME.get(name_or_uid) or SYNTAXES.get(name_or_uid)
    if found is None:
        raise UnsupportedTransferSyntax(
            f"unknown transfer syntax {name_or_uid[:64]!r}",
            syntax=name_or_uid,
            hint=f"The nearest that is supported is {_nearest(name_or_uid)!r};"
            " radkit.syntaxes() lists all",
        )
    return found
