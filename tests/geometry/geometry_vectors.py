"""The geometry vectors of the shared folder, by kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[3] / "shared" / "spec" / "vectors-geometry.json"


def cases(*kinds: str) -> list[Any]:
    """Return pytest parameters for the cases of some kinds; none if the folder is absent."""
    import pytest

    if not PATH.exists():
        skip = pytest.mark.skip(reason="shared/spec/vectors-geometry.json is absent")
        return [pytest.param({}, id="absent", marks=skip)]
    listed = json.loads(PATH.read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in listed if case["kind"] in kinds]
