"""The bookkeeping of a change of transfer syntax: which elements are owned, and their values.

PS3.3 C.7.6.1.1.5 (lossy history), C.7.6.3 (image pixel), PS3.5 8.2 (what each transfer
syntax can hold). Everything not named here is carried as it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radkit.dicom.encoding import EXPLICIT, element_header, encode
from radkit.dicom.rewrite import Hook, Rewriter
from radkit.dicom.splice import Edit, encoding_of
from radkit.errors import EncodeError

if TYPE_CHECKING:
    from radkit.dicom.objects import DicomObject
    from radkit.dicom.uids import TransferSyntax

__all__ = [
    "LOSSY_METHODS",
    "Edits",
    "Outcome",
    "check_holds",
    "check_may_be_lossy",
    "image_edits",
    "lossy_edits",
    "said_lossy",
    "source_method",
]

Edits = dict[int, Edit | None]

# PS3.3 C.7.6.1.1.5.1: names of the methods, by coding.
LOSSY_METHODS = {
    "jpeg": "ISO_10918_1",
    "jpegls": "ISO_14495_1",
    "jpeg2000": "ISO_15444_1",
    "htj2k": "ISO_15444_15",
    "jpegxl": "ISO_18181_1",
}
# Samples of these are labels, indices or quantities, not pictures.
NEVER_LOSSY = {
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "a label map segmentation",
    "1.2.840.10008.5.1.4.1.1.66.8": "a height map segmentation",
    "1.2.840.10008.5.1.4.1.1.481.2": "an RT dose",
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.1.1.128": "a PET image",
    "1.2.840.10008.5.1.4.1.1.128.1": "a legacy converted PET image",
    "1.2.840.10008.5.1.4.1.1.130": "an enhanced PET image",
}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
FUNCTIONAL_GROUPS = (0x52009229, 0x52009230)
FRAME_TYPE = 0x00089007
_MOST_ST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the new pixel element holds: the attributes that describe it.

    Parameters
    ----------
    photometric : str
        As in (0028,0004).
    samples, bits_allocated, bits_stored : int
        As in group 0028.
    high_bit : int
        `bits_stored` - 1, unless native bytes were carried as they are.
    signed : bool
        Pixel Representation is 1.
    planar : bool
        Planar Configuration is 1; of no meaning for one sample.
    """

    photometric: str
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool


def check_holds(target: TransferSyntax, outcome: Outcome, kind: str) -> None:
    """Refuse what the table of a transfer syntax does not allow.

    Parameters
    ----------
    target : TransferSyntax
        The syntax to be written.
    outcome : Outcome
        What it would hold, before a component transform of the coding.
    kind : {"int", "float", "double"}
        Of the pixel element.

    Raises
    ------
    EncodeError
        With the table of PS3.5 8.2 that forbids it.
    """
    if not target.encapsulated:
        return
    if kind != "int":
        raise EncodeError(
            "float pixel data exist in native transfer syntaxes only",
            section="PS3.5 8.1.1",
            hint="Choose explicit-le or deflated",
        )
    rule = _TABLES.get(target.coding or "")
    if rule is None:
        return
    section, allocated, stored = rule
    if outcome.bits_allocated not in allocated:
        raise EncodeError(
            f"{target.name} holds Bits Allocated {_spoken(allocated)},"
            f" not {outcome.bits_allocated}",
            section=section,
        )
    if outcome.bits_stored not in stored:
        raise EncodeError(
            f"{target.name} holds Bits Stored {stored[0]} to {stored[-1]},"
            f" not {outcome.bits_stored}",
            section=section,
        )
    if outcome.photometric == "PALETTE COLOR" and not target.lossless_only:
        raise EncodeError(
            f"{target.name} cannot hold PALETTE COLOR",
            section=section,
            hint=f"Choose {target.name}-lossless",
        )
    if outcome.samples not in (1, 3):
        raise EncodeError(
            f"{target.name} holds 1 or 3 samples per pixel, not {outcome.samples}",
            section=section,
        )
    if outcome.samples > 1 and outcome.signed:
        raise EncodeError(f"{target.name} holds no signed colour samples", section=section)


_TABLES: dict[str, tuple[str, tuple[int, ...], range]] = {
    "rle": ("PS3.5 8.2.2", (8, 16, 32), range(1, 33)),
    "jpeg-lossless": ("PS3.5 8.2.1", (8, 16), range(2, 17)),
    "jpegls": ("PS3.5 8.2.3", (8, 16), range(2, 17)),
    "jpeg2000": ("PS3.5 8.2.4", (8, 16, 24, 32, 40), range(1, 39)),
    "htj2k": ("PS3.5 8.2.14", (8, 16, 24, 32, 40), range(1, 39)),
}


