"""A room imports rooms of lower rank only (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "radkit"
RANK = {
    "_native": 0,
    "errors": 1,
    "limits": 1,
    "codecs": 2,
    "dicom": 2,
    "geometry": 2,
    "pixels": 3,
    "volume": 4,
    "transcoding": 4,
    "preview": 5,
    "mpr": 5,
    "archive": 6,
    "net": 6,
    "interop": 6,
    "pydicom": 6,
    "cli": 7,
}
ALSO = {
    ("limits", "errors"),
    ("volume", "interop"),
    ("preview", "interop"),
    ("preview", "mpr"),
    ("geometry", "dicom"),
}
NEVER = {("mpr", "transcoding")}
FREE = {"__init__", "testing"}  # may import anything; nothing in src imports `testing`


def rooms_imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) for every import of radkit in the file, also those inside functions."""
    package = ("radkit", *path.relative_to(SRC).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            head = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{head}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "radkit" and len(parts) > 1:
                yield node.lineno, parts[1]


def test_imports_point_downwards() -> None:
    wrong = []
    for path in sorted(SRC.rglob("*.py")):
        room = path.relative_to(SRC).parts[0].removesuffix(".py")
        if room in FREE:
            continue
        assert room in RANK, f"{room} has no rank: give it one here and in docs/architecture.md"
        for line, other in rooms_imported(path):
            if other == room or (room, other) in ALSO:
                continue
            if other not in RANK or RANK[other] >= RANK[room] or (room, other) in NEVER:
                wrong.append(f"{path.relative_to(SRC)}:{line}: {room} imports {other}")
    assert not wrong, "\n".join(wrong)
