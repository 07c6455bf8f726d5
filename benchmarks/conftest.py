"""Options and the `versus` fixture, which measures a row and records it for the table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import data, harness
from benchmarks.rows import ROWS


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("radkit benchmarks")
    group.addoption("--quick", action="store_true", help="few, short rounds; small rows only")
    group.addoption("--rows", default="", help="only these rows, by name, separated by commas")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = {name for name in config.getoption("--rows").split(",") if name}
    quick = config.getoption("--quick")
    kept, left_out = [], []
    for item in items:
        row = getattr(item, "callspec", None) and item.callspec.params.get("row")
        wanted = (not asked or row in asked) and not (quick and row and not ROWS[row].quick)
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> harness.Plan:
    return harness.QUICK if request.config.getoption("--quick") else harness.FULL


@pytest.fixture(scope="session", autouse=True)
def clean_work_dir() -> Iterator[None]:
    yield
    shutil.rmtree(data.work_dir(), ignore_errors=True)


@pytest.fixture
def versus(benchmark: Any, plan: harness.Plan) -> Callable[..., harness.Measured]:
    """Check both sides for equality, measure them in alternating rounds, and record the row."""

    def measure(
        row: str,
        *,
        peer: harness.Side,
        own: harness.Side,
        frames: int,
        own_frames: int | None = None,
        bytes_in: int,
        bytes_out: int,
        name: str | None = None,
        check: Callable[[Any, Any], None] = harness.same_arrays,
        pinned: bool = True,
        without_vectors: bool = False,
        **notes: Any,
    ) -> harness.Measured:
        check(peer.results(), own.results())
        with harness.single_core() if pinned else harness.all_cores():
            measured = harness.alternate(
                peer,
                own,
                frames=frames,
                own_frames=own_frames,
                plan=plan,
                pedantic=benchmark.pedantic,
                without_vectors=without_vectors,
            )
        benchmark.extra_info.update(
            row=name or row,
            work=ROWS[row].work,
            target=ROWS[row].target,
            peer=peer.name,
            peer_version=peer.version,
            frames=frames,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            **measured.info(),
            **notes,
        )
        return measured

    return measure
