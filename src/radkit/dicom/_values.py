"""Values: formats of binary VRs, VRs of the tags that radkit reads, character sets.

PS3.5 6.2 (VRs), PS3.6 (tags), PS3.3 C.12.1.1.2 (character sets).
"""

from __future__ import annotations

import codecs
import re

__all__ = ["NUMBER_FORMATS", "TEXT_NUMBERS", "decode_text", "implicit_vr", "parse_numbers"]

# VRs whose text may be read as a number; "" and UN are those that the file does not tell.
TEXT_NUMBERS = ("DS", "IS", "", "UN", "LO", "SH", "CS", "LT", "ST", "UT")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST = 64  # DS may have 16 characters, files with 30 exist; int() of thousands is slow

# Code of `struct` and bytes.
NUMBER_FORMATS: dict[str, str] = {
    "US": "H2",
    "SS": "h2",
    "UL": "I4",
    "SL": "i4",
    "UV": "Q8",
    "SV": "q8",
    "FL": "f4",
    "FD": "d8",
    "OW": "H2",
    "OB": "B1",
    "OL": "I4",
    "OV": "Q8",
    "OF": "f4",
    "OD": "d8",
    "AT": "H2",
}

# What radkit asks for by number or as a sequence, so that implicit VR needs no
# dictionary of pydicom (0.4 s to load). US stands for "US or SS".
_KNOWN = {
    "UI": "00020002 00020003 00020010 00080016 00080018 0020000D 0020000E 00200052",
    "TM": "00080032 00080033",
    "SH": "00181210 00209056",
    "AT": "00209165",
    "CS": "00080005 00080008 00080060 00185100 00280004 00281056 00282110 20500020 00089205"
    " 00209072 00089007 00089208",
    "IS": "00200011 00200013 00200012 00200100 00280008 00280034 00540101 00180086",
    "DS": "00180050 00180088 00181164 00201041 00200032 00200037 00280030 00281050 00281051"
    " 00281052 00281053 00282112 00181120 00180081 00180080 00541322 00180090"
    " 00180082 00181060 00541300",
    "US": "00280002 00280006 00280010 00280011 00280100 00280101 00280102 00280103 00280106"
    " 00280107 00280108 00280109 00280120 00280121 00280014 00281101 00281102 00281103 00281104"
    " 00281201 00281202 00281203 00281221 00281222 00281223 00283002 00283006 00540011 00540081"
    " 00460044 00540010 00540020 00540030 00540060 00540070 00540080 00540100",
    "UL": "00020000 00209057 00209128 00209157 00480006 00480007",
    "FD": "00409224 00409225 00209241 00409212 00409213 00189087 00189082 00189089 00209153",
    "SQ": "00082112 00081140 00081115 00083010 00089124 00089215 00289110 00289132 00289145"
    " 00209113 00209116 00209111 52009229 52009230 00283000 00283010 00880200 00409096"
    " 00209221 00209222 00189076 00480200 0048021A 00189114 00189117",
    "OV": "7FE00001 7FE00002",
    "OF": "7FE00008",
    "OD": "7FE00009",
    "OW": "7FE00010",
    "LO": "00283003 00281055 0008103E",
}
_VRS = {int(tag, 16): vr for vr, tags in _KNOWN.items() for tag in tags.split()}

_CHARSETS = {
    "": "latin-1",
    "ISO_IR 6": "latin-1",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 192": "utf-8",
    "ISO_IR 203": "iso8859-15",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO_IR 58": "gb2312",
    "ISO_IR 87": "iso2022_jp_2",
    "ISO_IR 159": "iso2022_jp_2",
    "ISO_IR 149": "euc_kr",
}


def implicit_vr(tag: int) -> str:
    """Return the VR of a tag that radkit reads, "" for all others."""
    return _VRS.get(tag, "")


def decode_text(data: bytes, charset: str) -> str:
    """Decode a text for comparison and display; never fails.

    Bytes that the character set cannot have become U+FFFD. Text is never
    written back: transcoding copies the bytes.
    """
    name = charset.strip()
    name = name.replace("ISO 2022 IR", "ISO_IR").replace("ISO-IR", "ISO_IR")
    codec = _CHARSETS.get(name, "latin-1")
    try:
        codecs.lookup(codec)
    except LookupError:
        codec = "latin-1"
    return data.decode(codec, "replace")


def parse_numbers(data: bytes, *, whole: bool) -> tuple[float, ...] | None:
    """Return the numbers of a DS or IS value, () if it is blank, None if it is none.

    Stricter than `float`: no "nan", no "1_000", no digits of other scripts.
    """
    texts = data.decode("latin-1").split("\\")
    values: list[float] = []
    for text in texts:
        text = text.strip(" \0\r\n\t")
        if not text and len(texts) == 1:
            return ()
        if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
            return None
        value = float(text)
        if whole:
            if not value.is_integer():  # also infinity: 1e999 matches
                return None
            value = int(text) if text.lstrip("+-").isdigit() else int(value)
        values.append(value)
    return tuple(values)
