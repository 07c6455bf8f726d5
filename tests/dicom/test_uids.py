from __future__ import annotations

import pytest
from pydicom.uid import UID_dictionary

from radkit.dicom.uids import SYNTAXES, is_uid, syntax, unknown_syntax
from radkit.errors import UnsupportedTransferSyntax

WRITTEN = [
    "explicit-le",
    "implicit-le",
    "deflated",
    "rle",
    "jpeg-lossless",
    "jpegls-lossless",
    "jpegls",
    "jpeg2000-lossless",
    "jpeg2000",
    "htj2k-lossless",
    "htj2k-lossless-rpcl",
    "htj2k",
    "encapsulated",
    "deflated-frame",
]
READ_ONLY = [
    "jpeg-baseline",
    "jpeg-extended",
    "jpeg-lossless-p14",
    "jpeg-spectral",
    "jpeg-progressive",
    "jpegxl-lossless",
    "jpegxl-recompressed",
    "jpegxl",
    "explicit-be",
    "ge-be",
]


@pytest.mark.parametrize("name", WRITTEN)
def test_syntax_by_public_name_decodes_and_encodes(name):
    found = syntax(name)
    assert found.decode and found.encode
    assert syntax(found.uid) is found


@pytest.mark.parametrize("name", READ_ONLY)
def test_syntax_read_only_decodes_only(name):
    assert syntax(name).decode and not syntax(name).encode


def test_every_syntax_of_the_registry_is_known():
    registered = {
        uid
        for uid, entry in UID_dictionary.items()
        if entry[1] == "Transfer Syntax" and uid.startswith("1.2.840.10008.1.2")
    }
    assert registered <= set(SYNTAXES)


def test_syntaxes_not_decoded_say_what_to_do():
    for found in SYNTAXES.values():
        assert found.decode == (found.coding is not None) == (found.refusal is None)
        assert found.lossy_capable != found.lossless_only
        assert found.name and found.title


def test_syntaxes_have_no_name_twice():
    assert len({s.name for s in SYNTAXES.values()}) == len(SYNTAXES)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("jpeg-2000-lossless", "jpeg2000-lossless"),
        ("htj2k_lossless", "htj2k-lossless"),
        ("", "explicit-le"),
        ("1.2.840.10008.1.2.4.209", ""),
    ],
)
def test_syntax_unknown_names_a_supported_one(asked, nearest):
    with pytest.raises(UnsupportedTransferSyntax) as caught:
        syntax(asked)
    assert caught.value.syntax == asked
    named = str(caught.value).split("supported is ")[1].split("'")[1]
    assert syntax(named).decode
    assert not nearest or asked == "" or named == nearest


def test_syntax_of_wrong_type_raises_type_error():
    with pytest.raises(TypeError):
        syntax(None)


def test_unknown_syntax_describes_any_text():
    found = unknown_syntax("..", encapsulated=False)
    assert not found.decode and found.refusal and found.name == ".."


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("1.2.840.10008.1.2", True),
        ("0.0", True),
        ("", False),
        ("..", False),
        ("1.02", False),
        ("1." * 40 + "1", False),
        ("1.2a", False),
        ("1.٢", False),
        ("1.2\0", False),
    ],
)
def test_is_uid(text, good):
    assert is_uid(text) is good
