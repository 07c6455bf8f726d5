"""What README and docs say is so: code runs, tables are fresh, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import json
import pkgutil
import re
import shlex
import shutil
from pathlib import Path

import pytest

import radkit
from radkit.cli import main
from radkit.testing import sample, write_series

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(radkit.__path__, "radkit.")
    if not module.name.endswith("__main__")
)


def blocks(language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    return [text for kind, text in fenced if kind == language]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Put what the README's examples speak of into an empty folder, and go there."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(sample("ct"), "ct.dcm")
    shutil.copy(sample("us_jpeg"), "us.dcm")
    (tmp_path / "study" / "a").mkdir(parents=True)
    shutil.copy(sample("mr"), "study/a/mr.dcm")
    shutil.copy(sample("report"), "study/report.dcm")
    write_series(tmp_path / "series")
    yield tmp_path
    radkit.pydicom.unregister()


def test_python_of_the_readme_runs(reader):
    names = {"upload": (reader / "ct.dcm").read_bytes()}
    found = blocks("python")
    assert len(found) >= 2
    for block in found:
        exec(compile(block, str(README), "exec"), names)
    assert names["done"].max_error == 0
    assert (reader / "ct_ht.dcm").is_file() and (reader / "out" / "a" / "mr.dcm").is_file()
    assert names["clip"].shape == (30, 240, 320, 3)
    assert names["grey"].dtype == "uint8" and names["hu"].units == "[hnsf'U]"
    assert names["coronal"].array.ndim == 2


def test_commands_of_the_readme_run(reader, capsys):
    lines = [line for block in blocks("") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("radkit ")]
    assert len(commands) >= 2
    for words in commands:
        assert main(words[1:]) == 0, capsys.readouterr().err
        shutil.rmtree(reader / "out")


def test_table_of_syntaxes_in_the_readme_is_fresh():
    spec = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    stated = re.search(
        r"<!-- syntaxes -->\n(.*?)\n<!-- /syntaxes -->", README.read_text(), re.DOTALL
    )
    assert stated and stated[1] == tool.syntaxes(), "run tools/readme.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), target


def test_fields_of_json_are_those_of_the_page(reader, capsys):
    page = (ROOT / "docs" / "cli.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [\w ]+ \| (.*) \|$", page, re.MULTILINE))
    commands = {
        "inspect": ["ct.dcm"],
        "transcode": ["ct.dcm", "-o", "new.dcm"],
        "preview": ["ct.dcm", "-o", "pictures"],
        "reformat": ["series", "-o", "cor.png", "--plane", "coronal"],
        "bench": ["decode", "--data", "ct.dcm"],
    }
    assert set(rows) == {*commands, "send"}  # which wants a receiver: tests/net
    for name, words in commands.items():
        capsys.readouterr()
        assert main([name, *words, "--json"]) == 0
        line = capsys.readouterr().out.splitlines()[0]
        told = re.sub(r"\([^)]*\)", "", rows[name])  # what stands in brackets explains
        assert set(json.loads(line)) == set(re.findall(r"`(\w+)`", told)), name


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_right(name):
    module = importlib.import_module(name)
    try:
        found = doctest.testmod(module, verbose=False)
    finally:
        radkit.pydicom.unregister()
    assert found.failed == 0