def _spoken(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:-1])) + f" or {values[-1]}"


def check_may_be_lossy(obj: DicomObject, outcome: Outcome) -> None:
    """Refuse lossy coding of what is not a picture.

    Raises
    ------
    EncodeError
        The object is PALETTE COLOR, 1-bit, a segmentation, an RT dose or a quantity.
    """
    what = NEVER_LOSSY.get(obj.elements.text(0x00080016) or "")
    if what is None and outcome.photometric == "PALETTE COLOR":
        what = "a PALETTE COLOR image"
    if what is None and outcome.bits_stored == 1:
        what = "a 1-bit image"
    if what is not None:
        raise EncodeError(
            f"{what} is never coded lossy: its samples are not intensities of a picture",
            hint="Choose a lossless syntax without lossy=",
        )


def said_lossy(obj: DicomObject) -> bool:
    """Tell whether the header says that something was lost at some time."""
    return (obj.elements.text(0x00282110) or "") == "01"


def source_method(syntax: TransferSyntax) -> str:
    """Name the lossy method of a transfer syntax; empty if it has none."""
    return LOSSY_METHODS.get(syntax.coding or "", "")


def image_edits(obj: DicomObject, outcome: Outcome) -> Edits:
    """Give the group 0028 elements whose value the new pixel element changes."""
    have = obj.elements
    edits: Edits = {}
    photometric = (have.text(0x00280004) or "").strip()
    if photometric != outcome.photometric:
        edits[0x00280004] = Edit("CS", outcome.photometric.encode("ascii"))
    wanted = {
        0x00280100: outcome.bits_allocated,
        0x00280101: outcome.bits_stored,
        0x00280102: outcome.high_bit,
        0x00280103: int(outcome.signed),
    }
    if outcome.samples > 1:
        wanted[0x00280006] = int(outcome.planar)
    for tag, value in wanted.items():
        if have.ints(tag) != (value,):
            edits[tag] = Edit("US", struct.pack("<H", value))
    return edits


def remember_lossy(obj: DicomObject, method: str) -> Edits:
    """Keep the lossy history of a source that is now coded losslessly.

    Lossy Image Compression stays or becomes 01. The method is named after the source's
    syntax if nothing was said; the ratio is not invented (PS3.3 C.7.6.1.1.5).
    """
    edits: Edits = {}
    if not said_lossy(obj):
        edits[0x00282110] = Edit("CS", b"01")
    if method and not obj.elements.text(0x00282114):
        edits[0x00282114] = Edit("CS", method.encode("ascii"))
    return edits


@dataclass(slots=True)
class LossyStep:
    """One lossy step as the data set tells of it.

    Parameters
    ----------
    ratio : float
        Bytes at Bits Allocated to coded bytes, without item headers.
    method : str
        As ``"ISO_15444_1"``.
    earlier_method : str
        Method of the source's own lossy coding, used if the header names none.
    instance_uid : str
        New SOP Instance UID.
    version : str
        Of this software.
    corrections : list of str
        Filled: what else was changed or left out.
    """

    ratio: float
    method: str
    earlier_method: str
    instance_uid: str
    version: str
    corrections: list[str] = field(default_factory=list)


def ratio_text(ratio: float) -> str:
    """Write a ratio as DS, three decimals at most."""
    return f"{ratio:.3f}".rstrip("0").rstrip(".")


def lossy_edits(obj: DicomObject, step: LossyStep) -> tuple[Edits, dict[int, Hook]]:
    """Give the elements that tell of a lossy step, and hooks for the functional groups.

    Parameters
    ----------
    obj : DicomObject
        The source.
    step : LossyStep
        What was done.
    """
    have = obj.elements
    ratios = _values(obj, 0x00282112)
    methods = _values(obj, 0x00282114)
    if not methods and step.earlier_method:
        methods = [step.earlier_method.encode("ascii")]
    edits: Edits = {
        0x00080018: Edit("UI", step.instance_uid.encode("ascii")),
        0x00282110: Edit("CS", b"01"),
        0x00282112: Edit("DS", b"\\".join([*ratios, ratio_text(step.ratio).encode("ascii")])),
        0x00282114: Edit("CS", b"\\".join([*methods, step.method.encode("ascii")])),
        0x00080008: Edit("CS", _derived_type(obj)),
        0x00089215: Edit("SQ", _appended(obj, 0x00089215, _derivation_code())),
        0x0018A001: Edit("SQ", _appended(obj, 0x0018A001, _equipment(step.version))),
    }
    reference = _source_reference(obj)
    if reference is not None:
        edits[0x00082112] = Edit("SQ", _appended(obj, 0x00082112, reference))
    description = _description(obj, step)
    if description is not None:
        edits[0x00082111] = Edit("ST", description)
    for tag in (0x00280106, 0x00280107):
        if tag in have:
            edits[tag] = None
            step.corrections.append(
                "Smallest or Largest Image Pixel Value left out: lossy coding changes them"
            )
    if 0x00280120 in have:
        step.corrections.append(
            "Pixel Padding Value is kept, but lossy coding may have changed padded pixels"
        )
    hooks: dict[int, Hook] = {tag: _frame_type_hook for tag in FUNCTIONAL_GROUPS if tag in have}
    return edits, hooks


