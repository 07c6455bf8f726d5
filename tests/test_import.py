"""Importing radkit is light, and every public name is there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import radkit

SRC = Path(radkit.__file__).parents[1]
HEAVY = ("pydicom", "imagecodecs", "openjpeg", "numba", "skimage", "scipy", "click", "rich")


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `code`."""
    program = f"import sys; sys.path.insert(0, {str(SRC)!r}); {code}; import json"
    program += "; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import radkit",
        "import radkit; radkit.decode, radkit.render, radkit.inspect, radkit.values",
        "import radkit; radkit.transcode, radkit.load_volume, radkit.reformat, radkit.preview",
        "import radkit; radkit.pydicom, radkit.dicom, radkit.codecs, radkit.limits",
    ],
)
def test_no_heavy_package_is_loaded(code):
    roots = {name.split(".")[0] for name in modules_after(code)}
    assert not roots & set(HEAVY)


def test_import_alone_loads_next_to_nothing():
    mine = {name for name in modules_after("import radkit") if name.startswith("radkit")}
    assert mine == {"radkit"}


def test_decoding_native_pixels_loads_no_heavy_package():
    from radkit.testing.samples import sample

    code = (
        f"import radkit; radkit.decode({str(sample('ct'))!r}); radkit.render({str(sample('ct'))!r})"
    )
    roots = {name.split(".")[0] for name in modules_after(code)}
    assert not roots & set(HEAVY)


@pytest.mark.parametrize("name", radkit.__all__)
def test_every_public_name_is_there(name):
    assert getattr(radkit, name) is not None
    assert name in dir(radkit)


def test_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse(Path(radkit.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.asname for node in block.body for alias in node.names}  # type: ignore[attr-defined]
    assert typed == set(radkit.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = radkit.no_such_name


def test_names_of_the_api_that_are_built_are_public():
    built = "decode read decode_many iter_frames values render inspect syntaxes transcode"
    built += " transcode_many Lossy Coding lossy_presets load_volume Volume Plane Slab reformat"
    built += " limits errors pydicom preview RadkitError LimitExceeded TruncatedPixelData"
    assert set(built.split()) <= set(radkit.__all__)