def _values(obj: DicomObject, tag: int) -> list[bytes]:
    """Give the values of a DS or CS element as they stand; they are carried, not read."""
    raw = bytes(obj.elements.raw(tag) or b"")
    return [value for part in raw.split(b"\\") if (value := part.strip(b" \0"))]


def _derived_type(obj: DicomObject) -> bytes:
    raw = obj.elements.raw(0x00080008)
    if raw is not None and bytes(raw).strip(b" \0"):
        _, mark, rest = bytes(raw).rstrip(b" \0").partition(b"\\")
        return b"DERIVED" + mark + rest
    secondary = (obj.elements.text(0x00080016) or "").startswith(SECONDARY_CAPTURE + ".")
    secondary |= obj.elements.text(0x00080016) == SECONDARY_CAPTURE
    return b"DERIVED\\SECONDARY" if secondary else b"DERIVED\\PRIMARY"


def _frame_type_hook(path: tuple[int, ...], vr: str, value: memoryview) -> bytes | None:
    if path[-1] != FRAME_TYPE or not len(value):
        return None
    _, mark, rest = bytes(value).rstrip(b" \0").partition(b"\\")
    new = b"DERIVED" + mark + rest
    return new + b" " if len(new) & 1 else new


def _description(obj: DicomObject, step: LossyStep) -> bytes | None:
    """Append one ASCII sentence, which is legal in every character set of DICOM."""
    said = f"Lossy compressed {ratio_text(step.ratio)}:1 ({step.method}) by radkit"
    raw = obj.elements.raw(0x00082111)
    earlier = bytes(raw).rstrip(b" \0") if raw is not None else b""
    text = earlier + b"; " + said.encode("ascii") if earlier else said.encode("ascii")
    if len(text) > _MOST_ST:
        step.corrections.append("Derivation Description is full; the lossy step is not in it")
        return None
    return text


def _item(*elements: tuple[int, str, bytes]) -> bytes:
    body = b"".join(encode(tag, vr, value) for tag, vr, value in elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def _code(value: str, meaning: str) -> bytes:
    return _item(
        (0x00080100, "SH", value.encode("ascii")),
        (0x00080102, "SH", b"DCM"),
        (0x00080104, "LO", meaning.encode("ascii")),
    )


def _derivation_code() -> bytes:
    return _code("113040", "Lossy Compression")


def _equipment(version: str) -> bytes:
    return _item(
        (0x00080070, "LO", b"radkit"),
        (0x00081090, "LO", b"radkit"),
        (0x00181020, "LO", version.encode("ascii")),
        (0x0018A003, "ST", b"Lossy compression of the pixel data"),
        (0x0040A170, "SQ", _code("109103", "Modifying Equipment")),
    )


def _source_reference(obj: DicomObject) -> bytes | None:
    sop_class, instance = obj.elements.raw(0x00080016), obj.elements.raw(0x00080018)
    if not sop_class or not instance:
        return None
    return _item(
        (0x00081150, "UI", bytes(sop_class)),
        (0x00081155, "UI", bytes(instance)),
        (0x0040A170, "SQ", _code("121320", "Uncompressed predecessor")),
    )


def _appended(obj: DicomObject, tag: int, item: bytes) -> bytes:
    """Give the items that are there, in explicit little endian, and one more."""
    element = obj.elements.get(tag)
    if element is None:
        return item
    source = encoding_of(obj)
    raw = obj.reader.read(element.offset, element.end - element.offset)
    rewritten = Rewriter(source, EXPLICIT).element(raw)
    head = len(element_header(tag, "SQ", 0))
    if rewritten[4:6] != b"SQ":
        return item  # not a sequence by its bytes: replaced by one
    undefined = rewritten[8:12] == b"\xff\xff\xff\xff"
    return rewritten[head : len(rewritten) - 8 if undefined else None] + item
